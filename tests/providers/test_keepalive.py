"""No provider sends a request on a connection that a server may be closing just then."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from pydantic import SecretStr

from limner import ImageRequest
from limner.clients import close_shared
from limner.testing.loopback import Loopback, Reply
from limner.testing.runner import on_a_loop
from providers import a1111, comfyui, fal, gemini, openai, replicate
from providers.huggingface.client import shared_client

PLUGINS = {
    "openai": openai,
    "gemini": gemini,
    "replicate": replicate,
    "fal": fal,
    "a1111": a1111,
    "comfyui": comfyui,
}
SERVERS_WAIT = 5.0
"""Seconds after which uvicorn and Node close an idle connection."""


async def generate(plugin: Any, address: str) -> None:
    info = plugin.describe()
    given: Any = {"prompt": "A fox", "model": info.models[0].id, "credential": SecretStr("k" * 20)}
    given["options"] = info.options_of(info.models[0])()
    await plugin.generate(ImageRequest(base_url=f"{address}/v1", **given))


@pytest.mark.parametrize("call", ["openai", "gemini", "replicate", "fal", "huggingface", "a1111", "comfyui"])
def test_an_idle_connection_is_left_before_a_server_does(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[float] = []

    def spy(library: Any) -> None:
        built = library.AsyncConnectionPool.__init__

        def build(self: Any, *values: Any, **options: Any) -> None:
            kept.append(options["keepalive_expiry"])
            built(self, *values, **options)

        monkeypatch.setattr(library.AsyncConnectionPool, "__init__", build)

    async def work(address: str) -> None:
        try:
            if call == "huggingface":
                await shared_client()
            else:
                await generate(PLUGINS[call], address)
        finally:
            await close_shared()

    for library in ("httpcore", "httpcore2"):
        spy(importlib.import_module(library))
    with Loopback(lambda _: Reply(500)) as server:
        try:
            on_a_loop(lambda: work(server.url))
        except Exception:
            assert server.requests
    assert kept
    assert all(seconds < SERVERS_WAIT for seconds in kept)
