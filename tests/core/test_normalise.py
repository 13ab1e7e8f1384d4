"""Bytes stay as they came, whatever shape they came in; the host alone fetches."""

from __future__ import annotations

import asyncio
import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.normalise import normalise
from core.worker import Workers
from limner import ProviderError, picture
from tests.core.puppet import PNG

pytestmark = pytest.mark.anyio


async def proven(
    image: Any, fetched: dict[str, bytes] | None = None, **limits: int
) -> tuple[bytes, picture.Facts]:
    async def fetch(url: str) -> bytes:
        return (fetched or {})[url]

    return await normalise(
        image, fetch, Workers(2), **{"most_bytes": 10_000, "most_pixels": 10_000, **limits}
    )


async def test_every_shape_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    encoded = base64.b64encode(PNG).decode()
    shapes = [PNG, bytearray(PNG), memoryview(PNG), io.BytesIO(PNG), tmp_path / "a.png", encoded]
    shapes += [f"data:image/jpeg;base64,{encoded}", Image.open(io.BytesIO(PNG)), " https://x.example/a "]
    for shape in shapes:
        data, facts = await proven(shape, {"https://x.example/a": PNG})
        assert data == PNG
        assert (facts.media_type, facts.width, facts.height) == ("image/png", 16, 16)


@pytest.mark.parametrize("image", [None, b"", "", b"<html>", PNG[:-9], "C:\\a.png", 5])
async def test_what_is_no_picture_is_a_bad_image(image: Any) -> None:
    with pytest.raises(ProviderError) as error:
        await proven(image)
    assert error.value.category == "bad-image"


@pytest.mark.parametrize("limit", [{"most_bytes": len(PNG) - 1}, {"most_pixels": 255}])
async def test_the_limits_hold_also_for_what_was_fetched(limit: dict[str, int]) -> None:
    for image in (PNG, "https://x.example/a"):
        with pytest.raises(ProviderError):
            await proven(image, {"https://x.example/a": PNG}, **limit)


async def test_decoding_leaves_the_event_loop_free() -> None:
    file = io.BytesIO()
    Image.effect_noise((2000, 2000), 50).save(file, "PNG")
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    await proven(file.getvalue(), most_bytes=10**8, most_pixels=10**7)
    turning.cancel()
    assert turns > 50
