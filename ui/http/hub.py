"""The Hugging Face Hub: whose a token is, and the token that somebody's sign-in is worth."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import time
from base64 import urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, cast
from urllib.parse import urlencode

import anyio
from pydantic import SecretStr

from core import Rejected
from core.chat.failure import LimitReached, Unavailable, duration_words
from core.generation.window import Window
from core.storage.database import Hit
from limner import ACCEPTED, ProviderError, parse_reply, read_bounded, shared_async

log = logging.getLogger(__name__)

MOST_WRONG = 30
"""Wrong tokens and codes a minute for which the Hub is asked on behalf of one address."""
RIGHT_SECONDS, WRONG_SECONDS = 300.0, 30.0
"""How long the Hub's answer for a token is taken as known."""
MAX_KNOWN = 2_000
MAX_ANSWER = 1_000_000
"""Bytes."""
_SCOPES = ("openid", "profile", "inference-api")
_HUB = "https://huggingface.co"
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


class WrongToken(Rejected):
    """A token that the Hub does not know, or no longer."""

    status = 401


class SignInRefused(Rejected):
    """A sign-in that the Hub does not accept."""


@dataclass(frozen=True)
class HubUser:
    """Somebody with an account at the Hub."""

    id: str
    """Which stays when they change their name."""
    name: str


@dataclass(frozen=True)
class Grant:
    """What a sign-in is worth: the person's token, and for how many seconds."""

    token: SecretStr
    seconds: float


class Hub:
    """Asks the Hub, and nobody else, with a visitor's token; belongs to one event loop."""

    def __init__(self) -> None:
        self._endpoint = _variable("HF_ENDPOINT") or _HUB
        self._sign_in = _variable("OPENID_PROVIDER_URL") or _HUB
        self._id, self._secret = _variable("OAUTH_CLIENT_ID"), _variable("OAUTH_CLIENT_SECRET")
        self._scopes = " ".join(dict.fromkeys((*_variable("OAUTH_SCOPES").split(), *_SCOPES)))
        self._known: OrderedDict[bytes, tuple[HubUser | None, float]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[HubUser | None]] = {}
        self._wrong = Window(MOST_WRONG, 60)

    @property
    def can_sign_in(self) -> bool:
        """Whether this server is known to the Hub, so that people can sign in."""
        return bool(self._id and self._secret)

    def sign_in_address(self, redirect_uri: str, state: str, verifier: str) -> str:
        """Returns where a person says to the Hub that this server may have a token of theirs."""
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "client_id": self._id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": self._scopes,
            "state": state,
            "code_challenge": urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        return f"{self._sign_in}/oauth/authorize?{urlencode(asked)}"

    async def exchange(self, code: str, verifier: str, redirect_uri: str, address: str) -> Grant:
        """Returns the token for the code that a person comes with; raises as `whose`, or SignInRefused."""
        hit = self._count(address)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect_uri,
            "client_id": self._id,
        }
        address = f"{self._sign_in}/oauth/token"
        _, said = await self._ask("POST", address, data=form, auth=(self._id, self._secret))
        token, seconds = said.get("access_token"), said.get("expires_in")
        if not isinstance(token, str) or not read_token(token):
            raise SignInRefused("The Hugging Face Hub did not accept this sign-in, which may have expired.")
        self._wrong.remove(hit)
        return Grant(SecretStr(token), float(seconds) if isinstance(seconds, int | float) else 3600.0)

    async def whose(self, token: SecretStr, address: str) -> HubUser:
        """Returns whose a token is; wrong ones are counted for the address from which they come.

        Raises WrongToken, LimitReached after too many of them, and Unavailable.
        """
        key = hashlib.sha256(token.get_secret_value().encode()).digest()
        user, until = self._known.get(key, (None, 0.0))
        if until <= time.monotonic():
            asking = self._asking.get(key)
            if asking is None:
                hit = self._count(address)
                asking = self._asking[key] = asyncio.create_task(self._look_up(key, token, hit))
                asking.add_done_callback(partial(self._answered, key))
            user = await asyncio.shield(asking)  # one who leaves does not take it from the others
        if user is None:
            raise WrongToken(
                "The Hugging Face Hub does not know this token: check that it is complete, and not expired."
            )
        return user

    def _count(self, address: str) -> Hit:
        """Counts a token or code before it is known to be wrong, since many may come at once."""
        if seconds := self._wrong.wait(address):
            wait = duration_words(seconds)
            raise LimitReached(f"Too many wrong tokens came from your address: try again in {wait}.", seconds)
        now = time.time()
        hit = Hit(address, now, now + self._wrong.seconds)
        self._wrong.add(hit)
        return hit

    async def _look_up(self, key: bytes, token: SecretStr, hit: Hit) -> HubUser | None:
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"}
        status, said = await self._ask("GET", f"{self._endpoint}/api/whoami-v2", headers=headers)
        user = _user(said) if status == 200 else None
        if user is None and status not in (200, 401, 403):
            raise _unreachable()
        if user:
            self._wrong.remove(hit)
        self._known[key] = user, time.monotonic() + (RIGHT_SECONDS if user else WRONG_SECONDS)
        self._known.move_to_end(key)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return user

    def _answered(self, key: bytes, asking: asyncio.Task[HubUser | None]) -> None:
        del self._asking[key]
        if not asking.cancelled():
            asking.exception()  # which all who waited may have left to nobody

    async def _ask(self, method: str, url: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """Returns the status and the object of an answer, empty if it is none; raises Unavailable."""
        client = await shared_async(_connect, _connect)
        import httpx2

        try:
            with anyio.fail_after(20):
                answer = await client.request(method, url, **more)
            said = await parse_reply(answer.content)
        except (httpx2.HTTPError, httpx2.InvalidURL, ProviderError, TimeoutError) as error:
            log.warning("The Hub could not be asked (%s)", type(error).__name__)
            raise _unreachable() from error
        if answer.status_code >= 500 or answer.status_code == 429:
            log.warning("The Hub answered with the status %d", answer.status_code)
            raise _unreachable()
        return answer.status_code, cast("dict[str, Any]", said) if isinstance(said, dict) else {}


def read_token(text: str) -> SecretStr | None:
    """Returns a text as a token of the Hub; None if it cannot be one, and so is sent nowhere."""
    return SecretStr(text) if re.fullmatch(r"hf_[!-~]{5,4000}", text) else None


def _connect() -> Any:
    import httpx2

    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(10),
        limits=httpx2.Limits(max_connections=20, keepalive_expiry=4),
        follow_redirects=False,  # a token goes nowhere else
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # everybody shares the client
        headers=ACCEPTED,
        event_hooks={"response": [partial(read_bounded, max_bytes=MAX_ANSWER)]},
    )


def _user(said: dict[str, Any]) -> HubUser | None:
    """Reads who the Hub says it is; None for an organisation, and for what cannot be read."""
    id, name = said.get("id"), said.get("name")
    if said.get("type") != "user" or not (isinstance(id, str) and isinstance(name, str)):
        return None
    return HubUser(id, name[:100]) if _ID.fullmatch(id) and name else None


def _unreachable() -> Unavailable:
    return Unavailable("The Hugging Face Hub cannot be reached to check who you are: try again in a moment.")


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip().rstrip("/")
