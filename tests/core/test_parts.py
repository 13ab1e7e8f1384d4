"""What Limner emits survives assistant-ui's converter, and file names are safe everywhere."""

from __future__ import annotations

import base64
import json
import re
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from core.chat.request import UserRequest
from core.parts import file_stem, filename, image_part, picture_path, provenance
from core.settings.schema import Settings
from limner import ContentFiltered, ImageInputs, ImageRequest, ImageResult
from tests.core.scripted import CONVERSATION, PNG, Gate, ScriptedProvider, ask, at_once, settled, studio_of
from tests.core.threads import thread_messages

pytestmark = pytest.mark.anyio

_file = BytesIO()
Image.new("RGB", (8, 8), "navy").save(_file, "JPEG")
JPEG = _file.getvalue()
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'
_DATA = re.compile(r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/]+=*")


def converted(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Does what assistant-ui's converter does: keeps an image only in a form that it trusts."""
    assert set(message) <= {"id", "role", "createdAt", "content", "status", "metadata"}
    assert set(message["metadata"]) == {"custom"}
    kept = [
        part
        for part in message["content"]
        if part["type"] != "image" or _DATA.fullmatch(part["image"]) or part["image"].startswith("https://")
    ]
    assert kept == message["content"], "nothing that we emit is dropped"
    return kept


def words_of(message: dict[str, Any]) -> str:
    """Returns the one text part, which is all that assistant-ui draws of a message without a picture."""
    (part,) = converted(message)
    assert part["type"] == "text"
    return part["text"]


@pytest.mark.parametrize("image", [PNG, SVG.encode(), f"data:image/svg+xml,{SVG}"])
@pytest.mark.parametrize("public_url", [None, "https://pictures.example/app/"])
async def test_a_complete_message(tmp_path: Path, image: Any, public_url: str | None) -> None:
    async def play(_: ImageRequest) -> ImageResult:
        return ImageResult(image, revised_prompt="a red fox", usage={"seconds": 1.5})

    async with studio_of(tmp_path, ScriptedProvider(play), public_url=public_url) as studio:
        _, message, version = await ask(studio, "ein schöner Fuchs 🦊", size="512x512")
        asked, answer = await thread_messages(message, studio.store, studio.settings)
        assert version.picture is not None
        stored = await studio.store.read(version.picture.name)
    json.dumps([asked, answer], allow_nan=False)
    assert asked["content"] == [{"type": "text", "text": "ein schöner Fuchs 🦊"}]
    assert asked["metadata"]["custom"]["request"]["size"] == "512x512"
    (part,) = converted(answer)
    assert set(part) == {"type", "image", "filename"}
    assert part["filename"] == f"ein-schöner-fuchs.{'png' if image == PNG else 'svg'}"
    assert answer["status"] == {"type": "complete", "reason": "stop"}
    custom = answer["metadata"]["custom"]["provenance"]
    assert (custom["prompt"], custom["revised_prompt"], custom["model"]) == (
        "ein schöner Fuchs 🦊",
        "a red fox",
        "p-1",
    )
    if public_url:
        path = urlsplit(part["image"]).path
        assert part["image"].isascii()
        assert unquote(path) == f"/app/limner/pictures/{version.picture.name}/{part['filename']}"
    else:
        assert base64.b64decode(part["image"].partition(",")[2]) == stored


async def test_messages_without_a_picture_have_no_empty_image(tmp_path: Path) -> None:
    async def refuse(_: ImageRequest) -> ImageResult:
        raise ContentFiltered("not this")

    scripted = ScriptedProvider(refuse)
    async with studio_of(tmp_path, scripted) as studio:
        conversation, message, _ = await ask(studio)
        *_, answer = await thread_messages(message, studio.store, studio.settings)
        assert words_of(answer).startswith("Image could not be generated. Scripted refused it:")
        assert answer["status"] == {"type": "incomplete", "reason": "content-filter"}
        assert answer["metadata"]["custom"]["failure"]["service_message"] == "not this"

        scripted.play = gate = Gate()
        await studio.regenerate(conversation, message)
        *_, answer = await thread_messages(message, studio.store, studio.settings)
        assert (answer["content"], answer["status"]) == ([], {"type": "running"})
        studio.stop(message)
        await settled(conversation, message)
        *_, answer = await thread_messages(message, studio.store, studio.settings)
        assert words_of(answer) == "The picture was stopped."
        assert answer["status"] == {"type": "incomplete", "reason": "cancelled"}
        del gate

        scripted.play = at_once
        await studio.regenerate(conversation, message)
        version = await settled(conversation, message)
        assert version.picture is not None
        (tmp_path / "pictures" / version.picture.name).unlink()
        *others, answer = await thread_messages(message, studio.store, studio.settings)
        assert answer["content"] == []
        await studio.delete(conversation, message, version.number)
        assert await thread_messages(message, studio.store, studio.settings) == others
        assert await image_part(version, studio.store, Settings(public_url="https://x.example")) is None


async def test_a_failure_is_said_in_the_status(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider(), provider="sketch") as studio:
        _, message, version = await ask(studio, options={"outcome": "quota"})
        *_, answer = await thread_messages(message, studio.store, studio.settings)
    assert answer["status"] == {
        "type": "incomplete",
        "reason": "error",
        "error": "There is no credit left at Sketch.",
    }
    assert version.failure
    assert words_of(answer) == version.failure.sentence
    assert provenance(version)["failure"]["cause"] == "quota"


@pytest.mark.parametrize(
    ("prompt", "stem"),
    [
        ("A Lighthouse at Dusk", "a-lighthouse-at-dusk"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\Windows\\System32", "c-windows-system32"),
        ("con", "picture"),
        ("COM¹", "picture"),
        ("LPT9", "picture"),
        ("console", "console"),
        ("trailing dots...", "trailing-dots"),
        (".hidden", "hidden"),
        ("🦊❤️🔥", "picture"),
        ("love ❤️ you", "love-you"),
        ("  ", "picture"),
        ("\u202egnp.exe", "gnp-exe"),
        ("שועל אדום", "שועל-אדום"),
        ("हिन्दी में", "हिन्दी-में"),
        ("赤い狐", "赤い狐"),
        ("a\x00b\nc", "a-b-c"),
        ('a"b<c>d|e?f*g', "a-b-c-d-e-f-g"),
        ("x" * 500, "x" * 60),
        ("word " * 100, "-".join(["word"] * 12)),
        ("狐" * 500, "狐" * 60),
    ],
)
def test_file_names(prompt: str, stem: str) -> None:
    assert file_stem(prompt) == stem


@pytest.mark.parametrize(
    "prompt",
    ["𐍈" * 300, "𝒻" * 300, "é" * 300, "\ufdfa" * 400, "🦊" * 8_000, "e\u0301\u0301" * 4_000, "İ" * 99],
)
def test_every_file_name_fits(prompt: str) -> None:
    stem = file_stem(prompt)
    assert 0 < len(stem) <= 60
    assert len(stem.encode()) <= 180


@pytest.mark.parametrize("public_url", [None, "https://pictures.example/app/"])
async def test_what_a_person_sent_and_what_a_model_said_are_parts_too(
    tmp_path: Path, public_url: str | None
) -> None:
    async def play(_: ImageRequest) -> ImageResult:
        return ImageResult(PNG, text="Here <it> is.")

    scripted = ScriptedProvider(play, model={"images": ImageInputs(most=2)})
    async with studio_of(tmp_path, scripted, public_url=public_url) as studio:
        conversation = await studio.conversation(CONVERSATION)
        sent = [
            await studio.add_picture(conversation, data, name) for data, name in ((PNG, "a"), (JPEG, "b"))
        ]
        request, names = UserRequest(prompt="a fox"), [picture.name for picture in sent]
        message = await studio.start(conversation, request, images=names)
        await settled(conversation, message)
        asked, answer = await thread_messages(message, studio.store, studio.settings)
        prompt, first, second = converted(asked)
        assert prompt == {"type": "text", "text": "a fox"}
        assert [part["filename"] for part in (first, second)] == ["a.png", "b.jpg"]
        assert {frozenset(part) for part in (first, second)} == {frozenset({"type", "image", "filename"})}
        assert converted(answer)[0] == {"type": "text", "text": "Here <it> is."}
        assert answer["metadata"]["custom"]["provenance"]["text"] == "Here <it> is."
        if public_url:
            assert first["image"] == f"{public_url}limner/pictures/{names[0]}/a.png"
        else:
            assert first["image"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
            found = studio.store.pictures.find(names[1])
            assert isinstance(found, Path)
            found.unlink()
            assert len(converted((await thread_messages(message, studio.store, studio.settings))[0])) == 2


async def test_the_extension_is_that_of_the_bytes_and_the_path_is_ascii(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        _, _, version = await ask(studio, "赤い狐.jpg #1?")
    assert filename(version) == "赤い狐-jpg-1.png"
    assert version.picture
    path = picture_path(version.picture, filename(version))
    assert re.fullmatch(r"limner/pictures/[0-9a-f]{32}\.png/[\w%.-]+", path, re.ASCII)
