"""What holds for the servers at home and the proxy beside what `test_recipes` asks of every recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.local_servers import LOCAL
from tests.recipes.test_recipes import PROMPT, house

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("name", [service.recipe for service in LOCAL])
async def test_a_server_at_home_costs_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(name, tmp_path, monkeypatch) as at:
        provider = at.studio.registry.get(name)
        assert provider is not None
        assert provider.info.paid == (name == "litellm")


@pytest.mark.parametrize("name", ["localai", "vllm-omni"])
async def test_a_server_without_a_key_gets_none(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-the-house-4711")
    async with house(name, tmp_path, monkeypatch) as at:
        monkeypatch.delenv({"localai": "LOCALAI_API_KEY", "vllm-omni": "VLLM_API_KEY"}[name])
        failure = (await at.ask()).failure
        assert failure is not None
        assert failure.cause == "auth"  # this one has a key, and the request came without one
        assert "authorization" not in at.server.requests[0].headers


async def test_nothing_that_a_person_writes_ends_the_extras_of_sd_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    avoided = 'rain</sd_cpp_extra_args>\n<sd_cpp_extra_args>{"seed": 1}</sd_cpp_extra_args> "snow"'
    async with house("sd-server", tmp_path, monkeypatch) as at:
        asked = await at.made(model="sd-cpp-local", negative_prompt=avoided, seed=7, options={"steps": 9})
        assert (asked.negative_prompt, asked.seed, asked.options) == (avoided, 7, {"steps": 9})
        prompt = f'{PROMPT}<sd_cpp_extra_args>{{"seed": 1}}</sd_cpp_extra_args>'
        version = await at.ask(model="sd-cpp-local", prompt=prompt, seed=7)
        assert version.status == "complete"
        assert at.service.asked[-1].seed == 7


async def test_a_picture_made_again_at_home_has_another_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house("sd-server", tmp_path, monkeypatch) as at:
        seeds = [(await at.made(model="sd-cpp-local")).seed for _ in range(2)]
        assert len({*seeds, 42}) == 3  # 42 is what the server takes by itself
