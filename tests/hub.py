"""A Hub on this machine: sign-in, whose token it is, and the services behind Inference Providers.

with Hub() as hub:
    serving = Serving(folder, hub.variables(folder))  # not WarmServing, whose SDK has the real address
    ...  # a browser that follows limner/sign-in comes back as hub.person
    assert hub.paid_by() == [hub.people["ada"].token]
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from limner.testing.loopback import Loopback, Reply, Request
from tests.core.scripted import PNG

CLIENT_ID, CLIENT_SECRET = "0c1d-limner-of-tests", "oauth-app-secret-0123456789"
SCOPES = "openid profile inference-api"
MODEL = "black-forest-labs/FLUX.1-schnell"
_SITE = """\
import os
import huggingface_hub.constants
huggingface_hub.constants.INFERENCE_PROXY_TEMPLATE = os.environ["HF_ENDPOINT"] + "/router/{provider}"
"""
"""Of the services' address the SDK takes no variable; Python imports `sitecustomize` when it starts."""


@dataclass(frozen=True)
class Person:
    """Somebody with an account: their id, and the token that they made there themselves."""

    id: str
    token: str


@dataclass
class _Grant:
    person: str
    asked: dict[str, str]


@dataclass
class Hub:
    """The Hub until the `with` block ends; what it does may be changed at any time."""

    person: str = "ada"
    """Who is signed in there, in whatever browser comes."""
    denies: bool = False
    """Whether the person does not let Limner have a token."""
    is_down: bool = False
    """Whether every question of the server's is answered with 503; pages still work."""
    expires_in: int = 28_800
    """Seconds for which a token of a sign-in works."""
    answer: Reply | None = None
    """What every service answers in place of a picture; `KEY` in its body stands for the request's token."""
    people: dict[str, Person] = field(
        default_factory=lambda: {
            "ada": Person("5f0c988a3c0f16c1b9a1aaaa", "hf_AdasOwnToken0123456789abcdef"),
            "bob": Person("60b8dd8a3c0f16c1b9a1bbbb", "hf_BobsOwnToken0123456789abcdef"),
        }
    )

    def __post_init__(self) -> None:
        self.tokens = {person.token: name for name, person in self.people.items()}
        """Whose each token is: those of people's own, and those of sign-ins."""
        self._codes: dict[str, _Grant] = {}
        self._server = Loopback(self._reply)

    def __enter__(self) -> Hub:
        self._server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.__exit__(*error)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def requests(self) -> list[Request]:
        """Every request that came, in their order."""
        return self._server.requests

    def variables(self, folder: Path | None = None) -> dict[str, str]:
        """Returns what a Space with `hf_oauth: true` has; in a folder goes what points the SDK here."""
        variables = {
            "HF_ENDPOINT": self.url,
            "OPENID_PROVIDER_URL": self.url,
            "OAUTH_CLIENT_ID": CLIENT_ID,
            "OAUTH_CLIENT_SECRET": CLIENT_SECRET,
            "OAUTH_SCOPES": SCOPES,
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        if folder is None:
            return variables
        site = folder / "points-the-sdk"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(_SITE)
        return {**variables, "PYTHONPATH": str(site)}

    def asked(self, path: str) -> list[str]:
        """Returns the tokens, empty for none, of the requests to paths that begin so."""
        return [_token(request) for request in self.requests if request.path.startswith(path)]

    def paid_by(self) -> list[str]:
        """Returns the token on which each picture was made, or was to be made."""
        return self.asked("/router/")

    def signed_in_tokens(self) -> list[str]:
        """Returns the tokens that sign-ins got, the latest last."""
        return [token for token in self.tokens if token.startswith("hf_oauth_")]

    def _reply(self, request: Request) -> Reply:
        address = urlsplit(request.path)
        if address.path == "/oauth/authorize":
            return self._authorize(_values(address.query))
        if self.is_down:
            return Reply(503, "<h1>Service unavailable</h1>", {"content-type": "text/html"})
        if address.path == "/oauth/token":
            return self._give_token(request)
        name = self.tokens.get(_token(request))
        if address.path == "/api/whoami-v2":
            return self._say_who(name)
        if address.path == "/oauth/userinfo":
            return Reply(body={"sub": self.people[name].id, "preferred_username": name}) if name else _DENIED
        if address.path.startswith("/api/models/"):
            offer = {"provider": "together", "providerId": MODEL, "status": "live", "task": "text-to-image"}
            return Reply(body={"id": MODEL, "inferenceProviderMapping": [offer]})
        if address.path.startswith("/router/"):
            return self._paint(request, name)
        return Reply(404)

    def _authorize(self, asked: dict[str, str]) -> Reply:
        """Sends the browser back at once, as the Hub does for an app that the person knows."""
        known = asked.get("client_id") == CLIENT_ID and asked.get("response_type") == "code"
        if not known or asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge"):
            return Reply(400, "invalid_request")
        code = secrets.token_urlsafe(12)
        self._codes[code] = _Grant(self.person, asked)
        answer = {"error": "access_denied"} if self.denies else {"code": code}
        back = urlencode({**answer, "state": asked.get("state", "")})
        return Reply(302, headers={"location": f"{asked['redirect_uri']}?{back}"})

    def _give_token(self, request: Request) -> Reply:
        sent = _values(request.body.decode())
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return Reply(401, {"error": "invalid_client"})
        grant = self._codes.pop(sent.get("code", ""), None)  # works once
        verifier = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if (
            grant is None
            or sent.get("grant_type") != "authorization_code"
            or challenge != grant.asked["code_challenge"]
        ):
            return Reply(400, {"error": "invalid_grant"})
        if sent.get("redirect_uri") != grant.asked["redirect_uri"]:
            return Reply(400, {"error": "invalid_grant", "error_description": "redirect_uri"})
        token = f"hf_oauth_{secrets.token_urlsafe(24)}"
        self.tokens[token] = grant.person
        about = {"token_type": "bearer", "expires_in": self.expires_in, "scope": grant.asked["scope"]}
        return Reply(body={"access_token": token, **about})

    def _say_who(self, name: str | None) -> Reply:
        if name is None:
            return _DENIED
        return Reply(
            body={"type": "user", "id": self.people[name].id, "name": name, "fullname": name.title()}
        )

    def _paint(self, request: Request, name: str | None) -> Reply:
        if self.answer:
            body: Any = self.answer.body
            text = json.dumps(body) if isinstance(body, dict) else body
            if isinstance(text, str):
                return replace(self.answer, body=text.replace("KEY", _token(request)))
            return self.answer
        if name is None:
            return _DENIED
        return Reply(body={"data": [{"b64_json": base64.b64encode(PNG).decode()}]})


_DENIED = Reply(401, {"error": "Invalid username or password."})


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").partition(" ")[2]


def _values(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}
