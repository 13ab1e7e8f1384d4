"""A provider ends in time, may clean up, and loses no picture by it."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable

import anyio
import pytest

from core.generation import deadline
from core.generation.call import GenerationFailed
from limner import CancelConfirmed, ContentFiltered, ImageRequest, ImageResult, ProviderError
from limner.threads import call_on
from tests.plugins.calls import Calls, key, working_threads  # noqa: F401 (a fixture)
from tests.plugins.installing import site_of

site = site_of("limner-async-echo", "limner-sync-echo")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves a cancelled provider next to no time to clean up."""
    monkeypatch.setattr(deadline, "CLEANUP", 0.05)


def test_a_provider_past_its_deadline_is_cancelled_and_cleans_up() -> None:
    desk = Calls("async-echo", timeout=0.05)
    failure = asyncio.run(desk.fail("async-echo", seconds=120, when_cancelled="linger"))
    assert (failure.cause, failure.did_not_run) == ("timeout", False)
    assert sys.modules["limner_async_echo"].cleaned_up == ["a boat"]


def test_the_providers_own_deadline_comes_before_the_general_one() -> None:
    desk = Calls("async-echo", timeout=60, providers={"async-echo": {"timeout": 0.05}})
    assert asyncio.run(desk.fail("async-echo", seconds=120)).cause == "timeout"


def test_a_result_that_arrives_during_the_clean_up_after_the_deadline_is_kept() -> None:
    desk = Calls("async-echo", timeout=0.05)

    async def main() -> ImageResult:
        return await desk.ask("async-echo", seconds=120, when_cancelled="answer")

    assert asyncio.run(main()).metadata == {"heard": "a boat"}


async def _stopped(picture: asyncio.Task[ImageResult], begun: asyncio.Event, times: int = 1) -> None:
    """Stops a picture that has begun, several times in a row, and waits for its end."""
    await asyncio.wait_for(begun.wait(), 30)
    for _ in range(times):
        picture.cancel()
        await asyncio.sleep(0)
    await asyncio.wait({picture}, timeout=30)


@pytest.mark.parametrize("times", [1, 3])
def test_stop_lets_the_provider_clean_up_however_often_it_is_pressed(times: int) -> None:
    desk = Calls("async-echo")

    async def main() -> bool:
        begun = asyncio.Event()
        picture = desk.ask("async-echo", report=lambda _: begun.set(), seconds=120, when_cancelled="linger")
        await _stopped(picture, begun, times)
        assert sys.modules["limner_async_echo"].cleaned_up == ["a boat"]
        return picture.cancelled()

    assert asyncio.run(main())


def test_a_result_that_arrives_during_the_clean_up_after_stop_is_kept() -> None:
    desk = Calls("async-echo")

    async def main() -> ImageResult:
        begun = asyncio.Event()
        picture = desk.ask("async-echo", report=lambda _: begun.set(), seconds=120, when_cancelled="answer")
        await _stopped(picture, begun)
        return picture.result()

    assert asyncio.run(main()).metadata == {"heard": "a boat"}


@pytest.mark.usefixtures("key")
def test_who_stops_a_picture_that_cleans_up_after_its_deadline_is_not_told_of_the_deadline() -> None:
    cleaning = asyncio.Event()

    async def draw(request: ImageRequest) -> ImageResult:
        try:
            await asyncio.Event().wait()
        finally:
            cleaning.set()
            await asyncio.sleep(0.05)
        raise AssertionError("nobody sets the event")

    async def main() -> None:
        picture = Calls(answer=draw, timeout=0.05).ask("study")
        await _stopped(picture, cleaning)
        assert picture.cancelled()

    asyncio.run(main())


@pytest.mark.parametrize("stop", [True, False])
def test_a_provider_that_does_not_obey_is_left_to_itself(
    stop: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(deadline, "CLEANUP", 0.05)
    desk = Calls("async-echo", timeout=60 if stop else 0.05)

    async def main() -> None:
        begun = asyncio.Event()
        picture = desk.ask("async-echo", report=lambda _: begun.set(), seconds=120, when_cancelled="ignore")
        if stop:
            await _stopped(picture, begun)
            assert picture.cancelled()
        else:
            with pytest.raises(GenerationFailed):
                await asyncio.wait_for(picture, 30)
        # The second cancellation ends what ignores the first.
        await asyncio.wait_for(asyncio.gather(*deadline._abandoned, return_exceptions=True), 30)
        await asyncio.sleep(0)
        assert not deadline._abandoned

    asyncio.run(main())
    assert [
        record.getMessage() for record in caplog.records if record.name == "core.generation.deadline"
    ] == [
        "The plugin async-echo was cancelled, did not end within 0 seconds, and is left to itself",
        "The plugin async-echo, which was left to itself, ended late: was cancelled",
    ]


def test_a_plain_function_past_its_deadline_is_no_longer_waited_for_but_counted(impatient: None) -> None:
    desk = Calls("sync-echo", timeout=0.2)

    async def main() -> None:
        failure = await desk.fail("sync-echo", seconds=120)
        assert (failure.cause, failure.did_not_run) == ("timeout", False)
        assert working_threads(desk.registry) == 1

    asyncio.run(main())
    sys.modules["limner_sync_echo"].let_go.set()
    end = time.monotonic() + 30
    while working_threads(desk.registry):
        assert time.monotonic() < end, "the thread has not ended"
        time.sleep(0.001)


def test_waiting_for_a_thread_that_hangs_counts_against_the_deadline_and_says_so(impatient: None) -> None:
    desk = Calls("sync-echo", timeout=0.2, workers=1)
    said: list[str] = []

    async def main() -> None:
        begun = threading.Event()
        first = desk.ask("sync-echo", "first", lambda _: begun.set(), seconds=120)
        assert await asyncio.to_thread(begun.wait, 30)
        second = desk.ask("sync-echo", "second", said.append)
        with pytest.raises(GenerationFailed):
            await first
        with pytest.raises(GenerationFailed) as failed:
            await asyncio.wait_for(second, 30)
        assert (failed.value.failure.cause, failed.value.failure.did_not_run) == ("timeout", True)

    asyncio.run(main())
    echo = sys.modules["limner_sync_echo"]
    echo.let_go.set()
    assert echo.heard == ["first"]
    assert said == ["waiting, 1st in line", "waiting for one of 1 worker threads"]


def test_hung_calls_are_named_and_nothing_waits_for_them_until_its_deadline(
    impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.workers.PATIENCE", 0.05)
    monkeypatch.setattr("core.workers.CLEANUP", 0.05)
    providers = {"slow": {"uses": "sync-echo", "timeout": 0.2}, "other": {"uses": "sync-echo"}}
    desk = Calls("sync-echo", workers=1, providers=providers)

    async def main() -> None:
        await desk.fail("slow", seconds=120)
        failure = await desk.fail("slow")
        assert (failure.cause, failure.did_not_run) == ("provider", True)
        assert "It takes no more at once: an earlier call has not ended" in failure.why
        assert (await desk.ask("other")).metadata == {"heard": "a boat"}, "it has threads of its own"

    asyncio.run(main())
    sys.modules["limner_sync_echo"].let_go.set()


def test_what_waits_for_a_thread_ends_at_once_when_it_is_stopped_and_never_runs(impatient: None) -> None:
    desk = Calls("sync-echo", workers=1)

    async def main() -> None:
        begun, waits = threading.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        first = desk.ask("sync-echo", "first", lambda _: begun.set(), seconds=120)
        second = desk.ask("sync-echo", "second", lambda _: call_on(loop, waits.set))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deadline, "CLEANUP", 3600)
            await _stopped(second, waits)
        assert second.cancelled()
        assert await asyncio.to_thread(begun.wait, 30)
        first.cancel()
        await asyncio.wait({first}, timeout=30)

    asyncio.run(main())
    echo = sys.modules["limner_sync_echo"]
    echo.let_go.set()
    assert echo.heard == ["first"]


# Plain functions that look whether they should stop


class Looking:
    """Blocks its thread until it is told to stop, and then ends as the test wants."""

    def __init__(self, end: Callable[[], ImageResult]) -> None:
        self._end = end

    def draw(self, request: ImageRequest) -> ImageResult:
        assert not request.cancelled
        request.report("drawing")
        give_up = time.monotonic() + 30
        while not request.cancelled:
            assert time.monotonic() < give_up, "It was never told to stop."
            time.sleep(0.001)
        return self._end()


def _raise(error: BaseException) -> ImageResult:
    raise error


LATE = ImageResult(b"", metadata={"late": True})


@pytest.mark.usefixtures("key")
def test_a_plain_function_learns_of_the_deadline_and_its_late_picture_is_kept() -> None:
    desk = Calls(answer=Looking(lambda: LATE).draw, timeout=0.1)

    async def main() -> ImageResult:
        return await desk.ask("study")

    assert asyncio.run(main()) == LATE


async def _stop_looking(desk: Calls) -> asyncio.Task[ImageResult]:
    """Stops a plain function of the desk while it draws, and returns the call, which has ended."""
    begun, loop = asyncio.Event(), asyncio.get_running_loop()
    picture = desk.ask("study", report=lambda _: call_on(loop, begun.set))
    await _stopped(picture, begun, times=2)
    assert picture.done()
    return picture


@pytest.mark.usefixtures("key")
def test_a_plain_function_learns_of_stop_and_its_late_picture_is_kept() -> None:
    picture = asyncio.run(_stop_looking(Calls(answer=Looking(lambda: LATE).draw)))
    assert picture.result() == LATE


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    ("raised", "confirmed"),
    [
        (CancelConfirmed(), True),
        (asyncio.CancelledError(), False),
        (ProviderError("unavailable"), False),
        (ContentFiltered(), False),
        (ValueError(), False),
    ],
    ids=repr,
)
def test_whatever_a_plain_function_raises_when_it_is_told_to_stop_is_its_end(
    raised: BaseException, confirmed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    draw = Looking(lambda: _raise(raised)).draw

    async def stop() -> BaseException | None:
        try:
            await (await _stop_looking(Calls(answer=draw)))
        except asyncio.CancelledError as error:
            return error
        return None

    ended = asyncio.run(stop())
    assert isinstance(ended, asyncio.CancelledError)
    assert CancelConfirmed.is_in(ended) == confirmed
    failure = asyncio.run(Calls(answer=draw, timeout=0.1).fail("study"))
    assert (failure.cause, failure.did_not_run) == ("timeout", False)
    assert ("billed" in failure.why) != confirmed
    assert caplog.messages == []


@pytest.mark.usefixtures("key")
def test_an_async_function_may_look_too() -> None:
    seen: list[bool] = []

    async def draw(request: ImageRequest) -> ImageResult:
        seen.append(request.cancelled)
        try:
            await asyncio.sleep(60)
        finally:
            seen.append(request.cancelled)
        return LATE

    assert asyncio.run(Calls(answer=draw, timeout=0.05).fail("study")).cause == "timeout"
    assert seen == [False, True]


# Providers that use the scopes of anyio


class Scoped:
    """Waits in a group of tasks, and cleans up in a shielded scope."""

    def __init__(self) -> None:
        self.cleaned_up = 0

    async def draw(self, request: ImageRequest) -> ImageResult:
        with anyio.move_on_after(0) as impatient:
            await anyio.sleep(60)
        assert impatient.cancelled_caught
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep, 60)
                request.report("waiting")
                if request.prompt == "quick":
                    group.cancel_scope.cancel()
                await anyio.sleep(60)
        finally:
            with anyio.move_on_after(5, shield=True):
                await anyio.sleep(0.01)
                self.cleaned_up += 1
        return ImageResult(b"", metadata={"moved": "on"})


@pytest.mark.usefixtures("key")
def test_a_scope_that_a_provider_cancels_itself_is_its_own_affair() -> None:
    desk = Calls(answer=Scoped().draw)

    async def main() -> ImageResult:
        return await asyncio.wait_for(desk.ask("study", "quick"), 30)

    assert asyncio.run(main()).metadata == {"moved": "on"}


@pytest.mark.usefixtures("key")
def test_the_deadline_reaches_into_a_providers_scopes() -> None:
    scoped = Scoped()
    failure = asyncio.run(Calls(answer=scoped.draw, timeout=0.1).fail("study"))
    assert (failure.cause, scoped.cleaned_up) == ("timeout", 1)


@pytest.mark.usefixtures("key")
def test_stop_reaches_into_a_providers_scopes() -> None:
    scoped = Scoped()
    desk = Calls(answer=scoped.draw)

    async def main() -> bool:
        begun = asyncio.Event()
        picture = desk.ask("study", report=lambda _: begun.set())
        await _stopped(picture, begun)
        return picture.cancelled()

    assert asyncio.run(main())
    assert scoped.cleaned_up == 1
