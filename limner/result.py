"""What a provider gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

if TYPE_CHECKING:
    from PIL.Image import Image

ImageSource: TypeAlias = "bytes | bytearray | memoryview | BinaryIO | PathLike[str] | Image | str"
"""The shapes of a picture that the host takes; a string is base64, `data:` or `https`, never a path."""


@dataclass(frozen=True, slots=True)
class ImageWarning:
    """Something asked for that the provider dropped, rounded or set by itself.

    `feature` names the option (``seed``, ``size``, …), `details` is a sentence for the person.
    """

    feature: str
    details: str
    type: Literal["unsupported", "other"] = "unsupported"


@dataclass(frozen=True, slots=True)
class ImageResult:
    """One picture as the service gave it, and what the service said beside it."""

    image: ImageSource
    revised_prompt: str | None = None
    seed: int | None = None
    """The seed really used, where the service tells it."""
    model: str | None = None
    """The model really used, where the service tells it."""
    request_id: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Tokens, seconds or credits in the service's own terms."""
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What else is worth keeping; plain JSON values."""
    warnings: Sequence[ImageWarning] = ()
