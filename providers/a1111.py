"""AUTOMATIC1111's web UI, and the servers that speak its API (Forge, SD.Next), on a machine of one's own.

Such a server makes one picture at a time for everybody, can take none out of its queue, and its interrupt
ends whatever it works on. So the requests of this process take turns, and one that is stopped before its turn
is never sent. An interrupt is sent only while the server says that it works on this very request: each has a
name of its own (`force_task_id`), and ``/internal/progress`` says whether the one of that name is active.
SD.Next knows no such names: it is not interrupted, and shows no preview, which could be somebody else's.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
from contextlib import suppress
from functools import partial
from io import BytesIO
from typing import Any

from pydantic import Field

from limner import (
    ACCEPTED,
    KEEPALIVE,
    Credential,
    ImageInputs,
    ImageRequest,
    ImageResult,
    LimnerError,
    ModelInfo,
    NoSettings,
    Options,
    ProviderError,
    ProviderInfo,
    SizeRange,
    failure_from_response,
    failure_without_answer,
    find_pictures,
    hookimpl,
    parse_reply,
    read_bounded,
    read_reply,
    shared,
    shared_async,
)

LOADED = "loaded"
"""The id that stands for the checkpoint that the server has loaded."""
POLL, WAIT = 1.0, 2.0
"""Seconds between two looks at the progress, and for the answer: two of these fit into a clean-up."""


class A1111Options(Options):
    """What every checkpoint takes; the names are those of the API."""

    steps: int = Field(default=20, ge=1, le=150)
    cfg_scale: float = Field(default=7, ge=1, le=30)
    """How closely the picture follows the prompt."""
    sampler_name: str = Field(default="", max_length=100)
    """Such as `DPM++ 2M`; if empty, the server's own."""
    denoising_strength: float = Field(default=0.75, ge=0, le=1)
    """How much a picture that is edited may change."""


_TAKES: Any = {"sizes": SizeRange(step=8), "seed": True, "negative_prompt": True}
_TAKES["images"] = ImageInputs(mask=True)


@hookimpl
def describe() -> ProviderInfo:
    """Returns the loaded checkpoint, and any other by its name."""
    return ProviderInfo(
        label="A1111",
        about="Made by AUTOMATIC1111's web UI, Forge or SD.Next on a private server.",
        models=(ModelInfo(id=LOADED, label="Loaded checkpoint", **_TAKES),),
        other_models=ModelInfo(id="checkpoint", **_TAKES),
        options=A1111Options,
        settings=NoSettings,
        credential=Credential(variable="A1111_API_AUTH", optional=True),
        base_url_variable="A1111_BASE_URL",
        needs_base_url=True,
        imports=("httpx2",),
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    """Sends one request, once it is this process's turn at the server, and never again."""
    key, base_url = request.key_for_header(), request.base_url or ""
    client = await shared_async(("a1111", base_url, key), partial(_connect, base_url, key))
    turn: asyncio.Lock = shared(("a1111", "turn", base_url), asyncio.Lock)
    if turn.locked():
        request.report("waiting: the server makes one picture at a time")
    async with turn:
        request.report("waiting for the server")
        body = await _body(client, request)
        return _result(await _make(client, request, body), request)


def _connect(base_url: str, key: str) -> Any:
    import httpx2

    headers = dict(ACCEPTED)
    if key:  # the user:password of --api-auth
        headers["authorization"] = f"Basic {base64.b64encode(key.encode()).decode()}"
    limits = httpx2.Limits(keepalive_expiry=KEEPALIVE)
    hooks: Any = {"response": [read_bounded]}
    return httpx2.AsyncClient(base_url=base_url, headers=headers, limits=limits, event_hooks=hooks)


async def _body(client: Any, request: ImageRequest) -> dict[str, Any]:
    assert isinstance(request.options, A1111Options)
    options = request.options.model_dump()
    strength, sampler = options.pop("denoising_strength"), options.pop("sampler_name")
    body: dict[str, Any] = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt or "",
        "seed": request.seed,
        "force_task_id": f"task(limner-{secrets.token_hex(8)})",
        **options,
        **(request.size._asdict() if request.size else {}),
    }
    if sampler:
        body["sampler_name"] = sampler
    if request.model != LOADED:
        body["override_settings"] = {"sd_model_checkpoint": await _checkpoint(client, request.model)}
    if request.images:
        body["init_images"] = [image.base64 for image in request.images]
        body |= {"denoising_strength": strength, "resize_mode": 1}  # cropped, where 0 would distort it
    if request.mask:
        mask = await asyncio.to_thread(_without_alpha, request.mask.data)
        # white is what may change; it begins as it is in the picture, which is drawn as a whole
        body |= {"mask": mask, "inpainting_mask_invert": 0, "inpainting_fill": 1, "inpaint_full_res": False}
    return body


def _without_alpha(mask: bytes) -> str:
    """Returns a mask as base64, white where the picture may change: of alpha, opaque would be that."""
    from PIL import Image

    file = BytesIO()
    Image.open(BytesIO(mask)).convert("L").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


async def _checkpoint(client: Any, model: str) -> str:
    """Returns a checkpoint's title; for one that it lacks, the server would use another in silence."""
    listed = await _ask(client, "GET", "/sdapi/v1/sd-models", 10.0, did_not_run=True)
    known = [_object(one) for one in listed] if isinstance(listed, list) else []
    known = [one for one in known if isinstance(one.get("title"), str)]
    for one in known:
        title, file = one["title"], str(one.get("filename") or "")
        names = {title, re.sub(r" \[\w+\]$", "", title), re.split(r"[/\\]", file)[-1]}
        if model in (*names, one.get("model_name"), one.get("hash")):
            return title
    others = ", ".join(str(one.get("model_name")) for one in known[:10]) or "none"
    why = f"The server has no checkpoint {model!r}; it has {others}."
    raise ProviderError("invalid-request", why=why, status=404, did_not_run=True)


async def _make(client: Any, request: ImageRequest, body: dict[str, Any]) -> Any:
    """Returns the server's reply; if the request ends without one, ends it at the server too."""
    path, task = f"/sdapi/v1/{'img2img' if request.images else 'txt2img'}", body["force_task_id"]
    content = await asyncio.to_thread(lambda: json.dumps(body).encode())  # pictures are megabytes
    sent = {"content": content, "headers": {"content-type": "application/json"}, "prompt": request.prompt}
    watching = asyncio.ensure_future(_watch(client, task, request))
    try:
        return await _ask(client, "POST", path, request.timeout, **sent)
    except (asyncio.CancelledError, ProviderError) as error:
        if not isinstance(error, ProviderError) or (error.status is None and not error.did_not_run):
            await _interrupt(client, task)
        raise
    finally:
        watching.cancel()


async def _interrupt(client: Any, task: str) -> None:
    """Ends a request at the server, if it is the one that the server works on."""
    with suppress(LimnerError):
        if (await _look(client, task)).get("active") is True:
            await _ask(client, "POST", "/sdapi/v1/interrupt", WAIT)


async def _watch(client: Any, task: str, request: ImageRequest) -> None:
    """Reports the progress until it is cancelled; a look that fails is only one look fewer."""
    seen = -1
    while True:
        await asyncio.sleep(POLL)
        with suppress(LimnerError, ValueError):
            said = await _look(client, task, seen)
            request.report(*_progress(said))
            if said.get("active") is True and isinstance(said.get("live_preview"), str):
                seen = _whole(said.get("id_live_preview"), -1)
                request.preview(base64.b64decode(said["live_preview"].rpartition(",")[2]))


async def _look(client: Any, task: str, seen: int | None = None) -> dict[str, Any]:
    """Returns what the server says of a request, with a preview unless it is the one that was seen."""
    asked = {"id_task": task, "id_live_preview": seen or -1, "live_preview": seen is not None}
    try:
        said = await _ask(client, "POST", "/internal/progress", WAIT, json=asked)
    except ProviderError as error:
        if error.status != 404:
            raise
        # a server without its page (--nowebui) says only how far it is, and not with whose picture
        quietly = {"skip_current_image": "true"}
        said = await _ask(client, "GET", "/sdapi/v1/progress", WAIT, params=quietly)
        state = _object(_object(said).get("state"))
        said = {"job": state.get("job"), "step": state.get("sampling_step")}
        said["steps"] = state.get("sampling_steps")
    return _object(said)


def _progress(said: dict[str, Any]) -> tuple[str, float | None]:
    """Returns the progress in words, and as a share if it is this request's own."""
    share, step, steps = said.get("progress"), _whole(said.get("step")), _whole(said.get("steps"))
    if said.get("active") is True:
        return ("drawing", float(share)) if isinstance(share, int | float) and share else ("starting", None)
    if said.get("queued") is True:
        place = re.search(r"(\d{1,6})/(\d{1,6})", str(said.get("textinfo")))
        return f"waiting in the server's queue{f', {place[1]} of {place[2]}' if place else ''}", None
    if said.get("job") and 0 < step <= steps:
        return f"the server is at step {step} of {steps}", None
    return "waiting for the server", None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(value: Any, other: int = 0) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else other


async def _ask(client: Any, method: str, path: str, timeout: float, **more: Any) -> Any:
    """Sends one request, and returns the JSON or the text of its answer; raises what a failure says."""
    import httpx2

    did_not_run, prompt = more.pop("did_not_run", None), more.pop("prompt", None)
    limits = httpx2.Timeout(timeout, connect=min(10, timeout))
    try:
        answer = await client.request(method, path, timeout=limits, **more)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise failure_without_answer(error, why=_NOT_THERE, did_not_run=did_not_run) from error
    reply = await parse_reply(answer.content)
    if not answer.is_success:
        raise _failure(answer.status_code, reply, answer.headers, did_not_run, prompt)
    return reply


_NOT_THERE = "No server answers at its address: start it with --api, or correct the address in the settings."
_API_IS_OFF = "Its API is off: start the server with the option --api."
_NO_MEMORY = "Its graphics card ran out of memory: choose a smaller size, or free memory there."


def _failure(
    status: int, reply: Any, headers: Any, did_not_run: bool | None, prompt: str | None
) -> LimnerError:
    """Returns the failure that an answer stands for; its words are in `detail`, or those of an exception in
    `errors`, beside the name of its class."""
    said = _object(reply)
    texts = (said.get(name) for name in ("detail", "errors", "error"))
    words = next((text for text in texts if isinstance(text, str) and text), None)
    if status == 404 and words == "Not Found":
        return ProviderError("unavailable", why=_API_IS_OFF, status=404, did_not_run=True)
    if re.search("out ?of ?memory", f"{words} {said.get('error')}", re.IGNORECASE):
        return ProviderError("provider", words, why=_NO_MEMORY, status=status)
    meant = 422 if status == 404 and words else status  # it is not the model that it does not know
    told = {"message": words} if words else reply
    return failure_from_response(meant, told, headers, prompt=prompt, did_not_run=did_not_run)


def _result(reply: Any, request: ImageRequest) -> ImageResult:
    """Returns the picture in a reply, with what the server says of it in JSON within the JSON."""
    pictures = find_pictures(reply)
    if not pictures and _object(reply).get("images") == []:
        why = "It made no picture, and gave no reason: its own log has one."
        raise ProviderError("provider", why=why, status=200)
    if not pictures:
        raise failure_from_response(200, reply, prompt=request.prompt)
    said = _object(reply).get("info")
    info = _object(read_reply(said)) if isinstance(said, str) else {}
    model, beside = info.get("sd_model_name"), ("sampler_name", "sd_model_hash", "version")
    seed = info.get("seed")
    return ImageResult(
        pictures[0],
        seed=seed if _whole(seed, -1) >= 0 else request.seed,
        model=model if isinstance(model, str) else None,
        metadata={name: info[name] for name in beside if isinstance(info.get(name), str)},
    )
