"""A provider whose strings a test pulls, and a studio that has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from core.asked import Asked
from core.settings import Settings
from core.store import Store
from core.studio import Studio
from core.thread import Message, Thread, Version
from limner import Credential, ImageRequest, ImageResult, ModelInfo, ProviderInfo, SizeRange, hookimpl
from providers import sketch
from tests.plugins.objects import registry_of

THREAD = "0" * 32


def _png() -> bytes:
    file = BytesIO()
    Image.new("RGB", (16, 16), "teal").save(file, "PNG")
    return file.getvalue()


PNG = _png()

Play = Callable[[ImageRequest], Awaitable[ImageResult]]


async def at_once(_: ImageRequest) -> ImageResult:
    return ImageResult(PNG)


class Puppet:
    """Does what `play` does; keeps every request that it got."""

    def __init__(self, play: Play = at_once, **about: Any) -> None:
        self.play = play
        self.requests: list[ImageRequest] = []
        model = {"id": "p-1", "sizes": SizeRange(), "seed": True, "negative_prompt": True}
        self._info = ProviderInfo(
            label="Puppet",
            models=(ModelInfo(**{**model, **about.pop("model", {})}),),
            **about,
        )

    @hookimpl
    def describe(self) -> ProviderInfo:
        return self._info

    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        self.requests.append(request)
        return await self.play(request)


class Gate:
    """A play that waits, having said so, until the test lets it go on."""

    def __init__(self, then: Play = at_once) -> None:
        self.then = then
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, request: ImageRequest) -> ImageResult:
        self.reached.set()
        await self.open.wait()
        return await self.then(request)


NEEDS_KEY = {"credential": Credential(variable="PUPPET_API_KEY"), "paid": True}


@asynccontextmanager
async def studio_of(folder: Path, puppet: Puppet, **settings: Any) -> AsyncIterator[Studio]:
    """Opens a studio on a data folder, with the puppet as the default provider, and closes it."""
    chosen = Settings(
        data=folder, **{"provider": "puppet", "shutdown_grace": 0, "max_retries": 0, **settings}
    )
    studio = Studio(chosen, registry_of(settings=chosen, puppet=puppet, sketch=sketch), Store(chosen.data))
    try:
        yield studio
    finally:
        await studio.close()


async def settled(thread: Thread, message: Message) -> Version:
    return await asyncio.wait_for(thread.settled(message), 20)


async def ask(studio: Studio, prompt: str = "a fox", **asked: Any) -> tuple[Thread, Message, Version]:
    """Asks in the one thread of the test and waits for the version to settle."""
    thread = await studio.thread(THREAD)
    message = await studio.start(thread, Asked(prompt=prompt, **asked))
    return thread, message, await settled(thread, message)
