"""`GET /api/threads/{id}`: a conversation in the form that assistant-ui takes, for other programs.

Whoever knows the id of a conversation that is nobody's, such as one of `/api/image`, may read it; one with an
owner is theirs alone. Reading changes nothing of that.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from core.studio import Studio
from core.thread_json import kept_messages, stream_thread
from ui.http.requests import THREAD_ID, NotFound
from ui.http.visitors import Visitors


def thread_route(studio: Studio, visitors: Visitors) -> Route:
    """Returns the route, which answers a list of `ThreadMessageLike`, also while pictures are being made."""

    async def show(request: Request) -> Response:
        if not THREAD_ID.fullmatch(id := request.path_params["thread"]):
            raise NotFound("There is no such conversation: send the id that a reply of /api/image has.")
        conversation = await studio.existing_conversation(id, await visitors.of(request))
        headers = {"Cache-Control": "no-store", "Content-Type": "application/json"}
        if request.method == "HEAD":
            return Response(headers=headers)
        messages, address = kept_messages(conversation), str(request.base_url)
        pieces = stream_thread(messages, studio.store, studio.settings, address)
        return StreamingResponse(pieces, headers=headers)

    return Route("/api/threads/{thread}", show)
