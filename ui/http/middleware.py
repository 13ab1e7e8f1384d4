"""The ASGI middleware in front of everything: only known paths, own names and own pages pass."""

from __future__ import annotations

import logging
import os
import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette._utils import get_route_path
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.settings.schema import Settings
from ui.http.connection import HIDDEN
from ui.http.origins import Origins
from ui.http.refusals import NOTHING_HERE, refusal
from ui.http.visitor import cookie_header, has_cookie, is_foreign

log = logging.getLogger(__name__)

_WITH_COOKIE = re.compile(r"/|/limner/(threads/.+|conversations|offer|import)")
"""What gives a visitor their cookie: nothing that a cache may keep."""
_FROM_THE_HUB = "/limner/signed-in"
"""Where the Hub sends a browser back to, with the cookie of the sign-in that it has begun here."""
_PROBES = re.compile(r"/(healthz|readyz)")
"""What says nothing of anybody, and is asked under whatever name an orchestrator has for a machine."""
_GRADIO_CLIENT = re.compile(
    r"/config|/gradio_api/(info|queue/(join|data)|cancel)"
    r"|/gradio_api/file=limner/pictures/[\w.]{1,100}/[^/]{1,200}"
)
"""What a client of Gradio's asks for, which Limner answers itself."""
_FOR_PROGRAMS = re.compile(r"/api/(image|chat|providers|threads/[^/]+)|/openapi\.json|/docs|/v1/.*|/mcp")
_OURS = re.compile("|".join((r"/limner/.+", _FOR_PROGRAMS.pattern, _GRADIO_CLIENT.pattern, _PROBES.pattern)))
_GRADIOS = re.compile(
    r"/|/(assets|static)/[\w.@+-]{1,100}(/[\w.@+-]{1,100}){0,5}"
    r"|/(theme\.css|favicon\.ico|manifest\.json|robots\.txt)"
    r"|/gradio_api/startup-events"  # gradio asks itself for this one while it starts
)
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(:\d{1,5})?", re.IGNORECASE)
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa", ".lan")
"""Ends of names that nobody can register on the internet, so that no other site can have them."""
_HUB = " https://huggingface.co https://*.huggingface.co https://hf.co"


def content_policy(images: str | None = None) -> dict[str, str]:
    """Returns the directives of the page's Content-Security-Policy, with another origin of pictures."""
    return {
        "default-src": "'self'",
        # gradio compiles its listeners and templates in the page, and starts from inline scripts
        "script-src": "'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": f"'self' data: blob: {images or ''}".strip(),
        "font-src": "'self' data:",
        "connect-src": "'self' data: blob:",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'self'" + (_HUB if "SPACE_ID" in os.environ else ""),
        "object-src": "'none'",
    }


class SecurityMiddleware:
    """Rejects unknown paths, foreign host names, and changes that another site's page asks for.

    Whatever passes is answered with a content policy. Gradio gets no query, in which it looks for links
    into its cache, and learns the server's address only from `Host`, or from a proxy in the settings.
    """

    def __init__(self, app: ASGIApp, settings: Settings, images: str | None = None) -> None:
        self._app = app
        self._settings = settings
        self._origins = Origins(settings)
        self._names = {*settings.hosts, urlsplit(settings.public_url or "").hostname}
        policy = content_policy(images).items()
        self._policy = "; ".join(f"{directive} {sources}" for directive, sources in policy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what it rejects itself, with one line in the log, and passes everything else on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        scope = _below_its_root({**scope, "headers": [*scope["headers"], *scope.get(HIDDEN, [])]})
        headers, path = Headers(scope=scope), get_route_path(scope)
        readers, cookie = self._origins.headers(headers, path), None

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.setdefault("X-Content-Type-Options", "nosniff")
                answer.setdefault("Referrer-Policy", "same-origin")
                answer.setdefault("Content-Security-Policy", self._policy)
                answer.raw.extend((name.lower().encode(), value.encode()) for name, value in readers.items())
                if cookie:
                    answer.append("Set-Cookie", cookie)
            await send(message)

        rejection = self._rejection(scope)
        if rejection:
            status, sentence = rejection
            method = scope.get("method", "a web socket")
            log.info("Rejected %.20s %.80r: %s", method, scope["path"], sentence)
            await refusal(scope, sentence, status)(scope, receive, send_with_policy)
            return
        if "access-control-request-method" in headers:
            await self._origins.permit(headers)(scope, receive, send_with_policy)
            return
        if _GRADIOS.fullmatch(path):
            scope = {**scope, "query_string": b""}
        unwanted = {b"x-gradio-server"}
        if not (self._settings.behind_proxy and _HOST.fullmatch(headers.get("x-forwarded-host", ""))):
            unwanted.add(b"x-forwarded-host")
        foreign, request = self._is_foreign(headers), Request(scope)
        is_page = path == "/"  # which renews it
        wants_cookie = _WITH_COOKIE.fullmatch(path) and (is_page or not has_cookie(request))
        if wants_cookie and not foreign:
            cookie = cookie_header(request, behind_proxy=self._settings.behind_proxy)
        if foreign and path != _FROM_THE_HUB:
            unwanted.add(b"cookie")
            scope = {**scope, "session": {}}
        scope = {**scope, "headers": [header for header in scope["headers"] if header[0] not in unwanted]}
        try:
            await self._app(scope, receive, send_with_policy)
        except ClientDisconnect:
            log.info("A client went away in the middle of its request")

    def _rejection(self, scope: Scope) -> tuple[int, str] | None:
        """Returns the status and the sentence for a request that may not pass."""
        headers = Headers(scope=scope)
        path = get_route_path(scope)
        if scope["type"] != "http" or not _is_known(path):
            return 404, NOTHING_HERE
        host = _HOST.fullmatch(headers.get("host", "localhost"))
        if host is None:
            return 400, "The Host header of this request is not the name of a server."
        is_checked = not self._settings.behind_proxy and not _PROBES.fullmatch(path)
        if is_checked and not self._is_own_name(host["name"].lower().rstrip(".")):
            return 403, (
                "Limner does not answer under this name: its owner can add it to the setting hosts "
                "(LIMNER_HOSTS), or set behind_proxy if there is a proxy in front."
            )
        if self._origins.allow(headers, path):
            return None
        if "access-control-request-method" in headers:  # this page's own requests need no permission
            return (
                403,
                "Other sites may not use this: its owner can add their origins to the setting origins.",
            )
        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and self._is_foreign(headers):
            return 403, (
                "This request comes from another site, or through a proxy that changes its Host: then set "
                "behind_proxy (LIMNER_BEHIND_PROXY), or let the proxy pass Host on."
            )
        return None

    def _is_foreign(self, headers: Headers) -> bool:
        settings = self._settings
        return is_foreign(headers, behind_proxy=settings.behind_proxy, public_url=settings.public_url)

    def _is_own_name(self, name: str) -> bool:
        """Whether a name can be this machine's: an address, a local name, or one that the settings have.

        Any other may be that of a site whose owner lets it lead here, so that its pages could use Limner.
        """
        if "." not in name.strip("[]") or name.endswith(_LOCAL_NAMES) or name in self._names:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True


def _is_known(path: str) -> bool:
    return bool(_OURS.fullmatch(path) or _GRADIOS.fullmatch(path))


def _below_its_root(scope: Scope) -> Scope:
    """Puts the path below which a proxy serves Limner before the request's own, if the proxy took it off.

    That is told by what is left without it: `/limner/threads/1` below `/limner` was not sent on whole.
    """
    root, path = scope.get("root_path", ""), scope["path"]
    if not root:
        return scope
    below = path[len(root) :] or "/" if path == root or path.startswith(f"{root}/") else ""
    return {**scope, "path": root + (below if _is_known(below) else path)}
