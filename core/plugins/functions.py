"""The functions of Python's own modules, which a plugin may replace for all that share this process."""

from __future__ import annotations

import asyncio
import builtins
import inspect
import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

_MODULES: tuple[ModuleType, ...] = (
    *(builtins, sys, os, json, pathlib, threading, time, logging, subprocess, tempfile),
    *(asyncio, asyncio.events, asyncio.base_events, asyncio.tasks, asyncio.runners),
)
"""What Limner itself cannot start without; `ssl` and `socket` may be changed for a whole network's sake."""
_CAN_BE_CHANGED = 1 << 9
"""The flag of a class that was not made in C: https://docs.python.org/3/c-api/typeobj.html#c.Py_TPFLAGS_HEAPTYPE"""


class Functions:
    """The functions, and what is in the classes, as they are at one moment."""

    def __init__(self) -> None:
        self._before = {name: _contents(place) for name, place in _places().items()}

    def put_back(self) -> Iterator[str]:
        """Puts back what was replaced since then, and yields its names."""
        for name, place in _places().items():
            before, now, is_class = self._before[name], _contents(place), inspect.isclass(place)
            for part, value in before.items():
                if now.get(part) is not value and (is_class or callable(value)):
                    setattr(place, part, value)
                    yield f"{name}.{part}"
            for part in now.keys() - before.keys():
                if is_class and _is_inherited(place, part):
                    delattr(place, part)
                    yield f"{name}.{part}"


def _contents(place: Any) -> dict[str, Any]:
    return {**vars(place)}


def _is_inherited(place: type, part: str) -> bool:
    return any(part in vars(base) for base in place.__mro__[1:])


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
