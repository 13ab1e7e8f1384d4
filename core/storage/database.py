"""The SQLite file: its tables and migrations, how it is opened, and what a killed process left running."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from core.chat.failure import failure
from core.chat.message import Version

log = logging.getLogger(__name__)

BUSY_SECONDS = 10.0
"""How long one process waits while another writes."""

_MIGRATIONS = (
    """
CREATE TABLE message (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, thread TEXT NOT NULL,
    created REAL NOT NULL, rev INTEGER NOT NULL, asked TEXT NOT NULL, chosen INTEGER
);
CREATE INDEX message_of_thread ON message (thread);
CREATE TABLE version (
    message TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE, number INTEGER NOT NULL,
    owner TEXT, picture TEXT, content TEXT NOT NULL, PRIMARY KEY (message, number)
);
CREATE INDEX version_of_owner ON version (owner) WHERE owner IS NOT NULL
""",  # the owner of a running version is the process that works on it; a settled version has none
    """
CREATE TABLE hit (key TEXT NOT NULL, at REAL NOT NULL, until REAL NOT NULL);
CREATE INDEX hit_until ON hit (until);
CREATE INDEX version_of_picture ON version (picture) WHERE picture IS NOT NULL
""",  # what counts against a limit, until when
    """
UPDATE version SET content = json_set(
    content, '$.failure', json_object(
        'cause', 'content-filter', 'what', 'Image could not be generated.',
        'why', 'The content filter of the service refused it.',
        'next', 'Change the prompt and send it again.',
        'service_message', json_extract(content, '$.refusal')
    )
) WHERE json_valid(content) AND json_extract(content, '$.reason') = 'content-filter';
UPDATE version SET content = json_set(
    json_remove(content, '$.applied', '$.refusal'), '$.provenance', json_extract(content, '$.applied')
) WHERE json_valid(content) AND json_type(content, '$.applied') = 'object'
""",  # a version's `applied` became its `provenance`, and a refusal a failure like any other
    """
CREATE TABLE upload (
    picture TEXT PRIMARY KEY, thread TEXT NOT NULL, created REAL NOT NULL, content TEXT NOT NULL
);
CREATE TABLE used (
    picture TEXT NOT NULL, message TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    PRIMARY KEY (picture, message)
) WITHOUT ROWID;
CREATE INDEX used_by_message ON used (message);
CREATE TABLE continuation (picture TEXT PRIMARY KEY, content TEXT NOT NULL)
""",  # pictures that people bring, which messages were sent with which, and what a service needs to go on
    """
CREATE TABLE conversation (
    id TEXT PRIMARY KEY, owner TEXT, title TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL,
    deleted REAL, purged INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX conversation_of_owner ON conversation (owner, updated);
CREATE INDEX upload_of_thread ON upload (thread);
ALTER TABLE message ADD COLUMN deleted REAL;
INSERT INTO conversation (id, owner, title, created, updated)
SELECT thread, NULL, iif(
        json_valid(asked),
        coalesce(substr(trim(replace(json_extract(asked, '$.prompt'), char(10), ' ')), 1, 80), ''), ''
    ), created, (SELECT max(created) FROM message AS other WHERE other.thread = first.thread)
FROM message AS first
WHERE position = (SELECT min(position) FROM message AS other WHERE other.thread = first.thread);
ALTER TABLE message ADD COLUMN last_number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE version ADD COLUMN deleted REAL;
CREATE INDEX message_deleted ON message (deleted) WHERE deleted IS NOT NULL;
CREATE INDEX version_deleted ON version (deleted) WHERE deleted IS NOT NULL;
UPDATE version SET content = json_set(content, '$.turn', number)
WHERE json_valid(content) AND json_type(content, '$.provenance') = 'object'
""",  # conversations of their own, of a visitor (a hash of the key); versions that are begun together share a
    # turn; what is deleted is kept for a while
    """
ALTER TABLE hit ADD COLUMN cost TEXT;
ALTER TABLE hit ADD COLUMN id TEXT;
CREATE UNIQUE INDEX hit_id ON hit (id)
""",  # what a picture costs, and which row to change once that is known better
)
"""What leads from each form of the database to the next; its `user_version` counts those that were run."""


@dataclass
class Hit:
    """One request that counts against a limit: by which key, from when until when, in Unix seconds."""

    key: str
    at: float
    until: float
    cost: str | None = None
    """What its picture costs, such as `0.04 USD`, as far as is known."""
    id: str | None = None
    """What tells it from others, if it may change; one that was given back counts until 0."""


class StoreError(Exception):
    """The store cannot do its work; the text is a sentence that says why and what to do."""


def open_database(path: Path) -> sqlite3.Connection:
    """Opens the file, or makes it; raises StoreError if it is damaged, read-only or too new.

    The connection belongs to the calling thread.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        database = sqlite3.connect(path, timeout=BUSY_SECONDS)
        try:
            _prepare(database, path)
        except BaseException:
            database.close()
            raise
        return database
    except (sqlite3.Error, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        advice = "move it away, replace it by a good copy, or set data_dir to another folder"
        raise StoreError(f"The database {path} cannot be used ({why}): {advice}.") from error


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")  # a row is a picture that may have cost money
    database.execute("PRAGMA foreign_keys = ON")
    (state,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if state != "ok":
        raise sqlite3.DatabaseError(" ".join(state.split()))
    with database:
        database.execute("BEGIN IMMEDIATE")
        if form_of(database) > latest_form():
            advice = "use that version, or set data_dir to another folder"
            raise StoreError(f"The database {path} was written by a newer Limner: {advice}.")
        migrate(database, latest_form())


def latest_form() -> int:
    """Returns the form that this Limner reads and writes."""
    return len(_MIGRATIONS)


def form_of(database: sqlite3.Connection) -> int:
    """Returns the form that a database has."""
    return database.execute("PRAGMA user_version").fetchone()[0]


def migrate(database: sqlite3.Connection, form: int) -> None:
    """Brings a database to a later form, an empty one too; call it inside a transaction."""
    for statement in ";".join(_MIGRATIONS[form_of(database) : form]).split(";"):
        database.execute(statement)
    database.execute(f"PRAGMA user_version = {form}")


def settle_interrupted(database: sqlite3.Connection, is_alive: Callable[[str], bool]) -> None:
    """Settles the versions whose process has ended; call it inside a write transaction.

    Their messages get revisions that are newer than any that a browser has seen.
    """
    owners = database.execute("SELECT DISTINCT owner FROM version WHERE owner IS NOT NULL").fetchall()
    for (owner,) in owners:
        if is_alive(owner):
            continue
        rows = database.execute("SELECT message, number, content FROM version WHERE owner = ?", (owner,))
        for message, number, content in rows.fetchall():
            database.execute(
                "UPDATE version SET owner = NULL, content = ? WHERE message = ? AND number = ?",
                (_interrupted(content), message, number),
            )
            now = time.time_ns() // 1000
            database.execute("UPDATE message SET rev = max(rev + 1, ?) WHERE id = ?", (now, message))


def _interrupted(content: str) -> str:
    try:
        version = Version.model_validate_json(content)
    except ValidationError:
        log.error("A version in the database cannot be read")
        return content
    origin = version.provenance
    lost = failure("interrupted", label=origin.provider_label, paid=origin.paid)
    return version.failed(lost).model_dump_json()
