"""The routes of conversations as things of their own: a visitor's list of them, and what is done with one."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core import Rejected
from core.chat.conversation import ConversationEntry
from core.parts import thumbnail_path
from core.storage.conversations import PAGE
from core.studio import Studio
from ui.http.bodies import Bodies
from ui.http.requests import thread_id
from ui.http.visitors import Visitors

_MAX_SEARCH = 200
"""Characters; what comes after them is left out."""


def conversation_routes(studio: Studio, bodies: Bodies, visitors: Visitors) -> list[Route]:
    """Returns the routes. What is another visitor's is answered as what does not exist, with 404."""

    async def list_own(request: Request) -> Response:
        search = request.query_params.get("search", "")[:_MAX_SEARCH]
        before = _time(request.query_params.get("before"))
        entries = await studio.conversations(await visitors.of(request), search, before)
        return _reply({"conversations": [_shown(entry) for entry in entries], "more": len(entries) == PAGE})

    async def show(request: Request) -> Response:
        return _reply(_shown(await studio.entry(thread_id(request), await visitors.of(request))))

    async def rename(request: Request) -> Response:
        who = await visitors.of(request)
        async with bodies.read_object(request, who.name) as values:
            title = values.get("title")
        if not isinstance(title, str):
            raise Rejected("The title must be text: send an object with it.")
        return _reply(_shown(await studio.rename(thread_id(request), title, who)))

    async def delete(request: Request) -> Response:
        await studio.delete_conversation(thread_id(request), await visitors.of(request))
        return _reply({})

    async def restore(request: Request) -> Response:
        return _reply(
            _shown(await studio.restore_conversation(thread_id(request), await visitors.of(request)))
        )

    return [
        Route("/limner/conversations", list_own),
        Route("/limner/threads/{thread}", show),
        Route("/limner/threads/{thread}", rename, methods=["PATCH"]),
        Route("/limner/threads/{thread}/delete", delete, methods=["POST"]),
        Route("/limner/threads/{thread}/restore", restore, methods=["POST"]),
    ]


def _shown(entry: ConversationEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "title": entry.title,
        "updated": entry.updated,
        "thumbnail": thumbnail_path(entry.thumbnail) if entry.thumbnail else None,
    }


def _time(text: str | None) -> float | None:
    """Reads a time in Unix seconds; None for anything else."""
    with suppress(TypeError, ValueError):
        time = float(text)  # pyright: ignore[reportArgumentType]
        return time if math.isfinite(time) else None
    return None


def _reply(content: dict[str, Any]) -> Response:
    return JSONResponse(content, headers={"Cache-Control": "no-store"})
