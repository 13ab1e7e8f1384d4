"""A JSON object with a picture in it as base64, sent piece by piece: who does not read it holds no more."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pybase64

from core.storage.store import Store
from limner.threads import call_in_thread
from ui.http.settling import Forgotten

PIECE = 768_000
"""Bytes of a picture that are in memory at once: a multiple of three, or base64 would have gaps."""


async def json_with_picture(
    field: str, prefix: str, name: str, others: Mapping[str, Any], store: Store
) -> AsyncIterator[bytes]:
    """Yields an object of which one field, the first, is a picture after a prefix; raises Forgotten."""
    yield f'{{{json.dumps(field)}:"{prefix}'.encode()
    async for piece in _pieces(store, name):
        yield pybase64.b64encode(piece)
    rest = json.dumps(others, separators=(",", ":")).encode()
    yield b'",' + rest[1:] if others else b'"}'


async def _pieces(store: Store, name: str) -> AsyncIterator[bytes | memoryview]:
    found = await store.find(name)
    if isinstance(found, bytes):
        for start in range(0, len(found), PIECE):
            yield memoryview(found)[start : start + PIECE]
    elif isinstance(found, Path):
        start = 0
        while piece := await call_in_thread(partial(_read, found, start)):
            yield piece
            start += len(piece)
    else:
        raise Forgotten("The picture was deleted while it was sent.")


def _read(file: Path, start: int) -> bytes:
    """Reads one piece; the file is not held open while a client takes its time."""
    with file.open("rb") as opened:
        opened.seek(start)
        return opened.read(PIECE)
