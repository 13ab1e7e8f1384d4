"""Options are read by the model's own class, their changes said; what takes anything is the owner's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, JsonValue, field_validator

from core.chat.failure import Rejected
from core.chat.request import UserRequest
from core.generation.options import unbounded_options
from core.generation.resolve import resolve
from core.generation.visitor import Visitor
from core.settings.schema import Settings
from limner import Options
from tests.core.generation.resolving import refusal, resolved, warnings
from tests.core.scripted import ScriptedProvider
from tests.plugins.objects import registry_of

STRANGER = Visitor("stranger")


class Chosen(Options):
    steps: int = 20
    quality: Literal["low", "high"] = "low"
    style: str = ""

    @field_validator("steps")
    @classmethod
    def _at_most_50(cls, steps: int) -> int:
        return min(steps, 50)

    @field_validator("style")
    @classmethod
    def _known(cls, style: str) -> str:
        if style == "crash":
            raise RuntimeError("a plugin's own fault")
        if style == "exit":
            raise SystemExit("a plugin's own fault")
        if style == "ugly":
            raise ValueError("a style that exists")
        return style


def test_options_are_read_checked_and_their_changes_said() -> None:
    model = {"options": Chosen}
    assert resolved(of=model).image_request.options == Chosen()
    assert resolved(options={"steps": "30", "quality": "high"}, of=model).image_request.options == Chosen(
        steps=30, quality="high"
    )
    assert warnings(options={"steps": "30", "quality": "high"}, of=model) == []
    assert warnings(options={"steps": 99}, of=model) == [("steps", "50 instead of 99: p-1 changed it.")]
    assert (
        refusal(options={"quality": "best"}, of=model)
        == "The option quality is wrong: it should be 'low' or 'high'."
    )
    assert (
        refusal(options={"style": "ugly"}, of=model)
        == "The option style is wrong: it should be a style that exists."
    )
    assert refusal(options={"stops": 1}, of=model) == (
        "p-1 has no option 'stops'; its options are: steps, quality, style."
    )
    for style in ("crash", "exit"):
        assert refusal(options={"style": style}, of=model) == (
            "The plugin scripted failed to read these options: leave them out, or tell its author."
        )


class Inner(BaseModel):
    strength: float = 1


class Open(BaseModel, extra="allow"):
    name: str = ""


class Tree(BaseModel):
    size: int = 1
    inner: Tree | None = None


class Kind(Enum):
    ONE = "one"


class Many(Options):
    steps: int = Field(default=4, le=50)
    style: Literal["a", "b"] = "a"
    words: list[str] = Field(default_factory=list)
    inner: Inner = Inner()
    maybe: Inner | None = None
    table: dict[str, Any] = Field(default_factory=dict)
    bare: dict = Field(default_factory=dict)  # pyright: ignore[reportMissingTypeArgument]
    listed: list[dict[str, int]] = Field(default_factory=list)
    anything: Any = None
    thing: object = None
    maybe_table: Mapping[str, str] | None = None
    open: Open = Open()
    json_value: JsonValue = None
    sequence: Sequence = Field(default_factory=list)  # pyright: ignore[reportMissingTypeArgument]
    numbers: Sequence[int] = ()
    kind: Kind = Kind.ONE
    tree: Tree | None = None
    noted: Annotated[dict[str, int], Field(description="noted")] = Field(default_factory=dict)


UNBOUNDED = [
    "table",
    "bare",
    "listed",
    "anything",
    "thing",
    "maybe_table",
    "open",
    "json_value",
    "sequence",
    "noted",
]


def test_an_option_that_takes_anything_is_told_from_one_with_bounds() -> None:
    assert unbounded_options(Many) == UNBOUNDED


@pytest.mark.parametrize("name", UNBOUNDED)
def test_only_the_owner_sets_an_option_that_takes_anything(name: str) -> None:
    registry = registry_of(scripted=ScriptedProvider(model={"options": Many}))
    settings = Settings(provider="scripted")
    given = (
        [{"x": 1}] if name in ("listed", "sequence") else {"x": "1"} if name == "maybe_table" else {"x": 1}
    )
    asked = UserRequest(prompt="a fox", options={name: given})
    resolve(asked, registry, settings)
    with pytest.raises(Rejected, match=f"Only whoever runs Limner may set the option '{name}': leave it out"):
        resolve(asked, registry, settings, STRANGER)
    at_default = UserRequest(prompt="a fox", options={"steps": 7, "table": {}, "anything": None})
    resolve(at_default, registry, settings, STRANGER)


class Aliased(Options):
    model_config = ConfigDict(validate_by_name=True)

    raw: dict[str, int] = Field(default_factory=dict, alias="rawInput")
    more: Open = Field(default=Open(), validation_alias=AliasChoices("more", "extra"))
    deep: dict[str, int] = Field(default_factory=dict, validation_alias=AliasPath("in", "depth"))


@pytest.mark.parametrize(
    ("given", "name"),
    [("rawInput", "rawInput"), ("raw", "rawInput"), ("more", "more"), ("extra", "more"), ("in", "deep")],
)
def test_an_option_that_takes_anything_is_known_under_all_its_names(given: str, name: str) -> None:
    assert unbounded_options(Aliased) == ["rawInput", "more", "deep"]
    registry = registry_of(scripted=ScriptedProvider(model={"options": Aliased}))
    settings = Settings(provider="scripted")
    asked = UserRequest(prompt="a fox", options={given: {"depth": {"x": 1}} if given == "in" else {"x": 1}})
    resolve(asked, registry, settings)
    with pytest.raises(Rejected, match=f"Only whoever runs Limner may set the option '{name}'"):
        resolve(asked, registry, settings, STRANGER)
    at_default = UserRequest(prompt="a fox", options={"rawInput": {}, "more": {"name": ""}})
    resolve(at_default, registry, settings, STRANGER)


def test_options_that_take_unknown_names_take_none_from_visitors() -> None:
    class Loose(Options, extra="allow"):
        pass

    registry = registry_of(scripted=ScriptedProvider(model={"options": Loose}))
    asked = UserRequest(prompt="a fox", options={"num_outputs": 100})
    resolve(asked, registry, Settings(provider="scripted"))
    with pytest.raises(Rejected, match="may set the option 'num_outputs'"):
        resolve(asked, registry, Settings(provider="scripted"), STRANGER)
