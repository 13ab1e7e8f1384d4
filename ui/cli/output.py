"""Where the pictures go: a file, a folder of files named after their prompts, or standard output."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from core import Rejected
from limner.formats import MEDIA_TYPES

STANDARD_OUTPUT = "-"


@dataclass(frozen=True)
class Output:
    """Where the pictures go; without a file each is named after its prompt."""

    folder: Path = Path()
    file: Path | None = None
    is_exact: bool = False
    """The file keeps its name whatever the format of the picture."""
    is_standard: bool = False
    """The bytes of the one picture go to standard output."""

    @property
    def is_for_one(self) -> bool:
        """Whether there is a place for one picture alone."""
        return self.is_standard or self.file is not None

    def check(self) -> None:
        """Raises Rejected if no picture can be written here, before one is made."""
        if self.file is not None:
            _check_file(self.file)
        elif not self.is_standard:
            _check_folder(self.folder)

    def write(self, data: bytes, filename: str) -> Path:
        """Writes a picture under the first free name: fox.png, fox-2.png, …; may raise OSError.

        If the file has the extension of another format, it gets that of the bytes, unless it is exact.
        """
        path = self.file or self.folder / filename
        extension = path.suffix[1:].lower().replace("jpeg", "jpg")
        is_other = extension in MEDIA_TYPES and not filename.endswith(f".{extension}")
        if is_other and not self.is_exact:
            path = path.with_suffix(Path(filename).suffix)
        for name in _numbered(path):
            with suppress(FileExistsError):
                _write_new(name, data)
                if self.file not in (None, name):
                    kind = name.suffix[1:].upper()
                    why = f"The picture is a {kind} file" if is_other else f"{path} exists by now"
                    print(f"{why}: it is written as {name}.", file=sys.stderr)
                return name
        raise AssertionError


def read_output(text: str | None, *, exact: bool, terminal: bool) -> Output:
    """Returns what `-o` names; raises Rejected. A folder exists, or its name ends with a slash."""
    if text is None:
        return Output()
    if text == STANDARD_OUTPUT:
        if terminal:
            raise Rejected(
                "A picture is not for a terminal: name a file, or send it on, as in -o - > fox.png."
            )
        return Output(is_standard=True)
    if not text:
        raise Rejected("The name of the file is empty: name a file, or a folder.")
    if text.endswith(("/", os.sep)) or os.path.isdir(text):
        return Output(folder=Path(text))
    return Output(file=Path(text), is_exact=exact)


def _check_file(file: Path) -> None:
    try:
        file.touch(exist_ok=False)
        file.unlink()
    except FileExistsError as error:
        raise Rejected(f"{file} already exists: choose another name.") from error
    except OSError as error:
        raise Rejected(f"{file} cannot be written ({error.strerror}): choose another file.") from error


def _check_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Rejected(
            f"The folder {folder} cannot be written to ({error.strerror}): choose another with -o."
        ) from error


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    for number in count(2):
        yield path.with_stem(f"{path.stem}-{number}")


def _write_new(path: Path, data: bytes) -> None:
    """Writes a file that does not exist yet; leaves no half of it behind."""
    with path.open("xb") as file:
        try:
            file.write(data)
            file.flush()
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise
