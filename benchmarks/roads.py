"""The roads to a picture that are compared, each in a process of its own.

Each ends when the picture's bytes are there. Limner's has then checked and stored them too.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

Make: TypeAlias = Callable[[], Awaitable[int]]
"""Makes one picture and returns how many bytes it has."""

PROMPT = "A fox in the snow, at dusk"
TICK = 0.001
"""Seconds between two looks at how late the event loop is."""


@asynccontextmanager
async def limner(address: str) -> AsyncGenerator[Make]:
    """The whole road: limits, plugin, checks, proof, the file on the disk, the message in the database."""
    from core import open_studio
    from core.chat.request import UserRequest
    from core.settings.schema import load_settings

    os.environ |= {"OPENAI_API_KEY": "sk-benchmark", "OPENAI_BASE_URL": address}
    with tempfile.TemporaryDirectory(prefix="limner-benchmark-") as folder:
        studio = open_studio(load_settings(data_dir=folder, rate_limit=None, max_in_flight=1000))
        conversation = await studio.conversation("0" * 32)
        request = UserRequest(prompt=PROMPT, provider="openai", model="gpt-image-1", size="1024x1024")

        async def make() -> int:
            message = await studio.start(conversation, request)
            version = await conversation.settled(message)
            assert version.picture, version.failure
            return version.picture.size

        yield make
        await studio.close()


@asynccontextmanager
async def openai_sdk(address: str) -> AsyncGenerator[Make]:
    """The official SDK, which limner's provider calls too."""
    import openai

    client = openai.AsyncOpenAI(api_key="sk-benchmark", base_url=address, max_retries=0)

    async def make() -> int:
        made: Any = await client.images.generate(prompt=PROMPT, model="gpt-image-1", size="1024x1024")
        return len(base64.b64decode(made.data[0].b64_json))

    yield make


@asynccontextmanager
async def litellm(address: str) -> AsyncGenerator[Make]:
    """A library over many services."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches one
    import litellm  # pyright: ignore[reportMissingImports]

    async def make() -> int:
        made: Any = await litellm.aimage_generation(
            prompt=PROMPT,
            model="openai/gpt-image-1",
            size="1024x1024",
            api_key="sk-benchmark",
            api_base=address,
        )
        return len(base64.b64decode(made.data[0].b64_json))

    yield make


ROADS = {"limner": limner, "openai SDK": openai_sdk, "litellm": litellm}


async def run(name: str, address: str, pictures: int, at_once: int) -> None:
    """Gets warm, waits for a line, makes the pictures, and prints the most that the loop was late."""
    async with ROADS[name](address) as make:
        for _ in range(3):
            await make()
        print("warm", flush=True)
        sys.stdin.readline()
        latest = 0.0

        async def look() -> None:
            nonlocal latest
            while True:
                begun = time.perf_counter()
                await asyncio.sleep(TICK)
                latest = max(latest, time.perf_counter() - begun - TICK)

        looking = asyncio.create_task(look())
        left = pictures

        async def work() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                await make()

        await asyncio.gather(*(work() for _ in range(at_once)))
        looking.cancel()
        print(json.dumps({"late": latest}), flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
