"""Examines an installation: its plugins, in another process, which they may end; its settings; its store."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from queue import Empty
from typing import cast

from pydantic import BaseModel, Field

from core import SettingsError, check_choices
from core.generation.shared_log import SharedLog
from core.plugins.catalog import PluginEntry, catalog, changes
from core.plugins.loader import Broken, Found, find_plugins, source_of
from core.plugins.registry import Registry
from core.settings.schema import Settings
from core.settings.sources import PREFIX, config_file
from core.storage.database import StoreError
from core.storage.store import Store
from ui.cli.process import START_TIMEOUT, STARTED, Process, answering, environment

PLUGIN_TIMEOUT = 30.0
"""Seconds that one plugin may take to be imported and to describe itself."""

_KEEP_OUT = "uninstall it, or keep it out with block_plugins, and tell its author."
_AGAIN = "install it again."


class Setting(BaseModel):
    """A setting in force and where it comes from."""

    name: str
    value: str
    origin: str


class Loaded(BaseModel):
    """What shows once the plugins are loaded together, as the app does."""

    plugins: list[PluginEntry]
    choices: str = ""
    """What stops the start since the settings choose a provider that cannot be used so; empty if nothing."""
    changes: list[str] = Field(default=[])
    """Which plugins change what all share, in sentences."""
    deadly: dict[str, str] = Field(default={}, exclude=True)
    """The faults of the plugins that end, or hold up, the process that loads them, by their names."""


class Report(Loaded):
    """Everything that the examination found."""

    settings: list[Setting]
    unready: list[str] = Field(default=[])
    """What the providers need that the settings name, and do not have."""
    store: str
    """The data folder, and whether it can be written to."""
    sound: bool
    """Nothing is broken."""


def examine(settings: Settings) -> Report:
    """Examines the installation; a plugin that hangs, exits or crashes is listed like any other fault."""
    loaded = _load_apart(settings)
    store, store_is_sound = _examine_store(settings)
    named = {settings.provider, settings.moderation, *settings.fallback, *settings.providers}
    unready = [
        f"{entry.name}, which the settings name, needs {what}."
        for entry in loaded.plugins
        if entry.name in named
        for what in entry.lacks
    ]
    faults = [entry.fault for entry in loaded.plugins if entry.fault]
    return Report(
        **dict(loaded),
        settings=settings_in_force(settings),
        unready=unready,
        store=store,
        sound=store_is_sound and not loaded.choices and not unready and not faults,
    )


def probe(settings: Settings) -> None:
    """Loads every plugin in this process, and answers to the process that started it which one is next.

    Standard input has the faults that are known already, by the plugin's place among all: those are listed
    and not loaded.
    """
    faults: dict[str, str] = json.load(sys.stdin)
    places: dict[str, int] = {}
    with answering() as answer:

        def one_by_one() -> Iterator[Found]:
            for place, plugin in enumerate(find_plugins(settings.plugins_dir)):
                places.setdefault(plugin.name, place)
                fault = faults.get(str(place))
                if isinstance(plugin, Broken) or fault is None:
                    answer(place)
                    yield plugin
                else:
                    yield Broken(plugin.name, source_of(plugin), fault)

        registry = Registry(settings, one_by_one(), lambda plugin: answer(places[plugin]))
        choices = _fault_of_choices(settings, registry)
        loaded = Loaded(plugins=catalog(registry), choices=choices, changes=changes(registry))
        answer(loaded.model_dump())


def _fault_of_choices(settings: Settings, registry: Registry) -> str:
    try:
        check_choices(settings, registry)
    except SettingsError as error:
        return str(error)
    return ""


class _Ended(Exception):
    """The probe ended early: at which place among the plugins, if any, and what happened."""

    def __init__(self, place: int | None, fault: str) -> None:
        super().__init__(fault)
        self.place = place
        self.fault = fault


def _load_apart(settings: Settings) -> Loaded:
    """Loads all plugins together in another process, and again without each one that ends it."""
    faults: dict[int, str] = {}
    while True:
        found = find_plugins(settings.plugins_dir)
        deadly = {plugin.name: faults[place] for place, plugin in enumerate(found) if place in faults}
        try:
            return _probed(faults).model_copy(update={"deadly": deadly})
        except _Ended as ended:
            if ended.place is None or ended.place in faults:
                itself = PluginEntry(name="limner", source="itself", kind="broken", fault=ended.fault)
                return Loaded(plugins=[itself], deadly=deadly)
            faults[ended.place] = ended.fault


def _probed(faults: Mapping[int, str]) -> Loaded:
    """Returns what `probe` answers in another process; raises _Ended if it ends before."""
    place, patience = None, START_TIMEOUT
    with Process("probe", given=faults, environment=environment(), is_quiet=True) as process:
        try:
            while (report := process.answer(patience)) is not None:
                if isinstance(report, dict):
                    return Loaded.model_validate(report)
                place, patience = (None if report == STARTED else report), PLUGIN_TIMEOUT
        except Empty:
            if place is None:
                late = f"It did not start within {patience:g} seconds to load the plugins: {_AGAIN}"
                raise _Ended(place, late) from None
            late = f"It did not answer within {patience:g} seconds"
            where = "it waits for something at import, in describe or in its settings"
            raise _Ended(place, f"{late}: {where}; {_KEEP_OUT}") from None
        code = process.exit_code()
    if place is None:
        raise _Ended(place, f"It could not be started to load the plugins (exit code {code}): {_AGAIN}")
    raise _Ended(place, f"It ended the process that loaded it (exit code {code}): {_KEEP_OUT}")


def _examine_store(settings: Settings) -> tuple[str, bool]:
    try:
        store = Store.of(settings)
        asyncio.run(_write_to(store))
        SharedLog.of(settings, "doctor", 0)
    except (StoreError, SettingsError) as error:
        return str(error), False
    if store.is_temporary:
        return f"{settings.data_dir} cannot be written to: choose another folder with {PREFIX}DATA_DIR", False
    found = f"{store.folder} can be written to"
    if settings.bucket_dir:
        found += f", and so can the bucket {settings.bucket_dir}"
    shared = {"the database": settings.database, "the object store": settings.pictures}
    found += "".join(f", and so can {what}" for what, setting in shared.items() if setting)
    found += ", and Redis counts the limits" if settings.limits else ""
    return " ".join([f"{found}.", *store.warnings] if store.warnings else [found]), not store.warnings


async def _write_to(store: Store) -> None:
    try:
        await store.check()
    finally:
        await store.close()


def settings_in_force(settings: Settings) -> list[Setting]:
    """Returns every setting with its value and its origin: a variable, the file, or the default."""
    in_file = config_file()
    listed: list[Setting] = []
    for name in type(settings).model_fields:
        variables = [
            variable
            for variable, value in os.environ.items()
            if value.strip() and variable.upper().split("__")[0] == f"{PREFIX}{name}".upper()
        ]
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
    return "not set" if value is None else str(value)
