"""The modules that a provider needs: whether they are installed, and their import before its first picture.

They are imported early so that the timeout is for the service alone.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec

from limner import shared_async

log = logging.getLogger(__name__)

DEADLINE = 60.0
"""Seconds to wait for the imports; what is not imported by then counts towards the picture's timeout."""


async def import_modules(names: tuple[str, ...]) -> None:
    """Imports the modules in a thread, once for all who wait for them.

    One that fails is left to the provider, which says what is missing.
    """
    if names:
        importing = asyncio.ensure_future(shared_async(("imports", names), lambda: _import(names)))
        done, _ = await asyncio.wait({importing}, timeout=DEADLINE)
        if not done:
            log.warning("Importing %s takes longer than %.0f seconds", ", ".join(names), DEADLINE)


def _import(names: Iterable[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as error:  # a module may raise anything, and call sys.exit
            log.info("The module %s could not be imported: %s", name, type(error).__name__)


def not_installed(names: Iterable[str]) -> list[str]:
    """Returns the modules that are not there, of each the part that is missing; nothing is imported."""
    missing = [_missing_part(name) for name in names]
    return [*dict.fromkeys(name for name in missing if name)]


def _missing_part(name: str) -> str | None:
    found, path = "", None
    for part in name.split("."):
        found = f"{found}.{part}" if found else part
        spec = _spec(found, path)
        if spec is None:
            return found
        path = spec.submodule_search_locations
    return None


def _spec(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """Looks for a module below its parent's path, which `importlib.util.find_spec` would import."""
    try:
        specs = (finder.find_spec(name, path) for finder in sys.meta_path)
        return next((spec for spec in specs if spec), None)
    except Exception:  # another's finder may raise anything
        return None
