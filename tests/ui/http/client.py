"""A client of the routes, without a network: a scripted provider behind all that the server puts in front."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware

from core.chat.failure import Missing, Rejected
from core.chat.message import Message
from core.chat.request import UserRequest
from core.generation.visitor import Visitor
from core.studio import Studio
from tests.core.scripted import CONVERSATION, ScriptedProvider, studio_of
from ui.http.ai_stream import chat_route
from ui.http.api import image_route
from ui.http.archives import archive_routes
from ui.http.bodies import Bodies
from ui.http.conversations import conversation_routes
from ui.http.gateway.routes import gateway_routes
from ui.http.gradio_routes import gradio_routes
from ui.http.health import health_routes
from ui.http.idempotency import IdempotencyKeys
from ui.http.mcp import mcp_route
from ui.http.middleware import SecurityMiddleware
from ui.http.openapi import openapi_routes
from ui.http.pictures import picture_routes
from ui.http.providers import providers_route
from ui.http.refusals import reply_not_found, reply_wrong_method
from ui.http.request_rate import RequestRateMiddleware
from ui.http.requests import reply_rejected
from ui.http.routes import page_routes
from ui.http.sign_in import sign_in_routes
from ui.http.streams import Streams
from ui.http.threads import thread_route
from ui.http.visitors import Visitors
from ui.page.archive import draw_archive

Client = httpx.AsyncClient

FOX = {"prompt": "a fox"}
MESSAGES = f"/limner/threads/{CONVERSATION}/messages"
PICTURES = f"/limner/threads/{CONVERSATION}/pictures"


class OnlyPrompts:
    """What the routes need of the page."""

    def draw_archive(self, messages: Any, paths: Any) -> Any:
        return draw_archive(messages, paths)

    def read(self, values: Any) -> list[UserRequest]:
        count = values.get("count", 1)
        asked = {name: value for name, value in values.items() if name not in ("images", "mask", "count")}
        return [UserRequest(**asked) for _ in range(count)]

    def offer(self, provider: str, model: str | None, *, owner: bool) -> dict[str, Any]:
        return {"provider": provider, "owner": owner}

    def show(self, message: Message) -> dict[str, Any]:
        return {"id": message.id, "position": message.created, "versions": len(message.versions)}


@asynccontextmanager
async def open_app(
    folder: Path, scripted: ScriptedProvider, **settings: Any
) -> AsyncIterator[tuple[Starlette, Studio]]:
    """Opens an application with all routes, and the studio behind it."""
    async with studio_of(folder, scripted, **settings) as studio:
        keys, bodies, visitors, streams = (
            IdempotencyKeys(studio.store.begun),
            Bodies(),
            Visitors(studio),
            Streams(),
        )
        page: Any = OnlyPrompts()
        routes = [
            image_route(studio, keys, bodies, visitors),
            *gateway_routes(studio, keys, bodies, visitors),
            mcp_route(studio, bodies, visitors),
            thread_route(studio, visitors),
            providers_route(studio, visitors),
            *openapi_routes(),
            chat_route(studio, bodies, visitors),
            *gradio_routes(studio, bodies, visitors),
            *picture_routes(studio),
            *conversation_routes(studio, bodies, visitors),
            *page_routes(studio, page, keys, bodies, visitors, streams),
            *archive_routes(studio, page, keys, bodies, visitors),
            *sign_in_routes(studio.settings, visitors, streams),
            *health_routes(studio),
        ]
        app = Starlette(
            routes=routes,
            exception_handlers={
                Missing: visitors.reply_missing,
                Rejected: reply_rejected,
                404: reply_not_found,
                405: reply_wrong_method,
            },
            middleware=[
                Middleware(SecurityMiddleware, studio.settings),
                Middleware(RequestRateMiddleware, studio.settings),
            ],
        )
        yield app, studio


@asynccontextmanager
async def open_client(
    folder: Path, scripted: ScriptedProvider, address: str = "127.0.0.1", **settings: Any
) -> AsyncIterator[tuple[Client, Studio]]:
    async with open_app(folder, scripted, **settings) as (app, studio):
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with Client(transport=transport, base_url="http://localhost", timeout=30) as client:
            yield client, studio


def who(client: Client) -> Visitor:
    """Returns the visitor that a client is after its first request, in the studio's terms."""
    return Visitor("client", key=hashlib.sha256(client.cookies["limner_visitor"].encode()).hexdigest())


async def sent(client: Client, data: Any, filename: str = "photo.png", to: str = PICTURES) -> httpx.Response:
    """Brings a picture into the conversation as the page does."""
    headers = {"Content-Type": "application/octet-stream"}
    return await client.post(to, params={"filename": filename}, content=data, headers=headers)
