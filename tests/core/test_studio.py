"""Every version settles, and no picture that was paid for is lost, whatever happens on the road."""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import Field

from core import SettingsError, open_studio
from core.chat.conversation import Conversation
from core.chat.failure import LimitReached, Rejected
from core.chat.message import Version
from core.chat.request import UserRequest
from core.generation import fetch, normalise
from core.generation.visitor import Visitor
from core.settings.schema import Settings
from core.storage import store
from core.storage.pictures import Pictures
from core.storage.store import Store
from limner import (
    CancelConfirmed,
    ContentFiltered,
    ImageRequest,
    ImageResult,
    ImageWarning,
    ModelInfo,
    Options,
    ProviderError,
    picture,
)
from providers import sketch
from tests.core.scripted import (
    CONVERSATION,
    NEEDS_KEY,
    PNG,
    AnswersWhileItStops,
    Gate,
    ScriptedProvider,
    ask,
    at_once,
    settled,
    studio_of,
)
from tests.core.storage.samples import execute
from tests.waiting import until

pytestmark = pytest.mark.anyio


def break_pictures(folder: Path) -> None:
    """Makes every further picture fail to be written, for the superuser too."""
    (folder / "pictures").rename(folder / "gone")
    (folder / "pictures").write_text("in the way")


def mend_pictures(folder: Path) -> None:
    (folder / "pictures").unlink()
    (folder / "gone").rename(folder / "pictures")


BREAK = "ALTER TABLE message RENAME TO elsewhere"
MEND = "ALTER TABLE elsewhere RENAME TO message"


async def test_a_prompt_becomes_a_stored_picture_and_survives_the_studio(tmp_path: Path) -> None:
    async with studio_of(tmp_path / "data", ScriptedProvider()) as studio:
        _, message, version = await ask(studio, "a fox", size="512x512", seed=7)
        assert version.picture is not None
        assert await studio.store.read(version.picture.name) == PNG
    assert (version.status, version.picture.width, version.picture.media_type) == (
        "complete",
        16,
        "image/png",
    )
    assert (version.provenance.size, version.provenance.seed) == ("512x512", 7)
    assert [notice.details for notice in version.provenance.warnings] == ["16 × 16 instead of 512 × 512."]

    async with studio_of(tmp_path / "data", ScriptedProvider()) as studio:
        (again,) = await studio.conversation(CONVERSATION)
        assert (again.id, again.versions, again.rev) == (message.id, [version], message.rev)
        assert await studio.store.read(version.picture.name) == PNG


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [
        ("picture", "complete", None),
        ("content-filter", "content-filter", "content-filter"),
        *((cause, "error", cause) for cause in ("auth", "quota", "rate-limit", "invalid-request", "timeout")),
        *((cause, "error", cause) for cause in ("unavailable", "bad-image", "bad-response", "provider")),
    ],
)
async def test_every_outcome_of_the_sketch_settles(
    tmp_path: Path, outcome: str, status: str, said: str | None
) -> None:
    async with studio_of(tmp_path, ScriptedProvider(), provider="sketch", max_retries=0) as studio:
        _, message, version = await ask(studio, options={"outcome": outcome}, size="256x256")
        stored = (await studio.store.load(CONVERSATION))[0].versions
    assert status in (version.status, version.reason)
    assert (version.failure.cause if version.failure else None) == said
    assert bool(version.picture) == (status == "complete")
    assert version.duration is not None
    assert stored == message.versions == [version]


class Hostile(BytesIO):
    def read(self, *_: Any) -> bytes:
        raise RuntimeError("a provider's own file object")


@pytest.mark.parametrize(
    "image", [None, b"", b"not a picture", PNG[:-20], 17, Hostile(), "C:/picture.png", "http://x/"]
)
async def test_what_is_no_picture_settles_as_a_bad_image(
    tmp_path: Path, image: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "PAUSES", (0.0, 0.0))

    async def play(_: ImageRequest) -> ImageResult:
        return ImageResult(image)

    async with studio_of(tmp_path, ScriptedProvider(play)) as studio:
        _, message, version = await ask(studio)
    assert version.failure is not None
    assert version.failure.cause == "bad-image"
    assert message.pictures == []


async def test_a_file_that_never_gives_its_bytes_settles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(normalise, "DEADLINE", 0.1)
    end = threading.Event()

    class Stuck(BytesIO):
        def read(self, *_: Any) -> bytes:
            end.wait(20)
            return b""

    async def play(_: ImageRequest) -> ImageResult:
        return ImageResult(Stuck())

    async with studio_of(tmp_path, ScriptedProvider(play)) as studio:
        _, _, version = await ask(studio)
    end.set()
    assert version.failure is not None
    assert version.failure.cause == "bad-image"


async def test_regenerate_adds_a_version_and_a_failed_one_hides_nothing(tmp_path: Path) -> None:
    async def refuse(_: ImageRequest) -> ImageResult:
        raise ContentFiltered("no")

    async def fail(_: ImageRequest) -> ImageResult:
        raise ProviderError("unavailable")

    scripted = ScriptedProvider()
    async with studio_of(tmp_path, scripted) as studio:
        conversation, message, first = await ask(studio)
        for play in (refuse, fail):
            scripted.play = play
            await studio.regenerate(conversation, message)
            await settled(conversation, message)
            assert message.shown == [first]
            assert message.attempt == message.versions[-1:]
        scripted.play = at_once
        await studio.regenerate(conversation, message)
        last = await settled(conversation, message)
        assert (message.shown, message.attempt) == ([last], [])
        await studio.choose(conversation, message, 1)
        with pytest.raises(Rejected):
            await studio.choose(conversation, message, 2)
    assert [version.number for version in message.versions] == [1, 2, 3, 4]
    async with studio_of(tmp_path, scripted) as studio:
        (again,) = await studio.conversation(CONVERSATION)
        assert (again.shown, again.versions, again.rev) == ([first], message.versions, message.rev)


async def test_a_seed_that_was_fixed_stays_and_any_other_is_new_each_time(tmp_path: Path) -> None:
    scripted = ScriptedProvider()
    async with studio_of(tmp_path, scripted) as studio:
        for seed in (0, None):
            conversation, message, _ = await ask(studio, seed=seed)
            await studio.regenerate(conversation, message)
            await settled(conversation, message)
    fixed, again, free, other = (request.seed for request in scripted.requests)
    assert (fixed, again) == (0, 0)
    assert free != other
    assert None not in (free, other)


async def test_a_second_regenerate_is_refused_while_one_runs(tmp_path: Path) -> None:
    gate = Gate()
    async with studio_of(tmp_path, ScriptedProvider(gate)) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        with pytest.raises(Rejected, match="already being made"):
            await studio.regenerate(conversation, message)
        gate.open.set()
        await settled(conversation, message)
    assert len(message.versions) == 1


async def test_stop_settles_as_cancelled_and_tells_the_provider(tmp_path: Path) -> None:
    told = asyncio.Event()

    async def play(_: ImageRequest) -> ImageResult:
        try:
            await asyncio.Event().wait()
        finally:
            told.set()
        raise AssertionError

    gate = Gate(play)
    gate.open.set()
    async with studio_of(tmp_path, ScriptedProvider(gate)) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        await gate.reached.wait()
        studio.stop(message)
        assert message.live[1].progress == "stopping"
        version = await settled(conversation, message)
        studio.stop(message)  # does nothing more
    assert told.is_set()
    assert (version.status, version.reason, version.picture) == ("incomplete", "cancelled", None)


async def test_stop_before_anything_has_begun_settles_too(tmp_path: Path) -> None:
    scripted = ScriptedProvider()
    async with studio_of(tmp_path, scripted) as studio:
        conversation = await studio.conversation(CONVERSATION)
        starting = asyncio.create_task(studio.start(conversation, UserRequest(prompt="a fox")))
        await until(lambda: len(conversation))
        (message,) = conversation
        studio.stop(message)
        assert await starting is message
        version = await settled(conversation, message)
        assert (await studio.store.load(CONVERSATION))[0].versions == [version]
    assert version.reason == "cancelled"
    assert scripted.requests == []


@pytest.mark.parametrize("presses", [1, 3])
async def test_a_picture_that_comes_while_stop_cleans_up_is_kept(tmp_path: Path, presses: int) -> None:
    provider = AnswersWhileItStops()
    gate = Gate(provider.play)
    gate.open.set()
    async with studio_of(tmp_path, ScriptedProvider(gate)) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        await gate.reached.wait()
        studio.stop(message)
        await provider.cleaning.wait()
        for _ in range(presses - 1):
            studio.stop(message)
            await asyncio.sleep(0)
        provider.answer.set()
        version = await settled(conversation, message)
    assert version.status == "complete"
    assert message.shown == [version]


async def test_stop_after_the_answer_keeps_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go_on = threading.Event(), threading.Event()

    class Slow(BytesIO):
        def read(self, *size: Any) -> bytes:
            reading.set()
            go_on.wait(20)
            return super().read(*size)

    async def play(_: ImageRequest) -> ImageResult:
        return ImageResult(Slow(PNG))

    async with studio_of(tmp_path, ScriptedProvider(play)) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        await asyncio.to_thread(reading.wait, 20)
        studio.stop(message)
        go_on.set()
        version = await settled(conversation, message)
    assert version.status == "complete"


async def test_a_timeout_settles_and_the_next_attempt_works(tmp_path: Path) -> None:
    scripted = ScriptedProvider(Gate())
    async with studio_of(tmp_path, scripted, timeout=0.05) as studio:
        conversation, message, version = await ask(studio)
        assert version.failure is not None
        assert version.failure.cause == "timeout"
        scripted.play = at_once
        await studio.regenerate(conversation, message)
        assert (await settled(conversation, message)).status == "complete"


async def test_a_picture_that_the_disk_did_not_take_is_in_memory_and_written_later(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        break_pictures(tmp_path)
        _, first, version = await ask(studio)
        assert version.status == "complete"
        assert version.picture is not None
        assert await studio.store.read(version.picture.name) == PNG
        assert first.unsaved

        mend_pictures(tmp_path)
        _, second, _ = await ask(studio, "when it works again")
        assert not first.unsaved
        assert not second.unsaved
        assert (
            studio.store.pictures.find(version.picture.name) == tmp_path / "pictures" / version.picture.name
        )
        break_pictures(tmp_path)
        _, third, last = await ask(studio, "shortly before the end")
        assert third.unsaved
        mend_pictures(tmp_path)
    assert last.picture is not None
    assert (tmp_path / "pictures" / last.picture.name).read_bytes() == PNG
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        stored = await studio.conversation(CONVERSATION)
        assert [message.versions[0].status for message in stored] == ["complete"] * 3
        assert await studio.store.read(version.picture.name) == PNG


async def test_a_database_that_fails_keeps_the_message_and_stores_it_later(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        conversation = await studio.conversation(CONVERSATION)
        await execute(studio.store, BREAK)
        _, message, version = await ask(studio, "while the disk fails")
        assert version.status == "complete"
        assert message.unsaved
        del conversation, message, _
        gc.collect()
        assert len(await studio.conversation(CONVERSATION)) == 1, "what was not saved is still in memory"

        await execute(studio.store, MEND)
        conversation, _, _ = await ask(studio, "when it works again")
        assert [message.unsaved for message in conversation] == [False, False]
        rev = max(message.rev for message in conversation)
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        again = await studio.conversation(CONVERSATION)
        assert {message.request.prompt for message in again} == {
            "while the disk fails",
            "when it works again",
        }
        assert max(message.rev for message in again) == rev
        assert all(message.pictures for message in again)


async def test_a_conversation_that_cannot_be_read_is_refused_with_a_sentence(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        await execute(studio.store, BREAK)
        with pytest.raises(Rejected, match="This conversation cannot be read right now"):
            await studio.conversation(CONVERSATION)
        await execute(studio.store, MEND)
        assert len(await studio.conversation(CONVERSATION)) == 0


@pytest.mark.parametrize("turns", range(12))
async def test_another_version_may_begin_the_moment_that_one_has_settled(tmp_path: Path, turns: int) -> None:
    """Whoever looks at any turn of the loop, and not only when told, sees a state that holds together."""
    scripted = ScriptedProvider(Gate())
    async with studio_of(tmp_path, scripted, max_in_flight=1) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        studio.stop(message)
        while message.running:  # noqa: ASYNC110
            await asyncio.sleep(0)
        scripted.play = at_once
        await studio.regenerate(conversation, message)
        assert (await settled(conversation, message)).status == "complete"
        await studio.close()
    assert [version.reason for version in message.versions] == ["cancelled", None]
    store = Store(tmp_path)
    assert (await store.load(CONVERSATION))[0].versions == message.versions
    await store.close()


async def test_refused_requests_change_nothing(tmp_path: Path) -> None:
    scripted = ScriptedProvider()
    async with studio_of(tmp_path, scripted, max_in_flight=1) as studio:
        conversation = await studio.conversation(CONVERSATION)
        for wrong in (
            UserRequest(prompt=" "),
            UserRequest(prompt="a", provider="x"),
            UserRequest(prompt="a", size="big"),
        ):
            with pytest.raises(Rejected):
                await studio.start(conversation, wrong)
        assert len(conversation) == 0
        gate = Gate()
        scripted.play = gate
        first = await studio.start(conversation, UserRequest(prompt="one"), visitor=Visitor("me"))
        with pytest.raises(Rejected, match="wait for it, or stop it"):
            await studio.start(conversation, UserRequest(prompt="two"), visitor=Visitor("me"))
        assert len(conversation) == 1
        gate.open.set()
        await settled(conversation, first)
        second = await studio.start(conversation, UserRequest(prompt="two"), visitor=Visitor("me"))
        await settled(conversation, second)
        assert await studio.store.load(CONVERSATION) != []
    assert len(scripted.requests) == 2


async def test_regenerate_stands_under_the_same_limits(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider(), rate_limit="1/hour") as studio:
        conversation, message, _ = await ask(studio)
        with pytest.raises(Rejected, match="1 picture per hour: try again in 60 minutes"):
            await studio.regenerate(conversation, message)
    assert len(message.versions) == 1


async def test_a_missing_key_settles_without_a_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCRIPTED_API_KEY", raising=False)
    scripted = ScriptedProvider(**NEEDS_KEY)
    async with studio_of(tmp_path, scripted) as studio:
        _, _, version = await ask(studio)
    assert version.failure is not None
    assert (version.failure.cause, version.failure.did_not_run) == ("no-credential", True)
    assert "SCRIPTED_API_KEY" in version.failure.why
    assert scripted.requests == []


async def test_the_request_and_the_provenance_are_both_kept_and_the_difference_said(
    tmp_path: Path,
) -> None:
    async def play(_: ImageRequest) -> ImageResult:
        return ImageResult(
            PNG,
            revised_prompt="a red fox",
            seed=5,
            model="p-1-turbo",
            warnings=[ImageWarning("style", "Style was left out.")],
        )

    async with studio_of(tmp_path, ScriptedProvider(play, model={"seed": False})) as studio:
        _, message, version = await ask(studio, size="100x100", seed=3)
    provenance = version.provenance
    assert (message.request.size, message.request.seed) == ("100x100", 3)
    assert (provenance.size, provenance.seed, provenance.model) == ("256x256", 5, "p-1-turbo")
    assert provenance.revised_prompt == "a red fox"
    assert [warning.feature for warning in provenance.warnings] == ["size", "seed", "style", "size"]


async def test_progress_is_shown_thinned_out_and_gone_in_the_end(tmp_path: Path) -> None:
    shown: list[str] = []
    gate = Gate()

    async def play(request: ImageRequest) -> ImageResult:
        for n in range(1_000):
            request.report(f"step {n}")
            await asyncio.sleep(0)
        return await gate(request)

    async with studio_of(tmp_path, ScriptedProvider(play)) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        rev = message.rev
        while message.running:
            await conversation.changes(rev)
            rev = message.last_rev
            shown += [live.progress for live in message.live.values()]
            if "step 999" in shown:
                gate.open.set()
    assert "step 999" in shown
    assert len(shown) < 20
    assert message.live == {}


async def test_a_hundred_slow_pictures_are_made_side_by_side(tmp_path: Path) -> None:
    everybody = asyncio.Event()
    scripted = ScriptedProvider()

    async def play(_: ImageRequest) -> ImageResult:
        if len(scripted.requests) == 100:
            everybody.set()
        await asyncio.wait_for(everybody.wait(), 20)
        return ImageResult(PNG)

    scripted.play = play
    async with studio_of(tmp_path, scripted) as studio:
        conversation = await studio.conversation(CONVERSATION)
        messages = [
            await studio.start(conversation, UserRequest(prompt=f"fox {n}"), visitor=Visitor(str(n % 25)))
            for n in range(100)
        ]
        versions = await asyncio.gather(*(settled(conversation, message) for message in messages))
        stored = await studio.store.load(CONVERSATION)
    assert {version.status for version in versions} == {"complete"}
    assert [message.request.prompt for message in stored] == [f"fox {n}" for n in range(100)]


async def test_the_event_loop_turns_while_a_picture_is_drawn_read_decoded_and_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, done = asyncio.get_running_loop(), list[str]()

    def after_a_turn(work: Any) -> Any:
        def wait_and_work(*given: Any) -> Any:
            turned = threading.Event()
            loop.call_soon_threadsafe(turned.set)
            assert turned.wait(30), f"{work.__name__} holds up the event loop"
            done.append(work.__name__)
            return work(*given)

        return wait_and_work

    async with studio_of(tmp_path, ScriptedProvider(), provider="sketch") as studio:
        steps = [(sketch, "paint"), (picture, "read"), (picture, "identify"), (Pictures, "put")]
        for owner, name in [(store, "read_messages"), *steps]:
            monkeypatch.setattr(owner, name, after_a_turn(vars(owner)[name]))
        _, _, version = await ask(studio, size="256x256")
    assert version.status == "complete", version.failure
    assert done == ["read_messages", "paint", "read", "identify", "put"]


async def test_conversations_are_collected_and_memory_stays_flat(tmp_path: Path) -> None:
    scripted = ScriptedProvider()
    async with studio_of(tmp_path, scripted, rate_limit="none") as studio:

        async def one(conversation_id: str) -> None:
            conversation = await studio.conversation(conversation_id)
            message = await studio.start(conversation, UserRequest(prompt="a fox"))
            await settled(conversation, message)

        async def many(first: int) -> int:
            for n in range(first, first + 60):
                await one(f"{n:032x}")
            scripted.requests.clear()
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            await many(0)
            before = await many(100)
            after = await many(200)
        finally:
            tracemalloc.stop()
        await one(CONVERSATION)  # its request is kept, as a cache among the plugins may do
        gc.collect()
        assert [thing.id for thing in gc.get_objects() if isinstance(thing, Conversation)] == []
        assert (studio._attempts, studio._saving.unsaved, studio._conversations.ids()) == ({}, {}, set())
    assert after - before < 150_000


async def test_one_conversation_object_however_many_ask(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        same = await asyncio.gather(*(studio.conversation(CONVERSATION) for _ in range(20)))
    assert len(set(map(id, same))) == 1


async def test_closing_lets_what_runs_settle_and_refuses_new_work(tmp_path: Path) -> None:
    gate = Gate()
    async with studio_of(tmp_path, ScriptedProvider(gate), shutdown_grace=20) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        await gate.reached.wait()
        closing = asyncio.create_task(studio.close())
        await asyncio.sleep(0)
        with pytest.raises(Rejected, match="stopping"):
            await studio.start(conversation, UserRequest(prompt="another"))
        gate.open.set()
        version = await settled(conversation, message)
        await closing
        await studio.close()
    assert version.status == "complete"
    store = Store(tmp_path)
    assert (await store.load(CONVERSATION))[0].versions == [version]
    await store.close()


@pytest.mark.parametrize("paid", [True, False])
async def test_closing_stops_what_takes_too_long_and_says_so(tmp_path: Path, paid: bool) -> None:
    gate = Gate()
    async with studio_of(tmp_path, ScriptedProvider(gate, paid=paid), shutdown_grace=0.01) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        await gate.reached.wait()
        await studio.close()
    version = message.versions[-1]
    assert version.failure is not None
    assert version.failure.cause == "interrupted"
    assert ("billed" in version.failure.why) is paid


async def test_closing_says_of_what_waits_for_its_turn_that_it_cost_nothing(tmp_path: Path) -> None:
    gate = Gate()
    plugin = ScriptedProvider(gate, paid=True, most_at_once=1)
    async with studio_of(tmp_path, plugin, shutdown_grace=0.01) as studio:
        conversation = await studio.conversation(CONVERSATION)
        first = await studio.start(conversation, UserRequest(prompt="a fox"))
        await gate.reached.wait()
        second = await studio.start(conversation, UserRequest(prompt="a boat"))
        await studio.close()
    for message, has_run in ((first, True), (second, False)):
        failure = message.versions[-1].failure
        assert failure
        assert (failure.cause, failure.did_not_run, "billed" in failure.why) == (
            "interrupted",
            not has_run,
            has_run,
        )


class Cancellable:
    """A play whose service confirms, or not, that it ended the request when it is cancelled."""

    def __init__(self, confirms: bool) -> None:
        self.confirms = confirms
        self.reached = asyncio.Event()

    async def __call__(self, _: ImageRequest) -> ImageResult:
        self.reached.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as error:
            await asyncio.sleep(0)
            if self.confirms:
                raise CancelConfirmed from error
            raise
        raise AssertionError("it is cancelled before")


@pytest.mark.parametrize("confirms", [True, False])
@pytest.mark.parametrize("ended_by", ["the deadline", "the server", "the person"])
async def test_what_the_service_cancelled_is_not_said_to_be_billed(
    tmp_path: Path, ended_by: str, confirms: bool
) -> None:
    play = Cancellable(confirms)
    settings = {"shutdown_grace": 0.01, "timeout": 0.1 if ended_by == "the deadline" else 60}
    async with studio_of(tmp_path, ScriptedProvider(play, paid=True), **settings) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        await play.reached.wait()
        if ended_by == "the server":
            await studio.close()
        elif ended_by == "the person":
            studio.stop(message)
        version = await conversation.settled(message)
    if ended_by == "the person":
        assert (version.reason, version.failure) == ("cancelled", None)
    else:
        assert version.failure is not None
        assert version.failure.cause == ("timeout" if ended_by == "the deadline" else "interrupted")
        assert ("billed" in version.failure.why) is not confirms


async def test_an_option_that_cannot_be_described_leaves_no_place_taken(tmp_path: Path) -> None:
    class Strange(Options):
        value: Any = Field(default_factory=object)

    async with studio_of(tmp_path, ScriptedProvider(model={"options": Strange}), max_in_flight=1) as studio:
        conversation = await studio.conversation(CONVERSATION)
        for _ in range(3):
            with pytest.raises(Rejected, match="plugin scripted failed to read these options"):
                await studio.start(conversation, UserRequest(prompt="a fox"))
        assert len(conversation) == 0


async def test_what_is_old_is_forgotten_with_its_files(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        versions: list[Version] = [(await ask(studio, f"fox {n}"))[2] for n in range(3)]
        gc.collect()
    async with studio_of(tmp_path, ScriptedProvider(), keep_days=1e-9) as studio:
        assert len(await studio.conversation(CONVERSATION)) == 0
    assert list((tmp_path / "pictures").iterdir()) == []
    assert len(versions) == 3


def large_png() -> bytes:
    file = BytesIO()
    Image.effect_noise((400, 400), 100).save(file, "PNG")
    return file.getvalue()


async def test_pictures_and_rows_stay_within_their_bytes_at_each_picture(tmp_path: Path) -> None:
    data = large_png()

    async def paint(_: ImageRequest) -> ImageResult:
        return ImageResult(data)

    keep = 4 * len(data)
    async with studio_of(tmp_path, ScriptedProvider(paint), keep_bytes=keep) as studio:
        conversation, _, version = await ask(studio, "fox 0")
        for n in range(1, 10):
            conversation, _, version = await ask(studio, f"fox {n}")
            await studio.conversation(CONVERSATION)
            kept = sum(file.stat().st_size for file in (tmp_path / "pictures").iterdir())
            assert kept <= keep
        assert version.picture is not None
        assert studio.store.pictures.find(version.picture.name), "the newest is there"
        prompts = [message.request.prompt for message in conversation]
        assert prompts == [f"fox {n}" for n in range(10 - len(prompts), 10)], "the oldest went first"
        assert 1 < len(prompts) < 4
        assert [message.request.prompt for message in await studio.store.load(CONVERSATION)] == prompts


async def test_the_newest_picture_stays_however_little_is_kept(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider(), keep_bytes=0) as studio:
        for _ in range(2):
            conversation, message, version = await ask(studio)
            await studio.conversation(CONVERSATION)
            assert [message.id for message in conversation] == [message.id]
            assert version.picture is not None
            assert studio.store.pictures.find(version.picture.name)


async def test_other_conversations_go_before_one_that_is_open(tmp_path: Path) -> None:
    data = large_png()

    async def paint(_: ImageRequest) -> ImageResult:
        return ImageResult(data)

    async with studio_of(tmp_path, ScriptedProvider(paint), keep_bytes=4 * len(data)) as studio:
        conversation, message, _ = await ask(studio, "the open one")
        for n in range(6):
            other = await studio.conversation(f"{n + 1}" * 32)
            await settled(other, await studio.start(other, UserRequest(prompt="another")))
            del other
            gc.collect()
        assert conversation.get(message.id)
        assert len(await studio.store.load(CONVERSATION)) == 1


async def test_an_unknown_default_or_nothing_to_use_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match="provider is 'nonsense', which does not exist: it must be one of sketch"
    ):
        open_studio(Settings(data_dir=tmp_path, provider="nonsense"))
    with pytest.raises(SettingsError, match="which does not exist, and no other can be used"):
        open_studio(Settings(data_dir=tmp_path, allow_plugins=("nothing",)))
    (tmp_path / "limner.sqlite3").write_bytes(b"no database, for certain, but something else")
    with pytest.raises(
        SettingsError, match=r"limner.sqlite3 cannot be used \(file is not a database\): move it"
    ):
        open_studio(Settings(data_dir=tmp_path))


async def test_a_conversation_and_a_message_have_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.studio.MAX_MESSAGES", 2)
    monkeypatch.setattr("core.studio.MAX_VERSIONS", 2)
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        conversation, message, _ = await ask(studio)
        await studio.regenerate(conversation, message)
        await settled(conversation, message)
        with pytest.raises(Rejected, match="This message has 2 versions: send its prompt as a new one"):
            await studio.regenerate(conversation, message)
        await ask(studio)
        with pytest.raises(Rejected, match="This conversation has 2 messages: start a new one"):
            await studio.start(conversation, UserRequest(prompt="a fox"))


async def test_a_restart_gives_no_new_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTED_API_KEY", "key-0123456789")
    for refused in (False, True):
        async with studio_of(tmp_path, ScriptedProvider(**NEEDS_KEY), budget="1/day") as studio:
            if refused:
                with pytest.raises(LimitReached, match="The budget of 1 picture per day is used up"):
                    await ask(studio)
            else:
                await ask(studio)


async def test_what_is_asked_of_a_provider_was_counted_on_the_disk_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed in the middle of a picture has paid for it all the same."""
    monkeypatch.setenv("SCRIPTED_API_KEY", "key-0123456789")
    gate = Gate()
    async with studio_of(tmp_path, ScriptedProvider(gate, **NEEDS_KEY), budget="1/day") as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        await gate.reached.wait()
        other = Store(tmp_path)
        assert {hit.key for hit in other.hits} == {"visitor owner", "budget"}
        await other.close()
        gate.open.set()
        await settled(conversation, message)


async def test_what_the_disk_did_not_take_counts_all_the_same_and_is_written_later(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider(), rate_limit="9/hour") as studio:
        conversation = await studio.conversation(CONVERSATION)
        await execute(studio.store, BREAK)
        await ask(studio)
        await execute(studio.store, MEND)
        await ask(studio)
        assert len(conversation) == 2
    store = Store(tmp_path)
    assert [hit.key for hit in store.hits] == ["visitor owner"] * 2
    await store.close()


async def test_visitors_stand_under_their_limits_in_every_way_of_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new message, another version, and a fallback to a provider that costs money."""
    monkeypatch.setenv("SCRIPTED_API_KEY", "key-0123456789")
    other = Visitor("other")
    scripted = ScriptedProvider(other_models=ModelInfo(id="any"), **NEEDS_KEY)
    async with studio_of(tmp_path, scripted, fallback=("scripted",)) as studio:
        conversation = await studio.conversation(CONVERSATION)
        with pytest.raises(Rejected, match="has no model 'another'"):
            await studio.start(conversation, UserRequest(prompt="a fox", model="another"), visitor=other)
        message = await studio.start(conversation, UserRequest(prompt="a fox"), visitor=other)
        assert (await settled(conversation, message)).provenance.provider == "sketch"
        owners = await studio.start(conversation, UserRequest(prompt="a fox"))
        await settled(conversation, owners)
        await studio.regenerate(conversation, owners, visitor=other)
        assert (await settled(conversation, owners)).provenance.provider == "sketch"
        # the sketch's outcome is a failure that certainly did not run, after which the fallback is asked
        asked = UserRequest(prompt="a fox", provider="sketch", options={"outcome": "unavailable"})
        message = await studio.start(conversation, asked, visitor=other)
        version = await settled(conversation, message)
        assert version.reason == "error"
        assert len(scripted.requests) == 1, "the owner's"
        version = await settled(conversation, await studio.start(conversation, asked))
        assert version.provenance.provider == "scripted"
