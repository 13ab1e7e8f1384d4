"""What the settings say of single models: `[[providers.NAME.model]]` with a table for each option."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import (
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_core import SchemaError

from core.settings.sources import listed
from limner import ImageInputs, ModelInfo, Money, Options, Price, Size, SizeRange, UsagePrice

Number: TypeAlias = Annotated[StrictFloat, AllowInfNan(False)] | StrictInt
Scalar: TypeAlias = StrictBool | StrictInt | Annotated[StrictFloat, AllowInfNan(False)] | StrictStr
_TYPES: dict[str | None, type] = {"text": str, "integer": int, "number": float, "boolean": bool}
_LONGEST_TEXT = 4000
_TAKEN = {*dir(Options), "prompt", "model", "n", "stream"}
"""What no option may be named: the class has it, or the request has it by itself."""
_AS_THEY_ARE = {"label", "seed", "negative_prompt", "images"}
"""Settings of a model that are fields of `ModelInfo` too."""


class OptionSettings(BaseModel):
    """One option of a model: its type with bounds or its choices, its default, and how the page names it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["text", "integer", "number", "boolean"] | None = None
    choices: tuple[Scalar, ...] = ()
    minimum: Number | None = None
    maximum: Number | None = None
    default: Scalar | None = None
    """Sent with every request; without one the option is sent only if somebody chooses a value."""
    label: str | None = Field(default=None, max_length=80)
    help: str | None = Field(default=None, max_length=400)

    @model_validator(mode="after")
    def _is_complete(self) -> OptionSettings:
        if (self.type is None) == (not self.choices):
            raise ValueError("an option with a type (text, integer, number, boolean) or with choices")
        if self.type not in ("integer", "number") and (self.minimum, self.maximum) != (None, None):
            raise ValueError("without minimum and maximum, which are for the types integer and number")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("an option whose minimum is not above its maximum")
        try:
            options_class({"option": self})()
        except ValidationError as error:
            allowed = error.errors()[0]["msg"].removeprefix("Input should be ")
            raise ValueError(f"an option with another default: {allowed}") from None
        except SchemaError:
            raise ValueError("an option with bounds of its own type, such as whole numbers") from None
        return self

    @property
    def field(self) -> tuple[Any, Any]:
        """The type and the field of a pydantic class."""
        kind: Any = Literal[self.choices] if self.choices else _TYPES[self.type]
        more: dict[str, Any] = {"ge": self.minimum, "le": self.maximum, "title": self.label}
        more |= {"description": self.help, "max_length": _LONGEST_TEXT if self.type == "text" else None}
        given = {name: value for name, value in more.items() if value is not None}
        return (
            kind if self.default is not None else kind | None,
            Field(default=self.default, validate_default=True, **given),
        )


def options_class(options: Mapping[str, OptionSettings]) -> type[Options]:
    """Returns the class of options that the settings declare."""
    fields: dict[str, Any] = {name: option.field for name, option in options.items()}
    return create_model("ConfiguredOptions", __base__=Options, **fields)


def _read_sizes(value: object) -> object:
    """Reads one size as a list of it, and a table as a range; raises ValueError, with what sizes may be."""
    listed = [value] if isinstance(value, str) else value
    if isinstance(listed, Mapping):
        return _read_table(SizeRange, cast(object, listed))
    texts = cast("list[object]", listed) if isinstance(listed, list | tuple) else []
    sizes = tuple(text for text in texts if isinstance(text, str))
    try:
        if _parse(sizes) and len(sizes) == len(texts) and len({":" in size for size in sizes}) == 1:
            return sizes
    except ValueError:
        pass
    raise ValueError("sizes such as 1024x1024, or ratios such as 16:9, but not both")


def _read_images(value: object) -> object:
    """Reads a number of pictures, or a table of what a model takes; raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _read_table(ImageInputs, {"most": value}) if value else None
    if not isinstance(value, Mapping):
        raise ValueError("a number of pictures, or a table such as { most = 3, mask = true }")
    return _read_table(ImageInputs, cast(object, value))


def _read_prices(value: object) -> object:
    """Reads an amount as a list of it, and a list of amounts and tables; raises ValueError."""
    listed = cast("list[object]", value if isinstance(value, list | tuple) else [value])
    return tuple(
        _read_table(Price, cast(object, one))
        if isinstance(one, Mapping)
        else Price(amount=Money.parse(str(one)))
        for one in listed
    )


def _read_usage_prices(value: object) -> object:
    """Reads a table as a list of it; raises ValueError."""
    listed = cast("list[object]", value if isinstance(value, list | tuple) else [value])
    return tuple(_read_table(UsagePrice, one) for one in listed)


def _read_table(kind: type[BaseModel], value: object) -> BaseModel:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise ValueError(f"a table of {listed([*kind.model_fields])}, without {where}") from None
        reason = first["msg"].removeprefix("Value error, ")
        reason = reason.replace("Input", where or "it").replace("Field", f"{where} is")
        raise ValueError(f"correct: {reason}") from None


class ModelSettings(BaseModel):
    """What one model accepts, where the provider does not know it, or not as the owner wants it."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    id: str = Field(min_length=1, max_length=200)
    label: str | None = Field(default=None, max_length=80)
    sizes: Annotated[SizeRange | tuple[str, ...] | None, BeforeValidator(_read_sizes)] = None
    """Pixels such as `1024x1024`, the default first; ratios such as `16:9` for a service that takes no
    pixels; or a table with `step`, `min_side`, `max_side`, `max_pixels`, `max_ratio` and `default`."""
    seed: bool | None = None
    negative_prompt: bool | None = None
    images: Annotated[ImageInputs | None, BeforeValidator(_read_images)] = None
    """How many pictures go in, or a table with `least`, `most`, `mask`, `media_types` and `most_bytes`."""
    options: dict[str, OptionSettings] | None = None
    """All options of the model; what the provider would offer otherwise is left out."""
    price: Annotated[tuple[Price, ...] | None, BeforeValidator(_read_prices)] = None
    """What a picture costs: an amount such as `0.04 USD`, or tables with `amount`, `per`, `size` and
    `options`, of which the first that fits counts."""
    usage_price: Annotated[tuple[UsagePrice, ...] | None, BeforeValidator(_read_usage_prices)] = None
    """What it has cost by what the service reports: tables with `field`, `amount` and `per`."""

    @field_validator("options")
    @classmethod
    def _have_names(cls, value: dict[str, OptionSettings] | None) -> dict[str, OptionSettings] | None:
        if any(not re.fullmatch(r"[a-z][A-Za-z0-9_]*", name) or name in _TAKEN for name in value or ()):
            raise ValueError("tables under the names of fields that the service takes, such as steps")
        return value

    @model_validator(mode="after")
    def _have_one_currency(self) -> ModelSettings:
        if len({price.amount.currency for price in (*(self.price or ()), *(self.usage_price or ()))}) > 1:
            raise ValueError("priced in one currency")
        return self

    def applied_to(self, model: ModelInfo) -> ModelInfo:
        """Returns the model with what is set here, and all else as it was."""
        update: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set & _AS_THEY_ARE}
        if isinstance(self.sizes, tuple):
            update |= {"sizes": _parse(self.sizes), "ratio_only": ":" in "".join(self.sizes)}
        elif self.sizes is not None:
            update |= {"sizes": self.sizes, "ratio_only": False}
        if self.options is not None:
            update["options"] = options_class(self.options)
        if self.price is not None:
            update |= {"prices": self.price, "usage_prices": ()}
        if self.usage_price is not None:
            own = {price.amount.currency for price in self.usage_price}
            fitting = tuple(price for price in model.prices if price.amount.currency in own)
            update |= {"prices": self.price or fitting, "usage_prices": self.usage_price}
        return ModelInfo.model_validate({**dict(model), **update})


def _parse(sizes: tuple[str, ...]) -> tuple[Size, ...]:
    return tuple(Size.of_ratio(size) if ":" in size else Size.parse(size) for size in sizes)
