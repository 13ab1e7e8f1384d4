"""The servers at home and the proxy of the recipes, each as its own code reads, answers and refuses."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from limner.testing import Reply, Request
from tests.recipes.service import (
    PICTURE,
    Asked,
    Body,
    Service,
    Trouble,
    Wrong,
    bytes_of,
    check_path,
    given,
    openai_error,
    read_form,
)

IN_BASE64 = base64.b64encode(PICTURE).decode()
GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
SIZE = re.compile(r"[1-9]\d{2,3}x[1-9]\d{2,3}")


def troubles_of(recipe: str) -> dict[str, Trouble]:
    """Returns how a server fails, from `local_troubles.jsonl`."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in _FILE.read_text("utf-8").splitlines()]
    return {
        row["about"]: Trouble(
            row["is"],
            Reply(row["status"], row["body"], row.get("headers", {})),
            row.get("has_no_model", False),
            row.get("did_not_run", False),
        )
        for row in rows
        if row["recipe"] == recipe
    }


_FILE = Path(__file__).with_name("local_troubles.jsonl")


def checked_size(size: str, step: int = 1) -> str:
    """Returns a size that is two numbers, multiples of a step; raises Wrong for any other."""
    if not SIZE.fullmatch(size) or any(int(side) % step for side in size.split("x")):
        raise Wrong(f"The size {size} is none.")
    return size


class Keyless(Service):
    """A server that knows no keys; none is to be sent to it, since it could be anybody's."""

    key = ""

    def read(self, request: Request) -> Asked:
        if "authorization" in request.headers:
            raise Wrong("There is no key here.")
        return self.understand(request)

    def understand(self, request: Request) -> Asked:
        """Returns what a request asks for, as `read` does."""
        raise NotImplementedError


class LiteLLMBody(Body):
    """What the service behind the proxy takes: the proxy itself passes on whatever it gets."""

    model: str
    prompt: str
    size: str
    quality: Literal["low", "medium", "high"] | None = None
    background: Literal["opaque", "transparent"] | None = None
    output_format: Literal["png", "webp", "jpeg"] | None = None


class LiteLLM(Service):
    """LiteLLM 1.108.7: these answers are those of a real one before a service on the same machine."""

    recipe = "litellm"
    troubles = troubles_of(recipe)
    key = "sk-not-quite-a-key-4711"
    models = ("gpt-image-2",)

    def read(self, request: Request) -> Asked:
        if check_path(request, GENERATIONS, EDITS) == GENERATIONS:
            body = LiteLLMBody.model_validate_json(request.body)
            options = given(body, "quality", "background", "output_format")
            return Asked(body.model, body.prompt, checked_size(body.size, 16), options=options)
        form = read_form(request)
        names = {name for name, _ in form.files} - {"mask"}
        if names not in ({"image"}, {"image[]"}):
            raise Wrong("Cannot specify both 'image' and 'image[]'")
        texts = form.take(dict.fromkeys(LiteLLMBody.model_fields, str))
        options = {name: texts[name] for name in texts.keys() & {"quality", "background", "output_format"}}
        mask = (*form.file("mask"), None)[0]
        size = checked_size(texts["size"], 16)
        images = form.file("image", "image[]")
        return Asked(texts["model"], texts["prompt"], size, images=images, mask=mask, options=options)

    def reply(self, request: Request, asked: Asked) -> Reply:
        made = {"b64_json": IN_BASE64, "revised_prompt": None, "url": None, "provider_specific_fields": None}
        usage = {"total_tokens": 110, "input_tokens": 10, "input_tokens_details": None, "output_tokens": 100}
        nothing = dict.fromkeys(("background", "output_format", "quality", "safety_identifier", "size"))
        return Reply(body={"created": 1, "data": [made], "usage": usage, **nothing})


class OllamaBody(Body):
    model: str
    prompt: str
    size: str
    response_format: Literal["b64_json"]
    seed: int
    image: str | None = None


class Ollama(Keyless):
    """Ollama 0.32.5, the last release that makes pictures."""

    recipe = "ollama"
    troubles = troubles_of(recipe)
    models = ("x/z-image-turbo", "x/flux2-klein")

    def understand(self, request: Request) -> Asked:
        path = check_path(request, GENERATIONS, EDITS)
        body = OllamaBody.model_validate_json(request.body)
        if (path == EDITS) != (body.image is not None):
            raise Wrong("image is required")
        images = (bytes_of(body.image),) if body.image else ()
        if any(int(side) > 4096 for side in checked_size(body.size).split("x")):
            raise Wrong("width and height must be <= 4096")
        return Asked(body.model, body.prompt, body.size, body.seed, images=images)

    def reply(self, request: Request, asked: Asked) -> Reply:
        # the head of a stream goes out first, and its type stays
        body = json.dumps({"created": 1, "data": [{"b64_json": IN_BASE64}]})
        return Reply(body=f"{body}\n", headers={"content-type": "application/x-ndjson"})


class LocalAIBody(Body):
    model: str
    prompt: str
    size: str
    response_format: Literal["b64_json"]
    seed: int
    step: int | None = Field(default=None, ge=1)
    ref_images: list[str] = Field(default=[], min_length=1)


class LocalAI(Service):
    """LocalAI 4.9."""

    recipe = "localai"
    troubles = troubles_of(recipe)
    models = ("flux.2-klein-4b", "Z-Image-Turbo")

    def read(self, request: Request) -> Asked:
        check_path(request, GENERATIONS)
        body = LocalAIBody.model_validate_json(request.body)
        # the server itself skips what is no base64, and draws without the picture
        images = tuple(base64.b64decode(one, validate=True) for one in body.ref_images)
        options = given(body, "step")
        return Asked(
            body.model, body.prompt, checked_size(body.size), body.seed, images=images, options=options
        )

    def reply(self, request: Request, asked: Asked) -> Reply:
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        made = {"index": 0, "b64_json": IN_BASE64}
        return Reply(body={"created": 1, "id": "5cbf", "data": [made], "usage": usage})

    def refuse(self, words: str) -> Reply:
        return Reply(400, {"error": {"code": 400, "message": words, "type": ""}})


class VllmOmniBody(Body):
    prompt: str
    model: str
    size: str
    response_format: Literal["b64_json"]
    seed: int
    negative_prompt: str | None = None
    num_inference_steps: int | None = Field(default=None, ge=1, le=200)
    true_cfg_scale: float | None = Field(default=None, ge=0, le=20)


class VllmOmni(Service):
    """vLLM-Omni 0.30 with vLLM 0.33; it knows the one model that it serves."""

    recipe = "vllm-omni"
    troubles = troubles_of(recipe)
    models = ("Qwen/Qwen-Image", "Qwen/Qwen-Image-Edit-2511")

    def read(self, request: Request) -> Asked:
        images: tuple[bytes, ...] = ()
        if check_path(request, GENERATIONS, EDITS) == GENERATIONS:
            body = VllmOmniBody.model_validate_json(request.body)
        else:
            form = read_form(request)
            images = form.file("image", "image[]")
            if not 1 <= len(images) == len(form.files) <= 4:
                raise Wrong("At most 4 images are supported by this model.")
            numbers: dict[str, Callable[[str], Any]] = {
                "seed": int,
                "num_inference_steps": int,
                "true_cfg_scale": float,
            }
            body = VllmOmniBody(**form.take(dict.fromkeys(VllmOmniBody.model_fields, str) | numbers))
        options = given(body, "num_inference_steps", "true_cfg_scale")
        size = checked_size(body.size)
        return Asked(body.model, body.prompt, size, body.seed, body.negative_prompt, images, None, options)

    def reply(self, request: Request, asked: Asked) -> Reply:
        made = {"b64_json": IN_BASE64, "url": None, "revised_prompt": None}
        said = {"output_format": "png", "size": asked.size, "cot_output": None, "metrics": None}
        return Reply(body={"created": 1, "data": [made], **said})

    def refuse(self, words: str) -> Reply:
        return openai_error(400, words, type="Bad Request", param=None, code=400)


class Guidance(Body):
    txt_cfg: float = Field(ge=0)


class SampleParams(Body):
    sample_steps: int | None = Field(default=None, ge=1, le=100)
    guidance: Guidance | None = None


class ExtraArgs(Body):
    seed: int
    negative_prompt: str | None = None
    sample_params: SampleParams | None = None


class SdServerBody(Body):
    prompt: str
    model: str
    size: str
    output_format: Literal["png", "jpeg", "webp"] | None = None


class SdServer(Keyless):
    """sd-server of stable-diffusion.cpp: one model under any name, and most of a request in its prompt."""

    recipe = "sd-server"
    troubles = troubles_of(recipe)
    models = ("sd-cpp-local",)
    _extras = re.compile("<sd_cpp_extra_args>(.*?)</sd_cpp_extra_args>")
    """Nothing in it may break the line, as in the server's own expression."""

    def understand(self, request: Request) -> Asked:
        images, mask = tuple[bytes, ...](), None
        if check_path(request, GENERATIONS, EDITS) == GENERATIONS:
            body = SdServerBody.model_validate_json(request.body)
        else:
            form = read_form(request)
            images, mask = form.file("image[]") or form.file("image")[:1], (*form.file("mask"), None)[0]
            if not images or len(form.files) != len(images) + (mask is not None):
                raise Wrong("at least one image[] required")
            body = SdServerBody(**form.take(dict.fromkeys(SdServerBody.model_fields, str)))
            if body.output_format == "webp":
                raise Wrong("invalid output_format, must be one of [png, jpeg]")
        prompt, extras = self._extras.sub("", body.prompt), self._extras.search(body.prompt)
        prompt = prompt.removesuffix(" ")  # the blank before the extras stays, and means nothing
        if not extras:
            raise Wrong("Without extras it makes the same picture again.")
        more = ExtraArgs.model_validate_json(extras[1])
        options: dict[str, Any] = given(body, "output_format")
        if more.sample_params and more.sample_params.sample_steps:
            options["steps"] = more.sample_params.sample_steps
        if more.sample_params and more.sample_params.guidance:
            options["guidance"] = more.sample_params.guidance.txt_cfg
        size = checked_size(body.size)
        return Asked(body.model, prompt, size, more.seed, more.negative_prompt, images, mask, options)

    def reply(self, request: Request, asked: Asked) -> Reply:
        body = {"created": 1, "data": [{"b64_json": IN_BASE64}]}
        return Reply(body=body | {"output_format": asked.options.get("output_format", "png")})

    def refuse(self, words: str) -> Reply:
        return Reply(400, {"error": words})


class UnslothBody(Body):
    prompt: str = Field(min_length=1)
    model: str
    size: str
    response_format: Literal["b64_json"]


class UnslothStudio(Service):
    """Unsloth Studio 0.1.801-beta, with its automatic switch of media models."""

    recipe = "unsloth-studio"
    troubles = troubles_of(recipe)
    key = "sk-unsloth-not-quite-a-key-4711"
    models = ("unsloth/Z-Image-Turbo-GGUF",)

    def read(self, request: Request) -> Asked:
        check_path(request, GENERATIONS)
        body = UnslothBody.model_validate_json(request.body)
        return Asked(body.model, body.prompt, checked_size(body.size, 16))


LOCAL: tuple[type[Service], ...] = (LiteLLM, Ollama, LocalAI, VllmOmni, SdServer, UnslothStudio)
