"""Single files in a folder of the settings are plugins as any other."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.plugins.catalog import catalog
from core.plugins.registry import Registry
from core.settings.schema import Settings, load_settings
from core.settings.sources import SettingsError
from limner import ImageRequest
from tests.serving import ROOT

DOTS = """
from __future__ import annotations

from limner import ImageRequest, ImageResult, ModelInfo, Options, ProviderInfo, hookimpl


class DotsOptions(Options):
    colour: str = "teal"


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(label="Dots", models=[ModelInfo(id="dots-1", options=DotsOptions)])


@hookimpl
def generate(request: ImageRequest) -> ImageResult:
    from PIL import Image

    return ImageResult(Image.new("RGB", (8, 8), request.options.model_dump()["colour"]))
"""
STYLE = """
from limner import hookimpl


@hookimpl
def wrap(generate):
    return generate
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "dots.py").write_text(DOTS, "utf-8")
    yield folder
    for name in [name for name in sys.modules if name.startswith("limner_plugin_file_")]:
        del sys.modules[name]


def entries(folder: Path, **settings: Any) -> dict[str, Any]:
    registry = Registry(Settings(plugins_dir=folder, **settings))
    return {entry.name: entry for entry in catalog(registry)}


def test_a_file_makes_a_picture_and_is_listed_by_its_name(folder: Path) -> None:
    registry = Registry(Settings(plugins_dir=folder, providers={"dots": {"label": "My dots"}}))  # pyright: ignore[reportArgumentType]
    provider = registry.get("dots")
    assert provider
    assert (provider.label, provider.plugin.source) == ("My dots", "the file dots.py")
    options = provider.info.options_of(provider.info.models[0])()
    request = ImageRequest(prompt="a boat", model="dots-1", options=options)
    made: Any = asyncio.run(registry.generate(provider, request)).image
    assert made.getpixel((0, 0)) == (0, 128, 128)


def test_what_is_wrong_with_a_file_is_said_and_harms_no_other(folder: Path) -> None:
    (folder / "half.py").write_text("from limner import hookimpl\n\n1 / 0\n", "utf-8")
    (folder / "typo.py").write_text("from limner import hookimp\n", "utf-8")
    (folder / "needs.py").write_text("import an_sdk_that_nobody_installed\n", "utf-8")
    (folder / "sketch.py").write_text(DOTS, "utf-8")
    (folder / "two words.py").write_text(DOTS, "utf-8")
    (folder / "style.py").write_text(STYLE, "utf-8")
    found = entries(folder)
    assert {name: found[name].fault for name in ("half", "typo", "needs", "two words")} == {
        "half": (
            "Importing half.py raised ZeroDivisionError (half.py, line 3): tell its author, or keep it out "
            "with block_plugins."
        ),
        "typo": (
            "It imports hookimp from limner, which does not have it (typo.py, line 1): it may mean hookimpl: "
            "tell its author."
        ),
        "needs": "It needs the module an_sdk_that_nobody_installed, which is not installed: install it.",
        "two words": (
            "Its name does not fit into settings and commands: write letters and digits, with - and _ "
            "between them, 64 at most."
        ),
    }
    assert (found["dots"].fault, found["style"].kind) == (None, "middleware")
    registry = Registry(Settings(plugins_dir=folder))
    (taken,) = [broken.fault for broken in registry.broken if broken.name == "sketch"]
    assert taken == (
        "The name sketch is already taken by another plugin (built in): uninstall one of the two, or give "
        "this one another name."
    )
    sketch = registry.get("sketch")
    assert sketch
    assert sketch.plugin.source == "built in", "a file never takes the place of another plugin"


def test_a_file_that_imports_the_one_beside_it_learns_that_it_cannot(folder: Path) -> None:
    (folder / "helper.py").write_text("COLOUR = 'teal'\n", "utf-8")
    (folder / "uses.py").write_text("import helper\n", "utf-8")
    assert entries(folder)["uses"].fault == (
        "It imports helper, the file beside it, which a single file cannot: put both into one file, or make "
        "a package of them."
    )


def test_whatever_a_file_does_at_its_import_is_its_own_fault(folder: Path) -> None:
    gone = "import sys\n\ndel sys.modules[__name__]\nraise LookupError('gone')\n"
    (folder / "gone.py").write_text(gone, "utf-8")
    (folder / "nul.py").write_bytes(b"x = 1\n\0\n")
    found = entries(folder)
    assert found["gone"].fault.startswith("Importing gone.py raised LookupError (gone.py, line 4)")
    assert re.match(r"Importing nul\.py raised \w+( \(nul\.py, line 2\))?: tell", found["nul"].fault)


def test_a_class_in_place_of_an_object_is_said(folder: Path) -> None:
    text = DOTS.replace("@hookimpl\ndef describe()", "class Dots:\n  @hookimpl\n  def describe(self)")
    text = text[: text.index("@hookimpl\ndef generate")]
    (folder / "kind.py").write_text(text, "utf-8")
    assert entries(folder)["kind"].fault == (
        "Its hooks are in the class Dots: make an object of it, and name that in the entry point."
    )


NEEDS = """
from pydantic import BaseModel

from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl


class Settings(BaseModel):
    device: str

    def offers(self, info):
        raise ValueError("There is no model in the folder models.")


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(label="Needs", models=[ModelInfo(id="one")], settings=Settings, imports=["torchy"])


@hookimpl
def generate(request: ImageRequest) -> ImageResult:
    raise NotImplementedError
"""


def test_a_plugin_that_needs_a_setting_stops_nobody_who_has_set_none(folder: Path) -> None:
    (folder / "needs.py").write_text(NEEDS, "utf-8")
    registry = Registry(Settings(plugins_dir=folder))
    (broken,) = [one for one in registry.broken if one.name == "needs"]
    assert broken.fault == "The setting providers.needs.device is not set, and has no default: set it."
    assert not broken.stops_the_start
    assert registry.get("sketch")


def test_what_offers_says_of_the_settings_is_said(folder: Path) -> None:
    (folder / "needs.py").write_text(NEEDS, "utf-8")
    registry = Registry(Settings(plugins_dir=folder, providers={"needs": {"device": "cpu"}}))  # pyright: ignore[reportArgumentType]
    (broken,) = [one for one in registry.broken if one.name == "needs"]
    assert broken.fault == "The settings of needs are wrong: There is no model in the folder models."
    assert broken.stops_the_start


def test_a_module_that_a_file_lacks_is_named_without_a_command(folder: Path) -> None:
    text = NEEDS.replace("device: str", "device: str = ''").replace("offers(", "of_no_name(")
    (folder / "needs.py").write_text(text, "utf-8")
    assert entries(folder)["needs"].state == "needs the module torchy, which is not installed"


def test_the_settings_keep_files_in_and_out(folder: Path) -> None:
    assert "dots" not in entries(folder, block_plugins=("dots",))
    assert "dots" not in entries(folder, allow_plugins=("sketch",))
    assert "dots" in entries(folder, allow_plugins=("sketch", "dots"))


def test_what_is_no_plugin_is_not_looked_at(folder: Path) -> None:
    for name in ("_helpers.py", ".hidden.py", "notes.txt"):
        (folder / name).write_text("raise SystemExit", "utf-8")
    (folder / "package.py").mkdir()
    before = set(entries(folder)) - {"dots"}
    assert not before & {"_helpers", ".hidden", "notes", "package"}


def test_a_folder_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="plugins_dir must be a folder that exists"):
        load_settings(plugins_dir=tmp_path / "missing")


def test_a_relative_folder_is_that_of_the_settings_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "limner.toml").write_text('plugins_dir = "plugins"\n', "utf-8")
    monkeypatch.setenv("LIMNER_CONFIG", str(tmp_path / "limner.toml"))
    assert load_settings().plugins_dir == folder


ENDS_WITH_ITS_SETTINGS = """
import os

from pydantic import BaseModel

from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl


class Settings(BaseModel):
    def offers(self, info):
        os._exit(4)


@hookimpl
def describe():
    return ProviderInfo(label="Ends", models=(ModelInfo(id="one"),), settings=Settings)


@hookimpl
def generate(request: ImageRequest) -> ImageResult: ...
"""


def test_the_doctor_lists_files_and_survives_those_that_end_the_process(folder: Path, tmp_path: Path) -> None:
    (folder / "ends.py").write_text("import os\n\nos._exit(3)\n", "utf-8")
    (folder / "configured.py").write_text(ENDS_WITH_ITS_SETTINGS, "utf-8")
    command = [sys.executable, "-m", "limner", "doctor", "--json"]
    environment = {"LIMNER_PLUGINS_DIR": str(folder), "LIMNER_DATA_DIR": str(tmp_path / "data")}
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    listed = {entry["name"]: entry for entry in json.loads(ended.stdout)["plugins"]}
    assert (listed["dots"]["source"], listed["dots"]["fault"]) == ("the file dots.py", None)
    for name, code in {"ends": 3, "configured": 4}.items():
        assert listed[name]["fault"].startswith(f"It ended the process that loaded it (exit code {code})")
    assert [name for name, entry in listed.items() if entry["fault"]] == ["configured", "ends"]
