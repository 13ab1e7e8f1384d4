"""`?details` serves a copy that says how a picture was made; what is brought says it again."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.chat.message import Version
from core.chat.request import UserRequest
from core.metadata.settings import read_settings
from limner import ImageInputs, ImageRequest, ImageResult
from tests.core.metadata.made import frames, read_by_exiftool
from tests.core.metadata.signing import sign, validity
from tests.core.scripted import PNG, ScriptedProvider, ask
from tests.limner.photos import SECRETS, photo
from tests.ui.http.client import Client, open_client, sent

pytestmark = pytest.mark.anyio
SIGNED = sign(PNG, "image/png")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def giving(data: bytes, **about: Any) -> ScriptedProvider:
    async def play(_: ImageRequest) -> ImageResult:
        return ImageResult(data, request_id="REQUEST-4711", usage={"tokens": 4711})

    return ScriptedProvider(play, **about)


async def download(client: Client, version: Version, how: str) -> Any:
    assert version.picture
    return await client.get(f"/limner/pictures/{version.picture.name}/anything.png?{how}")


async def test_a_copy_with_details_says_how_it_was_made_and_the_stored_file_stays(tmp_path: Path) -> None:
    async with open_client(tmp_path, giving(PNG)) as (client, studio):
        _, _, version = await ask(studio, "a fox", seed=7, negative_prompt="hens", size="256x256")
        plain, copy = [await download(client, version, how) for how in ("download", "details")]
        head = await client.head(f"/limner/pictures/{version.picture and version.picture.name}/a?details")
    assert plain.content == PNG
    assert copy.status_code == 200
    assert frames(copy.content) == frames(PNG)
    told = {"prompt": "a fox", "seed": 7, "negative_prompt": "hens", "provider": "scripted", "model": "p-1"}
    assert read_settings(copy.content) == {**told, "size": "256x256", "tool": "Limner"}
    assert read_by_exiftool(copy.content)["XMP-dc:Description"] == "a fox"
    assert b"REQUEST-4711" not in copy.content
    headers = {name: value for name, value in plain.headers.items() if name not in ("etag", "last-modified")}
    assert {**copy.headers, "accept-ranges": "bytes"} == {**headers, "content-length": str(len(copy.content))}
    assert (head.headers["content-length"], head.content) == (copy.headers["content-length"], b"")
    assert [path.read_bytes() for path in (tmp_path / "pictures").iterdir()] == [PNG]


async def test_a_signed_picture_is_known_as_such_and_stays_signed(tmp_path: Path) -> None:
    async with open_client(tmp_path, giving(SIGNED)) as (client, studio):
        _, _, version = await ask(studio)
        copies = [(await download(client, version, how)).content for how in ("details", "download", "")]
    assert version.provenance.signed
    assert copies == [SIGNED] * 3
    assert validity(copies[0], "image/png")[0] == "Valid"
    async with open_client(tmp_path / "other", giving(PNG)) as (_, studio):
        assert not (await ask(studio))[2].provenance.signed


async def test_a_picture_made_from_one_that_was_brought_is_a_composite(tmp_path: Path) -> None:
    edits = giving(PNG, model={"images": ImageInputs()})
    async with open_client(tmp_path, edits) as (client, studio):
        conversation, _, first = await ask(studio)
        assert first.picture
        brought = (await sent(client, PNG)).json()["name"]
        message = await studio.start(conversation, UserRequest(prompt="in autumn"), images=[brought])
        edited = await conversation.settled(message)
        copies = [(await download(client, version, "details")).content for version in (first, edited)]
        as_it_is = await client.get(f"/limner/pictures/{brought}/a?details")
    sources = [read_by_exiftool(copy)["XMP-iptcExt:DigitalSourceType"] for copy in copies]
    assert [source.rpartition("/")[2] for source in sources] == [
        "trainedAlgorithmicMedia",
        "compositeWithTrainedAlgorithmicMedia",
    ]
    assert as_it_is.content == PNG
    assert as_it_is.headers["content-disposition"].startswith("attachment;")


async def test_a_brought_picture_gives_its_settings_back(tmp_path: Path) -> None:
    async with open_client(tmp_path, giving(PNG)) as (client, studio):
        _, _, version = await ask(studio, "a fox", seed=7)
        copy = (await download(client, version, "details")).content
        answer = (await sent(client, copy)).json()
        kept = await client.get(f"/limner/pictures/{answer['name']}/a")
    assert answer["settings"] == read_settings(copy) != {}
    assert "signed" not in answer
    assert kept.content == PNG


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
async def test_a_brought_picture_that_was_signed_says_so_and_its_copy_is_not(
    tmp_path: Path, format: str
) -> None:
    data = photo(format, **({"icc_profile": None, "exif": b""} if format == "GIF" else {}))
    async with open_client(tmp_path, giving(PNG)) as (client, _):
        answer = (await sent(client, sign(data, f"image/{format.lower()}"))).json()
        kept = (await client.get(f"/limner/pictures/{answer['name']}/a")).content
        plain = (await sent(client, data)).json()
    assert answer["signed"] is True
    assert not {"signed", "settings"} & plain.keys()
    assert b"jumdc2pa" not in kept
    assert not [secret for secret in SECRETS if secret in kept]


async def test_of_an_iphones_photograph_it_is_the_original_that_is_asked(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), "teal")).save(file)
    async with open_client(tmp_path, giving(PNG)) as (client, _):
        answer = (await sent(client, sign(file.getvalue(), "image/heic"))).json()
    assert (answer["mediaType"], answer["signed"]) == ("image/jpeg", True)
