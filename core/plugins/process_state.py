"""What a plugin must leave as it is while it is imported: what all share in this process."""

from __future__ import annotations

import asyncio
import builtins
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any

_MODULES: tuple[ModuleType, ...] = (builtins, json)
"""Modules of Python whose functions are put back."""
_STREAMS = ("stdin", "stdout", "stderr")
_POLICY = "_event_loop_policy"
"""Of `asyncio.events`; the functions for it warn that they will go."""


class ProcessState:
    """The state of this process at one moment."""

    def __init__(self) -> None:
        self._folder = _folder()
        self._environment = dict(os.environ)
        self._streams: dict[str, Any] = {name: getattr(sys, name) for name in _STREAMS}
        self._recursion = sys.getrecursionlimit()
        self._policy: Any = getattr(asyncio.events, _POLICY, None)
        self._signals = _handlers()
        self._functions = {module: dict(vars(module)) for module in _MODULES}
        self._threads = {*threading.enumerate()}

    def put_back(self) -> list[str]:
        """Puts back what has changed since then, as far as that can be, and returns what it was, in words.

        Variables of the environment and threads stay.
        """
        return [*self._changed()]

    def _changed(self) -> Iterator[str]:
        if self._folder and self._folder != _folder():
            os.chdir(self._folder)
            yield "the working folder"
        for name, stream in self._streams.items():
            if getattr(sys, name) is not stream:
                setattr(sys, name, stream)
                yield f"sys.{name}"
        if sys.getrecursionlimit() < self._recursion:
            sys.setrecursionlimit(self._recursion)
            yield "the recursion limit"
        if getattr(asyncio.events, _POLICY, None) is not self._policy:
            setattr(asyncio.events, _POLICY, self._policy)
            yield "the policy of event loops"
        for number, handler in _handlers().items():
            if handler != self._signals[number]:
                with suppress(ValueError, TypeError):  # in another thread; or it was not set by Python
                    signal.signal(number, self._signals[number])
                yield f"what {signal.Signals(number).name} does"
        for module, before in self._functions.items():
            names = [name for name, value in before.items() if vars(module).get(name) is not value]
            for name in names:
                setattr(module, name, before[name])
                yield f"{module.__name__}.{name}"
        if names := sorted(
            name
            for name in self._environment.keys() | os.environ.keys()
            if self._environment.get(name) != os.environ.get(name)
        ):
            yield f"the environment ({', '.join(names)})"
        for thread in {*threading.enumerate()} - self._threads:
            if not thread.daemon:
                yield f"the threads, by one that is no daemon ({thread.name})"


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return None


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in signal.Signals}
