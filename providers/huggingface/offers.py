"""Who makes a picture with a model: what the Hub says of it, and whom the request or the settings choose."""

from __future__ import annotations

import hashlib
import re
import time
from functools import partial
from typing import Any, Literal, get_args

from pydantic import Field

from limner import ImageRequest, Options, ProviderError, shared
from providers.huggingface.client import ask, load_sdk

LOOK_UP_SECONDS, KNOWN_SECONDS = 30.0, 600.0
TEXT_TO_IMAGE, IMAGE_TO_IMAGE = "text-to-image", "image-to-image"
Service = Literal["auto", "fal-ai", "hf-inference", "nscale", "replicate", "together", "wavespeed", "zai-org"]
EXAMPLE = "black-forest-labs/FLUX.1-schnell"
not_sent = partial(ProviderError, did_not_run=True)


class Settings(Options):
    """Which service makes the picture if the request does not say so, and which account pays."""

    provider: Service = "auto"
    bill_to: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


async def offer_for(request: ImageRequest, settings: Settings, key: str) -> Any:
    """Returns who makes the picture and what they call the model: an InferenceProviderMapping of the SDK.

    A model may be offered for words, for pictures, or for both, by the same services or by others.
    """
    task = IMAGE_TO_IMAGE if request.images else TEXT_TO_IMAGE
    asked = getattr(request.options, "inference_provider", "auto")
    chosen = settings.provider if asked == "auto" else asked
    if not request.base_url:
        if not re.fullmatch(r"(\w[\w.-]*/)?\w[\w.-]*", request.model, re.ASCII):  # a URL would get the key
            why = f"A model of the Hugging Face Hub is named as owner/name, such as {EXAMPLE}."
            raise not_sent("invalid-request", why=why)
        if not key.startswith("hf_") and (settings.provider == "auto" or chosen != settings.provider):
            why = "A Hugging Face token starts with hf_; for another key, name its service in `provider`."
            raise not_sent("auth", why=why)
    if request.base_url or chosen == "hf-inference":
        own = {"provider": "hf-inference", "hf_model_id": request.model, "task": task, "status": "live"}
        return load_sdk().hf_api.InferenceProviderMapping(providerId=request.base_url or request.model, **own)
    known = [offer for offer in await offers_of(request.model, key) if offer.provider in get_args(Service)]
    fit = [offer for offer in known if offer.task == task]
    offers = [offer for offer in fit if chosen in ("auto", offer.provider)]
    if not offers:
        others = ", ".join(offer.provider for offer in fit)
        why = f"This model is offered by {others}, not by {chosen}: choose another service or model."
        raise not_sent("invalid-request", why=why if others else _why_nobody(task, known))
    return next((offer for offer in offers if offer.status == "live"), offers[0])


def _why_nobody(task: str, known: list[Any]) -> str:
    if not known:
        return "No service that Limner knows offers this model: choose another model."
    if task == IMAGE_TO_IMAGE:
        return "No service edits pictures with this model: leave them out, or choose another model."
    return "This model only edits pictures: add one, or choose another model."


async def offers_of(model: str, key: str) -> list[Any]:
    """Returns the Hub's list of who offers a model; asks with the request's own token, or with none."""
    sdk, token = load_sdk(), key if key.startswith("hf_") else False
    known: dict[Any, list[Any]] = shared(("huggingface", "offers"), dict)
    digest = hashlib.sha256(key.encode()).digest()  # of a visitor's token nothing more is kept
    name = (model, token and digest, time.monotonic() // KNOWN_SECONDS)
    if name not in known:
        url, asked = f"{sdk.constants.ENDPOINT}/api/models/{model}", {"expand": "inferenceProviderMapping"}
        sent = {"params": asked, "headers": sdk.utils.build_hf_headers(token=token)}
        _, said = await ask("GET", url, LOOK_UP_SECONDS, did_not_run=True, follow_redirects=True, **sent)
        try:
            offers = sdk.hf_api.ModelInfo(**said).inference_provider_mapping or []
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            why = "The Hugging Face Hub did not say in its usual form who offers this model."
            raise not_sent("bad-response", why=why) from error
        if len(known) >= 1000:
            known.clear()
        known[name] = [offer for offer in offers if offer.task in (TEXT_TO_IMAGE, IMAGE_TO_IMAGE)]
    return known[name]
