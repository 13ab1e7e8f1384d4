"""A desk at which one picture after the other is asked for, without a store and a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core.asked import Asked
from core.generation import Failed, generate
from core.resolve import resolve
from core.settings import Settings
from limner import Credential, ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl
from tests.plugins.objects import registry_of

KEY = "a-key-of-the-test-itself"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the key that the study needs."""
    monkeypatch.setenv("STUDY_API_KEY", KEY)


class Studying:
    """A provider made of an ordinary function; it needs a key and costs money."""

    def __init__(self, answer: Callable[[ImageRequest], Awaitable[ImageResult]]) -> None:
        self.answer = answer

    @hookimpl
    def describe(self) -> ProviderInfo:
        return ProviderInfo(
            label="Studio Study",
            models=(ModelInfo(id="one"),),
            credential=Credential(variable="STUDY_API_KEY", url="https://study.example/keys"),
            paid=True,
        )

    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        return await self.answer(request)


def nobody(_: str) -> None: ...


class Desk:
    """A registry with its settings, at which one picture after the other can be asked for."""

    def __init__(
        self,
        *names: str,
        answer: Callable[[ImageRequest], Awaitable[ImageResult]] | None = None,
        **settings: Any,
    ) -> None:
        self.settings = Settings(**settings)
        objects = {"study": Studying(answer)} if answer else {}
        self.registry = registry_of(*names, settings=self.settings, **objects)

    def ask(
        self, name: str, prompt: str = "a boat", report: Callable[[str], None] = nobody, **options: Any
    ) -> asyncio.Task[ImageResult]:
        asked = resolve(Asked(prompt=prompt, provider=name, options=options), self.registry, self.settings)
        return asyncio.ensure_future(generate(asked, self.registry, self.settings, report))

    async def fail(self, name: str, prompt: str = "a boat", **options: Any) -> Any:
        """The failure in which a picture ends."""
        with pytest.raises(Failed) as failed:
            await asyncio.wait_for(self.ask(name, prompt, **options), 5)
        return failed.value.failure
