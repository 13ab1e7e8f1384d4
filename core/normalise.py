"""From whatever a provider returned to proven bytes: nothing is re-encoded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio

from core.worker import Workers
from limner import ProviderError, picture
from limner.result import ImageSource

Fetch: TypeAlias = Callable[[str], Awaitable[bytes]]

DEADLINE = 60.0
"""Seconds for reading and decoding; a provider's own file object may never give its bytes."""


async def normalise(
    image: ImageSource, fetch: Fetch, workers: Workers, *, most_bytes: int, most_pixels: int
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

    try:
        with anyio.fail_after(DEADLINE):
            return await workers.run(prove)
    except TimeoutError as error:
        raise ProviderError("bad-image", "The picture could not be read in time.") from error
