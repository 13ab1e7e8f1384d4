"""The models at fal whose inputs are known, from their input schemas at fal.ai."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic import Field

from limner import ImageInputs, ImageRequest, ModelInfo, Options, Size, SizeRange

_JpegOrPng: TypeAlias = Literal["jpeg", "png"]
_AnyFormat: TypeAlias = Literal["jpeg", "png", "webp"]
_Tolerance: TypeAlias = Literal["1", "2", "3", "4", "5", "6"]


class _CheckedOptions(Options):
    enable_safety_checker: bool = True


class _DevOptions(_CheckedOptions):
    num_inference_steps: int = Field(default=28, ge=1, le=50)
    guidance_scale: float = Field(default=3.5, ge=1, le=20)
    """How closely the picture follows the prompt."""
    output_format: _JpegOrPng = "jpeg"


class _SchnellOptions(_DevOptions):
    num_inference_steps: int = Field(default=4, ge=1, le=12)


class _Flux2Options(_CheckedOptions):
    num_inference_steps: int = Field(default=28, ge=4, le=50)
    guidance_scale: float = Field(default=2.5, ge=0, le=20)
    """How closely the picture follows the prompt."""
    enable_prompt_expansion: bool = False
    """Lets the service add to the prompt."""
    output_format: _AnyFormat = "png"


class _Flux2ProOptions(_CheckedOptions):
    safety_tolerance: Literal["1", "2", "3", "4", "5"] = "2"
    """1 is the strictest."""
    output_format: _JpegOrPng = "jpeg"


class _KontextOptions(Options):
    guidance_scale: float = Field(default=3.5, ge=1, le=20)
    """How closely the picture follows the prompt."""
    enhance_prompt: bool = False
    """Lets the service add to the prompt."""
    safety_tolerance: _Tolerance = "2"
    """1 is the strictest."""
    output_format: _JpegOrPng = "jpeg"


class _QwenOptions(_CheckedOptions):
    num_inference_steps: int = Field(default=30, ge=2, le=100)
    guidance_scale: float = Field(default=2.5, ge=0, le=20)
    """How closely the picture follows the prompt."""
    output_format: _JpegOrPng = "png"


class _QwenEditOptions(_QwenOptions):
    guidance_scale: float = Field(default=4, ge=0, le=20)
    """How closely the picture follows the prompt."""


class _QwenEdit2511Options(_CheckedOptions):
    num_inference_steps: int = Field(default=28, ge=1, le=50)
    guidance_scale: float = Field(default=4.5, ge=1, le=20)
    """How closely the picture follows the prompt."""
    output_format: _AnyFormat = "png"


class _ZImageOptions(_CheckedOptions):
    num_inference_steps: int = Field(default=8, ge=1, le=8)
    output_format: _AnyFormat = "png"


class _BananaOptions(Options):
    safety_tolerance: _Tolerance = "4"
    """1 is the strictest."""
    output_format: _AnyFormat = "png"


class _BananaProOptions(_BananaOptions):
    resolution: Literal["1K", "2K", "4K"] = "1K"
    """The sizes of the list are those of 1K."""


class _RecraftOptions(Options):
    style: Literal["any", "realistic_image", "digital_illustration"] = "realistic_image"


class _IdeogramOptions(Options):
    rendering_speed: Literal["TURBO", "BALANCED", "QUALITY"] = "BALANCED"
    style: Literal["AUTO", "GENERAL", "REALISTIC", "DESIGN"] = "AUTO"
    expand_prompt: bool = True
    """Lets the service add to the prompt."""


class _GptOptions(Options):
    quality: Literal["auto", "low", "medium", "high"] = "high"
    output_format: _AnyFormat = "png"


class InputOptions(Options):
    """The options of a model of which only the id is known."""

    input: dict[str, Any] = Field(default_factory=dict[str, Any])
    """What the model takes besides the prompt, as one JSON object; its page at fal lists it."""


_NAMED = {
    **{"1:1": "square_hd", "4:3": "landscape_4_3", "16:9": "landscape_16_9"},
    **{"3:4": "portrait_4_3", "9:16": "portrait_16_9"},
}
"""fal's own names of sizes; which pixels they are depends on the model."""


def _ratios(ratios: Iterable[str]) -> dict[str, Any]:
    """Returns the sizes of a model that takes ratios, and chooses the pixels by itself."""
    return {"sizes": tuple(map(Size.of_ratio, ratios)), "ratio_only": True}


_NAMES = _ratios(_NAMED)
_BANANA = _ratios(["1:1", "21:9", "16:9", "3:2", "4:3", "5:4", "4:5", "3:4", "2:3", "9:16"])
_KONTEXT = _ratios(["1:1", "21:9", "16:9", "4:3", "3:2", "2:3", "3:4", "9:16", "9:21"])
_FLUX = SizeRange(step=32, max_pixels=2**21)
_FLUX_2 = SizeRange(step=32, min_side=512, max_side=2048, max_pixels=2**22)
_QWEN = SizeRange(step=16, min_side=512, max_side=2048, max_pixels=2**22)
_SEEDREAM = SizeRange(step=16, min_side=1920, max_side=4096, default=Size(2048, 2048))
_GPT = SizeRange(step=16, min_side=816, max_side=3840, max_pixels=8_294_400, max_ratio=3)


class _Facts(NamedTuple):
    """Where pictures go in, and how a size is said."""

    pictures: str = ""
    """The endpoint that takes them; the model's own is for words alone."""
    words: str = ""
    """The endpoint for words alone, if the model's own takes pictures."""
    masked: str = ""
    """The endpoint that takes a mask."""
    is_list: bool = True
    size: Literal["pixels", "name", "ratio"] = "pixels"


_SEEDREAM_4_5, _GPT_2 = "fal-ai/bytedance/seedream/v4.5", "openai/gpt-image-2"
_FACTS = {
    "fal-ai/flux-2": _Facts("fal-ai/flux-2/edit"),
    "fal-ai/flux-2-pro": _Facts("fal-ai/flux-2-pro/edit"),
    "fal-ai/flux-pro/kontext": _Facts(
        words="fal-ai/flux-pro/kontext/text-to-image", is_list=False, size="ratio"
    ),
    f"{_SEEDREAM_4_5}/text-to-image": _Facts(f"{_SEEDREAM_4_5}/edit"),
    "fal-ai/qwen-image-edit": _Facts(masked="fal-ai/qwen-image-edit/inpaint", is_list=False),
    "fal-ai/nano-banana": _Facts("fal-ai/nano-banana/edit", size="ratio"),
    "fal-ai/nano-banana-pro": _Facts("fal-ai/nano-banana-pro/edit", size="ratio"),
    "fal-ai/recraft/v3/text-to-image": _Facts(size="name"),
    "fal-ai/ideogram/v3": _Facts(size="name"),
    _GPT_2: _Facts(f"{_GPT_2}/edit", masked=f"{_GPT_2}/edit"),
}
_USUAL = _Facts()


def endpoint_for(request: ImageRequest) -> str:
    """Returns the endpoint that makes this picture; some models have others for pictures and masks."""
    facts = _FACTS.get(request.model, _USUAL)
    own = facts.masked if request.mask else facts.pictures if request.images else facts.words
    return own or request.model


def options_of(request: ImageRequest) -> dict[str, Any]:
    """Returns the options that are sent; for a model of which only the id is known, what the person wrote."""
    known = request.options
    chosen = known.input if isinstance(known, InputOptions) else dict(known)
    return {name: value for name, value in chosen.items() if value is not None}


def body_for(request: ImageRequest) -> bytes:
    """Returns the input as JSON; pictures are in it as ``data:`` URIs."""
    facts = _FACTS.get(request.model, _USUAL)
    body = options_of(request)
    given = {"prompt": request.prompt, "seed": request.seed, "negative_prompt": request.negative_prompt}
    body |= {name: value for name, value in given.items() if value is not None}
    if request.size:
        body |= _size(facts, request.size)
    if request.images:
        pictures = [image.data_uri for image in request.images]
        body |= {"image_urls": pictures} if facts.is_list else {"image_url": pictures[0]}
    if request.mask:
        body["mask_url"] = request.mask.data_uri
    return json.dumps(body).encode()


def _size(facts: _Facts, size: Size) -> dict[str, Any]:
    if facts.size == "ratio":
        return {"aspect_ratio": size.proportions}
    named = _NAMED.get(size.proportions) if facts.size == "name" else None
    return {"image_size": named or size._asdict()}


def _takes(most: int, least: int = 0, *, mask: bool = False) -> ImageInputs:
    # as data: URIs they are in the request itself, which should stay small
    return ImageInputs(least=least, most=most, mask=mask, most_bytes=5_000_000)


def _model(id: str, label: str, options: type[Options], sizes: Any, **more: Any) -> ModelInfo:
    usual = {"seed": True, **({"sizes": sizes} if isinstance(sizes, SizeRange) else sizes)}
    return ModelInfo(id=id, label=label, options=options, **{**usual, **more})


_NEGATIVE: dict[str, Any] = {"negative_prompt": True}
MODELS = (
    _model("fal-ai/flux/schnell", "FLUX.1 schnell", _SchnellOptions, _FLUX),
    _model("fal-ai/flux/dev", "FLUX.1 dev", _DevOptions, _FLUX),
    _model("fal-ai/flux-2", "FLUX.2 dev", _Flux2Options, _FLUX_2, images=_takes(4)),
    _model("fal-ai/flux-2-pro", "FLUX.2 pro", _Flux2ProOptions, _FLUX_2, images=_takes(8)),
    _model("fal-ai/flux-pro/kontext", "FLUX.1 Kontext pro", _KontextOptions, _KONTEXT, images=_takes(1)),
    _model(f"{_SEEDREAM_4_5}/text-to-image", "Seedream 4.5", _CheckedOptions, _SEEDREAM, images=_takes(10)),
    _model("fal-ai/qwen-image", "Qwen-Image", _QwenOptions, _QWEN, **_NEGATIVE),
    _model(
        "fal-ai/qwen-image-edit",
        "Qwen-Image-Edit",
        _QwenEditOptions,
        _QWEN,
        images=_takes(1, least=1, mask=True),
        **_NEGATIVE,
    ),
    _model(
        "fal-ai/qwen-image-edit-2511",
        "Qwen-Image-Edit 2511",
        _QwenEdit2511Options,
        _QWEN,
        images=_takes(3, least=1),
        **_NEGATIVE,
    ),
    _model("fal-ai/z-image/turbo", "Z-Image Turbo", _ZImageOptions, _FLUX),
    _model("fal-ai/nano-banana", "Nano Banana", _BananaOptions, _BANANA, images=_takes(3)),
    _model("fal-ai/nano-banana-pro", "Nano Banana Pro", _BananaProOptions, _BANANA, images=_takes(14)),
    _model("fal-ai/recraft/v3/text-to-image", "Recraft V3", _RecraftOptions, _NAMES, seed=False),
    _model("fal-ai/ideogram/v3", "Ideogram 3", _IdeogramOptions, _NAMES, **_NEGATIVE),
    _model(_GPT_2, "GPT Image 2", _GptOptions, _GPT, seed=False, images=_takes(16, mask=True)),
)
