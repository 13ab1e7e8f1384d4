"""The models, as data: what each takes, and with which values its pipeline is called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import ConfigDict, Field, create_model

from limner import ImageInputs, ModelInfo, Options, Size, SizeRange

SQUARE = SizeRange(step=16, min_side=256, max_side=2048, max_pixels=2048 * 2048)
ONE = ImageInputs(most=1)
"""One picture, which the model starts from, and changes as far as the strength says."""


@dataclass(frozen=True)
class Model:
    """A model of the Hub with its own defaults."""

    id: str
    label: str
    steps: int
    guidance: float | None = None
    """Its default; None if the model was distilled to do without."""
    fixed: dict[str, Any] = field(default_factory=dict[str, Any])
    """What its pipeline is always called with."""
    sizes: SizeRange = SQUARE
    images: ImageInputs | None = ONE

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(
            id=self.id,
            label=self.label,
            sizes=self.sizes,
            seed=True,
            negative_prompt=self.guidance is not None,
            images=self.images,
            options=_options(self.steps, self.guidance, strength=self.images is ONE),
        )


class MadeOptions(Options):
    """The base of options that are made of data, and so have no source to read their texts from."""

    model_config = ConfigDict(use_attribute_docstrings=False)


def _options(steps: int | None, guidance: float | None, *, strength: bool) -> type[Options]:
    """Returns the options of a model with its defaults; None as a default is the pipeline's own."""
    fields: dict[str, Any] = {
        "steps": (
            int if steps else int | None,
            Field(default=steps, ge=1, le=100, description="More steps take longer and show more detail."),
        )
    }
    if guidance is not None or steps is None:
        fields["guidance"] = (
            float if guidance is not None else float | None,
            Field(default=guidance, ge=0, le=20, description="How closely the picture follows the prompt."),
        )
    if strength:
        fields["strength"] = (
            float,
            Field(default=0.6, ge=0.05, le=1, description="How much of a given picture may change."),
        )
    return create_model("DiffusersOptions", __base__=MadeOptions, **fields)


NO_GUIDANCE = {"guidance_scale": 0.0}

KNOWN = (
    Model(
        "black-forest-labs/FLUX.2-klein-4B",
        "FLUX.2 klein 4B",
        steps=4,
        fixed={"guidance_scale": 1.0},
        images=ImageInputs(most=4),
    ),
    Model("Tongyi-MAI/Z-Image-Turbo", "Z-Image Turbo", steps=9, fixed=NO_GUIDANCE),
    Model("Tongyi-MAI/Z-Image", "Z-Image", steps=50, guidance=4.0),
    Model(
        "Qwen/Qwen-Image",
        "Qwen-Image",
        steps=50,
        guidance=4.0,
        sizes=SQUARE.model_copy(update={"default": Size(1328, 1328)}),
    ),
    Model(
        "Qwen/Qwen-Image-Edit-2511",
        "Qwen-Image-Edit",
        steps=40,
        guidance=4.0,
        images=ImageInputs(least=1, most=3),
    ),
    Model("stabilityai/stable-diffusion-3.5-medium", "Stable Diffusion 3.5 Medium", steps=40, guidance=4.5),
    Model(
        "stabilityai/stable-diffusion-3.5-large-turbo",
        "Stable Diffusion 3.5 Large Turbo",
        steps=4,
        fixed=NO_GUIDANCE,
    ),
    Model(
        "stabilityai/sdxl-turbo",
        "SDXL Turbo",
        steps=4,
        fixed=NO_GUIDANCE,
        sizes=SizeRange(step=16, min_side=256, max_side=1024, default=Size(512, 512)),
    ),
)
MODELS = tuple(model.info for model in KNOWN)
FIXED = {model.id: model.fixed for model in KNOWN}

OTHERS = ModelInfo(
    id="any",
    sizes=SQUARE,
    seed=True,
    negative_prompt=True,
    images=ImageInputs(most=4),
    options=_options(None, None, strength=True),
)
"""Any other model of the Hub, or a local folder, with the defaults of its pipeline."""
