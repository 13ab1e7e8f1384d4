"""Makes pictures with open models on this machine, by the library diffusers.

A picture's way: `load` has the pipeline in memory (`memory`), loaded if it is not there yet (`loading`), and
`generate` draws (`drawing`), step by step. The host calls them for one picture at a time; another provider on
the same device waits in `memory`. On ZeroGPU the drawing runs in `gpu`.
"""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from limner import Credential, ImageRequest, ImageResult, ProviderInfo, hookimpl
from limner_diffusers.drawing import Job, draw
from limner_diffusers.failures import explained
from limner_diffusers.memory import memory_of
from limner_diffusers.models import MODELS, OTHERS
from limner_diffusers.progress import Progress

limner_contract = 1

UNTIL_DRAWN = 60.0
"""Seconds for which a model that was just loaded stays for its picture, however short `idle` is."""
ON_ZERO_GPU = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
if ON_ZERO_GPU:  # before torch is imported, and at the start, as ZeroGPU wants it
    from limner_diffusers.gpu import on_gpu

    draw = on_gpu(draw)


class DiffusersSettings(BaseModel):
    """The settings beside those that every provider has, such as `models`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    idle: Annotated[float, Field(ge=0)] = 600
    """Seconds after the last picture until the model leaves the memory."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|xpu|cuda(:\d+)?)$")] = "auto"
    """Where it computes: `cuda`, `cuda:1`, `xpu`, `mps`, `cpu`, or `auto` for the best of these."""


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(
        label="Diffusers",
        about="Made on this machine by open models.",
        models=MODELS,
        other_models=OTHERS,
        settings=DiffusersSettings,
        credential=Credential(
            variable="HF_TOKEN",
            url="https://huggingface.co/settings/tokens",
            hugging_face=True,
            optional=True,
        ),
        most_at_once=1,
        imports=("torch", "diffusers"),
    )


@hookimpl
def load(request: ImageRequest) -> None:
    settings = DiffusersSettings.model_validate(dict(request.settings))
    progress, job = Progress(request), Job.of(request, settings.device)
    with explained(request.model):
        memory = memory_of(settings.device)
        with memory.turn(progress, max(settings.idle, UNTIL_DRAWN)):
            memory.load(job.source, progress)


@hookimpl
def generate(request: ImageRequest) -> ImageResult:
    settings = DiffusersSettings.model_validate(dict(request.settings))
    progress, job = Progress(request), Job.of(request, settings.device)
    with explained(request.model), memory_of(settings.device).turn(progress, settings.idle):
        picture = draw(job, progress.show)
    return ImageResult(picture, seed=request.seed, model=request.model)
