"""What the lists say of a provider's options: plain facts that stand by themselves."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path

import pytest
from pydantic import Field

from core.plugins.catalog import catalog
from core.plugins.imports import not_installed
from limner import Credential, ImageInputs, Options
from tests.core.scripted import ScriptedProvider
from tests.plugins.objects import registry_of


class Style(Enum):
    OIL = "oil"
    INK = "ink"


class Chosen(Options):
    style: Style = Style.OIL
    steps: int = Field(default=20, alias="numSteps")


def test_the_options_of_a_model_are_listed_without_references_by_the_names_of_a_request() -> None:
    (entry,) = catalog(registry_of(scripted=ScriptedProvider(model={"options": Chosen})))
    assert entry.models[0].options == {
        "style": {"default": "oil", "enum": ["oil", "ink"], "type": "string"},
        "numSteps": {"default": 20, "title": "Numsteps", "type": "integer"},
    }
    assert entry.models[0].takes == ["seed", "negative prompt", "style", "numSteps"]


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (ImageInputs(), ["up to 1 picture"]),
        (ImageInputs(most=9, mask=True), ["up to 9 pictures", "mask"]),
        (ImageInputs(least=1), ["1 picture"]),
        (ImageInputs(least=2, most=3), ["2 to 3 pictures"]),
    ],
)
def test_the_pictures_that_a_model_takes_are_listed(images: ImageInputs, words: list[str]) -> None:
    (entry,) = catalog(registry_of(scripted=ScriptedProvider(model={"images": images, "seed": False})))
    assert entry.models[0].takes == ["negative prompt", *words]
    assert entry.models[0].model_dump(mode="json")["images"]["most"] == images.most


def test_a_server_of_ones_own_without_an_address_is_listed_last_with_what_it_needs() -> None:
    own = ScriptedProvider(needs_base_url=True, base_url_variable="SCRIPTED_BASE_URL")
    first, last = catalog(registry_of(own=own, scripted=ScriptedProvider()))
    assert (first.state, first.lacks_base_url) == ("ready", False)
    assert (last.name, last.kind, last.fault) == ("own", "provider", None)
    assert last.state == "needs SCRIPTED_BASE_URL, which is not set"
    (nameless,) = catalog(registry_of(own=ScriptedProvider(needs_base_url=True)))
    assert nameless.state == "needs base_url in its settings, which is not set"


def test_a_module_that_is_not_there_is_named_with_the_way_to_get_it() -> None:
    lacking = ScriptedProvider(
        imports=("json", "no_such_sdk.images"), credential=Credential(variable="NO_KEY")
    )
    (entry,) = catalog(registry_of(scripted=lacking))
    assert entry.missing_modules == ["no_such_sdk"]
    assert entry.state == (
        "needs NO_KEY, which is not set, and the module no_such_sdk, which is not installed: "
        "pip install 'limner[scripted]'"
    )


def test_modules_are_looked_for_without_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ends_at_import").mkdir()
    (tmp_path / "ends_at_import" / "__init__.py").write_text("raise SystemExit")
    (tmp_path / "ends_at_import" / "inner.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    names = ["ends_at_import.inner", "ends_at_import.other", "json.decoder", "json", "no_such_sdk"]
    assert not_installed(names) == ["ends_at_import.other", "no_such_sdk"]
    assert "ends_at_import" not in sys.modules
