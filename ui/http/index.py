"""The index page: a document of our own, with the page in its first paint, and Gradio's app after it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from starlette._utils import get_route_path
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.settings.schema import Settings
from ui.http.assets import Assets
from ui.http.brand import brand_tags
from ui.http.compression import Text
from ui.http.visitor import is_owner

_FACTS = re.compile(r"<script>\s*window\.gradio_\w+ = .*?</script>", re.DOTALL)
_START = re.compile(r'<script type="module"[^>]* src="(?P<address>[\w./@+-]+)"')
_ROOT = re.compile(r'"root": ?"(?P<url>[^"\\]*)"')
_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
{base}{head}
<style>gradio-app:not(:has(#limner)) {{ display: none; }}</style>
</head>
<body>
{first_paint}
<gradio-app embed="false" eager="true"></gradio-app>
{facts}
{start}
</body>
</html>
"""
"""Gradio's app shows nothing but the page: not its logo while it loads."""
_STARTING = """<script>
window.__gradio_mode__ = "app";
let isCutOff = false;
addEventListener("vite:preloadError", (event) => {{
  isCutOff = true;
  event.preventDefault();
}});
addEventListener("unhandledrejection", (event) => isCutOff && event.preventDefault());
// by an address in lower case at hf.space, Gradio would ask the Hub whether the Space runs
const place = location.protocol + "//" + location.host.toUpperCase() + location.pathname;
document.querySelector("gradio-app").setAttribute("src", place);
addEventListener("load", () => setTimeout(() => import("{address}")));
</script>"""
"""Gradio's scripts wait until the page can be used; one that is cut off by leaving breaks others, unseen."""


class IndexPage(Protocol):
    """What the index page shows before Gradio's scripts have loaded; `address` gives that of a file."""

    folder: Path

    def head(self, address: Callable[[str], str]) -> str:
        """Returns what goes into the head."""
        ...

    def first_paint(self, address: Callable[[str], str], *, owner: bool) -> str:
        """Returns what goes into the body."""
        ...


class IndexMiddleware:
    """Answers for the index with our own document, which takes from Gradio's what its scripts need."""

    def __init__(self, app: ASGIApp, page: IndexPage, assets: Assets, settings: Settings) -> None:
        self._app = app
        self._head = f"{brand_tags(assets, settings.public_url)}\n{page.head(assets.address)}"
        self._paints = {owner: page.first_paint(assets.address, owner=owner) for owner in (True, False)}
        self._behind_proxy = settings.behind_proxy
        self._document = lru_cache(maxsize=16)(self._draw)  # Gradio's depends on the server's address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything but the index on as it is."""
        if scope["type"] != "http" or get_route_path(scope) not in ("", "/"):
            await self._app(scope, receive, send)
            return
        owner = is_owner(Request(scope), behind_proxy=self._behind_proxy)
        start: Message = {}
        body = bytearray()

        async def rewrite(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            if start["status"] != 200:
                await send(start)
                await send({"type": "http.response.body", "body": bytes(body)})
                return
            document = self._document(bytes(body), owner)
            answer = document.response(Headers(scope=scope), "text/html", {"Cache-Control": "no-cache"})
            for name, value in Headers(raw=start["headers"]).items():
                if name not in ("content-length", "content-type", "content-encoding"):
                    answer.headers.append(name, value)
            await answer(scope, receive, send)

        plain = MutableHeaders(raw=[*scope["headers"]])
        del plain["accept-encoding"]
        await self._app({**scope, "headers": plain.raw}, receive, rewrite)

    def _draw(self, html: bytes, owner: bool) -> Text:
        gradios = html.decode()
        start, root = _START.search(gradios), _ROOT.search(gradios)
        path = urlsplit(root["url"]).path.strip("/") if root else ""  # below which a proxy serves the page
        document = _DOCUMENT.format(
            base=f'<base href="/{escape(path)}/">\n' if path else "",
            head=self._head,
            first_paint=self._paints[owner],
            facts="\n".join(_FACTS.findall(gradios)),
            start=_STARTING.format(address=start["address"]) if start else "",
        )
        return Text(document.encode())
