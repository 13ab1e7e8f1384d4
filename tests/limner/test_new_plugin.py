"""A plugin that `limner new-plugin` writes passes its own tests at birth, and draws."""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from PIL import Image, ImageStat

from core.plugins.loader import BUILT_IN
from limner import CONTRACT, ImageRequest, InputImage, Size, new_plugin
from limner.installation import built_in
from tests.plugins.installing import on_path, write_metadata
from tests.serving import ROOT

SMALL = Size(256, 256)


def run(project: Path, *module: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *module],
        cwd=project,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{project}"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_new_plugin_passes_its_tests_and_draws(tmp_path: Path) -> None:
    assert new_plugin.new_plugin("Colour-Bars", tmp_path) == 0
    project = tmp_path / "limner-colour-bars"
    tested = run(project, "pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout
    write_metadata(project, "limner-colour-bars", "0.1.0", "[limner]\ncolour-bars = limner_colour_bars\n")
    drawn = run(project, "limner", "generate", "a bar", "-p", "colour-bars", "--option", "pattern=checks")
    assert drawn.returncode == 0, drawn.stderr
    assert Image.open(project / drawn.stdout.strip()).size == (1024, 1024)
    assert f"limner_contract = {CONTRACT}\n" in (project / "limner_colour_bars.py").read_text()


def test_the_new_plugin_edits_the_picture_that_it_is_given(tmp_path: Path) -> None:
    assert new_plugin.new_plugin("tints", tmp_path) == 0
    with on_path(tmp_path / "limner-tints"):
        plugin = importlib.import_module("limner_tints")
    assert plugin.describe().models[0].images

    def average(*colours: str) -> float:
        images: list[InputImage] = []
        for colour in colours:
            file = io.BytesIO()
            Image.new("RGB", (300, 200), colour).save(file, "PNG")
            images.append(InputImage(file.getvalue(), "image/png", Size(300, 200), "given.png"))
        request = ImageRequest(
            prompt="a bar",
            model="tints-1",
            size=SMALL,
            seed=3,
            images=tuple(images),
            options=plugin.Choices(),
        )
        picture = plugin.generate(request).image
        assert picture.size == SMALL
        return ImageStat.Stat(picture.convert("L")).mean[0]

    assert average("white") > average() + 20 > average("black") + 40


def test_what_it_publishes_has_its_licence_and_no_picture_that_was_tried(tmp_path: Path) -> None:
    assert new_plugin.new_plugin("dots", tmp_path) == 0
    project = tmp_path / "limner-dots"
    for picture in ("a-first-picture.png", "tests/wanted.png"):
        Image.new("RGB", (8, 8)).save(project / picture)
    built = run(project, "hatchling", "build")
    assert built.returncode == 0, built.stderr
    (sdist,), (wheel,) = (project / "dist").glob("*.tar.gz"), (project / "dist").glob("*.whl")
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"limner_dots.py", "tests/test_limner_dots.py", "README.md", "LICENSE", "pyproject.toml"} <= names
    assert "a-first-picture.png" not in names
    with zipfile.ZipFile(wheel) as file:
        assert {Path(name).name for name in file.namelist()} == {
            *("limner_dots.py", "LICENSE", "METADATA", "WHEEL", "RECORD", "entry_points.txt")
        }
        (metadata,) = (name for name in file.namelist() if name.endswith("METADATA"))
        said = file.read(metadata).decode()
    for line in (
        "License-Expression: Apache-2.0",
        "Project-URL: Source, https://",
        "Requires-Dist: limner>=0.1",
    ):
        assert f"\n{line}" in said


def test_its_repository_ignores_pictures_and_has_its_tests_run(tmp_path: Path) -> None:
    assert new_plugin.new_plugin("dots", tmp_path) == 0
    project = tmp_path / "limner-dots"
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    (project / "a-first-picture.png").touch()
    kept = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert sorted(kept) == sorted(
        [
            *(".github/workflows/test.yml", ".gitignore", "LICENSE", "README.md"),
            *("limner_dots.py", "pyproject.toml", "tests/test_limner_dots.py"),
        ]
    )
    steps = yaml.safe_load((project / ".github/workflows/test.yml").read_text())["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["pip install -e '.[test]'", "pytest"]


def test_what_it_writes_is_tidy(tmp_path: Path) -> None:
    for name in ("x", "a-provider-with-quite-a-long-name"):
        assert new_plugin.new_plugin(name, tmp_path) == 0
    ruff = [sys.executable, "-m", "ruff"]
    settings = ["--isolated", "--line-length", "110", str(tmp_path)]
    subprocess.run([*ruff, "format", "--check", *settings], check=True)
    subprocess.run([*ruff, "check", "--select", "E,F,W,UP,B", *settings], check=True)


@pytest.mark.parametrize("name", ["", "-", "9lives", "a b", "../a", "a--b", "ü", *BUILT_IN])
def test_a_name_that_cannot_be_is_refused_with_a_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new_plugin.new_plugin(name, tmp_path, built_in()) == 2
    assert not [*tmp_path.iterdir()]
    assert capsys.readouterr().err.count("\n") == 1


def test_the_names_of_the_built_in_providers_are_known() -> None:
    assert built_in() == set(BUILT_IN)
