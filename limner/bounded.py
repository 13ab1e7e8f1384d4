"""Replies read within bounds, with a client of httpx or of httpx2, and parsed off the event loop.

client = httpx.AsyncClient(event_hooks={"response": [read_bounded]}, headers=ACCEPTED)
reply = await parse_reply((await client.post(…)).content)
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

from limner.errors import ProviderError
from limner.inflate import Inflater
from limner.picture import MAX_BYTES
from limner.responses import read_reply
from limner.threads import call_in_thread

MAX_REPLY = MAX_BYTES * 4 // 3 + 4_000_000
"""Bytes of a reply, after its compression is undone: the largest picture as base64, and room for the rest."""
MAX_FAILURE = 1_000_000
"""Bytes that are read of a reply with the status of a failure: more say nothing more."""
MAX_PARTS = 1_000_000
"""Values in a reply; each takes up to 100 bytes of memory when JSON is parsed."""
ACCEPTED = {"accept-encoding": "gzip, deflate"}
"""The headers for a client that has this hook: it undoes no other compression."""

_SHORT = 100_000
_VALUES = (b",", b"[", b"{")
"""Before each value of JSON stands one of these, but for those after a name."""


async def read_bounded(response: Any, max_bytes: int = MAX_REPLY) -> None:
    """Reads a response within the bounds: an event hook for responses of an asynchronous client.

    The bytes are counted while they are read and while their compression is undone, in steps between
    which the event loop goes on. Raises ``ProviderError("bad-response")`` for what is too large.
    """
    failed = response.status_code >= 400
    most, size, values = MAX_FAILURE if failed else max_bytes, 0, 0
    parts: list[bytes] = []
    try:
        if not failed and _announced(response) > most:
            raise _too_large(most)
        inflater = _inflater(response.headers.get("content-encoding", ""))
        async for raw in response.stream:
            for part in inflater.steps(raw) if inflater else (raw,):
                parts.append(part)
                size += len(part)
                # base64 has none of them, and looking for one is far quicker than counting
                values += sum(part.count(sign) for sign in _VALUES if sign in part)
                if not failed and (size > most or values > MAX_PARTS):
                    raise _too_large(most)
                if size > most:
                    break
                if inflater:  # what comes from the network awaits by itself
                    await asyncio.sleep(0)
            if size > most:
                break
    except zlib.error as error:
        why = "The answer is damaged: its compression cannot be undone."
        raise ProviderError("bad-response", why=why) from error
    finally:
        await response.stream.aclose()
    response.headers.pop("content-encoding", None)
    # what the client reads from now on is what was read here
    response.stream = type(response)(200, content=b"".join(parts)[:most]).stream


async def parse_reply(body: bytes) -> Any:
    """Returns what `read_reply` returns, for a long body from a thread of its own."""
    return read_reply(body) if len(body) < _SHORT else await call_in_thread(lambda: read_reply(body))


def _announced(response: Any) -> int:
    length = response.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


def _too_large(most: int) -> ProviderError:
    return ProviderError(
        "bad-response", why=f"The answer is larger than {most:,} bytes, or has too many parts."
    )


def _inflater(encoding: str) -> Inflater | None:
    """Returns what undoes an encoding; None if there is nothing to undo."""
    encoding = encoding.strip().lower()
    if encoding in ("br", "zstd") or "," in encoding:
        raise ProviderError("bad-response", why="The answer is compressed in a way that was not asked for.")
    is_known = encoding in ("gzip", "x-gzip", "deflate")
    return Inflater(may_be_bare=encoding == "deflate") if is_known else None
