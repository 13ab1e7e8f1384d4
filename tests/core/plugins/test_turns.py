"""What a provider does one after the other, and before a picture's time begins."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from core.generation.call import GenerationFailed
from core.generation.deadline import DeadlinePassed, before_deadline
from core.plugins import calls
from core.plugins.registry import Registry
from core.plugins.time_limit import TimeLimit
from core.settings.schema import Settings
from limner import (
    CancelConfirmed,
    Generate,
    ImageRequest,
    ImageResult,
    ModelInfo,
    ProviderError,
    ProviderInfo,
    hookimpl,
)
from limner.testing import picture
from tests.plugins.calls import Calls, working_threads
from tests.plugins.objects import registry_of
from tests.waiting import until

pytestmark = pytest.mark.anyio
PNG = picture()


class Press:
    """A provider that makes as many pictures at once as it says, each when it is let go."""

    def __init__(self, most: int | None) -> None:
        self.most = most
        self.at_work: list[str] = []
        self.begun: list[str] = []
        self.together = 0
        self.let_go = asyncio.Event()
        self.timeouts: list[float] = []

    @hookimpl
    def describe(self) -> ProviderInfo:
        return ProviderInfo(label="Press", models=[ModelInfo(id="one")], most_at_once=self.most)

    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        self.begun.append(request.prompt)
        self.at_work.append(request.prompt)
        self.timeouts.append(request.timeout)
        self.together = max(self.together, len(self.at_work))
        try:
            await self.let_go.wait()
        finally:
            self.at_work.remove(request.prompt)
        return ImageResult(PNG)


class Etching(Press):
    """The same, as a plain function."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.go_on = threading.Event()

    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.begun.append(request.prompt)
        assert self.go_on.wait(30)
        return ImageResult(PNG)


def ask(
    registry: Registry, prompt: str, seconds: float = 30, say: Callable[[str], None] = lambda _: None
) -> asyncio.Task[ImageResult]:
    provider = registry.get("press")
    assert provider
    limit = TimeLimit(seconds)
    request = ImageRequest(prompt=prompt, model="one", on_progress=say, timeout=seconds)
    made = registry.generate(provider, request, limit=limit)
    return asyncio.ensure_future(before_deadline(made, limit))


async def test_it_makes_one_picture_at_a_time_and_the_others_learn_their_place() -> None:
    press = Press(1)
    registry = registry_of(press=press)
    said: list[str] = []
    asked = [ask(registry, prompt, say=said.append) for prompt in "abc"]
    await until(lambda: len(said) == 2)
    assert (press.begun, said) == (
        ["a"],
        ["waiting, 1st in line", "waiting, 2nd in line"],
    )
    press.let_go.set()
    await asyncio.gather(*asked)
    assert (press.begun, press.together) == (["a", "b", "c"], 1)
    assert said[2:] == ["", ""], "nobody is told to wait any more"


async def test_without_a_bound_it_makes_all_at_once() -> None:
    press = Press(None)
    registry = registry_of(press=press)
    asked = [ask(registry, prompt) for prompt in "abc"]
    await until(lambda: press.together == 3)
    press.let_go.set()
    await asyncio.gather(*asked)


async def test_whoever_waits_for_a_turn_loses_nothing_of_the_time() -> None:
    press = Press(1)
    registry = registry_of(press=press)
    first, second = ask(registry, "first"), ask(registry, "second", seconds=0.2)
    await asyncio.sleep(0.5)  # more than all of the second one's time
    assert not second.done()
    press.let_go.set()
    await asyncio.gather(first, second)
    assert 0 < press.timeouts[1] <= 0.2


async def test_a_turn_that_does_not_come_is_waited_for_an_hour_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.plugins.time_limit.LONGEST_PAUSE", 0.1)
    press = Press(1)
    registry = registry_of(press=press)
    first, second = ask(registry, "first"), ask(registry, "second", seconds=0.05)
    with pytest.raises(DeadlinePassed):
        await asyncio.wait_for(second, 30)
    press.let_go.set()
    await first


async def test_who_stops_while_waiting_leaves_the_turn_to_the_next() -> None:
    press = Press(1)
    registry = registry_of(press=press)
    said: list[str] = []
    asked = [ask(registry, prompt, say=said.append) for prompt in "abc"]
    await until(lambda: len(said) == 2)
    asked[1].cancel()
    await asyncio.wait({asked[1]})
    late = ask(registry, "d", say=said.append)
    await until(lambda: len(said) == 4)
    assert said[2:] == ["waiting, 1st in line", "waiting, 2nd in line"]
    press.let_go.set()
    await asyncio.gather(asked[0], asked[2], late)
    assert press.begun == ["a", "c", "d"]


async def test_a_picture_that_fails_or_is_stopped_gives_its_turn_back() -> None:
    press = Press(1)
    registry = registry_of(press=press)
    first = ask(registry, "first")
    await until(lambda: press.begun == ["first"])
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    press.let_go.set()
    await ask(registry, "second")


async def test_a_plain_function_has_its_turns_in_one_thread_and_a_hung_one_keeps_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.generation.deadline.CLEANUP", 0.05)
    monkeypatch.setattr("core.workers.CLEANUP", 0.05)
    etching = Etching(1)
    registry = registry_of(press=etching)
    hung = ask(registry, "hung", seconds=0.1)
    with pytest.raises(DeadlinePassed):
        await hung
    waiting = ask(registry, "next")
    await until(lambda: bool(waiting) and working_threads(registry) == 1)
    assert etching.begun == ["hung"], "two must never be on the device at once"
    etching.go_on.set()
    await asyncio.wait_for(waiting, 30)


async def test_two_calls_of_a_middleware_that_wait_at_once_do_not_stop_the_time_twice() -> None:
    class Twice:
        @hookimpl
        def wrap(self, generate: Generate) -> Generate:
            async def twice(request: ImageRequest) -> ImageResult:
                first, _ = await asyncio.gather(generate(request), generate(request))
                return first

            return twice

    press = Press(1)
    registry = registry_of(press=press, twice=Twice())
    first = ask(registry, "first")
    await until(lambda: press.begun == ["first"])
    limit = TimeLimit(30)
    provider = registry.get("press")
    assert provider
    request = ImageRequest(prompt="a", model="one")
    second = asyncio.ensure_future(registry.generate(provider, request, limit=limit))
    await asyncio.sleep(0.2)
    press.let_go.set()
    await asyncio.gather(first, second)
    assert limit.left <= 30


# --- Loading ---


class Loading:
    """A provider with a load step; what happens is written down."""

    def __init__(self, load: Callable[[ImageRequest], Awaitable[None]]) -> None:
        self._load = load
        self.happened: list[str] = []
        self.timeouts: list[float] = []

    @hookimpl
    def describe(self) -> ProviderInfo:
        return ProviderInfo(label="Loading", models=[ModelInfo(id="one")], most_at_once=1)

    @hookimpl
    async def load(self, request: ImageRequest) -> None:
        self.happened.append(f"load {request.prompt}")
        await self._load(request)

    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        self.happened.append(f"generate {request.prompt}")
        self.timeouts.append(request.timeout)
        return ImageResult(PNG)

    @hookimpl
    async def resume(self, request: ImageRequest, handle: Any) -> ImageResult:
        self.happened.append(f"resume {handle}")
        return ImageResult(PNG)


async def slowly(request: ImageRequest) -> None:
    request.report("loading the model", 0.5)
    await asyncio.sleep(0.3)


async def test_it_loads_before_each_picture_in_the_same_turn_and_outside_of_its_time() -> None:
    loading = Loading(slowly)
    registry = registry_of(press=loading)
    said: list[str] = []
    await asyncio.gather(*(ask(registry, prompt, seconds=0.2, say=said.append) for prompt in "ab"))
    assert loading.happened == ["load a", "generate a", "load b", "generate b"]
    assert [words for words in said if "line" not in words] == [
        "loading the model",
        "",
        "",
        "loading the model",
        "",
    ]
    assert all(0.1 < seconds <= 0.2 for seconds in loading.timeouts)


async def test_what_is_taken_up_again_loads_nothing() -> None:
    loading = Loading(slowly)
    registry = registry_of(press=loading)
    provider = registry.get("press")
    assert provider
    await registry.generate(provider, ImageRequest(prompt="a boat", model="one"), handle="job 7")
    assert loading.happened == ["resume job 7"]


async def test_who_is_answered_by_a_middleware_waits_for_no_turn_and_loads_nothing() -> None:
    class Cache:
        @hookimpl
        def wrap(self, generate: Generate) -> Generate:
            async def from_cache(request: ImageRequest) -> ImageResult:
                return ImageResult(PNG)

            return from_cache

    loading = Loading(slowly)
    await ask(registry_of(press=loading, cache=Cache()), "a")
    assert loading.happened == []


async def test_a_load_that_is_stopped_ends_and_makes_no_picture() -> None:
    ended: list[BaseException] = []
    begun = asyncio.Event()

    async def forever(request: ImageRequest) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            ended.append(error)
            raise

    loading = Loading(forever)
    asked = ask(registry_of(press=loading), "a")
    await begun.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert len(ended) == 1
    assert loading.happened == ["load a"]


class BlockingLoad:
    """A provider that loads and draws in a thread."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    @hookimpl
    def describe(self) -> ProviderInfo:
        return ProviderInfo(label="Blocking", models=[ModelInfo(id="one")], most_at_once=1)

    @hookimpl
    def load(self, request: ImageRequest) -> None:
        self.threads.append(threading.current_thread().name)
        while not request.cancelled:
            threading.Event().wait(0.01)
        raise CancelConfirmed

    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:
        raise AssertionError("it was not loaded")


async def test_a_plain_load_runs_in_a_thread_and_learns_that_nobody_waits() -> None:
    blocking = BlockingLoad()
    registry = registry_of(press=blocking)
    asked = ask(registry, "a")
    await until(lambda: bool(blocking.threads))
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asked, 30)
    assert blocking.threads != [threading.current_thread().name]
    await until(lambda: working_threads(registry) == 0)


@pytest.mark.parametrize(
    ("error", "cause", "did_not_run"),
    [
        (ProviderError("provider", why="The memory is too small."), "provider", True),
        (RuntimeError("what nobody expected"), "crash", True),
    ],
)
async def test_a_load_that_fails_has_made_nothing(error: Exception, cause: str, did_not_run: bool) -> None:
    async def fail(request: ImageRequest) -> None:
        raise error

    desk = Calls(answer=slowly)  # pyright: ignore[reportArgumentType]
    desk.registry = registry_of(settings=desk.settings, press=Loading(fail))
    with pytest.raises(GenerationFailed) as failed:
        await desk.ask("press")
    assert (failed.value.failure.cause, failed.value.failure.did_not_run) == (cause, did_not_run)


# --- What hangs, and what must not be billed ---


class ReturnsAllTheSame(BlockingLoad):
    """Its load ends late, as if nobody had stopped it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    @hookimpl
    def load(self, request: ImageRequest) -> None:
        self.threads.append("begun")
        while not request.cancelled:
            threading.Event().wait(0.01)

    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:
        self.asked.append(request.prompt)
        return ImageResult(PNG)


async def test_what_is_stopped_while_it_loads_is_not_sent_after_it() -> None:
    late = ReturnsAllTheSame()
    asked = ask(registry_of(press=late), "a")
    await until(lambda: bool(late.threads))
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asked, 30)
    assert late.asked == []


async def test_an_error_that_is_used_again_has_run_where_it_has_run() -> None:
    busy = ProviderError("unavailable", "busy")

    async def fail_once(request: ImageRequest) -> None:
        if len(loading.happened) == 1:
            raise busy

    class Again(Loading):
        @hookimpl
        async def generate(self, request: ImageRequest) -> ImageResult:
            self.happened.append("sent")
            raise busy

    loading = Again(fail_once)
    registry = registry_of(press=loading)
    with pytest.raises(ProviderError) as first:
        await ask(registry, "a")
    assert (first.value.did_not_run, busy.did_not_run) == (True, False)
    with pytest.raises(ProviderError) as second:
        await ask(registry, "b")
    assert not second.value.did_not_run


class NeverEnds(Press):
    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        self.begun.append(request.prompt)
        while not self.let_go.is_set():
            try:
                await self.let_go.wait()
            except asyncio.CancelledError:
                continue
        return ImageResult(PNG)


async def test_who_waits_for_one_that_never_ends_learns_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.generation.deadline.CLEANUP", 0.05)
    monkeypatch.setattr("core.workers.PATIENCE", 0.1)
    desk, press = Calls(answer=slowly), NeverEnds(1)  # pyright: ignore[reportArgumentType]
    desk.settings = Settings(timeout=0.2)
    desk.registry = registry_of(settings=desk.settings, press=press)
    failure = await desk.fail("press", "first")
    assert failure.cause == "timeout"
    for prompt in ("second", "third"):
        failure = await desk.fail("press", prompt)
        assert "It takes no more at once: an earlier call has not ended" in failure.why
        assert failure.did_not_run
    press.let_go.set()
    assert press.begun == ["first"]


async def test_a_call_that_never_began_is_not_taken_back_from_the_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.workers.PATIENCE", 0.05)
    monkeypatch.setattr("core.workers.CLEANUP", 0.05)
    monkeypatch.setattr("core.generation.deadline.CLEANUP", 0.05)
    etching = Etching(1)
    registry = registry_of(press=etching)
    with pytest.raises(DeadlinePassed):
        await ask(registry, "hung", seconds=0.1)
    provider, count = registry.get("press"), calls.Calls()
    assert provider
    with pytest.raises(ProviderError):
        await registry.generate(provider, ImageRequest(prompt="a", model="one"), count)
    count.begin()
    assert count.may_have_run
    etching.go_on.set()
    await until(lambda: working_threads(registry) == 0)


async def test_the_time_passes_while_one_of_two_calls_is_at_work() -> None:
    limit = TimeLimit(30)
    with limit.call():
        with limit.call(), limit.paused():
            before = limit.left
            await asyncio.sleep(0.02)
            assert limit.left < before
        with limit.paused():
            before = limit.left
            await asyncio.sleep(0.02)
            assert limit.left == pytest.approx(before, abs=0.001)


async def test_the_time_stands_still_for_so_long_altogether(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.plugins.time_limit.LONGEST_PAUSE", 0.04)
    limit = TimeLimit(30)
    before = limit.left
    for _ in range(4):
        with limit.call(), limit.paused():
            await asyncio.sleep(0.02)
    assert limit.left < before - 0.03


async def test_a_shorter_time_that_a_middleware_gives_stays() -> None:
    class Hurry:
        @hookimpl
        def wrap(self, generate: Generate) -> Generate:
            async def hurry(request: ImageRequest) -> ImageResult:
                return await generate(replace(request, timeout=5))

            return hurry

    press = Press(1)
    press.let_go.set()
    await ask(registry_of(press=press, hurry=Hurry()), "a")
    assert press.timeouts == [5]
