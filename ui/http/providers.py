"""`GET /api/providers`: what a visitor can choose from, as plain facts for other programs.

An assistant that asks the tool `list_providers` is told the same.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.offered import offered
from core.studio import Studio
from ui.http.visitors import Visitors

_NEVER_KEPT = {"Cache-Control": "no-store"}
"""A sign-in, a key or a setting changes the answer."""


def providers_route(studio: Studio, visitors: Visitors) -> Route:
    """Returns the route: it answers the providers that make pictures for a visitor, in the page's order."""

    async def show(request: Request) -> Response:
        return JSONResponse(offered(studio, await visitors.of(request)), headers=_NEVER_KEPT)

    return Route("/api/providers", show)
