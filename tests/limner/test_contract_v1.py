"""What was written against contract 1 goes on working: every part of it, by a plugin that never changes."""

from __future__ import annotations

import asyncio
import importlib
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.chat.request import UserRequest
from core.generation.call import call
from core.generation.resolve import resolve
from core.generation.watch import Watch
from core.plugins.catalog import PluginEntry, catalog
from core.plugins.loader import find_plugins
from core.plugins.registry import Registry
from core.settings.schema import Settings
from core.storage.store import Store
from core.studio import Studio
from limner import CONTRACT, SizeRange
from limner.errors import CATEGORIES
from tests.plugins.installing import site_of

site = site_of("limner-contract-v1")
KEY = "first-key-0123456789"
THREAD = "0" * 32


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FIRST_API_KEY", KEY)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def registry_of(settings: Settings) -> Registry:
    """Opens a registry of the installed packages, found by their entry points, and nothing else."""
    return Registry(settings, [found for found in find_plugins() if found.name.startswith("first")])


@asynccontextmanager
async def opened(folder: Path, **settings: Any) -> AsyncIterator[Studio]:
    chosen = Settings(
        data_dir=folder, **{"provider": "first", "max_retries": 0, "shutdown_grace": 0, **settings}
    )
    studio = Studio(chosen, registry_of(chosen), Store(chosen.data_dir))
    try:
        yield studio
    finally:
        await studio.close()


async def draw(studio: Studio, prompt: str = "a boat", **asked: Any) -> Any:
    conversation = await studio.conversation(THREAD)
    return await asyncio.wait_for(
        conversation.settled(await studio.start(conversation, UserRequest(prompt=prompt, **asked))), 20
    )


def ask(folder: Path, prompt: str = "a boat", *, settings: dict[str, Any] | None = None, **asked: Any) -> Any:
    """Makes one picture in a studio of its own."""

    async def main() -> Any:
        async with opened(folder, **settings or {}) as studio:
            return await draw(studio, prompt, **asked)

    return asyncio.run(main())


def test_it_is_listed_with_all_that_it_says_of_itself() -> None:
    registry = registry_of(Settings())
    assert registry.broken == []
    assert CONTRACT == 1, "a later version has to go on taking plugins of the first, or name them as broken"
    provider, middleware = catalog(registry)
    schema = provider.models[0].options
    assert {name: schema[name]["default"] for name in schema} == {
        "steps": 20,
        "strength": 0.5,
        "raw": False,
        "note": "",
        "style": "oil",
        "shape": "bytes",
    }
    assert schema["steps"]["description"] == "How long it draws."
    assert [(model.id, model.label, list(model.options)) for model in provider.models[1:]] == [
        ("first-range", "first-range", ["steps"]),
        ("first-free", "first-free", ["steps"]),
    ]
    assert provider.models[0].sizes == "64x48, 48x64"
    assert provider.models[0].takes == ["seed", "negative prompt", *schema]
    assert (provider.label, provider.paid, provider.credentials) == ("First", True, ["FIRST_API_KEY"])
    assert middleware == PluginEntry(name="first-frame", source="limner-contract-v1 1.0.0", kind="middleware")
    info = next(iter(registry)).info
    assert info
    assert info.about == "Drawn by a plugin of the contract's first version."
    assert info.base_url_variable == "FIRST_BASE_URL"
    assert isinstance(info.models[1].sizes, SizeRange)


def test_it_is_asked_for_what_the_person_chose_and_its_answer_is_kept(tmp_path: Path) -> None:
    version = ask(
        tmp_path,
        size="48x64",
        seed=7,
        negative_prompt="rain",
        options={"steps": 3, "style": "ink", "raw": True, "strength": 0.25, "note": "soft"},
        settings={"providers": {"first": {"weight": 3}}},
    )
    assert version.status == "complete"
    assert (version.picture.width, version.picture.height, version.picture.media_type) == (
        48,
        64,
        "image/png",
    )
    applied = version.provenance
    assert (applied.prompt, applied.revised_prompt) == ("a boat", "a boat, framed, by the first")
    assert (applied.seed, applied.model, applied.request_id) == (7, "first-list-2026", "first-4711")
    assert applied.usage == {"steps": 3}
    metadata = dict(applied.metadata)
    assert KEY not in str(metadata.pop("key"))
    assert metadata == {
        "size": "48x64",
        "ratio": 0.75,
        "pixels": 3072,
        "negative": "rain",
        "options": {
            "steps": 3,
            "strength": 0.25,
            "raw": True,
            "note": "soft",
            "style": "ink",
            "shape": "bytes",
        },
        "base_url": None,
        "settings": {"weight": 3},
        "timeout": True,
        "frame": "oak",
    }
    assert [(w.feature, w.details, w.type) for w in applied.warnings] == [
        ("steps", "First rounds the steps.", "unsupported"),
        ("note", "First reads no notes.", "other"),
    ]


@pytest.mark.parametrize("shape", ["bytes", "file", "path", "base64", "data"])
def test_every_shape_of_picture_is_taken(shape: str, tmp_path: Path) -> None:
    version = ask(tmp_path, options={"shape": shape})
    assert version.status == "complete"
    assert (version.picture.width, version.picture.height) == (64, 48)


@pytest.mark.parametrize(
    ("model", "size", "made"),
    [
        ("first-range", None, (64, 64)),
        ("first-range", "128x64", (128, 64)),
        ("first-range", "3:2", (96, 64)),
        ("first-free", None, (40, 30)),
        ("of-another-name", "32x32", (32, 32)),
    ],
)
def test_every_kind_of_model_is_asked_in_its_own_terms(
    model: str, size: str | None, made: tuple[int, int], tmp_path: Path
) -> None:
    version = ask(tmp_path, model=model, size=size)
    assert version.status == "complete"
    assert (version.picture.width, version.picture.height) == made
    assert version.provenance.model == f"{model}-2026"
    assert version.provenance.options == {"steps": 4}


def test_its_base_url_comes_from_its_own_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRST_BASE_URL", "http://first.internal/v1")
    monkeypatch.delenv("FIRST_API_KEY")
    metadata = ask(tmp_path).provenance.metadata
    assert (metadata["base_url"], metadata["key"]) == ("http://first.internal/v1", None)


def test_without_its_key_it_is_not_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIRST_API_KEY")
    version = ask(tmp_path)
    assert version.failure.cause == "no-credential"
    assert "https://first.example/keys" in version.failure.next


@pytest.mark.parametrize("category", CATEGORIES)
def test_it_fails_in_every_category(category: str, tmp_path: Path) -> None:
    failure = ask(tmp_path, f"fail {category}", settings={"block_plugins": ["first-frame"]}).failure
    assert (failure.cause, failure.service_message) == (category, "First is sorry.")
    assert (failure.retry_after, failure.did_not_run) == (8, True)


@pytest.mark.parametrize(
    ("prompt", "words"), [("refuse", "First does not draw this."), ("root", "the root of both")]
)
def test_it_refuses(prompt: str, words: str, tmp_path: Path) -> None:
    version = ask(tmp_path, prompt, settings={"block_plugins": ["first-frame"]})
    assert (version.reason, version.failure and version.failure.service_message) == ("content-filter", words)


def test_its_client_is_shared_and_closed_and_what_it_reports_is_heard(tmp_path: Path) -> None:
    heard: list[str] = []

    async def main() -> None:
        async with opened(tmp_path) as studio:
            await draw(studio)
            plan = resolve(UserRequest(prompt="a boat"), studio.registry, studio.settings)
            await call(plan, studio.registry, studio.settings.max_retries, Watch(heard.append))
            assert (client.made, client.closed) == (1, 0)

    client: Any = importlib.import_module("limner_contract_v1").Client
    asyncio.run(main())
    assert (client.made, client.closed) == (1, 1)
    assert heard == ["drawing"]


def test_its_middleware_changes_the_request_and_answers_itself(tmp_path: Path) -> None:
    async def main() -> list[Any]:
        async with opened(tmp_path) as studio:
            return [await draw(studio, "a blank wall") for _ in range(2)]

    first, again = asyncio.run(main())
    assert first.provenance.metadata["frame"] == "oak"
    assert "frame" not in again.provenance.metadata
    assert (
        again.provenance.revised_prompt
        == first.provenance.revised_prompt
        == "a blank wall, framed, by the first"
    )
    assert sys.modules["limner_contract_v1_frame"].frame.asked == 2
