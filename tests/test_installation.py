"""Limner behaves the same however it is installed, with a plugin found by its entry point beside it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Literal
from zipfile import ZipFile

import pytest
from playwright.sync_api import Page, expect

from tests.checkout import copy_checkout
from tests.serving import ROOT, Serving

Way = Literal["checkout", "editable", "wheel"]


@dataclass(frozen=True)
class Installation:
    """One fresh environment with Limner and a plugin in it, and how to call the command there."""

    way: Way
    python: Path
    checkout: Path
    command: list[str]

    def run(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Calls `limner` as a person does: in the checkout where it is not installed."""
        return subprocess.run(
            [*self.command, *arguments],
            cwd=self.checkout if self.way == "checkout" else folder,
            env={**os.environ, "LIMNER_DATA_DIR": str(folder / "data")},
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the source distribution, and returns it."""
    folder = tmp_path_factory.mktemp("source")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, timeout=120)
    (made,) = folder.glob("limner-*.tar.gz")
    return made


@pytest.fixture(scope="module")
def wheels(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds Limner, from its source distribution, and a third-party plugin as they are published."""
    folder = tmp_path_factory.mktemp("wheels")
    for project in (source, ROOT / "tests" / "plugins" / "limner-async-echo"):
        build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
        subprocess.run([*build, "-w", str(folder), str(project)], check=True, timeout=120)
    return folder


@pytest.fixture(scope="module", params=["checkout", "editable", "wheel"])
def installation(
    request: pytest.FixtureRequest, wheels: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Makes an environment of its own; only the dependencies are those of the running one."""
    way: Way = request.param
    folder = tmp_path_factory.mktemp(way)
    checkout = copy_checkout(folder / "checkout")
    venv.create(folder / "venv", symlinks=os.name != "nt")
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    (site,) = (folder / "venv").glob("lib/*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    python = scripts / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index"]
    pip.append("--force-reinstall")  # the dependencies' folder may have a limner of its own
    (plugin,) = wheels.glob("limner_async_echo-*.whl")
    subprocess.run([*pip, str(plugin)], check=True, timeout=120)
    if way == "editable":
        subprocess.run([*pip, "--no-build-isolation", "-e", str(checkout)], check=True, timeout=120)
    elif way == "wheel":
        (limner,) = (wheel for wheel in wheels.glob("limner-*.whl"))
        subprocess.run([*pip, str(limner)], check=True, timeout=120)
    command = [str(python), "-m", "limner"] if way == "checkout" else [str(scripts / "limner")]
    yield Installation(way, python, checkout, command)
    shutil.rmtree(folder, ignore_errors=True)


def test_the_command_finds_the_plugin(installation: Installation, tmp_path: Path) -> None:
    listed = installation.run(tmp_path, "providers", "--json")
    assert listed.returncode == 0, listed.stderr
    entries = {entry["name"]: entry for entry in json.loads(listed.stdout)}
    assert entries["sketch"]["source"] == "built in"
    assert entries["async-echo"]["source"].startswith("limner-async-echo ")
    assert not [entry["fault"] for entry in entries.values() if entry["fault"]]
    made = installation.run(tmp_path, "generate", "a fox", "-p", "async-echo", "-o", str(tmp_path / "a.png"))
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_the_wheel_leaves_generic_names_alone(installation: Installation) -> None:
    """Imported from elsewhere, `core` and the others are nobody's; `limner` is there once."""
    code = "import importlib.util as u; print([n for n in ('core', 'ui', 'app') if u.find_spec(n)])"
    found = subprocess.run(
        [str(installation.python), "-c", code], cwd="/", capture_output=True, text=True, check=True
    )
    expected = ["core", "ui", "app"] if installation.way == "editable" else []
    assert found.stdout.strip() == str(expected)


def test_the_source_distribution_has_all_that_its_pages_and_tests_need(source: Path) -> None:
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    committed = {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    assert {name for name in committed - names if not name.startswith(".ci/")} == set()
    assert {"ui/screenshot.png", "tests/conftest.py", "Dockerfile"} <= names


def test_the_page_of_the_package_has_no_front_matter_and_no_dead_link(wheels: Path) -> None:
    (wheel,) = wheels.glob("limner-*.whl")
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        page = str(message_from_bytes(archive.read(metadata)).get_payload())
    assert page.lstrip().startswith("# Limner\n")
    assert "sdk_version" not in page
    assert not re.findall(r"\]\((?!https?://)[^)]*\)", page)
    assert not re.findall(r"<img|!\[", page)
    assert "plugins.md says how to write one" in page
    assert [name for name in names if "screenshot" in name] == []


@pytest.mark.browser
@pytest.mark.parametrize("installation", ["wheel"], indirect=True)  # the others are what all tests run in
def test_the_wheel_serves_the_page_and_its_pictures(
    installation: Installation, tmp_path: Path, page: Page
) -> None:
    serving = Serving(tmp_path, {"LIMNER_PROVIDER": "async-echo"}, installation.command)
    try:
        page.goto(serving.url)
        page.get_by_label("Prompt").fill("a fox")
        page.get_by_role("button", name="Create").click()
        expect(page.locator("article.limner figure img")).to_be_visible()
        drawn = page.request.post(f"{serving.url}/api/image", data={"prompt": "a fox", "provider": "sketch"})
        assert drawn.json()["mimeType"] == "image/png"
    finally:
        serving.stop()
