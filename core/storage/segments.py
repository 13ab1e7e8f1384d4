"""The log in a bucket: files of changes, each written once, under a name of its own."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

from core.storage.changes import Change, parse
from core.storage.pictures import create

log = logging.getLogger(__name__)

WRITING_SECONDS = 600.0
"""After that long nobody is still writing a segment."""
FIRST_FORM = 6
"""Of the first database that was logged."""
MAX_HEADER = 1_000
"""Characters."""
_NAME = re.compile(r"(\d{13})-[0-9a-f]{16}-\d+\.jsonl")
"""When it was begun, in milliseconds, by which process, and its number."""


def new_segment(folder: Path, process: str, number: int) -> Path:
    """Returns the name of a new segment."""
    return folder / f"{time.time_ns() // 1_000_000:013}-{process}-{number}.jsonl"


def segments(folder: Path) -> list[str]:
    """Returns the names of all segments, the oldest first."""
    return sorted(name for name in os.listdir(folder) if _NAME.fullmatch(name))


def write_segment(path: Path, form: int, changes: Iterable[Change]) -> None:
    """Writes changes, of a database of that form; raises OSError, and then there is nothing to read."""

    def pieces() -> Iterator[bytes]:
        yield json.dumps({"form": form}).encode() + b"\n"
        for change in changes:
            yield json.dumps(change._asdict(), separators=(",", ":")).encode() + b"\n"
        yield b'{"end": true}\n'

    create(path, pieces())


def _form(header: str) -> int:
    """Returns the form that a segment's first line names; 0 if that is none which has been logged."""
    with contextlib.suppress(ValueError, RecursionError):
        read = json.loads(header)
        form = cast("dict[str, Any]", read).get("form") if isinstance(read, dict) else None
        if type(form) is int and form >= FIRST_FORM:
            return form
    return 0


class Segment:
    """A segment to read: its form, and then once its changes; a line that is damaged is left out."""

    form = 0
    """Of the database that the changes are of; 0 if that cannot be read, or not yet."""
    is_whole = False
    """Its end was read, or nobody is still writing it."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        self.is_whole = int(path.name.partition("-")[0]) / 1000 < time.time() - WRITING_SECONDS
        with path.open(encoding="utf-8", errors="replace") as file:
            self.form = _form(file.readline(MAX_HEADER))
        if self.is_whole and not self.form:
            log.warning("The form of %s in the bucket's log is damaged; it is left out", self.name)

    def __iter__(self) -> Iterator[Change]:
        try:
            file = self._path.open(encoding="utf-8", errors="replace")
        except FileNotFoundError:  # another process has just replaced it
            return
        with file:
            yield from self._read(file)

    def _read(self, lines: Iterator[str]) -> Iterator[Change]:
        next(lines, None)
        for line in lines:
            if line.startswith('{"end"'):
                self.is_whole = True
                return
            try:
                yield parse(line)
            except (ValueError, RecursionError):
                if self.is_whole or line.endswith("\n"):
                    log.warning("A line of %s in the bucket's log is damaged; it is left out", self.name)
