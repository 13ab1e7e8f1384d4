"""The rules of the house: who may import whom, how long a file may be, and what pyproject.toml must name.

They are read off the source, of which nothing is imported.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.serving import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

ROOMS = {
    "app": {"ui", "core", "limner"},
    "ui": {"core", "limner"},
    "core": {"limner"},
    "providers": {"limner"},
    "limner": set[str](),
}
"""Each room, and those that it may import."""
DOORS = {"limner/__main__.py"}
"""Files that may import any room inside of a function: the command that opens the app."""
NOT_IN_CORE = {
    *("gradio", "starlette", "uvicorn", "fastapi", "jinja2", "PIL"),
    *("openai", "google", "replicate", "huggingface_hub"),
}
HEAVY = {"openai", "google", "replicate", "huggingface_hub", "httpx", "httpx2", "torch", "PIL", "numpy"}
"""What takes long to import, so that no provider does before it draws."""

GROUND = {"core.redaction", "core.workers", "core.logs", "core.allocator", "core.tasks"}
ROOF = {
    "core",
    "core.studio",
    "core.sending",
    "core.parts",
    "core.export",
    "core.importing",
    "core.asking",
    "core.offered",
    "core.thread_json",
    "core.replicas",
}
BELOW = {
    "the ground": set[str](),
    "core.settings": set[str](),
    "core.chat": {"core.settings"},
    "core.plugins": {"core.settings", "core.chat"},
    "core.metadata": {"core.chat"},  # it reads and writes bytes, and knows no store
    "core.storage": {"core.settings", "core.chat"},
    "core.generation": {"core.settings", "core.chat", "core.plugins", "core.metadata", "core.storage"},
    "the roof": {
        *("core.settings", "core.chat", "core.plugins"),
        *("core.metadata", "core.storage", "core.generation"),
    },
}
"""Each floor of core, and those below it; the ground is below all."""

BUILT_IN = {"openai", "gemini", "replicate", "fal", "huggingface", "a1111", "comfyui", "sketch"}
NAMING = {
    "core/plugins/loader.py": "BUILT_IN",
    "core/settings/schema.py": "provider",
}
"""Where a built-in provider is named, and in the value of which name alone."""

MOST_LINES, FEWEST_LINES = 300, 25


class Import(NamedTuple):
    """One module that a file imports."""

    line: int
    module: str
    inside: bool
    """It stands inside of a function."""
    for_types: bool
    """It stands under `if TYPE_CHECKING`."""

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def sources(*kinds: str) -> list[Path]:
    found = [path for kind in kinds for room in ROOMS for path in (ROOT / room).rglob(f"*{kind}")]
    return sorted([ROOT / "app.py", *found])


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sources(".py")}
"""Every module of the house, and its file."""


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text("utf-8"))


@cache
def imports(module: str) -> list[Import]:
    return list(_imports(module, tree(module), inside=False, for_types=False))


def _imports(module: str, node: ast.AST, inside: bool, for_types: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(node.lineno, alias.name, inside, for_types)
    elif isinstance(node, ast.ImportFrom):
        origin = _origin(module, node)
        for name in {f"{origin}.{alias.name}" for alias in node.names}:
            yield Import(node.lineno, name if name in FILES else origin, inside, for_types)
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        for child in node.body:
            yield from _imports(module, child, inside, True)
        for child in node.orelse:
            yield from _imports(module, child, inside, for_types)
    else:
        function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            yield from _imports(module, child, inside or function, for_types)


def _origin(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = [*module.split("."), "_"] if FILES[module].name == "__init__.py" else module.split(".")
    return ".".join([*package[: -node.level], *([node.module] if node.module else [])])


def at_start(module: str) -> list[Import]:
    """What is imported together with a module."""
    return [one for one in imports(module) if not one.inside and not one.for_types]


def place(module: str, line: int) -> str:
    return f"{FILES[module].relative_to(ROOT)}:{line}"


def hold(rule: str, broken: Iterable[str]) -> None:
    """Fails with every place where a rule is broken."""
    places = sorted(set(broken))
    if places:
        pytest.fail("\n".join([rule, *places]), pytrace=False)


def in_room(room: str) -> list[str]:
    return [module for module in FILES if module.partition(".")[0] == room]


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_one_way_from_room_to_room(room: str) -> None:
    allowed = ROOMS[room] | {room}
    hold(
        f"{room} may import {', '.join(sorted(ROOMS[room])) or 'no other room'}:",
        (
            f"{place(module, one.line)} imports {one.module}"
            for module in in_room(room)
            for one in imports(module)
            if one.top in ROOMS and one.top not in allowed
            if not (one.inside and str(FILES[module].relative_to(ROOT)) in DOORS)
        ),
    )


def test_core_knows_no_page_no_service_and_no_library_of_pictures() -> None:
    hold(
        f"core may import none of {', '.join(sorted(NOT_IN_CORE))}:",
        (
            f"{place(module, one.line)} imports {one.module}"
            for module in in_room("core")
            for one in imports(module)
            if one.top in NOT_IN_CORE
        ),
    )


def part_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def test_providers_do_not_know_one_another() -> None:
    hold(
        "A provider may import no other provider:",
        (
            f"{place(module, one.line)} imports {one.module}"
            for module in in_room("providers")
            for one in imports(module)
            if one.top == "providers" and part_of(one.module) != part_of(module)
        ),
    )


def test_a_provider_imports_nothing_heavy_before_it_draws() -> None:
    reached = [module for module in in_room("providers") if module == part_of(module)]
    for module in reached:
        more = (one.module for one in at_start(module) if one.top == "providers")
        reached.extend(other for other in more if other in FILES and other not in reached)
    hold(
        f"What comes with a provider may import none of {', '.join(sorted(HEAVY))} outside of functions:",
        (
            f"{place(module, one.line)} imports {one.module}"
            for module in reached
            for one in at_start(module)
            if one.top in HEAVY
        ),
    )


def floor_of(module: str) -> str:
    if module in GROUND:
        return "the ground"
    return "the roof" if module in ROOF else ".".join(module.split(".")[:2])


def test_every_module_of_core_has_a_floor() -> None:
    hold(
        f"core has these floors alone: {', '.join(BELOW)}:",
        (f"{place(module, 1)} is on none" for module in in_room("core") if floor_of(module) not in BELOW),
    )


@pytest.mark.parametrize("floor", BELOW)
def test_imports_in_core_run_down(floor: str) -> None:
    allowed = {*BELOW[floor], *([] if floor == "the ground" else [floor, "the ground"])}
    hold(
        f"{floor} may import {', '.join(sorted(allowed)) or 'nothing of core'}:",
        (
            f"{place(module, one.line)} imports {one.module}"
            for module in in_room("core")
            if floor_of(module) == floor
            for one in imports(module)
            if one.top == "core" and floor_of(one.module) not in allowed
            if (module, one.module) != ("core.logs", "core.redaction")
        ),
    )


def test_the_faces_do_not_know_one_another() -> None:
    faces = {"ui.page", "ui.http", "ui.cli", "ui.mcp", "ui.python"}
    hold(
        "The faces of ui may not import one another, but for the route of the tools:",
        (
            f"{place(module, one.line)} imports {one.module}"
            for module in in_room("ui")
            for one in imports(module)
            if part_of(one.module) in faces - {part_of(module)}
            if (module, part_of(one.module)) != ("ui.http.mcp", "ui.mcp")
        ),
    )


def names_a_provider(module: str) -> Iterator[tuple[int, str | None, str]]:
    """Returns the line of each name of a built-in provider, and what it is assigned to at that level."""
    assigned: dict[ast.AST, str] = {}
    for node in ast.walk(tree(module)):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(targets[0], ast.Name) and node.value:
            assigned |= dict.fromkeys(ast.walk(node.value), targets[0].id)
        if isinstance(node, ast.Constant) and node.value in BUILT_IN:
            yield node.lineno, assigned.get(node), str(node.value)


def test_nothing_but_its_own_file_names_a_provider() -> None:
    hold(
        f"Only the value of a name in {NAMING} may name a built-in provider:",
        (
            f"{place(module, line)} says {name!r}"
            for module in FILES
            if not module.startswith("providers")
            for line, target, name in names_a_provider(module)
            if target is None or NAMING.get(str(FILES[module].relative_to(ROOT))) != target
        ),
    )


@pytest.mark.parametrize("file", NAMING)
def test_where_a_provider_may_be_named_one_is(file: str) -> None:
    named = {target for _, target, _ in names_a_provider(name_of(ROOT / file))}
    assert NAMING[file] in named, f"{file} need not be among the exceptions any more"


def test_no_module_imports_itself_by_a_detour() -> None:
    ahead = {
        module: [(one.module, one.line) for one in at_start(module) if one.module in FILES]
        for module in FILES
    }
    done: set[str] = set()
    circles: list[str] = []

    def walk(module: str, path: list[str]) -> None:
        for other, line in ahead[module]:
            if other in path:
                circle = [*path[path.index(other) :], other]
                circles.append(f"{place(module, line)} closes {' -> '.join(circle)}")
            elif other not in done:
                walk(other, [*path, other])
        done.add(module)

    for module in FILES:
        if module not in done:
            walk(module, [module])
    hold("No module may import itself by way of others:", circles)


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    lengths = {
        path: len(path.read_text("utf-8").splitlines()) for path in sources(".py", ".js", ".css", ".html")
    }
    hold(
        f"No file may have more than {MOST_LINES} lines:",
        (
            f"{path.relative_to(ROOT)}:{MOST_LINES + 1} begins what is too much of {length}"
            for path, length in lengths.items()
            if length > MOST_LINES
        ),
    )


def test_no_module_is_too_short_to_be_one() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in FILES.values()}
    hold(
        f"No module but a package's face may have fewer than {FEWEST_LINES} lines:",
        (
            f"{path.relative_to(ROOT)}:{length} is the end"
            for path, length in lengths.items()
            if length < FEWEST_LINES and path.name not in ("__init__.py", "__main__.py", "env.py")
        ),
    )


def test_every_import_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    given = [*project["dependencies"], *(one for extra in set(extras) - {"dev"} for one in extras[extra])]
    declared = {canonicalize_name(Requirement(one).name) for one in given}
    declared.add(canonicalize_name("pydantic-core"))  # pydantic pins the one release of it that fits
    homes = packages_distributions()
    hold(
        "pyproject.toml must name what is imported, in dependencies or in an extra other than dev:",
        (
            f"{place(module, one.line)} imports {one.module}, of {' or '.join(sorted(set(owners)))}"
            for module in FILES
            for one in imports(module)
            if one.top not in ROOMS and one.top not in sys.stdlib_module_names
            for owners in [homes.get(one.top, [one.top])]
            if not declared & {canonicalize_name(owner) for owner in owners}
        ),
    )
