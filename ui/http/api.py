"""`POST /api/image`: a prompt in, a picture out, for other programs.

The request and the reply have the form of assistant-ui's example of an image route. The picture takes
the same road, under the same limits, as one from the page, in a conversation of its own that is nobody's:
no visitor's list shows it.
A retry with the same `Idempotency-Key` gets the same answer; without a key nobody can ask again, and a
picture whose client has gone away is stopped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from core import Rejected
from core.asking import TOO_MANY_IMAGES, SentPicture, ask, with_pictures
from core.chat.message import Version
from core.chat.picture import Picture
from core.chat.request import UserRequest
from core.chat.thread import STOPPED
from core.generation.visitor import Visitor
from core.parts import filename, metadata, public_link
from core.studio import Studio
from ui.http.bodies import Bodies
from ui.http.idempotency import Begun, IdempotencyKeys, digest
from ui.http.own_keys import OwnKeys, take_keys
from ui.http.picture_json import json_with_picture
from ui.http.requests import parse_object, problem
from ui.http.settling import settled
from ui.http.visitors import Visitors

A_MINUTE = 60.0
_NOT_SOON_OVER = {"rate-limit", "quota", "no-credential", "not-installed"}
"""Causes after which it is of no use to come back in a moment."""
_MAX_WORDS = 300
"""Characters of what a service said; the thread has all of it."""


def image_route(studio: Studio, keys: IdempotencyKeys, bodies: Bodies, visitors: Visitors) -> Route:
    """Returns the route.

    It takes `prompt`, and optionally `provider`, `model`, `size`, `seed`, `negativePrompt`, `options`, and as
    assistant-ui's image parts `images` and `mask`; it answers `image`, `mimeType`, `revisedPrompt` if there
    is one, `metadata`, and the ids of the `thread` and the `message`, which `GET /api/threads/{id}` shows.
    """
    most = with_pictures(studio.settings.max_bytes)

    async def make(request: Request) -> Response:
        sender = await visitors.of(request)
        async with bodies.read(request, sender.name, most) as parts:
            values, own_keys, body = await bodies.parse(request, parts, _parse)
            begun = await begin(request, replace(sender, keys=own_keys), values, body)
        (version,) = await settled(studio, begun, request)
        return await _reply(studio, version, {"thread": begun.conversation, "message": begun.message})

    async def begin(request: Request, sender: Visitor, values: dict[str, Any], body: str) -> Begun:
        images, mask = _pictures(values.pop("images", None)), _pictures(values.pop("mask", None))
        if len(mask) > 1:
            raise Rejected(TOO_MANY_IMAGES)
        wanted = _read(values)

        async def start() -> Begun:
            asked = await ask(studio, wanted, images=images, mask=next(iter(mask), None), visitor=sender)
            return Begun(asked.conversation.id, asked.message.id, asked.message.versions[-1].number)

        return await keys.once(request, sender, body, start)

    return Route("/api/image", make, methods=["POST"])


def _parse(parts: list[bytes]) -> tuple[dict[str, Any], OwnKeys, str]:
    """Returns the values of a body, the keys in it, and what tells it from another with other values."""
    values = parse_object(parts)
    return values, take_keys(values), digest(values)


def _pictures(parts: object) -> list[SentPicture]:
    """Reads image parts, or one: what each holds, a ``data:`` URI or an https link, and its file name."""
    listed = cast("list[object]", parts if isinstance(parts, list) else [] if parts is None else [parts])
    read: list[SentPicture] = []
    for part in listed:
        fields = cast("dict[str, object]", part) if isinstance(part, dict) else {}
        picture = SentPicture.of(fields.get("image"), fields.get("filename"))
        if picture is None:
            raise Rejected(
                'Each image must be a part such as {"type": "image", "image": "data:image/png;base64,…"}, '
                "or have an https link as its image."
            )
        read.append(picture)
    return read


def _read(values: dict[str, Any]) -> UserRequest:
    if not isinstance(prompt := values.get("prompt"), str) or not prompt.strip():
        raise Rejected("Missing prompt")
    if "negativePrompt" in values:
        values["negative_prompt"] = values.pop("negativePrompt")
    return UserRequest(**values)


async def _reply(studio: Studio, version: Version, ids: dict[str, str]) -> Response:
    if version.picture and await studio.store.has(version.picture.name):
        return _made(studio, version, version.picture, ids)
    failure, about = version.failure, {"reason": version.reason, **ids, "metadata": _shortly(version)}
    if failure is None:
        return problem(STOPPED, 409, category="cancelled", **about)
    wait = failure.retry_after or (A_MINUTE if failure.cause in _NOT_SOON_OVER else None)
    return problem(failure.sentence, failure.status, wait, category=failure.cause, **about)


def _made(studio: Studio, version: Version, picture: Picture, ids: dict[str, str]) -> Response:
    said = {"type": "image", "filename": filename(version), "mimeType": picture.media_type}
    reply = {**said, "metadata": metadata(version), **ids}
    if version.provenance.revised_prompt:
        reply["revisedPrompt"] = version.provenance.revised_prompt
    if link := public_link(version, studio.settings):
        return JSONResponse({"image": link, **reply})
    prefix = f"data:{picture.media_type};base64,"
    pieces = json_with_picture("image", prefix, picture.name, reply, studio.store)
    return StreamingResponse(pieces, media_type="application/json")


def _shortly(version: Version) -> dict[str, Any]:
    """Returns what a program needs to know of a failure: some show their users the whole reply."""
    known, words = version.provenance, version.failure and version.failure.service_message
    said = {"requestId": known.request_id, "serviceMessage": words and words[:_MAX_WORDS]}
    about = {"provider": known.provider, "model": known.model, **said}
    return {name: value for name, value in about.items() if value}
