"""Requests that no other limit counts are counted too, of each visitor for themselves."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.core.scripted import CONVERSATION, Gate, ScriptedProvider
from tests.stopped_clock import stop_clock
from tests.ui.http.client import FOX, MESSAGES, open_client
from tests.waiting import until
from ui.http import request_rate
from ui.http.request_rate import AT_ONCE, RequestRate

pytestmark = pytest.mark.anyio

THREAD = f"/limner/threads/{CONVERSATION}"
CHEAP = [
    ("GET", "/limner/conversations"),
    ("GET", f"{THREAD}"),
    ("PATCH", f"{THREAD}"),
    ("POST", f"{THREAD}/delete"),
    ("POST", f"{THREAD}/restore"),
    ("HEAD", f"{THREAD}/events"),
    ("GET", f"{THREAD}/messages?before=x"),
    ("POST", f"{THREAD}/messages/x/stop"),
    ("POST", f"{THREAD}/messages/x/choose?version=1"),
    ("POST", f"{THREAD}/price"),
    ("GET", f"{THREAD}/messages/x/details"),
    ("GET", f"{THREAD}/export"),
    ("POST", "/limner/import"),
    ("POST", MESSAGES),
    ("POST", "/api/image"),
    ("GET", "/config"),
    ("GET", "/gradio_api/info"),
    ("POST", "/gradio_api/queue/join"),
    ("GET", "/gradio_api/queue/data?session_hash=x"),
    ("POST", "/gradio_api/cancel"),
    ("GET", f"/limner/pictures/{'0' * 32}.png/fox.png?details"),
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Stops the clock by which requests are counted, and moves it."""
    return stop_clock(monkeypatch, request_rate)


def test_so_many_at_once_and_then_so_many_a_second(clock: Callable[[float], None]) -> None:
    rate = RequestRate()
    assert [rate.wait("me") for _ in range(AT_ONCE)] == [0] * AT_ONCE
    for _ in range(100):
        assert rate.wait("me") == pytest.approx(0.05), "what was refused is not counted"
    assert rate.wait("you") == 0
    clock(1)
    assert [bool(rate.wait("me")) for _ in range(21)] == [False] * 20 + [True]
    clock(60)
    assert [rate.wait("me") for _ in range(AT_ONCE)] == [0] * AT_ONCE


def test_of_many_visitors_little_is_kept(
    clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = RequestRate()
    for n in range(1_000):
        rate.wait(str(n))
        clock(0.01)
    assert len(rate._even) <= 6, "nobody who has made up for what they sent"
    monkeypatch.setattr(request_rate, "MAX_VISITORS", 50)
    for n in range(1_000):
        rate.wait(str(n))
    assert len(rate._even) == 50


async def send_all(client: Any, count: int, asked: Any = CHEAP, **headers: str) -> Counter[int]:
    """Sends so many requests, one after another, and counts the statuses; never with the same cookie."""
    statuses: Counter[int] = Counter()
    for n in range(count):
        method, path = asked[n % len(asked)]
        cookie = {"Cookie": f"limner_visitor={secrets.token_hex(16)}"}
        answer = await client.request(method, path, headers={**headers, **cookie})
        statuses[answer.status_code] += 1
        if answer.status_code == 429:
            assert int(answer.headers["Retry-After"]) >= 1
            if method != "HEAD":
                said = "Too many requests come from your address: try again in a second."
                assert answer.json() == {"error": said, "category": "rate-limit"}
    return statuses


async def test_whatever_a_visitor_asks_for_with_ever_new_cookies_counts(
    tmp_path: Path, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_rate, "AT_ONCE", 5 * len(CHEAP))
    async with open_client(tmp_path, ScriptedProvider(), behind_proxy=True) as (client, _):
        statuses = await send_all(client, 5 * len(CHEAP), **{"X-Forwarded-For": "2001:db8:1:2::1"})
        assert statuses[429] == 0
        same = {"X-Forwarded-For": "8.8.8.8, 2001:db8:1:2:ffff::5"}
        assert await send_all(client, len(CHEAP), **same) == {429: len(CHEAP)}
        files = [
            ("GET", f"/limner/pictures/{'0' * 32}.png/fox.png"),
            ("GET", f"/limner/thumbnails/{'0' * 32}"),
            ("GET", f"/gradio_api/file=limner/pictures/{'0' * 32}.png/fox.png"),
        ]
        assert await send_all(client, 10, files, **same) == {404: 10}
        other = {"X-Forwarded-For": "2001:db8:1:3::1"}
        assert (await client.post(MESSAGES, json=FOX, headers=other)).status_code == 201
        clock(60)
        assert (await client.get("/limner/conversations", headers=same)).status_code == 200


async def test_the_owner_is_not_counted(
    tmp_path: Path, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_rate, "AT_ONCE", 20)
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        asked = [("GET", "/limner/conversations")]
        assert await send_all(client, 40, asked) == {200: 40}


async def test_one_visitor_has_so_many_requests_served_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_rate, "MAX_SERVED", 2)
    gate = Gate()
    scripted = ScriptedProvider(gate)
    me, you = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}
    async with open_client(tmp_path, scripted, behind_proxy=True) as (client, _):
        waiting = [asyncio.create_task(client.post("/api/image", json=FOX, headers=me)) for _ in range(2)]
        await until(lambda: len(scripted.requests) == 2)
        answer = await client.get("/limner/conversations", headers=me)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
        assert "at once: try again in a moment" in answer.json()["error"]
        assert (await client.head(f"{THREAD}/events", headers=me)).status_code == 200
        assert (await client.get("/limner/conversations", headers=you)).status_code == 200
        gate.open.set()
        assert [(await one).status_code for one in waiting] == [200, 200]
        assert (await client.get("/limner/conversations", headers=me)).status_code == 200
