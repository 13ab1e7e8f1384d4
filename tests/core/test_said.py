"""What a service says beside the picture is kept as far as it is of the contract's types, without secrets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from limner import ImageRequest, ImageResult, ImageWarning
from tests.plugins.desk import KEY, Desk, key  # noqa: F401 (a fixture)


class Hostile:
    def __str__(self) -> str:
        raise AssertionError("Nobody prints this.")


@pytest.mark.usefixtures("key")
def test_what_is_no_fact_is_left_out_and_the_picture_beside_it_kept() -> None:
    wrong: dict[str, Any] = {
        "revised_prompt": 7,
        "seed": "12",
        "model": b"one",
        "request_id": 3.5,
        "usage": {"tokens": Hostile()},
        "metadata": None,
        "warnings": [ImageWarning("seed", "It was left out."), "no warning"],
    }

    async def answer(request: ImageRequest) -> ImageResult:
        return ImageResult(b"a picture", **wrong)

    async def main() -> ImageResult:
        return await Desk(answer=answer).ask("study")

    result = asyncio.run(main())
    assert result == ImageResult(b"a picture", warnings=(ImageWarning("seed", "It was left out."),))


@pytest.mark.usefixtures("key")
def test_what_is_a_fact_is_kept_without_the_key() -> None:
    async def answer(request: ImageRequest) -> ImageResult:
        return ImageResult(
            KEY.encode(),
            revised_prompt=f"a boat \ud800 {KEY}",
            seed=12,
            request_id="r-1",
            usage={"seconds": 1.5},
            metadata={"url": f"https://study.example/?k={KEY}", "path": Path("x"), "long": "x" * 50},
            warnings=[ImageWarning("size", KEY, "other")],
        )

    async def main() -> ImageResult:
        return await Desk(answer=answer).ask("study")

    assert asyncio.run(main()) == ImageResult(
        KEY.encode(),
        revised_prompt="a boat ? [hidden]",
        seed=12,
        request_id="r-1",
        usage={"seconds": 1.5},
        metadata={"url": "https://study.example/?k=[hidden]", "path": "x", "long": "x" * 50},
        warnings=(ImageWarning("size", "[hidden]", "other"),),
    )


@pytest.mark.usefixtures("key")
def test_metadata_as_large_as_a_picture_is_left_out() -> None:
    async def answer(request: ImageRequest) -> ImageResult:
        return ImageResult(b"a picture", metadata={"reply": "A" * 1_000_000}, usage={"tokens": 5})

    async def main() -> ImageResult:
        return await Desk(answer=answer).ask("study")

    assert asyncio.run(main()) == ImageResult(b"a picture", usage={"tokens": 5})
