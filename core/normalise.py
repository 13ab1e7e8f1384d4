"""From whatever a provider returned to proven bytes: nothing is re-encoded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from limner import picture
from limner.result import ImageSource

Fetch = Callable[[str], Awaitable[bytes]]


async def normalise(
    image: ImageSource, fetch: Fetch, *, most_bytes: int, most_pixels: int
) -> tuple[bytes, picture.Facts]:
    """Gives a picture's bytes as they came and what they are.

    Reading and decoding happen in a worker thread. Raises ProviderError ``bad-image`` for anything
    that is not a whole picture within the limits, and what `fetch` raises for a URL.
    """
    source: ImageSource = image
    if isinstance(image, str) and picture.is_url(image):
        source = await fetch(image.strip())

    def prove() -> tuple[bytes, picture.Facts]:
        data = picture.read(source, most_bytes)
        return data, picture.identify(data, most_pixels)

    return await asyncio.to_thread(prove)
