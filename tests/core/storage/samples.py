"""A message and a picture as the store takes them."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from core.chat.message import Message, Provenance, Version
from core.chat.request import UserRequest
from core.storage.migrations.forms import FORMS
from core.storage.store import Store
from limner.identify import ImageInfo

INFO = ImageInfo("image/png", 16, 16)


def running(paid: bool = False) -> Version:
    provenance = Provenance(
        prompt="a", provider="p", provider_label="P", model="m", model_label="M", paid=paid
    )
    return Version(number=1, provenance=provenance)


def a_message(*versions: Version, id: str = "m", rev: int = 5) -> Message:
    return Message(id, UserRequest(prompt="a", options={"of": "it"}), 1.5, rev, list(versions))


@contextmanager
def database_of_form(folder: Path, form: int) -> Generator[sqlite3.Connection]:
    """Makes a SQLite file as an older Limner made it, and commits what is written to it."""
    with changed_database(folder) as database:
        for statement in ";".join(FORMS[:form]).split(";"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {form}")
        yield database


@contextmanager
def changed_database(folder: Path) -> Generator[sqlite3.Connection]:
    """Opens the SQLite file of a store that is closed, or another process', and commits what is changed."""
    database = sqlite3.connect(folder / "limner.sqlite3", timeout=10)
    try:
        with database:
            yield database
    finally:
        database.close()


def end_leases(folder: Path) -> None:
    """Lets the time pass after which processes that do not renew their lease are taken to be dead."""
    with changed_database(folder) as database:
        database.execute("UPDATE process SET until = 0")


async def execute(store: Store, statement: str, **values: Any) -> list[Any]:
    """Runs a statement in the database of a store, and returns the rows."""

    def run(connection: Connection) -> list[Any]:
        done = connection.execute(text(statement), values)
        return [tuple(row) for row in done] if done.returns_rows else []

    return await store._database.write(run)
