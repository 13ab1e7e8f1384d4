"""The script with which a shell completes the command `limner`, and the names that it asks for."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from limner.installation import app_folder, built_in

_NAMES = "limner completion names 2>/dev/null"
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""Names that a shell takes as they are: it expands once more what it is offered, commands in it too."""
_PROVIDERS, _FILES = {"provider", "live"}, {"image", "mask", "output"}
"""The options whose values are names of providers, and those that name a file."""


def print_completion(shell: str | None, parser: argparse.ArgumentParser) -> int:
    """Prints the script for a shell, or without one the names of the providers; returns an exit code."""
    if shell is None:
        print(*_provider_names(), sep="\n")  # noqa: T201
        return 0
    try:
        shtab: Any = import_module("shtab")
    except ModuleNotFoundError:
        print("The script needs shtab: install it with pip install 'limner[all]'.", file=sys.stderr)  # noqa: T201
        return 2
    names = shtab.cmd(_NAMES)
    for option in _options(parser):
        values = names if option.dest in _PROVIDERS else shtab.FILE if option.dest in _FILES else None
        if values is not None:
            option.complete = values  # pyright: ignore[reportAttributeAccessIssue]
    folder = app_folder()
    for option in _options(parser, "recipe"):
        if option.dest == "name" and folder:
            option.choices = sorted(path.stem for path in (folder / "recipes").glob("*.toml"))
    print(shtab.complete(parser, shell))  # noqa: T201
    return 0


def _options(parser: argparse.ArgumentParser, only: str | None = None) -> Iterator[argparse.Action]:
    """Yields what the commands take, or one of them alone."""
    commands: dict[str, argparse.ArgumentParser] = parser.get_default("commands")
    for name, command in commands.items():
        if only in (None, name):
            yield from command._actions  # pyright: ignore[reportPrivateUsage]


def _provider_names() -> list[str]:
    """Returns what may be the name of a provider, without importing a plugin: that would take a second.

    A middleware, or a plugin that the settings keep out, is among them.
    """
    installed = {found.name for found in entry_points(group="limner")}
    return sorted(filter(_PLAIN.fullmatch, built_in() | installed | _configured()))


def _configured() -> set[str]:
    """Returns the providers of the settings file; none if it cannot be read."""
    toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    file = Path(os.environ.get("LIMNER_CONFIG", "").strip() or "limner.toml")
    try:
        return {*toml.loads(file.read_text("utf-8-sig"))["providers"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
