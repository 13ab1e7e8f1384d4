"""The pictures: one file each under an unguessable name, written once and whole."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path

from core.chat.picture import Picture
from limner.formats import EXTENSIONS
from limner.identify import ImageInfo

log = logging.getLogger(__name__)

MAX_IN_MEMORY = 64_000_000
"""Bytes of pictures kept in memory while the disk cannot store them."""
_NO_FSYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""What a file system answers that has all of a file safe once it is closed."""
_NAME = re.compile(rf"[0-9a-f]{{32}}\.(?:{'|'.join(EXTENSIONS.values())})")


class Pictures:
    """A folder of pictures; what cannot be written stays in memory until `write` succeeds.

    Everything but `find` may wait for the disk: the store calls it in its own thread. With a bucket each
    picture is copied there too, and is found there when the folder has it no more.
    """

    def __init__(self, folder: Path, bucket: Path | None = None) -> None:
        self._folder = folder
        self._bucket = bucket
        self.in_bucket: dict[str, int] = {}
        """The pictures that are whole in the bucket, and their bytes."""
        self.thumbnails = folder.with_name("thumbnails")
        """A folder of small copies, which go with their pictures."""
        self._in_memory: dict[str, bytes] = {}

    def put(self, data: bytes, info: ImageInfo) -> Picture:
        """Stores a picture under a new name."""
        name = f"{secrets.token_hex(16)}.{EXTENSIONS[info.media_type]}"
        try:
            self._write(name, data)
        except OSError:
            log.exception("A picture could not be written; it stays in memory")
            self._in_memory[name] = data
            while sum(map(len, self._in_memory.values())) > MAX_IN_MEMORY and len(self._in_memory) > 1:
                del self._in_memory[next(iter(self._in_memory))]
        return Picture(
            name=name, media_type=info.media_type, width=info.width, height=info.height, size=len(data)
        )

    def find(self, name: str) -> Path | bytes | None:
        """Returns a picture's file, or its bytes while it is in memory; None if there is no such picture."""
        if not _NAME.fullmatch(name):
            return None
        if (data := self._in_memory.get(name)) is not None:
            return data
        path = self._folder / name
        if path.is_file():
            return path
        return self._bucket / name if self._bucket and name in self.in_bucket else None

    def read(self, name: str) -> bytes | None:
        """Returns a picture's bytes; None if there is no such picture."""
        found = self.find(name)
        return found.read_bytes() if isinstance(found, Path) else found

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

    def write(self, names: Iterable[str]) -> None:
        """Writes those of these pictures that are still in memory; raises OSError if the disk fails."""
        for name in names:
            if data := self._in_memory.get(name):
                self._write(name, data)
                self._in_memory.pop(name, None)

    def check(self) -> None:
        """Writes a file that nobody sees; raises OSError if the disk fails."""
        with tempfile.TemporaryFile(dir=self._folder) as file:
            file.write(bytes(4096))
            file.flush()

    def forget(self, names: Iterable[str]) -> None:
        """Deletes pictures with their thumbnails."""
        for name in filter(_NAME.fullmatch, names):  # what a log in a bucket says may lead anywhere
            self._in_memory.pop(name, None)
            self.in_bucket.pop(name, None)  # the journal deletes it there
            with contextlib.suppress(OSError):  # it is gone already, or cannot be deleted
                (self._folder / name).unlink()
            with contextlib.suppress(OSError):  # after its picture, so that none is made meanwhile
                (self.thumbnails / f"{name}.webp").unlink(missing_ok=True)

    def _write(self, name: str, data: bytes) -> None:
        write_once(self._folder / name, data)


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
