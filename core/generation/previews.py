"""What a person sees of a picture that is being made: the newest preview, seldom enough to cost little."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from weakref import WeakMethod

from core.chat.picture import Preview
from core.generation.newest import Newest
from limner import ProviderError
from limner.identify import ImageInfo
from limner.request import MAX_PREVIEW

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
        self._taken = Newest(self._begin)
        self._newest: bytes | None = None
        self._showing: asyncio.Task[None] | None = None
        self._ended = False

    def take(self, data: object) -> None:
        """Takes what a provider gives as a preview; what is no picture is not shown."""
        self._taken.take(data)

    def end(self) -> None:
        """Shows nothing more."""
        self._ended = True
        if self._showing:
            self._showing.cancel()

    def _begin(self, data: object) -> None:
        if self._ended or not isinstance(data, bytes) or len(data) > MAX_PREVIEW:
            return
        self._newest = data
        if self._showing is None or self._showing.done():
            self._showing = asyncio.create_task(self._show_newest())

    async def _show_newest(self) -> None:
        while (data := self._newest) is not None:
            self._newest = None
            try:
                info = await self._prove(data)
                if show := self._show_of():
                    show(Preview(secrets.token_hex(16), info.media_type, data))
            except ProviderError as error:
                log.info("A preview was not shown: %s", error.why)
            await asyncio.sleep(PREVIEW_EVERY)
