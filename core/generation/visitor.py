"""Who asks for a picture: the name that limits count, whose conversations they see, and their own keys."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from core.settings.clients import ClientSettings


@dataclass(frozen=True)
class Visitor:
    """Who asks: the name under which requests are counted, and whether it is the owner, who runs Limner."""

    name: str
    is_owner: bool = False
    """Whoever runs Limner, whose money and keys are used."""
    key: str | None = None
    """Whose conversations they see: a hash of the secret that their browser keeps, or of who signed in."""
    token: SecretStr | None = None
    """The Hugging Face token of whoever has signed in."""
    keys: Mapping[str, Mapping[str, SecretStr]] = field(
        default_factory=dict[str, Mapping[str, SecretStr]], hash=False
    )
    """Credentials of their own for this request: by provider, the parts by the variables it declares."""
    providers: Collection[str] | None = None
    """The only providers that they may use, by name; None leaves them all."""
    has_budget: bool = False
    """Whether the owner has set a budget for this client, which it may spend if others may spend nothing."""

    @property
    def may_spend(self) -> bool:
        """Whether the owner pays for them also where no budget is set for all visitors together."""
        return self.is_owner or self.has_budget


OWNER = Visitor("owner", is_owner=True)
LOCAL = Visitor("command line", is_owner=True)
"""Whoever asks on this machine without the server: in a shell, or in a program of their own."""


def visitor_of_client(name: str, client: ClientSettings) -> Visitor:
    """Returns who asks with the key of a client, which is never the owner.

    Its conversations are those of its name, so that they stay when it gets another key.
    """
    return Visitor(
        client_name(name),
        key=hashlib.sha256(client_name(name).encode()).hexdigest(),
        providers=client.providers,
        has_budget=client.budget is not None,
    )


def client_name(name: str) -> str:
    """Returns under which name the requests of a client are counted, which is nobody else's."""
    return f"client {name}"


_SALT = secrets.token_bytes(16)


def pseudonym(visitor: Visitor) -> str:
    """Returns what tells a visitor from others until the server restarts, and says nothing else of them."""
    return hashlib.blake2b(visitor.name.encode(), key=_SALT, digest_size=6).hexdigest()
