"""Who asks for a picture: the name that limits count, whose conversations they see, and their own keys."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr


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
    providers: frozenset[str] | None = None
    """The only providers that they may use; None leaves them all."""


OWNER = Visitor("owner", is_owner=True)

_SALT = secrets.token_bytes(16)


def pseudonym(visitor: Visitor) -> str:
    """Returns what tells a visitor from others until the server restarts, and says nothing else of them."""
    return hashlib.blake2b(visitor.name.encode(), key=_SALT, digest_size=6).hexdigest()
