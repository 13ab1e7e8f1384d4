"""The models at Replicate whose inputs are known, from their input schemas at replicate.com."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

from pydantic import Field

from limner import ImageInputs, ModelInfo, Options, Size, SizeRange

_Quality = Literal["1K", "2K", "4K"]


class _FluxOptions(Options):
    output_format: Literal["webp", "jpg", "png"] = "webp"
    output_quality: int = Field(default=80, ge=0, le=100)
    """0 to 100, for WebP and JPEG."""


class _SchnellOptions(_FluxOptions):
    num_inference_steps: int = Field(default=4, ge=1, le=4)
    go_fast: bool = True
    """Faster, but the same seed does not make exactly the same picture again."""


class _DevOptions(_SchnellOptions):
    num_inference_steps: int = Field(default=28, ge=1, le=50)
    guidance: float = Field(default=3, ge=0, le=10)


class _SafeOptions(_FluxOptions):
    safety_tolerance: int = Field(default=2, ge=1, le=5)
    """1 is the strictest."""


class _ProOptions(_SafeOptions):
    prompt_upsampling: bool = False
    """Lets the service add to the prompt."""


class _KontextOptions(Options):
    output_format: Literal["jpg", "png"] = "png"
    safety_tolerance: int = Field(default=2, ge=0, le=2)
    """0 is the strictest; with a picture, the service allows 2 at most."""
    prompt_upsampling: bool = False
    """Lets the service add to the prompt."""


class _FillOptions(Options):
    output_format: Literal["jpg", "png"] = "jpg"
    steps: int = Field(default=50, ge=15, le=50)
    guidance: float = Field(default=60, ge=1.5, le=100)
    safety_tolerance: int = Field(default=2, ge=1, le=6)
    """1 is the strictest."""
    prompt_upsampling: bool = False
    """Lets the service add to the prompt."""


class _FastOptions(_FluxOptions):
    go_fast: bool = True
    """Faster, with a little less detail."""


class _QwenOptions(_FastOptions):
    output_quality: int = Field(default=95, ge=0, le=100)
    """0 to 100, for WebP and JPEG."""


class _SeedreamOptions(Options):
    enhance_prompt: bool = True
    """Lets the service add to the prompt, which takes longer."""


class _BananaOptions(Options):
    output_format: Literal["jpg", "png"] = "jpg"


class _BananaProOptions(_BananaOptions):
    resolution: _Quality = "2K"
    """The sizes of the list are those of 2K."""
    safety_filter_level: Literal["block_low_and_above", "block_medium_and_above", "block_only_high"] = (
        "block_only_high"
    )


class _RecraftOptions(Options):
    style: Literal["any", "realistic_image", "digital_illustration"] = "any"


class _SdxlOptions(Options):
    num_inference_steps: int = Field(default=50, ge=1, le=100)
    guidance_scale: float = Field(default=7.5, ge=1, le=50)
    refine: Literal["no_refiner", "expert_ensemble_refiner", "base_image_refiner"] = "no_refiner"


class InputOptions(Options):
    """The options of a model of which only the name is known."""

    input: dict[str, Any] = Field(default_factory=dict[str, Any])
    """What the model takes besides the prompt, as one JSON object; its page at Replicate lists it."""


def _sizes(ratios: str, pixels: int = 2**20) -> dict[Size, str]:
    sizes: dict[Size, str] = {}
    for ratio in ratios.split():
        across, down = map(int, ratio.split(":"))
        unit = round(math.sqrt(pixels / (across * down)))
        sizes[Size(across * unit, down * unit)] = ratio
    return sizes


# A model that takes a ratio chooses the pixels by itself.
_COMMON = _sizes("1:1 16:9 3:2 2:3 4:5 5:4 3:4 4:3 9:16")
_FLUX = _COMMON | _sizes("21:9 9:21")
_KONTEXT = _FLUX | _sizes("2:1 1:2")
_RECRAFT = _COMMON | _sizes("1:2 2:1 3:5 5:3 5:7 7:5")
_QWEN = _sizes("1:1 16:9 9:16 4:3 3:4")
_BANANA = _COMMON | _sizes("21:9")
_BANANA_PRO = _sizes(" ".join(_BANANA.values()), 2**22)
_RATIOS = _KONTEXT | _RECRAFT | _BANANA_PRO

_SDXL = "stability-ai/sdxl:7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc"
_SDXL_PIXELS = SizeRange(step=8, min_side=512, max_side=1536, max_pixels=1536 * 1024)
_FLUX_2_PIXELS = SizeRange(step=32, min_side=256, max_side=2048, max_pixels=2**21)
_SEEDREAM_PIXELS = SizeRange(step=16, min_side=1024, max_side=4096, default=Size(2048, 2048))
_PIXELS = {_SDXL: {}, "black-forest-labs/flux-2-pro": {"aspect_ratio": "custom"}}
_PIXELS["bytedance/seedream-4"] = {"size": "custom"}
"""The models that take pixels, and what else each is told with them."""


def size_input(model: str, size: Size) -> dict[str, Any]:
    """Returns what tells a model the size: its pixels, or the ratio that the size stands for."""
    if model in _PIXELS:
        return _PIXELS[model] | size._asdict()
    return {"aspect_ratio": _RATIOS[size]}


class Names(NamedTuple):
    """Under which names a model takes pictures."""

    pictures: str
    is_list: bool = False
    mask: str = "mask"


NAMES = {
    "black-forest-labs/flux-kontext-pro": Names("input_image"),
    "black-forest-labs/flux-kontext-max": Names("input_image"),
    "black-forest-labs/flux-2-pro": Names("input_images", is_list=True),
    "black-forest-labs/flux-2-dev": Names("input_images", is_list=True),
    "black-forest-labs/flux-fill-pro": Names("image"),
    "bytedance/seedream-4": Names("image_input", is_list=True),
    "qwen/qwen-image-edit-plus": Names("image", is_list=True),
    "google/nano-banana": Names("image_input", is_list=True),
    "google/nano-banana-pro": Names("image_input", is_list=True),
}
"""The models that take pictures."""


def _takes(most: int, least: int = 0, *, mask: bool = False) -> ImageInputs:
    # 10 MB is what the services behind Replicate's own take of one picture
    return ImageInputs(least=least, most=most, mask=mask, most_bytes=10_000_000)


_BFL, _G = "black-forest-labs", "google"
_ONE, _MASKED = _takes(1), _takes(1, least=1, mask=True)
MODELS = (
    ModelInfo(id=f"{_BFL}/flux-schnell", sizes=tuple(_FLUX), seed=True, options=_SchnellOptions),
    ModelInfo(id=f"{_BFL}/flux-dev", sizes=tuple(_FLUX), seed=True, options=_DevOptions),
    ModelInfo(id=f"{_BFL}/flux-1.1-pro", sizes=tuple(_COMMON), seed=True, options=_ProOptions),
    ModelInfo(
        id=f"{_BFL}/flux-2-pro", sizes=_FLUX_2_PIXELS, seed=True, images=_takes(8), options=_SafeOptions
    ),
    ModelInfo(
        id=f"{_BFL}/flux-2-dev", sizes=tuple(_COMMON), seed=True, images=_takes(4), options=_FastOptions
    ),
    ModelInfo(
        id=f"{_BFL}/flux-kontext-pro", sizes=tuple(_KONTEXT), seed=True, images=_ONE, options=_KontextOptions
    ),
    ModelInfo(
        id=f"{_BFL}/flux-kontext-max", sizes=tuple(_KONTEXT), seed=True, images=_ONE, options=_KontextOptions
    ),
    ModelInfo(id=f"{_BFL}/flux-fill-pro", seed=True, images=_MASKED, options=_FillOptions),
    ModelInfo(id="bytedance/seedream-4", sizes=_SEEDREAM_PIXELS, images=_takes(10), options=_SeedreamOptions),
    ModelInfo(
        id="qwen/qwen-image-edit-plus",
        sizes=tuple(_QWEN),
        seed=True,
        images=_takes(3, least=1),
        options=_QwenOptions,
    ),
    ModelInfo(id=f"{_G}/nano-banana", sizes=tuple(_BANANA), images=_takes(3), options=_BananaOptions),
    ModelInfo(
        id=f"{_G}/nano-banana-pro", sizes=tuple(_BANANA_PRO), images=_takes(14), options=_BananaProOptions
    ),
    ModelInfo(id="recraft-ai/recraft-v3", sizes=tuple(_RECRAFT), options=_RecraftOptions),
    ModelInfo(
        id=_SDXL, label="SDXL", sizes=_SDXL_PIXELS, seed=True, negative_prompt=True, options=_SdxlOptions
    ),
)
