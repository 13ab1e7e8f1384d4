"""Replicate: a few well-known models with their own options, and any other by ``owner/name[:version]``.

Whatever ends the wait for a prediction (Stop, the deadline, a lost service) also cancels it there, since it
would go on and be billed. The picture stays a URL, because the SDK would fetch it with the token.

A model that takes a ratio is sent the ratio of the size, also beside pictures. If the person chose no size,
the host chose the one nearest to the first picture, so that ``match_input_image`` is never needed.
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from typing import Any

from limner import (
    CancelConfirmed,
    Category,
    Credential,
    ImageRequest,
    ImageResult,
    ImageWarning,
    ModelInfo,
    NoSettings,
    ProviderError,
    ProviderInfo,
    failure_from_response,
    find_pictures,
    hookimpl,
    shared,
)
from providers.replicate.client import ABORTED, client_for, failure
from providers.replicate.models import MODELS, NAMES, InputOptions, size_input
from providers.replicate.pictures import addresses_of

WAIT = 3
"""Seconds that the service may take for its first answer, fewer than a clean-up may take."""
FIRST_POLL, MAX_POLL, MAX_MISSES = 0.5, 4.0, 8
"""Seconds between two looks at a prediction, at first and at most; the number that may fail in a row."""
KNOWN = 600.0  # seconds for which a model's latest version is taken from memory


@hookimpl
def describe() -> ProviderInfo:
    """Returns the models whose options are known; any other takes its options as one JSON object."""
    return ProviderInfo(
        label="Replicate",
        about="Made by one of the many models that run at Replicate.",
        models=MODELS,
        other_models=ModelInfo(id="owner/name", options=InputOptions),
        credential=Credential(variable="REPLICATE_API_TOKEN", url="https://replicate.com/account/api-tokens"),
        paid=True,
        base_url_variable="REPLICATE_BASE_URL",
        settings=NoSettings,
        imports=("replicate",),
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    """Makes one prediction, and never a second: one whose answer is lost may have been billed."""
    client = await client_for(request)
    if request.images:
        request.report("sending the pictures")
    async with addresses_of(client, [*request.images, *filter(None, [request.mask])]) as addresses:
        request.report("waiting for the service")
        return await _made(
            request, asyncio.ensure_future(_begin(client, request, _input(request, addresses)))
        )


@hookimpl
async def resume(request: ImageRequest, handle: Any) -> ImageResult:
    """Waits for a prediction that another process has begun."""
    return await _made(request, asyncio.ensure_future(_again(await client_for(request), handle["id"])))


async def _made(request: ImageRequest, creating: asyncio.Future[Any]) -> ImageResult:
    try:
        prediction = await asyncio.shield(creating)
        await _settle(prediction, request)
    except (asyncio.CancelledError, Exception) as error:
        if request.handed_over:  # another process goes on with the prediction
            raise
        ending = asyncio.ensure_future(_end(creating))  # goes on if the host stops waiting
        await asyncio.wait({ending})
        prediction = ending.result()
        if prediction is None or prediction.status != "succeeded":
            if isinstance(error, asyncio.CancelledError) and prediction and prediction.status == "canceled":
                raise CancelConfirmed from error
            raise
    return _result(prediction, request)


def _input(request: ImageRequest, addresses: list[str]) -> dict[str, Any]:
    """Returns the model's input; the addresses are those of the pictures, and then of the mask."""
    options = dict(request.options)
    body: dict[str, Any] = {**options.pop("input", {}), **options}
    given = {"prompt": request.prompt, "seed": request.seed, "negative_prompt": request.negative_prompt}
    body |= {name: value for name, value in given.items() if value is not None}
    if request.size:
        body |= size_input(request.model, request.size)
    if addresses:
        names, pictures = NAMES[request.model], addresses[: len(request.images)]
        body[names.pictures] = pictures if names.is_list else pictures[0]
        if request.mask:
            body[names.mask] = addresses[-1]
    return body


_REFERENCE = re.compile(r"([a-z0-9][\w.-]*)/([a-z0-9][\w.-]*)(?::(\w+))?", re.ASCII | re.IGNORECASE)
_SETTLED = {"succeeded", "failed", "canceled"}
_FINAL: set[Category] = {"auth", "quota", "invalid-request"}  # another look would fail, too
_PERCENT = re.compile(r"(\d{1,3})%\s*\|")


async def _begin(client: Any, request: ImageRequest, body: dict[str, Any]) -> Any:
    prediction = await _create(client, request.model, body)
    if prediction.status not in _SETTLED:
        await request.remember({"id": prediction.id})
    return prediction


async def _again(client: Any, id: str) -> Any:
    """Returns a prediction by its id."""
    misses = 0
    while True:
        try:
            return await client.predictions.async_get(id)
        except Exception as error:
            misses += 1
            _give_up(error, misses)
            await asyncio.sleep(FIRST_POLL * misses)


async def _create(client: Any, model: str, body: dict[str, Any]) -> Any:
    reference = _REFERENCE.fullmatch(model)
    if reference is None:
        why = f"A model is named as owner/name or owner/name:version, such as {MODELS[0].id}."
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
            raise failure(error, prompt=str(body.get("prompt"))) from error
    known[place] = await _latest_version(client, owner, name)
    return await _create(client, f"{model}:{known[place]}", body)


async def _latest_version(client: Any, owner: str, name: str) -> str:
    """Returns the id of a community model's latest version; nothing has run yet."""
    try:
        latest = (await client.models.async_get(owner, name)).latest_version
    except Exception as error:
        raise failure(error, did_not_run=True) from error
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
            _give_up(error, misses)


def _give_up(error: Exception, misses: int) -> None:
    """Raises what a look that failed means, unless the next one may succeed."""
    missed = failure(error, did_not_run=False)
    final = not isinstance(missed, ProviderError) or missed.category in _FINAL
    if misses > MAX_MISSES or final or ABORTED in str(error):
        raise missed from error


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
        told = failure_from_response(200, {"error": prediction.error}, prompt=request.prompt)
        if not isinstance(told, ProviderError):
            raise told
        words, ended = told.service_message, prediction.status == "canceled"
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
