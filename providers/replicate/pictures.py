"""The pictures of a request on their way to a model: inside of the request, or as files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

from limner import InputImage
from providers.replicate.client import failure

INLINE_BYTES = 1_000_000
"""The most that all pictures of a request may have inside of it: Replicate advises files above 1 MB."""
DELETE_SECONDS = 2.0
"""The time for deleting files; what it is too short for, Replicate deletes within a day."""


@asynccontextmanager
async def addresses_of(client: Any, images: Sequence[InputImage]) -> AsyncIterator[list[str]]:
    """Returns for each picture what a model takes for it: a ``data:`` URI, or the address of a file.

    Such a file can be read with the key of its account alone, and is deleted afterwards.
    """
    if sum(len(image.data) for image in images) <= INLINE_BYTES:
        yield [image.data_uri for image in images]
        return
    files: dict[str, str] = {}
    try:
        for image in images:
            file, address = await _upload(client, image)
            files[file] = address
        yield [*files.values()]
    finally:
        deleting = asyncio.ensure_future(_delete(client, files))
        await asyncio.wait({deleting}, timeout=DELETE_SECONDS)
        deleting.cancel()


async def _upload(client: Any, image: InputImage) -> tuple[str, str]:
    """Returns the id and the address of a new file; nothing has run yet."""
    named = {"filename": image.filename, "content_type": image.media_type}
    try:
        file = await client.files.async_create(BytesIO(image.data), **named)
        return file.id, file.urls["get"]
    except Exception as error:
        raise failure(error, did_not_run=True) from error


async def _delete(client: Any, files: Iterable[str]) -> None:
    """Deletes the files that can be deleted."""
    await asyncio.gather(*map(client.files.async_delete, files), return_exceptions=True)
