"""`limner providers`: what there is, and whether it can be used."""

from __future__ import annotations

import json

from core.plugins.catalog import PluginEntry, catalog
from core.plugins.registry import Registry
from core.settings.schema import Settings
from ui.cli.outcome import DONE


def print_providers(settings: Settings, *, as_json: bool) -> int:
    """Lists the providers and their models; returns an exit code."""
    entries = catalog(Registry(settings))
    if as_json:
        print(json.dumps([entry.model_dump() for entry in entries], indent=2))
        return DONE
    for entry in entries:
        print(line_of(entry))
        for model in entry.models:
            print(f"    {model.id}  sizes: {model.sizes}  takes: {', '.join(model.takes)}")
    return DONE


def line_of(entry: PluginEntry) -> str:
    """Returns the line about a plugin."""
    return f"{entry.name} ({entry.source}): {entry.state}{', costs money' if entry.paid else ''}"
