"""Hugging Face's Inference Providers: one token, many services, any text-to-image model of the Hub.

The SDK writes each request in a service's own form. Its `text_to_image` is not called: it looks models up
with this machine's token, even if it is given another one, and it polls and downloads in threads without a
time limit.
"""

from __future__ import annotations

import asyncio
import copy
import re
import time
from functools import cache, partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Literal, get_args

from pydantic import Field

from limner import (
    ACCEPTED,
    ContentFiltered,
    Credential,
    ImageRequest,
    ImageResult,
    ImageWarning,
    ModelInfo,
    Options,
    ProviderError,
    ProviderInfo,
    SizeRange,
    failure_from_response,
    find_pictures,
    hookimpl,
    parse_reply,
    read_bounded,
    refusal_in,
    service_words,
    shared,
    shared_async,
)

TASK, POLL_SECONDS, LOOK_UP_SECONDS, KNOWN_SECONDS = "text-to-image", 1.0, 30.0, 600.0
Service = Literal["auto", "fal-ai", "hf-inference", "nscale", "replicate", "together", "wavespeed", "zai-org"]
_not_sent = partial(ProviderError, did_not_run=True)


class TextToImageOptions(Options):
    """What the SDK's `text_to_image` takes; None is not sent."""

    inference_provider: Service = "auto"
    """Who makes the picture; auto is the service in the settings, or the first one that offers the model."""
    num_inference_steps: int | None = Field(default=None, ge=1, le=500)
    guidance_scale: float | None = Field(default=None, ge=0, le=100)
    """How closely the picture follows the prompt."""
    scheduler: str | None = Field(default=None, max_length=100)


class Settings(Options):
    """Who makes the picture if the request does not say it, perhaps with that service's own key; who pays."""

    provider: Service = "auto"
    bill_to: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


_ANY = ModelInfo(id="owner/name", sizes=SizeRange(step=16), seed=True, negative_prompt=True)
_MODELS = ("black-forest-labs/FLUX.1-schnell", "black-forest-labs/FLUX.1-dev", "Qwen/Qwen-Image")
_MODELS += ("stabilityai/stable-diffusion-3.5-large", "stabilityai/stable-diffusion-xl-base-1.0")


@hookimpl
def describe() -> ProviderInfo:
    """Returns a few well-known models; every other model of the Hub can be named."""
    tokens = "https://huggingface.co/settings/tokens"
    return ProviderInfo(
        label="Hugging Face",
        about="Made by open models, at the services behind Hugging Face's Inference Providers.",
        models=tuple(_ANY.model_copy(update={"id": model}) for model in _MODELS),
        other_models=_ANY,
        options=TextToImageOptions,
        settings=Settings,
        credential=Credential(variable="HF_TOKEN", url=tokens, hugging_face=True),
        paid=True,
        imports=("huggingface_hub.inference._providers",),
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    """Sends one request to one service, and never again: one whose answer is lost may have been billed."""
    settings, key = _settings(request)
    await _client()
    offer = await _offer(request, settings, key)
    sent, warnings = _prepare(request, settings, key, offer)
    request.report(f"waiting for {offer.provider}")
    asked = {"json": sent.json, "headers": sent.headers, "prompt": request.prompt}
    answer, said = await _ask("POST", sent.url, request.timeout, **asked)
    if refusal := refusal_in(said):
        raise refusal
    images = find_pictures(said, sent.url, answer)
    if not images:
        said, images = await _settled(said, sent, request)
    revised, ids = _find(said, str, "prompt"), ("x-request-id", "x-amzn-trace-id", "x-amz-cf-id")
    return ImageResult(
        images[0],
        revised_prompt=revised if revised != request.prompt else None,
        seed=_find(said, int, "seed"),
        request_id=next(filter(None, map(answer.headers.get, ids)), None),
        usage=_find(said, dict, "metrics", "timings") or {},
        metadata={"inference_provider": offer.provider},
        warnings=warnings,
    )


@cache
def _sdk() -> Any:
    """Imports the SDK, and keeps it from asking the Hub for a list of agents, which would block the loop."""
    import huggingface_hub.inference._providers

    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
    return huggingface_hub


def _settings(request: ImageRequest) -> tuple[Settings, str]:
    key = request.credential.get_secret_value() if request.credential else ""
    if not (key or request.base_url) or not re.fullmatch("[!-~]*", key):
        why = "The token is missing, or has characters that no token has: copy it again, without spaces."
        raise _not_sent("auth", why=why)
    return Settings.model_validate(dict(request.settings)), key


async def _offer(request: ImageRequest, settings: Settings, key: str) -> Any:
    """Returns who makes the picture and what they call the model: an InferenceProviderMapping of the SDK."""
    asked = getattr(request.options, "inference_provider", "auto")
    chosen = settings.provider if asked == "auto" else asked
    if not request.base_url:
        if not re.fullmatch(r"(\w[\w.-]*/)?\w[\w.-]*", request.model, re.ASCII):  # a URL would get the key
            why = f"A model of the Hugging Face Hub is named as owner/name, such as {_MODELS[0]}."
            raise _not_sent("invalid-request", why=why)
        if not key.startswith("hf_") and (settings.provider == "auto" or chosen != settings.provider):
            why = "A Hugging Face token starts with hf_; for another key, name its service in `provider`."
            raise _not_sent("auth", why=why)
    if request.base_url or chosen == "hf-inference":
        own = {"provider": "hf-inference", "hf_model_id": request.model, "task": TASK, "status": "live"}
        return _sdk().hf_api.InferenceProviderMapping(providerId=request.base_url or request.model, **own)
    fit = [offer for offer in await _offers(request.model, key) if offer.provider in get_args(Service)]
    offers = [offer for offer in fit if chosen in ("auto", offer.provider)]
    if not offers:
        others = ", ".join(offer.provider for offer in fit)
        why = f"This model is offered by {others}, not by {chosen}: choose another service or model."
        why = why if others else "No service that Limner knows offers this model: choose another model."
        raise _not_sent("invalid-request", why=why)
    return next((offer for offer in offers if offer.status == "live"), offers[0])


async def _offers(model: str, key: str) -> list[Any]:
    """Returns the Hub's list of who offers a model; asks with the request's own token, or with none."""
    sdk, token = _sdk(), key if key.startswith("hf_") else False
    known: dict[Any, list[Any]] = shared(("huggingface", "offers"), dict)
    name = (model, token, time.monotonic() // KNOWN_SECONDS)
    if name not in known:
        url, asked = f"{sdk.constants.ENDPOINT}/api/models/{model}", {"expand": "inferenceProviderMapping"}
        sent = {"params": asked, "headers": sdk.utils.build_hf_headers(token=token)}
        _, said = await _ask("GET", url, LOOK_UP_SECONDS, did_not_run=True, follow_redirects=True, **sent)
        try:
            offers = sdk.hf_api.ModelInfo(**said).inference_provider_mapping or []
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            why = "The Hugging Face Hub did not say in its usual form who offers this model."
            raise _not_sent("bad-response", why=why) from error
        if len(known) >= 1000:
            known.clear()
        known[name] = [offer for offer in offers if offer.task == TASK]
    return known[name]


def _prepare(
    request: ImageRequest, settings: Settings, key: str, offer: Any
) -> tuple[Any, list[ImageWarning]]:
    """Has the SDK write the request; the look-up that it would make is answered already."""
    sdk, options, left_out = _sdk(), dict(request.options), dict[str, str]()
    asked = options.pop("inference_provider", "auto")
    size = request.size._asdict() if request.size else {}
    helper = copy.copy(sdk.inference._providers.get_provider_helper(offer.provider, TASK, request.model))
    helper._prepare_mapping_info = lambda model: offer
    sent = helper.prepare_request(
        inputs=request.prompt,
        parameters={**options, **size, "seed": request.seed, "negative_prompt": request.negative_prompt},
        headers={sdk.constants.HUGGINGFACE_HEADER_X_BILL_TO: settings.bill_to if key[:3] == "hf_" else None},
        model=request.model,
        api_key=key or "none",  # with an empty key the SDK would use this machine's
    )
    sent.headers["accept"] = "image/png"
    if not key:
        del sent.headers["authorization"]
    if request.base_url and asked != "auto":
        left_out["inference_provider"] = f"The server in the settings was asked, not {asked}."
    if offer.provider == "nscale" and options.get("num_inference_steps"):  # the SDK drops it
        left_out["num_inference_steps"] = "nscale chooses the number of steps by itself."
    return sent, [ImageWarning(*words) for words in left_out.items()]


async def _client() -> Any:
    def connect() -> Any:
        import httpx2

        _sdk()
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # everybody shares the client
        bounds: dict[str, Any] = {"event_hooks": {"response": [read_bounded]}, "headers": ACCEPTED}
        return httpx2.AsyncClient(limits=httpx2.Limits(), cookies=no_cookies, **bounds)

    return await shared_async("huggingface", connect)


async def _ask(method: str, url: str, timeout: float, **more: Any) -> Any:
    """Sends one request, and returns the answer with its JSON or text; raises what a failure says."""
    import httpx2

    did_not_run, prompt = more.pop("did_not_run", None), more.pop("prompt", None)
    client = await _client()
    try:
        answer = await client.request(method, url, timeout=httpx2.Timeout(timeout, connect=10), **more)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise _lost(error, did_not_run) from error
    reply = await parse_reply(answer.content)
    if not answer.is_success:
        raise _failure(answer.status_code, reply, answer.headers, did_not_run, prompt)
    return answer, reply


async def _settled(said: Any, sent: Any, request: ImageRequest) -> tuple[Any, list[Any]]:
    """Returns what a service says in the end, and its pictures; some accept a job, and are asked for it."""
    link, number = _find(said, str, "data.urls.get"), _find(said, str, "id")
    job = sent.url.replace("/async/images/generations", f"/async-result/{number}")  # zai
    if link:  # wavespeed
        job = sent.url.partition("/api/v3/")[0] + "/api/v3/" + link.partition("/api/v3/")[2]
    while not (images := find_pictures(said, sent.url)):
        status = _find(said, str, "data.status", "task_status", "status")
        if job == sent.url or not re.match("(?i)created|queued|processing", status or ""):
            told = isinstance(said, dict)
            words = service_words(_find(said, object, "data.error", "error", "detail") if told else said)
            failure = failure_from_response(200, said, prompt=request.prompt)
            if not isinstance(failure, ProviderError):
                raise ContentFiltered(words or failure.service_message)
            if failure.category not in ("provider", "bad-response"):
                raise failure
            why = None if words else "No picture came: it was refused, failed, or was not ready in time."
            is_form = told and (words or status)
            raise ProviderError("provider" if is_form else "bad-response", words, why=why)
        request.report("waiting in the service's queue")
        await asyncio.sleep(POLL_SECONDS)
        try:
            _, said = await _ask("GET", job, request.timeout, did_not_run=False, headers=sent.headers)
        except ProviderError as error:
            if error.category not in ("unavailable", "rate-limit"):
                raise  # after these two the next look may succeed, and the picture is paid for
    return said, images


def _find(said: Any, kind: type, *places: str) -> Any:
    """Returns the first value of that kind at one of the places; a list stands for its first part."""
    for place in places:
        value = said
        for name in place.split("."):
            value = value[0] if isinstance(value, list) and value else value
            value = value.get(name) if isinstance(value, dict) else None
        value = value[0] if isinstance(value, list) and value and kind is str else value
        if value and isinstance(value, kind):
            return value
    return None


def _lost(error: Exception, did_not_run: bool | None) -> ProviderError:
    """Returns the failure of a request without an answer."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "InvalidURL"}:
        return ProviderError("unavailable", did_not_run=did_not_run is not False)
    lost = "timeout" if "TimeoutException" in kinds else "unavailable"
    return ProviderError(lost if "TransportError" in kinds else "bad-response", did_not_run=bool(did_not_run))


def _failure(
    status: int, reply: Any, headers: Any, did_not_run: bool | None, prompt: str | None
) -> Exception:
    """Returns the failure that an answer stands for; `did_not_run` replaces what its status tells of that."""
    if not service_words(reply) and (words := headers.get("x-error-message")):
        reply = [reply, words]
    if headers.get("x-error-code") == "RepoNotFound":  # comes with a 401
        status = 404
    return failure_from_response(status, reply, headers, prompt=prompt, did_not_run=did_not_run)
