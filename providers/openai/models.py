"""OpenAI's image models: their sizes, their options, and the pictures that they take."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from limner import ImageInputs, ModelInfo, Options, Size, SizeRange

DEFAULT_SIZE = Size(1024, 1024)


class GptImageOptions(Options):
    """What every GPT image model takes; an option with its default value is not sent."""

    quality: Literal["auto", "low", "medium", "high"] = "auto"
    background: Literal["auto", "opaque", "transparent"] = "auto"
    """Transparent works with PNG and WebP."""
    output_format: Literal["auto", "png", "webp", "jpeg"] = "auto"
    output_compression: int | None = Field(default=None, ge=0, le=100)
    """0 to 100, for JPEG and WebP."""
    moderation: Literal["auto", "low"] = "auto"
    """Low filters less."""


class FinerOptions(GptImageOptions):
    """The same with two more levels of quality."""

    quality: Literal["auto", "low", "medium", "high", "xhigh", "max"] = "auto"  # pyright: ignore[reportIncompatibleVariableOverride]


class FidelityOptions(GptImageOptions):
    """The same with the fidelity to the pictures that go in, which one model alone lets choose."""

    input_fidelity: Literal["auto", "low", "high"] = "auto"
    """How closely faces and details of your pictures are kept."""


# From the SDK's ImageGenerateParams, which names only the standard sizes for 2.6. OpenAI's guide adds that a
# free size has at least 655,360 pixels. A SizeRange cannot say that, but no such size has a side under 480.
_STANDARD = (DEFAULT_SIZE, Size(1536, 1024), Size(1024, 1536))
_ANY = SizeRange(min_side=64, max_side=8192, max_ratio=8)
_FREE = SizeRange(step=16, min_side=480, max_side=3840, max_pixels=3840 * 2160, max_ratio=3)
# From the SDK's ImageEditParams: up to 16 pictures of less than 50 MB each.
_PICTURES = ImageInputs(most=16, mask=True, most_bytes=50_000_000 - 1)


def _model(
    id: str, label: str, sizes: tuple[Size, ...] | SizeRange, options: type[Options] | None = None
) -> ModelInfo:
    return ModelInfo(id=id, label=label, sizes=sizes, images=_PICTURES, options=options)


MODELS = (
    _model("gpt-image-2.5-flare", "GPT Image 2.5 Flare", _FREE, FinerOptions),
    _model("gpt-image-2.5-sunburst", "GPT Image 2.5 Sunburst", _FREE, FinerOptions),
    _model("gpt-image-2.6-flare", "GPT Image 2.6 Flare", _STANDARD),
    _model("gpt-image-2.6-sunburst", "GPT Image 2.6 Sunburst", _STANDARD),
    _model("gpt-image-2", "GPT Image 2", _FREE),
    _model("gpt-image-1.5", "GPT Image 1.5", _STANDARD, FidelityOptions),
    _model("gpt-image-1-mini", "GPT Image 1 mini", _STANDARD),
    _model("chatgpt-image-latest", "ChatGPT Image, latest", _STANDARD),
)
OTHER_MODELS = ModelInfo(
    id="any",
    sizes=_ANY,
    seed=True,
    negative_prompt=True,
    images=ImageInputs(most=16, mask=True),
    options=FinerOptions,
)
"""What the models of a compatible server may take: it refuses by itself what one does not."""
