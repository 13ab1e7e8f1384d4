"""Hugging Face's Inference Providers: one token, many services, any model of the Hub that makes pictures.

The SDK writes each request in a service's own form. Its `text_to_image` and `image_to_image` are not called:
they look models up with this machine's token, even if they are given another one, and they poll and download
in threads without a time limit.
"""

from __future__ import annotations

import copy
import json
import re
from functools import partial
from typing import Any

from pydantic import Field

from limner import (
    Credential,
    ImageInputs,
    ImageRequest,
    ImageResult,
    ImageWarning,
    ModelInfo,
    Options,
    ProviderInfo,
    SizeRange,
    find_pictures,
    hookimpl,
    refusal_in,
)
from limner.clients import visitors_secrets
from limner.threads import call_in_thread
from providers.huggingface.client import ask, load_sdk, shared_client
from providers.huggingface.jobs import Job, find, job_of, settled
from providers.huggingface.offers import EXAMPLE, Service, Settings, not_sent, offer_for


class ServiceOptions(Options):
    """What the SDK's `text_to_image` and `image_to_image` take; None is not sent."""

    inference_provider: Service = "auto"
    """Who makes the picture; auto is the service in the settings, or the first one that offers the model."""
    num_inference_steps: int | None = Field(default=None, ge=1, le=500)
    guidance_scale: float | None = Field(default=None, ge=0, le=100)
    """How closely the picture follows the prompt."""
    scheduler: str | None = Field(default=None, max_length=100)


# 5 MB of a picture, since the SDK writes it up to four times into one request, as base64
_ONE, _ONLY = ImageInputs(most_bytes=5_000_000), ImageInputs(least=1, most_bytes=5_000_000)
_ANY = ModelInfo(id="owner/name", sizes=SizeRange(step=16), seed=True, negative_prompt=True, images=_ONE)
_WORDS, _EDITOR = {"images": None}, {"images": _ONLY, "sizes": ()}
"""An editor makes its picture in the size of the one that it gets."""
_MODELS: dict[str, dict[str, Any]] = {
    EXAMPLE: _WORDS,
    "black-forest-labs/FLUX.1-dev": _WORDS,
    "black-forest-labs/FLUX.2-dev": {},
    "Qwen/Qwen-Image": _WORDS,
    "stabilityai/stable-diffusion-3.5-large": _WORDS,
    "stabilityai/stable-diffusion-xl-base-1.0": _WORDS,
    "black-forest-labs/FLUX.1-Kontext-dev": _EDITOR,
    "Qwen/Qwen-Image-Edit-2511": _EDITOR,
    "Qwen/Qwen-Image-Edit-2509": _EDITOR,
    "Qwen/Qwen-Image-Edit": _EDITOR,
}


@hookimpl
def describe() -> ProviderInfo:
    """Returns a few well-known models; every other model of the Hub can be named."""
    tokens = "https://huggingface.co/settings/tokens"
    return ProviderInfo(
        label="Hugging Face",
        about="Made by open models, at the services behind Hugging Face's Inference Providers.",
        models=tuple(_ANY.model_copy(update={"id": id, **more}) for id, more in _MODELS.items()),
        other_models=_ANY,
        options=ServiceOptions,
        settings=Settings,
        credential=Credential(variable="HF_TOKEN", url=tokens, hugging_face=True),
        paid=True,
        imports=("huggingface_hub.inference._providers",),
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    """Sends one request to one service, and never again: one whose answer is lost may have been billed."""
    settings, key = _settings(request)
    await shared_client()
    offer = await offer_for(request, settings, key)
    prepare = partial(_prepare, request, settings, key, offer)
    sent, warnings = await call_in_thread(prepare) if request.images else prepare()  # megabytes take a while
    request.report(f"waiting for {offer.provider}")
    asked = {"content": sent.data, "headers": sent.headers, "prompt": request.prompt}
    answer, said = await ask("POST", sent.url, request.timeout, **asked)
    if refusal := refusal_in(said):
        raise refusal
    images = find_pictures(said, sent.url, answer)
    ids = ("x-request-id", "x-amzn-trace-id", "x-amz-cf-id")
    request_id = next(filter(None, map(answer.headers.get, ids)), None)
    if not images:
        job = job_of(said, sent)
        if job.look != job.address:
            await request.remember({**job.handle, "service": offer.provider, "request_id": request_id})
        said, images = await settled(said, job, request)
    return _result(request, said, images[0], offer.provider, request_id, warnings)


@hookimpl
async def resume(request: ImageRequest, handle: Any) -> ImageResult:
    """Waits for a job that another process has begun."""
    _, key = _settings(request)
    said, images = await settled({"status": "queued"}, Job.remembered(handle, key), request)
    return _result(request, said, images[0], handle["service"], handle["request_id"], [])


def _result(
    request: ImageRequest,
    said: Any,
    image: Any,
    service: str,
    request_id: str | None,
    warnings: list[ImageWarning],
) -> ImageResult:
    revised = find(said, str, "prompt")
    return ImageResult(
        image,
        revised_prompt=revised if revised != request.prompt else None,
        seed=find(said, int, "seed"),
        request_id=request_id,
        usage=find(said, dict, "metrics", "timings") or {},
        metadata={"inference_provider": service},
        warnings=warnings,
    )


def _settings(request: ImageRequest) -> tuple[Settings, str]:
    key = request.credential.get_secret_value() if request.credential else ""
    if not (key or request.base_url) or not re.fullmatch("[!-~]*", key):
        why = "The token is missing, or has characters that no token has: copy it again, without spaces."
        raise not_sent("auth", why=why)
    settings = Settings.model_validate(dict(request.settings))
    if key[:3] != "hf_" or key in visitors_secrets.get():  # an account of the owner's pays for no visitor
        settings = settings.model_copy(update={"bill_to": None})
    return settings, key


def _prepare(
    request: ImageRequest, settings: Settings, key: str, offer: Any
) -> tuple[Any, list[ImageWarning]]:
    """Has the SDK write the request; the look-up that it would make is answered already."""
    sdk, options, left_out = load_sdk(), dict(request.options), dict[str, str]()
    asked = options.pop("inference_provider", "auto")
    helpers = sdk.inference._providers
    helper = copy.copy(helpers.get_provider_helper(offer.provider, offer.task, request.model))
    helper._prepare_mapping_info = lambda model: offer
    inputs, more = _inputs(request, offer.provider)
    sent = helper.prepare_request(
        inputs=inputs,
        parameters={**options, **more, "seed": request.seed, "negative_prompt": request.negative_prompt},
        headers={sdk.constants.HUGGINGFACE_HEADER_X_BILL_TO: settings.bill_to},
        model=request.model,
        api_key=key or "none",  # with an empty key the SDK would use this machine's
    )
    if request.images and offer.provider == "wavespeed":  # the SDK says of every picture that it is a JPEG
        sent.json["image"] = request.images[0].data_uri
    if sent.json is not None:
        sent.data = json.dumps(sent.json).encode()
    sent.headers["accept"] = "image/png"
    if not key:
        del sent.headers["authorization"]
    if request.base_url and asked != "auto":
        left_out["inference_provider"] = f"The server in the settings was asked, not {asked}."
    if offer.provider == "nscale" and options.get("num_inference_steps"):  # the SDK drops it
        left_out["num_inference_steps"] = "nscale chooses the number of steps by itself."
    return sent, [ImageWarning(*words) for words in left_out.items()]


def _inputs(request: ImageRequest, service: str) -> tuple[Any, dict[str, Any]]:
    """Returns what the SDK calls the inputs of a task, and the parameters that depend on the task."""
    size = request.size._asdict() if request.size else {}
    if not request.images:
        return request.prompt, size
    (image,) = request.images
    # bytes, as a helper would open a text as a file or fetch it, with a label that it would guess otherwise
    data = load_sdk().inference._common.MimeBytes(image.data, image.media_type)
    if service != "together" and size:  # its API has a width and a height, which its helper passes on
        size = {"target_size": size}
    return data, {"prompt": request.prompt, **size}
