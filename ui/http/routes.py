"""The routes that the page's script uses: what changed in a conversation, and what to do with a message.

assistant-ui calls a conversation a thread; so do the paths.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from core import Rejected
from core.chat.conversation import Conversation
from core.chat.message import Message
from core.chat.request import UserRequest
from core.generation.limits import Visitor
from core.studio import Studio
from ui.http.bodies import Bodies
from ui.http.idempotency import Begun, IdempotencyKeys
from ui.http.requests import NotFound, json_object, picture_names, whole_number
from ui.http.streams import EventStream, Streams
from ui.http.visitor import is_foreign, is_owner, visitor

_ID = re.compile(r"[0-9a-f]{32}")


class PageView(Protocol):
    """What the page makes of messages and of what its controls send."""

    def show(self, message: Message) -> dict[str, str]:
        """Returns a message as the page's script takes it."""
        ...

    def read(self, values: Mapping[str, Any]) -> UserRequest:
        """Reads the values of the page's controls; raises Rejected."""
        ...

    def offer(self, provider: str, model: str | None, *, owner: bool) -> dict[str, dict[str, Any]]:
        """Returns how the controls change for a provider and a model; empty if there is no such model."""
        ...

    def list_plugins(self) -> str:
        """Returns the list of plugins as a page of HTML."""
        ...


def page_routes(studio: Studio, page: PageView, keys: IdempotencyKeys, bodies: Bodies) -> list[Route]:
    """Returns the routes; what they raise as Rejected is answered by the server's exception handler."""
    streams = Streams()
    behind_proxy = studio.settings.behind_proxy

    def sender(request: Request) -> Visitor:
        return visitor(request, behind_proxy=behind_proxy)

    async def events(request: Request) -> Response:
        conversation = await _conversation(studio, request)
        if request.method == "HEAD":  # which would never end
            return Response(media_type=EventStream.media_type)
        since = request.headers.get("last-event-id") or request.query_params.get("since", "0")
        return EventStream(conversation, whole_number(since), page.show, streams, sender(request).name)

    async def send(request: Request) -> Response:
        conversation = await _conversation(studio, request)
        values, who = await json_object(request), sender(request)
        wanted, (images, mask) = page.read(values), picture_names(values)

        async def begin() -> Begun:
            message = await studio.start(conversation, wanted, images=images, mask=mask, visitor=who)
            return _begun(conversation, message)

        begun = await keys.once(request, who.name, values, begin)
        return JSONResponse({"message": begun.message}, 201)

    async def bring(request: Request) -> Response:
        conversation, who = await _conversation(studio, request), sender(request)
        saved_as = request.query_params.get("filename", "")[:400]
        async with bodies.read(request, who.name, studio.settings.max_bytes) as body:
            file = bytes(body)
            body.clear()
            picture = await studio.add_picture(conversation, file, saved_as, visitor=who)
        facts = picture.model_dump(include={"name", "width", "height", "filename"})
        return JSONResponse({**facts, "mediaType": picture.media_type}, 201)

    async def regenerate(request: Request, conversation: Conversation, message: Message) -> None:
        new_seed, who = _new_seed(request.query_params.get("seed")), sender(request)

        async def begin() -> Begun:
            await studio.regenerate(conversation, message, visitor=who, new_seed=new_seed)
            return _begun(conversation, message)

        await keys.once(request, who.name, None, begin)

    async def act(request: Request) -> Response:
        conversation = await _conversation(studio, request)
        message = conversation.get(request.path_params["message"])
        if message is None:
            raise NotFound("This message no longer exists: reload the page.")
        match request.path_params["action"]:
            case "regenerate":
                await regenerate(request, conversation, message)
            case "stop":
                studio.stop(message)
            case "choose":
                version = whole_number(request.query_params.get("version", ""))
                await studio.choose(conversation, message, version)
            case _:
                raise NotFound("There is no such action: reload the page.")
        return JSONResponse({})

    async def offer(request: Request) -> Response:
        chosen, owner = request.query_params, is_owner(request, behind_proxy=behind_proxy)
        changes = page.offer(chosen.get("provider", ""), chosen.get("model"), owner=owner)
        if not changes:
            raise NotFound("This provider or model is not available: choose another.")
        return JSONResponse(changes)

    async def list_plugins(request: Request) -> Response:
        if is_foreign(request.headers, behind_proxy=behind_proxy) or not is_owner(
            request, behind_proxy=behind_proxy
        ):
            raise NotFound("This list is for the owner, on the machine itself.")
        return HTMLResponse(page.list_plugins())

    return [
        Route("/limner/offer", offer),
        Route("/limner/plugins", list_plugins),
        Route("/limner/threads/{thread}/events", events),
        Route("/limner/threads/{thread}/messages", send, methods=["POST"]),
        Route("/limner/threads/{thread}/pictures", bring, methods=["POST"]),
        Route("/limner/threads/{thread}/messages/{message}/{action}", act, methods=["POST"]),
    ]


def _begun(conversation: Conversation, message: Message) -> Begun:
    return Begun(conversation.id, message.id, message.versions[-1].number)


def _new_seed(asked: str | None) -> bool | None:
    """Reads whether Regenerate draws a new seed in place of a fixed one; None if that is not said."""
    if asked not in (None, "new", "same"):
        raise Rejected("The parameter seed of regenerate must be new or same, or be left out.")
    return None if asked is None else asked == "new"


async def _conversation(studio: Studio, request: Request) -> Conversation:
    conversation_id = request.path_params["thread"]
    if not _ID.fullmatch(conversation_id):
        raise NotFound("There is no such conversation: reload the page.")
    return await studio.conversation(conversation_id)
