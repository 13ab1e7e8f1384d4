"""The workflow that ComfyUI runs, in its API form, and the places in it that a request fills.

A place is written as ``node.input``, by the node's id: it can be any input of any node, also a number, which
in ComfyUI's own editor cannot hold a text such as ``%seed%``, and the exported file stays as it is.
"""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationInfo, field_validator

from limner import ImageInputs, ModelInfo, ProviderInfo, SizeRange

BUILT_IN, WORKFLOW = "first-checkpoint", "workflow"
"""The ids of the one model that is listed: for the workflow below, and for one of the settings."""
SIZES = SizeRange(step=8)

Workflow = dict[str, dict[str, Any]]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Inputs = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Places(BaseModel, frozen=True, extra="forbid"):
    """The inputs that each part of a request goes into; `images` has one for each picture."""

    prompt: Inputs = Field(min_length=1)
    negative_prompt: Inputs = ()
    seed: Inputs = ()
    width: Inputs = ()
    height: Inputs = ()
    images: Inputs = Field(default=(), max_length=16)
    mask: Inputs = ()
    checkpoint: Inputs = ()


_WHAT = "the path of a workflow in API form"


@cache
def _read(path: str) -> Workflow:
    """Returns the nodes of a file by their ids; it is read once, when Limner starts."""
    try:
        read = json.loads(Path(path).expanduser().read_text("utf-8-sig"))
    except FileNotFoundError:
        raise ValueError(f"{_WHAT}, and there is no file {path}") from None
    except OSError as error:
        raise ValueError(f"{_WHAT}, and {path} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{_WHAT}, and {path} is not JSON") from None
    if isinstance(read, dict) and isinstance(read.get("nodes"), list):
        way = "export it with Workflow > Export (API)"
        raise ValueError(f"{_WHAT}, and {path} is in the form of the editor: {way}")
    if not isinstance(read, dict) or not read or not all(map(_is_node, read.values())):
        raise ValueError(f"{_WHAT}, and {path} holds something else")
    return read


def _is_node(value: Any) -> bool:
    is_object = isinstance(value, dict)
    return is_object and isinstance(value.get("class_type"), str) and isinstance(value.get("inputs"), dict)


class Settings(BaseModel, frozen=True, extra="forbid"):
    """A workflow of one's own, and its places; without one, a plain one for any checkpoint is used."""

    workflow: Workflow | None = None
    """The path of a file; a relative one starts at the working directory."""
    places: Places | None = Field(default=None, validate_default=True)

    @field_validator("workflow", mode="before")
    @classmethod
    def _is_a_file(cls, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError(_WHAT)
        return _read(value)

    @field_validator("places")
    @classmethod
    def _are_in_the_workflow(cls, places: Places | None, info: ValidationInfo) -> Places | None:
        if "workflow" not in info.data:  # it is wrong itself
            return places
        workflow: Workflow | None = info.data["workflow"]
        if (workflow is None) != (places is None):
            wanted = 'a table that names at least the place of the prompt, such as prompt = "6.text"'
            raise ValueError("left out, or workflow set, which it belongs to" if places else wanted)
        if places is None or workflow is None:
            return places
        for name, inputs in places:
            for place in inputs:
                _check(name, place, workflow)
        if bool(places.width) != bool(places.height) or (places.mask and not places.images):
            raise ValueError("with width and height together, and mask only beside images")
        return places

    def offers(self, info: ProviderInfo) -> ProviderInfo:
        """Returns what the workflow takes: that of which it has the place."""
        if self.places is None:
            return info
        has, count = self.places, len(self.places.images)
        # all of its pictures, since one that is not filled would be what its author left there
        images = ImageInputs(least=count, most=count, mask=bool(has.mask)) if count else None
        model = ModelInfo(
            id=WORKFLOW,
            label="Workflow",
            sizes=SIZES if has.width else (),
            seed=bool(has.seed),
            negative_prompt=bool(has.negative_prompt),
            images=images,
        )
        others = model.model_copy(update={"id": "checkpoint", "label": ""}) if has.checkpoint else None
        return info.model_copy(update={"models": (model,), "other_models": others})

    def filled(self, values: dict[str, Any]) -> Workflow:
        """Returns the workflow with these values in its places; a list has one for each input."""
        workflow, places = self.workflow, self.places
        if workflow is None or places is None:
            workflow, places = _built_in("images" in values, "mask" in values)
        workflow = copy.deepcopy(workflow)
        for name, value in values.items():
            for number, place in enumerate(getattr(places, name)):
                node, _, inside = place.partition(".")
                workflow[node]["inputs"][inside] = value[number] if isinstance(value, list) else value
        return workflow


def _check(name: str, place: str, workflow: Workflow) -> None:
    """Raises ValueError if a place is not in a workflow."""
    node, _, inside = place.partition(".")
    if not inside:
        raise ValueError(f'made of nodes and inputs, such as {name} = "6.text", and {name} is {place!r}')
    if node not in workflow:
        raise ValueError(f"inputs of the workflow, and it has no node {node!r} for {name}")
    inputs = workflow[node]["inputs"]
    if inside not in inputs:
        known = f"for {name}; it has {', '.join(inputs) or 'none'}"
        raise ValueError(f"inputs of the workflow, and its node {node!r} has no {inside!r} {known}")
    if isinstance(inputs[inside], list):
        raise ValueError(f"inputs with a value of their own, and {place} for {name} comes from another node")


def _node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


_CHECKPOINT, _CLIP, _VAE = (["checkpoint", output] for output in range(3))
_SAMPLER = {"steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal"}
_SCALED = {"upscale_method": "lanczos", "crop": "center"}


def _built_in(image: bool, mask: bool) -> tuple[Workflow, Places]:
    """Returns a plain workflow, for words alone, with a picture, or with a picture and a mask."""
    flow = {
        "checkpoint": _node("CheckpointLoaderSimple"),
        "prompt": _node("CLIPTextEncode", clip=_CLIP),
        "negative": _node("CLIPTextEncode", clip=_CLIP, text=""),
        "latent": _node("EmptyLatentImage", batch_size=1),
        "sampler": _node("KSampler", model=_CHECKPOINT, positive=["prompt", 0], negative=["negative", 0]),
        "decode": _node("VAEDecode", samples=["sampler", 0], vae=_VAE),
        "picture": _node("PreviewImage", images=["decode", 0]),  # Limner keeps it, not ComfyUI's folder
    }
    flow["sampler"]["inputs"] |= {"latent_image": ["latent", 0], "denoise": 1.0, **_SAMPLER}
    scaled = ["latent"]
    if image:
        flow["image"] = _node("LoadImage")
        flow["scaled"] = _node("ImageScale", image=["image", 0], **_SCALED)
        flow["latent"] = _node("VAEEncode", pixels=["scaled", 0], vae=_VAE)
        flow["sampler"]["inputs"]["denoise"] = 0.75
        scaled = ["scaled"]
    if mask:
        flow["mask"] = _node("LoadImage")
        flow["scaled-mask"] = _node("ImageScale", image=["mask", 0], **_SCALED)
        flow["area"] = _node("ImageToMask", image=["scaled-mask", 0], channel="red")
        flow["masked"] = _node("SetLatentNoiseMask", samples=["latent", 0], mask=["area", 0])
        flow["sampler"]["inputs"]["latent_image"] = ["masked", 0]
        scaled.append("scaled-mask")
    places = Places(
        prompt=("prompt.text",),
        negative_prompt=("negative.text",),
        seed=("sampler.seed",),
        width=tuple(f"{node}.width" for node in scaled),
        height=tuple(f"{node}.height" for node in scaled),
        images=("image.image",) if image else (),
        mask=("mask.image",) if mask else (),
        checkpoint=("checkpoint.ckpt_name",),
    )
    return flow, places
