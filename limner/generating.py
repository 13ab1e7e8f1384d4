"""Pictures for scripts and notebooks, without a server: `generate`, `agenerate`, and what they return.

    import limner

    picture = limner.generate("a red fox", provider="sketch", size="512x512")
    picture.save("fox.png")

They have the settings, the store and the limits of the command line. At the first call the settings are
read, and the engine and the providers imported.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

from limner.errors import LimnerError

_BY_ITSELF = ("image/png", "image/jpeg")
"""What every notebook shows, also one that is only read; the rest needs a browser."""


class Rejected(LimnerError):
    """A request that was not begun, or a wrong setting; the text says what to do.

    Only `generate` and `agenerate` raise it.
    """

    def __init__(self, sentence: str, *, field: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(why=sentence)
        self.field = field
        """What is wrong of the request; None if it is something else."""
        self.retry_after = retry_after
        """Seconds until the same request may be accepted; None if nobody knows."""


@dataclass(frozen=True)
class Picture:
    """A picture as the service sent it, which a notebook shows by itself."""

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int
    metadata: Mapping[str, Any] = field(repr=False)
    """How it was made: provider, model, size, seed, warnings, cost, and whatever else is known."""

    def save(self, path: str | Path) -> Path:
        """Writes the bytes to a file, over one that is there, and returns its path."""
        path = Path(path)
        path.write_bytes(self.data)
        return path

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Returns what a notebook shows: an SVG drawing in an `<img>`, in which no script of its runs."""
        encoded = base64.b64encode(self.data).decode()
        if self.media_type in _BY_ITSELF:
            return {self.media_type: encoded, "text/plain": repr(self)}
        alternative = escape(str(self.metadata.get("prompt", "")))
        source = f"data:{self.media_type};base64,{encoded}"
        size = f'width="{self.width}" height="{self.height}" style="max-width: 100%; height: auto"'
        return {
            "text/html": f'<img src="{source}" alt="{alternative}" {size}>',
            "text/plain": repr(self),
        }


Image: TypeAlias = "bytes | Path | Picture"
"""A picture that goes in: the bytes of a file, its path, or one that was made."""


def generate(
    prompt: str,
    *,
    provider: str | None = None,
    model: str | None = None,
    size: str | None = None,
    seed: int | None = None,
    negative_prompt: str | None = None,
    options: Mapping[str, Any] | None = None,
    images: Sequence[Image] = (),
    mask: Image | None = None,
) -> Picture:
    """Makes one picture and returns it; may be called from any thread, and where an event loop runs.

    `provider` and `model` are names as `limner providers` lists them, `size` is `1024x768` or a ratio such as
    `3:2`, `options` are the model's own; what is left out is the default of the settings or of the model.
    `images` are the pictures to start from, each bytes, a `Path` or what an earlier call returned, and `mask`
    is white, or transparent, where the first of them may change.

    Raises `Rejected` if the request is not begun, `ContentFiltered` if the service refuses it, and
    `ProviderError`, which has a category, if anything else fails: the text of each is a sentence for people.
    Ctrl-C stops the picture, and the service is told.
    """
    asked = _request(prompt, provider, model, size, seed, negative_prompt, options, images, mask)
    return _session().call(**asked)


async def agenerate(
    prompt: str,
    *,
    provider: str | None = None,
    model: str | None = None,
    size: str | None = None,
    seed: int | None = None,
    negative_prompt: str | None = None,
    options: Mapping[str, Any] | None = None,
    images: Sequence[Image] = (),
    mask: Image | None = None,
) -> Picture:
    """Makes one picture as `generate` does; a task that is cancelled stops it, and the service is told."""
    asked = _request(prompt, provider, model, size, seed, negative_prompt, options, images, mask)
    return await _session().acall(**asked)


def _request(
    prompt: object,
    provider: object,
    model: object,
    size: object,
    seed: object,
    negative_prompt: object,
    options: Mapping[str, Any] | None,
    images: Sequence[Image],
    mask: Image | None,
) -> dict[str, Any]:
    values: dict[str, Any] = {
        "prompt": prompt,
        "provider": provider,
        "model": model,
        "size": size,
        "seed": seed,
        "negative_prompt": negative_prompt,
        "options": {} if options is None else options,
    }
    return {"values": values, "images": images, "mask": mask}


def _session() -> Any:
    """Returns the one session of this process; raises ImportError if what it needs is not installed."""
    from limner.installation import import_app

    return import_app("ui.python.session").session()
