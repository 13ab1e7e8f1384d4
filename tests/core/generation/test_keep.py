"""What came is compared with what was asked, and a picture that a service withheld is a refusal."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from PIL import Image

from core.generation.normalise import DecodeResources
from core.generation.pipeline import Pipeline
from core.plugins import imports
from core.settings.schema import load_settings
from core.storage.store import Store
from core.studio import Studio
from limner import Generate, ImageRequest, ImageResult, ImageWarning, Options, hookimpl
from tests.core.scripted import CONVERSATION, NEEDS_KEY, PNG, ScriptedProvider, ask, studio_of
from tests.core.scripted import settled as settled_of
from tests.plugins.objects import registry_of

pytestmark = pytest.mark.anyio


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


BLACK = encoded(Image.new("RGB", (64, 64)))


def giving(image: bytes, **more: Any) -> Any:
    async def play(_: ImageRequest) -> ImageResult:
        return ImageResult(image, **more)

    return play


@pytest.mark.parametrize(
    ("about", "refused"),
    [
        ({"paid": True}, True),
        (NEEDS_KEY, True),
        ({}, False),  # it draws by itself, and withholds nothing
    ],
)
async def test_a_black_picture_of_a_service_is_a_refusal(
    about: dict[str, Any], refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_API_KEY", "x")
    async with studio_of(tmp_path, ScriptedProvider(giving(BLACK), **about)) as studio:
        _, _, version = await ask(studio)
    if refused:
        assert version.failure is not None
        assert (version.reason, version.picture) == ("content-filter", None)
        assert "black all over" in version.failure.why
        assert not version.failure.did_not_run
    else:
        assert version.picture is not None


async def test_whatever_is_raised_while_it_is_kept_the_version_ends_and_frees_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keep(*_: object) -> None:
        raise SystemExit(3)

    monkeypatch.setattr(Pipeline, "keep", keep)
    async with studio_of(tmp_path, ScriptedProvider(), max_in_flight=1) as studio:
        for _ in range(2):
            _, _, version = await asyncio.wait_for(ask(studio), 30)
            assert version.failure
            assert version.failure.cause == "internal"


async def test_a_picture_is_read_in_the_name_of_whichever_plugin_gave_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Framing:
        @hookimpl
        def wrap(self, generate: Generate) -> Generate:
            async def call(request: ImageRequest) -> ImageResult:
                result = await generate(request)
                return replace(result, image=io.BytesIO(PNG)) if request.prompt == "framed" else result

            return call

    names: list[str] = []

    async def read(_: DecodeResources, work: Callable[[], Any], plugin: str = "") -> Any:
        names.append(plugin)
        return work()

    monkeypatch.setattr(DecodeResources, "read", read)
    settings = load_settings(provider="first", data_dir=tmp_path)
    registry = registry_of(settings=settings, first=ScriptedProvider(), framing=Framing())
    studio = Studio(settings, registry, Store(tmp_path))
    for prompt in ("plain", "framed"):
        await ask(studio, prompt)
    await studio.close()
    assert names == ["first", "framing"]


async def test_a_mark_among_the_metadata_is_a_refusal(tmp_path: Path) -> None:
    play = giving(PNG, metadata={"has_nsfw_concepts": [True]})
    async with studio_of(tmp_path, ScriptedProvider(play)) as studio:
        _, _, version = await ask(studio)
    assert (version.reason, version.picture) == ("content-filter", None)


class Formats(Options):
    output_format: Literal["auto", "png", "jpeg", "jpg", "webp", "image/webp", "svg"] = "webp"
    format: str | None = None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"output_format": "jpeg"}, "PNG instead of JPEG."),
        ({"output_format": "jpg"}, "PNG instead of JPEG."),
        ({"output_format": "image/webp"}, "PNG instead of WebP."),
        ({"output_format": "svg"}, "PNG instead of SVG."),
        ({"format": "AVIF"}, "PNG instead of AVIF."),
        ({"output_format": "png"}, None),
        ({"output_format": "auto"}, None),
        ({"format": "portrait"}, None),
        ({}, None),  # nobody chose the provider's default
    ],
)
async def test_another_format_than_the_chosen_one_is_told(
    options: dict[str, Any], told: str | None, tmp_path: Path
) -> None:
    provider = ScriptedProvider(giving(PNG), options=Formats, model={"sizes": ()})
    async with studio_of(tmp_path, provider) as studio:
        _, _, version = await ask(studio, options=options)
    assert [warning.details for warning in version.provenance.warnings] == ([told] if told else [])


async def test_what_the_provider_said_of_the_format_is_not_said_again(tmp_path: Path) -> None:
    said = ImageWarning("output_format", "The service used png.", "other")
    provider = ScriptedProvider(giving(PNG, warnings=[said]), options=Formats, model={"sizes": ()})
    async with studio_of(tmp_path, provider) as studio:
        _, _, version = await ask(studio, options={"output_format": "jpeg"})
    assert version.provenance.warnings == (said,)


@pytest.mark.parametrize(
    ("asked", "result", "kept"),
    [
        (7, {}, 7),
        (7, {"seed": 9}, 9),
        (7, {"seed_sent": False}, None),
        (7, {"seed_sent": False, "seed": 9}, 9),
        (7, {"seed_sent": None}, 7),
    ],
)
async def test_a_version_claims_the_seed_that_was_used(
    asked: int, result: dict[str, Any], kept: int | None, tmp_path: Path
) -> None:
    async with studio_of(tmp_path, ScriptedProvider(giving(PNG, **result))) as studio:
        _, _, version = await ask(studio, seed=asked)
    assert version.provenance.seed == kept


# What is imported before the time begins


@pytest.fixture
def slow_module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns a module whose import waits until it is let go, and notes its thread."""
    state = types.SimpleNamespace(begun=threading.Event(), go=threading.Event(), threads=[])

    def load(name: str) -> Any:
        if name != "an_sdk":
            raise SystemExit(name)
        state.threads.append(threading.get_ident())
        state.begun.set()
        assert state.go.wait(10)
        sys.modules["an_sdk"] = types.ModuleType("an_sdk")

    monkeypatch.setattr(imports.importlib, "import_module", load)
    yield state
    state.go.set()
    sys.modules.pop("an_sdk", None)


async def test_an_import_takes_none_of_the_time_for_the_picture(slow_module: Any, tmp_path: Path) -> None:
    provider = ScriptedProvider(giving(PNG), imports=("an_sdk",))
    own = {"scripted": {"timeout": 1}}
    async with studio_of(tmp_path, provider, providers=own) as studio:
        asking = asyncio.create_task(ask(studio))
        assert await asyncio.to_thread(slow_module.begun.wait, 10)
        await asyncio.sleep(1.1)  # longer than the picture may take
        slow_module.go.set()
        _, _, version = await asking
        assert (await ask(studio))[2].picture is not None
    assert version.picture is not None
    assert len(slow_module.threads) == 1
    assert slow_module.threads[0] != threading.get_ident()


async def test_what_the_default_provider_needs_is_imported_before_the_first_picture(
    slow_module: Any, tmp_path: Path
) -> None:
    slow_module.go.set()
    async with studio_of(tmp_path, ScriptedProvider(giving(PNG), imports=("an_sdk",))) as studio:
        await studio.prepare()
        assert slow_module.begun.is_set()
        assert (await ask(studio))[2].picture is not None
    assert len(slow_module.threads) == 1


async def test_nothing_is_imported_for_a_provider_without_its_key(slow_module: Any, tmp_path: Path) -> None:
    provider = ScriptedProvider(giving(PNG), imports=("an_sdk",), **NEEDS_KEY)
    async with studio_of(tmp_path, provider) as studio:
        await studio.prepare()
    assert slow_module.threads == []


async def test_a_module_that_cannot_be_imported_is_the_providers_affair(
    slow_module: Any, tmp_path: Path
) -> None:
    provider = ScriptedProvider(giving(PNG), imports=("no_such_sdk",))
    async with studio_of(tmp_path, provider) as studio:
        assert (await ask(studio))[2].picture is not None


async def test_a_stop_does_not_wait_for_an_import(slow_module: Any, tmp_path: Path) -> None:
    provider = ScriptedProvider(giving(PNG), imports=("an_sdk",))
    async with studio_of(tmp_path, provider) as studio:
        asking = asyncio.create_task(ask(studio))
        assert await asyncio.to_thread(slow_module.begun.wait, 10)
        conversation = await studio.conversation(CONVERSATION)
        (message,) = conversation
        studio.stop(message)
        assert (await settled_of(conversation, message)).reason == "cancelled"
        await asking
        slow_module.go.set()  # closing the studio waits a while for its threads
    assert provider.requests == []
