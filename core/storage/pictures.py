"""The pictures, under unguessable names, written once and whole: what all kinds share, and a folder."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import secrets
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from core.chat.picture import Picture
from core.storage.database import StoreError
from limner.formats import EXTENSIONS
from limner.identify import ImageInfo

log = logging.getLogger(__name__)

MAX_IN_MEMORY = 64_000_000
"""Bytes of pictures kept in memory while the disk cannot store them."""
MARK = "pictures.database"
"""What says to which database the pictures beside it belong."""
STEP = 500
"""Names of old pictures that are looked at together."""
_NO_FSYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""What a file system answers that has all of a file safe once it is closed."""
_NAME = re.compile(rf"[0-9a-f]{{32}}\.(?:{'|'.join(EXTENSIONS.values())})")


class Pictures(ABC):
    """Pictures under unguessable names; what cannot be written stays in memory until `write` succeeds.

    Its methods may wait for a disk or a network: the store calls them in a thread of its own, all but
    `in_memory`, and but for a folder's `find` and `has`. They raise OSError if the disk fails, and StoreError
    if the network does.
    """

    is_local: bool
    """Whether `find` and `has` wait for no network."""
    origin: str | None = None
    """Where the links of `link` lead."""

    def __init__(self) -> None:
        self._in_memory: dict[str, bytes] = {}

    @abstractmethod
    def check(self) -> None:
        """Writes something that nobody sees."""

    @abstractmethod
    def thumbnail(self, name: str) -> Path | bytes | None:
        """Returns a picture's small copy, empty if it needs none; None if there is none yet."""

    @abstractmethod
    def keep_thumbnail(self, name: str, data: bytes) -> None:
        """Keeps a picture's small copy, which goes with the picture."""

    @abstractmethod
    def belong_to(self, database: str) -> bool:
        """Marks the pictures as a database's, unless they are marked; returns whether they are."""

    @abstractmethod
    def old(self, before: float) -> Iterator[list[tuple[str, float]]]:
        """Yields the names of the pictures that were written before a time, with when that was, in steps."""

    @abstractmethod
    def _write(self, name: str, data: bytes) -> None: ...

    @abstractmethod
    def _find(self, name: str) -> Path | bytes | None: ...

    @abstractmethod
    def _has(self, name: str) -> bool: ...

    @abstractmethod
    def _delete(self, names: Sequence[str]) -> None: ...

    def put(self, data: bytes, info: ImageInfo) -> Picture:
        """Stores a picture under a new name."""
        name = f"{secrets.token_hex(16)}.{EXTENSIONS[info.media_type]}"
        try:
            self._write(name, data)
        except (OSError, StoreError):
            log.exception("A picture could not be written; it stays in memory")
            self._in_memory[name] = data
            while sum(map(len, self._in_memory.values())) > MAX_IN_MEMORY and len(self._in_memory) > 1:
                del self._in_memory[next(iter(self._in_memory))]
        return Picture(
            name=name, media_type=info.media_type, width=info.width, height=info.height, size=len(data)
        )

    def in_memory(self, name: str) -> bytes | None:
        """Returns a picture that could not be written."""
        return self._in_memory.get(name)

    def find(self, name: str) -> Path | bytes | None:
        """Returns a picture's file, or its bytes; None if there is no such picture."""
        if not _NAME.fullmatch(name):
            return None
        if (data := self._in_memory.get(name)) is not None:
            return data
        return self._find(name)

    def has(self, name: str) -> bool:
        """Whether there is such a picture."""
        return bool(_NAME.fullmatch(name)) and (name in self._in_memory or self._has(name))

    def read(self, name: str) -> bytes | None:
        """Returns a picture's bytes; None if there is no such picture."""
        found = self.find(name)
        return found.read_bytes() if isinstance(found, Path) else found

    def link(self, name: str) -> str | None:
        """Returns a link to a picture that lasts some minutes, where that can be had."""
        return None

    def write(self, names: Iterable[str]) -> None:
        """Writes those of these pictures that are still in memory."""
        for name in names:
            if data := self._in_memory.get(name):
                self._write(name, data)
                self._in_memory.pop(name, None)

    def forget(self, names: Iterable[str]) -> None:
        """Deletes pictures with their thumbnails."""
        own = [*filter(_NAME.fullmatch, names)]  # what a log in a bucket says may lead anywhere
        for name in own:
            self._in_memory.pop(name, None)
        self._delete(own)


class PictureFolder(Pictures):
    """A folder of pictures, one file each.

    With a bucket each picture is copied there too, and is found there when the folder has it no more.
    """

    is_local = True

    def __init__(self, folder: Path, bucket: Path | None = None) -> None:
        super().__init__()
        self._folder = folder
        self._bucket = bucket
        self.in_bucket: dict[str, int] = {}
        """The pictures that are whole in the bucket, and their bytes."""
        self.thumbnails = folder.with_name("thumbnails")
        """A folder of small copies."""

    def copy_to_bucket(self, name: str) -> None:
        """Copies a picture to the bucket, unless it is there, or gone; raises OSError if the bucket fails."""
        if not self._bucket or name in self.in_bucket or (data := self._read_here(name)) is None:
            return
        path = self._bucket / name
        try:
            create(path, [data])
        except FileExistsError:
            if path.stat().st_size != len(data):  # a process ended while it wrote
                path.unlink()
                create(path, [data])
        self.in_bucket[name] = len(data)

    def delete_in_bucket(self, name: str) -> None:
        """Deletes a picture in the bucket, as far as that is possible there."""
        if self._bucket and _NAME.fullmatch(name):
            self.in_bucket.pop(name, None)
            try:
                (self._bucket / name).unlink(missing_ok=True)
            except OSError:
                log.warning("The picture %s cannot be deleted in the bucket", name)

    def _read_here(self, name: str) -> bytes | None:
        try:
            return self.read(name)
        except OSError:
            log.exception("A picture cannot be read; it is not in the bucket")
            return None

    def check(self) -> None:
        """Writes a file that nobody sees; raises OSError if the disk fails."""
        with tempfile.TemporaryFile(dir=self._folder) as file:
            file.write(bytes(4096))
            file.flush()

    def thumbnail(self, name: str) -> Path | bytes | None:
        """Returns a picture's small copy, empty if it needs none; None if there is none yet."""
        path = self.thumbnails / f"{name}.webp"
        try:
            return path if path.stat().st_size else b""
        except OSError:
            return None

    def keep_thumbnail(self, name: str, data: bytes) -> None:
        """Keeps a picture's small copy; raises OSError if the disk fails."""
        path = self.thumbnails / f"{name}.webp"
        write_once(path, data)
        if not self.has(name):  # deleted meanwhile
            path.unlink(missing_ok=True)

    def belong_to(self, database: str) -> bool:
        """Marks the pictures as a database's, unless they are marked; returns whether they are."""
        mark = self._folder.with_name(MARK)
        with contextlib.suppress(FileExistsError):
            create(mark, [database.encode()])
        return mark.read_text("utf-8") == database

    def old(self, before: float) -> Iterator[list[tuple[str, float]]]:
        """Yields the names of the pictures that were written before a time, with when that was, in steps."""
        found: list[tuple[str, float]] = []
        with os.scandir(self._folder) as files:
            for file in files:
                with contextlib.suppress(OSError):  # it is gone just now
                    if _NAME.fullmatch(file.name) and (at := file.stat().st_mtime) < before:
                        found.append((file.name, at))
                if len(found) == STEP:
                    yield found
                    found = []
        yield found

    def _write(self, name: str, data: bytes) -> None:
        write_once(self._folder / name, data)

    def _find(self, name: str) -> Path | None:
        path = self._folder / name
        if path.is_file():
            return path
        return self._bucket / name if self._bucket and name in self.in_bucket else None

    def _has(self, name: str) -> bool:
        return self._find(name) is not None

    def _delete(self, names: Sequence[str]) -> None:
        for name in names:
            self.in_bucket.pop(name, None)  # the journal deletes it there
            with contextlib.suppress(OSError):  # it is gone already, or cannot be deleted
                (self._folder / name).unlink()
            with contextlib.suppress(OSError):  # after its picture, so that none is made meanwhile
                (self.thumbnails / f"{name}.webp").unlink(missing_ok=True)


def make_private(folder: Path) -> None:
    """Makes a folder and its parents; new ones are open to this user alone (0700)."""
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made if it is missing."""
    try:
        make_private(folder)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def write_once(path: Path, data: bytes) -> None:
    """Writes a new file (0600) under a temporary name, flushes it to the disk, then renames it."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def create(path: Path, pieces: Iterable[bytes]) -> None:
    """Writes a new file (0600) from its start to its end, at once under its name, and closes it.

    Raises OSError, FileExistsError among them.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.writelines(pieces)
            file.flush()
            try:
                os.fsync(file.fileno())
            except OSError as error:
                if error.errno not in _NO_FSYNC:
                    raise
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
