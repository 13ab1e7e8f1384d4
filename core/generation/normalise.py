"""From whatever a provider returned to the bytes of a proven picture; nothing is encoded again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

import anyio

from core.generation.memory import Memory
from core.workers import OnlyHungCalls, Workers
from limner import ProviderError, picture
from limner.result import ImageSource
from limner.threads import call_on

Fetch: TypeAlias = Callable[[str], Awaitable[bytes]]

T = TypeVar("T")
log = logging.getLogger(__name__)

DEADLINE = 60.0
"""Seconds for reading, and for decoding; a provider's own file object may never give its bytes."""
PROVERS = 8
"""Pictures read at once, and decoded at once: none takes less than an eighth of the memory."""
_TOO_SLOW = "The picture could not be read in time."
_HUNG = "Reading earlier pictures of this plugin has not ended: a restart of Limner is needed."
MAX_MEMORY = 600_000_000
"""Bytes that decoding takes at once; three PNGs of 40 million pixels, or a WebP that runs alone."""


class DecodeResources:
    """The threads and the memory that all pictures share while they are proven.

    What each plugin gives is read in threads of its own: one whose file objects return nothing holds up no
    other's picture.
    """

    def __init__(self, most_memory: int = MAX_MEMORY) -> None:
        self._readers: dict[str, Workers] = {}
        self.decoders = Workers(PROVERS)
        self.memory = Memory(most_memory)

    async def read(self, work: Callable[[], T], plugin: str = "") -> T:
        """Reads what a plugin gave, or without one a visitor, in a worker thread.

        Waiting for a thread has no deadline. Raises TimeoutError, and OnlyHungCalls if all that is read of
        the plugin's is too late already.
        """
        loop, begun = asyncio.get_running_loop(), asyncio.Event()

        def begin() -> T:
            call_on(loop, begun.set)
            return work()

        reading = asyncio.ensure_future(self._readers.setdefault(plugin, Workers(PROVERS)).run(begin))
        beginning = asyncio.ensure_future(begun.wait())
        try:
            await asyncio.wait({reading, beginning}, return_when=asyncio.FIRST_COMPLETED)
            with anyio.fail_after(DEADLINE):
                return await reading
        finally:
            reading.cancel()
            beginning.cancel()

    async def decode(self, work: Callable[[], T], memory: int) -> T:
        """Decodes in a worker thread, once that many bytes of memory are free.

        Waiting for memory has no deadline. Raises ProviderError if decoding takes too long.
        """
        taken = await self.memory.take(max(memory, self.memory.most // PROVERS))
        decoding = asyncio.ensure_future(self.decoders.run(work))
        decoding.add_done_callback(lambda _: self.memory.give_back(taken))
        try:
            with anyio.fail_after(DEADLINE):
                return await asyncio.shield(decoding)  # a thread that decodes cannot be stopped
        except TimeoutError as error:
            raise ProviderError("bad-image", why=_TOO_SLOW) from error


async def normalise(
    image: ImageSource,
    fetch: Fetch,
    resources: DecodeResources,
    *,
    plugin: str,
    max_bytes: int,
    max_pixels: int,
) -> tuple[bytes, picture.ImageInfo]:
    """Returns the bytes of a picture that a plugin gave, unchanged, and what they are.

    Raises what `prove` raises, and what `fetch` raises for a URL.
    """
    if isinstance(image, str) and picture.is_url(image):
        image = await fetch(image.strip())
    return await prove(image, resources, plugin=plugin, max_bytes=max_bytes, max_pixels=max_pixels)


async def prove(
    image: ImageSource, resources: DecodeResources, *, plugin: str = "", max_bytes: int, max_pixels: int
) -> tuple[bytes, picture.ImageInfo]:
    """Returns the bytes of a picture in any form but a URL, unchanged, and what they are.

    Reads and decodes in worker threads. Waiting for memory has no deadline: the picture may have been
    paid for. Raises ProviderError ``bad-image`` for anything that is not a complete picture within the
    limits.
    """

    def read() -> tuple[bytes, picture.ImageInfo | int]:
        data = picture.read(image, max_bytes)
        known = picture.identify_by_checksums(data, max_pixels)
        return data, known or picture.memory_to_prove(data, max_pixels)

    try:
        data, found = await resources.read(read, plugin)
    except TimeoutError as error:
        raise ProviderError("bad-image", why=_TOO_SLOW) from error
    except OnlyHungCalls as error:
        log.error("Reading %d pictures of the plugin %s has not ended: restart Limner", error.hung, plugin)
        raise ProviderError("bad-image", why=_HUNG) from error
    if isinstance(found, int):
        return data, await resources.decode(lambda: picture.identify(data, max_pixels), found)
    return data, found
