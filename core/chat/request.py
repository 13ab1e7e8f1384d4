"""What a person asks for, kept exactly as they asked, so that Regenerate asks for the same."""

from __future__ import annotations

import json
from typing import Annotated, Any, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from typing_extensions import Self

from core.chat.failure import Rejected
from core.chat.picture import InputPicture
from limner.request import MAX_SEED

MAX_OPTIONS = 20_000
"""Characters of the options as JSON."""
MAX_IMAGES = 16
"""Pictures that a message may be sent with."""
MAX_NESTING = 32
"""Levels of objects and lists in JSON that is kept; pydantic writes about 250 levels, and no more."""


def limit_nesting(value: Any, levels: int = MAX_NESTING) -> Any:
    """Returns a JSON value with "…" in place of every object and list that is nested deeper."""
    if not isinstance(value, dict | list):
        return value
    if not levels:
        return "…"
    if isinstance(value, dict):
        return {
            name: limit_nesting(inner, levels - 1) for name, inner in cast("dict[str, Any]", value).items()
        }
    return [limit_nesting(inner, levels - 1) for inner in cast("list[Any]", value)]


def _text(text: str) -> str:
    text.encode()  # fails for half a surrogate pair, which cannot be stored
    return text


def _name(name: str) -> str:
    if not name.isprintable():
        raise ValueError("not printable")
    return name


def _plain_json(options: dict[str, Any]) -> dict[str, Any]:
    try:
        written = json.dumps(options, ensure_ascii=False, allow_nan=False)
    except (TypeError, RecursionError):
        raise ValueError("not JSON") from None
    if len(_text(written)) > MAX_OPTIONS or limit_nesting(options) != options:
        raise ValueError("too long, or nested too deep")
    return options


_Text = Annotated[str, AfterValidator(_text)]
_Name = Annotated[str, Field(max_length=200), AfterValidator(_name)]
_Options = Annotated[dict[str, Any], AfterValidator(_plain_json)]


class UserRequest(BaseModel):
    """One request in the person's terms; `core.generation.resolve` checks it against the chosen model.

    Invalid values raise Rejected with a sentence, not pydantic's ValidationError.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: _Text
    provider: _Name | None = None
    """A provider's name; None is the default provider."""
    model: _Name | None = None
    """A model's id; None is the provider's default."""
    size: Annotated[_Name, Field(max_length=40)] | None = None
    """``1024x768``, a ratio such as ``3:2``, or None for the model's default."""
    seed: Annotated[int, Field(ge=0, le=MAX_SEED, strict=True)] | None = None
    """None is a new one with each version."""
    negative_prompt: _Text | None = None
    options: _Options = Field(default_factory=dict)
    images: tuple[InputPicture, ...] = ()
    """What the person sent with the prompt, in order; only `Studio.start` sets it."""
    mask: InputPicture | None = None
    """Where the first of `images` may change."""

    @property
    def pictures(self) -> tuple[InputPicture, ...]:
        """What was sent with the prompt, the mask last."""
        return (*self.images, self.mask) if self.mask else self.images

    def numbered(self, n: int) -> Self:
        """Returns the request of the nth picture of several, whose seed is n higher if it is fixed."""
        if self.seed is None or n == 0:
            return self
        return self.model_copy(update={"seed": (self.seed + n) % (MAX_SEED + 1)})

    @model_validator(mode="wrap")
    @classmethod
    def _or_rejected(cls, values: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return validate(values)
        except ValidationError as error:
            field = str((*error.errors()[0]["loc"], "")[0])
            raise Rejected(_sentence(error), field=field) from None


_WHAT_IT_IS = {
    "prompt": "text",
    "provider": "the name of a provider",
    "model": "the id of a model",
    "size": "a size such as 1024x768, or a ratio such as 3:2",
    "seed": f"a whole number from 0 to {MAX_SEED}",
    "negative_prompt": "text",
    "options": (
        f"an object of names and JSON values, of {MAX_OPTIONS:,} characters and {MAX_NESTING} levels at most"
    ),
    "images": "pictures",
    "mask": "a picture",
}


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    if not first["loc"]:
        return f"The request cannot be read: send an object with {', '.join(_WHAT_IT_IS)}."
    field = str(first["loc"][0])
    if first["type"] == "missing":
        return "The prompt is missing: describe the picture that you want."
    if field not in _WHAT_IT_IS:
        return f"A request has no field {field[:40]!r}: it takes {', '.join(_WHAT_IT_IS)}."
    return f"The {field.replace('_', ' ')} must be {_WHAT_IT_IS[field]}."
