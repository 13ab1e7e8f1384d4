"""Makes a new conversation from an exported one if the whole zip is valid, and nothing otherwise."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import IO

from core.chat.failure import Rejected, Unavailable
from core.chat.message import Message, Version
from core.chat.picture import InputPicture, Picture, with_pictures
from core.chat.thread_reading import read_thread
from core.generation.pipeline import Pipeline
from core.generation.visitor import Visitor
from core.parts import safe_filename
from core.settings.schema import Settings
from core.storage.archive import Archive
from core.storage.database import StoreError
from core.storage.retention import DAY
from core.storage.store import Store
from core.workers import Workers
from limner.formats import EXTENSIONS

log = logging.getLogger(__name__)

MAX_ARCHIVE = 2_000_000_000
"""Bytes of a zip, and of the pictures in it."""
MAX_PICTURES = 5_000
SHARE = 5
"""An import takes at most one in this many of the bytes that are kept, so that it displaces no more."""
NOT_WRITTEN = "The conversation could not be written to the disk: try again in a moment."


def max_archive(settings: Settings) -> int:
    """Returns the most bytes of a zip that is imported."""
    return min(MAX_ARCHIVE, MAX_ARCHIVE if settings.keep_bytes is None else settings.keep_bytes // SHARE)


class Importer:
    """Reads zips, two at a time; belongs to one event loop."""

    def __init__(self, settings: Settings, store: Store, pipeline: Pipeline) -> None:
        self._settings = settings
        self._store = store
        self._pipeline = pipeline
        self._reading = asyncio.Semaphore(2)
        self._workers = Workers(2)

    async def add(self, file: IO[bytes], visitor: Visitor) -> str:
        """Stores a zip's conversation as the visitor's, under a new id, which it returns; raises Rejected.

        All pictures are counted as if the visitor had brought them one by one, but may come at once; so is
        each megabyte of text.
        """
        async with self._reading:
            archive = await self._workers.run(lambda: Archive(file, self._settings.max_bytes))
            messages = await self._workers.run(lambda: read_thread(archive.thread))
            days = self._settings.keep_days
            if days is not None and messages[-1].created < time.time() - days * DAY:
                raise Rejected(f"This server keeps what is at most {days:g} days old, and this is older.")
            names = _names(messages)
            most = max_archive(self._settings)
            if sum(map(archive.size, names)) > most:
                raise Rejected(f"The pictures have more than {most:,} bytes together: import a shorter one.")
            await self._pipeline.limits.count_upload(visitor, 1 + len(names) + archive.text_size // 1_000_000)
            stored: dict[str, Picture] = {}
            signed: set[str] = set()
            try:
                for name in names:
                    stored[name], is_signed = await self._take(archive, name)
                    signed |= {stored[name].name} if is_signed else set()
                conversation = secrets.token_hex(16)
                await self._store.add(conversation, _renamed(messages, stored, signed), visitor.key)
                return conversation
            except BaseException as error:
                with suppress(StoreError):
                    await asyncio.shield(
                        self._store.uploads.forget([picture.name for picture in stored.values()])
                    )
                if isinstance(error, StoreError):
                    log.exception("A conversation that was imported could not be kept")
                    raise Unavailable(NOT_WRITTEN) from error
                raise

    async def _take(self, archive: Archive, name: str) -> tuple[Picture, bool]:
        """Proves a picture and stores its very bytes; returns also whether it is signed."""
        data = await self._workers.run(lambda: archive.read(name))
        try:
            info, is_signed = await self._pipeline.inputs.accept_unchanged(data)
        except Rejected as error:
            error.args = (f"{name.removeprefix('pictures/')[:100]}: {error}",)
            raise
        picture = await self._store.put(data, info)
        if self._store.pictures.in_memory(picture.name):  # the disk has no room for it
            await self._store.uploads.forget([picture.name])
            raise Unavailable(NOT_WRITTEN)
        return picture, is_signed


def _names(messages: Iterable[Message]) -> list[str]:
    """Returns the names of the pictures, each once, in the order in which an archive is read."""
    names: dict[str, None] = {}

    def note(picture: Picture) -> Picture:
        names.setdefault(picture.name)
        return picture

    for message in messages:
        for part in (message.request, *message.versions):
            with_pictures(part, note)
    if len(names) > MAX_PICTURES:
        raise Rejected(f"This zip has more than {MAX_PICTURES:,} pictures: import a shorter conversation.")
    return sorted(filter(None, names), key=lambda name: int(name[1:]) if name.startswith("#") else -1)


def _renamed(
    messages: list[Message], stored: Mapping[str, Picture], signed: Collection[str]
) -> list[Message]:
    """Returns the messages with the pictures as they are stored; one that is gone stays gone."""

    def kept(picture: Picture) -> Picture:
        known = stored.get(picture.name) or picture.model_copy(
            update={"name": f"{secrets.token_hex(16)}.{EXTENSIONS[picture.media_type]}"}
        )
        if not isinstance(picture, InputPicture):
            return known
        facts = known.model_dump(exclude={"filename"})
        return InputPicture(**facts, filename=safe_filename(picture.filename, known.media_type))

    now = time.time_ns() // 1000
    for rev, message in enumerate(messages, now - len(messages)):
        message.rev = rev
        message.request = with_pictures(message.request, kept)
        message.versions = [_marked(with_pictures(version, kept), signed) for version in message.versions]
    return messages


def _marked(version: Version, signed: Collection[str]) -> Version:
    """Returns a version that says of its picture whether that is signed, whatever the zip says."""
    is_signed = version.picture is not None and version.picture.name in signed
    made = version.provenance.model_copy(update={"signed": is_signed})
    return version.model_copy(update={"provenance": made})
