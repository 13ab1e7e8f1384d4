"""How many requests each visitor may send, whatever they ask for: many more than any page does."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from time import monotonic

from starlette._utils import get_route_path
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from core.chat.failure import duration_words
from core.settings.schema import Settings
from ui.http.refusals import refusal
from ui.http.requests import A_MOMENT
from ui.http.visitor import is_owner, network

AT_ONCE = 1_200
"""Requests that one visitor may send at once; behind one address there may be a whole school."""
PER_SECOND = AT_ONCE / 60
"""Requests that they may send again for each second that passes."""
MAX_SERVED = 64
"""Requests of one visitor that are served at once: the others would wait before those of other visitors."""
MAX_VISITORS = 50_000
"""Visitors that are remembered; whoever has asked for nothing for longest is forgotten first."""
_COUNTED = re.compile(
    r"/|/config|/mcp|/(api|v1)/.+|/gradio_api/(?!file=).+"
    r"|/limner/(?!(files|pictures|thumbnails|previews)/).+"
)
"""Not the files, of which a page shows many, unless a query asks for a copy to save."""


class RequestRate:
    """Counts the requests of each visitor, in a few bytes: when all of them will be made up for."""

    def __init__(self) -> None:
        self._even: OrderedDict[str, float] = OrderedDict()

    def wait(self, visitor: str) -> float:
        """Counts a request and returns 0, or, if it is one too many, the seconds until the next may come."""
        now = monotonic()
        even = max(now, self._even.pop(visitor, now)) + 1 / PER_SECOND
        surplus = even - now - AT_ONCE / PER_SECOND
        self._even[visitor] = even if surplus <= 0 else even - 1 / PER_SECOND
        while self._even and (len(self._even) > MAX_VISITORS or next(iter(self._even.values())) <= now):
            self._even.popitem(last=False)
        return max(0.0, surplus)


class RequestRateMiddleware:
    """Rejects what a visitor sends beyond that, before anything of it is read; the owner's is not counted.

    Streams of events, which stay, have places of their own.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._behind_proxy = settings.behind_proxy
        self._rate = RequestRate()
        self._served: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what it rejects itself, and passes everything else on."""
        visitor = self._visitor(scope)
        if visitor is None:
            await self._app(scope, receive, send)
        elif seconds := self._rate.wait(visitor):
            sentence = f"Too many requests come from your address: try again in {duration_words(seconds)}."
            await refusal(scope, sentence, 429, seconds)(scope, receive, send)
        elif scope["path"].endswith("/events"):
            await self._app(scope, receive, send)
        elif self._served[visitor] >= MAX_SERVED:
            sentence = "Too many requests come from your address at once: try again in a moment."
            await refusal(scope, sentence, 429, A_MOMENT)(scope, receive, send)
        else:
            self._served[visitor] += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._served[visitor] -= 1
                if not self._served[visitor]:
                    del self._served[visitor]

    def _visitor(self, scope: Scope) -> str | None:
        """Returns whose request is counted; None if it is not."""
        if scope["type"] != "http":
            return None
        if not (_COUNTED.fullmatch(get_route_path(scope) or "/") or scope["query_string"]):
            return None
        request = Request(scope)
        if is_owner(request, behind_proxy=self._behind_proxy):
            return None
        return network(request, behind_proxy=self._behind_proxy)
