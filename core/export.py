"""Takes a conversation along: a zip with its pictures, `thread.html` to read, and `thread.json` for programs.

Nothing of it is ever whole in memory: it is made piece by piece, as fast as it is taken.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from io import RawIOBase
from typing import TypeAlias
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from typing_extensions import Buffer

from core.chat.conversation import Conversation
from core.chat.message import Message
from core.storage.store import Store
from core.thread_json import (
    MAX_INLINE,
    STEP,
    kept_messages,
    open_picture,
    pictures_of,
    read_in_steps,
    thread_json,
)
from core.workers import Workers

Draw: TypeAlias = Callable[[Sequence[Message], Mapping[str, str]], Iterable[str]]
"""Draws messages as a page, in pieces; the mapping has the path of each picture that is kept, by its name."""

_WORKERS = Workers(2)
"""Threads that make the next piece of an archive."""


async def export(conversation: Conversation, store: Store, draw: Draw) -> AsyncGenerator[bytes]:
    """Yields the zip of a conversation as it is now, without what is deleted.

    assistant-ui drops a picture of an answer unless its address is absolute, so `thread.json` has the
    pictures as ``data:`` URIs. Their files are the bytes as they are stored; an import reads these.
    """
    pieces = _archive(kept_messages(conversation), store, draw)
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
        for picture, (_, saved_as, at) in pictures_of(messages).items():
            if file := open_picture(store, picture):
                paths[picture] = f"pictures/{len(paths) + 1:03}-{saved_as}"
                with file:
                    yield from write(paths[picture], read_in_steps(file), ZIP_STORED, at)
        page = (piece.encode() for piece in draw(messages, paths))
        yield from write("thread.html", page, ZIP_DEFLATED, time.time())
        parts = {
            name: {"type": "image", "image": path, "filename": path.rpartition("/")[2]}
            for name, path in paths.items()
        }
        thread = (
            piece.encode() for piece in thread_json(messages, store, parts, names=paths, room=MAX_INLINE)
        )
        yield from write("thread.json", thread, ZIP_DEFLATED, time.time())
    yield sink.take()


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
