"""The pictures of a message: sent with it by name, and shown while they are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from limner import ImageRequest, ImageResult
from tests.core.scripted import CONVERSATION, PNG, ScriptedProvider
from tests.ui.http.client import MESSAGES, PICTURES, Client, open_client, sent, who
from tests.ui.http.test_api_pictures import editing, png, stored

pytestmark = pytest.mark.anyio
OTHER = "1" * 32


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def post(client: Client, **body: Any) -> Any:
    return await client.post(MESSAGES, json={"prompt": "in autumn", **body})


async def test_pictures_go_with_a_message_by_name(tmp_path: Path) -> None:
    scripted = editing()
    given, mask = [png(8, 6), png(6, 8)], png(8, 6, "white")
    async with open_client(tmp_path, scripted) as (client, studio):
        names = [(await sent(client, data)).json()["name"] for data in (*given, mask)]
        answer = await post(client, images=names[:2], mask=names[2])
        assert answer.status_code == 201, answer.text
        conversation = await studio.conversation(CONVERSATION, who(client))
        (message,) = conversation
        version = await conversation.settled(message)
        assert version.picture
        again = await post(client, images=[version.picture.name, names[0]])
        assert again.status_code == 201
        for one in conversation:
            await conversation.settled(one)
    assert [[image.data for image in one.images] for one in scripted.requests] == [given, [PNG, given[0]]]
    assert scripted.requests[0].mask
    assert scripted.requests[1].mask is None


async def test_a_name_of_another_conversation_is_none_of_this_one(tmp_path: Path) -> None:
    scripted = editing()
    async with open_client(tmp_path, scripted) as (client, studio):
        other = PICTURES.replace(CONVERSATION, OTHER)
        name = (await sent(client, PNG, to=other)).json()["name"]
        mine = (await sent(client, PNG)).json()["name"]
        for body, which in (
            ({"images": [name]}, "Image 1"),
            ({"images": [mine, name]}, "Image 2"),
            ({"images": [mine], "mask": name}, "The mask"),
        ):
            answer = await post(client, **body)
            assert answer.status_code == 400
            assert answer.json()["error"].startswith(f"{which} is not in this conversation")
        theirs = await client.post(
            MESSAGES.replace(CONVERSATION, OTHER), json={"prompt": "a", "images": [name]}
        )
        assert theirs.status_code == 201
        assert list(await studio.conversation(CONVERSATION, who(client))) == []


BAD_NAMES: list[tuple[Any, str]] = [
    (["../../limner.sqlite3"], "Image 1 is not in this conversation"),
    (["f" * 32 + ".png"], "Image 1 is not in this conversation"),
    ([""], "Image 1 is not in this conversation"),
    (["x" * 100_000], "must be a list of names"),
    ([5], "must be a list of names"),
    ([None], "must be a list of names"),
    ([{"name": "a.png"}], "must be a list of names"),
    ("a.png", "must be a list of names"),
    ({"0": "a.png"}, "must be a list of names"),
    (["a.png"] * 17, "No model takes more than 16 pictures"),
]


@pytest.mark.parametrize(("images", "words"), BAD_NAMES)
async def test_what_is_no_name_is_refused_in_a_sentence(tmp_path: Path, images: Any, words: str) -> None:
    scripted = editing()
    async with open_client(tmp_path, scripted) as (client, _):
        answer = await post(client, images=images)
        assert (answer.status_code, scripted.requests) == (400, [])
        assert words in answer.json()["error"]
        masked = await post(client, images=[], mask=["a.png"])
        assert "the mask a name" in masked.json()["error"]


async def test_a_preview_is_shown_while_its_picture_is_made_and_no_longer(tmp_path: Path) -> None:
    previewed: list[str] = []

    async def play(request: ImageRequest) -> ImageResult:
        request.preview(PNG)
        conversation = await studio.conversation(CONVERSATION)
        (message,) = conversation
        while (preview := message.live[1].preview) is None:
            await conversation.changes(message.last_rev)
        path = f"/limner/previews/{preview.name}"
        shown = await client.get(path)
        assert (shown.status_code, shown.content) == (200, PNG)
        assert shown.headers["content-type"] == "image/png"
        assert "sandbox" in shown.headers["content-security-policy"]
        assert shown.headers["x-content-type-options"] == "nosniff"
        assert (await client.get(f"/limner/previews/{'0' * 32}")).status_code == 404
        previewed.append(path)
        return ImageResult(PNG)

    async with open_client(tmp_path, ScriptedProvider(play)) as (client, studio):
        await post(client)
        conversation = await studio.conversation(CONVERSATION)
        (message,) = conversation
        version = await conversation.settled(message)
        assert version.picture, version.failure
        for path in (*previewed, "/limner/previews/x", "/limner/previews/..%2f..%2flimner.sqlite3"):
            assert (await client.get(path)).status_code == 404
    assert len(previewed) == 1
    assert len(stored(tmp_path)) == 1
