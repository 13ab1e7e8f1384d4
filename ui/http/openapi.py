"""`/openapi.json`: the doors for other programs, as their tools read them; `/docs` is for people."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ui.http.api_docs import draw_docs
from ui.http.api_schemas import SCHEMAS
from ui.http.compression import Text
from ui.http.gateway import schema as gateway

_PROBLEMS = {
    400: "The request is wrong.",
    401: "The token, or the key, in `Authorization` is wrong.",
    403: "The request comes from another site, or under another name.",
    404: "There is no such thing, or it is somebody else's.",
    409: "The picture was stopped.",
    410: "The picture is not kept any more.",
    413: "The body is too large.",
    415: "The body is of another type.",
    422: "The content filter refused it, or the `Idempotency-Key` came with another request before.",
    429: "A limit is reached, here or at the service.",
    502: "The service failed.",
    503: "Not at the moment.",
    504: "The service did not answer in time.",
}
_RETRY_AFTER = {
    "description": "In how many seconds to come back.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}


def _problem(status: int) -> dict[str, Any]:
    answer = {"description": _PROBLEMS[status], **_json({"$ref": "#/components/schemas/Problem"})}
    return {**answer, "headers": {"Retry-After": _RETRY_AFTER}} if status in (429, 503) else answer


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _operation(id: str, summary: str, answer: dict[str, Any], *problems: int, **more: Any) -> dict[str, Any]:
    """Returns an operation that answers 200 with a schema, or one of these statuses with a problem."""
    problems_too = {str(status): _problem(status) for status in problems}
    return {"operationId": id, "summary": summary, **more, "responses": {"200": answer, **problems_too}}


_THREAD_ID = {
    "name": "thread",
    "in": "path",
    "required": True,
    "description": "An id from a reply of `/api/image`.",
    "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": (
        "A text of your own: a retry with the same key and body gets the same answer, and is not made again. "
        "Without it, a picture is stopped if the connection closes."
    ),
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
}
_ASKED_TOO_MUCH = (403, 429)
"""What any request may be answered before it is looked at."""

PATHS: dict[str, dict[str, Any]] = {
    "/api/image": {
        "post": _operation(
            "generateImage",
            "Make a picture",
            {"description": "The picture.", **_json({"$ref": "#/components/schemas/ImageReply"})},
            *(400, 401, 409, 410, 413, 415, 422, 502, 503, 504, *_ASKED_TOO_MUCH),
            tags=["Pictures"],
            description="The answer comes when the picture is there, or has failed.",
            parameters=[_IDEMPOTENCY_KEY],
            requestBody={"required": True, **_json({"$ref": "#/components/schemas/ImageRequest"})},
        ),
    },
    "/api/threads/{thread}": {
        "get": _operation(
            "getThread",
            "Read a conversation",
            {
                "description": "Its messages in order, also those that are being made.",
                **_json({"type": "array", "items": {"$ref": "#/components/schemas/ThreadMessage"}}),
            },
            *(401, 404, 503, *_ASKED_TOO_MUCH),
            tags=["Pictures"],
            description=(
                "In the form that assistant-ui takes. A conversation with an owner is theirs alone; one of "
                "`/api/image` has none, so that whoever knows its id may read it."
            ),
            parameters=[_THREAD_ID],
        ),
    },
    "/api/providers": {
        "get": _operation(
            "listProviders",
            "List what there is to choose from",
            {
                "description": "The providers that make pictures for you.",
                **_json({"$ref": "#/components/schemas/Providers"}),
            },
            *(401, 503, *_ASKED_TOO_MUCH),
            tags=["Pictures"],
        ),
    },
    "/api/chat": {
        "post": {
            "operationId": "chat",
            "summary": "Answer a chat of the AI SDK",
            "description": "For `useChat`: its UI message stream, with the picture as a `file` part.",
            "tags": ["Pictures"],
            "requestBody": {"required": True, **_json({"$ref": "#/components/schemas/ChatRequest"})},
            "responses": {
                "200": {
                    "description": "The stream; a picture that fails is an `error` part of it.",
                    "content": {"text/event-stream": {"schema": {"type": "object"}}},  # each event
                },
                **{
                    str(status): {
                        "description": _PROBLEMS[status],
                        "content": {"text/plain": {"schema": {"type": "string", "minLength": 1}}},
                    }
                    for status in (400, 401, 409, 413, 415, 422, 429, 503)
                },
                "403": _problem(403),
            },
        }
    },
    **gateway.PATHS,
    "/healthz": {
        "get": _operation(
            "isAlive",
            "Ask whether the process serves",
            {"description": "It does.", "content": {"text/plain": {"schema": {"const": "ok"}}}},
            tags=["Health"],
        ),
    },
    "/readyz": {
        "get": _operation(
            "isReady",
            "Ask whether it takes work",
            {"description": "It does.", "content": {"text/plain": {"schema": {"const": "ok"}}}},
            503,
            tags=["Health"],
        ),
    },
}
"""What each address takes and answers; a door for other programs adds its own."""

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Limner",
        "version": "1",
        "description": "Makes pictures with any provider. Each failure has a sentence and a category.",
    },
    "servers": [{"url": "./"}],
    "security": [{}, {"token": []}],
    "paths": PATHS,
    "components": {
        "schemas": {**SCHEMAS, **gateway.SCHEMAS},
        "securitySchemes": {
            "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "Who you are: a token of the Hugging Face Hub.",
            }
        },
    },
}

_DOCS_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


def openapi_routes() -> list[Route]:
    """Returns the routes of the document, and of the page that shows it."""
    document, page = Text(json.dumps(DOCUMENT).encode()), Text(draw_docs(DOCUMENT).encode())
    fresh = {"Cache-Control": "no-cache"}

    async def describe(request: Request) -> Response:
        return document.response(request.headers, "application/json", fresh)

    async def show(request: Request) -> Response:
        headers = {**fresh, "Content-Security-Policy": _DOCS_POLICY}
        return page.response(request.headers, "text/html", headers)

    return [Route("/openapi.json", describe), Route("/docs", show)]
