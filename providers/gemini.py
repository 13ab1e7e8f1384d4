"""Gemini's image models: pictures from words and from other pictures, by Google's API.

The SDK makes the request. By itself it would also write the pictures into it as base64 in one go, which holds
up the event loop, and send another request for an answer that is unfinished. So the pictures enter the body
while it is sent, and the answer is read here as it came.
"""

from __future__ import annotations

import base64
import logging
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest
from typing import Any

from limner import (
    ACCEPTED,
    KEEPALIVE,
    ContentFiltered,
    Credential,
    ImageInputs,
    ImageRequest,
    ImageResult,
    ImageWarning,
    InputImage,
    LimnerError,
    ModelInfo,
    NoSettings,
    ProviderError,
    ProviderInfo,
    Size,
    failure_from_response,
    failure_without_answer,
    hookimpl,
    parse_reply,
    read_bounded,
    refusal_in,
    shared_async,
)

HOME = "https://generativelanguage.googleapis.com"
DEFAULT_SIZE = Size(1024, 1024)
MOST_SIGNED = 3_500_000  # characters of the signatures in a continuation, of which the host keeps 4 MB

# From the tables in Google's guide to image generation: the pixels of 1K, which 2K and 4K multiply.
_USUAL = {
    **{"1:1": (1024, 1024), "16:9": (1376, 768), "9:16": (768, 1376), "3:2": (1264, 848), "2:3": (848, 1264)},
    **{"4:3": (1200, 896), "3:4": (896, 1200), "5:4": (1152, 928), "4:5": (928, 1152), "21:9": (1584, 672)},
}
_LONG = {"4:1": (2048, 512), "1:4": (512, 2048), "8:1": (3072, 384), "1:8": (384, 3072)}


def _frames(ratios: dict[str, tuple[int, int]], *tiers: int) -> dict[Size, tuple[str, int]]:
    """Returns the sizes of a model, each with its ratio and its tier."""
    return {Size(w * n, h * n): (ratio, n) for n in tiers for ratio, (w, h) in ratios.items()}


_FRAMES = _frames(_USUAL | _LONG, 1, 2, 4)
_ALL, _PRO, _LITE = tuple(_FRAMES), tuple(_frames(_USUAL, 1, 2, 4)), tuple(_frames(_USUAL, 1))
_IMAGES = ImageInputs(most=14, most_bytes=7_000_000)
_MODELS = (
    ModelInfo(id="gemini-nano-banana-2.1", label="Nano Banana 2.1", sizes=_ALL, images=_IMAGES),
    ModelInfo(id="gemini-3-pro-image", label="Nano Banana Pro", sizes=_PRO, images=_IMAGES),
    ModelInfo(id="gemini-3.1-flash-lite-image", label="Nano Banana 2 Lite", sizes=_LITE, images=_IMAGES),
)


@hookimpl
def describe() -> ProviderInfo:
    """Returns Google's models of today; any other is taken to make the usual ratios."""
    return ProviderInfo(
        label="Gemini",
        about="Made by Google's Gemini image models, which also say what they did.",
        models=_MODELS,
        other_models=ModelInfo(id="any", sizes=_LITE, images=_IMAGES),
        credential=Credential(variable="GEMINI_API_KEY", url="https://aistudio.google.com/apikey"),
        paid=True,
        base_url_variable="GOOGLE_GEMINI_BASE_URL",
        settings=NoSettings,
        imports=("google.genai", "httpx2"),
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    """Sends one request, and a second one only if the service refuses to go on from what it signed."""
    if not re.fullmatch(r"((models|tunedModels)/)?[\w-][\w.-]*", request.model, re.ASCII):
        why = f"A model is named as in Google's list, such as {_MODELS[0].id}."
        raise ProviderError("invalid-request", why=why, did_not_run=True)
    key, base_url = request.key_for_header(), request.base_url or HOME
    client = await shared_async(("gemini", base_url, key), partial(_connect, base_url, key))
    request.report("waiting for the service")
    try:
        reply = await _ask(client, request)
    except ProviderError as error:  # a signature is for one key alone, and may expire
        is_refused = error.did_not_run and "signature" in str(error).lower()
        if request.continuation is None or not is_refused:
            raise
        reply = await _ask(client, replace(request, continuation=None))
    return _result(await parse_reply(reply.content), request)


def _contents(request: ImageRequest, stand_in: bytes) -> list[dict[str, Any]]:
    """Returns the conversation: the pictures and the prompt, after the turns that they go on from."""
    pictures = [{"inline_data": {"data": stand_in, "mime_type": one.media_type}} for one in request.images]
    earlier = _earlier(request.continuation, pictures[0]) if pictures else []
    parts = [*(pictures[1:] if earlier else pictures), {"text": request.prompt}]
    return [*earlier, {"role": "user", "parts": parts}]


def _earlier(continuation: Any, picture: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns what was asked for the picture, and the model's turn with it; empty if nobody knows."""
    with suppress(KeyError, TypeError, ValueError):
        turn = [part | ({} if "text" in part else picture) for part in continuation["parts"]]
        for part in turn:  # bytes, which the SDK encodes again
            part["thoughtSignature"] = base64.urlsafe_b64decode(part.get("thoughtSignature", "")) or None
        if sum("inline_data" in part for part in turn) == 1:
            asked = {"role": "user", "parts": [{"text": str(continuation["prompt"])}]}
            return [asked, {"role": "model", "parts": turn}]
    return []


def _config(request: ImageRequest) -> dict[str, Any]:
    ratio, tier = _FRAMES.get(request.size or DEFAULT_SIZE, ("1:1", 1))
    frame = {"aspect_ratio": ratio} | ({"image_size": f"{tier}K"} if tier > 1 else {})
    # the default, which nobody may have asked for, would make a square of any picture that is edited
    follows = request.images and request.size in (None, DEFAULT_SIZE)
    return {
        "response_modalities": ["TEXT", "IMAGE"],
        "image_config": None if follows else frame,
        "http_options": {"timeout": max(1, int(request.timeout * 1000))},
        "should_return_http_response": True,
        "automatic_continuation": False,
        "automatic_function_calling": {"disable": True},
    }


@dataclass
class _Exchange:
    """One request and its answer, for the hooks of the client that all requests share."""

    images: tuple[InputImage, ...]
    stand_in: bytes = field(default_factory=partial(secrets.token_bytes, 24))
    response: Any = None


_exchange: ContextVar[_Exchange] = ContextVar("gemini_exchange")
_STEP = 3 * 2**16  # bytes of a picture that are encoded at once; a multiple of 3 can be joined as base64


async def _ask(client: Any, request: ImageRequest) -> Any:
    """Sends one request and returns the answer; raises what any other than one with status 200 stands for."""
    exchange = _Exchange(request.images)
    token = _exchange.set(exchange)
    asked = {"model": request.model, "config": _config(request)}
    try:
        await client.aio.models.generate_content(contents=_contents(request, exchange.stand_in), **asked)
    except LimnerError:
        raise
    except Exception as error:
        if exchange.response is None:
            raise failure_without_answer(error) from error
    finally:
        _exchange.reset(token)
    status, reply = exchange.response.status_code, exchange.response
    if status != 200:
        raise failure_from_response(status, reply.content, reply.headers, prompt=request.prompt)
    return reply


def _connect(base_url: str, key: str) -> Any:
    """Builds a client, in a thread: importing the SDK and reading certificates take a second."""
    import httpx2
    from google import genai
    from google.genai import types

    async def write_pictures(sent: httpx2.Request) -> None:
        """Puts the pictures in the places of their stand-ins, in steps that do not hold up the loop."""
        sent.extensions["timeout"]["connect"] = min(10, sent.extensions["timeout"]["connect"])
        if not sent.headers["x-goog-api-key"]:
            del sent.headers["x-goog-api-key"]
        exchange = _exchange.get()
        pieces = sent.content.split(base64.urlsafe_b64encode(exchange.stand_in))
        encoded = sum((len(image.data) + 2) // 3 * 4 for image in exchange.images)

        async def body() -> AsyncIterator[bytes]:
            for piece, image in zip_longest(pieces, exchange.images):
                yield piece
                for start in range(0, len(image.data) if image else 0, _STEP):
                    yield base64.b64encode(image.data[start : start + _STEP])

        sent.headers["content-length"] = str(sum(map(len, pieces)) + encoded)
        sent.stream = httpx2.Request(sent.method, sent.url, content=body()).stream

    async def keep(response: httpx2.Response) -> None:
        await read_bounded(response)
        _exchange.get().response = response

    # it says that it takes a key from the environment, which it does not
    logging.getLogger("google_genai._api_client").setLevel(logging.ERROR)
    http = httpx2.AsyncClient(
        headers=ACCEPTED,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=KEEPALIVE),
        event_hooks={"request": [write_pictures], "response": [keep]},
        follow_redirects=False,  # no other host gets the key
    )
    options: dict[str, Any] = {
        "base_url": base_url,
        "api_version": "" if re.search(r"/v\d\w*/?$", base_url) else "v1beta",
        "headers": {"x-goog-api-key": key},  # also if it is empty, or the SDK would send another
        "httpx_async_client": http,
        "retry_options": {"attempts": 1},
    }
    client: Any = genai.Client(vertexai=False, api_key="none", http_options=types.HttpOptions(**options))
    types.GenerateContentConfig.model_rebuild()  # which the first request would do
    client.aclose = http.aclose
    return client


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _picture(part: dict[str, Any]) -> str | None:
    """Returns the picture in a part, as base64."""
    return _text(_object(part.get("inlineData")).get("data"))


_REFUSALS = ("MODEL_ARMOR", "ESCALATION")  # besides those that `refusal_in` knows


def _result(read: Any, request: ImageRequest) -> ImageResult:
    """Returns the picture in an answer, with the words and the facts that came with it."""
    said = _object(read)
    feedback = _object(said.get("promptFeedback"))
    candidate = next(iter(_objects(said.get("candidates"))), {})
    reason = _text(candidate.get("finishReason")) or _text(feedback.get("blockReason"))
    message = _text(candidate.get("finishMessage")) or _text(feedback.get("blockReasonMessage"))
    if reason in _REFUSALS or refusal_in(read):
        raise ContentFiltered(f"{message} ({reason})" if message and reason else message or reason)
    parts = _objects(_object(candidate.get("content")).get("parts"))
    parts = [part for part in parts if not part.get("thought")]
    pictures = [picture for part in parts if (picture := _picture(part))]
    words = "".join(_text(part.get("text")) or "" for part in parts).strip() or None
    if not pictures:
        raise _without_picture(read, words or message or reason, request.prompt)
    kept = ImageWarning("output", f"The first of {len(pictures)} pictures was kept.", "other")
    return ImageResult(
        pictures[0],
        text=words,
        continuation=_continuation(request.prompt, parts),
        model=_text(said.get("modelVersion")),
        request_id=_text(said.get("responseId")),
        usage=_object(said.get("usageMetadata")),
        warnings=[kept] if len(pictures) > 1 else [],
    )


def _without_picture(read: Any, words: str | None, prompt: str) -> LimnerError:
    """Returns what an answer without a picture stands for: mostly the model says why in its own words."""
    meant = failure_from_response(200, {"error": words} if words else read, prompt=prompt)
    if isinstance(meant, ContentFiltered) or not words:
        return meant
    why = "The model made no picture: ask for one more plainly."
    return ProviderError("provider", words, why=why, status=200)


def _continuation(prompt: str, parts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Returns the model's turn without its picture, which comes back by itself; None if nothing is signed."""
    turn: list[dict[str, str]] = []
    pictures = 0
    for part in parts:
        pictures += (is_picture := bool(_picture(part)))
        if _text(part.get("text")) or (is_picture and pictures == 1):
            turn.append({name: part[name] for name in ("text", "thoughtSignature") if _text(part.get(name))})
    signed = sum(len(part.get("thoughtSignature", "")) for part in turn)
    return {"prompt": prompt, "parts": turn} if 0 < signed <= MOST_SIGNED else None
