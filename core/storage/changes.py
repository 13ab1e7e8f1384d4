"""What changes in the database: noted by triggers, read to be logged, and applied where it was not made.

A change is the rows of one key as they are at a time, or that there are none any more. For each key the
latest wins, so that changes may be applied in any order, and more than once; only a version that has a
picture is never replaced by one that has none.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, cast

log = logging.getLogger(__name__)

TABLES = {
    "conversation": ("{}id",),
    "message": ("{}id",),
    "version": ("{}message", "{}number"),
    "upload": ("{}picture",),
    "used": ("{}picture", "{}message"),
    "continuation": ("{}picture",),
    "hit": ("{}key", "printf('%.3f', {}at)"),
}
"""What makes a key in each table; the braces are for the row's name."""
PICTURE = "picture"
"""Stands for a table in the changes that are not logged: a row that had this picture was deleted."""
MAX_AT = 2**53
"""Milliseconds: what comes after a change is counted up from it, and must stay a whole number."""
STEP = 1_000
"""Changes that are applied in one transaction."""
_NOT_LOGGED = {"position"}
"""Columns that differ between databases."""

_CHANGES = """
CREATE TABLE IF NOT EXISTS change (
    of TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, logged INTEGER NOT NULL, PRIMARY KEY (of, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS change_not_logged ON change (at) WHERE NOT logged;
CREATE INDEX IF NOT EXISTS hit_of_change ON hit (key, printf('%.3f', at))
"""  # the time of a change is in milliseconds
_NOTE = """
INSERT INTO change (of, key, at, logged)
VALUES ('{of}', {key}, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), 0)
ON CONFLICT (of, key) DO UPDATE SET at = max(at + 1, excluded.at), logged = 0
"""
_LOGGED = "INSERT OR REPLACE INTO change (of, key, at, logged) VALUES (?, ?, ?, 1)"
_REFERRED = " UNION ALL ".join(
    f"SELECT 1 FROM {table} WHERE picture = :picture" for table in ("version", "upload", "used")
)


class Change(NamedTuple):
    """The rows of a key as they were at a time."""

    of: str
    key: str
    """A list, as JSON."""
    at: int
    rows: list[dict[str, Any]]


def watch(database: sqlite3.Connection) -> None:
    """Has every further change noted, and what nothing is noted of as not logged yet."""
    with database:
        database.execute("BEGIN IMMEDIATE")
        note_all(database)
        for of in TABLES:
            for event, row in (("INSERT", "new"), ("UPDATE", "new"), ("DELETE", "old")):
                note = _NOTE.format(of=of, key=_key(of, f"{row}."))
                _create_trigger(database, f"change_{of}_{event.lower()}", f"AFTER {event} ON {of}", note)
            if "picture" in _columns(database, of):
                note = _NOTE.format(of=PICTURE, key="old.picture")
                when = f"AFTER DELETE ON {of} WHEN old.picture IS NOT NULL"
                _create_trigger(database, f"change_picture_{of}", when, note)


def note_all(database: sqlite3.Connection) -> None:
    """Notes what nothing is noted of, as older than every change."""
    for statement in _CHANGES.split(";"):
        database.execute(statement)
    for of in TABLES:
        database.execute(f"INSERT OR IGNORE INTO change SELECT '{of}', {_key(of)}, 0, 0 FROM {of}")


def changes(database: sqlite3.Connection, which: str) -> Iterator[Change]:
    """Yields the changes that a condition holds for."""
    columns = {of: ", ".join(_columns(database, of)) for of in TABLES}
    for of, key, at in database.execute(f"SELECT of, key, at FROM change WHERE {which}"):
        rows = list[dict[str, Any]]()
        if of != PICTURE:
            found = database.execute(f"SELECT {columns[of]} FROM {of} WHERE {_is(of)}", json.loads(key))
            rows = [dict(zip(columns[of].split(", "), row, strict=True)) for row in found]
        yield Change(of, key, at, rows)


def mark_logged(database: sqlite3.Connection, logged: Iterable[Change]) -> None:
    """Notes that these are logged, but for what has changed again meanwhile."""
    keys = [(change.of, change.key, change.at) for change in logged]
    with database:
        database.executemany("UPDATE change SET logged = 1 WHERE of = ? AND key = ? AND at = ?", keys)


def forget(database: sqlite3.Connection, gone: Iterable[Change]) -> None:
    """Forgets that there were these, unless there are again."""
    keys = [(change.of, change.key, change.at) for change in gone]
    with database:
        database.executemany("DELETE FROM change WHERE of = ? AND key = ? AND at = ?", keys)


def apply(database: sqlite3.Connection, logged: Iterable[Change]) -> None:
    """Applies the changes that are newer than what is here."""
    columns = {of: _columns(database, of) for of in TABLES}
    left = iter(logged)
    while step := list(islice(left, STEP)):  # read before others have to wait
        with database:
            database.execute("BEGIN IMMEDIATE")
            for change in step:
                _apply(database, change, columns[change.of])


def _apply(database: sqlite3.Connection, change: Change, columns: list[str]) -> None:
    database.execute("SAVEPOINT change")
    try:
        known = database.execute("SELECT at FROM change WHERE of = ? AND key = ?", change[:2]).fetchone()
        if known and not _wins(database, change, known[0]):
            return
        if known:
            database.execute(f"DELETE FROM {change.of} WHERE {_is(change.of)}", json.loads(change.key))
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        for row in change.rows:
            insert = f"INSERT OR REPLACE INTO {change.of} ({names}) VALUES ({marks})"
            database.execute(insert, list(map(row.get, columns)))
        at = max(known[0], change.at) if known else change.at
        database.execute(_LOGGED, (change.of, change.key, at))  # after the triggers, for which it is now
    except (sqlite3.IntegrityError, OverflowError, UnicodeEncodeError):
        log.warning("A change of a %s in the bucket's log is damaged; it is left out", change.of)
        database.execute("ROLLBACK TO change")
    finally:
        database.execute("RELEASE change")


def is_referred(database: sqlite3.Connection, picture: str) -> bool:
    """Whether a row has a picture."""
    return database.execute(_REFERRED, {"picture": picture}).fetchone() is not None


def parse(line: str) -> Change:
    """Reads a change as it was logged; raises ValueError if it is none."""
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError("not an object")
    of, key, at, rows = (cast("dict[str, Any]", found).get(name) for name in Change._fields)
    of_key = json.loads(key) if isinstance(key, str) else None
    if of not in TABLES or not isinstance(of_key, list) or type(at) is not int or abs(at) > MAX_AT:
        raise ValueError("not a change")
    values = cast("list[Any]", of_key)
    if len(values) != len(TABLES[of]) or not isinstance(rows, list):
        raise ValueError("not a change of this table")
    for row in cast("list[Any]", rows):
        if not isinstance(row, dict):
            raise ValueError("not rows")
        values += cast("dict[str, Any]", row).values()
    if not all(isinstance(value, str | int | float | None) for value in values):
        raise ValueError("not the values of a table")
    return Change(of, cast("str", key), at, cast("list[dict[str, Any]]", rows))


def _create_trigger(database: sqlite3.Connection, name: str, when: str, note: str) -> None:
    database.execute(f"CREATE TRIGGER IF NOT EXISTS {name} {when} BEGIN {note}; END")


def _wins(database: sqlite3.Connection, change: Change, at: int) -> bool:
    """Whether a change wins over what is known since a time."""
    if change.of == "version" and change.rows:
        of_version = f"SELECT picture FROM version WHERE {_is('version')}"
        mine = database.execute(of_version, json.loads(change.key)).fetchone()
        if mine and (mine[0] is None) != (change.rows[0].get("picture") is None):
            return mine[0] is None
    return change.at > at


def _columns(database: sqlite3.Connection, of: str) -> list[str]:
    names = [name for _, name, *_ in database.execute(f"PRAGMA table_info({of})")]
    return [name for name in names if name not in _NOT_LOGGED]


def _key(of: str, row: str = "") -> str:
    """Returns the expression for a row's key."""
    return f"json_array({', '.join(TABLES[of])})".replace("{}", row)


def _is(of: str) -> str:
    """Returns the condition for the rows of a key."""
    return " AND ".join(f"{part} IS ?" for part in TABLES[of]).replace("{}", "")
