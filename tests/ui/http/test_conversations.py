"""The routes of conversations, and the cookie that says whose they are."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.chat.picture import Picture
from core.studio import Studio
from limner import ImageRequest, ImageResult
from limner.identify import ImageInfo
from tests.core.scripted import CONVERSATION, ScriptedProvider
from tests.ui.http.client import FOX, MESSAGES, Client, open_client, who

pytestmark = pytest.mark.anyio

THREAD = f"/limner/threads/{CONVERSATION}"
FOREIGN = {"Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def noise(_: ImageRequest) -> ImageResult:
    file = BytesIO()
    Image.effect_noise((1280, 960), 90).save(file, "PNG")
    return ImageResult(file.getvalue())


async def listed(client: Client, **asked: str) -> list[dict[str, Any]]:
    reply = await client.get("/limner/conversations", params=asked)
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    return reply.json()["conversations"]


async def made(client: Client, studio: Studio) -> Picture:
    """Sends a prompt and returns the picture that comes of it."""
    begun = await client.post(MESSAGES, json=FOX)
    conversation = await studio.conversation(CONVERSATION, who(client))
    message = conversation.get(begun.json()["message"])
    assert message
    picture = (await conversation.settled(message)).picture
    assert picture
    return picture


async def test_a_visitor_lists_renames_deletes_and_restores_their_own(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider(noise)) as (client, studio):
        assert await listed(client) == []
        picture = await made(client, studio)

        (shown,) = await listed(client)
        thumbnail = f"limner/thumbnails/{picture.name}"
        assert {**shown, "updated": 1} == {
            **{"id": CONVERSATION, "title": "a fox", "updated": 1, "thumbnail": thumbnail}
        }
        assert (await client.get(THREAD)).json() == shown
        assert (await client.patch(THREAD, json={"title": "50% fox"})).json()["title"] == "50% fox"
        assert [len(await listed(client, search=search)) for search in ("0% FOX", "x%")] == [1, 0]
        assert await listed(client, before=str(shown["updated"])) == []
        assert (await client.patch(THREAD, json={"title": 7})).status_code == 400

        assert (await client.post(f"{THREAD}/delete")).status_code == 200
        for path in (THREAD, f"{THREAD}/events"):
            gone = await client.get(path)
            assert gone.status_code == 404
            assert gone.json()["error"] == "This conversation does not exist any more: start a new one."
        assert (await client.post(MESSAGES, json=FOX)).status_code == 404
        assert await listed(client) == []
        assert (await client.post(f"{THREAD}/restore")).json()["title"] == "50% fox"
        assert len(await listed(client)) == 1


async def test_every_route_of_a_conversation_is_closed_to_others(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        await client.get("/limner/conversations")
        message = (await client.post(MESSAGES, json=FOX)).json()["message"]
        for cookies in ({}, {"limner_visitor": "f" * 32}, {"limner_visitor": "no key"}):
            client.cookies.clear()
            client.cookies.update(cookies)
            for method, path, body in (
                ("GET", "", None),
                ("GET", "/events", None),
                ("PATCH", "", {"title": "mine"}),
                ("POST", "/delete", None),
                ("POST", "/restore", None),
                ("POST", "/messages", FOX),
                ("POST", "/pictures", None),
                *(
                    ("POST", f"/messages/{message}/{action}", None)
                    for action in ("regenerate", "stop", "choose")
                ),
            ):
                reply = await client.request(method, f"{THREAD}{path}", json=body)
                assert (path, reply.status_code) == (path, 404)
            assert await listed(client) == []
        for unknown in ("1" * 32, "x", "F" * 32):
            assert (await client.get(f"/limner/threads/{unknown}")).status_code == 404
        assert (await client.head("/limner/threads/" + "1" * 32 + "/events")).status_code == 200


async def test_the_cookie_stays_the_same_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        cookie = (await client.get("/limner/conversations")).headers["set-cookie"]
        assert re.fullmatch(
            "limner_visitor=[0-9a-f]{32}; HttpOnly; Path=/; Max-Age=34560000; SameSite=Lax", cookie
        )
        assert "set-cookie" not in (await client.get("/limner/conversations")).headers
        assert (await client.get("/")).headers["set-cookie"] == cookie, "it lasts as long as somebody comes"
        forged = await client.get("/", headers={"Cookie": "limner_visitor=me"})
        assert "set-cookie" in forged.headers, "that is nothing that nobody can guess"
        begun = await client.post(MESSAGES, json=FOX)
        conversation = await studio.conversation(CONVERSATION, who(client))
        message = conversation.get(begun.json()["message"])
        assert message
        await conversation.settled(message)
        secret = client.cookies["limner_visitor"]
    kept = (tmp_path / "limner.sqlite3").read_bytes()
    assert CONVERSATION.encode() in kept
    assert secret.encode() not in kept


async def test_nothing_that_a_cache_keeps_and_no_other_site_gets_a_cookie(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        for path, headers in (
            ("/limner/thumbnails/x", {}),
            ("/limner/pictures/x/y", {}),
            ("/limner/files/1/script/page.js", {}),
            ("/limner/conversations", FOREIGN),
            ("/", FOREIGN),
        ):
            assert "set-cookie" not in (await client.get(path, headers=headers)).headers
        assert "set-cookie" in (await client.get("/")).headers
        mine = {"limner_visitor": client.cookies["limner_visitor"]}
        foreign = await client.get("/limner/conversations", headers=FOREIGN)
        assert "set-cookie" not in foreign.headers, "it would take the place of the visitor's own"
        assert dict(client.cookies) == mine


@pytest.mark.parametrize(
    ("space", "behind_proxy", "scheme", "ends"),
    [
        (False, False, "https", "; SameSite=Lax"),
        (False, True, "http", "; SameSite=Lax"),
        (False, True, "http, https", "; SameSite=Lax; Secure"),
        (True, True, "https", "; SameSite=None; Secure; Partitioned"),
    ],
)
async def test_the_cookie_is_as_strict_as_the_address_allows(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    space: bool,
    behind_proxy: bool,
    scheme: str,
    ends: str,
) -> None:
    if space:
        monkeypatch.setenv("SPACE_ID", "me/limner")
    async with open_client(tmp_path, ScriptedProvider(), behind_proxy=behind_proxy) as (client, _):
        reply = await client.get("/", headers={"X-Forwarded-Proto": scheme})
        assert reply.headers["set-cookie"].partition("; Max-Age=34560000")[2] == ends


async def test_the_route_of_thumbnails(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider(noise)) as (client, studio):
        picture = await made(client, studio)
        drawing = await studio.store.put(b"<svg/>", ImageInfo("image/svg+xml", 9, 9))
        for _ in range(2):
            reply = await client.get(f"/limner/thumbnails/{picture.name}")
            assert reply.headers["content-type"] == "image/webp"
            assert Image.open(BytesIO(reply.content)).size == (640, 480)
            assert "immutable" in reply.headers["cache-control"]
        reply = await client.get(f"/limner/thumbnails/{drawing.name}")
        assert (reply.headers["content-type"], reply.content) == ("image/svg+xml", b"<svg/>")
        assert "sandbox" in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
        missing = await client.get(f"/limner/thumbnails/{'0' * 32}.png")
        assert (missing.status_code, missing.json()) == (
            404,
            missing.json() | {"error": "There is no such picture."},
        )


async def test_a_picture_for_another_program_is_in_nobodys_list(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        await client.get("/")
        assert (await client.post("/api/image", json=FOX)).status_code == 200
        assert await listed(client) == []
