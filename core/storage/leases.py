"""Leases: which process works on a version, and whether that process still lives."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError
from sqlalchemy import Connection, case, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from core.chat.failure import failure
from core.chat.message import Version
from core.storage.database import Database, now, upsert
from core.storage.tables import messages, processes, versions
from limner.request import MAX_HANDLE

log = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
"""How long a process that does not renew its lease is taken to be alive."""
RENEW_SECONDS = 4.0
MAX_TAKEN_OVER = 3
"""How often a version is taken over: one that ends each process that asks for it must not end all."""


class Lease:
    """The lease of this process, which a thread renews while the process works on something.

    A process that is only slow renews it all the same: the thread does not wait for the event loop.
    """

    def __init__(self, database: Database, process: str) -> None:
        self.name = process
        self._database = database
        self._works_on = set[tuple[str, int]]()
        self.on_lost: Callable[[set[tuple[str, int]]], None] | None = None
        """Is called, in the lease's own thread, with what another process has taken over meanwhile."""
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

    def stop(self) -> None:
        """Renews the lease no more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread.ident:
            self._thread.join()

    def end(self) -> None:
        """Gives the lease back, so that nobody waits for its end."""
        self.stop()
        if not self._thread.ident:
            return
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
                works_on = {*self._works_on}
            try:
                lost = works_on - self._database.write_now(self._renewed)
            except Exception as error:
                log.error("The lease on what is being made could not be renewed: %s", error)
                continue
            if lost and self.on_lost:
                with self._changed:
                    self._works_on -= lost
                self.on_lost(lost)

    def _renewed(self, connection: Connection) -> set[tuple[str, int]]:
        """Renews the lease, and returns what the process still works on."""
        self.renew(connection)
        own = select(versions.c.message, versions.c.number).where(versions.c.owner == self.name)
        return {(row.message, row.number) for row in connection.execute(own)}


class Abandoned(NamedTuple):
    """A version on which a process worked that has ended, and which this one has taken over."""

    conversation: str
    message: str
    number: int
    provider: str
    """The name of the provider that remembered it."""
    handle: Any
    """By which its provider finds it again."""


def remember(
    connection: Connection, message: str, number: int, process: str, kept: Mapping[str, Any]
) -> bool:
    """Keeps by what a provider finds a version again, as `take_over` reads it; False if it has no row yet."""
    is_it = (versions.c.message == message, versions.c.number == number, versions.c.owner == process)
    earlier = _kept(connection.execute(select(versions.c.handle).where(*is_it)).scalar_one_or_none())
    taken_over = earlier["taken_over"] if earlier else 0
    handle = json.dumps({**kept, "taken_over": taken_over})
    return connection.execute(update(versions).where(*is_it).values(handle=handle)).rowcount == 1


def kept_handle(provider: str, handle: Any) -> dict[str, Any]:
    """Returns what is kept of a provider's handle; raises TypeError or ValueError if that is no JSON."""
    try:
        length = len(json.dumps(handle, allow_nan=False))
    except RecursionError:
        raise ValueError("It is too deep") from None
    if length > MAX_HANDLE:
        raise ValueError("It is too long")
    return {"provider": provider, "handle": handle}


def owners(connection: Connection, process: str) -> tuple[list[str], bool]:
    """Returns the other processes whose work has no lease any more, and whether others are at work."""
    alive = select(processes.c.name).where(processes.c.until > now(connection))
    at_work = select(versions.c.owner).where(versions.c.owner.is_not(None), versions.c.owner != process)
    named = {*connection.execute(at_work.distinct()).scalars()}
    dead = {*connection.execute(at_work.where(versions.c.owner.not_in(alive)).distinct()).scalars()}
    return [*dead], named != dead


def take_over(
    connection: Connection, owner: str, process: str, resumes: Collection[str] | None
) -> tuple[list[Abandoned], set[str]]:
    """Takes over what a process that has ended was making, or settles it as interrupted.

    `resumes` names the providers that can be asked for what was remembered; None leaves all of that to later.
    Returns also the conversations that have changed. Their messages get revisions that are newer than any
    that a browser has seen.
    """
    taken, changed = list[Abandoned](), set[str]()
    its_lease = select(processes.c.name).where(processes.c.name == owner)
    was_killed = connection.execute(its_lease).first() is not None  # else it gave its lease back
    of_owner = select(versions, messages.c.thread).join(messages, versions.c.message == messages.c.id)
    for row in connection.execute(of_owner.where(versions.c.owner == owner)).all():
        kept = _kept(row.handle)
        if kept and resumes is None:
            continue
        again = kept and kept["provider"] in resumes and kept["taken_over"] < MAX_TAKEN_OVER
        if kept and again:
            count = kept["taken_over"] + was_killed
            values = {"owner": process, "handle": json.dumps({**kept, "taken_over": count})}
        else:
            values = _interrupted(row.message, row.number, row.content)
        is_it = (versions.c.message == row.message, versions.c.number == row.number)
        written = connection.execute(update(versions).where(*is_it, versions.c.owner == owner).values(values))
        if not written.rowcount:  # another process was faster
            continue
        _revise(connection, row.message)
        changed.add(row.thread)
        if kept and again:
            taken.append(Abandoned(row.thread, row.message, row.number, kept["provider"], kept["handle"]))
    if resumes is not None:
        connection.execute(delete(processes).where(processes.c.name == owner))
    return taken, changed


def settle_interrupted(connection: Connection, message: str, number: int, owner: str) -> None:
    """Settles one version on which a process works."""
    is_it = (versions.c.message == message, versions.c.number == number, versions.c.owner == owner)
    content = connection.execute(select(versions.c.content).where(*is_it)).scalar_one_or_none()
    if content is not None:
        connection.execute(update(versions).where(*is_it).values(_interrupted(message, number, content)))
        _revise(connection, message)


def _revise(connection: Connection, message: str) -> None:
    """Gives a message a revision that is newer than any that a browser has seen."""
    now_here, next_one = time.time_ns() // 1000, messages.c.rev + 1
    newer = case((next_one < now_here, now_here), else_=next_one)
    connection.execute(update(messages).where(messages.c.id == message).values(rev=newer))


def _kept(handle: str | None) -> dict[str, Any] | None:
    """Returns what `kept_handle` made; None for anything else."""
    try:
        kept = json.loads(handle or "null")
        is_known = isinstance(kept["provider"], str) and isinstance(kept["taken_over"], int)
        return kept if is_known and "handle" in kept else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _interrupted(message: str, number: int, content: str) -> dict[str, Any]:
    """Returns what the row of a version becomes that nobody works on any more, and says so in the log."""
    try:
        version = Version.model_validate_json(content)
    except ValidationError:
        log.error("A version in the database cannot be read")
    else:
        origin = version.provenance
        lost = failure("interrupted", label=origin.provider_label, paid=origin.paid)
        content = version.failed(lost).model_dump_json()
        of_it = {"provider": origin.provider, "model": origin.model, "message_id": message, "version": number}
        log.info("picture", extra={"fields": {**of_it, "outcome": "interrupted", "cause": "interrupted"}})
    return {"owner": None, "handle": None, "content": content}
