"""The Dockerfile's steps, without an engine: they run in a folder that stands for the image's root."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
import urllib.request
import venv
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.serving import ROOT, Process, Serving

pytestmark = pytest.mark.packaging


class Step(NamedTuple):
    """One instruction of a Dockerfile."""

    name: str
    words: str


def steps() -> list[Step]:
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    lines = filter(None, text.replace("\\\n", " ").splitlines())
    return [Step(*line.split(maxsplit=1)) for line in lines]


def words_of(name: str) -> list[str]:
    return [step.words for step in steps() if step.name == name]


def context() -> list[str]:
    """Returns what an engine is sent of the checkout, as it is committed or could be."""
    list_files = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(list_files, cwd=ROOT, capture_output=True, text=True, check=True)
    sent = dict.fromkeys((name for name in listed.stdout.splitlines() if (ROOT / name).is_file()), True)
    for rule in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if rule and not rule.startswith("#"):
            pattern = rule.removeprefix("!")
            for name in sent:
                parents = [name, *map(str, Path(name).parents)]
                if any(fnmatch(one, pattern.replace("**/", "*")) for one in parents):
                    sent[name] = rule.startswith("!")
    return [name for name, is_sent in sent.items() if is_sent]


class Image(NamedTuple):
    """What the steps have made."""

    root: Path
    folder: Path
    variables: dict[str, str]

    def run(self, command: str | list[str], **variables: str) -> int:
        environment = {**os.environ, "PIP_NO_INDEX": "1", **self.variables, **variables}
        done = subprocess.run(
            command, shell=isinstance(command, str), cwd=self.folder, env=environment, timeout=120
        )
        return done.returncode


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """Runs the steps; only the user is not made, and what pip would fetch is the running environment's."""
    root = tmp_path_factory.mktemp("root")
    venv.create(root / "python", symlinks=os.name != "nt")
    (site,) = (root / "python").glob("lib/*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    pip = root / "python" / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec "{root}/python/bin/python" -m pip "$@"\n')
    pip.chmod(0o755)
    image = Image(root, root, {"PATH": f"{root}/python/bin{os.pathsep}{os.environ['PATH']}"})
    for step in steps():
        if step.name == "WORKDIR":
            image = image._replace(folder=root / step.words.lstrip("/"))
            image.folder.mkdir(parents=True)
        elif step.name == "COPY":
            source, target = step.words.split()
            copied = [name for name in context() if source == "." or name == source]
            assert copied, f"{source} is not sent to the engine"
            for name in copied:
                place = image.folder / target / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, place)
        elif step.name == "RUN" and "useradd" not in step.words:
            assert image.run(step.words) == 0
        elif step.name == "ENV":
            values = (word.split("=", 1) for word in shlex.split(step.words))
            image.variables.update(
                (name, f"{root}{value}" if value.startswith("/") else value) for name, value in values
            )
    yield image
    shutil.rmtree(root, ignore_errors=True)


class Container(Serving):
    """The command of the image, in what its steps have made."""

    def __init__(self, image: Image, folder: Path) -> None:
        self._image = image
        super().__init__(folder, image.variables, json.loads(words_of("CMD")[-1]), image.folder)

    def _begin(self) -> Process:
        del self._environment["GRADIO_SERVER_PORT"]
        self._environment |= {"PORT": str(self.port)}
        self._environment = {k: v for k, v in self._environment.items() if k != "PYTHONPATH"}
        return super()._begin()


def test_the_image_is_small_and_pinned_and_nobody_is_root_in_it() -> None:
    assert re.fullmatch(r"python:3\.12(\.\d+)?-slim-\w+", words_of("FROM")[0])
    assert len(words_of("FROM")) == 1
    (user,) = words_of("USER")
    assert user != "root"
    made = words_of("RUN")[0]
    assert f"useradd --uid 1000 --create-home {user}" in made
    (volume,) = words_of("VOLUME")
    assert f"install -d -o {user} -g {user} {volume}" in made, "a new volume belongs to whom the folder does"
    assert f"LIMNER_DATA_DIR={volume}" in words_of("ENV")[0]
    assert f"PORT={words_of('EXPOSE')[0]} " in words_of("ENV")[0]
    assert "/healthz'" in words_of("HEALTHCHECK")[0], "what no limit counts"
    assert any(
        re.fullmatch(r"pip install .*-r requirements\.txt \$EXTRAS", words) for words in words_of("RUN")
    )
    names = [step.name for step in steps()]
    assert names.index("USER") > max(place for place, name in enumerate(names) if name in ("RUN", "COPY"))


def test_the_engine_is_sent_nothing_but_what_runs(tmp_path: Path) -> None:
    sent = context()
    assert {name.partition("/")[0] for name in sent} == {
        *("requirements.txt", "app.py", "core", "limner", "providers", "recipes", "ui")
    }
    assert [name for name in sent if "screenshot" in name] == []
    assert {"ui/page/shell.html", "limner/py.typed", "providers/sketch/__init__.py"} <= set(sent)


def test_its_command_serves_is_healthy_and_ends_when_it_is_asked_to(image: Image, tmp_path: Path) -> None:
    check = json.loads(words_of("HEALTHCHECK")[0].partition(" CMD ")[2])
    container = Container(image, tmp_path)
    try:
        port = str(container.port)
        assert image.run(check, PORT=port) == 0
        body = b'{"prompt": "a fox", "size": "256x256"}'
        ask = urllib.request.Request(
            f"http://127.0.0.2:{port}/api/image", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(ask, timeout=60) as answer:
            assert json.load(answer)["mimeType"] == "image/png"
    finally:
        assert container.stop() == 0
    assert image.run(check, PORT=port) != 0
    assert len([*Path(image.variables["LIMNER_DATA_DIR"]).glob("pictures/**/*.png")]) == 1
    assert "Traceback" not in container.log.read_text()


def test_the_command_line_works_in_it(image: Image) -> None:
    assert image.run([f"{image.root}/python/bin/python", "-m", "limner", "doctor"]) == 0
