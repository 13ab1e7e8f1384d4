"""The route on which a browser brings a picture: what it takes, what it refuses, and what it says of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

from core.generation import inputs
from tests.core.scripted import CONVERSATION, PNG, ScriptedProvider
from tests.limner.photos import SECRETS, corners, opened, photo
from tests.ui.http.client import PICTURES, open_client, sent

pytestmark = pytest.mark.anyio
TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/png"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def stored(folder: Path) -> list[Path]:
    return list((folder / "pictures").iterdir())


async def test_a_picture_is_kept_and_the_reply_has_its_facts(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        answer = await sent(client, PNG, "Holiday in Rome.PNG")
        facts = answer.json()
        assert answer.status_code == 201
        assert re.fullmatch(r"[0-9a-f]{32}\.png", facts.pop("name"))
        assert facts == {
            "width": 16,
            "height": 16,
            "filename": "holiday-in-rome.png",
            "mediaType": "image/png",
        }
        shown = await client.get(f"/limner/pictures/{answer.json()['name']}/anything.exe?download")
        assert shown.content == PNG
        assert shown.headers["content-type"] == "image/png"
        assert shown.headers["content-disposition"] == "attachment; filename*=UTF-8''holiday-in-rome.png"
        assert "sandbox" in shown.headers["content-security-policy"]
        assert shown.headers["x-content-type-options"] == "nosniff"
        brought = await studio.store.uploads.of(CONVERSATION, [answer.json()["name"]])
        assert [picture.size for picture in brought] == [len(PNG)]


@pytest.mark.parametrize("format", TYPES)
async def test_the_type_is_found_in_the_bytes_whatever_the_name_says(tmp_path: Path, format: str) -> None:
    data = photo(format, **({"icc_profile": None, "exif": b""} if format == "GIF" else {}))
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        facts = (await sent(client, data, "page.html")).json()
    assert facts["mediaType"] == TYPES[format]
    assert facts["filename"].startswith("page.")
    assert facts["name"].rpartition(".")[2] == facts["filename"].rpartition(".")[2] != "html"


@pytest.mark.parametrize("format", ["PNG", "GIF", "WEBP"])
async def test_the_reply_says_that_of_a_moving_picture_only_a_frame_is_kept(
    tmp_path: Path, format: str
) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    moving, still = BytesIO(), BytesIO()
    frames[0].save(moving, format, save_all=True, append_images=frames[1:])
    frames[0].save(still, format)
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        assert (await sent(client, moving.getvalue(), "a")).json()["animated"] is True
        assert "animated" not in (await sent(client, still.getvalue(), "a")).json()


async def test_a_photograph_is_kept_upright_and_without_its_place(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        facts = (await sent(client, photo("JPEG", 6), "IMG_1234.JPG")).json()
        kept = (await client.get(f"/limner/pictures/{facts['name']}/a")).content
    assert not [secret for secret in SECRETS if secret in kept]
    assert corners(opened(kept)) == corners(opened(photo("JPEG", 6)).rotate(-90, expand=True))
    assert (facts["width"], facts["height"]) == opened(kept).size
    assert [path.read_bytes() for path in stored(tmp_path)] == [kept]


async def test_a_photograph_of_an_iphone_is_kept_as_a_jpeg(tmp_path: Path) -> None:
    heif: Any = pytest.importorskip("pillow_heif")
    file = BytesIO()
    heif.from_pillow(opened(photo("PNG"))).save(file)
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        facts = (await sent(client, file.getvalue(), "IMG_1.HEIC")).json()
    assert (facts["mediaType"], facts["filename"]) == ("image/jpeg", "img-1.jpg")
    assert not [secret for secret in SECRETS if secret in stored(tmp_path)[0].read_bytes()]


async def test_without_its_module_a_heic_picture_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "reads_heif", lambda: False)
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        answer = await sent(client, b"\0\0\0\x18ftypheic" + bytes(12))
    assert answer.status_code == 400
    assert "cannot read HEIC pictures" in answer.json()["error"]


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'
REFUSED = {
    "nothing": (b"", 400, "empty"),
    "text": (b"just words", 400, "not a PNG, JPEG, WebP, GIF or AVIF picture: save it as one of these."),
    "a page": (b"<html><script>alert(1)</script>", 400, "picture"),
    "a program": (b"\x7fELF" + bytes(99), 400, "not a PNG"),
    "cut off": (PNG[:-20], 400, "cut off"),
    "damaged": (PNG[:50] + b"\xff\xff" + PNG[52:], 400, "damaged"),
    "a drawing": (SVG, 400, "An SVG drawing cannot be sent to a model"),
    "a damaged HEIC": (b"\0\0\0\x18ftypheic" + bytes(99), 400, "HEIC data do not decode"),
    "too many pixels": (photo("PNG"), 400, "more than 1,000"),
    "too many bytes": (bytes(100_001), 413, "larger than 100,000 bytes"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_is_no_whole_picture_is_refused_and_nothing_is_kept(tmp_path: Path, what: str) -> None:
    data, status, words = REFUSED[what]
    if what == "a damaged HEIC":
        pytest.importorskip("pillow_heif")
    bounds: dict[str, Any] = {"max_pixels": 1_000, "max_bytes": 100_000}
    async with open_client(tmp_path, ScriptedProvider(), **bounds) as (client, _):
        answer = await sent(client, data)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]
    assert stored(tmp_path) == []


async def _endless() -> AsyncIterator[bytes]:
    for _ in range(1_000):
        yield bytes(1_000)
    raise AssertionError("it was read on and on")


async def test_a_body_of_unknown_length_is_taken_and_counted_as_it_comes(tmp_path: Path) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, len(PNG), 7):
            yield PNG[at : at + 7]

    async with open_client(tmp_path, ScriptedProvider(), max_bytes=100_000) as (client, _):
        assert (await sent(client, parts())).status_code == 201
        assert (await sent(client, _endless())).status_code == 413
    assert len(stored(tmp_path)) == 1


NAMES = [
    ("../../etc/passwd", "picture.png"),
    ("..\\..\\boot.ini", "boot.png"),
    ("/etc/shadow", "etc-shadow.png"),
    ('"><img src=x onerror=alert(1)>.png', "img-src-x-onerror-alert-1.png"),
    ("a\r\nSet-Cookie: x=1.png", "a-set-cookie-x-1.png"),
    ("a\0b\x1b[31m\u202egnp.exe", "a-b-31m-gnp.png"),
    ("", "picture.png"),
    ("...", "picture.png"),
    (".png", "png.png"),
    ("CON.png", "picture.png"),
    ("狐狸 im Schnee.png", "狐狸-im-schnee.png"),
    ("x" * 5_000 + ".png", "x" * 60 + ".png"),
    ("\U0001f98a" * 300, "picture.png"),
]


@pytest.mark.parametrize(("given", "kept"), NAMES)
async def test_a_file_name_is_only_words(tmp_path: Path, given: str, kept: str) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        facts = (await sent(client, PNG, given)).json()
        shown = await client.get(f"/limner/pictures/{facts['name']}/x")
    assert facts["filename"] == kept
    disposition = shown.headers["content-disposition"]
    assert unquote(disposition) == f"inline; filename*=UTF-8''{kept}"
    assert disposition.isascii()
    assert [path.name for path in stored(tmp_path)] == [facts["name"]]


async def test_another_site_brings_nothing(tmp_path: Path) -> None:
    evil = {"Origin": "https://evil.example"}
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, evil):
            answer = await client.post(PICTURES, content=PNG, headers=headers)
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers
        asking = {**evil, "Access-Control-Request-Method": "POST"}
        assert (await client.options(PICTURES, headers=asking)).status_code == 403
        own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
        assert (await client.post(PICTURES, content=PNG, headers=own)).status_code == 201


async def test_behind_a_proxy_only_a_files_bytes_pass_from_another_host(tmp_path: Path) -> None:
    """No other site's form can send that type, and its script would have to ask first."""
    through = {"Origin": "https://limner.example", "Host": "upstream:7860"}
    async with open_client(tmp_path, ScriptedProvider(), behind_proxy=True) as (client, _):
        for media_type, status in (
            ("text/plain", 403),
            ("image/png", 403),
            ("application/octet-stream", 201),
        ):
            headers = {**through, "Content-Type": media_type}
            assert (await client.post(PICTURES, content=PNG, headers=headers)).status_code == status


@pytest.mark.parametrize("thread", ["0", "g" * 32, "A" * 32, "0" * 31 + "%0a"])
async def test_only_what_a_page_makes_up_is_a_conversation(tmp_path: Path, thread: str) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        assert (await sent(client, PNG, to=f"/limner/threads/{thread}/pictures")).status_code == 404
    assert stored(tmp_path) == []


async def test_no_more_pictures_may_be_brought_than_made(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider(), rate_limit="2/hour") as (client, _):
        answers = [await sent(client, PNG) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert int(answers[-1].headers["retry-after"]) > 3_000


async def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    file = BytesIO()
    Image.new("1", (30_000, 30_000)).save(file, "PNG")
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        answer = await sent(client, file.getvalue())
    assert (answer.status_code, stored(tmp_path)) == (400, [])
    assert "30000 x 30000 pixels" in answer.json()["error"]
