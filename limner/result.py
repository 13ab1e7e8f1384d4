"""The result that a provider returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

if TYPE_CHECKING:
    from PIL.Image import Image

ImageSource: TypeAlias = "bytes | bytearray | memoryview | BinaryIO | PathLike[str] | Image | str"
"""The forms of a picture that the host accepts; a string is base64, `data:` or `https`, never a path."""

MAX_CONTINUATION = 4_000_000
"""Characters of a continuation as JSON."""


@dataclass(frozen=True, slots=True)
class ImageWarning:
    """Something in the request that the provider dropped, rounded or changed.

    `feature` names the option (``seed``, ``size``, …), `details` is a sentence for the user.
    """

    feature: str
    details: str
    type: Literal["unsupported", "other"] = "unsupported"


@dataclass(frozen=True, slots=True)
class ImageResult:
    """One picture as the service returned it, and what else the service reported."""

    image: ImageSource
    revised_prompt: str | None = None
    seed: int | None = None
    """The seed that was used, if the service reports it."""
    model: str | None = None
    """The model that was used, if the service reports it."""
    request_id: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Tokens, seconds or credits in the service's own terms."""
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Anything else worth keeping, as plain JSON values."""
    warnings: Sequence[ImageWarning] = ()
    seed_sent: bool = True
    """False if the request's seed was left out, so that nobody knows the one that was used."""
    text: str | None = None
    """What the model says in addition to the picture."""
    continuation: Any = None
    """Plain JSON that a later request about this picture needs, such as the id of a response: 4 MB at most.

    The host shows it to nobody, and gives it back as `ImageRequest.continuation`."""
