"""Replicate: a few well-known models with their own options, and any other by ``owner/name[:version]``.

Whatever ends the wait for a prediction (Stop, the deadline, a lost service) also cancels it there, since it
would go on and be billed. The picture stays a URL, because the SDK would fetch it with the token.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from contextlib import suppress
from typing import Any, Literal

from pydantic import Field

from limner import (
    ACCEPTED,
    CancelConfirmed,
    Category,
    Credential,
    ImageRequest,
    ImageResult,
    ImageWarning,
    LimnerError,
    ModelInfo,
    NoSettings,
    Options,
    ProviderError,
    ProviderInfo,
    Size,
    SizeRange,
    failure_from_response,
    find_pictures,
    hookimpl,
    proxy_for,
    read_bounded,
    shared,
    shared_async,
)

WAIT, READ_TIMEOUT = 3, 30.0
"""Seconds that the service may take for its first answer (fewer than a clean-up may take) and for others."""
FIRST_POLL, MAX_POLL, MAX_MISSES = 0.5, 4.0, 8
"""Seconds between two looks at a prediction, at first and at most; the number that may fail in a row."""
KNOWN = 600.0  # seconds for which a model's latest version is taken from memory


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


class _ProOptions(_FluxOptions):
    safety_tolerance: int = Field(default=2, ge=1, le=5)
    """1 is the strictest."""
    prompt_upsampling: bool = False
    """Lets the service add to the prompt."""


class _RecraftOptions(Options):
    style: Literal["any", "realistic_image", "digital_illustration"] = "any"


class _SdxlOptions(Options):
    num_inference_steps: int = Field(default=50, ge=1, le=100)
    guidance_scale: float = Field(default=7.5, ge=1, le=50)
    refine: Literal["no_refiner", "expert_ensemble_refiner", "base_image_refiner"] = "no_refiner"


class _InputOptions(Options):
    input: dict[str, Any] = Field(default_factory=dict[str, Any])
    """What the model takes besides the prompt, as one JSON object; its page at Replicate lists it."""


def _size(ratio: str) -> Size:
    across, down = map(int, ratio.split(":"))
    unit = round(math.sqrt(2**20 / (across * down)))
    return Size(across * unit, down * unit)


# From the models' input schemas at replicate.com. A model that takes a ratio chooses the pixels by itself.
_COMMON = {_size(ratio): ratio for ratio in ("1:1", "16:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16")}
_FLUX = _COMMON | {_size(ratio): ratio for ratio in ("21:9", "9:21")}
_RECRAFT = _COMMON | {_size(ratio): ratio for ratio in ("1:2", "2:1", "3:5", "5:3", "5:7", "7:5")}
_RATIOS = _FLUX | _RECRAFT
_PIXELS = SizeRange(step=8, min_side=512, max_side=1536, max_pixels=1536 * 1024)
_SDXL = "stability-ai/sdxl:7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc"
_MODELS = (
    ModelInfo(id="black-forest-labs/flux-schnell", sizes=tuple(_FLUX), seed=True, options=_SchnellOptions),
    ModelInfo(id="black-forest-labs/flux-dev", sizes=tuple(_FLUX), seed=True, options=_DevOptions),
    ModelInfo(id="black-forest-labs/flux-1.1-pro", sizes=tuple(_COMMON), seed=True, options=_ProOptions),
    ModelInfo(id="recraft-ai/recraft-v3", sizes=tuple(_RECRAFT), options=_RecraftOptions),
    ModelInfo(id=_SDXL, label="SDXL", sizes=_PIXELS, seed=True, negative_prompt=True, options=_SdxlOptions),
)


@hookimpl
def describe() -> ProviderInfo:
    """Returns the models whose options are known; any other takes its options as one JSON object."""
    return ProviderInfo(
        label="Replicate",
        about="Made by one of the many models that run at Replicate.",
        models=_MODELS,
        other_models=ModelInfo(id="owner/name", options=_InputOptions),
        credential=Credential(variable="REPLICATE_API_TOKEN", url="https://replicate.com/account/api-tokens"),
        paid=True,
        base_url_variable="REPLICATE_BASE_URL",
        settings=NoSettings,
        imports=("replicate",),
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    """Makes one prediction, and never a second: one whose answer is lost may have been billed."""
    request.report("waiting for the service")
    creating = asyncio.ensure_future(_create(await _client(request), request.model, _input(request)))
    try:
        prediction = await asyncio.shield(creating)
        await _settle(prediction, request)
    except (asyncio.CancelledError, Exception) as error:
        ending = asyncio.ensure_future(_end(creating))  # goes on if the host stops waiting
        await asyncio.wait({ending})
        prediction = ending.result()
        if prediction is None or prediction.status != "succeeded":
            if isinstance(error, asyncio.CancelledError) and prediction and prediction.status == "canceled":
                raise CancelConfirmed from error
            raise
    return _result(prediction, request)


def _input(request: ImageRequest) -> dict[str, Any]:
    options = dict(request.options)
    body: dict[str, Any] = {**options.pop("input", {}), **options}
    given = {"prompt": request.prompt, "seed": request.seed, "negative_prompt": request.negative_prompt}
    body |= {name: value for name, value in given.items() if value is not None}
    if size := request.size:
        body |= size._asdict() if request.model == _SDXL else {"aspect_ratio": _RATIOS[size]}
    return body


async def _client(request: ImageRequest) -> Any:
    key, lifetime = request.key_for_header(), math.ceil(request.timeout) + 10
    base_url = request.base_url or "https://api.replicate.com"
    headers = {"Cancel-After": f"{lifetime}s", **ACCEPTED}  # in case its answer, or this process, is lost
    headers["Authorization"] = f"Bearer {key}" if key else ""  # without it the SDK takes the environment's

    def connect() -> Any:
        import httpx
        from replicate.client import Client

        async def set_timeout(sent: httpx.Request) -> None:
            # the SDK would give up half a second after WAIT, and lose a prediction that is billed
            sent.extensions["timeout"] = httpx.Timeout(READ_TIMEOUT, connect=10, pool=None).as_dict()

        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)  # many idle ones are slow
        transport = httpx.AsyncHTTPTransport(limits=limits, proxy=proxy_for(base_url))
        hooks: dict[str, Any] = {"request": [set_timeout], "response": [read_bounded]}
        client: Any = Client(base_url=base_url, transport=transport, headers=headers, event_hooks=hooks)
        client.aclose = transport.aclose
        return client

    return await shared_async(("replicate", base_url, key, lifetime), connect)


_REFERENCE = re.compile(r"([a-z0-9][\w.-]*)/([a-z0-9][\w.-]*)(?::(\w+))?", re.ASCII | re.IGNORECASE)
_SETTLED, _ABORTED = {"succeeded", "failed", "canceled"}, "given=aborted"  # pydantic's words for a 4th
_FINAL: set[Category] = {"auth", "quota", "invalid-request"}  # another look would fail, too
_PERCENT = re.compile(r"(\d{1,3})%\s*\|")


async def _create(client: Any, model: str, body: dict[str, Any]) -> Any:
    reference = _REFERENCE.fullmatch(model)
    if reference is None:
        why = f"A model is named as owner/name or owner/name:version, such as {_MODELS[0].id}."
        raise ProviderError("invalid-request", why=why, did_not_run=True)
    owner, name, version = reference.groups()
    known: dict[Any, str] = shared(("replicate", "versions", client), dict)
    place = (owner, name, time.monotonic() // KNOWN)
    try:
        if version := version or known.get(place):
            return await client.predictions.async_create(version=version, input=body, wait=WAIT)
        return await client.models.predictions.async_create((owner, name), body, wait=WAIT)
    except Exception as error:
        if version or getattr(error, "status", None) != 404:  # 404: it has no official version
            raise _failure(error, prompt=str(body.get("prompt"))) from error
    known[place] = await _latest_version(client, owner, name)
    return await _create(client, f"{model}:{known[place]}", body)


async def _latest_version(client: Any, owner: str, name: str) -> str:
    """Returns the id of a community model's latest version; nothing has run yet."""
    try:
        latest = (await client.models.async_get(owner, name)).latest_version
    except Exception as error:
        failure = _failure(error)
        if isinstance(failure, ProviderError):
            failure.did_not_run = True
        raise failure from error
    if latest is None:
        raise ProviderError("invalid-request", why="This model has no version to run.", did_not_run=True)
    return latest.id


async def _settle(prediction: Any, request: ImageRequest) -> None:
    """Looks at a prediction until it has settled; looks may fail, but only MAX_MISSES in a row."""
    pause, misses = FIRST_POLL, 0
    while prediction.status not in _SETTLED:
        percent = _PERCENT.findall((prediction.logs or "")[-2000:])
        drawing = f"drawing, {percent[-1]} %" if percent else "drawing"
        request.report("starting the model" if prediction.status == "starting" else drawing)
        await asyncio.sleep(pause)
        pause = min(pause * 1.4, MAX_POLL)
        try:
            await prediction.async_reload()
            misses = 0
        except Exception as error:
            misses += 1
            failure = _failure(error, made=True)
            final = not isinstance(failure, ProviderError) or failure.category in _FINAL
            if misses > MAX_MISSES or final or _ABORTED in str(error):
                raise failure from error


async def _end(creating: asyncio.Future[Any]) -> Any:
    """Cancels a prediction at the service and returns it as it ended; None if there never was one."""
    try:
        prediction = await creating
    except Exception:
        return None
    for step in (prediction.async_cancel, prediction.async_reload):
        if prediction.status not in _SETTLED:
            with suppress(Exception):  # it may have settled meanwhile, and then cannot be cancelled
                await step()
    return prediction


_SEED = re.compile(r"\busing seed:?\s*(\d{1,20})\b", re.IGNORECASE)


def _result(prediction: Any, request: ImageRequest) -> ImageResult:
    """Returns the picture in a settled prediction, with what the service says about it."""
    if prediction.status != "succeeded":
        failure = failure_from_response(200, {"error": prediction.error}, prompt=request.prompt)
        if not isinstance(failure, ProviderError):
            raise failure
        words, ended = failure.service_message, prediction.status == "canceled"
        why = None if words else f"The prediction ended as {prediction.status}, without a reason."
        raise ProviderError("provider", words, why=why, was_cancelled=ended)
    pictures = find_pictures({"output": prediction.output})
    if not pictures:
        said = {"output": prediction.output, "error": prediction.error}
        raise failure_from_response(200, said, prompt=request.prompt)
    own = dict(request.options).get("input", {})
    warnings = [ImageWarning("input", "Its own prompt was left out.")] if "prompt" in own else []
    if len(pictures) > 1:
        warnings.append(ImageWarning("output", f"The first of {len(pictures)} pictures was kept.", "other"))
    seed = _SEED.search(prediction.logs or "")
    beside = {"prediction": (prediction.urls or {}).get("web"), "version": prediction.version}
    return ImageResult(
        pictures[0],
        seed=int(seed[1]) if seed else request.seed,
        model=request.model if prediction.model == request.model.partition(":")[0] else prediction.model,
        request_id=prediction.id,
        usage=prediction.metrics or {},
        metadata={name: value for name, value in beside.items() if value not in (None, "hidden")},
        warnings=warnings,
    )


def _failure(error: Exception, *, made: bool = False, prompt: str | None = None) -> LimnerError:
    """Returns the failure that the SDK's error stands for; a prediction that was `made` may have run."""
    if isinstance(error, ProviderError):
        return error
    if status := getattr(error, "status", None):  # a ReplicateError; the SDK drops the headers
        reply = {name: getattr(error, name, None) for name in ("detail", "title", "type")}
        return failure_from_response(status, reply, prompt=prompt, did_not_run=False if made else None)
    if _ABORTED in str(error):
        return ProviderError("timeout", why="Replicate ended the prediction at its deadline.")
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"}:
        return ProviderError("unavailable", did_not_run=not made)
    lost = "timeout" if "TimeoutException" in kinds else "unavailable"
    return ProviderError(lost if "TransportError" in kinds else "bad-response")
