"""The database: how it is opened, a SQLite file or PostgreSQL, and how work is done in it."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from core.storage.migrations import form_of, latest_form, migrate
from core.storage.tables import origin

T = TypeVar("T")
BUSY_SECONDS = 10.0
"""How long one process waits while another writes to a SQLite file."""
CONNECTIONS = 8
"""Connections of one process to PostgreSQL, each used by a thread."""
CONNECT_SECONDS = 5
ANSWER_SECONDS = 20
"""How long PostgreSQL may take for an answer; what is asked for longer has failed."""
_MIGRATING = 5_641_846_237
"""The number of the lock that a process holds in PostgreSQL while it makes the tables."""


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


class Database:
    """A SQLite file, which is made if there is none, or a PostgreSQL database by its URL.

    Work is a function of a connection, and is done in a transaction, in a thread of the database's own: in
    order for SQLite, several at once for PostgreSQL. Raises StoreError if the database cannot be used, is
    damaged, or is too new.
    """

    def __init__(self, where: Path | str) -> None:
        self.path = where if isinstance(where, Path) else None
        self._engine = _engine_of_file(where) if isinstance(where, Path) else _engine_of_url(where)
        url = self._engine.url
        port = f":{url.port}" if url.port else ""
        self.name = str(where) if self.path else f"postgresql://{url.host or ''}{port}/{url.database or ''}"
        threads = 1 if self.path else CONNECTIONS
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="limner-store")
        self._is_closed = False
        self.begin(self._prepare)

    def begin(self, work: Callable[[], T]) -> T:
        """Does work before there is an event loop, or else closes the database; raises StoreError."""
        try:
            return self._threads.submit(work).result()
        except (DBAPIError, OSError) as error:
            self.close()
            why = error.strerror if isinstance(error, OSError) else _cause(error)
            raise StoreError(f"The database {self.name} cannot be used ({why}): {self._advice}.") from error
        except BaseException:
            self.close()
            raise

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Does work that changes nothing; raises StoreError."""
        return await self.run(lambda: self._do(self._engine, work))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Does work that changes something, all of it or nothing; raises StoreError."""
        return await self.run(lambda: self.write_now(work))

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """Does work that changes something, in the calling thread."""
        return self._do(self._engine.execution_options(writes=True), work)

    async def run(self, work: Callable[[], T]) -> T:
        """Does work that needs no connection, in its turn; raises StoreError."""
        if self._is_closed:
            raise StoreError("The store is closed.")
        doing = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.wait_for(doing, 1.5 * ANSWER_SECONDS if self.is_shared else None)
        except asyncio.TimeoutError as error:
            raise StoreError(f"The database {self.name} does not answer.") from error
        except (SQLAlchemyError, OSError) as error:
            why = _cause(error) if isinstance(error, DBAPIError) else error
            raise StoreError(f"The data in {self.name} cannot be read or written: {why}.") from error
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(
                f"The store failed ({type(error).__name__}): the log has the details."
            ) from error

    def connect(self) -> Any:
        """Returns a connection of psycopg that is the caller's own, to close, and commits each statement."""
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        connection.autocommit = True
        return connection

    @property
    def is_shared(self) -> bool:
        """Whether other machines may use it."""
        return self.path is None

    def close(self) -> None:
        """Closes all connections, after what is waiting is done."""
        self._is_closed = True
        self._threads.shutdown()
        self._engine.dispose()

    def _prepare(self) -> None:
        """Checks the database, and makes or changes its tables."""
        if self.path:
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            self._do(self._engine, _check_integrity)
        self.write_now(self._migrate)

    def _migrate(self, connection: Connection) -> None:
        if not self.path:  # one process after the other
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
        if form_of(connection) > latest_form():
            advice = "set data_dir to another folder" if self.path else "set database to another one"
            raise StoreError(
                f"The database {self.name} was written by a newer Limner: use that version, or {advice}."
            )
        migrate(connection)
        upsert(connection, origin, [{"one": 1, "id": secrets.token_hex(8), "created": time.time()}], ["one"])

    def _do(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        with engine.begin() as connection:
            return work(connection)

    @property
    def _advice(self) -> str:
        if self.path:
            return "move it away, replace it by a good copy, or set data_dir to another folder"
        return "check that PostgreSQL runs there, and has this database, and this user with this password"


def _check_integrity(connection: Connection) -> None:
    state = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
    if state != "ok":
        raise OSError(errno.EIO, " ".join(str(state).split()))


def now(connection: Connection) -> float:
    """Returns the time by the clock of the database, which all processes share, in Unix seconds."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    keys: Sequence[str],
    update: Callable[[Any], Mapping[str, Any]] | None = None,
    where: Callable[[Any], ColumnElement[bool]] | None = None,
) -> int:
    """Inserts rows; where there is one of the same keys already it is updated, or left as it is.

    `update` gets the row that was to be inserted, as an expression, and returns what to set; `where` says
    whether to. Returns how many rows were written.
    """
    if not rows:
        return 0
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert
    statement = insert(table)
    if update:
        new = statement.excluded
        changed = statement.on_conflict_do_update(
            index_elements=keys, set_=update(new), where=where(new) if where else None
        )
    else:
        changed = statement.on_conflict_do_nothing(index_elements=keys)
    return connection.execute(changed, rows, execution_options={"preserve_rowcount": True}).rowcount


def _engine_of_url(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError(f"The setting database is no address: {_FORM}.") from None
    if parsed.drivername not in ("postgresql", "postgres"):
        kind = parsed.drivername
        raise StoreError(f"The setting database names {kind!r}, which Limner cannot use: {_FORM}.")
    parsed = parsed.set(drivername="postgresql+psycopg")
    options: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "limner",
        "tcp_user_timeout": ANSWER_SECONDS * 1000,
        "keepalives_idle": CONNECT_SECONDS,
        "keepalives_interval": CONNECT_SECONDS,
        "keepalives_count": 2,
    }
    if "options" not in parsed.query:
        options["options"] = f"-c statement_timeout={ANSWER_SECONDS}s"
    try:
        return create_engine(
            parsed, pool_size=CONNECTIONS, max_overflow=1, pool_pre_ping=True, connect_args=options
        )
    except ImportError:
        raise StoreError("The setting database needs: pip install 'limner[postgresql]'.") from None


_FORM = "it must be such as postgresql://db.example/limner"


def _engine_of_file(path: Path) -> Engine:
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(
        url,
        pool_size=1,
        max_overflow=1,  # for the thread that renews the lease
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a row is a picture that may have cost money
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _cause(error: DBAPIError) -> str:
    """Returns what the database said, on one line."""
    return " ".join(str(error.orig).split())
