"""Writes a complete provider plugin: a package that makes pictures and passes its tests as written."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from pathlib import Path
from string import Template

_TEMPLATE = Path(__file__).parent / "plugin_template"


def new_plugin(name: str, folder: Path, taken: Collection[str] = ()) -> int:
    """Writes the plugin into a new folder `limner-NAME`; returns an exit code, and overwrites nothing.

    `taken` are the names of the providers that come with Limner.
    """
    name = name.strip().lower().removeprefix("limner-").replace("_", "-")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        return _refuse(
            f"{name!r} cannot be a provider's name: use letters, digits and hyphens, such as water-colour."
        )
    if name in taken:
        return _refuse(f"{name} is the name of a built-in provider: choose another one.")
    project = folder / f"limner-{name}"
    if project.exists():
        return _refuse(f"{project} already exists: choose another name, or move it away.")
    module = f"limner_{name.replace('-', '_')}"
    words = {
        "name": name,
        "module": module,
        "label": name.replace("-", " ").title(),
        "suite": f"Test{name.replace('-', ' ').title().replace(' ', '')}",
    }
    for source in sorted(_TEMPLATE.rglob("*.txt")):
        path = project / Template(str(source.relative_to(_TEMPLATE)).removesuffix(".txt")).substitute(words)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(source.read_text("utf-8")).substitute(words), "utf-8")
    print(  # noqa: T201
        f"{project} is ready. Next, in the environment in which Limner is installed:\n"
        f"  cd {project.name}\n"
        f"  pip install -e '.[test]'\n"
        f"  pytest\n"
        f'  limner generate "a first picture" -p {name}\n'
        f"and start Limner again: {words['label']} is in its list of providers."
    )
    return 0


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201
    return 2
