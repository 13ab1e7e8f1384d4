"""The gateway's routes: `/v1/images/generations`, `/v1/images/edits` and `/v1/models`.

The pictures take the same road, under the same limits, as those of `/api/image`.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from core import Rejected
from core.asking import SentPicture, ask, with_pictures
from core.chat.message import Version
from core.generation.visitor import Visitor
from core.parts import filename, picture_path
from core.studio import Studio
from ui.http.bodies import Bodies
from ui.http.gateway.answers import answer
from ui.http.gateway.errors import error_reply, rejected_reply
from ui.http.gateway.fields import Wanted, read_fields
from ui.http.gateway.form import is_form, read_form
from ui.http.gateway.models import described, find_offer, offers
from ui.http.gateway.pictures import take_pictures
from ui.http.idempotency import Begun, IdempotencyKeys, digest, has_key
from ui.http.own_keys import take_keys
from ui.http.requests import parse_object
from ui.http.settling import settled
from ui.http.visitor import is_https
from ui.http.visitors import Visitors


def gateway_routes(studio: Studio, keys: IdempotencyKeys, bodies: Bodies, visitors: Visitors) -> list[Mount]:
    """Returns all that is under `/v1`, an application of its own: even its errors have OpenAI's form."""
    most = with_pictures(studio.settings.max_bytes)

    async def generate(request: Request) -> Response:
        return await make(request, "image_generation.completed", edits=False)

    async def edit(request: Request) -> Response:
        return await make(request, "image_edit.completed", edits=True)

    async def make(request: Request, event: str, *, edits: bool) -> Response:
        sender = await visitors.of(request)
        async with bodies.read(request, sender.name, most) as parts:
            values = await read(request, parts, may_be_form=edits)
            begun, wanted = await begin(request, sender, values, edits=edits)
        versions = await settled(studio, begun, request)
        return await answer(versions, wanted, studio.store, lambda version: link(request, version), event)

    async def read(request: Request, parts: list[bytes], *, may_be_form: bool) -> dict[str, Any]:
        if may_be_form and is_form(request.headers):
            return await read_form(request.headers, parts)
        return await bodies.parse(request, parts, parse_object)

    async def begin(
        request: Request, sender: Visitor, values: dict[str, Any], *, edits: bool
    ) -> tuple[Begun, Wanted]:
        """Begins what a request asks for; empties its values, so that no picture is held while it is made."""
        sender = replace(sender, keys=take_keys(values))
        images, mask = take_pictures(values) if edits else ([], None)
        body = await bodies.workers.run(lambda: _digest(values, images, mask)) if has_key(request) else ""
        wanted = read_fields(values, studio, sender)

        async def start() -> Begun:
            asked = await ask(
                studio, wanted.request, count=wanted.count, images=images, mask=mask, visitor=sender
            )
            return Begun(asked.conversation.id, asked.message.id, asked.message.versions[0].number)

        return await keys.once(request, sender, body, start), wanted

    def link(request: Request, version: Version) -> str:
        """Returns the address of a picture, for whoever reaches this server as the request does."""
        assert version.picture
        base = studio.settings.public_url or _base(request, behind_proxy=visitors.behind_proxy)
        return f"{base.rstrip('/')}/{picture_path(version.picture, filename(version))}"

    async def list_models(request: Request) -> Response:
        offered = offers(studio, await visitors.of(request))
        return JSONResponse({"object": "list", "data": [described(*one) for one in offered.items()]})

    async def show_model(request: Request) -> Response:
        name = request.path_params["name"]
        if not name:
            raise HTTPException(404)
        return JSONResponse(described(name, find_offer(studio, await visitors.of(request), name)))

    app = Starlette(
        routes=[
            Route("/images/generations", generate, methods=["POST"]),
            Route("/images/edits", edit, methods=["POST"]),
            Route("/models", list_models),
            Route("/models/{name:path}", show_model),
        ],
        exception_handlers={Rejected: _rejected, HTTPException: _no_such_route, Exception: _failed},
    )
    app.router.redirect_slashes = False
    return [Mount("/v1", app)]


def _digest(values: dict[str, Any], images: list[SentPicture], mask: SentPicture | None) -> str:
    """Returns what tells a request from another with other values or pictures, however they were sent."""
    return digest([values, [*map(_digest_of, images)], mask and _digest_of(mask)])


def _digest_of(picture: SentPicture) -> str:
    image = picture.image
    return hashlib.sha256(image.encode() if isinstance(image, str) else image).hexdigest()


def _base(request: Request, *, behind_proxy: bool) -> str:
    """Returns the address under which a request has reached this server, whose name has been checked."""
    host = request.headers.get("x-forwarded-host") if behind_proxy else None
    scheme = "https" if is_https(request, behind_proxy=behind_proxy) else "http"
    root = request.scope["root_path"].removesuffix("/v1")
    return f"{scheme}://{host or request.headers['host']}{root}"


async def _rejected(_: Request, error: Exception) -> Response:
    assert isinstance(error, Rejected)
    return rejected_reply(error)


async def _no_such_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        sentence = (
            f"{request.method} is not possible here: use {(error.headers or {}).get('Allow', 'another')}."
        )
        return error_reply(sentence, 405, headers=error.headers)
    path = request.url.path[:100]
    return error_reply(
        f"There is nothing at {request.method} {path}: here are /v1/images/generations, /v1/images/edits and "
        "/v1/models.",
        error.status_code,
    )


async def _failed(_: Request, error: Exception) -> Response:
    """Answers for a bug; the error goes on to the server, which logs it."""
    return error_reply("The server failed: its log says why. Try again, or tell whoever runs it.", 500)
