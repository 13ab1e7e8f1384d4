"""Pictures: stored ones, those that a person sends, and a glimpse of one that is being made."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict


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
    """As it is offered to whoever saves the picture: safe on every system."""


@dataclass(frozen=True)
class Preview:
    """A picture that is not finished yet, which is shown and never stored."""

    name: str
    """Unguessable, and another one for each preview."""
    media_type: str
    data: bytes = field(repr=False)
