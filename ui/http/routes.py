"""The routes that the page's script uses: what changed in a conversation, and what to do with a message.

assistant-ui calls a conversation a thread; so do the paths.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from core import Rejected
from core.chat.conversation import Conversation
from core.chat.message import Message
from core.chat.request import UserRequest
from core.generation.resolve import check_length
from core.generation.visitor import Visitor
from core.parts import details
from core.storage.opened import check_changeable
from core.studio import Studio
from ui.http.bodies import Bodies
from ui.http.idempotency import Begun, IdempotencyKeys, digest
from ui.http.own_keys import take_keys
from ui.http.requests import NotFound, picture_names, thread_id, whole_number
from ui.http.streams import EventStream, Streams, last_messages, shown
from ui.http.visitor import is_foreign, is_owner
from ui.http.visitors import Visitors


class PageView(Protocol):
    """What the page makes of messages and of what its controls send."""

    def show(self, message: Message) -> dict[str, Any]:
        """Returns a message as the page's script takes it."""
        ...

    def read(self, values: Mapping[str, Any]) -> list[UserRequest]:
        """Reads the values of the page's controls, a request for each picture; raises Rejected."""
        ...

    def offer(self, provider: str, model: str | None, *, owner: bool) -> dict[str, Any]:
        """Returns how the composer looks for a provider and a model; empty if there is no such model."""
        ...

    def list_plugins(self) -> str:
        """Returns the list of plugins as a page of HTML."""
        ...


@dataclass(frozen=True)
class _Asked:
    """What a body asks for: all that is left of it, however large it was, while anything waits."""

    who: Visitor
    """With the keys that it brings."""
    requests: list[UserRequest]
    images: list[str]
    mask: str | None
    digest: str


def page_routes(
    studio: Studio,
    page: PageView,
    keys: IdempotencyKeys,
    bodies: Bodies,
    visitors: Visitors,
    streams: Streams,
) -> list[Route]:
    """Returns the routes; what they raise as Rejected is answered by the server's exception handler."""
    behind_proxy = studio.settings.behind_proxy

    async def open_conversation(request: Request, who: Visitor | None = None) -> Conversation:
        conversation = await studio.conversation(thread_id(request), who or await visitors.of(request))
        if request.method == "POST":
            check_changeable(conversation)
        return conversation

    @asynccontextmanager
    async def read(request: Request, *, may_be_empty: bool = False, **more: str) -> AsyncGenerator[_Asked]:
        """Reads the body of a request that may cost money, which counts until the block ends.

        `more` is as if it were in the body; an empty one asks for nothing.
        """
        who = await visitors.of(request)
        async with bodies.read_object(request, who.name, may_be_empty=may_be_empty) as values:
            who = replace(who, keys=take_keys(values))
            requests = page.read({**values, **more}) if values or not may_be_empty else []
            for one in requests:
                check_length(one, studio.settings.max_prompt_length)
            asked = _Asked(who, requests, *picture_names(values), digest(values))
            values.clear()
            yield asked

    async def events(request: Request) -> Response:
        who = await visitors.of(request)
        conversation = await open_conversation(request, who)
        if request.method == "HEAD":  # which would never end
            return Response(media_type=EventStream.media_type)
        since = request.headers.get("last-event-id") or request.query_params.get("since", "0")
        process = studio.store.process if studio.store.is_shared else ""
        return EventStream(conversation, since, page.show, streams, who.name, process)

    async def send(request: Request) -> Response:
        async with read(request) as asked:
            conversation = await open_conversation(request, asked.who)

            async def begin() -> Begun:
                message = await studio.start(
                    conversation, *asked.requests, images=asked.images, mask=asked.mask, visitor=asked.who
                )
                return _begun(conversation, message)

            begun = await keys.once(request, asked.who, asked.digest, begin)
        return JSONResponse({"message": begun.message}, 201)

    async def price(request: Request) -> Response:
        async with read(request, prompt="any") as asked:
            conversation = await open_conversation(request, asked.who)
            known = await studio.price(
                conversation, *asked.requests, images=asked.images, mask=asked.mask, visitor=asked.who
            )
        return JSONResponse({"price": known})

    async def upload(request: Request) -> Response:
        who = await visitors.of(request)
        saved_as = request.query_params.get("filename", "")[:400]
        async with bodies.read(request, who.name, studio.settings.max_bytes) as parts:
            file = b"".join(parts)
            parts.clear()
            conversation = await open_conversation(request, who)
            picture = await studio.add_picture(conversation, file, saved_as, visitor=who)
        facts = picture.model_dump(include={"name", "width", "height", "filename"})
        said = picture.model_dump(include={"settings", "signed", "animated"}, exclude_defaults=True)
        return JSONResponse({**facts, "mediaType": picture.media_type, **said}, 201)

    async def regenerate(request: Request, conversation: Conversation, message: Message) -> None:
        version, new_seed = _version(request), _new_seed(request.query_params.get("seed"))
        async with read(request, may_be_empty=True) as asked:

            async def begin() -> Begun:
                how: dict[str, Any] = {"visitor": asked.who, "new_seed": new_seed}
                if asked.requests:
                    await studio.add_versions(conversation, message, *asked.requests, **how)
                else:
                    await studio.regenerate(conversation, message, version=version, **how)
                return _begun(conversation, message)

            await keys.once(request, asked.who, asked.digest, begin)

    async def act(request: Request) -> Response:
        conversation = await open_conversation(request)
        action, version = request.path_params["action"], _version(request)
        message = _message(
            conversation, request.path_params["message"], deleted=action in ("delete", "restore")
        )
        match action:
            case "regenerate":
                await regenerate(request, conversation, message)
            case "stop":
                studio.stop(message, version)
            case "choose":
                await studio.choose(conversation, message, version or 0)
            case "delete":
                await studio.delete(conversation, message, version)
            case "restore":
                await studio.restore(conversation, message, version)
            case _:
                raise NotFound("There is no such action: reload the page.")
        return JSONResponse({})

    async def older(request: Request) -> Response:
        conversation = await open_conversation(request)
        before = _message(conversation, request.query_params.get("before", ""), deleted=True)
        messages, more = last_messages(conversation, before)
        return JSONResponse({"messages": [shown(one, page.show) for one in messages], "more": more})

    async def show_details(request: Request) -> Response:
        message = _message(await open_conversation(request), request.path_params["message"])
        version = _version(request)
        known = message.main if version is None else message.version(version)
        if known is None or known.deleted is not None:
            raise NotFound("This picture has no such version: reload the page.")
        return JSONResponse(details(message, known))

    async def offer(request: Request) -> Response:
        chosen, who = request.query_params, await visitors.of(request)
        provider = chosen.get("provider", "")
        is_theirs = who.providers is None or provider in who.providers
        changes = is_theirs and page.offer(provider, chosen.get("model"), owner=who.is_owner)
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
        Route("/limner/threads/{thread}/messages", older),
        Route("/limner/threads/{thread}/messages/{message}/details", show_details),
        Route("/limner/threads/{thread}/price", price, methods=["POST"]),
        Route("/limner/threads/{thread}/pictures", upload, methods=["POST"]),
        Route("/limner/threads/{thread}/messages/{message}/{action}", act, methods=["POST"]),
    ]


def _begun(conversation: Conversation, message: Message) -> Begun:
    return Begun(conversation.id, message.id, message.versions[-1].turn)


def _message(conversation: Conversation, id: str, *, deleted: bool = False) -> Message:
    """Returns a message, which may be deleted only if that is said; raises NotFound."""
    message = conversation.get(id)
    if message is None or (message.deleted is not None and not deleted):
        raise NotFound("This message no longer exists: reload the page.")
    return message


def _version(request: Request) -> int | None:
    """Reads the number of a version from the address; 0, which none has, for what is no number."""
    number = request.query_params.get("version")
    return None if number is None else whole_number(number)


def _new_seed(asked: str | None) -> bool | None:
    """Reads whether Regenerate draws a new seed in place of a fixed one; None if that is not said."""
    if asked not in (None, "new", "same"):
        raise Rejected("The parameter seed of regenerate must be new or same, or be left out.")
    return None if asked is None else asked == "new"
