"""Worker threads are few, counted until they really end, and hold up nothing and nobody."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
import weakref
from typing import Any

import pytest

from core.workers import OnlyHungCalls, Turns, Workers
from tests.serving import ROOT
from tests.waiting import until


def test_a_function_runs_in_a_daemon_with_the_callers_context() -> None:
    of_caller = contextvars.ContextVar("of_caller", default="nobody")

    def look() -> tuple[str, bool]:
        return of_caller.get(), threading.current_thread().daemon

    async def main() -> tuple[str, bool]:
        of_caller.set("the caller")
        return await Workers(1).run(look)

    assert asyncio.run(main()) == ("the caller", True)


def test_no_more_run_at_once_than_there_may_and_the_others_come_in_order() -> None:
    workers, go = Workers(2), [threading.Event() for _ in range(6)]
    begun: list[int] = []
    told_to_wait: list[tuple[int, int]] = []

    def work(number: int) -> int:
        begun.append(number)
        go[number].wait(5)
        return number

    async def main() -> list[int]:
        calls = [
            asyncio.create_task(
                workers.run(lambda n=n: work(n), lambda place, n=n: told_to_wait.append((n, place)))
            )
            for n in range(6)
        ]
        await until(lambda: len(told_to_wait) == 4 and len(begun) == 2)
        assert workers.turns.running == 2
        assert sorted(begun) == [0, 1]
        for number in (0, 1):
            go[number].set()
        await until(lambda: len(begun) == 4)
        for event in go:
            event.set()
        return await asyncio.gather(*calls)

    assert asyncio.run(main()) == list(range(6))
    assert workers.turns.running == 0
    assert told_to_wait[:4] == [(2, 1), (3, 2), (4, 3), (5, 4)], "and their places"
    assert sorted(begun[2:4]) == [2, 3]


def test_a_cancelled_caller_leaves_at_once_and_its_thread_still_counts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    workers, begun, go = Workers(1), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait(5)

    async def main() -> None:
        call = asyncio.create_task(workers.run(work))
        await until(begun.is_set)
        call.cancel()
        await asyncio.wait({call}, timeout=1)
        assert call.cancelled()
        assert workers.turns.running == 1
        waits = asyncio.Event()
        next_call = asyncio.create_task(workers.run(lambda: "next", lambda _: waits.set()))
        await asyncio.wait_for(waits.wait(), 5)
        assert not next_call.done()
        go.set()
        assert await asyncio.wait_for(next_call, 5) == "next"
        assert workers.turns.running == 0

    asyncio.run(main())
    assert caplog.messages == []


def test_a_function_that_is_told_of_the_cancellation_still_returns_its_result() -> None:
    workers, begun, told = Workers(1), threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        return "late" if told.wait(30) else "never told"

    async def main() -> str:
        call = asyncio.create_task(workers.run(work, on_cancel=told.set))
        await until(begun.is_set)
        call.cancel()
        return await asyncio.wait_for(call, 30)

    assert asyncio.run(main()) == "late"
    assert workers.turns.running == 0


def test_a_function_that_fails_when_it_is_told_of_the_cancellation_is_cancelled() -> None:
    """Its error would be one more reason to try again, for what stands around it."""
    workers, begun, told = Workers(1), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        told.wait(30)
        raise ValueError

    async def main() -> bool:
        call = asyncio.create_task(workers.run(work, on_cancel=told.set))
        await until(begun.is_set)
        call.cancel()
        await asyncio.wait({call}, timeout=30)
        return call.cancelled()

    assert asyncio.run(main())


@pytest.mark.parametrize("twice", [True, False])
def test_a_function_that_goes_on_is_left_when_its_time_is_over_or_its_caller_cancelled_again(
    twice: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("core.workers.CLEANUP", 3600 if twice else 0.02)
    workers, begun, told, go = Workers(1), threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait(30)
        raise ValueError("nobody hears of it")

    async def main() -> None:
        call = asyncio.create_task(workers.run(work, on_cancel=told.set))
        await until(begun.is_set)
        call.cancel()
        await until(told.is_set)
        if twice:
            assert not call.done()
            call.cancel()
        await asyncio.wait({call}, timeout=30)
        assert call.cancelled()
        assert workers.turns.running == 1
        go.set()
        await until(lambda: workers.turns.running == 0)

    asyncio.run(main())
    assert caplog.messages == []


def test_who_waits_for_hung_calls_alone_learns_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.workers.PATIENCE", 0.02)
    workers, go = Workers(2), threading.Event()
    begun: list[threading.Thread] = []

    def hang() -> None:
        begun.append(threading.current_thread())
        go.wait(30)

    async def main() -> None:
        calls = [asyncio.create_task(workers.run(hang)) for _ in range(2)]
        await until(lambda: len(begun) == 2)
        calls[0].cancel()
        waits = asyncio.create_task(workers.run(lambda: "late"))
        await asyncio.wait({waits}, timeout=0.2)
        assert not waits.done(), "one of the two may still end"
        calls[1].cancel()
        with pytest.raises(OnlyHungCalls) as refused:
            await asyncio.wait_for(waits, 30)
        assert refused.value.hung == 2
        go.set()
        await until(lambda: workers.turns.running == 0)
        assert await asyncio.wait_for(workers.run(lambda: "again"), 30) == "again"
        assert workers.turns.hung == 0

    asyncio.run(main())


def test_a_caller_that_is_cancelled_while_it_waits_takes_no_turn_from_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    workers, go = Workers(1), threading.Event()
    ran: list[str] = []

    async def main() -> None:
        wait: list[str] = []
        first = asyncio.create_task(workers.run(lambda: go.wait(5)))
        waiting = [
            asyncio.create_task(workers.run(lambda n=n: ran.append(n), lambda _, n=n: wait.append(n)))
            for n in ("a", "b")
        ]
        await until(lambda: wait == ["a", "b"])
        waiting[0].cancel()
        go.set()
        await asyncio.wait_for(asyncio.gather(first, waiting[1]), 5)
        assert waiting[0].cancelled()

    asyncio.run(main())
    assert ran == ["b"]
    assert caplog.messages == []
    assert workers.turns.running == 0


def test_one_loop_that_ends_neither_loses_a_thread_nor_keeps_another_loop_waiting() -> None:
    workers, go = Workers(1), threading.Event()

    async def leave_both_behind() -> list[asyncio.Task[Any]]:
        waits = asyncio.Event()
        left = [asyncio.create_task(workers.run(lambda: go.wait(5), lambda _: waits.set())) for _ in range(2)]
        await waits.wait()
        return left

    gone = asyncio.new_event_loop()
    left = gone.run_until_complete(leave_both_behind())
    gone.close()

    async def main() -> str:
        waits = asyncio.Event()
        call = asyncio.create_task(workers.run(lambda: "after all", lambda _: waits.set()))
        await waits.wait()
        go.set()
        return await asyncio.wait_for(call, 5)

    assert asyncio.run(main()) == "after all"
    assert workers.turns.running == 0
    assert [task.done() for task in left] == [False, False]


def test_two_loops_share_the_threads() -> None:
    workers, results = Workers(1), []

    async def main(name: str) -> None:
        results.extend(await asyncio.gather(*(workers.run(lambda: name) for _ in range(20))))

    loops = [threading.Thread(target=lambda n=n: asyncio.run(main(n))) for n in ("one", "other")]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join(5)
    assert sorted(results) == ["one"] * 20 + ["other"] * 20


@pytest.mark.parametrize(
    ("raised", "arrives"),
    [
        (ValueError("as it is"), "ValueError: as it is"),
        (StopIteration(), "RuntimeError: StopIteration in a worker thread"),
        (SystemExit(3), "RuntimeError: SystemExit in a worker thread"),
        (asyncio.CancelledError(), "RuntimeError: CancelledError in a worker thread"),
    ],
    ids=repr,
)
def test_what_a_function_raises_arrives_in_a_form_that_ends_nothing_else(
    raised: BaseException, arrives: str
) -> None:
    def fail() -> None:
        raise raised

    async def main() -> BaseException | None:
        (error,) = await asyncio.gather(Workers(1).run(fail), return_exceptions=True)
        return error

    error = asyncio.run(main())
    assert f"{type(error).__name__}: {error}" == arrives
    assert raised in (error, error.__cause__ if error else None)


def test_a_system_without_threads_loses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers(1)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> str:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="new thread"):
                await workers.run(lambda: "")
        return await asyncio.wait_for(workers.run(lambda: "again"), 5)

    assert asyncio.run(main()) == "again"


def test_a_thread_that_never_ends_does_not_hold_up_the_exit() -> None:
    script = """
import asyncio, threading
from core.workers import OnlyHungCalls, Turns, Workers
async def main():
    begun = threading.Event()
    def forever():
        begun.set()
        threading.Event().wait()
    call = asyncio.create_task(Workers(1).run(forever))
    while not begun.is_set():
        await asyncio.sleep(0.001)
asyncio.run(main())
print("the end")
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=20
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("the end\n", "", 0)


def test_a_thread_is_used_again_and_ends_when_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.workers.IDLE", 0.05)
    workers = Workers(2)

    async def main() -> set[threading.Thread]:
        threads: set[threading.Thread] = set()
        for _ in range(20):
            threads.add(await workers.run(threading.current_thread))
            await until(lambda: workers._idle > 0)
        await until(lambda: not any(thread.is_alive() for thread in threads))
        threads.add(await workers.run(threading.current_thread))  # a new one
        return threads

    assert len(asyncio.run(main())) == 2


def test_what_is_given_to_a_thread_that_is_about_to_end_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work may come in the moment in which a thread has waited for long enough."""
    monkeypatch.setattr("core.workers.IDLE", 0.0)

    async def main() -> list[int]:
        workers = Workers(3)
        return [
            done
            for at in range(300)
            for done in await asyncio.gather(*(workers.run(lambda n=n: n) for n in range(at % 4)))
        ]

    assert len(asyncio.run(asyncio.wait_for(main(), 60))) == 450


def test_a_thread_that_waits_keeps_nothing_of_its_last_work() -> None:
    class Large:
        """What a function refers to."""

    async def main() -> None:
        workers, large = Workers(1), Large()
        kept = weakref.ref(large)
        await workers.run(lambda large=large: None)
        del large
        await until(lambda: workers._idle > 0 and kept() is None)

    asyncio.run(main())


def test_there_are_never_more_threads_than_workers() -> None:
    names: list[int] = []

    def look() -> None:
        names.append(sum(thread.name == "limner-worker" for thread in threading.enumerate()))

    async def main() -> None:
        before = sum(thread.name == "limner-worker" for thread in threading.enumerate())
        workers = Workers(3)
        for _ in range(30):
            await asyncio.gather(*(workers.run(look) for _ in range(20)))
        assert max(names) - before <= 3

    asyncio.run(main())


async def in_order(turns: Turns, who: str, order: list[str]) -> None:
    turn = await turns.take(lambda _: None)
    order.append(who)
    turn.end()


def test_nobody_overtakes_whoever_waits_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.workers.PATIENCE", 0.2)
    turns, order = Turns(1), list[str]()

    async def main() -> None:
        first = await turns.take(lambda _: None)
        second = asyncio.create_task(in_order(turns, "second", order))
        await asyncio.sleep(0.1)
        third = asyncio.create_task(in_order(turns, "third", order))
        await asyncio.sleep(0.15)  # the second has looked again since, and the third has not
        first.end()
        await in_order(turns, "whoever comes just then", order)
        await asyncio.gather(second, third)

    asyncio.run(main())
    assert order == ["second", "third", "whoever comes just then"]
