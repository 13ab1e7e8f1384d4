"""Other sites' pages that the owner lets call the API from a browser, as strangers: without cookies."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.responses import Response

from core.settings.schema import Settings

_API = re.compile(r"/(api|v1)/.+|/mcp/?|/openapi\.json|/limner/(pictures|thumbnails)/.+")
"""What such a page may ask for: nothing that belongs to the page of Limner itself."""
_METHODS = "GET, POST, DELETE"
_HEADERS = (
    *("authorization", "content-type", "idempotency-key"),
    *("openai-organization", "openai-project"),
    *("mcp-session-id", "mcp-protocol-version", "last-event-id"),
)
_OF_OPENAIS_SDK = re.compile(r"x-stainless-[a-z-]{1,40}")
_EXPOSED = "Retry-After, Mcp-Session-Id"
_SECONDS = 7200
"""For which a browser asks no more whether it may; none keeps an answer for longer."""


class Origins:
    """The origins of the setting of that name, and what their pages' browsers are told.

    They are never told that they may send credentials, so that no page uses somebody's session or cookie.
    """

    def __init__(self, settings: Settings) -> None:
        self._origins = frozenset(settings.origins)
        self._all = "*" in self._origins

    def allow(self, headers: Headers, path: str) -> bool:
        """Whether a request comes from such a page, and asks for something of the API."""
        origin = headers.get("origin")
        return bool(origin) and (self._all or origin in self._origins) and bool(_API.fullmatch(path))

    def headers(self, headers: Headers, path: str) -> dict[str, str]:
        """Returns what the answer to a request says about who may read it."""
        if self._all and _API.fullmatch(path):
            return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _EXPOSED}
        if self.allow(headers, path):
            allowed = headers["origin"]
            return {
                "Access-Control-Allow-Origin": allowed,
                "Access-Control-Expose-Headers": _EXPOSED,
                "Vary": "Origin",
            }
        return {"Vary": "Origin"} if self._origins and _API.fullmatch(path) else {}

    def permit(self, headers: Headers) -> Response:
        """Returns the answer to a browser that asks whether a page may send a request."""
        asked = headers.get("access-control-request-headers", "").lower().split(",")
        of_the_sdk = [name for name in map(str.strip, asked) if _OF_OPENAIS_SDK.fullmatch(name)]
        permission = {
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": ", ".join([*_HEADERS, *of_the_sdk[:20]]),
            "Access-Control-Max-Age": str(_SECONDS),
            "Vary": "Access-Control-Request-Headers",
        }
        return Response(status_code=204, headers=permission)
