"""What a plugin must leave as it is while it is imported: what all share in this process."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from core.plugins.functions import Functions

resource: Any = import_module("resource") if find_spec("resource") else None  # not on Windows
_STREAMS = ("stdin", "stdout", "stderr")
_OBJECTS: tuple[tuple[ModuleType, str], ...] = (
    *((sys, name) for name in _STREAMS),
    (sys, "modules"),
    (os, "environ"),
)
_SEARCHES = ("path", "meta_path", "path_hooks")
"""Of `sys`: where modules are looked for."""
_HAS_MASKS = hasattr(signal, "pthread_sigmask")  # not on Windows
_TIMERS = [getattr(signal, name) for name in dir(signal) if name.startswith("ITIMER_")]  # none on Windows
_LIMITS = {getattr(resource, name): name for name in reversed(dir(resource)) if name.startswith("RLIMIT_")}
_POLICY = "_event_loop_policy"
"""Of `asyncio.events`; the functions for it warn that they will go."""


class ProcessState:
    """The state of this process at one moment."""

    def __init__(self) -> None:
        self._folder = _folder()
        self._environment = dict(os.environ)
        self._objects = [(place, name, getattr(place, name)) for place, name in _OBJECTS]
        self._closed = _closed()
        self._recursion = sys.getrecursionlimit()
        self._policy: Any = getattr(asyncio.events, _POLICY, None)
        self._signals = _handlers()
        self._blocked = signal.pthread_sigmask(signal.SIG_BLOCK, []) if _HAS_MASKS else set[int]()
        self._search = {name: list(getattr(sys, name)) for name in _SEARCHES}
        self._modules = dict(sys.modules)
        self._silenced = logging.root.manager.disable
        self._functions = Functions()
        self._process = os.getpid()
        self._limits: dict[int, int] = {kind: resource.getrlimit(kind)[0] for kind in _LIMITS}
        self._mask = _file_mask()
        self._timers = _running_timers()
        self._threads = {*threading.enumerate()}

    def put_back(self) -> list[str]:
        """Puts back what has changed since then, as far as that can be, and returns what it was, in words.

        Variables of the environment and threads stay.
        """
        return [*self._changed()]

    def _changed(self) -> Iterator[str]:
        yield from self._functions.put_back()
        if os.getpid() != self._process:  # a plugin has forked, and comes back here twice
            os._exit(1)
        if self._folder and self._folder != _folder():
            with suppress(OSError):  # it was deleted, or may not be entered
                os.chdir(self._folder)
            yield "the working folder"
        for place, name, one in self._objects:
            if getattr(place, name, None) is not one:
                setattr(place, name, one)
                yield f"{place.__name__}.{name}"
        for name in sorted(_closed() - self._closed):
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115
            yield f"sys.{name}, which is closed"
        yield from self._lost()
        if sys.getrecursionlimit() < self._recursion:
            sys.setrecursionlimit(self._recursion)
            yield "the recursion limit"
        policy = getattr(asyncio.events, _POLICY, None)
        is_usual = self._policy is None and type(policy).__module__.startswith("asyncio.")
        if policy is not self._policy and not is_usual:
            setattr(asyncio.events, _POLICY, self._policy)
            yield "the policy of event loops"
        for number, handler in _handlers().items():
            if handler != self._signals[number]:
                with suppress(ValueError, TypeError):  # in another thread; or it was not set by Python
                    signal.signal(number, self._signals[number])
                yield f"what {signal.Signals(number).name} does"
        if _HAS_MASKS and signal.pthread_sigmask(signal.SIG_BLOCK, []) != self._blocked:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._blocked)
            yield "which signals arrive"
        yield from self._scarce()
        if names := sorted(
            name
            for name in self._environment.keys() | os.environ.keys()
            if self._environment.get(name) != os.environ.get(name)
        ):
            yield f"the environment ({', '.join(names)})"
        for thread in {*threading.enumerate()} - self._threads:
            if not thread.daemon:
                yield f"the threads, by one that is no daemon ({thread.name})"

    def _scarce(self) -> Iterator[str]:
        """Puts back what lets the process do less, or ends it later."""
        for kind, before in self._limits.items():
            now, most = resource.getrlimit(kind)
            if _is_less(now, before):
                with suppress(ValueError, OSError):
                    resource.setrlimit(kind, (most if _is_less(most, before) else before, most))
                yield f"a limit of this process ({_LIMITS[kind]})"
        if _file_mask() != self._mask:
            os.umask(self._mask)
            yield "who may read new files (umask)"
        for timer in _running_timers() - self._timers:
            signal.setitimer(timer, 0)
            yield "the timers, by one that sends a signal"

    def _lost(self) -> Iterator[str]:
        """Puts back what is gone, and leaves what is new: other plugins may need both."""
        for name, before in self._search.items():
            now: Any = getattr(sys, name, None)
            if not isinstance(now, list):
                setattr(sys, name, now := [])
            if gone := [one for one in before if one not in now]:
                now[:] = [*now, *gone]
                yield f"sys.{name}, of which {len(gone)} were gone"
        if names := sorted(name for name, one in self._modules.items() if one and not sys.modules.get(name)):
            sys.modules.update({name: self._modules[name] for name in names})
            yield f"sys.modules ({', '.join(names[:5])})"
        if logging.root.manager.disable > self._silenced:
            logging.disable(self._silenced)
            yield "the log, which it silenced"


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return None


def _closed() -> set[str]:
    """Returns the standard streams that are closed."""
    return {name for name in _STREAMS if getattr(getattr(sys, name, None), "closed", False)}


def _running_timers() -> set[int]:
    return {timer for timer in _TIMERS if signal.getitimer(timer)[0]}


def _is_less(limit: int, other: int) -> bool:
    return limit != resource.RLIM_INFINITY and (other == resource.RLIM_INFINITY or limit < other)


def _file_mask() -> int:
    mask = os.umask(0o077)  # which can only be read by setting it
    os.umask(mask)
    return mask


def _handlers() -> dict[int, Any]:
    known = signal.valid_signals()  # on Windows, CTRL_C_EVENT is none
    return {number: signal.getsignal(number) for number in signal.Signals if number in known}
