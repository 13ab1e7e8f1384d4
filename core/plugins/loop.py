"""An event loop that no plugin can end, hold up with its threads, or keep from ending."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import Context, ContextVar
from typing import Any, TypeVar

from core.workers import CLEANUP
from limner.loops import run_on

T = TypeVar("T")
log = logging.getLogger(__name__)

at_work: ContextVar[str] = ContextVar("limner_plugin", default="")
"""The plugin that is called: its tasks, callbacks and worker threads inherit it."""
asked: ContextVar[str] = ContextVar("limner_provider", default="")
"""The provider that is asked for the picture, by its name in the settings: several may use one plugin."""

if sys.platform == "win32":
    _Usual = asyncio.ProactorEventLoop
else:
    _Usual = asyncio.SelectorEventLoop


class ServingLoop(_Usual):
    """The usual event loop, which goes on after `sys.exit` in a task or a callback, and after its `stop`.

    Either ends `run_forever`, and so the server, for everybody; the log names the plugin that did it.
    Each plugin has threads of its own for each provider, for `asyncio.to_thread` and for the look-ups of
    names that go with its connections: one that fills them with calls that hang, or ends them, takes none
    from another, or from the host.
    """

    def __init__(self) -> None:
        super().__init__()
        self._stopped_by: str | None = None
        self._executors: dict[tuple[str, str], Executor] = {}

    def run_in_executor(
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        if executor is not None or not at_work.get():
            return super().run_in_executor(executor, func, *args)
        key = at_work.get(), asked.get()
        try:
            return super().run_in_executor(self._executors[key], func, *args)
        except (KeyError, RuntimeError):  # there is none yet, or the plugin has shut it down
            self._executors[key] = ThreadPoolExecutor(thread_name_prefix=key[0])
            return super().run_in_executor(self._executors[key], func, *args)

    def set_default_executor(self, executor: ThreadPoolExecutor) -> None:
        if at_work.get():
            self._executors[at_work.get(), asked.get()] = executor
        else:
            super().set_default_executor(executor)

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        if not at_work.get():
            await super().shutdown_default_executor(*timeout)
        elif own := self._executors.pop((at_work.get(), asked.get()), None):
            own.shutdown(wait=False)

    def close(self) -> None:
        super().close()
        for executor in self._executors.values():
            executor.shutdown(wait=False)

    def stop(self) -> None:
        self._stopped_by = at_work.get()
        super().stop()

    def run_until_complete(self, future: Any) -> Any:
        task = asyncio.ensure_future(future, loop=self)
        while True:
            self._stopped_by = None
            try:
                return super().run_until_complete(task)
            except (SystemExit, KeyboardInterrupt) as error:
                if task.done():
                    raise
                _report(_culprit(error), f"raised {type(error).__name__} in a task of its own", error)
            except RuntimeError:
                if task.done() or self._stopped_by is None:
                    raise
                _report(self._stopped_by, "stopped the event loop")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs work as `asyncio.run` does, which would wait for ever for what plugins leave behind."""
    return run_on(ServingLoop(), work, CLEANUP)


def loop_factory(use_subprocess: bool = False) -> Callable[[], asyncio.AbstractEventLoop]:
    """Returns what makes the loop, in the form in which uvicorn asks for it."""
    return ServingLoop


def _report(plugin: str, did: str, error: BaseException | None = None) -> None:
    who = f"The plugin {plugin}" if plugin else "A plugin, or something else that runs here,"
    log.error("%s %s, which would have ended Limner: tell its author", who, did, exc_info=error)


def _culprit(error: BaseException) -> str:
    """Returns the plugin in whose context an error was raised: that of the loop's handle, which ran it."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        context = getattr(frame.f_locals.get("self"), "_context", None)
        if isinstance(context, Context) and (plugin := context.get(at_work)):
            return plugin
    return ""
