"""Puts the packages in this folder where Python finds installed ones, without pip's seconds."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

HERE = Path(__file__).parent


def install(folder: Path, *projects: str) -> None:
    """Copies the modules of projects and writes the metadata of a wheel beside them."""
    for name in projects:
        project = tomllib.loads((HERE / name / "pyproject.toml").read_text("utf-8"))["project"]
        for source in (HERE / name).iterdir():
            if source.is_dir():
                shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.suffix == ".py":
                shutil.copy(source, folder)
        entries = "".join(f"{key} = {value}\n" for key, value in project["entry-points"]["limner"].items())
        write_metadata(folder, name, project["version"], f"[limner]\n{entries}")


def write_metadata(folder: Path, name: str, version: str, entry_points: str, *, whole: bool = True) -> None:
    """Writes the folder by which a distribution counts as installed; a whole one has METADATA in it."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(entry_points, "utf-8")
    if whole:
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8")


@contextmanager
def on_path(folder: Path) -> Iterator[Path]:
    """Has Python find what is in a folder, and forget its modules afterwards."""
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield folder
    finally:
        sys.path.remove(str(folder))
        for name, module in [*sys.modules.items()]:
            if str(getattr(module, "__file__", None) or "").startswith(f"{folder}/"):
                del sys.modules[name]
        importlib.invalidate_caches()


def site_of(*projects: str, autouse: bool = True) -> Any:
    """Makes a fixture that has Python find these packages, imported anew for each test."""
    folders: list[Path] = []

    @pytest.fixture(autouse=autouse)
    def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        if not folders:
            folders.append(tmp_path_factory.mktemp("site"))
            install(folders[0], *projects)
        with on_path(folders[0]):
            yield folders[0]

    return site
