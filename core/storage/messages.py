"""Messages and their versions as rows: written as they change, and read again."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import ValidationError
from sqlalchemy import Connection, case, select

from core.chat.failure import Rejected
from core.chat.message import Message, Version
from core.chat.request import UserRequest
from core.storage.database import upsert
from core.storage.tables import messages, used, versions

log = logging.getLogger(__name__)

COUNTED = 1_000
"""Pictures of which it is known how long they took."""


class Rows(NamedTuple):
    """A message and versions of it as rows, and which pictures it was sent with."""

    message: dict[str, Any]
    versions: list[dict[str, Any]]
    used: list[dict[str, Any]]


def rows_of(conversation_id: str, message: Message, changed: Iterable[Version], process: str) -> Rows:
    """Returns what is written of a message; the process is what works on those versions that run."""
    asked = message.request.model_dump_json()
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
        for version in changed
    ]
    sent = [{"picture": picture.name, "message": message.id} for picture in message.request.pictures]
    return Rows(row, contents, sent)


def write_rows(connection: Connection, rows: Rows) -> None:
    """Writes a message's rows."""
    upsert(connection, messages, [rows.message], ["id"], _changed_message)
    upsert(connection, versions, rows.versions, ["message", "number"], _changed_version)
    upsert(connection, used, rows.used, ["picture", "message"])


def _changed_message(new: Any) -> dict[str, Any]:
    return {name: new[name] for name in ("rev", "chosen", "deleted", "last_number")}


def _changed_version(new: Any) -> dict[str, Any]:
    """A process that is not the owner, such as one that deletes the version, does not become the owner."""
    owner = case((new.owner.is_not(None), versions.c.owner))
    return {"owner": owner, **{name: new[name] for name in ("picture", "deleted", "content", "size")}}


def read_messages(connection: Connection, conversation_id: str) -> list[Message]:
    """Returns the messages of a conversation, oldest first, but for those that cannot be read."""
    contents = defaultdict[str, list[str]](list)
    of_thread = versions.join(messages, versions.c.message == messages.c.id)
    found = select(versions.c.message, versions.c.content).select_from(of_thread)
    found = found.where(messages.c.thread == conversation_id).order_by(versions.c.number)
    for message, content in connection.execute(found):
        contents[message].append(content)
    read = list[Message]()
    for row in connection.execute(
        select(messages)
        .where(messages.c.thread == conversation_id)
        .order_by(messages.c.created, messages.c.position)
    ):
        try:
            request = UserRequest.model_validate_json(row.asked)
            made = [Version.model_validate_json(content) for content in contents[row.id]]
        except (ValidationError, Rejected):
            log.exception("The message %s in the database cannot be read; it is left out", row.id)
        else:
            rest = (row.chosen, row.deleted, row.last_number)
            read.append(Message(row.id, request, row.created, row.rev, made, *rest))
    return read


def version_of(connection: Connection, picture: str) -> Version | None:
    """Returns the version that a picture belongs to; None if there is none, or it cannot be read."""
    found = select(versions.c.content).where(versions.c.picture == picture)
    content = connection.execute(found).scalars().first()
    try:
        return Version.model_validate_json(content) if content else None
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
