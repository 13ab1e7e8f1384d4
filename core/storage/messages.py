"""Messages and their versions as rows: written as they change, and read again."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any, NamedTuple

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, and_, case, or_, select, update

from core.chat.failure import Rejected
from core.chat.message import Message, Stored, Version
from core.chat.request import UserRequest
from core.storage.database import upsert
from core.storage.tables import messages, used, versions

log = logging.getLogger(__name__)

COUNTED = 1_000
"""Pictures of which it is known how long they took."""


class Rows(NamedTuple):
    """A message and versions of it as rows, and which pictures it was sent with."""

    message: dict[str, Any]
    changed: set[str]
    """The columns of the message that are written also where there is a row already."""
    known: int
    """The revision that the row had when this process last saw it."""
    versions: list[dict[str, Any]]
    marks: dict[int, float | None]
    """When versions were deleted, or None for those that were restored, by their numbers."""
    used: list[dict[str, Any]]
    process: str
    """The one that writes them."""


def rows_of(conversation_id: str, message: Message, made: Iterable[Version], process: str) -> Rows:
    """Returns what is written of a message, and of those of its versions that were begun or have settled.

    The process is what works on those that run.
    """
    asked, known = message.request.model_dump_json(), message.stored or Stored()
    row = {
        "id": message.id,
        "thread": conversation_id,
        "created": message.created,
        "rev": message.rev,
        "asked": asked,
        "size": len(asked),
        "chosen": message.chosen,
        "deleted": message.deleted,
        "last_number": message.last_number,
    }
    contents = [
        {
            "message": message.id,
            "number": version.number,
            "owner": process if version.status == "running" else None,
            "picture": version.picture.name if version.picture else None,
            "deleted": version.deleted,
            "content": (content := version.model_dump_json()),
            "size": len(content) + (version.picture.size if version.picture else 0),
        }
        for version in made
    ]
    sent = [{"picture": picture.name, "message": message.id} for picture in message.request.pictures]
    changed = {name for name in ("chosen", "deleted") if row[name] != getattr(known, name)}
    marks = {
        one.number: one.deleted for one in message.versions if one.deleted != known.marks.get(one.number)
    }
    return Rows(row, changed, known.rev, contents, marks, sent, process)


def stored_of(message: Message) -> Stored:
    """Returns what the store has of a message once that is written."""
    marks = {version.number: version.deleted for version in message.versions}
    return Stored(message.rev, message.chosen, message.deleted, message.last_number, marks)


def write_rows(connection: Connection, rows: Rows) -> bool:
    """Writes a message's rows; returns False if the message has been removed for good.

    Other processes may have changed them: what this one has not changed stays, and a version that has
    settled, or that another process works on, is only replaced by one with a picture.
    """
    its_row = select(messages.c.id).where(messages.c.id == rows.message["id"])
    if rows.known and connection.execute(its_row).first() is None:
        return False
    upsert(connection, messages, [rows.message], ["id"], partial(_changed_message, rows))
    replaces = partial(_replaces, rows.process)
    upsert(connection, versions, rows.versions, ["message", "number"], _changed_version, replaces)
    for number, deleted in rows.marks.items():
        is_it = (versions.c.message == rows.message["id"], versions.c.number == number)
        connection.execute(update(versions).where(*is_it).values(deleted=deleted))
    upsert(connection, used, rows.used, ["picture", "message"])
    return True


def _changed_message(rows: Rows, new: Any) -> dict[str, Any]:
    """What another process has changed meanwhile leaves a revision that this one has not written."""
    old = messages.c
    newer = case((old.rev < new.rev, new.rev), else_=old.rev + 1)
    revision = case((old.rev == rows.known, newer), else_=newer + 1)
    last = case((old.last_number < new.last_number, new.last_number), else_=old.last_number)
    return {"rev": revision, "last_number": last, **{name: new[name] for name in rows.changed}}


def _changed_version(new: Any) -> dict[str, Any]:
    """What has settled needs to be found at its service no more."""
    handle = case((new.owner.is_not(None), versions.c.handle))
    return {"handle": handle, **{name: new[name] for name in ("owner", "picture", "content", "size")}}


def _replaces(process: str, new: Any) -> ColumnElement[bool]:
    old = versions.c
    goes_on = and_(new.owner.is_not(None), new.owner == old.owner)
    return or_(goes_on, and_(_rank(new) > _rank(old), or_(new.picture.is_not(None), old.owner == process)))


def _rank(of: Any) -> ColumnElement[int]:
    """Returns `Version.rank` of a row."""
    return case((of.picture.is_not(None), 2), (of.owner.is_(None), 1), else_=0)


def claim_numbers(connection: Connection, message: str, known: int, last: int) -> bool:
    """Takes the numbers up to `last` for versions that begin; False if others were taken meanwhile."""
    is_as_known = (messages.c.id == message, messages.c.last_number == known)
    claimed = update(messages).where(*is_as_known).values(last_number=last)
    return connection.execute(claimed).rowcount == 1


def revisions(connection: Connection, conversation_id: str) -> dict[str, int]:
    """Returns the revision of each message of a conversation."""
    found = select(messages.c.id, messages.c.rev).where(messages.c.thread == conversation_id)
    return {row.id: row.rev for row in connection.execute(found)}


def read_messages(
    connection: Connection, conversation_id: str, only: Collection[str] | None = None
) -> list[Message]:
    """Returns the messages of a conversation, or some, oldest first, but for those that cannot be read."""
    is_asked = [messages.c.thread == conversation_id]
    if only is not None:
        is_asked.append(messages.c.id.in_(only))
    rows_of_versions = defaultdict[str, list[Any]](list)
    of_thread = versions.join(messages, versions.c.message == messages.c.id)
    found = select(versions.c.message, versions.c.content, versions.c.deleted).select_from(of_thread)
    for row in connection.execute(found.where(*is_asked).order_by(versions.c.number)):
        rows_of_versions[row.message].append(row)
    read = list[Message]()
    found = select(messages).where(*is_asked).order_by(messages.c.created, messages.c.position)
    for row in connection.execute(found):
        try:
            request = UserRequest.model_validate_json(row.asked)
            made = [_version(one.content, one.deleted) for one in rows_of_versions[row.id]]
        except (ValidationError, Rejected):
            log.exception("The message %s in the database cannot be read; it is left out", row.id)
        else:
            rest = (row.chosen, row.deleted, row.last_number)
            message = Message(row.id, request, row.created, row.rev, made, *rest)
            message.stored = stored_of(message)
            read.append(message)
    return read


def _version(content: str, deleted: float | None) -> Version:
    version = Version.model_validate_json(content)
    return version if version.deleted == deleted else version.model_copy(update={"deleted": deleted})


def version_of(connection: Connection, picture: str) -> Version | None:
    """Returns the version that a picture belongs to; None if there is none, or it cannot be read."""
    found = select(versions.c.content, versions.c.deleted).where(versions.c.picture == picture)
    row = connection.execute(found).first()
    try:
        return _version(row.content, row.deleted) if row else None
    except (ValidationError, Rejected):
        return None


def durations(connection: Connection) -> list[tuple[str, str, float]]:
    """Returns the provider, the model and the seconds of the latest pictures, oldest first."""
    found = (
        select(versions.c.content)
        .join(messages, versions.c.message == messages.c.id)
        .where(versions.c.picture.is_not(None))
        .order_by(messages.c.position.desc(), versions.c.number.desc())
        .limit(COUNTED)
    )
    latest = list[tuple[str, str, float]]()
    for content in connection.execute(found).scalars():
        try:
            version = Version.model_validate_json(content)
        except (ValidationError, Rejected):
            continue
        if version.duration is not None:
            latest.append((version.provenance.provider, version.provenance.model, version.duration))
    return latest[::-1]
