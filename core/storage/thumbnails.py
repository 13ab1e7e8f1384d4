"""Thumbnails: small copies of the pictures for lists and pages, made when they are first asked for."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import NamedTuple

from core.storage.database import StoreError
from core.storage.pictures import Pictures
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
    """The thumbnails beside the pictures, each made once, in a worker thread; belongs to one event loop.

    An empty one means that the picture is as small as its thumbnail would be.
    """

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._workers = Workers(MAKERS)
        self._making: dict[str, asyncio.Task[Thumbnail | None]] = {}

    async def find(self, name: str) -> Thumbnail | None:
        """Returns the thumbnail of a picture; None if there is no such picture, or it cannot be decoded."""
        if self._pictures.is_local and (kept := self._kept(name)):
            return kept
        task = self._making.get(name)  # one for all callers; one that is cancelled does not stop it
        if task is None:
            task = self._making[name] = asyncio.create_task(self._workers.run(lambda: self._made(name)))
            task.add_done_callback(lambda _: self._making.pop(name))
        return await asyncio.shield(task)

    def _kept(self, name: str) -> Thumbnail | None:
        """Returns what is there already; None if a thumbnail must be made first."""
        media_type = MEDIA_TYPES.get(name.rpartition(".")[2])
        thumbnail = b"" if media_type == SVG else self._pictures.thumbnail(name)
        if media_type is None or thumbnail is None or not self._pictures.has(name):
            return None
        if thumbnail:
            return Thumbnail(thumbnail, "image/webp")
        picture = self._pictures.find(name)
        return Thumbnail(picture, media_type) if picture else None

    def _made(self, name: str) -> Thumbnail | None:
        try:
            if kept := self._kept(name):
                return kept
            picture = self._pictures.find(name)
            data = picture.read_bytes() if isinstance(picture, Path) else picture
            if picture is None or data is None:
                return None
            media_type = MEDIA_TYPES[name.rpartition(".")[2]]
            thumbnail = make_thumbnail(data, media_type)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError("The pictures cannot be read.") from error
        except ProviderError as error:
            log.warning("A thumbnail of %s cannot be made: %s", name, error.why)
            return None
        try:
            self._pictures.keep_thumbnail(name, thumbnail)
        except (OSError, StoreError):
            log.exception("A thumbnail could not be written")
        return Thumbnail(thumbnail, "image/webp") if thumbnail else Thumbnail(picture, media_type)
