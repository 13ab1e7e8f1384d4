"""`POST /api/image`: a prompt in, a picture out, for other programs.

The request and the reply have the form of assistant-ui's example of an image route. The picture takes
the same road, under the same limits, as one from the page.
A retry with the same `Idempotency-Key` gets the same answer.
"""

from __future__ import annotations

import secrets
from typing import Any

from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core import Rejected
from core.chat.message import Version
from core.chat.request import UserRequest
from core.parts import image_part, provenance
from core.studio import Studio
from ui.http.idempotency import Begun, IdempotencyKeys
from ui.http.requests import json_object, problem
from ui.http.visitor import visitor


class Forgotten(Rejected):
    """A retry of a request whose picture is not kept any more."""

    status = 410


def image_route(studio: Studio, keys: IdempotencyKeys) -> Route:
    """Returns the route.

    It takes `prompt`, and optionally `provider`, `model`, `size`, `seed`, `negativePrompt` and `options`;
    it answers `image`, `mimeType`, `revisedPrompt` if there is one, and `metadata`.
    """

    async def make(request: Request) -> Response:
        values = await json_object(request)
        wanted = _read(dict(values))
        sender = visitor(request, behind_proxy=studio.settings.behind_proxy)
        conversation = await studio.conversation(secrets.token_hex(16))

        async def begin() -> Begun:
            message = await studio.start(conversation, wanted, visitor=sender)
            return Begun(conversation.id, message.id, message.versions[-1].number)

        begun = await keys.once(request, sender.name, values, begin)
        return await _reply(studio, await _settled(studio, begun))

    return Route("/api/image", make, methods=["POST"])


def _read(values: dict[str, Any]) -> UserRequest:
    if not isinstance(prompt := values.get("prompt"), str) or not prompt.strip():
        raise Rejected("Missing prompt")
    if "negativePrompt" in values:
        values["negative_prompt"] = values.pop("negativePrompt")
    return UserRequest(**values)


async def _settled(studio: Studio, begun: Begun) -> Version:
    """Waits until what a request began has settled, and returns it; raises Rejected if it is forgotten."""
    conversation = await studio.conversation(begun.conversation)
    message = conversation.get(begun.message)
    if message is None:
        raise Forgotten(
            "The picture of this Idempotency-Key is not kept any more: use a new key for another."
        )
    await conversation.settled(message)
    return message.versions[begun.version - 1]


async def _reply(studio: Studio, version: Version) -> Response:
    metadata = _metadata(version)
    part = await image_part(version, studio.store, studio.settings)
    if version.picture and part:
        reply: dict[str, Any] = {**part, "mimeType": version.picture.media_type, "metadata": metadata}
        if version.provenance.revised_prompt:
            reply["revisedPrompt"] = version.provenance.revised_prompt
        return JSONResponse(reply)
    failure = version.failure
    if failure is None:
        return problem("The picture was stopped.", 409, reason=version.reason, metadata=metadata)
    return problem(
        failure.sentence, failure.status, failure.retry_after, reason=version.reason, metadata=metadata
    )


def _metadata(version: Version) -> dict[str, Any]:
    """Returns what is known of a version under the names of this wire, which are in camel case."""
    known = {to_camel(name): value for name, value in provenance(version).items()}
    if "failure" in known:
        known["failure"] = {to_camel(name): value for name, value in known["failure"].items()}
    return known
