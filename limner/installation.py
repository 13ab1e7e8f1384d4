"""This installation of Limner: its version, where its app is, and whether that can run."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

_ROOMS = ("core", "providers", "ui")
_HERE = Path(__file__).resolve().parent.parent


def version() -> str:
    """Returns the version: in a checkout that of its pyproject.toml, whatever else is installed."""
    try:
        project = (_HERE / "pyproject.toml").read_text("utf-8")
    except OSError:
        project = ""
    if found := re.search(r'^name = "limner"\nversion = "([^"]+)"', project, re.MULTILINE):
        return found[1]
    from importlib.metadata import version as version_of

    return version_of("limner")


def app_folder() -> Path | None:
    """Returns the folder that holds `app.py`, `core`, `providers` and `ui`; None if there is none.

    It is the checkout, or the wheel's `limner_app`.
    """
    return next((f for f in (_HERE / "limner_app", _HERE) if (f / "core" / "__init__.py").is_file()), None)


def built_in() -> set[str]:
    """Returns the names of the providers that come with this installation."""
    folder = app_folder()
    return {path.stem for path in (folder / "providers").glob("[a-z]*")} if folder else set()


def missing_for_app() -> str | None:
    """Returns a sentence about what is missing if the app cannot run; it imports nothing."""
    if app_folder() is None:
        return (
            "This installation of limner has no app in it: install it again with pip install 'limner[app]'."
        )
    needed = ("gradio", "limits", "pydantic_settings", "jinja2")
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        return f"The app needs {', '.join(missing)}: install it with pip install 'limner[all]'."
    return None


def put_first_on_path() -> None:
    """Puts the app's folder first on the path, as Python does for a script."""
    sys.path.insert(0, str(app_folder()))


def import_app(module: str) -> ModuleType:
    """Imports a module of the app into another program, and leaves the path as it was.

    Raises ImportError, with a sentence, if the app cannot run, or not in this program.
    """
    if problem := missing_for_app():
        raise ImportError(problem)
    folder = str(app_folder())
    for room in _ROOMS:
        path = [*getattr(sys.modules.get(room), "__path__", [folder])]
        if not any(one.startswith(folder) for one in path):
            raise ImportError(
                f"This program has a module {room} of its own, and so has Limner: rename yours, or run the "
                f"command `limner generate`."
            )
    sys.path.insert(0, folder)
    try:
        for room in _ROOMS:  # whose own modules are found without the path from then on
            import_module(room)
        return import_module(module)
    finally:
        sys.path.remove(folder)
