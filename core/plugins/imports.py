"""Imports what a provider needs before its first picture, so that the timeout is for the service alone."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Iterable

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
