"""Prompts from standard input, a line each, read as they are needed."""

from __future__ import annotations

import os
from collections import deque
from typing import NamedTuple

from core import Rejected
from limner.threads import call_in_thread

CHUNK = 65_536
LONGEST = 1_000_000
"""Bytes of a line; no prompt may be nearly as long."""


class Line(NamedTuple):
    """A line with something in it, or what is wrong with it."""

    prompt: str
    fault: str | None = None


class PromptLines:
    """The lines of standard input, in UTF-8; blank ones are skipped.

    No more is read than the next line needs, so that their number does not matter. Reading waits in a daemon
    thread, past Python's own buffer: its lock would be held at the end of the process.
    """

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._is_over = False
        self._number = 0

    async def next(self) -> Line | None:
        """Returns the next line; None after the last. Raises Rejected if standard input cannot be read."""
        while True:
            while not self._lines:
                if self._is_over:
                    return None
                await self._read()
            self._number += 1
            if line := self._decoded(self._lines.popleft()):
                return line

    async def _read(self) -> None:
        try:
            chunk = await call_in_thread(lambda: os.read(self._descriptor, CHUNK), "limner-prompts")
        except OSError as error:
            raise Rejected(
                f"Standard input cannot be read ({error.strerror}): send prompts to it."
            ) from error
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[: LONGEST + 1]  # what is longer is no prompt, whatever follows
        self._lines.extend(lines)
        if not chunk:
            self._is_over = True
            self._lines.append(self._rest)

    def _decoded(self, line: bytes) -> Line | None:
        where = f"Line {self._number:,} of standard input"
        if len(line) > LONGEST:
            prompt = line[:100].decode(errors="replace")
            return Line(prompt, f"{where} has more than {LONGEST:,} bytes: shorten it.")
        try:
            prompt = line.decode("utf-8-sig" if self._number == 1 else "utf-8").strip()
        except UnicodeDecodeError:
            shown = line.decode(errors="replace").strip()
            return Line(shown, f"{where} is not UTF-8: save the prompts as UTF-8.")
        return Line(prompt) if prompt else None
