"""What outlives the process: pictures as files, conversations as rows in SQLite."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import sqlite3
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from core.asked import Asked
from core.failures import failure
from core.thread import Message, Version

T = TypeVar("T")
log = logging.getLogger(__name__)

PICTURE_NAME = re.compile(r"[0-9a-f]{32}\.(?:png|jpg|webp|gif|avif|svg)")
MOST_IN_MEMORY = 64_000_000
"""Bytes of pictures kept in memory while the disk takes none."""

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS message (
    id TEXT PRIMARY KEY, thread TEXT NOT NULL, created REAL NOT NULL,
    rev INTEGER NOT NULL, asked TEXT NOT NULL, chosen INTEGER
);
CREATE INDEX IF NOT EXISTS message_of_thread ON message (thread, created);
CREATE TABLE IF NOT EXISTS version (
    message TEXT NOT NULL REFERENCES message (id), number INTEGER NOT NULL,
    status TEXT NOT NULL, content TEXT NOT NULL, PRIMARY KEY (message, number)
);
"""


class Store:
    """A folder with a database and pictures; all its work happens in one thread of its own, in order.

    Its methods raise OSError or sqlite3.Error where the disk fails, except `put`, which then keeps
    the picture in memory.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = _writable(folder)
        self._in_memory: dict[str, bytes] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="limner-store")
        self._database = self._thread.submit(self._open).result()

    @property
    def is_temporary(self) -> bool:
        """The chosen folder cannot be written to: all is lost with the next start."""
        return self.folder.parent == Path(tempfile.gettempdir())

    async def put(self, data: bytes, extension: str) -> tuple[str, bool]:
        """Stores a picture under a new unguessable name; says whether it is on the disk."""
        name = f"{secrets.token_hex(16)}.{extension}"
        try:
            await self._run(lambda: _write_once(self.folder / "pictures" / name, data))
        except OSError:
            log.exception("A picture could not be written; it stays in memory")
            self._in_memory[name] = data
            while sum(map(len, self._in_memory.values())) > MOST_IN_MEMORY and len(self._in_memory) > 1:
                del self._in_memory[next(iter(self._in_memory))]
            return name, False
        return name, True

    def find(self, name: str) -> Path | bytes | None:
        """Finds a picture by its name: its file, or its bytes where the disk did not take it."""
        if not PICTURE_NAME.fullmatch(name):
            return None
        if name in self._in_memory:
            return self._in_memory[name]
        path = self.folder / "pictures" / name
        return path if path.is_file() else None

    async def read(self, name: str) -> bytes | None:
        """Reads a picture's bytes by its name."""
        found = self.find(name)
        return await self._run(found.read_bytes) if isinstance(found, Path) else found

    async def save(self, thread_id: str, message: Message, *versions: Version) -> None:
        """Writes a message and those of its versions that changed."""
        row = (
            message.id,
            thread_id,
            message.created,
            message.rev,
            message.asked.model_dump_json(),
            message.chosen,
        )
        contents = [(message.id, v.number, v.status, v.model_dump_json()) for v in versions]

        def write() -> None:
            with self._database:
                self._database.execute("INSERT OR REPLACE INTO message VALUES (?, ?, ?, ?, ?, ?)", row)
                self._database.executemany("INSERT OR REPLACE INTO version VALUES (?, ?, ?, ?)", contents)

        await self._run(write)

    async def load(self, thread_id: str) -> list[Message]:
        """Reads the messages of a thread, oldest first; none where the thread is unknown."""

        def read() -> list[Message]:
            rows = self._database.execute(
                "SELECT id, created, rev, asked, chosen FROM message WHERE thread = ? ORDER BY created",
                (thread_id,),
            ).fetchall()
            versions = self._database.execute(
                "SELECT message, version.content FROM version JOIN message ON message.id = version.message"
                " WHERE thread = ? ORDER BY number",
                (thread_id,),
            ).fetchall()
            messages = {
                id: Message(id, Asked.model_validate_json(asked), created, rev, chosen=chosen)
                for id, created, rev, asked, chosen in rows
            }
            for id, content in versions:
                messages[id].versions.append(Version.model_validate_json(content))
            return list(messages.values())

        return await self._run(read)

    async def close(self) -> None:
        """Writes what is pending and closes the database."""
        await self._run(self._database.close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.folder / "limner.sqlite3")
        database.executescript(_SCHEMA)
        with database:
            _settle_interrupted(database)
        return database


def _settle_interrupted(database: sqlite3.Connection) -> None:
    """Settles the versions that were running when the program last ended."""
    rows = database.execute(
        "SELECT message, number, content FROM version WHERE status = 'running'"
    ).fetchall()
    for message, number, content in rows:
        version = Version.model_validate_json(content)
        lost = failure("interrupted", label=version.applied.provider_label, paid=True)
        settled = version.model_copy(update={"status": "incomplete", "reason": "error", "failure": lost})
        database.execute(
            "UPDATE version SET status = ?, content = ? WHERE message = ? AND number = ?",
            (settled.status, settled.model_dump_json(), message, number),
        )


def _writable(folder: Path) -> Path:
    """Makes the folder, or another in the system's temporary place where this one cannot be written."""
    try:
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        log.warning(
            "%s cannot be written to; pictures and conversations are lost with the next start", folder
        )
        folder = Path(tempfile.mkdtemp(prefix="limner-"))
        (folder / "pictures").mkdir()
        return folder


def _write_once(path: Path, data: bytes) -> None:
    """Writes a new file so that it is whole or not there: a temporary file, flushed, then renamed."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
