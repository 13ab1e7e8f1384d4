"""Whose credential a picture is made with: the visitor's key, their sign-in, or the owner's."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

from core.chat.failure import Rejected
from core.generation.visitor import Visitor
from core.plugins.provider import Provider
from core.redaction import SHORTEST_SECRET, hold
from core.settings.schema import Settings
from core.settings.sources import listed
from limner.clients import close_clients_of, visitors_secrets


@dataclass(frozen=True)
class Credentials:
    """The parts of a secret, by the variables that the provider declares, and whose it is."""

    parts: Mapping[str, SecretStr] = field(default_factory=dict[str, SecretStr])
    of: Literal["owner", "key", "sign-in"] = "owner"
    """The owner's, or one of the visitor's own: a key that they entered, or their sign-in."""

    @property
    def is_own(self) -> bool:
        """Whether the visitor pays, and not the owner."""
        return self.of != "owner"


def credentials_for(provider: Provider, visitor: Visitor) -> Credentials:
    """Returns what a visitor's request is made with; raises Rejected for a key that is not one of its."""
    if provider.name in visitor.keys:
        return Credentials(_own_key(provider, visitor.keys[provider.name]), "key")
    if visitor.token and (variable := _sign_in_variable(provider)):
        return Credentials(_held({variable: visitor.token}), "sign-in")
    return Credentials(provider.credentials)


def needs_own(provider: Provider, settings: Settings, *, may_spend: bool) -> bool:
    """Whether a visitor gets a picture only with a credential of their own.

    The owner's is for others as far as a budget goes, for all or for a client, and without one only where it
    costs nothing.
    """
    return provider.lacks_credential or (not may_spend and provider.info.paid and settings.budget is None)


def stand_ins(providers: Iterable[Provider], settings: Settings) -> list[Provider]:
    """Returns who makes the picture of a visitor without a credential: the free ones, the default first."""
    free = [provider for provider in providers if not provider.is_service]
    return sorted(free, key=lambda provider: provider.name != settings.provider)


def takes_sign_in(provider: Provider) -> bool:
    """Whether a Hugging Face sign-in can stand for the provider's key, where people can sign in."""
    return _sign_in_variable(provider) is not None and bool(os.environ.get("OAUTH_CLIENT_ID"))


def advice(provider: Provider) -> str:
    """Returns what a visitor can do for whom the owner does not pay."""
    if not provider.credential_variables:
        return "choose a free provider"
    return f"{'sign in with Hugging Face, or ' if takes_sign_in(provider) else ''}use a key of your own"


class OwnInUse:
    """The credentials of visitors that requests use right now; no client that has one outlives them."""

    def __init__(self) -> None:
        self._used: Counter[str] = Counter()

    @asynccontextmanager
    async def use(self, credentials: Credentials) -> AsyncGenerator[None]:
        """Closes the clients that plugins made for a visitor's credential, once no request uses it."""
        if not credentials.is_own:
            yield
            return
        secrets = frozenset(part.get_secret_value() for part in credentials.parts.values())
        self._used.update(secrets)
        before = visitors_secrets.set(secrets)
        try:
            yield
        finally:
            visitors_secrets.reset(before)
            self._used.subtract(secrets)
            self._used = +self._used
            await close_clients_of([secret for secret in secrets if secret not in self._used])


def _sign_in_variable(provider: Provider) -> str | None:
    """Returns the variable of the key for which a sign-in can stand; None if there is none.

    A sign-in goes to Hugging Face alone, and not to a server that the settings put in its place.
    """
    declared = provider.info.credential
    if declared and declared.hugging_face and provider.base_url is None:
        return declared.variable
    return None


def _own_key(provider: Provider, key: Mapping[str, SecretStr]) -> dict[str, SecretStr]:
    declared, allowed = provider.info.credential, [*provider.credential_variables]
    needed = [part for part in declared.needed if part in allowed] if declared else allowed
    if not allowed:
        raise Rejected(f"{provider.label} takes no key: leave it out.")
    if not {*needed} <= {*key} <= {*allowed}:
        raise Rejected(f"A key for {provider.label} is {listed(needed)}: send that, and nothing else.")
    if all(len(part.get_secret_value()) < SHORTEST_SECRET for part in key.values()):
        raise Rejected(f"This key for {provider.label} is too short: check it.")
    return _held(key)


def _held(parts: Mapping[str, SecretStr]) -> dict[str, SecretStr]:
    """Returns copies that the log hides as long as they live, which is as long as the request."""
    copies = {name: SecretStr(part.get_secret_value()) for name, part in parts.items()}
    for copy in copies.values():
        hold(copy)
    return copies
