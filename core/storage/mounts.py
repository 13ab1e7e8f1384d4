"""What lies under a folder: a disk of this machine, or a mount on which a database is not safe."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sqlite3
from pathlib import Path

from core.storage.database import StoreError
from core.storage.pictures import create, make_private

log = logging.getLogger(__name__)

MOUNTS = Path("/proc/self/mountinfo")
"""Where Linux lists what is mounted."""
_REMOTE = {"9p", "afs", "beegfs", "ceph", "cifs", "fuse", "gpfs", "lustre", "nfs", "nfs4", "smb3", "smbfs"}
"""Kinds of file systems that are elsewhere, or may be."""
_ADVICE = "set data_dir to a folder on this machine's own disk, and bucket_dir to the mounted one"


def check_folders(data: Path, bucket: Path | None) -> list[str]:
    """Returns what it warns of in the log; raises StoreError if no database can be in the data folder."""
    warnings: list[str] = []
    if kind := remote_kind(data):
        where = f"The data_dir {data} is on a mount ({kind})"
        if not can_hold_a_database(data):
            raise StoreError(f"{where} that no database can be on: {_ADVICE}.")
        warnings.append(f"{where} where a database may be damaged: {_ADVICE}.")
    if bucket and remote_kind(bucket) is None and _device(bucket) == _device(data):
        advice = "check that the bucket is mounted there"
        warnings.append(
            f"The bucket_dir {bucket} is on the same disk as data_dir, and lost with it: {advice}."
        )
    for warning in warnings:
        log.warning(warning)
    return warnings


def check_bucket(bucket: Path) -> None:
    """Raises OSError if no file can be written to a bucket, and read again."""
    make_private(bucket)
    probe = bucket / f"probe-{secrets.token_hex(8)}"
    create(probe, [b"Limner"])
    probe.read_bytes()
    with contextlib.suppress(OSError):
        probe.unlink()


def remote_kind(folder: Path) -> str | None:
    """Returns the kind of the mount under a folder if that is elsewhere; None also where nobody can say."""
    try:
        lines = MOUNTS.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    resolved = folder.resolve()
    found = ("/", "")
    for line in lines:
        place, _, kind = line.partition(" - ")
        point = place.split()[4].encode().decode("unicode_escape")  # a space is \040
        if resolved.is_relative_to(point) and len(point) >= len(found[0]):
            found = (point, kind.split()[0])
    point, kind = found
    return kind if point != "/" and kind.partition(".")[0] in _REMOTE else None


def can_hold_a_database(folder: Path) -> bool:
    """Whether SQLite can change a file there, and two connections see the same."""
    path = folder / f"probe-{secrets.token_hex(8)}.sqlite3"
    try:
        make_private(folder)
        with (
            contextlib.closing(sqlite3.connect(path)) as one,
            contextlib.closing(sqlite3.connect(path)) as other,
        ):
            one.execute("CREATE TABLE probe (number INTEGER)")
            for database in (one, other):
                with database:
                    database.execute("INSERT INTO probe SELECT count(*) FROM probe")
            with one:
                one.execute("UPDATE probe SET number = number + 1")
            return other.execute("SELECT sum(number) FROM probe").fetchone() == (3,)
    except (sqlite3.Error, OSError):
        return False
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                os.unlink(f"{path}{suffix}")


def _device(folder: Path) -> int:
    """Returns the device of a folder, or of what it will be made in."""
    while not os.path.exists(folder):  # Path.exists raises where one may not look
        folder = folder.parent
    return folder.stat().st_dev
