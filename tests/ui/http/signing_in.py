"""Signs in with the Hub of the tests, as a browser does that follows where it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.ui.http.client import Client

FROM_THE_HUB = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


async def at_the_hub(client: Client, left: str = "") -> str:
    """Begins to sign in, in a conversation if one is named; returns where the Hub then sends the browser."""
    begun = await client.get("/limner/sign-in", params={"c": left})
    assert begun.status_code == 303
    async with httpx.AsyncClient() as browser:
        back = await browser.get(begun.headers["location"])
    assert back.status_code == 302, back.text
    return back.headers["location"]


async def sign_in(client: Client, left: str = "") -> httpx.Response:
    """Signs in, and returns the answer to the browser that comes back."""
    return await client.get(await at_the_hub(client, left), headers=FROM_THE_HUB)


async def account(client: Client, **headers: str) -> str | None:
    """Returns the name under which a client is signed in."""
    answer = await client.get("/limner/account", headers=headers)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
    user = answer.json()["user"]
    return user and user["name"]


@asynccontextmanager
async def other_browser(client: Client) -> AsyncIterator[Client]:
    """Opens the same server in a browser without any cookie."""
    async with Client(transport=client._transport, base_url=client.base_url, timeout=30) as other:
        yield other
