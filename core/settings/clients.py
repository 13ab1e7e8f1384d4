"""Clients: programs that come with an API key of their own, and what each may do."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from core.settings.budget import Budget, Rate, check_currency
from core.settings.sources import SECRET_NAME, listed, names_in, read_list

KEY_PREFIX = "limner_"
"""What every key of a client begins with, and no other service's."""
CLIENT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
NAMES = "small letters, digits, - and _, 64 characters at most"
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_OF_ALL = ("rate_limit", "max_in_flight")
"""What holds for a client as for any visitor, unless it has its own."""


def new_key() -> str:
    """Returns a new key: 256 bits of chance, which nobody can guess."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def hash_of(key: str) -> str:
    """Returns what the settings hold of a key.

    A plain SHA-256 is enough: a slow hash makes it costly to guess what people choose, and no key is chosen.
    """
    return f"sha256:{hashlib.sha256(key.encode(errors='replace')).hexdigest()}"


def _key(value: str) -> str:
    if not _HASH.fullmatch(value):
        raise ValueError(
            "the hash of a key, sha256: and 64 digits, and never the key itself: limner key new makes both"
        )
    return value


class ClientSettings(BaseModel):
    """The settings of one client, `[clients.NAME]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Annotated[str, AfterValidator(_key)]
    """The hash of its key, as `limner key new` prints it."""
    rate_limit: Rate = None
    """Pictures that it may ask for, in place of those of a visitor."""
    budget: Budget = None
    """What it may spend of the owner's money, also where visitors may spend nothing."""
    max_in_flight: int = Field(default=8, ge=1)
    """Pictures that may be made at once for it, in place of those of a visitor."""
    providers: Annotated[tuple[str, ...] | None, BeforeValidator(read_list)] = Field(
        default=None, min_length=1
    )
    """The only providers that it may use, by name; None leaves it all."""

    @model_validator(mode="before")
    @classmethod
    def _has_no_secret(cls, values: object) -> object:
        for name in names_in(values):
            if name != "key" and SECRET_NAME.search(name):
                raise ValueError(
                    f"without {name}, a secret. Its key is a hash alone, which limner key new makes"
                )
        return values


def read_clients(
    clients: Mapping[str, ClientSettings], others: Mapping[str, Any]
) -> dict[str, ClientSettings]:
    """Returns the clients with the limits of visitors where they have none of their own.

    `others` are the settings beside them. Raises ValueError.
    """
    names = dict[str, str]()
    for name, client in clients.items():
        if not CLIENT_NAME.fullmatch(name):
            raise ValueError(f"tables under names of {NAMES}, such as [clients.notebook]")
        if client.key in names:
            raise ValueError(
                f"tables with a key each, and {listed([names[client.key], name])} have the same: "
                "limner key new makes another"
            )
        names[client.key] = name
        try:
            check_currency(client.budget, others.get("budget"))
        except ValueError as error:
            raise ValueError(f"tables with budgets {error}") from None
    return {
        name: client.model_copy(
            update={
                limit: others[limit]
                for limit in _OF_ALL
                if limit in others and limit not in client.model_fields_set
            }
        )
        for name, client in clients.items()
    }
