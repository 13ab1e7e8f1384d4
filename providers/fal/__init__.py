"""fal: a few well-known models with their own options, and any other by its id, over plain HTTP.

Its own client is not used: it fixes the address when it is imported, and sends a request again by itself.
Whatever ends the wait for a job (Stop, the deadline, a lost service) also cancels it, since it would go on
and be billed. The picture stays a URL, which the host fetches without the key.
"""

from __future__ import annotations

import asyncio
import math
import re
from contextlib import suppress
from functools import partial
from typing import Any

from limner import (
    CancelConfirmed,
    Credential,
    ImageRequest,
    ImageResult,
    ImageWarning,
    ModelInfo,
    NoSettings,
    ProviderError,
    ProviderInfo,
    find_pictures,
    hookimpl,
    refusal_in,
)
from limner.threads import call_in_thread
from providers.fal.client import Answer, Client
from providers.fal.job import Job, ended, settled
from providers.fal.models import MODELS, InputOptions, body_for, endpoint_for, options_of

_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)+", re.ASCII)


@hookimpl
def describe() -> ProviderInfo:
    """Returns the models whose inputs are known; any other takes its input as one JSON object."""
    return ProviderInfo(
        label="fal",
        about="Made by one of the many models that run at fal.",
        models=MODELS,
        other_models=ModelInfo(id="owner/name", options=InputOptions),
        any_options=True,
        credential=Credential(variable="FAL_KEY", url="https://fal.ai/dashboard/keys"),
        paid=True,
        settings=NoSettings,
        imports=("httpx2",),
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    """Submits one job, and never a second: one whose answer is lost may be made, and billed."""
    if not _NAME.fullmatch(request.model):
        why = f"A model is named as at fal.ai, such as {MODELS[0].id}."
        raise ProviderError("invalid-request", why=why, did_not_run=True)
    client, write = Client(request), partial(body_for, request)
    content = await call_in_thread(write) if request.images else write()  # megabytes take a while
    request.report("waiting for the service")
    return await _made(client, request, asyncio.ensure_future(_submit(client, request, content)))


@hookimpl
async def resume(request: ImageRequest, handle: Any) -> ImageResult:
    """Waits for a job that another process has submitted."""
    client = Client(request)
    submitted: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
    submitted.set_result(Job.remembered(handle, client.base_url))
    return await _made(client, request, submitted)


async def _made(client: Client, request: ImageRequest, submitting: asyncio.Future[Job]) -> ImageResult:
    try:
        job = await asyncio.shield(submitting)
        answer = await settled(client, job, request)
    except (asyncio.CancelledError, Exception) as error:
        if request.handed_over:  # another process goes on with the job
            raise
        ending = asyncio.ensure_future(_end(client, submitting, request.prompt))
        await asyncio.wait({ending})  # goes on if the host stops waiting
        is_confirmed, answer = ending.result()
        if answer is None:
            if is_confirmed and isinstance(error, asyncio.CancelledError):
                raise CancelConfirmed from error
            if isinstance(error, ProviderError):
                error.was_cancelled = is_confirmed
            raise
        job = submitting.result()
    return _result(job, answer, request)


async def _submit(client: Client, request: ImageRequest, content: bytes) -> Job:
    endpoint = endpoint_for(request)
    headers = {
        "Content-Type": "application/json",
        # when fal no longer begins with it, in case its answer, or this process, is lost
        "X-Fal-Request-Timeout": str(max(2, math.ceil(request.timeout))),
    }
    url = f"{client.base_url}/{endpoint}"
    answer = await client.ask("POST", url, request.timeout, content=content, headers=headers)
    job = Job.accepted(answer, client.base_url, endpoint, request.prompt)
    await request.remember(job.handle)
    return job


async def _end(client: Client, submitting: asyncio.Future[Job], prompt: str) -> tuple[bool, Answer | None]:
    """Cancels the job if there is one; returns what `ended` does."""
    try:
        job = await submitting
    except Exception:
        return False, None
    return await ended(client, job, prompt)


def _result(job: Job, answer: Answer, request: ImageRequest) -> ImageResult:
    """Returns the picture in fal's last answer, with what it says about it."""
    pictures = find_pictures(answer.said, job.response) if answer.is_success else []
    if answer.is_success and (refusal := refusal_in(answer.said)):
        raise refusal
    if not pictures:
        raise job.failure(answer, request.prompt)
    is_left_out = "prompt" in options_of(request)
    warnings = [ImageWarning("input", "Its own prompt was left out.")] if is_left_out else []
    if len(pictures) > 1:
        warnings.append(ImageWarning("output", f"The first of {len(pictures)} pictures was kept.", "other"))
    seed, words, revised = map(answer.get, ("seed", "description", "prompt"))
    return ImageResult(
        pictures[0],
        text=words if isinstance(words, str) and words else None,
        revised_prompt=revised if isinstance(revised, str) and revised not in ("", request.prompt) else None,
        seed=seed if type(seed) is int and seed >= 0 else None,
        request_id=job.id,
        usage=_usage(job, answer),
        warnings=warnings,
    )


def _usage(job: Job, answer: Answer) -> dict[str, Any]:
    """Returns the seconds that it took, and the units that are billed, where fal says so."""
    metrics, usage = job.last.get("metrics"), dict[str, Any]()
    if isinstance(metrics, dict):
        usage |= metrics
    with suppress(KeyError, ValueError):
        usage["billable_units"] = float(answer.headers["x-fal-billable-units"])
    return usage
