"""From whatever a provider returned to the bytes of a proven picture; nothing is encoded again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

import anyio

from core.generation.memory import Memory
from core.workers import Workers
from limner import ProviderError, picture
from limner.result import ImageSource

Fetch: TypeAlias = Callable[[str], Awaitable[bytes]]

T = TypeVar("T")

DEADLINE = 60.0
"""Seconds for reading, and for decoding; a provider's own file object may never give its bytes."""
PROVERS = 8
"""Pictures read at once, and decoded at once: none takes less than an eighth of the memory."""
_TOO_SLOW = "The picture could not be read in time."
MAX_MEMORY = 600_000_000
"""Bytes that decoding takes at once; three PNGs of 40 million pixels, or a WebP that runs alone."""


class DecodeResources:
    """The threads and the memory that all pictures share while they are proven.

    Reading has threads of its own, so that a file object that returns nothing holds up no other picture.
    """

    def __init__(self, most_memory: int = MAX_MEMORY) -> None:
        self.readers = Workers(PROVERS)
        self.decoders = Workers(PROVERS)
        self.memory = Memory(most_memory)

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
    image: ImageSource, fetch: Fetch, resources: DecodeResources, *, max_bytes: int, max_pixels: int
) -> tuple[bytes, picture.ImageInfo]:
    """Returns a picture's bytes, unchanged, and what they are.

    Raises what `prove` raises, and what `fetch` raises for a URL.
    """
    if isinstance(image, str) and picture.is_url(image):
        image = await fetch(image.strip())
    return await prove(image, resources, max_bytes=max_bytes, max_pixels=max_pixels)


async def prove(
    image: ImageSource, resources: DecodeResources, *, max_bytes: int, max_pixels: int
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
        with anyio.fail_after(DEADLINE):
            data, found = await resources.readers.run(read)
    except TimeoutError as error:
        raise ProviderError("bad-image", why=_TOO_SLOW) from error
    if isinstance(found, int):
        return data, await resources.decode(lambda: picture.identify(data, max_pixels), found)
    return data, found
