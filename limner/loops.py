"""Runs work on an event loop, and ends the loop without waiting for ever for what plugins leave on it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_on(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], cleanup: float) -> T:
    """Runs work as `asyncio.run` does, on a loop that is closed at its end.

    Tasks that are left then are cancelled and have `cleanup` seconds to end, and threads none.
    """
    try:
        return loop.run_until_complete(work)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        ending = {*left, loop.create_task(loop.shutdown_asyncgens())}
        loop.run_until_complete(asyncio.wait(ending, timeout=cleanup))
        loop.set_exception_handler(_say_nothing)  # of those that have not ended
        loop.close()
        if stubborn := [task for task in left if not task.done()]:
            _keep_for_ever(stubborn)


def _keep_for_ever(tasks: list[Any]) -> None:
    """Keeps tasks from being collected, also at the end of the program.

    Their coroutines would run on then, and one that ignores every error would do so for ever.
    """
    tasks.append(tasks)
    gc.freeze()


def _say_nothing(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Is told of what goes wrong on a loop that has ended."""
