"""`POST /api/image`: a prompt in, a picture out, for other programs.

The request and the reply have the form of assistant-ui's example of an image route. The picture takes
the same road, under the same limits, as one from the page, in a conversation of its own that is nobody's:
no visitor's list shows it.
A retry with the same `Idempotency-Key` gets the same answer; without a key nobody can ask again, and a
picture whose client has gone away is stopped.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core import Rejected
from core.asking import TOO_MANY_IMAGES, SentPicture, ask
from core.chat.message import Version
from core.chat.request import UserRequest
from core.generation.visitor import Visitor
from core.parts import image_part, metadata
from core.studio import Studio
from core.workers import Workers
from ui.http.bodies import Bodies
from ui.http.idempotency import Begun, IdempotencyKeys, digest
from ui.http.own_keys import OwnKeys, take_keys
from ui.http.requests import MAX_BODY, parse_object, problem
from ui.http.settling import settled
from ui.http.visitors import Visitors

_LINK = re.compile(r"data:image/|https://", re.IGNORECASE)


def image_route(studio: Studio, keys: IdempotencyKeys, bodies: Bodies, visitors: Visitors) -> Route:
    """Returns the route.

    It takes `prompt`, and optionally `provider`, `model`, `size`, `seed`, `negativePrompt`, `options`, and as
    assistant-ui's image parts `images` and `mask`; it answers `image`, `mimeType`, `revisedPrompt` if there
    is one, and `metadata`.
    """
    most = MAX_BODY + studio.settings.max_bytes * 4 // 3  # base64 writes three bytes as four characters
    parsers = Workers(2)

    async def make(request: Request) -> Response:
        sender = await visitors.of(request)
        async with bodies.read(request, sender.name, most) as parts:
            is_large = sum(map(len, parts)) > MAX_BODY  # else to change threads would take longer
            values, own_keys, body = await parsers.run(lambda: _parse(parts)) if is_large else _parse(parts)
            begun = await begin(request, replace(sender, keys=own_keys), values, body)
        (version,) = await settled(studio, begun, request)
        return await _reply(studio, version)

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
        image, filename = fields.get("image"), fields.get("filename") or ""
        if not (isinstance(image, str) and _LINK.match(image) and (image.isascii() or len(image) < 10_000)):
            raise Rejected(
                'Each image must be a part such as {"type": "image", "image": "data:image/png;base64,…"}, '
                "or have an https link as its image."
            )
        read.append(SentPicture(image, filename[:400] if isinstance(filename, str) else ""))
    return read


def _read(values: dict[str, Any]) -> UserRequest:
    if not isinstance(prompt := values.get("prompt"), str) or not prompt.strip():
        raise Rejected("Missing prompt")
    if "negativePrompt" in values:
        values["negative_prompt"] = values.pop("negativePrompt")
    return UserRequest(**values)


async def _reply(studio: Studio, version: Version) -> Response:
    known = metadata(version)
    part = await image_part(version, studio.store, studio.settings)
    if version.picture and part:
        reply: dict[str, Any] = {**part, "mimeType": version.picture.media_type, "metadata": known}
        if version.provenance.revised_prompt:
            reply["revisedPrompt"] = version.provenance.revised_prompt
        return JSONResponse(reply)
    failure = version.failure
    if failure is None:
        return problem("The picture was stopped.", 409, reason=version.reason, metadata=known)
    return problem(
        failure.sentence, failure.status, failure.retry_after, reason=version.reason, metadata=known
    )
