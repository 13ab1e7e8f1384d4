"""Leases: which process works on a version, and whether that process still lives."""

from __future__ import annotations

import logging
import secrets
import threading
import time

from pydantic import ValidationError
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from core.chat.failure import failure
from core.chat.message import Version
from core.storage.database import Database, now, upsert
from core.storage.tables import messages, processes, versions

log = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
"""How long a process that does not renew its lease is taken to be alive."""
RENEW_SECONDS = 4.0


class Lease:
    """The name of this process, and its lease, which a thread renews while the process works on something.

    A process that is only slow renews it all the same: the thread does not wait for the event loop.
    """

    def __init__(self, database: Database) -> None:
        self.name = secrets.token_hex(8)
        self._database = database
        self._works_on = set[tuple[str, int]]()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="limner-lease", daemon=True)

    def renew(self, connection: Connection) -> None:
        """Makes the lease last from now; call it in the transaction that writes what runs."""
        row = {"name": self.name, "until": now(connection) + LEASE_SECONDS}
        upsert(connection, processes, [row], ["name"], lambda new: {"until": new.until})

    def note(self, message: str, running: set[int], settled: set[int]) -> None:
        """Notes which versions of a message the process works on now, and which not any more."""
        with self._changed:
            self._works_on |= {(message, number) for number in running}
            self._works_on -= {(message, number) for number in settled}
            if self._works_on and not self._thread.ident:
                self._thread.start()
            self._changed.notify()

    def end(self) -> None:
        """Gives the lease back, so that nobody waits for its end."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if not self._thread.ident:
            return
        self._thread.join()
        with_name = delete(processes).where(processes.c.name == self.name)
        try:
            self._database.write_now(lambda connection: connection.execute(with_name))
        except SQLAlchemyError:
            log.exception("The lease could not be given back; it ends by itself")

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._works_on or self._is_closed)
                self._changed.wait_for(lambda: self._is_closed, RENEW_SECONDS)
                if self._is_closed:
                    return
            try:
                self._database.write_now(self.renew)
            except Exception:
                log.exception("The lease on what is being made could not be renewed")


def abandoned(connection: Connection, me: str) -> list[str]:
    """Returns the names of the processes, other than this one, whose work has no lease any more."""
    alive = select(processes.c.name).where(processes.c.until > now(connection))
    is_abandoned = (versions.c.owner != me, versions.c.owner.not_in(alive))
    owners = select(versions.c.owner).where(versions.c.owner.is_not(None), *is_abandoned)
    return [*connection.execute(owners.distinct()).scalars()]


def settle_interrupted(connection: Connection, owner: str) -> None:
    """Settles the versions of a process that has ended.

    Their messages get revisions that are newer than any that a browser has seen.
    """
    of_owner = select(versions.c.message, versions.c.number, versions.c.content)
    for message, number, content in connection.execute(of_owner.where(versions.c.owner == owner)).all():
        is_it = (versions.c.message == message, versions.c.number == number)
        connection.execute(
            update(versions).where(*is_it).values(owner=None, handle=None, content=_interrupted(content))
        )
        rev = connection.execute(select(messages.c.rev).where(messages.c.id == message)).scalar_one()
        newer = max(rev + 1, time.time_ns() // 1000)
        connection.execute(update(messages).where(messages.c.id == message).values(rev=newer))
    connection.execute(delete(processes).where(processes.c.name == owner))


def _interrupted(content: str) -> str:
    try:
        version = Version.model_validate_json(content)
    except ValidationError:
        log.error("A version in the database cannot be read")
        return content
    origin = version.provenance
    lost = failure("interrupted", label=origin.provider_label, paid=origin.paid)
    return version.failed(lost).model_dump_json()
