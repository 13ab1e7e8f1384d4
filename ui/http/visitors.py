"""Who sends a request: a client by its key, somebody whom the Hub knows, or else an address."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from core import Rejected
from core.chat.failure import Missing
from core.generation.visitor import Visitor, visitor_of_client
from core.settings.clients import hash_of
from core.studio import Studio
from ui.http.hub import Hub, HubUser, WrongToken, read_token
from ui.http.requests import problem, reply_rejected
from ui.http.sessions import Sessions
from ui.http.visitor import client_key, visitor

_HUBS = re.compile(r"bearer\s+(?P<token>hf_.*)", re.IGNORECASE | re.DOTALL)
"""What other tokens a proxy or a client sends is not for the Hub, and says nothing here."""


class WrongKey(Rejected):
    """A key in the form of a client's that is nobody's here."""

    status = 401


class Visitors:
    """Knows the visitors of a studio; belongs to one event loop."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.behind_proxy = studio.settings.behind_proxy
        self.hub, self.sessions = Hub(), Sessions(behind_proxy=self.behind_proxy)

    async def of(self, request: Request) -> Visitor:
        """Returns who sent a request; whoever has signed in gets what they have begun in this browser before.

        The key of a client in the `Authorization` header stands over all else; a token there counts once the
        Hub has said whose it is. Raises WrongKey, as `Hub.whose` does, and Unavailable.
        """
        if key := client_key(request):
            return self._client(key)
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
        if key := client_key(request):
            self._client(key)
            return None
        if token := _token(request):
            return await self.hub.whose(token, visitor(request, behind_proxy=self.behind_proxy).name)
        session = self.sessions.find(request)
        return session.user if session else None

    def _client(self, key: str) -> Visitor:
        """Returns the client whose key this is; raises WrongKey.

        It is compared with every hash in full, so that the time it takes tells nothing of them.
        """
        given = hash_of(key)
        clients = self._studio.settings.clients.items()
        known = [(name, client) for name, client in clients if hmac.compare_digest(client.key, given)]
        if not known:
            raise WrongKey(
                "This API key is not known here: send it as Authorization: Bearer, or ask whoever runs this "
                "server for one."
            )
        return visitor_of_client(*known[0])

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
