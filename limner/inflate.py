"""Undoes the compression of a reply in steps of a bounded size, so that a bomb is noticed while it grows."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

STEP = 1 << 20
"""Bytes that one step gives at the most."""


class Inflater:
    """Undoes gzip and deflate (RFC 9110, 8.4.1).

    With `may_be_bare`, deflate may also come without zlib's head, as some servers send it.
    """

    def __init__(self, *, may_be_bare: bool) -> None:
        self._may_be_bare = may_be_bare
        self._zlib: Any = None

    @property
    def is_whole(self) -> bool:
        """Whether the end of what was compressed has come."""
        return self._zlib is not None and self._zlib.eof

    def steps(self, raw: bytes) -> Iterator[bytes]:
        """Yields what the next bytes of the body stand for; what follows the end is left out.

        Raises zlib.error for what is not compressed, or damaged.
        """
        if not raw:
            return
        if self._zlib is None:
            is_bare = self._may_be_bare and raw[0] & 15 != 8
            self._zlib = zlib.decompressobj(-zlib.MAX_WBITS if is_bare else zlib.MAX_WBITS | 32)
        while part := self._zlib.decompress(raw, STEP):
            yield part
            raw = self._zlib.unconsumed_tail
