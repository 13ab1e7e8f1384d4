"""Gradio's protocol for one endpoint, `/generate`: what gradio_client and `gr.load` ask for, and no more.

Gradio's own routes stay closed: its queue keeps what nobody reads, without bounds, and takes a twelfth of a
processor while it is idle; its form makes 2 of the seed 1.5; its uploads fill the disk. These few routes have
the bounds and the limits of every other door, and the picture is the stored file, not a copy of Gradio's.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, cast

from gradio.route_utils import get_root_url
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core import Rejected
from core.asking import Asked, SentPicture, ask, with_pictures
from core.chat.request import UserRequest
from core.chat.thread import STOPPED
from core.parts import filename, metadata
from core.studio import Studio
from ui.http.bodies import Bodies
from ui.http.gradio_form import PARAMETERS, describe
from ui.http.gradio_sessions import Sessions, SessionStream
from ui.http.requests import NotFound, parse_object
from ui.http.visitors import Visitors

_SESSION = re.compile(r"[\w-]{1,64}", re.ASCII)
"""What a client makes up as the name of its session: a UUID, or a few letters."""


def gradio_routes(studio: Studio, bodies: Bodies, visitors: Visitors) -> list[Route]:
    """Returns the routes; a refusal is an event, as a picture is: its sentence would be lost in an answer."""
    most = with_pictures(studio.settings.max_bytes)
    sessions = Sessions()

    @cache
    def described() -> tuple[dict[str, Any], dict[str, Any]]:
        return describe(studio)

    async def config(request: Request) -> Response:
        return JSONResponse({**described()[0], "root": _root(request), "username": None})

    async def info(_: Request) -> Response:
        return JSONResponse(described()[1])

    async def join(request: Request) -> Response:
        who, root = await visitors.of(request), _root(request)
        async with bodies.read(request, who.name, most) as parts:
            values = await bodies.parse(request, parts, parse_object)
            session, given = _session(values), _given(values)
            values.clear()
            sessions.check(who.name)
            try:
                image, mask = _picture(given, "image"), _picture(given, "mask")
                asked = await ask(
                    studio, UserRequest(**given), images=[image] if image else [], mask=mask, visitor=who
                )
            except Rejected as refusal:
                event = sessions.begin(who.name, session, _told(str(refusal)), lambda: None)
            else:
                event = sessions.begin(
                    who.name, session, _made(asked, root), lambda: studio.stop(asked.message)
                )
        return JSONResponse({"event_id": event})

    async def read(request: Request) -> Response:
        if request.method == "HEAD":  # which would never end
            return Response(media_type=SessionStream.media_type)
        who = await visitors.of(request)
        return sessions.read(who.name, request.query_params.get("session_hash", ""))

    async def cancel(request: Request) -> Response:
        who = await visitors.of(request)
        async with bodies.read_object(request, who.name) as values:
            sessions.stop(who.name, _session(values), str(values.get("event_id")))
        return JSONResponse({"success": True})

    return [
        Route("/config", config),
        Route("/gradio_api/info", info),
        Route("/gradio_api/queue/join", join, methods=["POST"]),
        Route("/gradio_api/queue/data", read),
        Route("/gradio_api/cancel", cancel, methods=["POST"]),
    ]


def _root(request: Request) -> str:
    """Returns the address of the page as the client reaches it."""
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    return get_root_url(cast("Any", request), path, getattr(request.app, "root_path", ""))


def _session(values: dict[str, Any]) -> str:
    name = values.get("session_hash")
    if not (isinstance(name, str) and _SESSION.fullmatch(name)):
        raise Rejected("The session_hash must be a name of up to 64 letters, digits and hyphens.")
    return name


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Returns what a call gives for the parameters; an empty text is one that is left out."""
    if values.get("fn_index") != 0:
        raise NotFound("There is no such function: the only endpoint is /generate, with the fn_index 0.")
    data = values.get("data")
    if not isinstance(data, list) or len(cast("list[object]", data)) > len(PARAMETERS):
        raise Rejected(f"The data must be a list of {len(PARAMETERS)} values: {', '.join(PARAMETERS)}.")
    given = dict(zip(PARAMETERS, cast("list[object]", data), strict=False))
    return {name: value for name, value in given.items() if value is not None and value != ""}


def _picture(given: dict[str, Any], name: str) -> SentPicture | None:
    """Takes a picture out of what is given; raises Rejected if it is none. No path is ever opened."""
    image = given.pop(name, None)
    if image is None:
        return None
    picture = SentPicture.of(image, called=f"The {name}")
    if picture is None:
        raise Rejected(
            f"The {name} must be a text: a data: URI such as data:image/png;base64,…, or an https link.",
            field=name,
        )
    return picture


async def _made(asked: Asked, root: str) -> dict[str, Any]:
    """Waits for a picture, and returns it as a file of Gradio's, and its metadata."""
    (version,) = await asked.settled()
    if picture := version.picture:
        saved_as = filename(version)
        path = f"limner/pictures/{picture.name}/{saved_as}"
        file = {
            "path": path,
            "url": f"{root}/gradio_api/file={path}",
            "size": picture.size,
            "orig_name": saved_as,
            "mime_type": picture.media_type,
            "is_stream": False,
            "meta": {"_type": "gradio.FileData"},
        }
        return {"data": [file, metadata(version)]}
    return await _told(version.failure.sentence if version.failure else STOPPED)


async def _told(sentence: str) -> dict[str, Any]:
    """Returns a sentence as an error of Gradio's, which a client raises as AppError."""
    return {"error": sentence, "title": "Error", "visible": True, "duration": 10}
