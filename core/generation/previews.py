"""What a person sees of a picture that is being made: the newest preview, seldom enough to cost little."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from weakref import WeakMethod

from core.chat.picture import Preview
from limner import ProviderError
from limner.identify import ImageInfo
from limner.request import MAX_PREVIEW
from limner.threads import call_on

log = logging.getLogger(__name__)

PREVIEW_EVERY = 0.5
"""Seconds between two previews that are shown; what comes between them is dropped, but for the last."""


class Previews:
    """Takes previews from any thread, and shows the newest; belongs to one event loop."""

    def __init__(
        self, prove: Callable[[bytes], Awaitable[ImageInfo]], show: Callable[[Preview], None]
    ) -> None:
        self._prove = prove
        self._show_of = WeakMethod(show)  # a plugin that keeps its request does not keep the attempt
        self._loop = asyncio.get_running_loop()
        self._newest: bytes | None = None
        self._showing: asyncio.Task[None] | None = None
        self._ended = False

    def take(self, data: object) -> None:
        """Takes what a provider gives as a preview; what is no picture is not shown."""
        if not isinstance(data, bytes):  # None above all, which would look like nothing that waits
            return
        is_waiting, self._newest = self._newest is not None, data
        if not is_waiting:
            call_on(self._loop, self._begin)

    def end(self) -> None:
        """Shows nothing more."""
        self._ended = True
        if self._showing:
            self._showing.cancel()

    def _begin(self) -> None:
        if not self._ended and (self._showing is None or self._showing.done()):
            self._showing = self._loop.create_task(self._show_newest())

    async def _show_newest(self) -> None:
        while (data := self._newest) is not None:
            self._newest = None
            if len(data) <= MAX_PREVIEW:
                try:
                    info = await self._prove(data)
                    if show := self._show_of():
                        show(Preview(secrets.token_hex(16), info.media_type, data))
                except ProviderError as error:
                    log.info("A preview was not shown: %s", error.why)
            await asyncio.sleep(PREVIEW_EVERY)
