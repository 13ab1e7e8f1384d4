"""`GET /api/providers`: what a visitor can use, as facts for a program, and nothing of the server."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.plugins.registry import Registry
from limner import Credential, ImageInputs, ModelInfo, Options, ProviderInfo, hookimpl
from tests.core.scripted import ScriptedProvider
from tests.ui.http.client import Client, open_client

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def listed(client: Client) -> dict[str, Any]:
    answer = await client.get("/api/providers")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    return answer.json()


async def test_a_range_and_a_list_of_sizes_and_the_schemas_of_options(tmp_path: Path) -> None:
    class Style(Options):
        guidance_scale: float = 3.5

    about = {
        "sizes": ("1536x1024", "1024x1024"),
        "images": ImageInputs(least=1, most=4, mask=True),
        "options": Style,
        "seed": False,
    }
    async with open_client(tmp_path, ScriptedProvider(model=about, paid=True)) as (client, _):
        reply = await listed(client)
    assert reply["default"] == "scripted"
    scripted, sketch = reply["providers"]
    assert (scripted["name"], scripted["label"], scripted["paid"]) == ("scripted", "Scripted", True)
    (model,) = scripted["models"]
    assert (model["sizes"], model["defaultSize"], model["sizeRange"]) == (
        ["1536x1024", "1024x1024"],
        "1536x1024",
        None,
    )
    assert (model["seed"], model["negativePrompt"]) == (False, True)
    assert model["images"].items() >= {"least": 1, "most": 4, "mask": True}.items()
    assert model["options"]["guidance_scale"]["default"] == 3.5, "the name is the one that a request has"
    (model,) = sketch["models"]
    assert (sketch["paid"], model["sizes"]) == (False, [])
    assert model["sizeRange"].items() >= {"step": 8, "minSide": 256, "default": "1024x1024"}.items()
    assert "content-filter" in model["options"]["outcome"]["enum"]


async def test_a_model_of_which_only_the_ratio_counts_says_ratios(tmp_path: Path) -> None:
    about = {"sizes": ("1344x768", "1024x1024"), "ratio_only": True}
    async with open_client(tmp_path, ScriptedProvider(model=about)) as (client, _):
        (model,) = (await listed(client))["providers"][0]["models"]
        assert (model["sizes"], model["defaultSize"]) == (["16:9", "1:1"], "16:9")
        for size in model["sizes"]:
            assert (await client.post("/api/image", json={"prompt": "a", "size": size})).status_code == 200


async def test_only_what_makes_pictures_for_this_visitor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, where = "not-quite/scripted+key-4711", "https://keys.example/get-one"
    needy = ScriptedProvider(credential=Credential(variable="SCRIPTED_API_KEY", url=where), paid=True)
    async with open_client(tmp_path, needy) as (client, _):
        assert [one["name"] for one in (await listed(client))["providers"]] == ["sketch"]
        assert (await listed(client))["default"] is None, "what a request without a name would not get"
        monkeypatch.setenv("SCRIPTED_API_KEY", secret)
        answer = await client.get("/api/providers")
    assert [one["name"] for one in answer.json()["providers"]] == ["scripted", "sketch"]
    for told in (secret, "SCRIPTED_API_KEY", str(tmp_path), "keys.example"):
        assert told not in answer.text


async def test_models_outside_of_the_list_are_the_owners(tmp_path: Path) -> None:
    any_other = ModelInfo(id="any")
    for address, has_others in (("127.0.0.1", True), ("203.0.113.7", False)):
        scripted = ScriptedProvider(other_models=any_other)
        async with open_client(tmp_path / address, scripted, address) as (client, _):
            assert (await listed(client))["providers"][0]["otherModels"] is has_others


class Broken:
    @hookimpl
    def describe(self) -> ProviderInfo:
        raise RuntimeError("/home/me/secret/path")

    @hookimpl
    async def generate(self, request: Any) -> Any: ...


async def test_what_is_broken_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "limner_broken_one", SimpleNamespace(broken=Broken()))  # pyright: ignore
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        broken = EntryPoint("broken", "limner_broken_one:broken", "limner")
        sketch = EntryPoint("sketch", "providers.sketch", "limner")
        studio.registry = Registry(
            studio.settings.model_copy(update={"provider": "sketch"}), [broken, sketch]
        )
        assert studio.registry.broken
        reply = await client.get("/api/providers")
    assert [one["name"] for one in reply.json()["providers"]] == ["sketch"]
    assert "secret" not in reply.text
