"""The bridge to a thread: its outcome arrives on the loop, and nothing that it does ends anything else."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from limner.threads import call_in_thread, call_on


def test_it_is_a_daemon_with_a_name_and_the_callers_context() -> None:
    of_caller = contextvars.ContextVar("of_caller", default="nobody")

    def look() -> tuple[str, str, bool]:
        thread = threading.current_thread()
        return of_caller.get(), thread.name, thread.daemon

    async def main() -> tuple[str, str, bool]:
        of_caller.set("the caller")
        return await call_in_thread(look, "limner-look")

    assert asyncio.run(main()) == ("the caller", "limner-look", True)


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
def test_what_it_raises_arrives_in_a_form_that_the_loop_bears(raised: BaseException, arrives: str) -> None:
    def fail() -> None:
        raise raised

    async def main() -> BaseException | None:
        (error,) = await asyncio.gather(call_in_thread(fail), return_exceptions=True)
        return error

    error = asyncio.run(main())
    assert f"{type(error).__name__}: {error}" == arrives
    assert raised in (error, error.__cause__ if error else None)


@pytest.mark.parametrize("fails", [False, True])
def test_nobody_hears_of_one_whose_caller_is_gone(fails: bool, caplog: pytest.LogCaptureFixture) -> None:
    begun, go, threads = threading.Event(), threading.Event(), list[threading.Thread]()

    def work() -> None:
        threads.append(threading.current_thread())
        begun.set()
        go.wait(5)
        if fails:
            raise ValueError

    async def cancel() -> None:
        waits = call_in_thread(work)
        await asyncio.to_thread(begun.wait, 5)
        waits.cancel()
        go.set()
        await asyncio.to_thread(threads[0].join, 5)
        await asyncio.sleep(0)
        assert waits.cancelled()

    asyncio.run(cancel())
    assert caplog.messages == []


def test_a_loop_that_is_closed_meanwhile_is_let_be() -> None:
    begun, go, threads = threading.Event(), threading.Event(), list[threading.Thread]()

    def work() -> None:
        threads.append(threading.current_thread())
        begun.set()
        go.wait(5)

    async def leave() -> None:
        call_in_thread(work)
        await asyncio.to_thread(begun.wait, 5)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave())
    loop.close()
    go.set()
    threads[0].join(5)  # an exception in it would fail the test
    assert not threads[0].is_alive()
    call_on(loop, lambda: pytest.fail("the loop is closed"))
