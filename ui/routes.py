"""The routes beside gradio's own: what changed in a thread, what to do with a message, and pictures."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from core import Refused, StoreError
from core.allowance import Visitor
from core.inventory import inventory
from core.part import filename
from core.studio import Studio
from core.thread import Message, Thread
from ui.api import image_route
from ui.choices import read_asked
from ui.message import message_html
from ui.offers import offer
from ui.plugins import plugins_html
from ui.requests import THREAD_ID, json_object, problem, refused, whole_number
from ui.streams import EventStream, Streams
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
    """Returns the routes that the page's script and its pictures use."""
    streams = Streams()
    behind_proxy = studio.settings.behind_proxy

    async def events(request: Request) -> Response:
        try:
            thread = await _thread(studio, request)
            if thread is None:
                return problem("There is no such conversation.", 404)
            if request.method == "HEAD":  # which would never end
                return Response(media_type="text/event-stream")
            since = request.headers.get("last-event-id") or request.query_params.get("since", "0")
            changes = _changes(thread, whole_number(since))
            return EventStream(changes, streams, visitor(request, behind_proxy=behind_proxy).name)
        except Refused as refusal:
            return refused(refusal)

    async def ask(request: Request) -> Response:
        try:
            thread = await _thread(studio, request)
            if thread is None:
                return problem("This page has lost its conversation: reload it.", 404)
            asked = read_asked(studio.registry, await json_object(request))
            asker = visitor(request, behind_proxy=behind_proxy)
            message = await studio.start(thread, asked, visitor=asker)
        except Refused as refusal:
            return refused(refusal)
        return JSONResponse({"message": message.id}, 201)

    async def act(request: Request) -> Response:
        action = _ACTIONS.get(request.path_params["action"])
        asker = visitor(request, behind_proxy=behind_proxy)
        try:
            thread = await _thread(studio, request)
            message = thread.get(request.path_params["message"]) if thread else None
            if action is None or thread is None or message is None:
                return problem("This message is not here any more: reload the page.", 404)
            await action(studio, thread, message, request, asker)
        except Refused as refusal:
            return refused(refusal)
        return JSONResponse({})

    async def show_picture(request: Request) -> Response:
        name = request.path_params["name"]
        filename = quote(await _filename(studio, name), safe="")
        found = studio.store.find(name)
        if found is None:
            return problem("There is no such picture.", 404)
        shown_as = "attachment" if "download" in request.query_params else "inline"
        headers = {**_PICTURE_HEADERS, "Content-Disposition": f"{shown_as}; filename*=UTF-8''{filename}"}
        media_type = _MEDIA_TYPES[name.rpartition(".")[2]]
        if isinstance(found, Path):
            return FileResponse(found, headers=headers, media_type=media_type)
        return Response(found, headers=headers, media_type=media_type)

    async def offer_choices(request: Request) -> Response:
        chosen, owner = request.query_params, is_owner(request, behind_proxy=behind_proxy)
        changes = offer(studio.registry, chosen.get("provider", ""), chosen.get("model"), owner=owner)
        if not changes:
            return problem("This provider or model is not offered here: choose another.", 404)
        return JSONResponse(changes)

    async def list_plugins(request: Request) -> Response:
        if is_foreign(request.headers) or not is_owner(request, behind_proxy=behind_proxy):
            return problem("This list is for the owner, on the machine itself.", 404)
        return HTMLResponse(plugins_html(inventory(studio.registry)))

    return [
        image_route(studio),
        Route("/limner/offer", offer_choices),
        Route("/limner/plugins", list_plugins),
        Route("/limner/threads/{thread}/events", events),
        Route("/limner/threads/{thread}/messages", ask, methods=["POST"]),
        Route("/limner/threads/{thread}/messages/{message}/{action}", act, methods=["POST"]),
        # The last part is for browsers that name a saved picture after its address.
        Route("/limner/pictures/{name}/{filename}", show_picture),
    ]


async def _filename(studio: Studio, picture: str) -> str:
    """Returns the file name of a stored picture, which the link to it does not choose."""
    try:
        version = await studio.store.version_of(picture)
    except StoreError:
        version = None
    return filename(version) if version else f"picture.{picture.rpartition('.')[2]}"


async def _thread(studio: Studio, request: Request) -> Thread | None:
    thread_id = request.path_params["thread"]
    return await studio.thread(thread_id) if THREAD_ID.fullmatch(thread_id) else None


async def _changes(thread: Thread, rev: int) -> AsyncIterator[str]:
    """Streams everything newer than a revision as server-sent events: at once, and as it happens."""
    yield "retry: 1000\n\n"
    changed = thread.since(rev)
    while True:
        reached = max((message.rev for message in changed), default=rev)
        for message in changed[:-1]:
            yield _event([message], more=True)
            await asyncio.sleep(0)  # a client that takes all at once would hold the loop meanwhile
        yield f"id: {reached}\n{_event(changed[-1:])}"
        rev, changed = reached, []
        while not changed:
            try:
                changed = await asyncio.wait_for(thread.changes(rev), KEEP_ALIVE)
            except asyncio.TimeoutError:
                yield ": alive\n\n"


def _event(messages: list[Message], *, more: bool = False) -> str:
    """Writes an event; only the last of a change names the revision, since a broken one is sent again."""
    data = {"now": time.time(), "messages": [_as_shown(message) for message in messages], "more": more}
    return f"data: {json.dumps(data)}\n\n"


def _as_shown(message: Message) -> dict[str, str]:
    prompt, answer = message_html(message)
    latest = message.versions[-1]
    return {
        "id": message.id,
        "prompt": prompt,
        "answer": answer,
        "state": latest.reason or latest.status,
    }


async def _regenerate(studio: Studio, thread: Thread, message: Message, _: Request, asker: Visitor) -> None:
    await studio.regenerate(thread, message, visitor=asker)


async def _stop(studio: Studio, thread: Thread, message: Message, _request: Request, _asker: Visitor) -> None:
    studio.stop(message)


async def _choose(
    studio: Studio, thread: Thread, message: Message, request: Request, _asker: Visitor
) -> None:
    await studio.choose(thread, message, whole_number(request.query_params.get("version", "")))


_ACTIONS: dict[str, Callable[[Studio, Thread, Message, Request, Visitor], Awaitable[None]]] = {
    "regenerate": _regenerate,
    "stop": _stop,
    "choose": _choose,
}
