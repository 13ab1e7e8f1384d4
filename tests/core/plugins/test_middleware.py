"""Middlewares stand around every picture in their order, and are never walked around."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.plugins.guard import PluginCrashed
from limner import (
    ContentFiltered,
    Generate,
    ImageRequest,
    ImageResult,
    ModelInfo,
    ProviderError,
    ProviderInfo,
    hookimpl,
)
from tests.plugins.installing import site_of
from tests.plugins.objects import ask, registry_of

site = site_of("limner-async-echo", "limner-sync-echo", "limner-frame")
ECHOES = ["async-echo", "sync-echo"]


class Middleware:
    """A middleware that is made from an ordinary function."""

    def __init__(self, around: Callable[[Generate], Any]) -> None:
        self.around = around

    @hookimpl
    def wrap(self, generate: Generate) -> Any:
        return self.around(generate)


class First(Middleware):
    @hookimpl(tryfirst=True)
    def wrap(self, generate: Generate) -> Any:
        return self.around(generate)


class Last(Middleware):
    @hookimpl(trylast=True)
    def wrap(self, generate: Generate) -> Any:
        return self.around(generate)


def adding(word: str) -> Callable[[Generate], Generate]:
    def around(generate: Generate) -> Generate:
        async def call(request: ImageRequest) -> ImageResult:
            result = await generate(replace(request, prompt=f"{request.prompt} {word}"))
            return replace(
                result, metadata={**result.metadata, "out": f"{result.metadata.get('out', '')} {word}"}
            )

        return call

    return around


def test_middlewares_stand_in_the_order_found_but_for_those_marked() -> None:
    registry = registry_of(
        "async-echo",
        a=Last(adding("a")),
        b=Middleware(adding("b")),
        c=Middleware(adding("c")),
        d=First(adding("d")),
    )
    assert [plugin.name for plugin in registry.middlewares] == ["d", "b", "c", "a"]
    metadata = asyncio.run(ask(registry, "async-echo", "in")).metadata
    assert metadata == {"heard": "in d b c a", "out": " a c b d"}


def test_the_installed_middleware_changes_refuses_and_answers_itself() -> None:
    registry = registry_of(*ECHOES, "frame")

    async def main() -> tuple[Any, Any]:
        return tuple([await ask(registry, name, "a boat, again") for name in ECHOES])

    first, again = asyncio.run(main())
    assert first.metadata == {"heard": "a boat, again, in a frame", "frame": "oak"}
    assert again is first
    assert sys.modules["limner_sync_echo"].heard == []
    with pytest.raises(ContentFiltered) as refusal:
        asyncio.run(ask(registry, "async-echo", "a mirror"))
    assert refusal.value.service_message == "A mirror does not stay in its frame."


async def _fails_first(request: ImageRequest) -> ImageResult:
    raise OSError("no disk for the cache")


def _fails_in_the_hook(generate: Generate) -> Generate:
    raise OSError("no disk for the cache")


def _fails_after(generate: Generate) -> Generate:
    async def call(request: ImageRequest) -> ImageResult:
        await generate(request)
        raise OSError("no disk for the cache")

    return call


def _forgets_the_result(generate: Generate) -> Any:
    async def call(request: ImageRequest) -> None:
        await generate(request)

    return call


def _passes_on_a_prompt(generate: Generate) -> Any:
    async def call(request: ImageRequest) -> ImageResult:
        prompt: Any = request.prompt
        return await generate(prompt)

    return call


@pytest.mark.parametrize(
    ("around", "cause", "is_drawn"),
    [
        (_fails_in_the_hook, "OSError: no disk for the cache", False),
        (lambda _: _fails_first, "OSError: no disk for the cache", False),
        (_fails_after, "OSError: no disk for the cache", True),
        (lambda _: None, "WrongResult: It returned from wrap a NoneType, and not a function.", False),
        (lambda _: lambda request: ImageResult(b""), "TypeError: object ImageResult can't be used", False),
        (_forgets_the_result, "WrongResult: It returned a NoneType, and not an ImageResult.", True),
        (_passes_on_a_prompt, "WrongResult: It passed on a str, and not an ImageRequest.", False),
    ],
)
def test_a_middleware_that_fails_stops_the_request_and_is_named(
    around: Callable[[Generate], Any], cause: str, is_drawn: bool
) -> None:
    registry = registry_of("sync-echo", outer=Middleware(adding("")), failing=Middleware(around))
    with pytest.raises(PluginCrashed) as crash:
        asyncio.run(ask(registry, "sync-echo"))
    assert crash.value.plugin == "failing"
    assert f"{type(crash.value.__cause__).__name__}: {crash.value.__cause__}".startswith(cause)
    assert bool(sys.modules["limner_sync_echo"].heard) == is_drawn


def test_a_provider_that_fails_is_named_through_every_middleware() -> None:
    class Failing:
        describe = hookimpl(lambda self: sys.modules["limner_async_echo"].describe())

        @hookimpl
        async def generate(self, request: ImageRequest) -> ImageResult:
            raise LookupError

    registry = registry_of("async-echo", "frame", failing=Failing())
    with pytest.raises(PluginCrashed) as crash:
        asyncio.run(ask(registry, "failing"))
    assert crash.value.plugin == "failing"


def test_a_middleware_may_answer_an_error_of_the_contract() -> None:
    def second_try(generate: Generate) -> Generate:
        async def call(request: ImageRequest) -> ImageResult:
            try:
                return await generate(request)
            except ProviderError:
                return await generate(replace(request, prompt="well"))

        return call

    class Moody:
        describe = hookimpl(lambda self: sys.modules["limner_async_echo"].describe())

        @hookimpl
        async def generate(self, request: ImageRequest) -> ImageResult:
            if request.prompt != "well":
                raise ProviderError("unavailable")
            return ImageResult(b"", metadata={"heard": request.prompt})

    registry = registry_of("async-echo", moody=Moody(), patient=Middleware(second_try))
    assert asyncio.run(ask(registry, "moody", "ill")).metadata == {"heard": "well"}


# A middleware that does not wait for ever


class Impatient:
    """Blocks its thread until it is told to stop, and says then whether it was."""

    @hookimpl
    def describe(self) -> ProviderInfo:
        return ProviderInfo(label="Impatient", models=(ModelInfo(id="one"),))

    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:
        give_up = time.monotonic() + 30
        while not request.cancelled and time.monotonic() < give_up:
            time.sleep(0.001)
        return ImageResult(b"", metadata={"was told": request.cancelled})


def waiting(seconds: float) -> Callable[[Generate], Generate]:
    def around(generate: Generate) -> Generate:
        async def call(request: ImageRequest) -> ImageResult:
            return await asyncio.wait_for(generate(replace(request, prompt="in a hurry")), seconds)

        return call

    return around


def test_a_plain_function_learns_that_a_middleware_waits_no_longer() -> None:
    registry = registry_of(impatient=Impatient(), hurry=Middleware(waiting(0.05)))
    assert asyncio.run(ask(registry, "impatient")).metadata == {"was told": True}


def test_what_a_plain_function_would_begin_after_the_end_is_not_begun() -> None:
    begun: list[str] = []

    async def draw(prompt: str) -> ImageResult:
        begun.append(prompt)
        return ImageResult(b"")

    class Handing(Impatient):
        """Hands the request to an async function, late."""

        @hookimpl
        def generate(self, request: ImageRequest) -> Any:
            super().generate(request)
            return draw(request.prompt)

    registry = registry_of(handing=Handing(), hurry=Middleware(waiting(0.05)))
    with pytest.raises(PluginCrashed) as crash:
        asyncio.run(ask(registry, "handing"))
    assert isinstance(crash.value.__cause__, asyncio.TimeoutError)
    assert begun == []
