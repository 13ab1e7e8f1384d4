"""Waits for a call until its deadline, and lets a cancelled call clean up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from core.plugins.time_limit import TimeLimit
from core.workers import CLEANUP
from limner.errors import CancelConfirmed

T = TypeVar("T")

log = logging.getLogger(__name__)

_abandoned: set[asyncio.Task[Any]] = set()
"""Calls that did not end in that time; the event loop alone would not keep them alive."""


class DeadlinePassed(Exception):
    """The call was cancelled at its deadline, and returned nothing while it cleaned up."""

    def __init__(self, plugin: str, was_cancelled: bool = False) -> None:
        super().__init__()
        self.plugin = plugin
        """The one that was at work then."""
        self.was_cancelled = was_cancelled
        """Whether the service confirmed that it ended the request."""


class Escaped(Exception):
    """The call cancelled itself or raised what is no `Exception`, which would end its caller too."""


async def before_deadline(
    call: Coroutine[Any, Any, T],
    limit: TimeLimit,
    on_cancel: Callable[[], None] = lambda: None,
    at_work: Callable[[], str] = lambda: "",
) -> T:
    """Awaits a call; when its time is over, or when cancelled itself, cancels it and lets it clean up.

    `on_cancel` is called just before that, and `at_work` names the plugin that is to clean up. A result that
    arrives during the clean-up is still returned: it may have been paid for. Raises DeadlinePassed, Escaped,
    CancelledError if the caller was cancelled, and every Exception that the call raises before its deadline.
    """
    task = asyncio.ensure_future(call)
    is_stopped = False
    try:
        while not task.done() and (left := limit.left) > 0:  # it may have stood still meanwhile
            await asyncio.wait({task}, timeout=max(left, 0.1))  # little may be left, and stay so
    except asyncio.CancelledError:
        is_stopped = True
    if is_stopped or not task.done():
        on_cancel()
        plugin = at_work()
        is_stopped = await _cancel(task) or is_stopped
        if not _has_result(task, plugin):
            if not is_stopped:
                raise DeadlinePassed(plugin, _is_confirmed(task))
            raise CancelConfirmed if _is_confirmed(task) else asyncio.CancelledError
    try:
        return task.result()
    except Exception:
        raise
    except BaseException as error:
        raise Escaped from error


async def _cancel(task: asyncio.Task[Any]) -> bool:
    """Cancels a call, waits as long as it may clean up, and returns whether Stop was pressed meanwhile."""
    loop = asyncio.get_running_loop()
    is_stopped = False
    task.cancel()
    end = loop.time() + CLEANUP
    while not task.done() and loop.time() < end:
        try:
            await asyncio.wait({task}, timeout=end - loop.time())
        except asyncio.CancelledError:  # which shortens nothing
            is_stopped = True
    return is_stopped


def _has_result(task: asyncio.Task[Any], plugin: str) -> bool:
    """Whether a cancelled call still returned a result; the log says what else became of it."""
    if not task.done():
        log.warning(
            "The plugin %s was cancelled, did not end within %.0f seconds, and is left to itself",
            plugin,
            CLEANUP,
        )
        task.cancel()
        _abandoned.add(task)
        task.add_done_callback(partial(_forget, plugin))
        return False
    if not task.cancelled() and (error := task.exception()):
        log.warning("The plugin %s was cancelled, and failed while it cleaned up", plugin, exc_info=error)
        return False
    return not task.cancelled()


def _is_confirmed(task: asyncio.Task[Any]) -> bool:
    """Whether a cancelled call says that the service ended the request."""
    if not task.done() or not task.cancelled():
        return False
    try:
        task.result()
    except asyncio.CancelledError as error:
        return CancelConfirmed.is_in(error)
    return False


def _forget(plugin: str, task: asyncio.Task[Any]) -> None:
    """Takes the late outcome of an abandoned call, so that asyncio does not complain that nobody read it."""
    _abandoned.discard(task)
    late = "was cancelled" if task.cancelled() else type(task.exception() or task.result()).__name__
    log.warning("The plugin %s, which was left to itself, ended late: %s", plugin, late)
