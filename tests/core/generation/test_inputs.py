"""Pictures that people send reach the provider by name: upright, proven, in the order of the person."""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.chat.conversation import Conversation
from core.chat.failure import LimitReached, Rejected, Unavailable
from core.chat.message import Message, Version
from core.chat.request import UserRequest
from core.generation import inputs
from core.generation.fetch import Fetcher
from core.generation.visitor import Visitor
from core.settings.schema import Settings
from core.storage.store import Store
from core.studio import Studio
from limner import ImageInputs, ImageRequest, ImageResult, ModelInfo, ProviderError, Size, SizeRange
from tests.core.scripted import CONVERSATION, PNG, ScriptedProvider, settled, studio_of
from tests.limner.photos import SECRETS, corners, opened, photo
from tests.plugins.objects import registry_of
from tests.waiting import until

pytestmark = pytest.mark.anyio

EDITS: dict[str, Any] = {"images": ImageInputs(most=3, mask=True)}
OTHER = "1" * 32


def png(*size: int, colour: str = "navy", mode: str = "RGB") -> bytes:
    file = BytesIO()
    Image.new(mode, (size[0], size[1]), colour).save(file, "PNG")
    return file.getvalue()


def editing(play: Any = None, **model: Any) -> ScriptedProvider:
    more = {"play": play} if play else {}
    return ScriptedProvider(**more, model={**EDITS, **model})


async def send(
    studio: Studio,
    images: Sequence[bytes | str] = (),
    mask: bytes | str | None = None,
    prompt: str = "in autumn",
    **asked: Any,
) -> tuple[Conversation, Message, Version]:
    """Sends pictures, as bytes that are brought first or by name, and waits for the outcome."""
    conversation = await studio.conversation(CONVERSATION)

    async def name(image: bytes | str) -> str:
        return (
            image if isinstance(image, str) else (await studio.add_picture(conversation, image, "a.png")).name
        )

    names = [await name(image) for image in images]
    masked = await name(mask) if mask else None
    message = await studio.start(conversation, UserRequest(prompt=prompt, **asked), images=names, mask=masked)
    return conversation, message, await settled(conversation, message)


def picture_of(version: Version) -> str:
    assert version.picture, version.failure
    return version.picture.name


async def test_pictures_arrive_in_order_byte_for_byte(tmp_path: Path) -> None:
    scripted = editing()
    given = [png(30, 20), png(20, 30, colour="olive"), png(9, 9)]
    async with studio_of(tmp_path, scripted) as studio:
        await send(studio, given)
    (request,) = scripted.requests
    assert [image.data for image in request.images] == given
    assert [image.size for image in request.images] == [Size(30, 20), Size(20, 30), Size(9, 9)]
    assert {(image.media_type, image.filename) for image in request.images} == {("image/png", "a.png")}


async def test_a_photograph_arrives_upright_and_says_nothing_of_its_owner(tmp_path: Path) -> None:
    scripted = editing()
    async with studio_of(tmp_path, scripted) as studio:
        _, message, _ = await send(studio, [photo("JPEG", 6)])
        (kept,) = message.request.images
        stored = await studio.store.read(kept.name)
    (image,) = scripted.requests[0].images
    assert image.data == stored
    assert not [secret for secret in SECRETS if secret in image.data]
    assert (image.size, (kept.width, kept.height)) == (Size(64, 96), (64, 96))
    assert corners(opened(image.data)) == ["white", "red", "lime", "blue"]


async def test_a_picture_of_the_conversation_is_edited_again_and_after_a_restart(tmp_path: Path) -> None:
    scripted = editing()
    async with studio_of(tmp_path, scripted) as studio:
        _, _, first = await send(studio)
        for n in range(3):
            await send(studio, prompt=f"something else {n}")
        _, edited, _ = await send(studio, [picture_of(first)])
        conversation, again, _ = await send(studio, [picture_of(first)], prompt="in winter")
        await studio.regenerate(conversation, again)
        await settled(conversation, again)
    async with studio_of(tmp_path, scripted) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = conversation.get(again.id)
        assert message
        assert message.request == again.request
        await studio.regenerate(conversation, message)
        await settled(conversation, message)
        assert [len(message.versions) for message in conversation] == [1, 1, 1, 1, 1, 3]
    assert [[image.data for image in request.images] for request in scripted.requests[4:]] == [[PNG]] * 4
    assert edited.request.images[0].filename == "in-autumn.png"


async def test_a_picture_that_a_service_made_goes_back_as_it_came(tmp_path: Path) -> None:
    made = [photo("PNG"), photo("JPEG", 6)]

    async def play(request: ImageRequest) -> ImageResult:
        return ImageResult(made[len(scripted.requests) - 1] if not request.images else PNG)

    scripted = editing(play)
    async with studio_of(tmp_path, scripted) as studio:
        versions = [(await send(studio))[2] for _ in made]
        await send(studio, [picture_of(version) for version in versions])
    as_it_came, turned = scripted.requests[-1].images
    assert as_it_came.data == made[0]
    assert (turned.size, corners(opened(turned.data))) == (Size(64, 96), ["white", "red", "lime", "blue"])


@pytest.mark.parametrize("what", ["made", "sent", "brought"])
async def test_a_picture_of_another_conversation_cannot_be_named(tmp_path: Path, what: str) -> None:
    scripted = editing()
    async with studio_of(tmp_path, scripted) as studio:
        _, message, version = await send(studio, [png(8, 8)])
        brought = await studio.add_picture(await studio.conversation(CONVERSATION), png(9, 9))
        names = {"made": picture_of(version), "sent": message.request.images[0].name, "brought": brought.name}
        other = await studio.conversation(OTHER)
        for images, mask in (([names[what]], None), ([], names[what])):
            with pytest.raises(
                Rejected, match="not in this conversation, or not kept any more: add it again"
            ):
                await studio.start(other, UserRequest(prompt="mine"), images=images, mask=mask)
        assert len(other) == 0
    assert len(scripted.requests) == 1


@pytest.mark.parametrize(
    "name", ["", "../limner.sqlite3", "/etc/passwd", "0" * 32 + ".png", "é", "a' OR 1=1"]
)
async def test_a_name_that_is_none_of_ours_is_refused(tmp_path: Path, name: str) -> None:
    async with studio_of(tmp_path, editing()) as studio:
        with pytest.raises(Rejected, match="Image 1 is not in this conversation"):
            await send(studio, [name])


async def test_no_caller_can_put_pictures_into_the_request_itself(tmp_path: Path) -> None:
    scripted = editing()
    async with studio_of(tmp_path, scripted) as studio:
        _, message, _ = await send(studio, [png(8, 8)])
        other = await studio.conversation(OTHER)
        stolen = await studio.start(other, message.request)
        await settled(other, stolen)
        assert stolen.request.images == ()
    assert [len(request.images) for request in scripted.requests] == [1, 0]


async def test_more_pictures_than_any_model_takes_are_refused_unread(tmp_path: Path) -> None:
    async with studio_of(tmp_path, editing()) as studio:
        with pytest.raises(Rejected, match="No model takes more than 16 pictures"):
            await send(studio, ["x"] * 17)


TAKING = {
    "none": ScriptedProvider(model={"label": "Words"}),
    "only": ScriptedProvider(model={"label": "Editor", "images": ImageInputs(least=1, most=2)}),
    "many": ScriptedProvider(model={"label": "Collage", "images": ImageInputs(most=9, mask=True)}),
}


@pytest.mark.parametrize(
    ("provider", "count", "mask", "sentence"),
    [
        (
            "none",
            1,
            False,
            "Words takes no pictures: choose Editor (Scripted) or Collage (Scripted), or leave it out.",
        ),
        ("none", 3, False, "Words takes no pictures: choose Collage (Scripted), or leave some out."),
        (
            "only",
            0,
            False,
            "Editor only edits, and needs one picture: choose Words (Scripted) or Collage (Scripted), "
            "or add one.",
        ),
        (
            "only",
            3,
            False,
            "Editor takes 2 pictures at most, not 3: choose Collage (Scripted), or leave some out.",
        ),
        ("only", 1, True, "Editor takes no mask: choose Collage (Scripted), or leave it out."),
        ("many", 10, False, "Collage takes 9 pictures at most, not 10: leave some out."),
        ("many", 0, True, "A mask is for a picture: send the picture too, as the first one."),
    ],
)
async def test_what_a_model_does_not_take_is_refused_with_the_models_that_do(
    tmp_path: Path, provider: str, count: int, mask: bool, sentence: str
) -> None:
    settings = Settings(data_dir=tmp_path, provider=provider)
    studio = Studio(settings, registry_of(settings=settings, **TAKING), Store(tmp_path))
    with pytest.raises(Rejected) as refused:
        await send(studio, [png(8, 8)] * count, png(8, 8, colour="white") if mask else None)
    assert str(refused.value) == sentence
    assert not any(scripted.requests for scripted in TAKING.values())
    await studio.close()


async def test_a_fallback_that_takes_no_pictures_is_not_asked(tmp_path: Path) -> None:
    async def refuse(_: ImageRequest) -> ImageResult:
        raise ProviderError("quota", did_not_run=True)

    providers = {"first": editing(refuse), "words": ScriptedProvider(), "last": editing()}
    settings = Settings(data_dir=tmp_path, provider="first", fallback=("words", "last"), max_retries=0)
    studio = Studio(settings, registry_of(settings=settings, **providers), Store(tmp_path))
    given = png(12, 8)
    _, _, version = await send(studio, [given])
    assert version.provenance.provider == "last"
    assert (providers["words"].requests, providers["last"].requests[0].images[0].data) == ([], given)
    await studio.close()


@pytest.mark.parametrize(
    ("sizes", "asked", "made"),
    [
        (SizeRange(), None, Size(1254, 836)),  # 300 x 200 is too small for it
        (SizeRange(min_side=64), None, Size(300, 200)),
        (SizeRange(min_side=64, default=Size(100, 100)), None, Size(123, 82)),
        ((Size(64, 64), Size(300, 200), Size(900, 600)), None, Size(300, 200)),
        (SizeRange(step=16), None, Size(1248, 832)),
        ((Size(1024, 1024), Size(1536, 1024)), None, Size(1536, 1024)),
        ((), None, None),
        (SizeRange(), "1:1", Size(1024, 1024)),
        (SizeRange(), "512x512", Size(512, 512)),
    ],
)
async def test_the_picture_has_the_shape_of_the_first_one_unless_somebody_chose(
    tmp_path: Path, sizes: Any, asked: str | None, made: Size | None
) -> None:
    scripted = editing(sizes=sizes)
    async with studio_of(tmp_path, scripted) as studio:
        _, _, version = await send(studio, [png(300, 200), png(10, 90)], size=asked)
    assert scripted.requests[0].size == made
    assert [warning.feature for warning in version.provenance.warnings] == (["size"] if asked else [])


async def test_what_a_model_does_not_take_as_it_is_is_converted_with_a_notice(tmp_path: Path) -> None:
    scripted = editing(images=ImageInputs(most=2, media_types=("image/jpeg",)))
    async with studio_of(tmp_path, scripted) as studio:
        _, _, version = await send(studio, [png(20, 10), photo("JPEG")])
    (request,) = scripted.requests
    assert [(image.media_type, image.filename) for image in request.images] == 2 * [("image/jpeg", "a.jpg")]
    (notice,) = version.provenance.warnings
    assert (notice.feature, notice.details) == ("image_1", "Converted to a form that p-1 takes.")


async def test_a_mask_arrives_in_the_size_of_the_picture(tmp_path: Path) -> None:
    scripted = editing()
    painted = Image.new("L", (30, 20), 0)
    painted.paste(255, (15, 0, 30, 20))
    file = BytesIO()
    painted.save(file, "PNG")
    async with studio_of(tmp_path, scripted) as studio:
        await send(studio, [png(60, 40)], file.getvalue())
        with pytest.raises(Rejected, match=r"shapes differ \(the mask is 30 × 20, and image 1 20 × 30\)"):
            await send(studio, [png(20, 30)], file.getvalue())
    mask = scripted.requests[0].mask
    assert mask
    assert (mask.size, mask.media_type, mask.filename) == (Size(60, 40), "image/png", "mask.png")
    assert [opened(mask.data).getpixel((x, 20)) for x in (5, 55)] == [(0, 0, 0, 255), (255, 255, 255, 0)]


async def test_a_mask_that_marks_nothing_settles_without_a_call(tmp_path: Path) -> None:
    scripted = editing()
    async with studio_of(tmp_path, scripted) as studio:
        _, _, version = await send(studio, [png(8, 8)], png(8, 8, colour="black"))
    assert scripted.requests == []
    assert version.failure
    assert (version.failure.cause, version.failure.did_not_run) == ("bad-input", True)
    assert "marks nothing" in version.failure.why


async def test_a_picture_that_is_made_smaller_has_a_mask_of_its_new_size(tmp_path: Path) -> None:
    scripted = editing(images=ImageInputs(mask=True, media_types=("image/png",), most_bytes=100_000))
    noise = BytesIO()
    Image.effect_noise((600, 400), 90).save(noise, "PNG")
    async with studio_of(tmp_path, scripted) as studio:
        _, message, _ = await send(studio, [noise.getvalue()], png(600, 400, colour="white"))
    (request,) = scripted.requests
    (image,), mask = request.images, request.mask
    assert mask
    assert image.size == mask.size == opened(image.data).size == opened(mask.data).size
    assert image.size.width < 600
    assert len(image.data) <= 100_000
    assert message.request.images[0].width == 600, "the person's own stays as it is"


async def test_a_file_that_is_gone_or_damaged_settles_with_a_sentence(tmp_path: Path) -> None:
    scripted = editing()
    async with studio_of(tmp_path, scripted) as studio:
        conversation, message, _ = await send(studio, [png(8, 8), png(9, 9)])
        found = studio.store.pictures.find(message.request.images[1].name)
        assert isinstance(found, Path)
        for content, why in (
            (b"no picture", "is not a PNG"),
            (None, "Image 2: It is not on the server any more."),
        ):
            if content:
                found.write_bytes(content)
            else:
                found.unlink()
            await studio.regenerate(conversation, message)
            version = await settled(conversation, message)
            assert version.failure
            assert version.failure.what == "A picture that you sent cannot be used."
            assert why in version.failure.why
        assert message.shown == [message.versions[0]]
    assert len(scripted.requests) == 1


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (b"", "empty"),
        (b"%PDF-1.7", r"^This is not a PNG, JPEG, WebP, GIF or AVIF picture: save it as one of these\.$"),
        (b"<html></html>", r"^This is not a PNG, JPEG, WebP, GIF or AVIF picture"),
        (PNG[:-20], "cut off"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>', "An SVG drawing cannot be sent"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
        (png(200, 200), "more than 10,000 in all"),
        ("data:image/png;base64,AAAA", "not a PNG"),
        ("data:image/png;base64,!", "cannot be read|not valid|base64"),
        ("http://127.0.0.1:1/a.png", "."),
    ],
)
async def test_what_is_no_picture_is_refused_when_it_comes(
    tmp_path: Path, image: bytes | str, sentence: str
) -> None:
    async with studio_of(tmp_path, editing(), max_pixels=10_000) as studio:
        conversation = await studio.conversation(CONVERSATION)
        with pytest.raises(Rejected, match=sentence):
            await studio.add_picture(conversation, image)
    assert not list((tmp_path / "pictures").iterdir())


async def test_a_data_uri_is_as_good_as_a_file(tmp_path: Path) -> None:
    scripted = editing()
    async with studio_of(tmp_path, scripted) as studio:
        conversation = await studio.conversation(CONVERSATION)
        uri = f"data:image/png;base64,{base64.b64encode(png(7, 7)).decode()}"
        brought = await studio.add_picture(conversation, uri, "../../<b>Été</b>.PNG")
        assert brought.filename == "b-été-b.png"
        await send(studio, [brought.name])
    assert scripted.requests[0].images[0].data == png(7, 7)


async def test_no_more_pictures_may_be_brought_than_made(tmp_path: Path) -> None:
    async with studio_of(tmp_path, editing(), rate_limit="2/minute") as studio:
        conversation = await studio.conversation(CONVERSATION)
        for visitor in (Visitor("one"), Visitor("other")):
            for _ in range(2):
                await studio.add_picture(conversation, png(7, 7), visitor=visitor)
            with pytest.raises(LimitReached, match="limit of 2 pictures per minute that may be added"):
                await studio.add_picture(conversation, png(7, 7), visitor=visitor)


async def test_the_bytes_together_have_a_bound(tmp_path: Path) -> None:
    noise = BytesIO()
    Image.effect_noise((90, 90), 90).save(noise, "PNG")
    async with studio_of(tmp_path, editing(), max_bytes=2 * len(noise.getvalue()) - 1) as studio:
        with pytest.raises(Rejected, match="bytes together: send fewer or smaller ones"):
            await send(studio, [noise.getvalue()] * 2)


KNOWN = {"id": "resp-1", "signature": "c2ln" * 9}


async def test_what_a_model_needs_to_go_on_comes_back_to_it_alone(tmp_path: Path) -> None:
    async def play(request: ImageRequest) -> ImageResult:
        return ImageResult(PNG, continuation={**KNOWN, "prompt": request.prompt}, text="Here it is.")

    model = ModelInfo(id="p-2", images=EDITS["images"])
    scripted = editing(play)
    scripted._info = scripted._info.model_copy(update={"models": (*scripted._info.models, model)})  # pyright: ignore[reportPrivateUsage]
    async with studio_of(tmp_path, scripted) as studio:
        _, message, made = await send(studio, prompt="a fox")
        _, _, edited = await send(studio, [picture_of(made)])
    async with studio_of(tmp_path, scripted) as studio:
        await send(studio, [picture_of(edited), picture_of(made)])
        await send(studio, [picture_of(made)], model="p-2")
        await send(studio, [png(9, 9), picture_of(made)])
        conversation = await studio.conversation(CONVERSATION)
        for shown in ([repr(message) for message in conversation], made.model_dump_json()):
            assert "resp-1" not in str(shown)
    given = [request.continuation for request in scripted.requests]
    assert given == [None, {**KNOWN, "prompt": "a fox"}, {**KNOWN, "prompt": "in autumn"}, None, None]
    assert message.versions[0].provenance.text == "Here it is."


@pytest.mark.parametrize("continuation", [b"bytes", {"nan": float("nan")}, "x" * 4_000_001, object(), {1}])
async def test_a_continuation_that_is_no_plain_json_is_left_out(tmp_path: Path, continuation: Any) -> None:
    async def play(_: ImageRequest) -> ImageResult:
        return ImageResult(PNG, continuation=continuation)

    scripted = editing(play)
    async with studio_of(tmp_path, scripted) as studio:
        _, _, made = await send(studio)
        await send(studio, [picture_of(made)])
    assert scripted.requests[1].continuation is None


async def test_the_bytes_of_a_picture_stand_in_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def crash(request: ImageRequest) -> ImageResult:
        raise RuntimeError(repr(request), repr(replace(request, prompt="x")))

    caplog.set_level(logging.DEBUG)
    given = png(31, 17)
    async with studio_of(tmp_path, editing(crash)) as studio:
        await send(studio, [given], png(31, 17, colour="white"))
    for form in (repr(given)[2:60], base64.b64encode(given).decode()[:60]):
        assert form not in caplog.text
    assert "InputImage(media_type='image/png'" in caplog.text


async def test_pictures_wait_their_turn_for_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.generation.inputs.MAX_MEMORY", 10)
    scripted = editing()
    async with studio_of(tmp_path, scripted) as studio:
        for _ in range(3):
            _, _, version = await send(studio, [png(8, 8)])
            assert version.picture
    assert len(scripted.requests) == 3


async def test_pictures_that_come_in_hold_up_none_that_has_been_made(tmp_path: Path) -> None:
    async with studio_of(tmp_path, editing()) as studio:
        memory = studio._pipeline.inputs._resources.memory  # pyright: ignore[reportPrivateUsage]
        await memory.take(memory.most)  # as many large ones do, for as long as they keep coming
        _, _, version = await send(studio)
    assert picture_of(version)


async def test_links_are_fetched_a_few_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetching, most, go_on = 0, 0, asyncio.Event()

    async def fetch(self: object, url: str) -> bytes:
        nonlocal fetching, most
        fetching += 1
        most = max(most, fetching)
        if most == inputs.MAX_FETCHES:
            go_on.set()
        await go_on.wait()
        await asyncio.sleep(0)
        fetching -= 1
        return PNG

    monkeypatch.setattr(Fetcher, "fetch", fetch)
    async with studio_of(tmp_path, editing(), rate_limit=None) as studio:
        conversation = await studio.conversation(CONVERSATION)
        visitors = [Visitor(str(n % 5)) for n in range(30)]
        link = "https://pictures.example/a"
        added = [studio.add_picture(conversation, link, visitor=visitor) for visitor in visitors]
        pictures = await asyncio.wait_for(asyncio.gather(*added), 30)
    assert (len(pictures), most) == (30, inputs.MAX_FETCHES)


async def test_the_slow_links_of_one_visitor_keep_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching, go_on = 0, asyncio.Event()

    async def fetch(self: object, url: str) -> bytes:
        nonlocal fetching
        fetching += 1
        if url.endswith("slow"):
            await go_on.wait()
        return PNG

    monkeypatch.setattr(Fetcher, "fetch", fetch)
    async with studio_of(tmp_path, editing()) as studio:
        conversation = await studio.conversation(CONVERSATION)
        slow, other = Visitor("slow"), Visitor("other")
        link = "https://pictures.example/slow"
        added = [asyncio.create_task(studio.add_picture(conversation, link, visitor=slow)) for _ in range(20)]
        await until(lambda: fetching == inputs.MAX_OF_ONE)
        adding = studio.add_picture(conversation, "https://pictures.example/a", visitor=other)
        assert (await asyncio.wait_for(adding, 30)).name
        assert fetching == inputs.MAX_OF_ONE + 1
        go_on.set()
        await asyncio.gather(*added)
        added.clear()
        gc.collect()
        assert not studio._pipeline.inputs._turns  # pyright: ignore[reportPrivateUsage]


async def test_a_text_that_takes_too_long_to_read_is_no_fault_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    monkeypatch.setattr("core.generation.normalise.DEADLINE", 0.05)
    monkeypatch.setattr("limner.picture.read", lambda *_: let_go.wait(60))
    async with studio_of(tmp_path, editing()) as studio:
        conversation = await studio.conversation(CONVERSATION)
        with pytest.raises(Unavailable, match="could not be read in time"):
            await studio.add_picture(conversation, "data:image/png;base64,AAAA")
        let_go.set()
