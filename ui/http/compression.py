"""Compression of texts: of files once, of answers in JSON each time, of pictures and event streams never."""

from __future__ import annotations

import gzip

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FROM_BYTES = 1_000
"""Less is not worth it."""


def takes_gzip(headers: Headers) -> bool:
    """Whether whoever sent a request understands gzip."""
    codings = [coding.strip() for coding in headers.get("accept-encoding", "").lower().split(",")]
    return "gzip" in codings or any(
        coding.startswith("gzip;") and not coding.endswith(("=0", "=0.0")) for coding in codings
    )


class Text:
    """A text that is served again and again, compressed once."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._compressed = gzip.compress(content, 9, mtime=0)

    def response(self, request_headers: Headers, media_type: str, headers: dict[str, str]) -> Response:
        """Returns it as an answer to a request with these headers."""
        headers = {**headers, "Vary": "Accept-Encoding"}
        if takes_gzip(request_headers):
            return Response(self._compressed, 200, {**headers, "Content-Encoding": "gzip"}, media_type)
        return Response(self._content, 200, headers, media_type)


class JSONCompression:
    """Compresses answers in JSON that come in one piece."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything else on as it is."""
        if scope["type"] != "http" or not takes_gzip(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        held: Message | None = None

        async def send_compressed(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _is_plain_json(Headers(raw=message["headers"])):
                held = message
                return
            if held:
                start, held, body = held, None, message.get("body", b"")
                if not message.get("more_body") and len(body) >= FROM_BYTES:
                    body = gzip.compress(body, 4, mtime=0)
                    headers = MutableHeaders(raw=start["headers"])
                    headers["Content-Encoding"], headers["Content-Length"] = "gzip", str(len(body))
                    headers.add_vary_header("Accept-Encoding")
                    message = {**message, "body": body}
                await send(start)
            await send(message)

        await self._app(scope, receive, send_compressed)


def _is_plain_json(headers: Headers) -> bool:
    return headers.get("content-type", "") == "application/json" and "content-encoding" not in headers
