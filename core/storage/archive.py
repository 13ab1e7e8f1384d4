"""A zip that somebody sent, read within bounds: its `thread.json`, and its pictures.

Nothing is unpacked to the disk, so that the names in it lead nowhere; they only tell the entries apart.
"""

from __future__ import annotations

import re
import unicodedata
import zipfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from pydantic_core import from_json

from core.chat.failure import Rejected
from core.chat.thread_reading import ADVICE
from limner import picture
from limner.errors import ProviderError

MAX_ENTRIES = 20_000
MAX_DIRECTORY = 4_000_000
"""Bytes of a zip's list of its entries, each of which takes some hundred bytes of memory."""
MAX_JSON = 500_000_000
"""Bytes of a `thread.json` with the pictures in it."""
MAX_TEXT = 20_000_000
"""Bytes of one without them, which is in memory."""
MAX_BRACKETS, MAX_QUOTES = 500_000, 2_000_000
"""Lists and objects in it, counted before it is parsed, and where strings begin and end."""
STEP = 65_536
"""Bytes that are read at once: a search in more of them takes much memory."""

DAMAGED = f"This zip is damaged: {ADVICE}."
TOO_MUCH = "The thread.json in this zip holds too much: export a shorter conversation."
_OUTSIDE, _INSIDE = re.compile(rb'[^"]*'), re.compile(rb'(?:[^"\\]+|\\.)*', re.DOTALL)
"""JSON up to where a string begins, and a string up to its end."""
_IMAGE = re.compile(rb'"image"\s*:\s*"\Z')


class Archive:
    """An open zip; all of it may wait for the disk: call it in a worker thread, one call after the other.

    Raises Rejected for whatever is wrong with it.
    """

    thread: Any
    """`thread.json`, with a number in place of each picture that is in it as a ``data:`` URI."""
    text_size: int
    """Bytes of that."""

    def __init__(self, file: IO[bytes], max_picture: int) -> None:
        self._max_picture = max_picture
        with _named():
            self._zip = ZipFile(_Bounded(file))  # pyright: ignore[reportArgumentType]
            entries = [entry for entry in self._zip.infolist() if not entry.is_dir()]
            self._entries = {unicodedata.normalize("NFC", entry.filename): entry for entry in entries}
            if len(entries) > MAX_ENTRIES or len(self._entries) < len(entries):
                raise Rejected(f"This zip has too many files, or two of one name: {ADVICE}.")
            found = [name for name in self._entries if re.fullmatch(r"([^/]+/)?thread\.json", name)]
            if len(found) != 1:
                raise Rejected("There is no thread.json in this zip: choose one that was exported here.")
            self._folder = found[0].removesuffix("thread.json")  # packing it again may add a folder
            text, self._data = _without_pictures(self._chunks("thread.json", MAX_JSON))
            if text.count(b"[") + text.count(b"{") > MAX_BRACKETS:
                raise Rejected(TOO_MUCH)
            self.thread, self.text_size = from_json(text, allow_inf_nan=False), len(text)
            self._stream, self._at = self._chunks("thread.json", MAX_JSON), 0
            self._rest = b""

    def size(self, name: str) -> int:
        """Returns how many bytes a picture takes at most."""
        if name.startswith("#"):
            return self._place(name)[1]
        return self._entry(name).file_size

    def read(self, name: str) -> bytes:
        """Returns a picture's bytes: of a file in `pictures`, or by ``#`` and its number in `thread.json`.

        The latter are read in their order, each once.
        """
        with _named():
            if not name.startswith("#"):
                return b"".join(self._chunks(name, self._max_picture))
            start, length = self._place(name)
            if start < self._at or length > 2 * self._max_picture:
                raise Rejected(f"A picture in thread.json is too large, or is there twice: {ADVICE}.")
            for _ in self._next(start - self._at):
                pass
            text: str = from_json(b'"' + b"".join(self._next(length)) + b'"')
            try:
                return picture.read(text, self._max_picture)
            except ProviderError as error:
                raise Rejected(f"A picture in thread.json cannot be read. {error.why}") from error

    def _place(self, name: str) -> tuple[int, int]:
        number = int(name[1:])
        if not 0 <= number < len(self._data):
            raise Rejected(f"A picture is missing in this zip: {ADVICE}.")
        return self._data[number]

    def _next(self, length: int) -> Iterator[bytes]:
        """Yields the next bytes of `thread.json`, in pieces."""
        self._at += length
        while length:
            chunk = self._rest or next(self._stream)
            yield chunk[:length]
            self._rest = chunk[length:]
            length -= min(length, len(chunk))

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = self._entries.get(self._folder + unicodedata.normalize("NFC", name))
        if entry is None:
            raise Rejected(f"The picture {name[:100]!r} is missing in this zip: {ADVICE}.")
        return entry

    def _chunks(self, name: str, most: int) -> Iterator[bytes]:
        entry = self._entry(name)
        if entry.file_size > most:
            raise Rejected(f"The file {name[:100]!r} in this zip is larger than {most:,} bytes: {ADVICE}.")
        if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # the others unpack without a bound
            raise BadZipFile("another compression")
        with self._zip.open(entry) as file:  # reads no more than it says that it has
            while chunk := file.read(STEP):
                yield chunk


def _without_pictures(chunks: Iterable[bytes]) -> tuple[bytearray, list[tuple[int, int]]]:
    """Returns JSON with a number in place of each picture, and where each of them begins and how long it is.

    A picture is the text of a property `image` that is a ``data:`` URI.
    """
    text, pictures = bytearray(), list[tuple[int, int]]()
    inside = escaped = is_picture = False
    before = mark = start = quotes = 0
    for chunk in chunks:
        at = 0
        while at < len(chunk):
            found = (_INSIDE if inside else _OUTSIDE).match(chunk, at + escaped)
            end = found.end() if found else len(chunk)
            if not is_picture:
                text += chunk[at:end]
                is_picture = inside and _starts_picture(text, mark)
            escaped = chunk[end : end + 1] == b"\\"  # its other half is in the next chunk
            if chunk[end : end + 1] == b'"':
                quotes += 1
                if is_picture:
                    pictures.append((start, before + end - start))
                    text[mark - 1 :] = str(len(pictures) - 1).encode()
                else:
                    text += b'"'
                inside, is_picture = not inside, False
                mark, start = len(text), before + end + 1
            elif escaped and not is_picture:
                text += b"\\"
            at = end + 1
            if len(text) > MAX_TEXT or quotes > MAX_QUOTES:
                raise Rejected(TOO_MUCH)
        before += len(chunk)
    return text, pictures


def _starts_picture(text: bytearray, mark: int) -> bool:
    """Whether the string that begins there is a picture."""
    if not text.startswith(b"data:", mark):
        return False
    begun = bytes(text[mark : mark + 12]).replace(b"\\/", b"/")
    return begun.startswith(b"data:image/") and _IMAGE.search(text[max(0, mark - 24) : mark]) is not None


class _Bounded:
    """A file of which not much is read at once, such as the list of a zip that has millions of entries."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        most = MAX_DIRECTORY + 1
        data = self._file.read(most if size < 0 else min(size, most))
        if len(data) == most:
            raise BadZipFile("too long a list")
        return data


@contextmanager
def _named() -> Generator[None]:
    """Raises Rejected in place of whatever the modules for zip, deflate and JSON raise for damaged data."""
    try:
        yield
    except Rejected:
        raise
    except Exception as error:
        raise Rejected(DAMAGED) from error
