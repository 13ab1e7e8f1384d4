"""`POST /api/chat`: the AI SDK's UI message stream, for chats that are made with its `useChat`.

The prompt is the text of the last message of the user, and the files in it are the pictures to work from.
The picture comes as a `file` part. It takes the same road as that of `/api/image`, and is stopped if its
client goes away.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from core import Rejected
from core.asking import Asked, SentPicture, ask, with_pictures
from core.chat.message import Version
from core.chat.request import UserRequest
from core.parts import image_part, metadata
from core.studio import Studio
from ui.http.bodies import Bodies
from ui.http.own_keys import take_keys
from ui.http.requests import parse_object, sentence_alone
from ui.http.streams import KEEP_ALIVE
from ui.http.visitors import Visitors

HEADERS = {"X-Vercel-AI-UI-Message-Stream": "v1", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_OPTIONS = {"provider", "model", "size", "seed", "negativePrompt", "options"}
"""What a chat may send beside its messages; whatever else its client sends is not for us."""
_FORM = (
    'Send the messages as the AI SDK does, such as {"messages": [{"role": "user", "parts": [{"type": "text", '
    '"text": "a fox"}]}]}, where a file is a picture as a data: URI or an https link.'
)


def chat_route(studio: Studio, bodies: Bodies, visitors: Visitors) -> Route:
    """Returns the route; a refusal is one sentence as plain text, which `useChat` gives as its error."""
    most = with_pictures(studio.settings.max_bytes)

    async def chat(request: Request) -> Response:
        try:
            sender = await visitors.of(request)
            async with bodies.read(request, sender.name, most) as parts:
                values = await bodies.parse(request, parts, parse_object)
                sender = replace(sender, keys=take_keys(values))
                wanted, images = _read(values)
                asked = await ask(studio, wanted, images=images, visitor=sender)
        except Rejected as error:
            return sentence_alone(str(error), error.status, error.retry_after)
        return StreamingResponse(_chunks(studio, asked), 200, HEADERS, "text/event-stream")

    return Route("/api/chat", chat, methods=["POST"])


def _read(values: dict[str, Any]) -> tuple[UserRequest, list[SentPicture]]:
    """Reads the last message of the user, and what is wanted beside it."""
    said = [_object(message) for message in _list(values.get("messages"))]
    asking = [message for message in said if message.get("role") == "user"]
    if not asking:
        raise Rejected(_FORM)
    parts = [_object(part) for part in _list(asking[-1].get("parts"))]
    texts = [part.get("text") for part in parts if part.get("type") == "text"]
    words = [text for text in texts if isinstance(text, str)]
    wanted: dict[str, Any] = {name: value for name, value in values.items() if name in _OPTIONS}
    wanted["prompt"] = "\n".join(words) if words == texts else None
    if "negativePrompt" in wanted:
        wanted["negative_prompt"] = wanted.pop("negativePrompt")
    return UserRequest(**wanted), [_picture(part) for part in parts if part.get("type") == "file"]


def _picture(part: dict[str, object]) -> SentPicture:
    picture = SentPicture.of(part.get("url"), part.get("filename"))
    if picture is None:
        raise Rejected(_FORM)
    return picture


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise Rejected(_FORM)
    return cast("list[object]", value)


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Rejected(_FORM)
    return cast("dict[str, object]", value)


async def _chunks(studio: Studio, asked: Asked) -> AsyncGenerator[str]:
    """Yields the answer as events, and stops the picture if nobody takes them any more."""
    message, ids = asked.message, {"thread": asked.conversation.id, "message": asked.message.id}
    settling = asyncio.ensure_future(asked.settled())
    try:
        yield _event(type="start", messageId=message.id, messageMetadata=ids)
        while not (await asyncio.wait([settling], timeout=KEEP_ALIVE))[0]:
            yield ": alive\n\n"
        (version,) = settling.result()
        for chunk in await _answer(studio, version):
            yield _event(**chunk)
        yield "data: [DONE]\n\n"
    finally:
        settling.cancel()
        if message.running:
            studio.stop(message)


async def _answer(studio: Studio, version: Version) -> list[dict[str, Any]]:
    part = await image_part(version, studio.store, studio.settings)
    if version.picture is None or part is None:
        if version.failure is None:
            return [{"type": "abort"}]
        return [{"type": "error", "errorText": version.failure.sentence}]
    said: list[dict[str, Any]] = []
    if text := version.provenance.text:
        ends = [{"type": "text-start"}, {"type": "text-delta", "delta": text}, {"type": "text-end"}]
        said = [{**chunk, "id": "text"} for chunk in ends]
    return [
        *said,
        {"type": "file", "url": part["image"], "mediaType": version.picture.media_type},
        {"type": "finish", "messageMetadata": {"filename": part["filename"], **metadata(version)}},
    ]


def _event(**chunk: object) -> str:
    return f"data: {json.dumps(chunk, separators=(',', ':'))}\n\n"
