"""A conversation leaves as a zip and comes back as it was; a zip that is not what it says leaves nothing."""

from __future__ import annotations

import base64
import json
import re
import stat
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import httpx
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.chat.message import Message
from core.chat.picture import Picture, with_pictures
from core.chat.request import UserRequest
from core.storage.database import StoreError
from core.storage.pictures import PictureFolder
from core.studio import Studio
from limner import ContentFiltered, ImageInputs, ImageRequest, ImageResult, ImageWarning, ProviderError
from tests.core.metadata.signing import sign
from tests.core.scripted import CONVERSATION, PNG, Gate, ScriptedProvider, ask, at_once, settled
from tests.limner.photos import photo
from tests.ui.http.client import Client, open_client, who

pytestmark = pytest.mark.anyio

EXPORT = f"/limner/threads/{CONVERSATION}/export"
HOSTILE = 'A <b>fox</b> "quoted" \\ ../../x {{ 7*7 }} data:image/png;base64,AAAA </script><script>alert(1)//'
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _signed() -> bytes:
    """A picture with something in it that encoding it again would lose."""
    file, text = BytesIO(), PngInfo()
    text.add_text("parameters", "as the service wrote them")
    Image.new("RGB", (24, 16), "teal").save(file, "PNG", pnginfo=text)
    return file.getvalue()


MADE = _signed()


async def every_status(studio: Studio, scripted: ScriptedProvider) -> tuple[Message, Gate]:
    """Fills the conversation with all that there can be; the last version runs until the gate opens."""
    conversation = await studio.conversation(CONVERSATION)

    async def made(_: ImageRequest) -> ImageResult:
        warnings = (ImageWarning("size", "24 × 16 instead of 4000 × 100."),)
        return ImageResult(
            MADE, text="Here <it> is.", revised_prompt="a red fox", usage={"n": 1}, warnings=warnings
        )

    async def refused(_: ImageRequest) -> ImageResult:
        raise ContentFiltered("not <this>")

    async def failed(_: ImageRequest) -> ImageResult:
        raise ProviderError("quota")

    async def drawn(_: ImageRequest) -> ImageResult:
        return ImageResult(SVG)

    scripted.play = made
    sent = [await studio.add_picture(conversation, photo("JPEG", 6), "Holiday <1>.JPG")]
    sent.append(await studio.add_picture(conversation, PNG, "b.png"))
    mask = await studio.add_picture(conversation, sized(*(sent[0].width, sent[0].height)), "mask.png")
    names = [picture.name for picture in sent]
    request = UserRequest(prompt=HOSTILE, seed=7, options={}, negative_prompt="no dogs")
    message = await studio.start(conversation, request, images=names, mask=mask.name)
    await settled(conversation, message)
    for play in (refused, failed, drawn):
        scripted.play = play
        await studio.regenerate(conversation, message)
        await settled(conversation, message)
    scripted.play = Gate()
    await studio.regenerate(conversation, message)
    studio.stop(message)
    await settled(conversation, message)
    await studio.choose(conversation, message, 1)
    made_before = message.versions[0].picture
    assert made_before
    scripted.play = at_once
    painted = UserRequest(prompt="as an oil painting")
    again = await studio.start(conversation, painted, images=[made_before.name])
    lost = (await settled(conversation, again)).picture
    assert lost
    (studio.store.folder / "pictures" / lost.name).unlink()
    scripted.play = gate = Gate()
    await studio.start(conversation, UserRequest(prompt="赤い狐"))
    return message, gate


def sized(*size: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", (size[0], size[1]), "white").save(file, "PNG")
    return file.getvalue()


def editing() -> ScriptedProvider:
    return ScriptedProvider(model={"images": ImageInputs(most=4, mask=True)})


async def put(client: Client, data: Any) -> httpx.Response:
    return await client.post(
        "/limner/import", content=data, headers={"Content-Type": "application/octet-stream"}
    )


async def pictures_and_facts(studio: Studio, conversation_id: str) -> list[Any]:
    """Returns all that a conversation is, with each picture's bytes in place of its name."""
    facts: list[Any] = []

    def by_its_bytes(picture: Picture) -> Picture:
        found = studio.store.pictures.find(picture.name)
        name = found.read_bytes().hex() if isinstance(found, Path) else "lost"
        return picture.model_copy(update={"name": name})

    for message in await studio.store.load(conversation_id):
        parts = [with_pictures(part, by_its_bytes) for part in (message.request, *message.versions)]
        facts.append((message.created, message.chosen, parts))
    return facts


async def test_a_conversation_comes_back_as_it_was(tmp_path: Path) -> None:
    scripted = editing()
    async with open_client(tmp_path / "one", scripted) as (client, studio):
        message, gate = await every_status(studio, scripted)
        answer = await client.get(EXPORT)
        gate.open.set()
        conversation = await studio.conversation(CONVERSATION)
        for running in conversation:
            await settled(conversation, running)
        before = await pictures_and_facts(studio, CONVERSATION)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert "a-b-fox-b-quoted" in answer.headers["content-disposition"]
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        pictures = {name: archive.read(name) for name in names[:-2]}
        page, thread = archive.read("thread.html").decode(), json.loads(archive.read("thread.json"))
        assert {archive.getinfo(name).compress_type for name in pictures} == {ZIP_STORED}
    assert names[-2:] == ["thread.html", "thread.json"]
    assert [re.sub(r"a-b-fox[\w-]+", "a-b-fox", name) for name in pictures] == [
        "pictures/001-holiday-1.jpg",
        "pictures/002-b.png",
        "pictures/003-mask.png",
        "pictures/004-a-b-fox.png",
        "pictures/005-a-b-fox.svg",
    ]
    assert list(pictures.values())[3:] == [MADE, SVG]
    assert [item.get("status", {"type": "prompt"}) for item in thread] == [
        {"type": "prompt"},
        {"type": "complete", "reason": "stop"},
        {"type": "incomplete", "reason": "content-filter"},
        {"type": "incomplete", "reason": "error", "error": "There is no credit left at Scripted."},
        {"type": "complete", "reason": "stop"},
        {"type": "incomplete", "reason": "cancelled"},
        {"type": "prompt"},
        {"type": "complete", "reason": "stop"},
        {"type": "prompt"},
        {"type": "running"},
    ]
    images = [part["image"] for item in thread for part in item["content"] if part["type"] == "image"]
    assert [base64.b64decode(image.partition(",")[2]) for image in images] == [
        *list(pictures.values())[:2],
        MADE,
        SVG,
        MADE,
    ]
    assert len({item["id"] for item in thread}) == len(thread)
    stored_names = left(tmp_path / "one")
    assert not [name for name in stored_names if name in json.dumps(thread) + page]
    assert "<script" not in page
    assert "<b>fox" not in page
    assert "pictures/005-a-b-fox" in page

    async with open_client(tmp_path / "two", editing()) as (client, studio):
        answer = await put(client, answer.content)
        assert answer.status_code == 201, answer.text
        new = answer.json()["conversation"]
        after = await pictures_and_facts(studio, new)
        assert re.fullmatch(r"[0-9a-f]{32}", new)
        assert new != CONVERSATION
        assert after[:2] == before[:2]
        (interrupted,) = after[2][2][1:]
        assert interrupted.failure.cause == "interrupted"
        origin = interrupted.provenance.model_dump(mode="json", exclude_defaults=True)
        assert origin == thread[-1]["metadata"]["custom"]["provenance"]
        conversation = await studio.conversation(new)
        assert message.id not in {kept.id for kept in conversation}
        assert len(conversation.since(0)) == 3
        first, second, _ = conversation
        assert first.versions[0].picture
        assert second.request.images[0].name == first.versions[0].picture.name
        await studio.regenerate(conversation, first)
        assert (await settled(conversation, first)).number == 6


async def test_turns_come_back_as_their_importers_own_and_what_is_deleted_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once with a version that is chosen, and once when that is deleted, so that the turn before is shown."""

    def shown(message: Message) -> list[tuple[str, int | None]]:
        requested = map(message.requested, message.shown)
        return [(request.prompt, request.seed) for request in requested]

    def seeds(prompt: str, *fixed: int) -> list[UserRequest]:
        return [UserRequest(prompt=prompt, seed=seed) for seed in fixed]

    async with open_client(tmp_path, editing()) as (client, studio):
        await client.get("/limner/conversations")
        conversation = await studio.conversation(CONVERSATION, who(client))
        gone = await studio.start(conversation, UserRequest(prompt="a wolf"))
        await settled(conversation, gone)
        await studio.delete(conversation, gone)
        picture = await studio.add_picture(conversation, PNG, "b.png")
        message = await studio.start(conversation, *seeds("a fox", 5, 6, 7), images=[picture.name])
        for prompt, seed in (("a red fox", 1), ("a grey fox", 8)):
            await settled(conversation, message)
            await studio.add_versions(conversation, message, *seeds(prompt, seed, seed + 1))
        await settled(conversation, message)
        await studio.choose(conversation, message, 5)
        monkeypatch.setattr(studio.store.conversations, "adopt", raising(StoreError("full")))
        for deleted, expected, chosen, turns in (
            ((1,), [("a red fox", 1), ("a red fox", 2)], 4, [1, 1, 3, 3, 5, 5]),
            ((4, 5), [("a fox", 6), ("a fox", 7)], 1, [1, 1, 3, 3]),
        ):
            for number in deleted:
                await studio.delete(conversation, message, number)
            assert shown(message) == expected
            answer = await client.get(EXPORT)
            assert answer.headers["content-disposition"].endswith("''a-fox.zip")
            exported = answer.content
            with ZipFile(BytesIO(exported)) as archive:
                thread, page = archive.read("thread.json").decode(), archive.read("thread.html").decode()
                assert "a wolf" not in thread + page
                assert page.count('class="turn"') == len({*turns})
                assert page.count(">a grey fox</p>") == 2
                assert len(archive.namelist()) == 1 + len(turns) + 2
            new = (await put(client, exported)).json()["conversation"]
            entry = await studio.entry(new, who(client))
            assert (entry.title, entry.owner) == ("a fox", who(client).key)
            (restored,) = await studio.store.load(new)
            assert (shown(restored), restored.chosen) == (expected, chosen)
            assert [version.turn for version in restored.versions] == turns
            assert restored.last_number == len(turns)
            assert {len(restored.requested(version).images) for version in restored.versions} == {1}
            listed = (await client.get("/limner/conversations")).json()["conversations"]
            assert listed[0]["id"] == new
        client.cookies.clear()
        closed = await client.get(EXPORT.replace(CONVERSATION, new))
        assert closed.status_code == 404
        client.cookies.clear()
        monkeypatch.undo()
        theirs = (await put(client, exported)).json()["conversation"]
        await client.get(EXPORT.replace(CONVERSATION, theirs))
        assert (await studio.entry(theirs, who(client))).owner == who(client).key


async def test_a_zip_cannot_say_what_is_signed_nor_give_a_version_pictures_of_its_own(
    tmp_path: Path,
) -> None:
    signed = sign(PNG, "image/png")
    other = {**ours()[1]["metadata"]["custom"]["picture"], "name": "pictures/2.png", "filename": "2.png"}
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        for data, said in ((PNG, True), (signed, False)):
            made: dict[str, Any] = {"made__provenance__signed": said}
            made["made__request"] = {"prompt": "a fox", "images": [other], "mask": other}
            files = {"pictures/1.png": data, "pictures/2.png": PNG}
            answer = await put(client, packed(ours(**made), files))
            (message,) = await studio.store.load(answer.json()["conversation"])
            assert message.versions[0].provenance.signed is not said
            assert message.requested(message.versions[0]) == message.request
        assert len(left(tmp_path)) == 2


def left(folder: Path) -> set[str]:
    """Returns the names of the files in a data folder, but for those of the database."""
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    return {name for name in names if not re.match(r"limner\.sqlite3|pictures\.database", name)}


def packed(
    thread: Any, files: dict[str, bytes] | None = None, change: Callable[[ZipFile], None] | None = None
) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        for name, data in (files or {}).items():
            archive.writestr(name, data)
        archive.writestr("thread.json", thread if isinstance(thread, str) else json.dumps(thread))
        if change:
            change(archive)
    return file.getvalue()


def ours(*, picture: str = "pictures/1.png", **changes: Any) -> list[Any]:
    """A thread of one message with one version, changed at dotted places."""
    facts = {"name": picture, "media_type": "image/png", "width": 16, "height": 16, "size": len(PNG)}
    origin = {"prompt": "a fox", "provider": "p", "provider_label": "P", "model": "m", "model_label": "M"}
    asked = {"limner": 1, "created": 1e9, "chosen": 1, "request": {"prompt": "a fox"}}
    made = {
        **{"limner": 1, "number": 1, "status": "complete", "started": 1e9, "duration": 2.5},
        **{"provenance": origin, "picture": facts},
    }
    thread: list[Any] = [
        {"role": "user", "content": "a fox", "metadata": {"custom": asked}},
        {"role": "assistant", "content": [], "metadata": {"custom": made}},
    ]
    for place, value in changes.items():
        at: Any = asked if place.startswith("asked") else made
        *path, last = place.split("__")[1:]
        for name in path:
            at = at[name]
        at[last] = value
    return thread


FOX = {"pictures/1.png": PNG}


def symlink(archive: ZipFile) -> None:
    entry = ZipInfo("pictures/1.png")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(entry, "/etc/passwd")


def twice(archive: ZipFile) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("pictures/1.png", PNG)


def bomb(archive: ZipFile) -> None:
    archive.writestr("pictures/1.png", bytes(60_000_000), ZIP_DEFLATED)


def other_compression(archive: ZipFile) -> None:
    archive.writestr("pictures/1.png", PNG, ZIP_BZIP2)


def many(archive: ZipFile) -> None:
    for number in range(20_001):
        archive.writestr(f"pictures/{number}", b"")


def long_list(archive: ZipFile) -> None:
    for number in range(14_000):
        archive.writestr(f"{number:0300}", b"")


def json_bomb() -> bytes:
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive, archive.open("thread.json", "w") as entry:
        for _ in range(510):
            entry.write(b" " * 1_000_000)
    return file.getvalue()


def pixel_bomb() -> bytes:
    file = BytesIO()
    Image.new("1", (30_000, 30_000)).save(file, "PNG")
    return file.getvalue()


def encrypted() -> bytes:
    data = bytearray(packed(ours(), FOX))
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + at] |= 1
    return bytes(data)


_WRONG: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "damaged"),
    "no zip": (lambda: PNG, "damaged"),
    "cut off": (lambda: packed(ours(), FOX)[:-30], "damaged"),
    "a flipped bit": (lambda: packed(ours(), FOX).replace(PNG[-30:-20], bytes(10)), "damaged"),
    "encrypted": (encrypted, "damaged"),
    "no thread": (lambda: packed(ours(), FOX).replace(b"thread.json", b"thread.jsom"), "no thread.json"),
    "no JSON": (lambda: packed("{", FOX), "damaged"),
    "no list": (lambda: packed({"a": 1}), "no list of messages"),
    "an empty list": (lambda: packed([]), "no list of messages"),
    "no messages": (lambda: packed([7]), "Message 1 in thread.json cannot be read"),
    "nested": (lambda: packed("[" * 100_000 + "]" * 100_000), "damaged"),
    "too many lists": (lambda: packed("[" + "[]," * 500_001 + "0]"), "holds too much"),
    "too many strings": (lambda: packed("[" + '"",' * 1_000_001 + "0]"), "holds too much"),
    "a long text": (lambda: packed('["' + "a" * 20_000_001 + '"]'), "holds too much"),
    "a JSON bomb": (json_bomb, "'thread.json' in this zip is larger than 500,000,000 bytes"),
    "a newer form": (lambda: packed(ours(made__limner=2), FOX), "update this server"),
    "half a character": (lambda: packed('[{"role": "user", "content": "\\ud800"}]'), "damaged"),
    "not a number": (lambda: packed('[{"role": "user", "content": NaN}]'), "damaged"),
    "a picture that is not there": (lambda: packed(ours()), "'pictures/1.png' is missing"),
    "a picture elsewhere": (lambda: packed(ours(picture="../1.png"), {"../1.png": PNG}), "Message 2"),
    "an absolute path": (lambda: packed(ours(picture="/etc/passwd"), {"/etc/passwd": PNG}), "Message 2"),
    "a path upwards": (
        lambda: packed(ours(picture="pictures/../1.png"), {"pictures/../1.png": PNG}),
        "Message 2",
    ),
    "a symbolic link": (lambda: packed(ours(), change=symlink), "1.png: This is not a PNG"),
    "two of one name": (lambda: packed(ours(), FOX, twice), "two of one name"),
    "too many files": (lambda: packed(ours(), FOX, many), "too many files"),
    "a list without end": (lambda: packed(ours(), FOX, long_list), "damaged"),
    "a bomb": (lambda: packed(ours(), change=bomb), "larger than 50,000,000 bytes"),
    "a bomb of pixels": (lambda: packed(ours(), {"pictures/1.png": pixel_bomb()}), "30000 x 30000 pixels"),
    "another compression": (lambda: packed(ours(), change=other_compression), "damaged"),
    "a page": (lambda: packed(ours(), {"pictures/1.png": b"<html><script>"}), "1.png: "),
    "half a picture": (lambda: packed(ours(), {"pictures/1.png": PNG[:-20]}), "cut off"),
    "complete without a picture": (lambda: packed(ours(made__picture=None), FOX), "Message 2"),
    "a failure without a word": (
        lambda: packed(ours(made__picture=None, made__status="incomplete", made__reason="error")),
        "Message 2",
    ),
    "a lost picture without a size": (
        lambda: packed(ours(made__picture__name="", made__picture__width=0)),
        "Message 2",
    ),
    "a time to come": (lambda: packed(ours(asked__created=1e300), FOX), "Message 1"),
    "a time before all": (lambda: packed(ours(made__started=-1e300), FOX), "Message 2"),
    "a size that is none": (lambda: packed(ours(made__provenance__size="1x1; x"), FOX), "Message 2"),
    "a warning of nothing": (
        lambda: packed(ours(made__provenance__warnings=[{"feature": "", "details": "x"}]), FOX),
        "Message 2",
    ),
    "options without end": (
        lambda: packed(ours(asked__request__options={"a": "x" * 30_000}), FOX),
        "Message 1",
    ),
    "a usage without end": (
        lambda: packed(ours(made__provenance__usage={"a": [0] * 250_000}), FOX),
        "Message 2",
    ),
    "a prompt without end": (lambda: packed(ours(asked__request__prompt="x" * 500_000), FOX), "Message 1"),
    "a choice of nothing": (lambda: packed(ours(asked__chosen="1"), FOX), "Message 1"),
    "a version that was deleted": (lambda: packed(ours(made__deleted=1e9), FOX), "Message 2"),
    "an unknown field": (lambda: packed(ours(asked__request__owner="me"), FOX), "Message 1"),
    "too many versions": (lambda: packed([ours()[0], *[ours()[1]] * 201], FOX), "Message 202"),
    "too many messages": (lambda: packed([ours()[0]] * 2_001), "more than 2,000 messages"),
    "a second picture that is wrong": (
        lambda: packed(
            [*ours(), *ours(picture="pictures/2.png")], {**FOX, "pictures/2.png": b"\x89PNG\r\n\x1a\n"}
        ),
        "2.png",
    ),
}


@pytest.mark.parametrize("what", _WRONG)
async def test_what_is_wrong_is_said_in_a_sentence_and_nothing_is_kept(tmp_path: Path, what: str) -> None:
    build, words = _WRONG[what]
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        answer = await put(client, build())
        assert answer.status_code == 400, answer.text
        sentence = answer.json()["error"]
        assert words in sentence
        assert re.fullmatch(r"[^\n]{20,300}[.)]", sentence)
        assert ": " in sentence
        forgotten = await studio.store.removal.prune(keep_days=None, keep_bytes=0, in_use=())
    assert forgotten == []
    assert left(tmp_path) == set()


@pytest.mark.parametrize("fails", ["at a picture", "at the rows"])
async def test_a_disk_that_fails_in_the_middle_leaves_nothing(
    tmp_path: Path, fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = [*ours(), *ours(picture="pictures/2.png")]
    tried: list[str] = []
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        if fails == "at the rows":
            monkeypatch.setattr(studio.store, "add", raising(StoreError("full")))
        else:
            kept = PictureFolder._write  # pyright: ignore[reportPrivateUsage]

            def write(self: PictureFolder, name: str, data: bytes) -> None:
                tried.append(name)
                if left(tmp_path):
                    raise OSError("full")
                kept(self, name, data)

            monkeypatch.setattr(PictureFolder, "_write", write)
        answer = await put(client, packed(thread, {**FOX, "pictures/2.png": MADE}))
        assert (answer.status_code, left(tmp_path)) == (503, set())
        assert [name for name in tried if studio.store.pictures.find(name)] == []
        assert "could not be written to the disk: try again" in answer.json()["error"]


def raising(error: Exception) -> Any:
    async def fail(*_: object) -> None:
        raise error

    return fail


async def test_an_import_is_within_the_limits_of_what_is_brought_and_kept(tmp_path: Path) -> None:
    """It may hold more pictures than a visitor may bring at once, but no other one follows at once."""
    files = {f"pictures/{number}.png": PNG for number in range(200)}
    thread = [item for name in files for item in ours(picture=name)]
    data = packed(thread, files)
    limits = {"rate_limit": "60/hour", "keep_bytes": 20_000_000}
    async with open_client(tmp_path, ScriptedProvider(), **limits) as (client, studio):
        answer = await put(client, data)
        assert answer.status_code == 201, answer.text
        assert len(await studio.conversation(answer.json()["conversation"])) == 200
        assert len(left(tmp_path)) == 200
        again = await put(client, data)
        assert (again.status_code, len(left(tmp_path))) == (429, 200)
        assert int(again.headers["retry-after"]) > 3_000
        too_large = await put(client, bytes(4_000_001))
        assert too_large.status_code == 413
        assert "larger than 4,000,000 bytes" in too_large.json()["error"]
    async with open_client(tmp_path / "small", ScriptedProvider(), keep_bytes=5 * 8_000) as (client, _):
        twice = {"pictures/1.png": sized(900, 900), "pictures/2.png": sized(901, 900)}
        thread = [*ours(), *ours(picture="pictures/2.png")]
        file = BytesIO()
        with ZipFile(file, "w", ZIP_DEFLATED) as archive:
            for name, picture in {**twice, "thread.json": json.dumps(thread).encode()}.items():
                archive.writestr(name, picture)
        unpacked = sum(map(len, twice.values()))
        assert len(file.getvalue()) < 8_000 < unpacked < 16_000
        answer = await put(client, file.getvalue())
        assert (answer.status_code, left(tmp_path / "small")) == (400, set())
        assert "more than 8,000 bytes together" in answer.json()["error"]


async def test_what_is_sent_again_because_the_connection_broke_is_imported_once(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        key = {"Idempotency-Key": "one", "Content-Type": "application/octet-stream"}
        one, two = (packed(ours(made__duration=number), FOX) for number in (1, 2))  # each has its own time
        first, again, other = [
            await client.post("/limner/import", content=sent, headers=key) for sent in (one, one, two)
        ]
    assert (first.status_code, other.status_code) == (201, 422)
    assert again.json() == first.json()
    assert len(left(tmp_path)) == 1


async def test_a_thread_of_another_program_is_taken_as_far_as_it_goes(tmp_path: Path) -> None:
    def uri(data: bytes) -> str:
        return f"data:image/png;base64,{base64.b64encode(data).decode()}"

    thread: list[Any] = [
        {"role": "system", "content": [{"type": "text", "text": "be brief"}]},
        {
            "role": "user",
            "createdAt": "2024-05-01T10:00:00.000Z",
            "attachments": [{"content": [{"type": "image", "image": uri(MADE), "filename": "../a b.gif"}]}],
            "content": [{"type": "text", "text": 'data:image/png "as" \\ a sketch'}],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Two:"},
                {"type": "image", "image": uri(PNG)},
                {"type": "image", "image": "https://pictures.example/1.png"},
                {"type": "image", "image": "pictures/2.png"},
                {"type": "tool-call", "toolName": "x", "args": {"image": uri(PNG)}},
            ],
        },
        {"role": "user", "content": "another one"},
        {"role": "assistant", "content": "I cannot."},
        {"role": "assistant", "content": "No."},
        {"role": "user", "content": "and now?"},
    ]
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        archive.writestr("Chat/thread.json", json.dumps(thread).replace("/png;", "\\/png;"))
        archive.writestr("Chat/pictures/2.png", MADE)
        archive.writestr("__MACOSX/Chat/._thread.json", b"")
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        answer = await put(client, file.getvalue())
        assert answer.status_code == 201, answer.text
        facts = await pictures_and_facts(studio, answer.json()["conversation"])
    (created, chosen, (request, first, second)), (_, _, (_, refused, again)), (_, _, (_, nothing)) = facts
    assert (created, chosen) == (1714557600.0, None)
    assert request.prompt == 'data:image/png "as" \\ a sketch'
    (image,) = request.images
    assert (image.name, image.filename, image.width) == (MADE.hex(), "a-b.png", 24)
    assert [version.picture.name for version in (first, second)] == [PNG.hex(), MADE.hex()]
    assert (first.number, second.number, first.provenance.text) == (1, 2, "Two:")
    assert (second.turn, refused.turn, again.turn) == (1, 1, 2)
    assert (refused.status, refused.failure.why) == ("incomplete", "I cannot.")
    assert "Send the prompt again" in nothing.failure.next


async def test_messages_keep_their_order_whatever_their_times_say(tmp_path: Path) -> None:
    days = ("03", "03", "02", "04", "01")
    thread = [
        {"role": "user", "createdAt": f"2024-05-{day}T10:00:00Z", "content": f"{number}"}
        for number, day in enumerate(days)
    ]
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        new = (await put(client, packed(thread))).json()["conversation"]
        loaded = await studio.store.load(new)
    assert [message.request.prompt for message in loaded] == ["0", "1", "2", "3", "4"]
    assert sorted({message.created for message in loaded}) == [message.created for message in loaded]


async def test_what_is_too_old_to_stay_is_refused(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider(), keep_days=30) as (client, _):
        answer = await put(client, packed(ours(), FOX))
        assert (answer.status_code, left(tmp_path)) == (400, set())
        assert "keeps what is at most 30 days old" in answer.json()["error"]


async def test_an_archive_comes_in_pieces_however_large_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = BytesIO()
    Image.effect_noise((1800, 1800), 90).save(noise, "PNG")
    monkeypatch.setattr("core.export.MAX_INLINE", 2 * len(noise.getvalue()))

    async def made(_: ImageRequest) -> ImageResult:
        return ImageResult(noise.getvalue())

    async with open_client(tmp_path, ScriptedProvider(made)) as (_, studio):
        conversation = await studio.conversation(CONVERSATION)
        for _ in range(3):
            await ask(studio)
        sizes: list[int] = []
        whole = bytearray()
        async for piece in studio.export(conversation, lambda messages, paths: ["page"]):
            sizes.append(len(piece))
            whole += piece
    assert len(noise.getvalue()) > 2_000_000
    assert max(sizes) < 2_000_000
    with ZipFile(BytesIO(whole)) as archive:
        thread = json.loads(archive.read("thread.json"))
    images = [item["content"][0]["image"] for item in thread if item["role"] == "assistant"]
    assert [image[:5] for image in images] == ["data:", "data:", "pictu"]


async def test_only_a_conversation_that_has_something_is_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        for address in (EXPORT, EXPORT.replace("0", "g")):
            answer = await client.get(address)
            assert answer.status_code == 404
        await ask(studio, "../../etc/passwd")
        monkeypatch.setattr(studio, "export", None)
        head = await client.head(EXPORT)
        assert head.headers["content-disposition"] == "attachment; filename*=UTF-8''etc-passwd.zip"
        assert (head.status_code, head.content) == (200, b"")
