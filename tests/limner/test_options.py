"""The one reader of a class of options: the schema of each option, by its name in a request."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field

from limner import Options
from limner.options import field_names, listed_values, option_schemas


class Style(Enum):
    """How it looks."""

    OIL = "oil"
    INK = "ink"


class Level(Enum):
    LOW = 1
    NONE = None


class Only(Enum):
    ONE = "one"


class Circle(BaseModel):
    kind: Literal["circle"] = "circle"


class Square(BaseModel):
    kind: Literal["square"] = "square"


class Tree(BaseModel):
    size: int = Field(default=1, le=9)
    style: Style | None = None
    parts: list[Tree] = Field(default_factory=list)


class Options_(Options):
    style: Style = Style.OIL
    maybe: Style | None = None
    styles: list[Style] = Field(default_factory=list)
    level: Level = Level.LOW
    number: Literal[1, 2, None] = 1
    only: Literal["only"] = "only"
    one: Only = Only.ONE
    steps: Annotated[int, Field(ge=1, le=50)] | None = None
    mixed: int | Literal["auto"] = "auto"
    shape: Annotated[Circle | Square, Field(discriminator="kind")] = Circle()
    tree: Tree = Tree()
    table: dict[str, Style] = Field(default_factory=dict)
    named: Style = Field(default=Style.INK, title="The style", description="Of your choice.")


def test_nothing_in_a_schema_refers_to_what_is_not_there() -> None:
    written = json.dumps(option_schemas(Options_))
    assert "$ref" not in written
    assert "$defs" not in written
    assert "mapping" not in written


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        (
            "style",
            {"default": "oil", "description": "How it looks.", "enum": ["oil", "ink"], "type": "string"},
        ),
        (
            "maybe",
            {"default": None, "description": "How it looks.", "enum": ["oil", "ink"], "type": "string"},
        ),
        ("level", {"default": 1, "enum": [1, None]}),
        ("number", {"default": 1, "enum": [1, 2, None], "title": "Number"}),
        ("steps", {"default": None, "maximum": 50, "minimum": 1, "title": "Steps", "type": "integer"}),
        (
            "named",
            {
                "default": "ink",
                "description": "Of your choice.",
                "enum": ["oil", "ink"],
                "title": "The style",
                "type": "string",
            },
        ),
    ],
)
def test_references_and_types_beside_null_are_followed(name: str, schema: dict[str, Any]) -> None:
    assert option_schemas(Options_)[name] == schema


def test_they_are_followed_at_any_depth() -> None:
    schemas = option_schemas(Options_)
    assert schemas["styles"]["items"]["enum"] == ["oil", "ink"]
    assert schemas["table"]["additionalProperties"]["enum"] == ["oil", "ink"]
    assert [kind["properties"]["kind"]["const"] for kind in schemas["shape"]["oneOf"]] == ["circle", "square"]
    assert [kind["type"] for kind in schemas["mixed"]["anyOf"]] == ["integer", "string"]
    tree = schemas["tree"]
    assert tree["properties"]["size"]["maximum"] == 9
    assert tree["properties"]["style"]["enum"] == ["oil", "ink"]
    assert tree["properties"]["parts"]["items"] == {"type": "object"}


class Itself(Options):
    steps: int = 4
    inner: Optional[Itself] = None  # noqa: UP045


def test_a_class_that_contains_itself_is_followed_once() -> None:
    schemas = option_schemas(Itself)
    assert schemas["steps"]["default"] == 4
    assert schemas["inner"]["properties"]["inner"] == {"type": "object", "default": None}


def test_types_that_refer_to_each_other_are_followed_to_a_bounded_depth() -> None:
    names = [f"Type{number}" for number in range(9)]
    fields = "\n    ".join(f"of_{name}: Optional['{name}'] = None" for name in names)
    namespace: dict[str, Any] = {"BaseModel": BaseModel, "Optional": Optional, "__name__": __name__}
    exec("\n".join(f"class {name}(BaseModel):\n    {fields}\n" for name in names), namespace)
    for name in names:
        namespace[name].model_rebuild(_types_namespace=namespace)
    tangled: Any = type("Tangled", (Options,), {"__annotations__": {"one": namespace["Type0"]}, "one": None})
    assert len(json.dumps(option_schemas(tangled))) < 10_000_000


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("style", ["oil", "ink"]),
        ("number", [1, 2, None]),
        ("only", ["only"]),
        ("one", ["one"]),
        ("steps", None),
        ("mixed", None),
    ],
)
def test_the_values_that_a_schema_lists(name: str, listed: list[Any] | None) -> None:
    assert listed_values(option_schemas(Options_)[name]) == listed


class Aliased(Options):
    plain: int = 1
    by_alias: int = Field(default=2, alias="byAlias")
    by_choice: int = Field(
        default=3, validation_alias=AliasChoices(AliasPath("deep", "er"), "choice", "other")
    )
    by_path: int = Field(default=4, validation_alias=AliasPath("deep", "est"))


class ByName(Aliased):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=False)


class ByBoth(Aliased):
    model_config = ConfigDict(validate_by_name=True)


@pytest.mark.parametrize(
    ("options", "defaults"),
    [
        (Aliased, {"plain": 1, "byAlias": 2, "choice": 3}),
        (ByName, {"plain": 1, "by_alias": 2, "by_choice": 3, "by_path": 4}),
        (ByBoth, {"plain": 1, "byAlias": 2, "choice": 3, "by_path": 4}),
    ],
)
def test_an_option_has_one_name_everywhere_and_a_request_may_give_it(
    options: type[Options], defaults: dict[str, int]
) -> None:
    schemas = option_schemas(options)
    assert {name: schema["default"] for name, schema in schemas.items()} == defaults
    assert list(field_names(options)) == list(defaults)
    for name, field in field_names(options).items():
        assert getattr(options.model_validate({name: 7}), field) == 7
