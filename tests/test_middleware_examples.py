"""The middlewares that plugins.md shows do what it says of them, around a provider in a studio."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from core.settings.schema import Settings
from core.storage.store import Store
from core.studio import Studio
from limner import (
    Credential,
    ImageRequest,
    ImageResult,
    ModelInfo,
    Options,
    ProviderError,
    ProviderInfo,
    Size,
)
from limner.testing.pictures import input_image, input_mask
from tests.core.scripted import PNG, Gate, Play, ScriptedProvider, ask, at_once
from tests.plugins.objects import registry_of
from tests.test_documents import blocks

SENTENCE = "All 2 pictures of today are made: come back tomorrow."


class Strength(Options):
    steps: int = 1


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns an example as the module that its first line names, as an author would save it."""

    def load(name: str) -> ModuleType:
        (code,) = (c for c in blocks("plugins.md", "python") if c.startswith(f"# {name}.py\n"))
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(code, f"{name}.py", "exec"), vars(module))
        return module

    return load


class Pictures(ScriptedProvider):
    """A scripted with two models that take everything that can make a difference."""

    def __init__(self, play: Play) -> None:
        super().__init__(play)
        self._info = ProviderInfo(
            label="Scripted",
            models=(
                ModelInfo(
                    id="p-1",
                    sizes=(Size(64, 64), Size(32, 32)),
                    seed=True,
                    negative_prompt=True,
                    options=Strength,
                ),
                ModelInfo(id="p-2", sizes=(Size(64, 64),), seed=True, options=Strength),
            ),
        )


class Other(ScriptedProvider):
    """Another provider with a model of the same name, at a service of its own."""

    def __init__(self) -> None:
        super().__init__(credential=Credential(variable="OTHER_API_KEY"))


@asynccontextmanager
async def studio_with(folder: Path, play: Play = at_once, **plugins: Any) -> AsyncIterator[Any]:
    """Opens a studio with a scripted inside of middlewares."""
    scripted = Pictures(play)
    settings = Settings(data_dir=folder, provider="scripted", max_retries=0, shutdown_grace=0)
    registry = registry_of(settings=settings, scripted=scripted, **plugins)
    studio = Studio(settings, registry, Store(folder))
    try:
        yield studio, scripted
    finally:
        await studio.close()


DIFFERENT: list[dict[str, Any]] = [
    {"prompt": "a hare"},
    {"seed": 8},
    {"size": "32x32"},
    {"model": "p-2"},
    {"negative_prompt": "snow"},
    {"options": {"steps": 2}},
]


def test_the_cache_answers_the_same_request_and_no_other(example: Any, tmp_path: Path) -> None:
    async def main() -> None:
        async with studio_with(tmp_path, cache=example("limner_cache")) as (studio, scripted):
            for _ in range(3):
                version = (await ask(studio, seed=7))[2]
                assert version.status == "complete"
            assert len(scripted.requests) == 1
            for count, different in enumerate(DIFFERENT, start=2):
                for _ in range(2):
                    assert (await ask(studio, **{"seed": 7, **different}))[2].status == "complete"
                assert len(scripted.requests) == count, different

    asyncio.run(main())


ONE, OTHER = input_image(0), input_image(1)
EDIT = ImageRequest(prompt="a fox", model="p-1", seed=7, images=(ONE,))
INPUTS: list[dict[str, Any]] = [
    {"images": ()},
    {"images": (OTHER,)},
    {"images": (ONE, OTHER)},
    {"images": (OTHER, ONE)},
    {"images": (replace(ONE, data=ONE.data + b" "),)},
    {"mask": input_mask(ONE.size)},
    {"mask": input_mask(ONE.size, left=False)},
    {"continuation": {"id": 1}},
    {"continuation": {"id": 2}},
]


def test_the_cache_tells_the_pictures_apart_that_go_in(example: Any) -> None:
    asked: list[ImageRequest] = []

    async def generate(request: ImageRequest) -> ImageResult:
        asked.append(request)
        return ImageResult(PNG)

    async def main() -> None:
        cached = example("limner_cache").wrap(generate)
        requests = [EDIT, *(replace(EDIT, **different) for different in INPUTS)]
        for request in [*requests, *requests]:
            await cached(request)
        assert asked == requests

    asyncio.run(main())


def test_the_cache_tells_services_apart_and_keeps_no_secret(
    example: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_API_KEY", "other-key-0123456789")
    cache, other = example("limner_cache"), Other()

    async def main() -> None:
        async with studio_with(tmp_path, cache=cache, other=other) as (studio, scripted):
            for provider in ("scripted", "other", "scripted", "other"):
                await ask(studio, provider=provider, seed=7, size="64x64")
            assert (len(scripted.requests), len(other.requests)) == (1, 1)

    asyncio.run(main())
    assert "other-key-0123456789" not in str(cache.kept)


def test_the_cache_keeps_nothing_that_is_meant_to_differ_or_that_can_be_read_once(
    example: Any, tmp_path: Path
) -> None:
    async def from_file(_: ImageRequest) -> ImageResult:
        return ImageResult(BytesIO(PNG))

    async def fails(_: ImageRequest) -> ImageResult:
        raise ProviderError("unavailable")

    async def main() -> None:
        async with studio_with(tmp_path, cache=example("limner_cache")) as (studio, scripted):
            for play in (fails, from_file, at_once, from_file):
                scripted.play = play
                version = (await ask(studio, seed=7))[2]
                assert version.status == ("incomplete" if play is fails else "complete")
            assert len(scripted.requests) == 3
            for _ in range(2):  # no seed is asked: the host draws another one each time
                await ask(studio)
            assert len(scripted.requests) == 5

    asyncio.run(main())


def test_the_cache_forgets_the_oldest(example: Any, tmp_path: Path) -> None:
    cache = example("limner_cache")
    cache.MOST = 2

    async def main() -> None:
        async with studio_with(tmp_path, cache=cache) as (studio, scripted):
            for seed in (1, 2, 3, 3, 2, 1):
                await ask(studio, seed=seed)
            assert [request.seed for request in scripted.requests] == [1, 2, 3, 1]

    asyncio.run(main())
    assert len(cache.kept) == 2


def test_the_budget_refuses_with_a_sentence_and_the_provider_is_not_called(
    example: Any, tmp_path: Path
) -> None:
    budget = example("limner_budget")
    budget.MOST = 2

    async def main() -> None:
        async with studio_with(tmp_path, budget=budget) as (studio, scripted):
            versions = [(await ask(studio))[2] for _ in range(4)]
            assert [version.status for version in versions] == [
                "complete",
                "complete",
                "incomplete",
                "incomplete",
            ]
            assert len(scripted.requests) == 2
            failure: Any = versions[-1].failure
            assert (failure.cause, failure.why, failure.did_not_run) == ("quota", SENTENCE, True)

    asyncio.run(main())


def test_the_budget_holds_for_requests_at_the_same_moment(example: Any, tmp_path: Path) -> None:
    budget = example("limner_budget")
    budget.MOST = 2

    async def main() -> None:
        gate = Gate()
        async with studio_with(tmp_path, gate, budget=budget) as (studio, scripted):
            asking = [asyncio.ensure_future(ask(studio)) for _ in range(4)]
            await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)  # one is refused: all have asked
            gate.open.set()
            ended = [(await asked)[2].status for asked in asking]
            assert sorted(ended) == ["complete", "complete", "incomplete", "incomplete"]
            assert len(scripted.requests) == 2

    asyncio.run(main())


@pytest.mark.parametrize(("did_not_run", "made"), [(True, 0), (False, 1)])
def test_the_budget_gives_back_what_certainly_did_not_run(
    example: Any, tmp_path: Path, did_not_run: bool, made: int
) -> None:
    budget = example("limner_budget")

    async def fails(_: ImageRequest) -> ImageResult:
        raise ProviderError("provider", did_not_run=did_not_run)

    async def main() -> None:
        async with studio_with(tmp_path, fails, budget=budget) as (studio, _):
            await ask(studio)

    asyncio.run(main())
    assert sum(budget.made.values()) == made


def test_the_style_is_sent_and_what_was_asked_is_stored(example: Any, tmp_path: Path) -> None:
    async def main() -> None:
        async with studio_with(tmp_path, style=example("limner_style")) as (studio, scripted):
            conversation, message, version = await ask(studio, "a fox")
            assert [request.prompt for request in scripted.requests] == ["a fox, in watercolour"]
            assert message.request.prompt == version.provenance.prompt == "a fox"
            assert version.provenance.revised_prompt == "a fox, in watercolour"
            (stored,) = await studio.store.load(conversation.id)
            assert (stored.request.prompt, stored.versions[0].provenance.prompt) == ("a fox", "a fox")

    asyncio.run(main())


def test_the_style_leaves_what_the_service_says_it_drew(example: Any, tmp_path: Path) -> None:
    async def rewrites(_: ImageRequest) -> ImageResult:
        return ImageResult(PNG, revised_prompt="a vixen")

    async def main() -> None:
        async with studio_with(tmp_path, rewrites, style=example("limner_style")) as (studio, _):
            assert (await ask(studio))[2].provenance.revised_prompt == "a vixen"

    asyncio.run(main())


def test_the_three_stand_around_each_other_by_their_names(example: Any, tmp_path: Path) -> None:
    """Budget, cache, style, as the document says: the budget counts what the cache answers."""
    found = {name: example(f"limner_{name}") for name in ("budget", "cache", "style")}
    found["budget"].MOST = 2

    async def main() -> None:
        async with studio_with(tmp_path, **found) as (studio, scripted):
            assert [plugin.name for plugin in studio.registry.middlewares] == [*found]
            assert [(await ask(studio, seed=7))[2].status for _ in range(3)] == [
                "complete",
                "complete",
                "incomplete",
            ]
            assert [request.prompt for request in scripted.requests] == ["a fox, in watercolour"]

    asyncio.run(main())
