"""What goes to every door, through `POST /api/image`; each refusal is a sentence, a status and a category."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from limner import ContentFiltered, ImageRequest, ImageResult, ProviderError
from tests.core.scripted import CONVERSATION, Gate, ScriptedProvider
from tests.doors import GOOD, NOT_JSON, REFUSED
from tests.ui.http.client import Client, open_client

pytestmark = pytest.mark.anyio
MOST = 800
"""Characters of a reply that says what went wrong: some programs show the whole of it."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def complaint(answer: Any, status: int, category: str) -> str:
    """Returns the sentence of a refusal, having checked all that is around it."""
    said = answer.json()
    assert (answer.status_code, said["category"]) == (status, category), answer.text
    assert len(answer.text) <= MOST
    assert "Traceback" not in answer.text
    assert answer.headers["content-type"] == "application/json"
    assert ("retry-after" in answer.headers) == (status in (429, 503))
    sentence = said["error"]
    assert sentence == "Missing prompt" or re.match(r"[A-Z].*[.…]\Z", sentence, re.DOTALL)
    return sentence


@pytest.mark.parametrize("what", REFUSED)
async def test_what_no_door_takes(tmp_path: Path, what: str) -> None:
    values = {**GOOD, **REFUSED[what].values}
    body = json.dumps({name: value for name, value in values.items() if value is not None})
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        answer = await client.post("/api/image", content=body)
    words = REFUSED[what].words.replace("not valid", "not a valid")
    assert re.search(words, complaint(answer, 400, "invalid-request"), re.IGNORECASE)
    assert [*(tmp_path / "pictures").iterdir()] == []


async def in_chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 1_000_000


BODIES: dict[str, tuple[Any, int, str]] = {
    "empty": (b"", 400, "not a valid JSON object"),
    "no JSON": (b"prompt=a+fox", 400, "not a valid JSON object"),
    "half of it": (b'{"prompt": "a fox"', 400, "not a valid JSON object"),
    "a list": (b'["a fox"]', 400, "not a valid JSON object"),
    "nested 10,000 deep": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, "not a valid JSON object"),
    "options nested 10,000 deep": (
        b'{"prompt":"a","options":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        400,
        "not a valid JSON object",
    ),
    "50 MB, such as a picture may have": (50, 400, "not a valid JSON object"),
    "more than the largest picture": (b" " * 68_000_000, 413, "larger than"),
    "the same in chunks": (68, 413, "larger than"),
    "chunks of nothing": (1, 400, "not a valid JSON object"),
}


@pytest.mark.parametrize("what", BODIES)
async def test_bodies_that_are_none(tmp_path: Path, what: str) -> None:
    body, status, words = BODIES[what]
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        answer = await client.post("/api/image", content=in_chunks(body) if isinstance(body, int) else body)
    assert words in complaint(answer, status, "invalid-request")


@pytest.mark.parametrize("media_type", [*NOT_JSON, "image/png", "nonsense", "application/jsonp"])
async def test_a_body_of_another_type_is_told_what_to_send(tmp_path: Path, media_type: str) -> None:
    scripted = ScriptedProvider()
    async with open_client(tmp_path, scripted) as (client, _):
        answer = await client.post(
            "/api/image", content=b'{"prompt": "a fox"}', headers={"Content-Type": media_type}
        )
    said = (
        f"A body of the type {media_type.partition(';')[0]!r} is not read here: send JSON, with the header "
    )
    assert complaint(answer, 415, "invalid-request") == f"{said}Content-Type: application/json."
    assert scripted.requests == []


@pytest.mark.parametrize("media_type", ["application/json", " Application/JSON ; charset=x", "a/b+json", ""])
async def test_json_is_read_under_each_of_its_names(tmp_path: Path, media_type: str) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        headers = {"Content-Type": media_type}
        assert (await client.post("/api/image", content=b'{"prompt": "a"}', headers=headers)).is_success


async def test_what_curl_and_urllib_call_a_form_is_read_as_json(tmp_path: Path) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        made = await client.post("/api/image", content=b'{"prompt": "a fox"}', headers=headers)
        assert made.status_code == 200
        refused = await client.post("/api/image", content=b"prompt=a+fox", headers=headers)
        assert "not a valid JSON object" in complaint(refused, 400, "invalid-request")


@pytest.mark.parametrize(
    ("path", "wrong", "right"),
    [
        *(("/api/image", method, "POST") for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS")),
        ("/api/providers", "POST", "GET"),
        (f"/api/threads/{CONVERSATION}", "DELETE", "GET"),
    ],
)
async def test_a_wrong_method_is_told_the_right_one(
    tmp_path: Path, path: str, wrong: str, right: str
) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        answer = await client.request(wrong, path)
    assert complaint(answer, 405, "invalid-request") == f"This address takes {right}, not {wrong}."
    assert right in answer.headers["allow"].split(", ")


FAILURES: dict[str, tuple[Exception, int, str | None]] = {
    "content-filter": (ContentFiltered("no foxes"), 422, None),
    "rate-limit": (ProviderError("rate-limit"), 429, "60"),
    "unavailable": (ProviderError("unavailable", retry_after=7.2), 503, "8"),
    "quota": (ProviderError("quota"), 503, "60"),
    "timeout": (ProviderError("timeout"), 504, None),
    "provider": (ProviderError("provider", "no " * 5_000), 502, None),
    "crash": (RuntimeError("oh"), 502, None),
}


@pytest.mark.parametrize("category", FAILURES)
async def test_a_failure_is_short_and_its_thread_says_the_rest(tmp_path: Path, category: str) -> None:
    error, status, retry_after = FAILURES[category]

    async def fail(_: ImageRequest) -> ImageResult:
        raise error

    async with open_client(tmp_path, ScriptedProvider(fail)) as (client, _):
        answer = await client.post("/api/image", json={"prompt": "a fox " * 1_000})
        sentence, said = complaint(answer, status, category), answer.json()
        assert answer.headers.get("retry-after") == retry_after
        assert said["reason"] == ("content-filter" if category == "content-filter" else "error")
        assert said["metadata"].items() >= {"provider": "scripted", "model": "p-1"}.items()
        _, version = (await client.get(f"/api/threads/{said['thread']}")).json()
    assert version["id"].startswith(said["message"])
    assert version["content"] == [{"type": "text", "text": sentence}]


async def test_a_picture_that_was_stopped_says_so(tmp_path: Path) -> None:
    gate = Gate()
    async with open_client(tmp_path, ScriptedProvider(gate)) as (client, studio):
        asked = await begin(client, gate)
        (attempt,) = studio._attempts.values()
        studio.stop(attempt.message)
        answer = await asked
    assert complaint(answer, 409, "cancelled") == "The picture was stopped."
    assert answer.json()["reason"] == "cancelled"


async def begin(client: Client, gate: Gate) -> Any:
    """Asks for a picture, and returns the request once the provider is at the gate."""
    asked = asyncio.create_task(client.post("/api/image", json={"prompt": "a fox"}))
    await asyncio.wait_for(gate.reached.wait(), 20)
    return asked
