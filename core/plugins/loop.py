"""An event loop that no plugin's task can end."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import Any

log = logging.getLogger(__name__)

at_work: ContextVar[str] = ContextVar("limner_plugin", default="")
"""The plugin that is called: its tasks, callbacks and worker threads inherit it."""

if sys.platform == "win32":
    _Usual = asyncio.ProactorEventLoop
else:
    _Usual = asyncio.SelectorEventLoop


class ServingLoop(_Usual):
    """The usual event loop, which goes on after `sys.exit` in a task or a callback, and after its `stop`.

    Either ends `run_forever`, and so the server, for everybody; the log names the plugin that did it.
    """

    _stopped_by: str | None = None

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


def loop_factory(use_subprocess: bool = False) -> Callable[[], asyncio.AbstractEventLoop]:
    """Returns what makes the loop, in the form in which uvicorn asks for it."""
    return ServingLoop


def _report(plugin: str, did: str, error: BaseException | None = None) -> None:
    who = f"The plugin {plugin}" if plugin else "A plugin, or something else that runs here,"
    log.error("%s %s, which would have ended the server: tell its author", who, did, exc_info=error)


def _culprit(error: BaseException) -> str:
    """Returns the plugin in whose context an error was raised: that of the loop's handle, which ran it."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        context = getattr(frame.f_locals.get("self"), "_context", None)
        if isinstance(context, Context) and (plugin := context.get(at_work)):
            return plugin
    return ""
