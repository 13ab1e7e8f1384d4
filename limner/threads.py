"""Calls from an event loop into a thread, and back."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def call_in_thread(function: Callable[[], T], name: str = "limner") -> asyncio.Future[T]:
    """Calls a function in a daemon thread of its own, and returns the future of its outcome.

    The function sees the caller's context variables. The future raises what the function raises;
    RuntimeError instead of StopIteration or of anything but an `Exception`, which an event loop cannot
    handle. If the future is cancelled or the loop closes, the thread runs on: nothing can stop it, but
    unlike the threads of `asyncio.to_thread` it does not block the program's exit.

    Raises RuntimeError if the system cannot start a thread.
    """
    outcome, work = as_work(function)
    threading.Thread(target=work, daemon=True, name=name).start()
    return outcome


def as_work(function: Callable[[], T]) -> tuple[asyncio.Future[T], Callable[[], None]]:
    """Returns the future of a function's outcome, and what a thread has to call for it.

    The future is the one that `call_in_thread` describes.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: Any, error: Exception | None) -> None:
        if outcome.done():  # the caller was cancelled
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)

    def work() -> None:
        result, error = None, None
        try:
            result = context.run(function)
        except BaseException as raised:
            error = _as_exception(raised)
        call_on(loop, lambda: settle(result, error))

    return outcome, work


def call_on(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Calls a function soon on an event loop, from any thread; does nothing if the loop is closed."""
    with suppress(RuntimeError):  # it may close just now, so asking first would not do
        loop.call_soon_threadsafe(callback)


def _as_exception(raised: BaseException) -> Exception:
    if isinstance(raised, Exception) and not isinstance(raised, StopIteration):
        return raised
    error = RuntimeError(f"{type(raised).__name__} in a worker thread")
    error.__cause__ = raised
    return error
