"""Who has signed in, in which browser: in this process's memory alone, which a restart forgets."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr
from starlette.requests import Request

from ui.http.hub import Grant, HubUser
from ui.http.visitor import only_ours, same_site_attributes

COOKIE = "limner_session"
MAX_SESSIONS, MAX_OF_ONE_USER = 10_000, 10
"""The oldest are signed out for newer ones."""
LONGEST = 12 * 3600.0
"""Seconds."""
_SECRET = re.compile(r"[\w-]{43}")


@dataclass
class Session:
    """One browser in which somebody has signed in."""

    user: HubUser
    token: SecretStr
    until: float
    adopted: str | None = None
    """The visitor's key whose conversations the user has got; one browser may come with several in turn."""


class Sessions:
    """The sessions of all browsers; belongs to one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, behind_proxy: bool = False) -> None:
        self._clock = clock
        self._behind_proxy = behind_proxy
        self._open: dict[bytes, Session] = {}  # by a digest of the secret; the oldest first

    def open(self, user: HubUser, grant: Grant) -> str:
        """Opens a session for as long as the token works, and returns the secret of its cookie."""
        now = self._clock()
        self._open = {key: one for key, one in self._open.items() if one.until > now}
        of_user = [key for key, one in self._open.items() if one.user.id == user.id]
        if len(of_user) >= MAX_OF_ONE_USER:
            del self._open[of_user[0]]
        elif len(self._open) >= MAX_SESSIONS:
            del self._open[next(iter(self._open))]
        secret = secrets.token_urlsafe(32)
        self._open[_digest(secret)] = Session(user, grant.token, now + min(grant.seconds, LONGEST))
        return secret

    def find(self, request: Request) -> Session | None:
        """Returns the session of the browser that sent a request; None if there is none, or not any more."""
        session = self._open.get(_digest(self._secret(request)))
        return session if session and session.until > self._clock() else None

    def has_ended(self, request: Request) -> bool:
        """Whether somebody had signed in, in a session that is over."""
        return bool(_SECRET.fullmatch(self._secret(request))) and self.find(request) is None

    def close(self, request: Request) -> None:
        """Signs the browser out that sent a request."""
        self._open.pop(_digest(self._secret(request)), None)

    def _secret(self, request: Request) -> str:
        return request.cookies.get(only_ours(COOKIE, request, behind_proxy=self._behind_proxy), "")


def session_cookie(request: Request, secret: str | None, *, behind_proxy: bool) -> str:
    """Returns the header that gives a browser its session, or takes it away.

    It is not partitioned: somebody who signs in in a tab is signed in in the Hub's frame too, where the
    browser lets the frame have it.
    """
    value, age = (secret, "") if secret else ("", "Max-Age=0; ")
    same_site = same_site_attributes(request, behind_proxy=behind_proxy)
    name = only_ours(COOKIE, request, behind_proxy=behind_proxy)
    return f"{name}={value}; HttpOnly; Path=/; {age}{same_site}"


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
