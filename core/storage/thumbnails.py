"""Thumbnails: small copies of the pictures for lists and pages, made when they are first asked for."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import NamedTuple

from core.storage.pictures import Pictures, write_once
from core.workers import Workers
from limner import ProviderError
from limner.formats import MEDIA_TYPES, SVG
from limner.thumbnail import make_thumbnail

log = logging.getLogger(__name__)

MAKERS = 2
"""Thumbnails made at once."""


class Thumbnail(NamedTuple):
    """What to show for a picture: its thumbnail, or the picture itself if that is small."""

    image: Path | bytes
    media_type: str


class Thumbnails:
    """A folder of thumbnails, each made once, in a worker thread; belongs to one event loop.

    An empty file means that the picture is as small as its thumbnail would be.
    """

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._workers = Workers(MAKERS)
        self._making: dict[str, asyncio.Task[bytes | None]] = {}

    async def find(self, name: str) -> Thumbnail | None:
        """Returns the thumbnail of a picture; None if there is no such picture, or it cannot be decoded."""
        picture = self._pictures.find(name)
        if picture is None:
            return None
        media_type = MEDIA_TYPES[name.rpartition(".")[2]]
        if media_type == SVG:
            return Thumbnail(picture, media_type)
        path = self._pictures.thumbnails / f"{name}.webp"
        try:
            is_other, thumbnail = path.stat().st_size > 0, path
        except OSError:
            thumbnail = await self._make(name, picture, path)
            is_other = thumbnail != b""
        if thumbnail is None:
            return None
        return Thumbnail(thumbnail, "image/webp") if is_other else Thumbnail(picture, media_type)

    async def _make(self, name: str, picture: Path | bytes, path: Path) -> bytes | None:
        """Makes a thumbnail, once for all callers; one that is cancelled does not stop it for the others."""

        def make() -> bytes | None:
            try:
                data = picture.read_bytes() if isinstance(picture, Path) else picture
                thumbnail = make_thumbnail(data, MEDIA_TYPES[name.rpartition(".")[2]])
            except FileNotFoundError:
                return None
            except ProviderError as error:
                log.warning("A thumbnail of %s cannot be made: %s", name, error.why)
                return None
            try:
                write_once(path, thumbnail)
                if self._pictures.find(name) is None:  # deleted meanwhile
                    path.unlink(missing_ok=True)
            except OSError:
                log.exception("A thumbnail could not be written")
            return thumbnail

        task = self._making.get(name)
        if task is None:
            task = self._making[name] = asyncio.create_task(self._workers.run(make))
            task.add_done_callback(lambda _: self._making.pop(name))
        return await asyncio.shield(task)
