"""The pictures that people send: taken in, and given to a provider in the form that its model takes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from core.chat.failure import Rejected, Unavailable
from core.chat.picture import InputPicture
from core.generation.call import failed
from core.generation.fetch import Fetcher
from core.generation.memory import Memory
from core.generation.normalise import DecodeResources, prove
from core.generation.resolve import Plan
from core.metadata.settings import read_settings
from core.metadata.texts import is_signed
from core.settings.schema import Settings
from core.storage.database import StoreError
from core.storage.store import Store
from limner import ImageRequest, InputImage, ProviderError, Size, picture
from limner.bounds import NoPicture
from limner.formats import EXTENSIONS, SVG
from limner.inputs import ImageInputs
from limner.prepare import (
    MEMORY,
    fit_image,
    fits,
    from_heif,
    is_heif,
    prepare_image,
    prepare_mask,
    reads_heif,
    stays,
)

log = logging.getLogger(__name__)

MAX_MEMORY = 500_000_000
"""Bytes of pictures that all requests under way may hold; a service's client makes copies of them."""
NO_PICTURE = "This is not a PNG, JPEG, WebP, GIF or AVIF picture: save it as one of these."
MAX_FETCHES = 8
"""Links of visitors that are fetched at once, each into memory."""
MAX_OF_ONE = 2
"""Pictures of one visitor that are taken in at once; the next ones wait, and not before other visitors."""


class Accepted(NamedTuple):
    """A picture as it is to be kept, and what its file said before."""

    data: bytes
    info: picture.ImageInfo
    settings: dict[str, Any]
    signed: bool
    animated: bool


class Inputs:
    """Takes pictures in, and loads them for a request; belongs to one event loop."""

    def __init__(self, settings: Settings, store: Store, resources: DecodeResources) -> None:
        self._settings = settings
        self._store = store
        self._resources = resources
        self._memory = Memory(MAX_MEMORY)
        self._fetcher = Fetcher(settings, for_visitor=True)
        self._fetching = asyncio.Semaphore(MAX_FETCHES)
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def accept(self, image: bytes | str, visitor: str) -> Accepted:
        """Returns a picture that a visitor sent as it is kept: proven, upright and without metadata.

        A string is a ``data:`` URI, or a link, which is fetched as a provider's would be. Raises Rejected.
        """
        turn = self._turns.setdefault(visitor, asyncio.Semaphore(MAX_OF_ONE))
        async with turn:
            return await self._accept(image)

    async def _accept(self, image: bytes | str) -> Accepted:
        with _rejections():
            if isinstance(image, str):
                image = await (self._fetch if picture.is_url(image) else self._read)(image)
            sent = image
            if is_heif(image):
                image = await self._from_heif(image)
            image, was = await self._proven(image)
            data, info = await self._prepared(image, was)
            said = await self._resources.decoders.run(lambda: (read_settings(sent), is_signed(sent)))
            return Accepted(data, info, *said, was.animated)

    async def accept_unchanged(self, data: bytes) -> tuple[picture.ImageInfo, bool]:
        """Returns what a picture is that somebody brings back, and whether it is signed; raises Rejected.

        It stays as it is.
        """
        with _rejections():
            info = (await self._proven(data))[1]
            return info, await self._resources.decoders.run(lambda: is_signed(data))

    @asynccontextmanager
    async def load(self, plan: Plan) -> AsyncGenerator[ImageRequest]:
        """Yields a plan's request with its pictures; what waits for memory has no deadline.

        Raises GenerationFailed.
        """
        asked = plan.request
        taken = plan.model.images
        if not asked.images or taken is None or plan.taken_over:
            yield plan.image_request
            return
        lent = await self._memory.take(sum(sent.size for sent in asked.pictures))
        try:
            images = [
                await self._load_image(plan, number, sent, taken)
                for number, sent in enumerate(asked.images, 1)
            ]
            mask = await self._load_mask(plan, asked.mask, images[0].size) if asked.mask else None
            continuation = await self._continuation(plan, asked.images[0].name)
            yield replace(plan.image_request, images=tuple(images), mask=mask, continuation=continuation)
        finally:
            self._memory.give_back(lent)

    async def _load_image(
        self, plan: Plan, number: int, sent: InputPicture, taken: ImageInputs
    ) -> InputImage:
        try:
            data, info = await self._proven(await self._stored(sent))
            if info.orientation != 1 or not fits(info.media_type, len(data), taken):
                data, info = await self._prepared(data, info)
            if not fits(info.media_type, len(data), taken):
                data, info = await self._fitted(data, info, taken)
        except ProviderError as error:
            why = f"Image {number}: {error.why}"
            raise failed(plan, "bad-input", why=why, did_not_run=True) from error
        filename = f"{sent.filename.rpartition('.')[0]}.{EXTENSIONS[info.media_type]}"
        return InputImage(data, info.media_type, Size(info.width, info.height), filename)

    async def _load_mask(self, plan: Plan, sent: InputPicture, size: Size) -> InputImage:
        try:
            data, info = await self._proven(await self._stored(sent))
            data = await self._resources.decode(
                lambda: prepare_mask(data, info.media_type, size),
                MEMORY * max(size.pixels, info.width * info.height),
            )
        except ProviderError as error:
            raise failed(plan, "bad-input", why=error.why, did_not_run=True) from error
        return InputImage(data, "image/png", size, "mask.png")

    async def _stored(self, sent: InputPicture) -> bytes:
        try:
            data = await self._store.read(sent.name)
        except StoreError as error:
            log.exception("A picture that was sent cannot be read")
            raise ProviderError("bad-image", why="It cannot be read from the disk.") from error
        if not data:
            raise ProviderError("bad-image", why="It is not on the server any more.")
        return data

    async def _proven(self, data: bytes) -> tuple[bytes, picture.ImageInfo]:
        max_bytes, max_pixels = self._settings.max_bytes, self._settings.max_pixels
        return await prove(data, self._resources, max_bytes=max_bytes, max_pixels=max_pixels)

    async def _prepared(self, data: bytes, info: picture.ImageInfo) -> tuple[bytes, picture.ImageInfo]:
        """Returns a picture upright, as a PNG, JPEG or WebP, and without metadata."""
        converts = info.media_type != SVG and not stays(data, info)
        memory = MEMORY * info.width * info.height if converts else 2 * len(data)
        return await self._resources.decode(lambda: prepare_image(data, info), memory)

    async def _fitted(
        self, data: bytes, info: picture.ImageInfo, taken: ImageInputs
    ) -> tuple[bytes, picture.ImageInfo]:
        memory = MEMORY * info.width * info.height
        return await self._resources.decode(lambda: fit_image(data, info, taken), memory)

    async def _fetch(self, link: str) -> bytes:
        async with self._fetching:
            return await self._fetcher.fetch(link)

    async def _read(self, image: str) -> bytes:
        return await self._resources.read(lambda: picture.read(image, self._settings.max_bytes))

    async def _from_heif(self, data: bytes) -> bytes:
        if not reads_heif():
            raise Rejected("This server cannot read HEIC pictures: save it as a JPEG, and send that.")
        return await self._resources.decode(
            lambda: from_heif(data, self._settings.max_pixels), self._resources.memory.most
        )

    async def _continuation(self, plan: Plan, name: str) -> Any:
        """Returns what the model needs to go on from a picture; None if another one made it."""
        try:
            kept = json.loads(await self._store.continuation_of(name) or "{}")
        except StoreError:
            log.exception("What a service needs to go on from a picture cannot be read")
            return None
        is_own = (kept.get("provider"), kept.get("model")) == (plan.provider.name, plan.model.id)
        return kept.get("content") if is_own else None

    async def keep_continuation(self, plan: Plan, name: str, content: Any) -> None:
        """Keeps what the plan's model needs to go on from a picture that it made."""
        kept = {"provider": plan.provider.name, "model": plan.model.id, "content": content}
        try:
            await self._store.keep_continuation(name, json.dumps(kept))
        except StoreError:
            log.exception("What a service needs to go on from a picture cannot be kept")


@contextmanager
def _rejections() -> Generator[None]:
    """Raises Rejected in place of what proving and fetching raise."""
    try:
        yield
    except NoPicture as error:
        raise Rejected(NO_PICTURE) from error
    except ProviderError as error:
        raise Rejected(error.why or "This picture cannot be read: send another file.") from error
    except TimeoutError as error:
        raise Unavailable("The picture could not be read in time: try again in a moment.") from error
