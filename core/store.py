"""What outlives the process: pictures as files, conversations as rows in SQLite."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from core import files
from core.asked import Asked
from core.database import Hit, StoreError, open_database, settle_interrupted
from core.failures import Refused
from core.owner import Owner, is_alive
from core.reaping import ROOM, Forgotten, bytes_of_pictures, bytes_of_rows, reap
from core.thread import Message, Version

T = TypeVar("T")
log = logging.getLogger(__name__)

PICTURE_NAME = re.compile(r"[0-9a-f]{32}\.(?:png|jpg|webp|gif|avif|svg)")
MOST_IN_MEMORY = 64_000_000
"""Bytes of pictures kept in memory while the disk takes none."""


class Store:
    """A folder with a database and pictures; all its work happens in one thread of its own, in order.

    It raises StoreError where the disk fails; only `put` then keeps the picture in memory, and `save`
    writes it with its message. Where the folder cannot be written to at all, the store is a temporary
    one and `is_temporary` is True.
    """

    _database: sqlite3.Connection
    _owner: Owner
    hits: list[Hit]
    """What counted against a limit when the store was opened."""

    def __init__(self, folder: Path) -> None:
        self.is_temporary = not files.is_writable(folder)
        if self.is_temporary:
            log.warning("%s cannot be written to: the next start loses all pictures", folder)
            folder = Path(tempfile.mkdtemp(prefix="limner-"))
        self.folder = folder
        self._pictures = folder / "pictures"
        self._in_memory: dict[str, bytes] = {}
        self._picture_bytes: int | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="limner-store")
        try:
            self._thread.submit(self._open).result()
        except BaseException:
            self._thread.shutdown()
            raise

    async def put(self, data: bytes, extension: str) -> str:
        """Stores a picture under a new unguessable name, which it returns."""
        name = f"{secrets.token_hex(16)}.{extension}"
        try:
            await self._run(lambda: self._write(name, data))
        except StoreError:
            log.exception("A picture could not be written; it stays in memory")
            self._in_memory[name] = data
            while sum(map(len, self._in_memory.values())) > MOST_IN_MEMORY and len(self._in_memory) > 1:
                del self._in_memory[next(iter(self._in_memory))]
        return name

    def find(self, name: str) -> Path | bytes | None:
        """Finds a picture by its name: its file, or its bytes where the disk did not take it."""
        if not PICTURE_NAME.fullmatch(name):
            return None
        if name in self._in_memory:
            return self._in_memory[name]
        path = self._pictures / name
        return path if path.is_file() else None

    async def read(self, name: str) -> bytes | None:
        """Reads a picture's bytes by its name; None where there is no such picture."""
        found = self.find(name)
        return await self._run(found.read_bytes) if isinstance(found, Path) else found

    async def version_of(self, picture: str) -> Version | None:
        """Finds the version that a picture belongs to; None if the database has none, or not yet."""

        def read() -> Version | None:
            row = self._database.execute(_VERSION_OF, (picture,)).fetchone()
            with suppress(ValidationError):
                return Version.model_validate_json(row[0]) if row else None
            return None

        return await self._run(read)

    async def save(
        self, thread_id: str, message: Message, *versions: Version, hits: Iterable[Hit] = ()
    ) -> None:
        """Writes a message as it is now, those of its versions that changed, and what counts against a limit.

        Pictures of these versions that the disk did not take before are written first.
        """
        row = {
            "id": message.id,
            "thread": thread_id,
            "created": message.created,
            "rev": message.rev,
            "asked": message.asked.model_dump_json(),
            "chosen": message.chosen,
        }
        contents = [_row(message, version, self._owner.name) for version in versions]
        names = [version.picture.name for version in versions if version.picture]
        unwritten = {name: self._in_memory[name] for name in names if name in self._in_memory}

        def write() -> None:
            for name, data in unwritten.items():
                self._write(name, data)
            with self._database:
                self._database.execute(_SAVE_MESSAGE, row)
                self._database.executemany(_SAVE_VERSION, contents)
                self._database.executemany("INSERT INTO hit (key, at, until) VALUES (?, ?, ?)", hits)
                self._database.execute(_FORGET_HITS, (time.time(),))

        await self._run(write)
        for name in unwritten:
            self._in_memory.pop(name, None)

    async def load(self, thread_id: str) -> list[Message]:
        """Reads the messages of a thread, oldest first; none where the thread is unknown.

        What another process was making when it ended is settled first.
        """

        def read() -> list[Message]:
            messages = self._read(thread_id)
            if any(message.running for message in messages):
                self._settle_interrupted()
                messages = self._read(thread_id)
            return messages

        return await self._run(read)

    async def reap(
        self,
        *,
        keep_days: float | None,
        keep_bytes: int | None,
        in_use: Collection[str],
        spare: Collection[str] = (),
    ) -> list[Forgotten]:
        """Forgets what is too old, and what is too much in pictures and rows together.

        `keep_days` None keeps what is old. Messages of the threads in use go last, those in `spare` never.
        """

        def forget() -> list[Forgotten]:
            too_many = 0
            if keep_bytes is not None:
                if self._picture_bytes is None:
                    self._picture_bytes = bytes_of_pictures(self._database, self._pictures)
                kept = self._picture_bytes + bytes_of_rows(self._database)
                if kept > keep_bytes:
                    too_many = kept - keep_bytes + keep_bytes // ROOM
            if keep_days is None and not too_many:
                return []
            forgotten = reap(
                self._database,
                self._pictures,
                keep_days=keep_days,
                too_many=too_many,
                in_use=in_use,
                spare=spare,
            )
            if self._picture_bytes is not None:
                self._picture_bytes -= sum(message.picture_bytes for message in forgotten)
            return forgotten

        forgotten = await self._run(forget)
        if forgotten:
            log.info("Forgot %d old messages", len(forgotten))
        return forgotten

    async def close(self) -> None:
        """Writes what is pending and closes the database; a second call does nothing."""

        def close() -> None:
            self._database.close()
            self._owner.close()

        try:
            closing = asyncio.get_running_loop().run_in_executor(self._thread, close)
        except RuntimeError:  # it is closed already
            return
        await closing
        self._thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"The folder {self.folder} does not take or give its data: {error}.") from error
        except RuntimeError as error:  # the executor has been shut down
            raise StoreError("The store is closed.") from error

    def _open(self) -> None:
        files.make_private(self._pictures)
        self._database = open_database(self.folder / "limner.sqlite3")
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._owner = Owner(self.folder)
            self._database.execute(_FORGET_HITS, (time.time(),))
        self.hits = [
            Hit(*hit) for hit in self._database.execute("SELECT key, at, until FROM hit ORDER BY at")
        ]
        self._settle_interrupted()

    def _write(self, name: str, data: bytes) -> None:
        files.write_once(self._pictures / name, data)
        if self._picture_bytes is not None:
            self._picture_bytes += len(data)

    def _settle_interrupted(self) -> None:
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            settle_interrupted(
                self._database, lambda name: name == self._owner.name or is_alive(self.folder, name)
            )

    def _read(self, thread_id: str) -> list[Message]:
        messages: dict[str, Message] = {}
        for id, created, rev, asked, chosen in self._database.execute(_MESSAGES, (thread_id,)):
            try:
                asked = Asked.model_validate_json(asked)
                contents = self._database.execute(_VERSIONS, (id,)).fetchall()
                versions = [Version.model_validate_json(content) for (content,) in contents]
            except (ValidationError, Refused):
                log.exception("The message %s in the database cannot be read; it is left out", id)
            else:
                messages[id] = Message(id, asked, created, rev, versions, chosen)
        return list(messages.values())


_SAVE_MESSAGE = """
INSERT INTO message (id, thread, created, rev, asked, chosen)
VALUES (:id, :thread, :created, :rev, :asked, :chosen)
ON CONFLICT (id) DO UPDATE SET rev = excluded.rev, chosen = excluded.chosen
"""
_SAVE_VERSION = """
INSERT INTO version (message, number, owner, picture, content) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (message, number) DO UPDATE SET
    owner = excluded.owner, picture = excluded.picture, content = excluded.content
"""
_MESSAGES = "SELECT id, created, rev, asked, chosen FROM message WHERE thread = ? ORDER BY position"
_FORGET_HITS = "DELETE FROM hit WHERE until < ?"
_VERSION_OF = "SELECT content FROM version WHERE picture = ?"
_VERSIONS = "SELECT content FROM version WHERE message = ? ORDER BY number"


def _row(message: Message, version: Version, owner: str) -> tuple[Any, ...]:
    return (
        message.id,
        version.number,
        owner if version.status == "running" else None,
        version.picture.name if version.picture else None,
        version.model_dump_json(),
    )
