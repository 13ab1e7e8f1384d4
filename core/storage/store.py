"""The store: conversations as rows in a database, pictures as files in a folder, and a copy in a bucket."""

from __future__ import annotations

import logging
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, delete, insert, select

from core.chat.message import Message, Version
from core.chat.picture import Picture
from core.settings.schema import Settings
from core.storage.begun import BegunRequests
from core.storage.brought import Uploads
from core.storage.conversations import Conversations, note
from core.storage.database import Database, Hit, upsert
from core.storage.journal import Journal
from core.storage.messages import (
    durations,
    read_messages,
    revisions,
    rows_of,
    stored_of,
    version_of,
    write_rows,
)
from core.storage.mounts import check_folders
from core.storage.notices import Notice, Notices
from core.storage.pictures import PictureFolder, Pictures, is_writable, make_private
from core.storage.removal import Removal
from core.storage.running import Running
from core.storage.tables import continuations, hits, processes
from core.storage.thumbnails import Thumbnails
from core.storage.uploads import note_uploads
from core.workers import Workers
from limner.identify import ImageInfo

T = TypeVar("T")
READERS = 16
"""Pictures that are read from a network, or written there, at once."""
log = logging.getLogger(__name__)


class Store:
    """A folder with pictures and a database, unless that is elsewhere, by its URL.

    Methods raise StoreError if the disk fails; only `put` then keeps the picture in memory, and `save`
    writes it together with its message. If the folder cannot be written to at all, the store is in a
    temporary one. With a bucket it begins with what is there, and copies there what changes, soon after;
    without one `is_temporary` is then True.
    """

    hits: list[Hit]
    """What counted against a limit when the store was opened."""

    def __init__(
        self,
        folder: Path,
        bucket: Path | None = None,
        database: str | None = None,
        objects: Pictures | None = None,
        where: str | None = None,
    ) -> None:
        self.warnings = check_folders(folder, bucket)
        if database and (folder / "limner.sqlite3").exists():
            self.warnings.append(
                f"The conversations in {folder / 'limner.sqlite3'} are not shown, since the setting database "
                "names another one: deploy/README.md says how they move."
            )
        """What makes the folders unfit for what they are for, in sentences."""
        is_lost = not is_writable(folder)
        self.is_temporary = is_lost and bucket is None
        if is_lost:
            fate = "only the bucket keeps pictures" if bucket else "pictures will be lost on restart"
            log.warning("%s cannot be written to: %s", folder, fate)
            folder = Path(tempfile.mkdtemp(prefix="limner-"))
        self.folder = folder
        files = PictureFolder(folder / "pictures", bucket / "pictures" if bucket else None)
        make_private(folder / "pictures")
        make_private(files.thumbnails)
        self.pictures = objects or files
        """To be used in worker threads alone, if it is not local."""
        self._files = files
        self._readers = Workers(READERS)
        self._database = Database(database or folder / "limner.sqlite3")
        self.is_shared = self._database.is_shared
        """Whether other machines may change what is in it."""
        self.places = f"Conversations are in {self._database.name}, pictures in {where or self.folder}"
        """What an operator reads of where everything is."""
        self.is_remote = self.is_shared or not self.pictures.is_local
        """Whether a network may be away, and come back."""
        self.process = secrets.token_hex(8)
        """The name of this process among those that share the store."""
        self.notices = Notices(self._database, self.process)
        self.running = Running(self._database, self.notices, self.process)
        self._journal: Journal | None = None
        self._closed = False
        self.thumbnails = Thumbnails(self.pictures)
        self.begun = BegunRequests(self._database)
        self.removal = Removal(self._database, self.pictures, self.notices, self._wait)
        self.uploads = Uploads(self._database, self.put, self.removal.without)
        self.conversations = Conversations(self._database, self.notices)
        self._database.begin(lambda: self._open(bucket))

    @classmethod
    def of(cls, settings: Settings) -> Store:
        """Opens the store that the settings describe; raises StoreError."""
        database = settings.database.get_secret_value() if settings.database else None
        objects = None
        if settings.pictures:
            from core.storage.objects import ObjectPictures

            objects = ObjectPictures(settings.pictures, links=settings.picture_links)
            objects.reach()
        return cls(settings.data_dir, settings.bucket_dir, database, objects, settings.pictures)

    async def put(self, data: bytes, info: ImageInfo) -> Picture:
        """Stores a picture under a new name that cannot be guessed."""
        return await self._wait(lambda: self.pictures.put(data, info))

    async def find(self, name: str) -> Path | bytes | None:
        """Returns a picture's file, or its bytes if no file of this machine has it; None if there is none."""
        if self.pictures.is_local:
            return self.pictures.find(name)
        return await self._wait(lambda: self.pictures.find(name))

    async def has(self, name: str) -> bool:
        """Whether there is such a picture."""
        return (
            self.pictures.has(name)
            if self.pictures.is_local
            else await self._wait(partial(self.pictures.has, name))
        )

    async def link(self, name: str) -> str | None:
        """Returns a link to a picture that lasts some minutes, where that can be had."""
        if self.pictures.is_local:
            return None
        return await self._wait(lambda: self.pictures.link(name) if self.pictures.has(name) else None)

    async def read(self, name: str) -> bytes | None:
        """Returns a picture's bytes; None if there is no such picture."""
        return await self._wait(lambda: self.pictures.read(name))

    async def keep_continuation(self, picture: str, content: str) -> None:
        """Keeps what a service needs to go on from a picture, as JSON, for as long as the picture."""
        kept = insert(continuations).values(picture=picture, content=content)
        await self._database.write(lambda connection: connection.execute(kept))

    async def continuation_of(self, picture: str) -> str | None:
        """Returns what was kept to go on from a picture; None if there is nothing."""
        kept = select(continuations.c.content).where(continuations.c.picture == picture)
        return await self._database.read(lambda connection: connection.execute(kept).scalar_one_or_none())

    async def version_of(self, picture: str) -> Version | None:
        """Returns the version that a picture belongs to; None if the database has none, or not yet."""

        return await self._database.read(lambda connection: version_of(connection, picture))

    async def save(
        self,
        conversation_id: str,
        message: Message,
        *versions: Version,
        hits: Iterable[Hit] = (),
        owner: str | None = None,
    ) -> None:
        """Writes what changed of a message, those of its versions that were begun or have settled, and hits.

        Pictures of these versions that the disk could not store before are written first. The conversation
        is the owner's if it is new.
        """
        rows, stored = rows_of(conversation_id, message, versions, self.process), stored_of(message)
        counted = [asdict(hit) for hit in hits]
        pictures = [version.picture.name for version in versions if version.picture]
        pictures += [picture.name for picture in message.request.pictures]
        running = {version.number for version in versions if version.status == "running"}

        def write(connection: Connection) -> None:
            if running:
                self.running.lease.renew(connection)
            if write_rows(connection, rows):
                at = time.time() if versions else message.created
                note(connection, conversation_id, owner, message.request.prompt, at)
            _write_hits(connection, counted)
            self.notices.tell(connection, Notice("changed", conversation_id))

        if any(map(self.pictures.in_memory, pictures)):
            await self._wait(lambda: self.pictures.write(pictures))
        await self._database.write(write)
        message.stored = stored
        settled = {version.number for version in versions} - running
        self.running.lease.note(message.id, running, settled)
        if self._journal and settled:
            self._journal.wake()

    async def add(self, conversation_id: str, messages: Sequence[Message], owner: str | None) -> None:
        """Writes the messages of a new conversation, with all their versions, or nothing."""
        rows = [rows_of(conversation_id, one, one.versions, self.process) for one in messages]
        made = {version.picture.name for one in messages for version in one.versions if version.picture}
        sent = [picture for one in messages for picture in one.request.pictures if picture.name not in made]

        def write(connection: Connection) -> None:
            note(connection, conversation_id, owner, messages[0].request.prompt)
            note_uploads(connection, conversation_id, sent)
            for message in rows:
                write_rows(connection, message)

        await self._database.write(write)

    async def load(self, conversation_id: str) -> list[Message]:
        """Returns the messages of a conversation, oldest first; none if it is unknown."""
        return await self._database.read(lambda connection: read_messages(connection, conversation_id))

    async def changed(self, conversation_id: str, known: Mapping[str, int]) -> tuple[list[Message], set[str]]:
        """Returns the messages whose revisions are not the known ones, and the ids of those that are gone."""

        def read(connection: Connection) -> tuple[list[Message], set[str]]:
            stored = revisions(connection, conversation_id)
            new = {id for id, rev in stored.items() if known.get(id) != rev}
            changed = read_messages(connection, conversation_id, new) if new else []
            return changed, known.keys() - stored.keys()

        return await self._database.read(read)

    async def tell(self, notice: Notice) -> None:
        """Tells the other processes; does nothing if there are none."""
        if self.is_shared:
            await self._database.write(lambda connection: self.notices.tell(connection, notice))

    async def durations(self) -> list[tuple[str, str, float]]:
        """Returns the provider, the model and the seconds of the latest pictures, oldest first."""
        return await self._database.read(durations)

    async def check(self) -> None:
        """Writes a little where pictures and rows are kept, which raises StoreError if the disk fails."""

        def write(connection: Connection) -> None:
            connection.execute(insert(processes).values(name="check", until=0))
            connection.execute(delete(processes).where(processes.c.name == "check"))

        await self._wait(self.pictures.check)
        await self._database.write(write)

    async def close(self) -> None:
        """Closes the database after what is waiting is written; a second call does nothing."""
        if self._closed:
            return
        self._closed = True

        def close() -> None:
            if self._journal:
                self._journal.close()
            self.running.lease.end()

        self.notices.close()
        try:
            await self._database.run(close)
        finally:
            self._database.close()

    async def _wait(self, work: Callable[[], T]) -> T:
        """Waits for the disk in turn with the rows, or for a network; raises StoreError."""
        return await (self._database if self.pictures.is_local else self._readers).run(work)

    def _open(self, bucket: Path | None) -> None:
        if bucket and self._database.path:
            self._journal = Journal(self._database.path, bucket, self._files)
        try:
            self.hits = self._database.write_now(self._begin)
        except BaseException:
            if self._journal:
                self._journal.close()
            raise
        if self._journal:
            self._journal.start()

    def _begin(self, connection: Connection) -> list[Hit]:
        _write_hits(connection, [])
        self.running.settle(connection)
        columns = (hits.c[name] for name in ("key", "at", "until", "cost", "id"))
        return [Hit(*row) for row in connection.execute(select(*columns).order_by(hits.c.at))]


def _write_hits(connection: Connection, rows: list[dict[str, object]]) -> None:
    """Writes what counts against a limit, and forgets what counts no more."""
    upsert(connection, hits, rows, ["id"], lambda new: {"until": new.until, "cost": new.cost})
    connection.execute(delete(hits).where(hits.c.until < time.time()))
