"""Draws one picture with the pipeline that is in memory, step by step."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from limner import ContentFiltered, ImageRequest, ProviderError, Size
from limner_diffusers.loading import Source
from limner_diffusers.memory import memory_of
from limner_diffusers.models import FIXED
from limner_diffusers.progress import Step

if TYPE_CHECKING:
    from PIL.Image import Image

SMALLEST = 64
"""Pixels that each side of a picture has at least."""
FLAGGED = "The model's own safety checker flagged the picture: change the prompt."


@dataclass(frozen=True)
class Job:
    """What is to be drawn, in a form that another process can be given."""

    source: Source
    device: str
    prompt: str
    negative_prompt: str | None
    size: Size
    seed: int
    images: tuple[bytes, ...]
    options: dict[str, Any]

    @classmethod
    def of(cls, request: ImageRequest, device: str) -> Job:
        token = request.credential.get_secret_value() if request.credential else None
        assert request.size
        return cls(
            Source(request.model, takes_pictures=bool(request.images), token=token),
            device,
            request.prompt,
            request.negative_prompt,
            request.size,
            request.seed or 0,
            tuple(image.data for image in request.images),
            request.options.model_dump(exclude_none=True),
        )


def draw(job: Job, show: Callable[[Step], None]) -> Image:
    """Returns the picture; `show` is called at each step, and ends the drawing by what it raises."""
    show(Step("preparing", 0))
    memory = memory_of(job.device)
    pipeline = memory.ready(job.source)

    def on_step_end(pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        steps = max(getattr(pipeline, "num_timesteps", 0), step + 1)
        show(Step(f"step {step + 1} of {steps}", (step + 1) / steps))
        return tensors

    try:
        result = pipeline(**arguments(pipeline, job), callback_on_step_end=on_step_end)
    except BaseException as error:
        pipeline.maybe_free_model_hooks()  # as it does itself at its end
        if isinstance(error, ValueError):  # what it says of a size or a picture that it does not take
            raise ProviderError("invalid-request", str(error), did_not_run=True) from error
        raise
    if any(getattr(result, "nsfw_content_detected", None) or ()):
        raise ContentFiltered(why=FLAGGED)
    return result.images[0]


def arguments(pipeline: Any, job: Job) -> dict[str, Any]:
    """Returns what the pipeline is called with: of all that is asked, what it knows."""
    import torch

    known = inspect.signature(pipeline.__call__).parameters
    given: dict[str, Any] = {
        "prompt": job.prompt,
        "negative_prompt": job.negative_prompt,
        "width": job.size.width,
        "height": job.size.height,
        "num_inference_steps": job.options.get("steps"),
        "generator": torch.Generator("cpu").manual_seed(job.seed),
    }
    scale = known.get("true_cfg_scale")
    if scale and scale.default > 1:  # it guides only if there is a negative prompt, be it an empty one
        given |= {
            "true_cfg_scale": job.options.get("guidance"),
            "negative_prompt": job.negative_prompt or " ",
        }
    else:
        given["guidance_scale"] = job.options.get("guidance")
    if job.images:
        given |= _with_pictures(job, starts_from_one="strength" in known, usual=known)
    wanted = {**given, **FIXED.get(job.source.model, {})}
    return {name: value for name, value in wanted.items() if value is not None and name in known}


def _with_pictures(job: Job, *, starts_from_one: bool, usual: Any) -> dict[str, Any]:
    """Returns the pictures as the pipeline takes them: one to start from, or several to go by."""
    from PIL import Image

    images = [_enlarged(Image.open(BytesIO(data)).convert("RGB")) for data in job.images]
    if not starts_from_one:
        return {"image": images if len(images) > 1 else images[0]}
    strength = job.options.get("strength", usual["strength"].default)
    steps = job.options.get("steps") or usual["num_inference_steps"].default
    return {
        "image": images[0].resize(job.size),
        "strength": strength,
        "num_inference_steps": max(steps, math.ceil(1 / strength)),  # of which only that share is done
    }


def _enlarged(image: Image) -> Image:
    """Returns a picture that is large enough for every pipeline."""
    factor = SMALLEST / min(image.size)
    return image if factor <= 1 else image.resize([math.ceil(side * factor) for side in image.size])
