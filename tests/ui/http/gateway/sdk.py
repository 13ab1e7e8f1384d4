"""OpenAI's own SDK in front of a scripted provider, without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai

from core.studio import Studio
from tests.core.scripted import ScriptedProvider
from tests.ui.http.client import open_app


@asynccontextmanager
async def open_sdk(
    folder: Path, scripted: ScriptedProvider, address: str = "127.0.0.1", **settings: Any
) -> AsyncIterator[tuple[openai.AsyncOpenAI, Studio]]:
    """Opens a client as people make one: it asks again by itself where it may."""
    async with open_app(folder, scripted, **settings) as (app, studio):
        transport = httpx2.ASGITransport(app, client=(address, 1))
        http = httpx2.AsyncClient(transport=transport)
        async with openai.AsyncOpenAI(
            base_url="http://localhost/v1", api_key="none", http_client=http
        ) as sdk:
            yield sdk, studio


async def refused(asking: Any) -> openai.APIStatusError:
    """Returns the error with which a request of the SDK ends."""
    try:
        await asking
    except openai.APIStatusError as error:
        return error
    raise AssertionError("it was answered")
