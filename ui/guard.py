"""What gradio leaves open, closed: an ASGI middleware in front of the whole application."""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.visitor import is_foreign

LARGEST_BODY = 1_000_000
"""Bytes; the page sends prompts and options, never files."""

_CLOSED = re.compile(r"^(/gradio_api)?/(file=https?:|proxy=|upload\b)", re.IGNORECASE)
"""Gradio would serve other hosts' pages as ours through the first two, and take files through the last."""

_POLICY = "; ".join(
    (
        "default-src 'self'",
        # gradio compiles its listeners and templates in the page, and starts from inline scripts
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "base-uri 'self'",
        "form-action 'self'",
        "object-src 'none'",
    )
)


class Guard:
    """Refuses what nobody needs, hides a visitor's sign-in from other sites, and sets a policy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a refusal itself and passes everything else on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if _CLOSED.match(scope["path"].removeprefix(scope.get("root_path", ""))):
            await PlainTextResponse("Not found", 404)(scope, receive, send)
            return
        if "transfer-encoding" in headers or int(headers.get("content-length") or 0) > LARGEST_BODY:
            await PlainTextResponse("Too large, or of unknown length", 413)(scope, receive, send)
            return
        if is_foreign(headers):
            scope = {**scope, "session": {}, "headers": [h for h in scope["headers"] if h[0] != b"cookie"]}

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.setdefault("X-Content-Type-Options", "nosniff")
                answer.setdefault("Referrer-Policy", "same-origin")
                answer.setdefault("Content-Security-Policy", _POLICY)
            await send(message)

        await self._app(scope, receive, send_with_policy)
