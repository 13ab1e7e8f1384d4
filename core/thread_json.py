"""A conversation as JSON, a list of `ThreadMessageLike`, in pieces: no picture is whole in memory."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import IO

from core.chat.conversation import Conversation
from core.chat.message import Message
from core.chat.picture import Picture
from core.chat.thread import ImagePart, thread_messages
from core.parts import filename, picture_path
from core.settings.schema import Settings
from core.storage.store import Store
from core.workers import Workers
from limner.formats import MEDIA_TYPES

STEP = 786_432
"""Bytes that are read at once; a multiple of three, which is what base64 takes."""
MAX_INLINE = 300_000_000
"""Bytes of pictures that are in the JSON itself: JavaScript cannot read a text of twice that length."""
_WORKERS = Workers(2)
"""Threads that write the next piece of a conversation."""


def kept_messages(conversation: Conversation) -> list[Message]:
    """Returns the messages as they are now, without what is deleted, for another thread to read."""
    return [
        replace(message, versions=[version for version in message.versions if version.deleted is None])
        for message in conversation
        if message.deleted is None
    ]


def pictures_of(messages: Sequence[Message]) -> dict[str, tuple[Picture, str, float]]:
    """Returns each picture, its file name and its time, by its name in the store, in order.

    A picture that was made first and sent later has the name and the time of when it was made.
    """
    found: dict[str, tuple[Picture, str, float]] = {}
    for message in messages:
        for sent in message.request.pictures:
            found.setdefault(sent.name, (sent, sent.filename, message.created))
        for version in message.versions:
            if made := version.picture:
                found.setdefault(made.name, (made, filename(version), version.started))
    return found


async def stream_thread(
    messages: Sequence[Message], store: Store, settings: Settings, address: str
) -> AsyncGenerator[bytes]:
    """Yields messages as JSON in pieces, as fast as they are taken.

    Pictures are links if `public_url` is set. Else they are ``data:`` URIs, and links below the address of
    this server once that is too much.
    """
    base, room = (settings.public_url, 0) if settings.public_url else (address, MAX_INLINE)
    pieces = _in_steps(messages, store, base.rstrip("/"), room)
    while piece := await _WORKERS.run(lambda: next(pieces, b"")):
        yield piece


def _in_steps(messages: Sequence[Message], store: Store, base: str, room: int) -> Iterator[bytes]:
    parts = {
        name: {"type": "image", "image": f"{base}/{picture_path(picture, saved_as)}", "filename": saved_as}
        for name, (picture, saved_as, _) in pictures_of(messages).items()
        if store.pictures.has(name)
    }
    gathered = bytearray()
    for text in thread_json(messages, store, parts, room=room):
        gathered += text.encode()
        if len(gathered) >= STEP:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


def thread_json(
    messages: Sequence[Message],
    store: Store,
    parts: Mapping[str, ImagePart],
    *,
    names: Mapping[str, str] | None = None,
    room: int,
) -> Iterator[str]:
    """Yields the JSON; it waits for the disk: call it in a worker thread.

    `parts` has the image part of each picture that is still there, with the address that stands in it once
    the pictures before have taken the room; until then its ``data:`` URI does. `names` is as in
    `core.chat.thread`.
    """
    mark = secrets.token_hex(16)  # what no text of the conversation contains
    marked = {name: {**part, "image": f"{mark}{name}"} for name, part in parts.items()}
    start = "[\n"
    for message in messages:
        for item in thread_messages(message, marked, names):
            text = json.dumps(item, ensure_ascii=False, indent=1, allow_nan=False)
            yield start
            start = ",\n"
            for at, piece in enumerate(re.split(rf"{mark}([0-9a-f]+\.\w+)", text)):
                file = open_picture(store, piece) if at % 2 and room else None
                if file is None or (size := _size(file)) > room:
                    yield parts[piece]["image"] if at % 2 else piece
                    continue
                with file:
                    room -= size
                    yield f"data:{MEDIA_TYPES[piece.rpartition('.')[2]]};base64,"
                    yield from (base64.b64encode(chunk).decode() for chunk in read_in_steps(file))
    yield "\n]\n" if start != "[\n" else "[]\n"


def open_picture(store: Store, picture: str) -> IO[bytes] | None:
    """Opens a picture, wherever it is; None if it is not there any more."""
    found = store.pictures.find(picture)
    try:
        return BytesIO(found) if isinstance(found, bytes) else found.open("rb") if found else None
    except OSError:  # it was deleted just now
        return None


def read_in_steps(file: IO[bytes]) -> Iterator[bytes]:
    """Yields what is in a file, so much at once."""
    while chunk := file.read(STEP):
        yield chunk


def _size(file: IO[bytes]) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size
