"""The pictures in an object store, such as S3, which several machines share."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from core.storage.database import StoreError
from core.storage.pictures import MARK, STEP, Pictures
from limner.formats import MEDIA_TYPES

TIMEOUT = timedelta(seconds=15)
"""For one request."""
RETRY_TIME = timedelta(seconds=10)
"""For a request and all that follow it because it failed."""
LINK_TIME = timedelta(minutes=10)
"""How long a link to a picture lasts."""


@contextlib.contextmanager
def _reaching() -> Generator[None]:
    """Raises StoreError for whatever goes wrong at the store, but for a picture that is not there."""
    try:
        yield
    except (FileNotFoundError, StoreError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # obstore's panics are no Exceptions
        why = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise StoreError(f"The pictures cannot be reached: {why}.") from error


class ObjectPictures(Pictures):
    """A prefix in a bucket, by its URL, with `pictures/` and `thumbnails/` below it.

    The keys are in the variables that the service's own tools read. With `links` whoever may see a picture
    gets a signed link to it. Raises StoreError if the URL cannot be used, and every method may.
    """

    is_local = False

    def __init__(self, url: str, *, links: bool = False) -> None:
        super().__init__()
        try:
            import obstore
            from obstore import store as stores
            from obstore.exceptions import AlreadyExistsError, BaseError
        except ImportError:
            raise StoreError("The setting pictures needs: pip install 'limner[object-store]'.") from None
        self._obstore: Any = obstore
        self._exists = (AlreadyExistsError, FileExistsError)
        options: dict[str, Any] = {}
        self._is_folder = url.startswith("file:")
        if self._is_folder:
            folder = Path(url2pathname(urlsplit(url).path))
            if not folder.is_dir():
                raise StoreError(
                    f"The setting pictures names {folder}, which is no folder: mount or make it."
                )
            if links:
                raise StoreError("The setting picture_links needs an object store: a folder has no links.")
        else:
            client: dict[str, Any] = {"timeout": TIMEOUT, "connect_timeout": timedelta(seconds=5)}
            if _is_plain():
                client["allow_http"] = True
            retries = {"max_retries": 3, "retry_timeout": RETRY_TIME}
            options = {"client_options": client, "retry_config": retries}
        try:
            opened: Any = stores
            self._store: Any = opened.from_url(url, **options)
            self._links = links
            signed = self._sign("0" * 32 + ".png") if links else None
        except (BaseError, ValueError, TypeError) as error:
            why = " ".join(str(error).split())[:300]
            raise StoreError(f"The setting pictures cannot be used ({why}): check it.") from None
        self.origin = "{0.scheme}://{0.netloc}".format(urlsplit(signed)) if signed else None

    @_reaching()
    def reach(self) -> None:
        """Asks the store for something, which raises StoreError if it is not there, or does not let us in."""
        self._read(MARK)

    @_reaching()
    def check(self) -> None:
        """Writes something that nobody sees."""
        self._obstore.put(self._store, "check", b"limner", mode="overwrite", use_multipart=False)

    @_reaching()
    def link(self, name: str) -> str | None:
        """Returns a link to a picture that lasts ten minutes, where that can be had."""
        return self._sign(name) if self._links and not self.in_memory(name) else None

    @_reaching()
    def thumbnail(self, name: str) -> bytes | None:
        """Returns a picture's small copy, empty if it needs none; None if there is none yet."""
        return self._read(f"thumbnails/{name}.webp")

    @_reaching()
    def keep_thumbnail(self, name: str, data: bytes) -> None:
        """Keeps a picture's small copy."""
        self._put(f"thumbnails/{name}.webp", data, "image/webp", "overwrite")
        if not self.has(name):  # deleted meanwhile
            self._obstore.delete(self._store, f"thumbnails/{name}.webp")

    @_reaching()
    def belong_to(self, database: str) -> bool:
        """Marks the pictures as a database's, unless they are marked; returns whether they are."""
        with contextlib.suppress(*self._exists):
            self._obstore.put(self._store, MARK, database.encode(), mode="create", use_multipart=False)
        return self._read(MARK) == database.encode()

    def old(self, before: float) -> Iterator[list[tuple[str, float]]]:
        """Yields the names of the pictures that were written before a time, with when that was, in steps."""
        with _reaching():
            for step in self._obstore.list(self._store, "pictures", chunk_size=STEP):
                found = ((one["path"].rpartition("/")[2], one["last_modified"].timestamp()) for one in step)
                yield [(name, at) for name, at in found if at < before]

    @_reaching()
    def _write(self, name: str, data: bytes) -> None:
        self._put(f"pictures/{name}", data, MEDIA_TYPES[name.rpartition(".")[2]], "create")

    @_reaching()
    def _find(self, name: str) -> bytes | None:
        return self._read(f"pictures/{name}")

    @_reaching()
    def _has(self, name: str) -> bool:
        try:
            self._obstore.head(self._store, f"pictures/{name}")
        except FileNotFoundError:
            return False
        return True

    @_reaching()
    def _delete(self, names: Sequence[str]) -> None:
        pictures = [f"pictures/{name}" for name in names]
        thumbnails = [f"thumbnails/{name}.webp" for name in names]
        for paths in (pictures, thumbnails):  # a thumbnail after its picture, so that none is made meanwhile
            if not self._is_folder and paths:
                self._obstore.delete(self._store, paths)
                continue
            for path in paths:  # where one that is gone already is an error
                with contextlib.suppress(FileNotFoundError):
                    self._obstore.delete(self._store, path)

    def _sign(self, name: str) -> str:
        return self._obstore.sign(self._store, "GET", f"pictures/{name}", LINK_TIME)

    def _put(self, path: str, data: bytes, media_type: str, mode: str) -> None:
        kind: dict[str, Any] = {"use_multipart": False, "mode": mode}
        if not self._is_folder:
            kept = "private, max-age=31536000, immutable"
            kind["attributes"] = {"Content-Type": media_type, "Cache-Control": kept}
        with contextlib.suppress(*self._exists):  # the answer to an earlier try was lost
            self._obstore.put(self._store, path, data, **kind)

    def _read(self, path: str) -> bytes | None:
        try:
            return bytes(self._obstore.get(self._store, path).bytes())
        except FileNotFoundError:
            return None


def _is_plain() -> bool:
    """Whether the environment names a server without TLS, such as one in the same cluster."""
    addresses = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    is_named = any(os.environ.get(name, "").startswith("http://") for name in addresses)
    return is_named or os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"
