"""Recipes: settings for servers that are compatible with OpenAI, to print or to add to the settings file."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from core import Rejected
from core.settings.sources import parse_toml, read_toml
from ui.cli.settings_file import add_table

FOLDER = Path(__file__).resolve().parents[2] / "recipes"


def recipe_names() -> list[str]:
    """Returns the names of all recipes."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read_recipe(name: str) -> str:
    """Returns the text of a recipe; raises Rejected if there is none of that name."""
    names = recipe_names()
    if name in names:
        return (FOLDER / f"{name}.toml").read_text("utf-8")
    close = difflib.get_close_matches(name, names, n=1)
    advice = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}."
    raise Rejected(f"There is no recipe {name!r}: {advice}")


def about_recipe(name: str) -> str:
    """Returns what a recipe is for: the first sentence of its comment."""
    text = read_recipe(name)
    comment = " ".join(text[: text.index("\n[")].replace("#", " ").split())
    return re.split(r"(?<=\.) (?=[A-Z])", comment, maxsplit=1)[0]


def add_recipe(name: str) -> Path:
    """Adds a recipe to the settings file, or begins one with it as the default; returns the file.

    Raises Rejected, or SettingsError, and then nothing is written.
    """
    return add_table("provider", name, read_recipe(name), begin=f'provider = "{name}"\n\n', what="recipe")


def what_next(name: str, file: Path) -> str:
    """Returns what to do after a recipe has been added."""
    own = parse_toml(read_recipe(name))["providers"][name]
    variable = own.get("api_key_env")
    is_here = "//127.0.0.1" in own["base_url"]
    key = (
        f"Set {variable}{' if the server needs a key' if is_here else ''}, then try it"
        if variable
        else "Try it"
    )
    default = ", and made it the default" if read_toml().get("provider") == name else ""
    return f"Added [providers.{name}] to {file}{default}. {key}: limner doctor --live {name}"
