"""Pictures: stored ones, those that a person sends, and a glimpse of one that is being made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field

Model = TypeVar("Model", bound=BaseModel)


class Picture(BaseModel):
    """A stored picture: where its bytes are, and what they are, as found by decoding them."""

    model_config = ConfigDict(frozen=True)

    name: str
    """The name in the store, such as ``3f…9c.png``: unguessable, chosen by the server."""
    media_type: str
    width: int
    height: int
    size: int
    """Bytes."""


class InputPicture(Picture):
    """A stored picture that a person sends with a prompt, or the mask of one."""

    filename: str
    """The name under which the picture is saved: safe on every system."""


class BroughtPicture(InputPicture):
    """What a person has just brought, and what its file said, which the stored one does not say any more."""

    settings: dict[str, Any] = Field(default_factory=dict)
    """How it was made, as far as that is known: see `core.metadata.settings`."""
    signed: bool = False
    """The file had a C2PA signature, of which nothing has been verified."""
    animated: bool = False
    """The file had more frames than the first, which alone is kept."""


@dataclass(frozen=True)
class Preview:
    """A picture that is not finished yet, which is shown and never stored."""

    name: str
    """Unguessable, and another one for each preview."""
    media_type: str
    data: bytes = field(repr=False)


def with_pictures(model: Model, change: Callable[[Picture], Picture]) -> Model:
    """Returns a model with each of its pictures changed, at any depth."""

    def changed(value: Any) -> Any:
        if isinstance(value, Picture):
            return change(value)
        if isinstance(value, BaseModel):
            return with_pictures(value, change)
        if isinstance(value, tuple):
            return tuple(changed(one) for one in cast("tuple[Any, ...]", value))
        return value

    return model.model_copy(update={name: changed(value) for name, value in model})
