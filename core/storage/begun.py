"""What requests with a key have begun, so that no other process begins it again."""

from __future__ import annotations

import time
from typing import NamedTuple

from sqlalchemy import Connection, delete, select, update

from core.storage.database import Database, upsert
from core.storage.tables import begun

KEPT_SECONDS = 86_400.0
"""How long a key is known."""


class Claimed(NamedTuple):
    """What is known of a key that was sent before."""

    asked: str
    """A digest of the request."""
    what: str | None
    """What it has begun, as JSON; None if that is not known, or not yet."""


class BegunRequests:
    """The keys of all processes that share the store; every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def is_shared(self) -> bool:
        """Whether other machines know them too."""
        return self._database.is_shared

    async def claim(self, key: str, asked: str, also: str | None = None) -> Claimed | None:
        """Claims a key for this request; returns what is known of it if it was sent before.

        That may have been under another name, which is `also`.
        """
        at = time.time()

        def claim(connection: Connection) -> Claimed | None:
            connection.execute(delete(begun).where(begun.c.at < at - KEPT_SECONDS))
            known = select(begun.c.asked, begun.c.what)
            if also and (row := connection.execute(known.where(begun.c.key == also)).one_or_none()):
                return Claimed(*row)
            if upsert(connection, begun, [{"key": key, "asked": asked, "at": at}], ["key"]):
                return None
            row = connection.execute(known.where(begun.c.key == key)).one_or_none()
            return Claimed(*row) if row else Claimed(asked, None)  # it was given back just now

        return await self._database.write(claim)

    async def keep(self, key: str, what: str) -> None:
        """Keeps what the request with a key has begun."""
        kept = update(begun).where(begun.c.key == key).values(what=what)
        await self._database.write(lambda db: db.execute(kept))

    async def forget(self, key: str) -> None:
        """Gives back a key whose request has begun nothing."""
        await self._database.write(lambda db: db.execute(delete(begun).where(begun.c.key == key)))
