"""How each model's pipeline is called, and where it is put, by the real classes without their weights."""

from __future__ import annotations

from types import SimpleNamespace
from typing import ClassVar

import diffusers
import pytest
import torch
from conftest import input_image
from limner_diffusers import describe, device
from limner_diffusers.drawing import Job, arguments
from limner_diffusers.loading import Source
from limner_diffusers.models import KNOWN, MODELS

from limner import Size, SizeRange

CLASSES = {
    "black-forest-labs/FLUX.2-klein-4B": ("Flux2KleinPipeline", "Flux2KleinPipeline"),
    "Tongyi-MAI/Z-Image-Turbo": ("ZImagePipeline", "ZImageImg2ImgPipeline"),
    "Tongyi-MAI/Z-Image": ("ZImagePipeline", "ZImageImg2ImgPipeline"),
    "Qwen/Qwen-Image": ("QwenImagePipeline", "QwenImageImg2ImgPipeline"),
    "Qwen/Qwen-Image-Edit-2511": (None, "QwenImageEditPlusPipeline"),
    "stabilityai/stable-diffusion-3.5-medium": (
        "StableDiffusion3Pipeline",
        "StableDiffusion3Img2ImgPipeline",
    ),
    "stabilityai/stable-diffusion-3.5-large-turbo": (
        "StableDiffusion3Pipeline",
        "StableDiffusion3Img2ImgPipeline",
    ),
    "stabilityai/sdxl-turbo": ("StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline"),
}


def called(model: str, *, images: int = 0, **more) -> dict:
    """What a model's pipeline is called with, at the defaults of its options."""
    info = next(one for one in MODELS if one.id == model)
    kind = getattr(diffusers, CLASSES[model][bool(images)])
    assert info.options
    fields = {"negative_prompt": None, "options": info.options(**more.pop("options", {})), **more}
    fields["options"] = fields["options"].model_dump(exclude_none=True)
    pictures = tuple(input_image().data for _ in range(images))
    job = Job(
        Source(model, bool(images)),
        "cpu",
        "a fox",
        fields["negative_prompt"],
        Size(512, 768),
        7,
        pictures,
        fields["options"],
    )
    return arguments(SimpleNamespace(__call__=kind.__call__), job)


def test_each_model_is_known_with_its_class() -> None:
    assert {model.id for model in KNOWN} == set(CLASSES)
    assert [model.id for model in describe().models] == [model.id for model in KNOWN]


@pytest.mark.parametrize("model", KNOWN, ids=lambda model: model.label)
def test_each_pipeline_knows_what_it_is_called_with(model) -> None:
    for images in (0, 1):
        if CLASSES[model.id][images] is None:
            continue
        given = called(model.id, images=images)
        assert given["prompt"] == "a fox"
        assert given["generator"].initial_seed() == 7
        assert given["num_inference_steps"] == model.steps
        assert ("image" in given) == bool(images)
        if "width" in given:
            assert (given["width"], given["height"]) == (512, 768)
        else:
            assert given["image"].size == (512, 768)
    assert isinstance(model.sizes, SizeRange)


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        ("black-forest-labs/FLUX.2-klein-4B", "guidance_scale", 1.0),
        ("Tongyi-MAI/Z-Image-Turbo", "guidance_scale", 0.0),
        ("Tongyi-MAI/Z-Image", "guidance_scale", 4.0),
        ("stabilityai/stable-diffusion-3.5-medium", "guidance_scale", 4.5),
        ("stabilityai/sdxl-turbo", "guidance_scale", 0.0),
        ("Qwen/Qwen-Image", "true_cfg_scale", 4.0),
        ("Qwen/Qwen-Image", "negative_prompt", " "),
    ],
)
def test_guidance_goes_where_the_model_has_it(model: str, name: str, value: object) -> None:
    assert called(model)[name] == value


def test_a_negative_prompt_goes_to_models_that_use_one() -> None:
    for model in KNOWN:
        assert model.info.negative_prompt == (model.guidance is not None)
    assert called("Tongyi-MAI/Z-Image", negative_prompt="fog")["negative_prompt"] == "fog"
    assert called("Qwen/Qwen-Image", negative_prompt="fog")["negative_prompt"] == "fog"
    assert "negative_prompt" not in called("Tongyi-MAI/Z-Image")


def test_several_pictures_go_in_as_a_list_and_one_to_start_from_by_itself() -> None:
    assert [one.size for one in called("Qwen/Qwen-Image-Edit-2511", images=2)["image"]] == [(64, 64)] * 2
    given = called("stabilityai/sdxl-turbo", images=1, options={"strength": 0.1})
    assert (given["strength"], given["num_inference_steps"]) == (0.1, 10)


# The device


class Placed:
    """Stands for a pipeline of a gigabyte."""

    components: ClassVar = {"transformer": torch.nn.Linear(1000, 250_000, device="meta")}
    _all_hooks = ()

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []

    def to(self, device: str) -> None:
        self.done.append(("to", device))

    def enable_model_cpu_offload(self, device: str) -> None:
        self.done.append(("offload", device))


@pytest.mark.parametrize(
    ("name", "free", "done"),
    [
        ("cuda:1", 24_000_000_000, "to"),
        ("cuda", 1_100_000_000, "offload"),
        ("cpu", 0, "to"),
        ("mps", 0, "to"),
    ],
)
def test_what_does_not_fit_goes_there_in_parts(
    name: str, free: int, done: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda of: {name: (free, 24_000_000_000)}[of])
    pipeline = Placed()
    device.put_on(pipeline, name)
    assert pipeline.done == [(done, name)]


@pytest.mark.parametrize(
    ("name", "bfloat16", "precision"),
    [
        ("cpu", True, torch.float32),
        ("cuda", True, torch.bfloat16),
        ("cuda:1", False, torch.float16),
        ("mps", False, torch.bfloat16),
    ],
)
def test_the_precision_is_the_devices(
    name: str, bfloat16: bool, precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bfloat16)
    assert device.precision_of(name) == precision


@pytest.mark.parametrize(("there", "best"), [("cuda", "cuda"), ("mps", "mps"), ("", "cpu")])
def test_the_best_device_is_chosen(there: str, best: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there == "cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: there == "mps")
    assert device.name_of("auto") == best
    assert device.name_of("cuda:1") == "cuda:1"
