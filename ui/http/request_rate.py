"""How many requests each visitor may send, whatever they ask for: many more than any page does."""

from __future__ import annotations

import re
from collections import OrderedDict
from time import monotonic

from starlette._utils import get_route_path
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from core.chat.failure import duration_words
from core.settings.schema import Settings
from ui.http.requests import problem
from ui.http.visitor import is_owner, network

AT_ONCE = 1_200
"""Requests that one visitor may send at once; behind one address there may be a whole school."""
PER_SECOND = AT_ONCE / 60
"""Requests that they may send again for each second that passes."""
MAX_VISITORS = 50_000
"""Visitors that are remembered; whoever has asked for nothing for longest is forgotten first."""
_COUNTED = re.compile(r"/|/api/.+|/limner/(?!(assets|pictures|thumbnails|previews)/).+")
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
        while len(self._even) > MAX_VISITORS or next(iter(self._even.values())) <= now:
            self._even.popitem(last=False)
        return max(0.0, surplus)


class RequestRateMiddleware:
    """Rejects what a visitor sends beyond that, before anything of it is read; the owner's is not counted."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._behind_proxy = settings.behind_proxy
        self._rate = RequestRate()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what it rejects itself, and passes everything else on."""
        if scope["type"] == "http" and (seconds := self._wait(scope)):
            sentence = f"Too many requests come from your address: try again in {duration_words(seconds)}."
            await problem(sentence, 429, seconds)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _wait(self, scope: Scope) -> float:
        if not (_COUNTED.fullmatch(get_route_path(scope) or "/") or scope["query_string"]):
            return 0
        request = Request(scope)
        if is_owner(request, behind_proxy=self._behind_proxy):
            return 0
        return self._rate.wait(network(request, behind_proxy=self._behind_proxy))
