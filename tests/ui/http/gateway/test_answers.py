"""What comes back: the very bytes, as base64, as a link, or as an event."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from limner import ImageInputs, ImageRequest, ImageResult
from tests.core.scripted import PNG, ScriptedProvider
from tests.doors import NOT_JSON
from tests.ui.http.client import open_app, open_client
from tests.ui.http.gateway.sdk import open_sdk, refused

pytestmark = pytest.mark.anyio
GENERATIONS = "/v1/images/generations"


def drawing(image: bytes) -> ScriptedProvider:
    async def play(_: ImageRequest) -> ImageResult:
        return ImageResult(image)

    return ScriptedProvider(play)


def noise(side: int, kind: str = "PNG") -> bytes:
    file = BytesIO()
    Image.effect_noise((side, side), 90).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("side", "kind"), [(1, "PNG"), (2, "WEBP"), (900, "PNG"), (1_600, "PNG"), (50, "JPEG")]
)
async def test_the_picture_is_byte_for_byte_the_providers(tmp_path: Path, side: int, kind: str) -> None:
    """Also where it is written in several pieces, whatever its length."""
    image = noise(side, kind)
    async with open_client(tmp_path, drawing(image)) as (client, _):
        answer = await client.post(GENERATIONS, json={"prompt": "a fox", "n": 2})
    said = answer.json()
    assert [base64.b64decode(one["b64_json"], validate=True) for one in said["data"]] == [image] * 2
    assert (said["output_format"], said["size"]) == (kind.lower(), f"{side}x{side}")


async def test_a_link_leads_to_the_picture_for_whoever_asked(tmp_path: Path) -> None:
    body = {"prompt": "a red fox", "response_format": "url", "n": 2}
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        for host in ("localhost", "127.0.0.1:7860"):
            answer = await client.post(GENERATIONS, json=body, headers={"Host": host})
            links = [one["url"] for one in answer.json()["data"]]
            assert len({*links}) == 2
            assert all(link.startswith(f"http://{host}/limner/pictures/") for link in links)
            assert [(await client.get(link)).content for link in links] == [PNG, PNG]
            assert not any("b64_json" in one for one in answer.json()["data"])


async def test_a_link_behind_a_proxy_is_the_proxys(tmp_path: Path) -> None:
    body = {"prompt": "a fox", "response_format": "url"}
    headers = {"X-Forwarded-Host": "pictures.example", "X-Forwarded-Proto": "https"}
    async with open_client(tmp_path, ScriptedProvider(), behind_proxy=True) as (client, _):
        answer = await client.post(GENERATIONS, json=body, headers=headers)
    assert answer.json()["data"][0]["url"].startswith("https://pictures.example/limner/pictures/")
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        answer = await client.post(GENERATIONS, json=body, headers=headers)
    assert answer.json()["data"][0]["url"].startswith("http://localhost/limner/pictures/")


async def test_a_link_below_another_path_has_that_path(tmp_path: Path) -> None:
    body = {"prompt": "a fox", "response_format": "url"}
    async with open_app(tmp_path, ScriptedProvider()) as (app, _):
        transport = httpx.ASGITransport(app, root_path="/art")
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.post(f"/art{GENERATIONS}", json=body)
            link = answer.json()["data"][0]["url"]
            assert link.startswith("http://localhost/art/limner/pictures/")
            assert (await client.get(link)).content == PNG


async def test_a_link_of_a_public_server_has_its_address(tmp_path: Path) -> None:
    body = {"prompt": "a fox", "response_format": "url"}
    async with open_client(tmp_path, ScriptedProvider(), public_url="https://art.example/x/") as (client, _):
        answer = await client.post(GENERATIONS, json=body)
    assert answer.json()["data"][0]["url"].startswith("https://art.example/x/limner/pictures/")


async def test_the_metadata_is_that_of_the_other_route(tmp_path: Path) -> None:
    body: dict[str, Any] = {"prompt": "a fox", "seed": 7, "size": "512x512"}
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        there = (await client.post("/api/image", json=body)).json()["metadata"]
        here = (await client.post(GENERATIONS, json=body)).json()["data"][0]["metadata"]
    assert there.keys() == here.keys()
    assert {**there, "duration": 0} == {**here, "duration": 0}


async def test_a_stream_has_one_event_for_each_picture(tmp_path: Path) -> None:
    image = noise(900)
    async with open_sdk(tmp_path, drawing(image)) as (sdk, _):
        stream = await sdk.images.generate(prompt="a fox", stream=True, partial_images=2, n=2)
        events = [event async for event in stream]
    assert [event.type for event in events] == ["image_generation.completed"] * 2
    for event in events:
        assert base64.b64decode(event.b64_json) == image
        assert event.size == "900x900"
        assert event.created_at > 1_700_000_000


async def test_an_edit_has_an_event_of_its_own(tmp_path: Path) -> None:
    scripted = ScriptedProvider(model={"images": ImageInputs(most=16)})
    async with open_sdk(tmp_path, scripted) as (sdk, _):
        stream = await sdk.images.edit(image=PNG, prompt="a fox", stream=True)
        assert [event.type async for event in stream] == ["image_edit.completed"]


async def test_a_stream_that_fails_has_a_status(tmp_path: Path) -> None:
    async with open_sdk(tmp_path, drawing(b"no picture")) as (sdk, _):
        error = await refused(sdk.images.generate(prompt="a fox", stream=True))
    assert (error.status_code, error.code) == (502, "server_error")


async def test_a_retry_with_its_key_gets_the_same_answer(tmp_path: Path) -> None:
    scripted, headers = ScriptedProvider(), {"Idempotency-Key": "k"}
    body = {"prompt": "a fox", "n": 2, "quality": "hd"}
    async with open_client(tmp_path, scripted) as (client, _):
        first, again = [await client.post(GENERATIONS, json=body, headers=headers) for _ in range(2)]
        assert (first.status_code, again.content) == (200, first.content)
        assert len(scripted.requests) == 2
        other = await client.post(GENERATIONS, json={**body, "n": 1}, headers=headers)
        assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
        for one in first.json()["data"]:
            assert one["metadata"]["warnings"][0]["feature"] in ("quality", "size")
        for file in (tmp_path / "pictures").iterdir():
            file.unlink()
        gone = await client.post(GENERATIONS, json=body, headers=headers)
        assert (gone.status_code, gone.json()["error"]["type"]) == (410, "idempotency_error")


WRONG: dict[str, tuple[bytes, int, str]] = {
    "no JSON": (b"not json", 400, "valid JSON object"),
    "a list": (b"[1]", 400, "valid JSON object"),
    "empty": (b"", 400, "valid JSON object"),
    "nested 10,000 deep": (b'{"prompt": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400, "valid JSON object"),
    "too many values": (json.dumps({"prompt": [0] * 6_000}).encode(), 400, "more than 5,000 values"),
    "half a surrogate pair": (b'{"prompt": "\\ud83d"}', 400, "prompt|JSON"),
    "twice": (b'{"prompt": "a", "prompt": 7}', 400, "prompt"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_bodies_that_are_none(tmp_path: Path, what: str) -> None:
    body, status, words = WRONG[what]
    scripted = ScriptedProvider()
    async with open_client(tmp_path, scripted) as (client, _):
        answer = await client.post(GENERATIONS, content=body)
    assert (answer.status_code, scripted.requests) == (status, [])
    assert any(word in answer.json()["error"]["message"] for word in words.split("|"))


@pytest.mark.parametrize("type", [*NOT_JSON, "nonsense"])
async def test_a_body_of_another_type_is_told_what_to_send(tmp_path: Path, type: str) -> None:
    scripted = ScriptedProvider()
    async with open_client(tmp_path, scripted) as (client, _):
        headers = {"Content-Type": type}
        answer = await client.post(GENERATIONS, content=b'{"prompt": "a fox"}', headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (415, "unsupported_content_type")
    assert error["message"].endswith("send JSON, with the header Content-Type: application/json.")
    assert (answer.headers["x-should-retry"], scripted.requests) == ("false", [])
