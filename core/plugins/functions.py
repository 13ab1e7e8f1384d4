"""The functions of Python's own modules, which a plugin may replace for all that share this process."""

from __future__ import annotations

import asyncio
import builtins
import dataclasses
import inspect
import json
import logging
import os
import pathlib
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time

# as they are now: a plugin may replace these, too
from builtins import any, callable, delattr, setattr
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

_MODULES: tuple[ModuleType, ...] = (
    *(builtins, sys, os, json, pathlib, threading, time, logging, subprocess, tempfile, signal, selectors),
    *(inspect, dataclasses),
    *(asyncio, asyncio.events, asyncio.base_events, asyncio.tasks, asyncio.runners),
)
"""What Limner itself cannot start without; `ssl` and `socket` may be changed for a whole network's sake."""
_HOOKS = {
    "sys.excepthook",
    "sys.displayhook",
    "sys.unraisablehook",
    "sys.breakpointhook",
    "threading.excepthook",
    "logging._logRecordFactory",
    "logging._loggerClass",
}
"""They are there to be replaced, as error reporters do."""
_CAN_BE_CHANGED = 1 << 9
"""The flag of a class that was not made in C: https://docs.python.org/3/c-api/typeobj.html#c.Py_TPFLAGS_HEAPTYPE"""


class Functions:
    """A snapshot of the functions of these modules, and of what is in their classes."""

    def __init__(self) -> None:
        self._before = {name: _contents(place) for name, place in _places().items()}

    def put_back(self) -> Iterator[str]:
        """Puts back what was replaced since then, and yields its names."""
        for name, place in _places().items():
            before, now, is_class = self._before[name], _contents(place), isinstance(place, type)
            for part, value in before.items():
                is_same = now.get(part) is value or f"{name}.{part}" in _HOOKS
                if not is_same and (is_class or callable(value)):
                    setattr(place, part, value)
                    yield f"{name}.{part}"
            for part in now.keys() - before.keys():
                if is_class and _is_inherited(place, part):
                    delattr(place, part)
                    yield f"{name}.{part}"


def _contents(place: Any) -> dict[str, Any]:
    return {**place.__dict__}


def _is_inherited(place: type, part: str) -> bool:
    return any(part in base.__dict__ for base in place.__mro__[1:])


@cache
def _places() -> dict[str, Any]:
    """Returns the modules and their classes by name."""
    places: dict[str, Any] = {module.__name__: module for module in _MODULES}
    for module in _MODULES:
        for name, one in vars(module).items():
            is_own = isinstance(one, type) and _package(one) == _package(module)
            if is_own and one.__flags__ & _CAN_BE_CHANGED and one not in places.values():
                places[f"{module.__name__}.{name}"] = one
    return places


def _package(one: Any) -> str:
    name = one.__module__ if isinstance(one, type) else one.__name__
    return name.partition(".")[0]
