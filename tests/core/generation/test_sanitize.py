"""What a service says beside the picture is kept as far as it is of the contract's types, without secrets."""

from __future__ import annotations

import asyncio
import base64
import json
import math
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from core.generation.sanitize import MAX_WARNINGS
from core.parts import provenance
from limner import ImageRequest, ImageResult, ImageWarning
from tests.core.scripted import CONVERSATION, PNG, ScriptedProvider, ask, studio_of
from tests.plugins.calls import KEY, Calls, key  # noqa: F401 (a fixture)

pytestmark = pytest.mark.anyio


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
        return await Calls(answer=answer).ask("study")

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
        return await Calls(answer=answer).ask("study")

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
def test_key_in_another_form_and_other_secrets_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANOTHER_TOKEN", "123456789012")
    basic = base64.b64encode(f"user:{KEY}".encode()).decode()

    async def answer(request: ImageRequest) -> ImageResult:
        return ImageResult(
            b"a picture",
            revised_prompt=f"a boat {KEY.upper()}",
            model=quote(KEY.replace("-", "/-"), safe="").replace("%2F", ""),
            request_id=KEY.encode().hex(),
            usage={"tokens": 5, "account": 123456789012, "again": [{KEY.lower(): "\n" + KEY[::-1]}]},
            metadata={"headers": {"authorization": f"Basic {basic}"}, "kept": "a\nb"},
            warnings=[ImageWarning("size", " ".join(KEY), "other")],
        )

    async def main() -> ImageResult:
        return await Calls(answer=answer).ask("study")

    assert asyncio.run(main()) == ImageResult(
        b"a picture",
        revised_prompt="a boat [hidden]",
        model="[hidden]",
        request_id="[hidden]",
        usage={"tokens": 5, "account": "[hidden]", "again": [{"[hidden]": "\n[hidden]"}]},
        metadata={"headers": {"authorization": "Basic dXNlcj[hidden]"}, "kept": "a\nb"},
        warnings=(ImageWarning("size", "[hidden]", "other"),),
    )


@pytest.mark.usefixtures("key")
def test_no_text_has_what_a_terminal_would_do() -> None:
    hostile = "one\x1b]0;pwned\x07\n\ttwo\x9b31m\x7f\r"

    async def answer(request: ImageRequest) -> ImageResult:
        warnings = (ImageWarning("size", hostile),)
        return ImageResult(b"a picture", revised_prompt=hostile, text=hostile, warnings=warnings)

    async def main() -> ImageResult:
        return await Calls(answer=answer).ask("study")

    result = asyncio.run(main())
    for text in (result.revised_prompt, result.text, result.warnings[0].details):
        assert text == "one]0;pwned\n\ttwo31m"


@pytest.mark.usefixtures("key")
def test_metadata_as_large_as_a_picture_is_left_out() -> None:
    async def answer(request: ImageRequest) -> ImageResult:
        return ImageResult(b"a picture", metadata={"reply": "A" * 1_000_000}, usage={"tokens": 5})

    async def main() -> ImageResult:
        return await Calls(answer=answer).ask("study")

    assert asyncio.run(main()) == ImageResult(b"a picture", usage={"tokens": 5})


def nested(levels: int) -> Any:
    value: Any = "the end"
    for _ in range(levels):
        value = {"a": [value]}
    return value


@pytest.mark.parametrize("levels", [10, 100, 130, 400, 100_000])
@pytest.mark.parametrize("field", ["metadata", "usage"])
async def test_what_is_nested_deep_is_cut_and_never_costs_the_picture(
    tmp_path: Path, levels: int, field: str
) -> None:
    async def paint(_: ImageRequest) -> ImageResult:
        said: dict[str, Any] = {field: {"deep": nested(levels)}}
        return ImageResult(PNG, **said)

    async with studio_of(tmp_path, ScriptedProvider(paint)) as studio:
        _, message, version = await ask(studio)
        assert version.status == "complete"
        assert not message.unsaved
        (stored,) = await studio.store.load(CONVERSATION)
        assert stored.versions == [version]
        if levels < 400:
            kept = str(getattr(version.provenance, field))
            assert ("the end" in kept, "…" in kept) == (levels == 10, levels > 10)


async def test_what_is_no_number_in_json_is_none(tmp_path: Path) -> None:
    async def paint(_: ImageRequest) -> ImageResult:
        return ImageResult(PNG, usage={"seconds": math.nan, "cost": [math.inf, 1.5]})

    async with studio_of(tmp_path, ScriptedProvider(paint)) as studio:
        _, _, version = await ask(studio)
        assert version.provenance.usage == {"seconds": None, "cost": [None, 1.5]}
        json.dumps(provenance(version), allow_nan=False)


async def test_masses_of_what_a_service_says_are_bounded(tmp_path: Path) -> None:
    async def paint(_: ImageRequest) -> ImageResult:
        warnings = (ImageWarning("size", f"{n}") for n in range(10_000))
        masses: Any = {str(n): n for n in range(100_000)}
        return ImageResult(PNG, warnings=list(warnings), metadata=masses)

    async with studio_of(tmp_path, ScriptedProvider(paint)) as studio:
        _, _, version = await ask(studio)
        assert version.provenance.metadata == {}
        assert len(version.provenance.warnings) == MAX_WARNINGS
