"""The options of every kind as controls, and what the controls' values mean."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from core import Rejected
from core.chat.picture import InputPicture
from core.generation.resolve import resolve
from core.generation.visitor import Visitor
from core.plugins.registry import Registry
from core.settings.schema import ProviderSettings, Settings
from limner import ModelInfo, Options, Size, SizeRange
from tests.core.scripted import ScriptedProvider
from tests.plugins.objects import registry_of
from ui.page.choices import read_requests
from ui.page.controls import RATIOS, option_fields, read_options, size_choices


class Style(Enum):
    OIL = "oil"
    INK = "ink"


class Level(Enum):
    LOW = 1
    HIGH = 2
    NONE = None


class Input(BaseModel, extra="allow"):
    name: str = ""


class Every(Options):
    style: Style = Style.OIL
    maybe: Style | None = None
    styles: list[Style] = Field(default=[Style.INK])
    level: Level = Level.LOW
    number: Literal[1, 2, "1", None] = 2
    quality: Literal["low", None] = None
    only: Literal["only"] = "only"
    maybe_only: Literal["only"] | None = None
    guidance: float = Field(default=3.5, alias="guidanceScale", le=9)
    steps: int | None = Field(default=None, alias="numSteps")
    percent: int = Field(default=80, ge=0, le=100)
    go_fast: bool = True
    sharp: bool | None = None
    strength: float | None = Field(default=None, gt=0, le=1)
    tiles: int = Field(default=-1, ge=-1)
    words: str = ""
    mixed: int | str | list[int] = 5
    input: Input = Field(default=Input(name="a"), alias="rawInput")
    table: dict[str, int] = Field(default_factory=dict)


FIELDS = {field["name"]: field for field in option_fields(Every)}
GIVEN = InputPicture(name="a.png", media_type="image/png", width=64, height=64, size=100, filename="a.png")


def sent(**changed: Any) -> dict[str, Any]:
    """The values of all controls as they are drawn, and what a person changed."""
    return {name: field["initial"] for name, field in FIELDS.items()} | changed


@pytest.mark.parametrize(
    ("name", "words", "initial"),
    [
        ("style", ["oil", "ink"], '"oil"'),
        ("maybe", ["Default", "oil", "ink"], ""),
        ("level", ["1", "2", "none"], "1"),
        ("number", ["1", "2", "1", "none"], "2"),
        ("quality", ["Default", "low"], ""),
        ("only", ["only"], '"only"'),
        ("maybe_only", ["Default", "only"], ""),
        ("sharp", ["Default", "Yes", "No"], ""),
    ],
)
def test_what_has_a_list_of_values_is_a_choice_of_these(name: str, words: list[str], initial: str) -> None:
    field = FIELDS[name]
    assert (field["kind"], field["initial"]) == ("list", initial)
    assert [word for _, word in field["choices"]] == words
    assert initial in dict(field["choices"])


def test_an_option_has_a_field_under_the_name_of_a_request() -> None:
    assert {"guidance", "steps", "input"}.isdisjoint(FIELDS)
    assert [FIELDS[name]["kind"] for name in ("guidanceScale", "go_fast", "styles")] == [
        "number",
        "switch",
        "text",
    ]
    assert [FIELDS[name]["label"] for name in ("style", "maybe_only", "numSteps")] == [
        "Style",
        "Maybe only",
        "Num steps",
    ]


def test_a_number_within_bounds_has_a_slider_and_the_keypad_that_can_write_it() -> None:
    bounds = {
        name: (field.get("least"), field.get("most"), field.get("keypad")) for name, field in FIELDS.items()
    }
    assert bounds["percent"] == (0, 100, "numeric")
    assert bounds["guidanceScale"] == (None, None, "text")
    assert bounds["strength"] == (None, None, "text")
    assert bounds["tiles"] == (None, None, "text")


@pytest.mark.parametrize(
    ("sizes", "choices"),
    [
        ((), []),
        ((Size(480, 360), Size(300, 900)), [("480x360", "4:3"), ("300x900", "300 × 900")]),
        (SizeRange(), [(ratio, ratio) for ratio in RATIOS]),
        (SizeRange(max_ratio=1.4), [("1:1", "1:1"), ("4:3", "4:3"), ("3:4", "3:4")]),
        (SizeRange(default=Size(768, 1024)), [("768x1024", "3:4"), *((ratio, ratio) for ratio in RATIOS)]),
    ],
)
def test_sizes_are_offered_by_their_ratio_if_it_has_a_name(
    sizes: Any, choices: list[tuple[str, str]]
) -> None:
    model = ModelInfo(id="p-1", sizes=sizes)
    assert [(one["value"], one["name"]) for one in size_choices(model)] == choices


@pytest.mark.parametrize(
    ("changed", "options"),
    [
        ({"style": '"ink"'}, {"style": Style.INK}),
        ({"style": "ink"}, {"style": Style.INK}),
        ({"maybe": '"ink"'}, {"maybe": Style.INK}),
        ({"maybe": ""}, {"maybe": None}),
        ({"styles": '["oil", "ink"]'}, {"styles": [Style.OIL, Style.INK]}),
        ({"level": "2"}, {"level": Level.HIGH}),
        ({"level": "null"}, {"level": Level.NONE}),
        ({"number": "1"}, {"number": 1}),
        ({"number": '"1"'}, {"number": "1"}),
        ({"number": "null"}, {"number": None}),
        ({"maybe_only": '"only"'}, {"maybe_only": "only"}),
        ({"guidanceScale": 4.0}, {"guidance": 4.0}),
        ({"guidanceScale": "4.25"}, {"guidance": 4.25}),
        ({"guidanceScale": " "}, {}),
        ({"numSteps": 7.0}, {"steps": 7}),
        ({"numSteps": "7"}, {"steps": 7}),
        ({"numSteps": "7.0"}, {"steps": 7}),
        ({"numSteps": "0"}, {"steps": 0}),
        ({"strength": "1e-2"}, {"strength": 0.01}),
        ({"tiles": "-1"}, {}),
        ({"tiles": "4"}, {"tiles": 4}),
        ({"tiles": ""}, {}),
        ({"sharp": "true"}, {"sharp": True}),
        ({"sharp": "false"}, {"sharp": False}),
        ({"go_fast": False}, {"go_fast": False}),
        ({"styles": ""}, {}),
        ({"mixed": "5 boats"}, {"mixed": "5 boats"}),
        ({"mixed": "[1, 2]"}, {"mixed": [1, 2]}),
        ({"mixed": "[sic]"}, {"mixed": "[sic]"}),
        ({"number": None}, {"number": None}),
        ({"maybe": None}, {}),
        ({"rawInput": '{"x": 1}'}, {"input": Input.model_validate({"x": 1})}),
        ({}, {}),
    ],
)
def test_what_is_sent_means_what_was_chosen(changed: dict[str, Any], options: dict[str, Any]) -> None:
    read = Every.model_validate(read_options(Every, sent(**changed)))
    assert read == Every().model_copy(update=options)
    assert type(read.mixed) is type(options.get("mixed", 5))


def test_what_is_left_alone_is_not_asked_for() -> None:
    """No control turns None into something else, and a default is the model's own affair."""
    assert read_options(Every, sent()) == {}
    assert read_options(Every, {}) == {}


@pytest.mark.parametrize(
    "name", ["openai", "gemini", "huggingface", "replicate", "fal", "a1111", "comfyui", "sketch"]
)
def test_what_is_left_alone_is_not_asked_of_the_real_providers(name: str) -> None:
    registry = Registry(Settings(providers={name: ProviderSettings(base_url="http://127.0.0.1:9")}))
    provider = registry.get(name)
    assert provider
    others = [provider.info.other_models] if provider.info.other_models else []
    for model in (*provider.info.models, *others):
        declared = provider.info.options_of(model)
        options = {field["name"]: field["initial"] for field in option_fields(declared)}
        values = {"prompt": "a", "provider": name, "model": model.id, "options": options}
        (request,) = read_requests(registry, values)
        assert request.options == {}, model.id
        least = model.images.least if model.images else 0
        plan = resolve(request.model_copy(update={"images": (GIVEN,) * least}), registry, Settings())
        assert plan.image_request.options.model_fields_set == set(), model.id


def test_what_is_no_json_is_refused_under_the_name_of_the_option() -> None:
    with pytest.raises(Rejected, match="The option rawInput is not valid JSON"):
        read_options(Every, sent(rawInput="{x: 1}"))


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("numSteps", "many", "a whole number"),
        ("guidanceScale", "3,5", "a number"),
        ("guidanceScale", "nan", "a number"),
        ("guidanceScale", "1e999", "a number"),
        ("strength", "-inf", "a number"),
        ("tiles", "9" * 5000, "a whole number"),
    ],
)
def test_what_is_no_number_is_refused_under_the_name_of_the_option(name: str, text: str, what: str) -> None:
    with pytest.raises(Rejected, match=f"The option {name} must be {what}: correct it or empty it"):
        read_options(Every, sent(**{name: text}))


@pytest.mark.parametrize("visitor", [None, Visitor("stranger")])
def test_the_page_sends_options_with_an_alias(visitor: Visitor | None) -> None:
    registry = registry_of(scripted=ScriptedProvider(model={"options": Every}))
    values = {"prompt": "a fox", "provider": "scripted", "model": "p-1", "options": sent(guidanceScale=4)}
    (request,) = read_requests(registry, values)
    assert request.options["guidanceScale"] == 4
    arguments = (visitor,) if visitor else ()
    plan = resolve(request, registry, Settings(provider="scripted"), *arguments)
    assert plan.image_request.options == Every().model_copy(update={"guidance": 4.0})
