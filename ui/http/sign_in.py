"""The routes with which a person signs in with Hugging Face, so that pictures are made on their credits.

It is OpenID Connect's code flow with PKCE. What the person's browser must bring back lies in a cookie of a
few minutes; the token stays on the server.
"""

from __future__ import annotations

import os
import re
import secrets
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from core import Rejected
from core.settings.schema import Settings
from ui.http.hub import SignInRefused
from ui.http.requests import THREAD_ID, NotFound
from ui.http.sessions import session_cookie
from ui.http.streams import Streams
from ui.http.visitor import is_https, only_ours, visitor
from ui.http.visitors import Visitors, key_of

BEGUN_COOKIE = "limner_sign_in"
"""The state and code verifier of the sign-in that a browser has begun last, and the conversation it left."""
_BEGUN = re.compile(
    rf"(?P<state>[\w-]{{43}})\.(?P<verifier>[\w-]{{64}})(?:\.(?P<conversation>{THREAD_ID.pattern}))?"
)
_SECONDS = 600
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sign in</title>
<style>body {{ font: 1rem/1.5 sans-serif; margin: 20vh auto; max-width: 30rem; padding: 0 1rem; }}</style>
<h1>You are not signed in</h1>
<p>{sentence}</p>
<p><a href="sign-in{conversation}">Sign in again</a> or <a href="../{conversation}">go back</a></p>
</html>
"""


def sign_in_routes(settings: Settings, visitors: Visitors, streams: Streams) -> list[Route]:
    """Returns the routes; where people cannot sign in, `account` says so, and the others are not there."""
    hub, sessions = visitors.hub, visitors.sessions

    def secure(request: Request) -> str:
        return "; Secure" if is_https(request, behind_proxy=settings.behind_proxy) else ""

    def begun_cookie(request: Request) -> str:
        return only_ours(BEGUN_COOKIE, request, behind_proxy=settings.behind_proxy)

    async def account(request: Request) -> Response:
        user = await visitors.user(request)
        shown = {"signIn": hub.can_sign_in, "user": {"name": user.name} if user else None}
        return JSONResponse(shown, headers={"Cache-Control": "no-store"})

    async def sign_in(request: Request) -> Response:
        if not hub.can_sign_in:
            raise NotFound("Nobody can sign in here: the owner has not set OAUTH_CLIENT_ID.")
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        answer = RedirectResponse(hub.sign_in_address(redirect_uri(request), state, verifier), 303)
        answer.headers["Cache-Control"] = "no-store"
        kept = f"HttpOnly; Path=/; Max-Age={_SECONDS}; SameSite=Lax{secure(request)}"
        asked = request.query_params.get("c", "")
        left = f".{asked}" if THREAD_ID.fullmatch(asked) else ""
        answer.headers["Set-Cookie"] = f"{begun_cookie(request)}={state}.{verifier}{left}; {kept}"
        return answer

    async def signed_in(request: Request) -> Response:
        begun = _BEGUN.fullmatch(request.cookies.get(begun_cookie(request), ""))
        conversation = f"?c={begun['conversation']}" if begun and begun["conversation"] else ""
        try:
            answer: Response = RedirectResponse(f"../{conversation}", 303)
            secret = await begin_session(request, begun)
            cookie = session_cookie(request, secret, behind_proxy=settings.behind_proxy)
            answer.headers.append("Set-Cookie", cookie)
        except Rejected as error:
            page = _PAGE.format(sentence=escape(str(error)), conversation=conversation)
            answer = HTMLResponse(page, error.status)
        answer.headers["Cache-Control"] = "no-store"
        used = f"{begun_cookie(request)}=; HttpOnly; Path=/; Max-Age=0; SameSite=Lax{secure(request)}"
        answer.headers.append("Set-Cookie", used)
        return answer

    async def begin_session(request: Request, begun: re.Match[str] | None) -> str:
        """Returns the secret of a new session for the person who comes back from the Hub."""
        said = request.query_params
        state = said.get("state", "").encode()
        if begun is None or not secrets.compare_digest(begun["state"].encode(), state):
            raise SignInRefused("This sign-in began in another browser or tab, or more than ten minutes ago.")
        if said.get("error") == "access_denied":
            raise SignInRefused("You did not let this page use your Hugging Face account.")
        if not (code := said.get("code")):
            raise SignInRefused("The Hugging Face Hub refused this sign-in.")
        address = visitor(request, behind_proxy=settings.behind_proxy).name
        grant = await hub.exchange(code, begun["verifier"], redirect_uri(request), address)
        user = await hub.whose(grant.token, address)
        sessions.close(request)
        return sessions.open(user, grant)

    async def sign_out(request: Request) -> Response:
        """Signs out in this browser; open streams end, and others of this person's begin anew."""
        session = sessions.find(request)
        sessions.close(request)
        if session:
            streams.end(key_of(session.user))
        cookie = session_cookie(request, None, behind_proxy=settings.behind_proxy)
        return JSONResponse({}, headers={"Set-Cookie": cookie, "Cache-Control": "no-store"})

    def redirect_uri(request: Request) -> str:
        """Returns where the Hub sends the browser back to: the address that it knows this server by."""
        space = os.environ.get("SPACE_HOST", "").partition(",")[0].strip()  # custom domains come after it
        if space:
            return f"https://{space}/limner/signed-in"
        if settings.public_url:
            return f"{settings.public_url.rstrip('/')}/limner/signed-in"
        scheme = "https" if is_https(request, behind_proxy=settings.behind_proxy) else "http"
        headers = request.headers
        host = headers.get("x-forwarded-host") or headers.get("host")  # only a proxy's is here
        return f"{scheme}://{host}{request.scope.get('root_path', '')}/limner/signed-in"

    return [
        Route("/limner/account", account),
        Route("/limner/sign-in", sign_in),
        Route("/limner/signed-in", signed_in),
        Route("/limner/sign-out", sign_out, methods=["POST"]),
    ]
