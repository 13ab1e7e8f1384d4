"""`POST /api/image`: a prompt in, a picture out, for other programs.

The form of the request and of the reply is that of assistant-ui's example of an image route; the
picture is on the same road, and under the same limits, as one that is asked for in the page.
"""

from __future__ import annotations

import secrets
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core import Refused
from core.asked import Asked
from core.part import image_part, provenance
from core.studio import Studio
from core.thread import Version
from ui.requests import json_object, problem, refused
from ui.visitor import visitor

_STATUS = {
    "auth": 502,
    "no-credential": 503,
    "not-installed": 503,
    "quota": 503,
    "rate-limit": 429,
    "invalid-request": 400,
    "timeout": 504,
    "unavailable": 503,
    "interrupted": 503,
}
"""The HTTP status of a failure by its cause; 502 for any other."""


def image_route(studio: Studio) -> Route:
    """Gives the route.

    It takes `prompt`, and `provider`, `model`, `size`, `seed`, `negative_prompt` and `options` where
    they are given; it answers `image`, `mimeType`, `revisedPrompt` where there is one, and `metadata`.
    """

    async def make(request: Request) -> Response:
        try:
            values = await json_object(request)
            if not isinstance(prompt := values.get("prompt"), str) or not prompt.strip():
                return problem("Missing prompt", 400)
            asked = Asked(**values)
            thread = await studio.thread(secrets.token_hex(16))
            asker = visitor(request, behind_proxy=studio.settings.behind_proxy)
            version = await thread.settled(await studio.start(thread, asked, visitor=asker))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            return problem(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", 400)
        except Refused as refusal:
            return refused(refusal)
        return await _answer(studio, version)

    return Route("/api/image", make, methods=["POST"])


async def _answer(studio: Studio, version: Version) -> Response:
    part = await image_part(version, studio.store, studio.settings) if version.picture else None
    if part is None or version.picture is None:
        return _unmade(version)
    known = provenance(version)
    answer: dict[str, Any] = {**part, "mimeType": version.picture.media_type, "metadata": known}
    if revised := version.applied.revised_prompt:
        answer["revisedPrompt"] = known["revisedPrompt"] = revised
    return JSONResponse(answer)


def _unmade(version: Version) -> Response:
    about = {"reason": version.reason, "metadata": provenance(version)}
    if version.reason == "content-filter":
        return problem("Image could not be generated: the content filter refused it.", 422, **about)
    failure = version.failure
    if failure is None:
        return problem("The picture was stopped.", 409, **about)
    sentence, status = f"{failure.what} {failure.why} {failure.next}", _STATUS.get(failure.cause, 502)
    return problem(sentence, status, failure.retry_after, **about)
