"""The copy in a bucket: the pictures, and a log of all that changes in the database.

A bucket is a mount on which each file is written once, from its start to its end, and nothing can be locked.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import cast

from sqlalchemy import StaticPool, create_engine

from core.storage.changes import (
    PICTURE,
    Change,
    apply,
    changes,
    forget,
    is_referred,
    mark_logged,
    note_all,
    watch,
)
from core.storage.database import BUSY_SECONDS, StoreError
from core.storage.migrations import latest_form, migrate
from core.storage.mounts import check_bucket
from core.storage.pictures import PictureFolder, make_private
from core.storage.segments import Segment, new_segment, segments, write_segment

log = logging.getLogger(__name__)

TICK_SECONDS = 5.0
"""How often the log is looked at, and what changed is written; a version that settles is written at once."""
DAY_SECONDS = 86_400.0
MAX_SEGMENTS = 1_000
"""After so many, or a day, one is written that replaces them all: what was deleted is then not in the log."""
MAX_CHANGES = 1_000
"""In one segment."""
CLOSE_SECONDS = 20.0
"""How long the last changes may take."""

_SIZES = """
SELECT picture, max(size) FROM (
    SELECT picture, json_extract(content, '$.picture.size') AS size FROM version JOIN change
        ON of = 'version' AND change.key = json_array(message, number)
        WHERE picture IS NOT NULL AND logged AND json_valid(content)
    UNION ALL SELECT picture, json_extract(content, '$.size') FROM upload JOIN change
        ON of = 'upload' AND change.key = json_array(picture) WHERE logged AND json_valid(content)
    UNION ALL SELECT picture, 0 FROM used JOIN change
        ON of = 'used' AND change.key = json_array(picture, message) WHERE logged
) GROUP BY picture
"""


class Journal:
    """Reads the log, so that an empty database gets all of it; then writes it, in a thread of its own.

    Raises StoreError if the bucket cannot be used. Later failures are logged; what is new then waits.
    """

    def __init__(self, database: Path, bucket: Path, pictures: PictureFolder) -> None:
        self._bucket, self._pictures = bucket, pictures
        self._folder = bucket / "log"
        self._process = secrets.token_hex(8)
        self._number = 0
        self._read = set[str]()
        """Segments whose changes are all in the database."""
        self._since_compaction = 0
        self._next_compaction = time.monotonic() + DAY_SECONDS
        self._fails = self._is_closing = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="limner-journal", daemon=True)
        self._database = sqlite3.connect(database, timeout=BUSY_SECONDS, check_same_thread=False)
        self._database.execute("PRAGMA synchronous = NORMAL")  # what it writes is in the bucket too
        try:
            check_bucket(bucket)
            make_private(self._folder)
            make_private(bucket / "pictures")
            watch(self._database)
            if not segments(self._folder):  # another bucket than before
                with self._database:
                    self._database.execute("UPDATE change SET logged = 0")
            self._take_in()
            if len(self._read) > 1:
                self._next_compaction = time.monotonic()
            self._find_pictures()
        except OSError as error:
            self._database.close()
            advice = "check that the bucket is mounted there, and can be written to"
            raise StoreError(
                f"The bucket_dir {bucket} cannot be used ({error.strerror}): {advice}."
            ) from error
        except BaseException:
            self._database.close()
            raise

    def start(self) -> None:
        """Writes from now on what changes."""
        self._thread.start()

    def wake(self) -> None:
        """Has what changed written at once."""
        self._wake.set()

    def close(self) -> None:
        """Writes what is not written yet, within a bound; a journal that was not started is just closed."""
        self._is_closing = True
        if not self._thread.ident:
            self._database.close()
            return
        self._wake.set()
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            log.error("The bucket %s is too slow: the latest changes may be missing in it", self._bucket)

    def _run(self) -> None:
        with contextlib.closing(self._database):
            is_last = False
            while not is_last:
                self._wake.wait(TICK_SECONDS)
                self._wake.clear()
                is_last = self._is_closing
                try:
                    self._work()
                except Exception:
                    if not self._fails:
                        log.exception("The bucket %s fails; what is new is written there later", self._bucket)
                    self._fails = True
                else:
                    if self._fails:
                        log.info("The bucket %s works again", self._bucket)
                    self._fails = False

    def _work(self) -> None:
        if self._take_in():
            self._find_pictures()
        while self._flush():
            pass
        if self._since_compaction > MAX_SEGMENTS or time.monotonic() >= self._next_compaction:
            self._compact()

    def _take_in(self) -> bool:
        """Applies what is new in the log, and returns whether there was something."""
        new = [name for name in segments(self._folder) if name not in self._read]
        found = list[Segment]()
        for name in new:
            with contextlib.suppress(FileNotFoundError):  # another process has just replaced it
                found.append(Segment(self._folder / name))
        form = latest_form()
        if not self._thread.ident and any(segment.form > form for segment in found):
            advice = "use that version, or set bucket_dir to another folder"
            raise StoreError(f"The bucket_dir {self._bucket} was written by a newer Limner: {advice}.")
        apply(self._database, chain.from_iterable(segment for segment in found if segment.form == form))
        apply(self._database, _upgraded([segment for segment in found if 0 < segment.form < form]))
        whole = {segment.name for segment in found if segment.is_whole and segment.form <= form}
        self._read |= whole
        self._since_compaction += len(whole)
        return bool(new)

    def _find_pictures(self) -> None:
        """Notes which pictures are in the bucket: those that the log speaks of."""
        self._pictures.in_bucket = dict(self._database.execute(_SIZES).fetchall())

    def _flush(self) -> bool:
        """Writes the oldest changes with their pictures, and returns whether there were any."""
        with self._database:
            self._database.execute("BEGIN")
            found = list(changes(self._database, f"NOT logged ORDER BY at LIMIT {MAX_CHANGES}"))
        for change in found:
            if change.of == PICTURE:
                if not is_referred(self._database, change.key):
                    self._pictures.delete_in_bucket(change.key)
            elif change.of in ("version", "upload"):
                for row in change.rows:
                    if row["picture"]:
                        self._pictures.copy_to_bucket(row["picture"])
        if to_log := [change for change in found if change.of != PICTURE]:
            self._write(to_log)
        mark_logged(self._database, found)
        return bool(found)

    def _write(self, logged: Iterable[Change]) -> None:
        self._number += 1
        path = new_segment(self._folder, self._process, self._number)
        write_segment(path, latest_form(), logged)
        self._read.add(path.name)
        self._since_compaction += 1

    def _compact(self) -> None:
        """Writes a segment with all there is, and deletes those that it replaces."""
        replaced = set(self._read)
        old, gone = (time.time() - DAY_SECONDS) * 1000, list[Change]()

        def all_there_is() -> Iterator[Change]:
            for change in changes(self._database, "logged"):
                if not change.rows and (change.at < old or change.of == PICTURE):
                    gone.append(change)
                else:  # that a row is gone is kept for a day, for other processes
                    yield change

        with self._database:
            self._database.execute("BEGIN")
            self._write(all_there_is())
        forget(self._database, gone)
        for name in replaced:
            with contextlib.suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)
                self._read.remove(name)
        if self._read & replaced:
            log.warning("Nothing can be deleted in %s: what was deleted stays in the log", self._bucket)
        self._since_compaction = 0
        self._next_compaction = time.monotonic() + DAY_SECONDS


def _upgraded(older: Sequence[Segment]) -> Iterator[Change]:
    """Yields the changes of segments of older forms as they are in today's form."""
    if not older:
        return
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with contextlib.closing(engine.raw_connection()) as pooled:
        scratch = cast("sqlite3.Connection", pooled.driver_connection)
        for form in sorted({segment.form for segment in older}):
            with engine.begin() as connection:
                migrate(connection, form)
            with scratch:
                note_all(scratch)
            for segment in older:
                if segment.form == form:
                    apply(scratch, segment)
        with engine.begin() as connection:
            migrate(connection)
        with scratch:
            note_all(scratch)
        yield from changes(scratch, "TRUE")
    engine.dispose()
