"""What the lists say of a provider's options: plain facts that stand by themselves."""

from __future__ import annotations

from enum import Enum

from pydantic import Field

from core.plugins.catalog import catalog
from limner import Options
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
