"""A provider whose strings a test pulls, and a studio that has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from core.chat.conversation import Conversation
from core.chat.message import Message, Version
from core.chat.request import UserRequest
from core.settings.schema import Settings
from core.storage.store import Store
from core.studio import Studio
from limner import Credential, ImageRequest, ImageResult, ModelInfo, ProviderInfo, SizeRange, hookimpl
from providers import sketch
from tests.plugins.objects import registry_of

CONVERSATION = "0" * 32


def _png() -> bytes:
    file = BytesIO()
    Image.new("RGB", (16, 16), "teal").save(file, "PNG")
    return file.getvalue()


PNG = _png()

Play = Callable[[ImageRequest], Awaitable[ImageResult]]


async def at_once(_: ImageRequest) -> ImageResult:
    return ImageResult(PNG)


class ScriptedProvider:
    """Does what `play` does; keeps every request that it got."""

    def __init__(self, play: Play = at_once, **about: Any) -> None:
        self.play = play
        self.requests: list[ImageRequest] = []
        model = {"id": "p-1", "sizes": SizeRange(), "seed": True, "negative_prompt": True}
        self._info = ProviderInfo(
            label="Scripted",
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


NEEDS_KEY = {"credential": Credential(variable="SCRIPTED_API_KEY"), "paid": True}


class AnswersWhileItStops:
    """Makes its picture only once it is stopped and then let go on: one that may have been paid for."""

    def __init__(self) -> None:
        self.cleaning = asyncio.Event()
        self.answer = asyncio.Event()

    async def play(self, _: ImageRequest) -> ImageResult:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cleaning.set()
            await self.answer.wait()
        return ImageResult(PNG)


@asynccontextmanager
async def studio_of(folder: Path, scripted: ScriptedProvider, **settings: Any) -> AsyncIterator[Studio]:
    """Opens a studio on a data folder, with the scripted as the default provider, and closes it."""
    chosen = Settings(
        data_dir=folder, **{"provider": "scripted", "shutdown_grace": 0, "max_retries": 0, **settings}
    )
    registry = registry_of(settings=chosen, scripted=scripted, sketch=sketch)
    studio = Studio(chosen, registry, Store(chosen.data_dir, chosen.bucket_dir))
    try:
        yield studio
    finally:
        await studio.close()


async def settled(conversation: Conversation, message: Message) -> Version:
    return await asyncio.wait_for(conversation.settled(message), 20)


async def ask(
    studio: Studio, prompt: str = "a fox", *, id: str = CONVERSATION, **asked: Any
) -> tuple[Conversation, Message, Version]:
    """Asks in the one conversation of the test, or in another, and waits for the version to settle."""
    conversation = await studio.conversation(id)
    message = await studio.start(conversation, UserRequest(prompt=prompt, **asked))
    return conversation, message, await settled(conversation, message)
