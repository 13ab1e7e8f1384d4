"""Takes a conversation along: a zip with its pictures, `thread.html` to read, and `thread.json` for programs.

Nothing of it is ever whole in memory: it is made piece by piece, as fast as it is taken.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO, RawIOBase
from typing import IO, TypeAlias
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from typing_extensions import Buffer

from core.chat.conversation import Conversation
from core.chat.message import Message
from core.chat.thread import thread_messages
from core.parts import filename
from core.storage.store import Store
from core.workers import Workers
from limner.formats import MEDIA_TYPES

Draw: TypeAlias = Callable[[Sequence[Message], Mapping[str, str]], Iterable[str]]
"""Draws messages as a page, in pieces; the mapping has the path of each picture that is kept, by its name."""

STEP = 786_432
"""Bytes that are read at once; a multiple of three, which is what base64 takes."""
MAX_INLINE = 300_000_000
"""Bytes of pictures that are in `thread.json` too: JavaScript cannot read a text of twice that length."""
_WORKERS = Workers(2)
"""Threads that make the next piece of an archive."""


async def export(conversation: Conversation, store: Store, draw: Draw) -> AsyncGenerator[bytes]:
    """Yields the zip of a conversation as it is now, without what is deleted.

    assistant-ui drops a picture of an answer unless its address is absolute, so `thread.json` has the
    pictures as ``data:`` URIs. Their files are the bytes as they are stored; an import reads these.
    """
    messages = [
        replace(message, versions=[version for version in message.versions if version.deleted is None])
        for message in conversation
        if message.deleted is None
    ]
    pieces = _archive(messages, store, draw)
    while piece := await _WORKERS.run(lambda: next(pieces, b"")):
        yield piece


def _archive(messages: Sequence[Message], store: Store, draw: Draw) -> Iterator[bytes]:
    sink = _Sink()
    with ZipFile(sink, "w") as archive:

        def write(name: str, chunks: Iterable[bytes], compression: int, at: float) -> Iterator[bytes]:
            entry = ZipInfo(name, max(time.localtime(at)[:6], (1980, 1, 1, 0, 0, 0)))
            entry.compress_type, entry.external_attr = compression, 0o100644 << 16
            with archive.open(entry, "w") as file:
                for chunk in chunks:
                    file.write(chunk)
                    if len(sink.written) >= STEP:
                        yield sink.take()

        paths: dict[str, str] = {}
        for picture, (saved_as, at) in _pictures(messages).items():
            if file := _open(store, picture):
                paths[picture] = f"pictures/{len(paths) + 1:03}-{saved_as}"
                with file:
                    yield from write(paths[picture], _read(file), ZIP_STORED, at)
        page = (piece.encode() for piece in draw(messages, paths))
        yield from write("thread.html", page, ZIP_DEFLATED, time.time())
        thread = (piece.encode() for piece in _thread_json(messages, store, paths))
        yield from write("thread.json", thread, ZIP_DEFLATED, time.time())
    yield sink.take()


def _pictures(messages: Sequence[Message]) -> dict[str, tuple[str, float]]:
    """Returns each picture's file name and time, by its name in the store, in the order of the conversation.

    A picture that was made first and sent later has the name and the time of when it was made.
    """
    found: dict[str, tuple[str, float]] = {}
    for message in messages:
        for sent in message.request.pictures:
            found.setdefault(sent.name, (sent.filename, message.created))
        for version in message.versions:
            if version.picture:
                found.setdefault(version.picture.name, (filename(version), version.started))
    return found


def _thread_json(messages: Sequence[Message], store: Store, paths: Mapping[str, str]) -> Iterator[str]:
    mark = secrets.token_hex(16)  # what no text of the conversation contains
    parts = {
        name: {"type": "image", "image": f"{mark}{name}", "filename": path.rpartition("/")[2]}
        for name, path in paths.items()
    }
    room, start = MAX_INLINE, "[\n"
    for message in messages:
        for item in thread_messages(message, parts, paths):
            text = json.dumps(item, ensure_ascii=False, indent=1, allow_nan=False)
            yield start
            start = ",\n"
            for at, piece in enumerate(re.split(rf"{mark}([0-9a-f]+\.\w+)", text)):
                file = _open(store, piece) if at % 2 else None
                if file is None or (size := _size(file)) > room:
                    yield paths[piece] if at % 2 else piece
                    continue
                with file:
                    room -= size
                    yield f"data:{MEDIA_TYPES[piece.rpartition('.')[2]]};base64,"
                    yield from (base64.b64encode(chunk).decode() for chunk in _read(file))
    yield "\n]\n" if start != "[\n" else "[]\n"


def _open(store: Store, picture: str) -> IO[bytes] | None:
    found = store.find(picture)
    try:
        return BytesIO(found) if isinstance(found, bytes) else found.open("rb") if found else None
    except OSError:  # it was deleted just now
        return None


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(STEP):
        yield chunk


def _size(file: IO[bytes]) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size


class _Sink(RawIOBase):
    """What an archive is written to: it forgets what was taken from it, and so cannot be rewound."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: Buffer, /) -> int:
        self.written += data
        return memoryview(data).nbytes

    def take(self) -> bytes:
        taken = bytes(self.written)
        self.written.clear()
        return taken
