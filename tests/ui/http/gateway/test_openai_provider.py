"""One Limner behind another: our own client of OpenAI's API, which knows how OpenAI answers."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core import open_studio
from core.asking import SentPicture, ask
from core.chat.message import Version
from core.chat.request import UserRequest
from core.generation.visitor import OWNER
from core.settings.schema import load_settings
from core.studio import Studio
from tests.serving import Serving
from tests.warm_serving import WarmServing

pytestmark = pytest.mark.anyio
OUTCOMES = {
    "content-filter": "content-filter",
    "auth": "auth",
    "quota": "quota",
    "rate-limit": "rate-limit",
    "invalid-request": "invalid-request",
    "unavailable": "unavailable",
    "timeout": "unavailable",
    "bad-image": "unavailable",
    "bad-response": "unavailable",
    "provider": "unavailable",
}
"""How a picture ends at the first, and what the second makes of the answer."""
DID_NOT_RUN = {"auth", "quota", "rate-limit", "invalid-request", "unavailable"}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("first")
    serving = WarmServing(folder, {"LIMNER_DATA_DIR": str(folder / "data"), "LIMNER_MAX_RETRIES": "0"})
    yield serving
    serving.stop()


@asynccontextmanager
async def second(
    first: Serving, folder: Path, model: str = "sketch/sketch-1", max_retries: int = 0, **body: str
) -> AsyncIterator[Studio]:
    """Opens a studio whose only service is the first one's gateway, and which sends these fields, too."""
    service = {
        "uses": "openai",
        "base_url": f"{first.url}/v1",
        "models": [model],
        "seed": "body",
        "body": body,
    }
    settings = load_settings(
        provider="first", providers={"first": service}, data_dir=folder / "second", max_retries=max_retries
    )
    studio = open_studio(settings)
    try:
        yield studio
    finally:
        await studio.close()


async def made(studio: Studio, prompt: str, *images: bytes, **more: Any) -> tuple[Version, bytes]:
    sent = [SentPicture(image) for image in images]
    asked = await ask(studio, UserRequest(prompt=prompt, **more), images=sent, visitor=OWNER)
    (version,) = await asked.settled()
    return version, (version.picture and await studio.store.read(version.picture.name)) or b""


def asked_directly(first: Serving, **body: Any) -> bytes:
    headers, sent = {"Content-Type": "application/json"}, json.dumps(body).encode()
    request = urllib.request.Request(f"{first.url}/v1/images/generations", sent, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return base64.b64decode(json.load(answer)["data"][0]["b64_json"])


def count(first: Serving) -> int:
    return first.log.read_text().count(" picture provider=")


async def test_the_picture_is_the_same_to_the_last_byte(first: Serving, tmp_path: Path) -> None:
    wanted: dict[str, Any] = {"prompt": "a red fox", "size": "512x512", "seed": 7}
    async with second(first, tmp_path) as studio:
        version, image = await made(studio, **wanted)
    assert version.status == "complete", version.failure
    assert image == asked_directly(first, **wanted)
    assert (version.provenance.seed, version.provenance.warnings) == (7, ())


async def test_an_edit_takes_the_same_road(first: Serving, tmp_path: Path) -> None:
    async with second(first, tmp_path) as studio:
        _, house = await made(studio, "a house", size="256x256", seed=7)
        version, image = await made(studio, "in winter", house, size="256x256", seed=8)
        several, _ = await made(studio, "in winter", house, house, size="256x256", seed=8)
    assert version.status == several.status == "complete", version.failure
    assert image != house
    assert version.provenance.from_pictures


@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_each_failure_is_understood(first: Serving, tmp_path: Path, outcome: str) -> None:
    before = count(first)
    async with second(first, tmp_path, outcome=outcome) as studio:
        version, _ = await made(studio, "a red fox")
    assert version.failure
    assert version.failure.cause == OUTCOMES[outcome]
    assert version.failure.did_not_run == (outcome in DID_NOT_RUN)
    assert version.failure.retry_after == {"rate-limit": 8, "unavailable": 5}.get(outcome)
    assert version.failure.service_message
    assert count(first) == before + 1


@pytest.mark.parametrize("outcome", [one for one in OUTCOMES if one not in DID_NOT_RUN])
async def test_what_may_have_run_is_never_sent_again(first: Serving, tmp_path: Path, outcome: str) -> None:
    before = count(first)
    async with second(first, tmp_path, max_retries=3, outcome=outcome) as studio:
        await made(studio, "a red fox")
    assert count(first) == before + 1


async def test_an_unknown_model_is_one_for_the_second_too(first: Serving, tmp_path: Path) -> None:
    async with second(first, tmp_path, model="sketch/gone") as studio:
        version, _ = await made(studio, "a red fox")
    assert version.failure
    assert version.failure.what == "first does not know this model."
