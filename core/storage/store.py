"""The store: conversations as rows in SQLite, pictures as files, in one folder, and a copy in a bucket."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from core.chat.message import Message, Version
from core.chat.picture import InputPicture, Picture
from core.storage.conversations import Conversations, note
from core.storage.database import Hit, StoreError, open_database, settle_interrupted
from core.storage.journal import Journal
from core.storage.messages import durations, read_messages, rows_of, version_of, write_rows
from core.storage.mounts import check_folders
from core.storage.pictures import Pictures, is_writable, make_private
from core.storage.process_lock import ProcessLock, is_alive
from core.storage.retention import Forgotten, prune, purge
from core.storage.thumbnails import Thumbnails
from core.storage.uploads import add_upload, forget_pictures, upload, uploads_of
from limner.identify import ImageInfo

T = TypeVar("T")
log = logging.getLogger(__name__)


class Store:
    """A folder with a database and pictures; all work is done in order, in one thread of the store's own.

    Methods raise StoreError if the disk fails; only `put` then keeps the picture in memory, and `save`
    writes it together with its message. If the folder cannot be written to at all, the store is in a
    temporary one. With a bucket it begins with what is there, and copies there what changes, soon after;
    without one `is_temporary` is then True.
    """

    _database: sqlite3.Connection
    _lock: ProcessLock
    hits: list[Hit]
    """What counted against a limit when the store was opened."""

    def __init__(self, folder: Path, bucket: Path | None = None) -> None:
        self.warnings = check_folders(folder, bucket)
        """What makes the folders unfit for what they are for, in sentences."""
        is_lost = not is_writable(folder)
        self.is_temporary = is_lost and bucket is None
        if is_lost:
            fate = "only the bucket keeps pictures" if bucket else "pictures will be lost on restart"
            log.warning("%s cannot be written to: %s", folder, fate)
            folder = Path(tempfile.mkdtemp(prefix="limner-"))
        self.folder = folder
        self._journal: Journal | None = None
        self._pictures = Pictures(folder / "pictures", bucket / "pictures" if bucket else None)
        self.thumbnails = Thumbnails(self._pictures)
        self.conversations = Conversations(self._in_database, self._pictures)
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="limner-store")
        try:
            self._thread.submit(self._open, bucket).result()
        except BaseException:
            self._thread.shutdown()
            raise

    async def put(self, data: bytes, info: ImageInfo) -> Picture:
        """Stores a picture under a new name that cannot be guessed."""
        return await self._run(lambda: self._pictures.put(data, info))

    def find(self, name: str) -> Path | bytes | None:
        """Returns a picture's file, or its bytes if the disk could not store it; None if there is none."""
        return self._pictures.find(name)

    async def read(self, name: str) -> bytes | None:
        """Returns a picture's bytes; None if there is no such picture."""
        return await self._run(lambda: self._pictures.read(name))

    async def add_upload(
        self, conversation_id: str, data: bytes, info: ImageInfo, filename: str, owner: str | None = None
    ) -> InputPicture:
        """Stores a picture that somebody brought into a conversation, which is the owner's if it is new."""

        def add() -> InputPicture:
            picture = InputPicture(**dict(self._pictures.put(data, info)), filename=filename)
            add_upload(self._database, self._pictures, conversation_id, picture)
            with self._database:
                note(self._database, conversation_id, owner)
            return picture

        return await self._run(add)

    async def uploads_of(self, conversation_id: str, names: Collection[str]) -> list[InputPicture]:
        """Returns those of the named pictures that somebody brought into a conversation."""
        return await self._run(lambda: uploads_of(self._database, conversation_id, names))

    async def upload(self, picture: str) -> InputPicture | None:
        """Returns what is known of a picture that somebody brought; None if nobody brought it."""
        return await self._run(lambda: upload(self._database, picture))

    async def keep_continuation(self, picture: str, content: str) -> None:
        """Keeps what a service needs to go on from a picture, as JSON, for as long as the picture."""

        def write() -> None:
            with self._database:
                self._database.execute("INSERT INTO continuation VALUES (?, ?)", (picture, content))

        await self._run(write)

    async def continuation_of(self, picture: str) -> str | None:
        """Returns what was kept to go on from a picture; None if there is nothing."""

        def read() -> str | None:
            found = "SELECT content FROM continuation WHERE picture = ?"
            row = self._database.execute(found, (picture,)).fetchone()
            return row[0] if row else None

        return await self._run(read)

    async def version_of(self, picture: str) -> Version | None:
        """Returns the version that a picture belongs to; None if the database has none, or not yet."""

        return await self._run(lambda: version_of(self._database, picture))

    async def save(
        self,
        conversation_id: str,
        message: Message,
        *versions: Version,
        hits: Iterable[Hit] = (),
        owner: str | None = None,
    ) -> None:
        """Writes a message as it is now, those of its versions that changed, and what counts against a limit.

        Pictures of these versions that the disk could not store before are written first. The conversation
        is the owner's if it is new.
        """
        rows = rows_of(conversation_id, message, versions, self._lock.name)
        counted = [asdict(hit) for hit in hits]
        pictures = [version.picture.name for version in versions if version.picture]

        def write() -> None:
            self._pictures.write(pictures)
            with self._database:
                write_rows(self._database, rows)
                at = time.time() if versions else message.created
                note(self._database, conversation_id, owner, message.request.prompt, at)
                self._database.executemany(_WRITE_HIT, counted)
                self._database.execute(_FORGET_HITS, (time.time(),))

        await self._run(write)
        if self._journal and any(version.status != "running" for version in versions):
            self._journal.wake()

    async def add(self, conversation_id: str, messages: Sequence[Message], owner: str | None) -> None:
        """Writes the messages of a new conversation, with all their versions, or nothing."""
        rows = [rows_of(conversation_id, one, one.versions, self._lock.name) for one in messages]

        def write() -> None:
            with self._database:
                note(self._database, conversation_id, owner, messages[0].request.prompt)
                for message in rows:
                    write_rows(self._database, message)

        await self._run(write)

    async def forget(self, pictures: Iterable[str]) -> None:
        """Deletes those of these pictures that belong to no message."""
        now = time.time()
        await self._run(lambda: forget_pictures(self._database, self._pictures, pictures, uploads_since=now))

    async def load(self, conversation_id: str) -> list[Message]:
        """Returns the messages of a conversation, oldest first; none if it is unknown.

        What another process was making when it ended is settled first.
        """

        def read() -> list[Message]:
            messages = read_messages(self._database, conversation_id)
            if any(version.status == "running" for message in messages for version in message.versions):
                self._settle_interrupted()
                messages = read_messages(self._database, conversation_id)
            return messages

        return await self._run(read)

    async def prune(
        self,
        *,
        keep_days: float | None,
        keep_bytes: int | None,
        in_use: Collection[str],
        protected: Collection[str] = (),
    ) -> list[Forgotten]:
        """Forgets what is too old, and the oldest beyond `keep_bytes` of pictures and rows together.

        None sets no limit. Messages of the conversations in use go last, those in `protected` never.
        """
        forgotten = await self._run(
            lambda: prune(
                self._database,
                self._pictures,
                keep_days=keep_days,
                keep_bytes=keep_bytes,
                in_use=in_use,
                protected=protected,
            )
        )
        if forgotten:
            log.info("Forgot %d old messages", len(forgotten))
        return forgotten

    async def purge(self, before: float, protected: Collection[str]) -> list[Forgotten]:
        """Removes for good what was deleted before a time, but for what is still being made.

        Nothing of the messages in `protected` is removed.
        """
        return await self._run(lambda: purge(self._database, self._pictures, before, protected))

    async def durations(self) -> list[tuple[str, str, float]]:
        """Returns the provider, the model and the seconds of the latest pictures, oldest first."""
        return await self._run(lambda: durations(self._database))

    async def check(self) -> None:
        """Writes a little where pictures and rows are kept, which raises StoreError if the disk fails."""

        def write() -> None:
            self._pictures.check()
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            self._database.execute(f"PRAGMA user_version = {version}")

        await self._run(write)

    async def close(self) -> None:
        """Closes the database after what is waiting is written; a second call does nothing."""
        if self._closed:
            return
        self._closed = True

        def close() -> None:
            if self._journal:
                self._journal.close()
            self._database.close()
            self._lock.close()

        await asyncio.get_running_loop().run_in_executor(self._thread, close)
        self._thread.shutdown()

    async def _in_database(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._run(lambda: work(self._database))

    async def _run(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise StoreError("The store is closed.")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"The data in {self.folder} cannot be read or written: {error}.") from error
        except Exception as error:
            raise StoreError(
                f"The store failed ({type(error).__name__}): the log has the details."
            ) from error

    def _open(self, bucket: Path | None) -> None:
        make_private(self.folder / "pictures")
        make_private(self._pictures.thumbnails)
        path = self.folder / "limner.sqlite3"
        self._database = open_database(path)
        if bucket:
            try:
                self._journal = Journal(path, bucket, self._pictures)
            except BaseException:
                self._database.close()
                raise
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._lock = ProcessLock(self.folder)
            self._database.execute(_FORGET_HITS, (time.time(),))
        self.hits = [Hit(*hit) for hit in self._database.execute(_READ_HITS)]
        self._settle_interrupted()
        if self._journal:
            self._journal.start()

    def _settle_interrupted(self) -> None:
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            settle_interrupted(
                self._database, lambda name: name == self._lock.name or is_alive(self.folder, name)
            )


_FORGET_HITS = "DELETE FROM hit WHERE until < ?"
_READ_HITS = "SELECT key, at, until, cost, id FROM hit ORDER BY at"
_WRITE_HIT = """
INSERT INTO hit (key, at, until, cost, id) VALUES (:key, :at, :until, :cost, :id)
ON CONFLICT (id) DO UPDATE SET until = excluded.until, cost = excluded.cost
"""
