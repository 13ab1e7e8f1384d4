"""The routes beside gradio's own: what changed in a thread, what to do with a message, and pictures."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from core import Refused
from core.inventory import inventory
from core.studio import Studio
from core.thread import Message, Thread
from ui.api import image_route, refused_status
from ui.choices import THREAD_ID, json_object, read_asked
from ui.message import message_html
from ui.plugins import plugins_html
from ui.visitor import is_foreign, is_owner, visitor

KEEP_ALIVE = 15
"""Seconds after which a silent stream says that it is alive, so that proxies keep it open."""

_MEDIA_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "gif": "image/gif"}
_MEDIA_TYPES |= {"avif": "image/avif", "svg": "image/svg+xml"}
_PICTURE_HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def routes(studio: Studio) -> list[Route]:
    """Gives the routes that the page's script and its pictures use."""

    async def events(request: Request) -> Response:
        try:
            thread = await _thread(studio, request)
        except Refused as refusal:
            return _problem(str(refusal), 503)
        if thread is None:
            return _problem("There is no such conversation.", 404)
        since = request.headers.get("last-event-id") or request.query_params.get("since", "0")
        stream = _changes(thread, int(since) if since.isascii() and since.isdigit() else 0)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    async def ask(request: Request) -> Response:
        if is_foreign(request.headers):
            return _problem("This request comes from another site.", 403)
        try:
            thread = await _thread(studio, request)
            if thread is None:
                return _problem("This page has lost its conversation: reload it.", 404)
            asked = read_asked(studio.registry, await json_object(request))
            asker = visitor(request, behind_proxy=studio.settings.behind_proxy)
            message = await studio.start(thread, asked, visitor=asker)
        except Refused as refusal:
            return _problem(str(refusal), refused_status(refusal))
        return JSONResponse({"message": message.id}, 201)

    async def act(request: Request) -> Response:
        if is_foreign(request.headers):
            return _problem("This request comes from another site.", 403)
        action = _ACTIONS.get(request.path_params["action"])
        asker = visitor(request, behind_proxy=studio.settings.behind_proxy)
        try:
            thread = await _thread(studio, request)
            message = thread.get(request.path_params["message"]) if thread else None
            if action is None or thread is None or message is None:
                return _problem("This message is not here any more: reload the page.", 404)
            await action(studio, thread, message, request, asker)
        except Refused as refusal:
            return _problem(str(refusal), refused_status(refusal))
        return JSONResponse({})

    async def show_picture(request: Request) -> Response:
        found = studio.store.find(request.path_params["name"])
        if found is None:
            return _problem("There is no such picture.", 404)
        extension = request.path_params["name"].rpartition(".")[2]
        shown_as = "attachment" if "download" in request.query_params else "inline"
        filename = quote(request.path_params["filename"], safe="")
        headers = {**_PICTURE_HEADERS, "Content-Disposition": f"{shown_as}; filename*=UTF-8''{filename}"}
        if isinstance(found, Path):
            return FileResponse(found, headers=headers, media_type=_MEDIA_TYPES[extension])
        return Response(found, headers=headers, media_type=_MEDIA_TYPES[extension])

    async def list_plugins(request: Request) -> Response:
        if not is_owner(request, behind_proxy=studio.settings.behind_proxy):
            return _problem("This list is for the owner, on the machine itself.", 404)
        return HTMLResponse(plugins_html(inventory(studio.registry)))

    return [
        image_route(studio),
        Route("/limner/plugins", list_plugins),
        Route("/limner/threads/{thread}/events", events),
        Route("/limner/threads/{thread}/messages", ask, methods=["POST"]),
        Route("/limner/threads/{thread}/messages/{message}/{action}", act, methods=["POST"]),
        Route("/limner/pictures/{name}/{filename}", show_picture),
    ]


async def _thread(studio: Studio, request: Request) -> Thread | None:
    thread_id = request.path_params["thread"]
    return await studio.thread(thread_id) if THREAD_ID.fullmatch(thread_id) else None


async def _changes(thread: Thread, rev: int) -> AsyncIterator[str]:
    """Streams everything newer than a revision as server-sent events: at once, and as it happens."""
    yield "retry: 1000\n\n"
    changed = thread.since(rev)
    while True:
        rev = max((message.rev for message in changed), default=rev)
        data = {"now": time.time(), "messages": [_as_shown(message) for message in changed]}
        yield f"id: {rev}\ndata: {json.dumps(data)}\n\n"
        changed = []
        while not changed:
            try:
                changed = await asyncio.wait_for(thread.changes(rev), KEEP_ALIVE)
            except asyncio.TimeoutError:
                yield ": alive\n\n"


def _as_shown(message: Message) -> dict[str, str]:
    prompt, answer = message_html(message)
    latest = message.versions[-1]
    return {
        "id": message.id,
        "prompt": prompt,
        "answer": answer,
        "state": latest.reason or latest.status,
    }


def _problem(sentence: str, status: int) -> JSONResponse:
    return JSONResponse({"error": sentence}, status)


async def _regenerate(studio: Studio, thread: Thread, message: Message, _: Request, asker: str) -> None:
    await studio.regenerate(thread, message, visitor=asker)


async def _stop(studio: Studio, thread: Thread, message: Message, _request: Request, _asker: str) -> None:
    studio.stop(message)


async def _choose(studio: Studio, thread: Thread, message: Message, request: Request, _asker: str) -> None:
    number = request.query_params.get("version", "")
    await studio.choose(thread, message, int(number) if number.isascii() and number.isdigit() else 0)


_ACTIONS: dict[str, Callable[[Studio, Thread, Message, Request, str], Awaitable[None]]] = {
    "regenerate": _regenerate,
    "stop": _stop,
    "choose": _choose,
}
