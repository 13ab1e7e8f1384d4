"""A desk at which one picture after the other is asked for, without a store and a conversation."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core.chat.request import UserRequest
from core.generation.call import GenerationFailed, call
from core.generation.resolve import resolve
from core.generation.watch import Watch
from core.plugins.registry import Registry
from core.settings.schema import Settings
from limner import Credential, ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl
from tests.plugins.objects import registry_of

KEY = "a-key-of-the-test-itself"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the key that the study needs."""
    monkeypatch.setenv("STUDY_API_KEY", KEY)


class Studying:
    """A provider made of an ordinary async function; it needs a key and costs money."""

    def __init__(self, answer: Callable[[ImageRequest], Any]) -> None:
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


class Blocking(Studying):
    """The same, made of a function that blocks its thread."""

    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.answer(request)


def nobody(_: str) -> None: ...


async def cancel_itself(*_: object) -> None:
    """Cancels the task that it runs in, as nobody but the host should."""
    task = asyncio.current_task()
    assert task
    task.cancel()
    await asyncio.sleep(0)


class Calls:
    """A registry with its settings, at which one picture after the other can be asked for."""

    def __init__(
        self,
        *names: str,
        answer: Callable[[ImageRequest], Awaitable[ImageResult] | ImageResult] | None = None,
        middleware: Any = None,
        **settings: Any,
    ) -> None:
        self.settings = Settings(**settings)
        study = Studying if inspect.iscoroutinefunction(answer) else Blocking
        objects = {"study": study(answer)} if answer else {}
        objects |= {"around": middleware} if middleware else {}
        self.registry = registry_of(*names, settings=self.settings, **objects)

    def ask(
        self, name: str, prompt: str = "a boat", report: Callable[[str], None] = nobody, **options: Any
    ) -> asyncio.Task[ImageResult]:
        plan = resolve(
            UserRequest(prompt=prompt, provider=name, options=options), self.registry, self.settings
        )

        async def make() -> ImageResult:
            return await call(plan, self.registry, self.settings.max_retries, Watch(report))

        return asyncio.ensure_future(make())

    async def fail(self, name: str, prompt: str = "a boat", **options: Any) -> Any:
        """The failure in which a picture ends."""
        with pytest.raises(GenerationFailed) as failed:
            await asyncio.wait_for(self.ask(name, prompt, **options), 30)
        return failed.value.failure


def working_threads(registry: Registry) -> int:
    """The worker threads that run a plugin, whether or not anybody still waits for them."""
    caller = registry._caller
    return sum(workers.turns.running for workers in (caller._checkers, *caller._workers.values()))
