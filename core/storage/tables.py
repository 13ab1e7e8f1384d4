"""The tables, the same in SQLite and in PostgreSQL; `migrations/` leads older databases to them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    column,
)

metadata = MetaData()
_SERIAL = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers the rows of an INTEGER by itself


def _where(condition: ColumnElement[bool]) -> dict[str, Any]:
    """Makes an index one of those rows alone, in either database."""
    return {"sqlite_where": condition, "postgresql_where": condition}


def _size() -> Column[int]:
    """Bytes that a row takes, about."""
    return Column("size", BigInteger, nullable=False, server_default="0")


def _of_message() -> Column[str]:
    return Column("message", Text, ForeignKey("message.id", ondelete="CASCADE"), primary_key=True)


conversations = Table(
    "conversation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text),  # a hash of the owner's key
    Column("title", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
    Column("deleted", Double),
    Column("purged", BigInteger, nullable=False, server_default="0"),
    Index("conversation_of_owner", "owner", "updated"),
)
messages = Table(
    "message",
    metadata,
    Column("position", _SERIAL, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("thread", Text, nullable=False),  # the id of its conversation
    Column("created", Double, nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("asked", Text, nullable=False),  # a UserRequest, as JSON
    _size(),
    Column("chosen", Integer),
    Column("deleted", Double),
    Column("last_number", Integer, nullable=False, server_default="0"),
    Index("message_of_thread", "thread"),
    Index("message_size", "size"),
    Index("message_deleted", "deleted", **_where(column("deleted").is_not(None))),
)
versions = Table(
    "version",
    metadata,
    _of_message(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("owner", Text),  # the process that works on it while it runs
    Column("picture", Text),
    Column("deleted", Double),
    Column("content", Text, nullable=False),  # a Version, as JSON
    _size(),  # with its picture
    Column("handle", Text),  # by which its provider finds it again at the service, as JSON
    Index("version_size", "size"),
    Index("version_of_owner", "owner", **_where(column("owner").is_not(None))),
    Index("version_of_picture", "picture", **_where(column("picture").is_not(None))),
    Index("version_deleted", "deleted", **_where(column("deleted").is_not(None))),
)
processes = Table(
    "process",
    metadata,
    Column("name", Text, primary_key=True),
    Column("until", Double, nullable=False),  # when its lease on what it works on ends
)
origin = Table(  # of the database itself: one row
    "origin",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("created", Double, nullable=False),
)
begun = Table(
    "begun",
    metadata,
    Column("key", Text, primary_key=True),  # a hash of who asked, and of their Idempotency-Key
    Column("asked", Text, nullable=False),  # a digest of the request
    Column("at", Double, nullable=False),
    Column("what", Text),  # the ids of what it has begun, as JSON
)
uploads = Table(
    "upload",
    metadata,
    Column("picture", Text, primary_key=True),
    Column("thread", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("content", Text, nullable=False),  # an InputPicture, as JSON
    _size(),
    Index("upload_of_thread", "thread"),
    Index("upload_size", "size"),
)
used = Table(
    "used",
    metadata,
    Column("picture", Text, primary_key=True),
    _of_message(),
    Index("used_by_message", "message"),
    sqlite_with_rowid=False,
)
continuations = Table(
    "continuation",
    metadata,
    Column("picture", Text, primary_key=True),
    Column("content", Text, nullable=False),  # what a service needs to go on from a picture, as JSON
)
hits = Table(
    "hit",
    metadata,
    Column("key", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("cost", Text),
    Column("id", Text),
    Index("hit_until", "until"),
    Index("hit_id", "id", unique=True),
)
alembic_version = Table(
    "alembic_version", metadata, Column("version_num", String(32), primary_key=True)
)  # the form, as Alembic notes it
