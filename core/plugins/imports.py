"""Imports what a provider needs before its first picture, whose time is for the service alone."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from collections.abc import Iterable

from limner.threads import call_in_thread

log = logging.getLogger(__name__)

DEADLINE = 60.0
"""Seconds to wait for the imports; what is still missing then takes of the picture's own time."""


async def import_modules(names: Iterable[str]) -> None:
    """Imports the modules in a thread; one that fails is left to the provider, which says what is missing."""
    missing = [name for name in names if name not in sys.modules]
    if missing:
        done, _ = await asyncio.wait({call_in_thread(lambda: _import(missing))}, timeout=DEADLINE)
        if not done:
            log.warning("Importing %s takes longer than %.0f seconds", ", ".join(missing), DEADLINE)


def _import(names: list[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as error:  # a module may raise anything, and call sys.exit
            log.info("The module %s could not be imported: %s", name, type(error).__name__)
