"""The one studio of a program in Python, on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from core import Rejected, SettingsError, open_studio
from core.asking import SentPicture, ask, read_picture
from core.chat.causes import Cause
from core.chat.failure import Failure
from core.chat.request import UserRequest
from core.generation.making import LAST_GRACE
from core.generation.visitor import LOCAL
from core.logs import log_apart
from core.parts import provenance
from core.settings.schema import load_settings
from limner import Category, ContentFiltered, LimnerError, Picture, ProviderError
from limner import Rejected as PublicRejected
from limner.errors import CATEGORIES
from limner.threads import call_in_thread

_CATEGORIES: dict[Cause, Category] = {
    "no-credential": "auth",
    "bad-input": "invalid-request",
    "not-installed": "unavailable",
    "interrupted": "unavailable",
}
"""The category of the contract that stands for a cause of the host's own; `provider` for the rest."""

_lock = threading.Lock()
_session: Session | None = None


def session() -> Session:
    """Returns the session of this process; raises limner's Rejected if a setting is wrong."""
    global _session
    with _lock:
        if _session is None or _session.process != os.getpid():  # a copy of a process has no threads
            _session = Session()
        return _session


class Session:
    """Makes pictures for whichever thread or event loop asks, as the command line does."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._is_closed = False
        log_apart()
        try:
            self._settings = load_settings()
            self._studio = open_studio(self._settings)
        except SettingsError as error:
            raise PublicRejected(str(error)) from None
        most = min(self._settings.max_in_flight, self._settings.max_in_flight_total)
        self._turns = asyncio.Semaphore(most)  # so that many at once wait, rather than fail
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="limner-session")
        self._thread.start()
        # atexit itself is too late: the threads with which the store writes have ended by then
        getattr(threading, "_register_atexit", atexit.register)(self._close)

    def call(self, **asked: Any) -> Picture:
        """Makes a picture; whatever ends the wait stops it."""
        making = self._begin(self._make(**asked))
        try:
            return making.result()
        finally:
            making.cancel()

    async def acall(self, **asked: Any) -> Picture:
        """Makes a picture for another event loop."""
        return await asyncio.wrap_future(self._begin(self._make(**asked)))

    def _begin(self, work: Coroutine[Any, Any, Picture]) -> Future[Picture]:
        if self._is_closed:
            work.close()
            raise PublicRejected("The program is ending: make pictures before that.")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _make(self, values: Mapping[str, Any], images: object, mask: object) -> Picture:
        try:
            async with self._turns:
                return await self._made(values, images, mask)
        except Rejected as error:
            raise PublicRejected(str(error), field=error.field, retry_after=error.retry_after) from None

    async def _made(self, values: Mapping[str, Any], images: object, mask: object) -> Picture:
        request = UserRequest(**values)
        if not isinstance(images, Sequence) or isinstance(images, str | bytes):
            raise Rejected("The images must be a list.", field="images")
        sent = [await self._sent(image, "images") for image in images]
        masked = None if mask is None else await self._sent(mask, "mask")
        asked = await ask(self._studio, request, images=sent, mask=masked, visitor=LOCAL)
        try:
            version = (await asked.settled())[-1]
        except asyncio.CancelledError:
            self._studio.stop(asked.message)
            raise
        if version.failure:
            raise _error(version.failure)
        if version.picture is None:  # it was stopped
            raise asyncio.CancelledError
        found = version.picture
        data = await self._studio.store.read(found.name)
        if data is None:
            raise Rejected("The picture is not kept: raise keep_bytes, or leave it out.")
        return Picture(data, found.media_type, found.width, found.height, provenance(version))

    async def _sent(self, image: object, field: str) -> SentPicture:
        if isinstance(image, Picture):
            return SentPicture(image.data)
        if isinstance(image, bytes):
            return SentPicture(image)
        if isinstance(image, Path):
            return await call_in_thread(lambda: read_picture(image, self._settings.max_bytes))
        raise Rejected(
            f"A {type(image).__name__} is no picture: send bytes, a Path, or what generate returned.",
            field=field,
        )

    def _close(self) -> None:
        if self.process != os.getpid():
            return
        self._is_closed = True
        closing = asyncio.run_coroutine_threadsafe(self._studio.close(), self._loop)
        try:
            closing.result(self._settings.shutdown_grace + LAST_GRACE + 10)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(1)


def _error(failure: Failure) -> LimnerError:
    """Returns a failure as the error of the contract that stands for it; its text is the sentence."""
    error: LimnerError
    if failure.cause == "content-filter":
        error = ContentFiltered(failure.service_message, why=failure.why)
    else:
        error = ProviderError(
            _category(failure.cause),
            failure.service_message,
            why=failure.why,
            retry_after=failure.retry_after,
            did_not_run=failure.did_not_run,
        )
    error.sentence = failure.sentence
    return error


def _category(cause: Cause) -> Category:
    known: dict[str, Category] = {category: category for category in CATEGORIES}
    return known.get(cause) or _CATEGORIES.get(cause, "provider")
