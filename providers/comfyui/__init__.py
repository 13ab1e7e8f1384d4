"""ComfyUI on a machine of one's own: runs a workflow, the built-in one or that of the settings.

A job is sent once, under an id of its own, and looked at until it has ended. Whatever ends the wait (Stop,
the deadline) takes it out of ComfyUI's queue, or interrupts it if it is the one that runs.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from contextlib import suppress
from typing import Any, cast
from urllib.parse import urlencode

from limner import (
    ImageInputs,
    ImageRequest,
    ImageResult,
    ImageWarning,
    LimnerError,
    ModelInfo,
    ProviderError,
    ProviderInfo,
    failure_from_response,
    hookimpl,
    ordinal,
)
from providers.comfyui.server import ask, client_for, ran_badly, upload
from providers.comfyui.workflow import BUILT_IN, SIZES, WORKFLOW, Settings

FIRST_POLL, MAX_POLL, MAX_MISSES = 0.3, 2.0, 8
"""Seconds between two looks at a job, at first and at most; the number that may fail in a row."""
ANSWER, CLEANING = 10.0, 1.5
"""Seconds for an answer; and for each of the three while a cancelled request cleans up."""


@hookimpl
def describe() -> ProviderInfo:
    """Returns what the built-in workflow takes, with any checkpoint; another is in the settings."""
    takes: Any = {"sizes": SIZES, "seed": True, "negative_prompt": True, "images": ImageInputs(mask=True)}
    return ProviderInfo(
        label="ComfyUI",
        about="Made by a ComfyUI workflow on a private server.",
        models=(ModelInfo(id=BUILT_IN, label="First checkpoint", **takes),),
        other_models=ModelInfo(id="checkpoint", **takes),
        settings=Settings,
        base_url_variable="COMFYUI_BASE_URL",
        needs_base_url=True,
        imports=("httpx2",),
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    """Runs the workflow once, and never a second time."""
    settings = Settings.model_validate(dict(request.settings))
    client = await client_for(request.base_url or "")
    values = await _values(client, request, settings)
    job = str(uuid.uuid4())  # an older ComfyUI gives another
    request.report("waiting for ComfyUI")
    submitting = asyncio.ensure_future(_submit(client, job, settings.filled(values), request))
    try:
        job = await asyncio.shield(submitting)
        outputs = await _settled(client, job, request)
    except (asyncio.CancelledError, Exception):
        ending = asyncio.ensure_future(_end(client, job, submitting))  # goes on if the host stops waiting
        await asyncio.wait({ending})
        raise
    return _result(outputs, job, values, request)


async def _values(client: Any, request: ImageRequest, settings: Settings) -> dict[str, Any]:
    """Returns what goes into each place; what has none in the workflow is not offered."""
    places = settings.places
    if places and request.model != WORKFLOW and not places.checkpoint:
        why = "The workflow has no place for a checkpoint: name one in the settings, or no model."
        raise ProviderError("invalid-request", why=why, did_not_run=True)
    if places and places.mask and request.mask is None:
        why = "This workflow needs a mask: mark where the picture may change."
        raise ProviderError("invalid-request", why=why, did_not_run=True)
    values: dict[str, Any] = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "seed": request.seed,
        "checkpoint": None if places and request.model == WORKFLOW else request.model,
        **(request.size._asdict() if request.size else {}),
    }
    if values["checkpoint"] == BUILT_IN:
        values["checkpoint"] = await _first_checkpoint(client)
    if request.images:
        request.report("sending the pictures")
        values["images"] = [await upload(client, image) for image in request.images]
    if request.mask:
        values["mask"] = await upload(client, request.mask)
    return {name: value for name, value in values.items() if value is not None}


async def _first_checkpoint(client: Any) -> str:
    """Returns the first of the checkpoints that the node for them takes, in either form of a list."""
    node = "CheckpointLoaderSimple"
    said = await ask(client, "GET", f"/object_info/{node}", ANSWER, did_not_run=True)
    try:
        kind, *more = said[node]["input"]["required"]["ckpt_name"]
        names = kind if isinstance(kind, list) else more[0]["options"]
        return next(name for name in names if isinstance(name, str))
    except StopIteration:
        why = "ComfyUI has no checkpoint: put one into its folder models/checkpoints."
        raise ProviderError("invalid-request", why=why, did_not_run=True) from None
    except (TypeError, LookupError, ValueError):
        raise failure_from_response(200, said, did_not_run=True) from None


async def _submit(client: Any, job: str, workflow: dict[str, Any], request: ImageRequest) -> str:
    """Sends the job, and returns its id."""
    sent = {"prompt": workflow, "prompt_id": job, "client_id": uuid.uuid4().hex}
    said = await ask(client, "POST", "/prompt", request.timeout, json=sent, prompt=request.prompt)
    id = said.get("prompt_id") if isinstance(said, dict) else None
    if not isinstance(id, str) or not re.fullmatch(r"[\w-]{1,100}", id, re.ASCII):
        raise failure_from_response(200, said, prompt=request.prompt)
    return id


async def _settled(client: Any, job: str, request: ImageRequest) -> dict[str, Any]:
    """Looks at a job until it has ended, and returns its outputs; raises what went wrong in it."""
    pause, misses, gone = FIRST_POLL, 0, 0
    while True:
        try:
            said = await ask(client, "GET", f"/history/{job}", ANSWER, did_not_run=False)
            if not isinstance(said, dict):
                raise failure_from_response(200, said, did_not_run=False)
            if isinstance(entry := said.get(job), dict):
                return _outputs(entry)
            words = _place(await ask(client, "GET", "/queue", ANSWER, did_not_run=False), job)
            misses, gone = 0, 0 if words else gone + 1
            if gone > 2:  # once may be between the two looks
                why = "The job is not in ComfyUI any more: it was deleted there, or ComfyUI was restarted."
                raise ProviderError("provider", why=why, status=200, was_cancelled=True)
            request.report(words or "waiting for ComfyUI")
        except ProviderError as error:
            misses += 1
            if error.category not in ("unavailable", "timeout", "rate-limit") or misses > MAX_MISSES:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 1.4, MAX_POLL)


def _outputs(entry: dict[str, Any]) -> dict[str, Any]:
    """Returns the outputs of a job that has ended well."""
    status = entry.get("status")
    messages = status.get("messages") if isinstance(status, dict) else None
    for message in messages if isinstance(messages, list) else ():
        is_event = isinstance(message, list) and len(message) == 2 and isinstance(message[1], dict)
        if is_event and (failed := ran_badly(str(message[0]), message[1])):
            raise failed
    outputs = entry.get("outputs")
    return outputs if isinstance(outputs, dict) else {}


def _queued(said: Any, name: str) -> list[tuple[Any, Any]]:
    """Returns the number and the id of each job in a part of the queue."""
    items = said.get(name) if isinstance(said, dict) else None
    items = [item for item in items if isinstance(item, list)] if isinstance(items, list) else []
    return [(item[0], item[1]) for item in items if len(item) > 1 and isinstance(item[0], int | float)]


def _place(said: Any, job: str) -> str | None:
    """Returns in words where a job is, which is queued by its number; None if it is not there."""
    if any(id == job for _, id in _queued(said, "queue_running")):
        return "drawing"
    ids = [id for _, id in sorted(_queued(said, "queue_pending"), key=lambda item: item[0])]
    return f"waiting in ComfyUI's queue, {ordinal(ids.index(job) + 1)}" if job in ids else None


async def _end(client: Any, job: str, submitting: asyncio.Future[str]) -> None:
    """Takes a job out of the queue, or interrupts it if it runs."""
    try:
        job = await submitting
    except Exception as error:
        if getattr(error, "did_not_run", True):
            return
    with suppress(LimnerError):
        await ask(client, "POST", "/queue", CLEANING, json={"delete": [job]})
        running = _queued(await ask(client, "GET", "/queue", CLEANING), "queue_running")
        if any(id == job for _, id in running):  # an older ComfyUI would interrupt whatever runs
            await ask(client, "POST", "/interrupt", CLEANING, json={"prompt_id": job})


def _result(outputs: dict[str, Any], job: str, values: dict[str, Any], request: ImageRequest) -> ImageResult:
    """Returns the address of the picture, which the host fetches; one that is kept goes before a preview."""
    lists = [output.get("images") for output in outputs.values() if isinstance(output, dict)]
    found = [cast("dict[str, Any]", one) for some in lists if isinstance(some, list) for one in some]
    found = [one for one in found if isinstance(one, dict) and one.get("filename")]
    found.sort(key=lambda one: one.get("type") != "output")
    if not found:
        why = "The workflow ended without a picture: it needs a node that saves or previews one."
        raise ProviderError("provider", why=why, status=200)
    named = {name: str(found[0].get(name) or "") for name in ("filename", "subfolder", "type")}
    kept = ImageWarning("output", f"The first of {len(found)} pictures was kept.", "other")
    return ImageResult(
        f"{(request.base_url or '').rstrip('/')}/view?{urlencode(named)}",
        seed=request.seed,
        model=values.get("checkpoint"),
        request_id=job,
        warnings=[kept] if len(found) > 1 else [],
    )
