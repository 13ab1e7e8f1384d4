"""Examines an installation: every plugin in a process of its own, the settings, and the store."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint
from typing import cast

from pydantic import BaseModel

from core.database import StoreError
from core.inventory import Entry, inventory
from core.plugins import Broken, find_plugins, source_of
from core.registry import Registry
from core.settings import PREFIX, Settings, config_file
from core.store import Store

PATIENCE = 30.0
"""Seconds that one plugin may take to be imported and to describe itself."""


class Setting(BaseModel):
    """A setting in force and where it comes from."""

    name: str
    value: str
    origin: str


class Report(BaseModel):
    """Everything that the examination found."""

    plugins: list[Entry]
    settings: list[Setting]
    store: str
    """The data folder, and whether it can be written to."""
    sound: bool
    """Nothing is broken."""


def examine(settings: Settings) -> Report:
    """Examines the installation; a plugin that hangs, exits or crashes is named like any other fault."""
    found = find_plugins()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        entries = [entry for probed in pool.map(_probe, found) for entry in probed]
    there = {plugin.name for plugin in found}
    for name in settings.providers:
        if (uses := _plugin_of(name, settings)) not in there:
            fault = f"The plugin {uses} is not installed: install it, or let `uses` name another."
            entries.append(Entry(name=name, source="the settings", kind="broken", fault=fault))
    store, store_is_sound = _examine_store(settings)
    sound = store_is_sound and not any(entry.fault for entry in entries)
    return Report(plugins=entries, settings=settings_in_force(settings), store=store, sound=sound)


def probe(name: str, settings: Settings) -> list[Entry]:
    """Loads the plugins of one name, and nothing else, in this process.

    Lists them with the providers that the settings make of them.
    """
    found = [plugin for plugin in find_plugins() if plugin.name == name]
    entries = inventory(Registry(settings, found))
    return [entry for entry in entries if _plugin_of(entry.name, settings) == name]


def _plugin_of(provider: str, settings: Settings) -> str:
    own = settings.providers.get(provider)
    return (own and own.uses) or provider


def _probe(plugin: EntryPoint | Broken) -> list[Entry]:
    if isinstance(plugin, Broken):
        return [Entry(name=plugin.name, source=plugin.source, kind="broken", fault=plugin.fault)]
    source = source_of(plugin)

    def broken(fault: str) -> list[Entry]:
        return [Entry(name=plugin.name, source=source, kind="broken", fault=fault)]

    command = [sys.executable, "-m", "limner", "probe", plugin.name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=_environment())
    except subprocess.TimeoutExpired:
        waits = "it waits for something at import or in describe"
        return broken(f"It did not answer within {PATIENCE:.0f} seconds: {waits}.")
    last_line = done.stdout.strip().rpartition("\n")[2]
    if done.returncode != 0 or not last_line.startswith("["):
        return broken(
            f"It ended the process that imported it (exit code {done.returncode}): tell its author."
        )
    return _Entries.model_validate_json(f'{{"entries": {last_line}}}').entries


class _Entries(BaseModel):
    entries: list[Entry]


def _environment() -> dict[str, str]:
    """Lets the probe find this same Limner, wherever it runs from."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _examine_store(settings: Settings) -> tuple[str, bool]:
    try:
        store = Store(settings.data)
    except StoreError as error:
        return str(error), False
    asyncio.run(store.close())
    if store.is_temporary:
        return f"{settings.data} cannot be written to: choose another folder with {PREFIX}DATA", False
    return f"{store.folder} can be written to", True


def settings_in_force(settings: Settings) -> list[Setting]:
    """Lists every setting with its value and whether a variable, the file or the default gave it."""
    in_file = config_file()
    listed: list[Setting] = []
    for name in type(settings).model_fields:
        variables = [v for v in os.environ if v.upper().split("__")[0] == f"{PREFIX}{name}".upper()]
        if variables:
            origin = ", ".join(sorted(variables))
        elif name in settings.model_fields_set:
            origin = str(in_file)
        else:
            origin = "default"
        listed.append(Setting(name=name, value=_as_text(getattr(settings, name)), origin=origin))
    return listed


def _as_text(value: object) -> str:
    if isinstance(value, dict | tuple):
        return ", ".join(map(str, cast("Iterable[object]", value))) or "none"
    return "none" if value is None else str(value)
