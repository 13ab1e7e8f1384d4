"""The pipeline reads like the README's line about it, and a fallback is tried once."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from core.chat.request import UserRequest
from core.settings.schema import load_settings
from core.storage.store import Store
from core.studio import Studio
from limner import ImageRequest, ImageResult, ProviderError
from tests.core.scripted import CONVERSATION, ScriptedProvider, at_once, settled
from tests.plugins.objects import registry_of
from tests.serving import ROOT


def test_the_pipeline_reads_like_the_line_in_the_readme() -> None:
    line = re.search(r"^> (\*\*admit\*\*.+)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert line
    steps = {step: words.split(", ") for step, words in re.findall(r"\*\*(\w+)\*\* \(([^)]+)\)", line[1])}
    assert list(steps) == ["admit", "make", "keep"]
    tree = ast.parse((ROOT / "core" / "generation" / "pipeline.py").read_text("utf-8"))
    methods = {
        node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    for step, words in steps.items():
        found = [node for node in ast.walk(methods[step]) if isinstance(node, ast.Call)]
        calls = [ast.unparse(node.func) for node in sorted(found, key=lambda node: node.lineno)]
        names = [word.replace(" ", "_") for word in words]
        read = [name for call in calls for name in names if re.search(rf"\b_?{name}\b", call)]
        assert read == names, f"{step} reads {calls}"


@pytest.mark.anyio
async def test_a_fallback_never_goes_back_to_what_has_failed(tmp_path: Path) -> None:
    async def refuse(_: ImageRequest) -> ImageResult:
        raise ProviderError("quota", did_not_run=True)

    providers = {name: ScriptedProvider(refuse) for name in ("first", "second", "third")}
    for chosen in providers:
        folder = tmp_path / chosen
        settings = load_settings(data_dir=folder, provider=chosen, fallback=("first", "second", "first"))
        studio = Studio(settings, registry_of(settings=settings, **providers), Store(folder))
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        assert (await settled(conversation, message)).status == "incomplete"
        await studio.close()
        asked = {name: len(provider.requests) for name, provider in providers.items()}
        assert asked == {"first": 1, "second": 1, "third": int(chosen == "third")}
        for provider in providers.values():
            provider.requests.clear()


@pytest.mark.anyio
async def test_one_request_is_counted_once_against_the_budget(tmp_path: Path) -> None:
    async def refuse(_: ImageRequest) -> ImageResult:
        raise ProviderError("quota", did_not_run=True)

    plays = {"one": refuse, "free": refuse, "two": at_once}
    providers = {name: ScriptedProvider(play, paid=name != "free") for name, play in plays.items()}
    settings = load_settings(data_dir=tmp_path, provider="one", fallback=("free", "two"), budget="9/day")
    studio = Studio(settings, registry_of(settings=settings, **providers), Store(tmp_path))
    conversation = await studio.conversation(CONVERSATION)
    await settled(conversation, await studio.start(conversation, UserRequest(prompt="a fox")))
    await studio.close()
    assert [len(provider.requests) for provider in providers.values()] == [1, 1, 1]
    store = Store(tmp_path)
    assert [hit.key for hit in store.hits].count("budget") == 1
    await store.close()
