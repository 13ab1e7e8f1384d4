"""Who sends a request: somebody whom the Hub knows, by a session or a token, or else an address."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from core.chat.failure import Missing
from core.generation.visitor import Visitor
from core.studio import Studio
from ui.http.hub import Hub, HubUser, WrongToken, read_token
from ui.http.requests import problem, reply_rejected
from ui.http.sessions import Sessions
from ui.http.visitor import visitor

_HUBS = re.compile(r"bearer\s+(?P<token>hf_.*)", re.IGNORECASE | re.DOTALL)
"""What other tokens a proxy or a client sends is not for the Hub, and says nothing here."""


class Visitors:
    """Knows the visitors of a studio; belongs to one event loop."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.behind_proxy = studio.settings.behind_proxy
        self.hub, self.sessions = Hub(), Sessions(behind_proxy=self.behind_proxy)

    async def of(self, request: Request) -> Visitor:
        """Returns who sent a request; whoever has signed in gets what they have begun in this browser before.

        A token in the `Authorization` header counts once the Hub has said whose it is. Raises as `Hub.whose`
        does, and Unavailable.
        """
        known = visitor(request, behind_proxy=self.behind_proxy)
        if token := _token(request):
            return _signed_in(known, await self.hub.whose(token, known.name), token)
        session = self.sessions.find(request)
        if session is None:
            return known
        user = _signed_in(known, session.user, session.token)
        if known.key and known.key != session.adopted:
            await self._studio.adopt(known, user)
            session.adopted = known.key
        return user

    async def user(self, request: Request) -> HubUser | None:
        """Returns as whom somebody has signed in; raises as `of` does."""
        if token := _token(request):
            return await self.hub.whose(token, visitor(request, behind_proxy=self.behind_proxy).name)
        session = self.sessions.find(request)
        return session.user if session else None

    async def reply_missing(self, request: Request, error: Exception) -> Response:
        """Answers for what this visitor cannot see; most likely they could while they were signed in."""
        assert isinstance(error, Missing)
        if self.sessions.has_ended(request):
            return problem("Your sign-in has ended: sign in again.", 401)
        return await reply_rejected(request, error)


def key_of(user: HubUser) -> str:
    """Returns the key of somebody's conversations, which is the same in every browser."""
    return hashlib.sha256(f"hugging face {user.id}".encode()).hexdigest()


def _signed_in(known: Visitor, user: HubUser, token: SecretStr) -> Visitor:
    return replace(known, name=f"user {user.id}", key=key_of(user), token=token)


def _token(request: Request) -> SecretStr | None:
    """Returns the Hub's token that a request brings, if any; raises WrongToken if it cannot be one."""
    said = _HUBS.fullmatch(request.headers.get("authorization", "").strip())
    if said is None:
        return None
    if token := read_token(said["token"]):
        return token
    raise WrongToken("This is not a token of the Hugging Face Hub: copy it again, without spaces.")
