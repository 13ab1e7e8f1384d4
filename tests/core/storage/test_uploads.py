"""A picture stays for as long as somebody may need it, and no longer."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from core.chat.message import Version
from core.chat.picture import InputPicture
from core.chat.request import UserRequest
from core.storage import uploads
from core.storage.store import Store
from tests.core.scripted import CONVERSATION, PNG
from tests.core.storage.conftest import Open
from tests.core.storage.samples import INFO, a_message, execute, running

pytestmark = pytest.mark.anyio

DAY = 86_400.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Lets a test move the store's clock, which is the only thing that makes an upload old."""
    now = [time.time()]
    monkeypatch.setattr(uploads.time, "time", lambda: now[0])
    return now


async def brought(store: Store, filename: str = "a.png") -> InputPicture:
    return await store.uploads.add(CONVERSATION, PNG, INFO, filename)


async def sent_with(store: Store, picture: InputPicture, id: str, made: str | None = None) -> Version:
    """Saves a message that was sent with a picture, and made another one."""
    message = a_message(running(), id=id)
    message.request = UserRequest(prompt="a fox", images=(picture,))
    message.created = uploads.time.time()
    version = message.versions[0]
    if made:
        settled = await store.put(PNG, INFO)
        version = version.completed(settled, version.provenance)
    else:
        version = version.cancelled()
    message.versions[0] = version
    await store.save(CONVERSATION, message, version)
    return version


async def prune(store: Store, keep_days: float | None = None, keep_bytes: int | None = None) -> list[str]:
    forgotten = await store.removal.prune(keep_days=keep_days, keep_bytes=keep_bytes, in_use=(), protected=())
    return [one.message for one in forgotten]


async def test_an_upload_that_nobody_sends_goes_after_a_day(open_store: Open, clock: list[float]) -> None:
    store = open_store()
    unused, used = await brought(store), await brought(store)
    await sent_with(store, used, "m")
    clock[0] += DAY - 60
    await prune(store)
    assert store.pictures.find(unused.name)
    assert await store.uploads.of(CONVERSATION, [unused.name]) == [unused]
    clock[0] += 120
    await prune(store)
    assert (store.pictures.find(unused.name), await store.uploads.find(unused.name)) == (None, None)
    assert store.pictures.find(used.name)
    assert await store.uploads.find(used.name) == used
    await store.close()


async def test_too_many_unused_uploads_push_out_the_oldest(
    open_store: Open, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UNUSED", 3 * uploads.LEAST_COUNTED)
    store = open_store()
    pictures: list[InputPicture] = []
    for _ in range(5):
        clock[0] += 1
        pictures.append(await brought(store))
    await sent_with(store, pictures[2], "m")
    for _ in range(3):
        clock[0] += 1
        pictures.append(await brought(store))
    kept = [n for n, picture in enumerate(pictures) if store.pictures.find(picture.name)]
    assert kept == [2, 5, 6, 7]
    await store.close()


async def test_a_picture_that_another_message_was_sent_with_outlives_its_own(
    open_store: Open, clock: list[float]
) -> None:
    store = open_store()
    upload = await brought(store)
    first = await sent_with(store, upload, "first", made="a picture")
    assert first.picture
    made = InputPicture(**dict(first.picture), filename="a-fox.png")
    await store.keep_continuation(made.name, '{"id": 1}')
    await sent_with(store, made, "second")
    await sent_with(store, upload, "third")
    clock[0] += 2 * DAY

    async def forget(id: str) -> None:
        await execute(store, "UPDATE message SET created = 1 WHERE id = :id", id=id)
        assert await prune(store, keep_days=1000) == [id]

    await forget("first")
    assert store.pictures.find(made.name)
    assert store.pictures.find(upload.name)
    assert await store.continuation_of(made.name) == '{"id": 1}'
    await forget("second")
    assert (store.pictures.find(made.name), await store.continuation_of(made.name)) == (None, None)
    assert store.pictures.find(upload.name)
    await forget("third")
    assert store.pictures.find(upload.name) is None
    await store.close()


async def test_what_was_brought_counts_as_kept(open_store: Open, tmp_path: Path, clock: list[float]) -> None:
    store = open_store()
    await prune(store, keep_bytes=10**9)
    rows = 200_000
    await sent_with(store, await brought(store), "old")
    clock[0] += 1
    large = PNG + bytes(10_000_000)
    await sent_with(store, await store.uploads.add(CONVERSATION, large, INFO, "a.png"), "new")
    clock[0] += 2 * DAY
    assert await prune(store, keep_bytes=rows + 9_000_000) == ["old", "new"]
    assert not list((tmp_path / "pictures").iterdir())
    await store.close()


async def test_what_nobody_has_used_displaces_no_conversation(open_store: Open, clock: list[float]) -> None:
    """Whoever brings pictures and sends none would else have everybody's messages forgotten."""
    store = open_store()
    await sent_with(store, await brought(store), "mine", made="a picture")
    large = PNG + bytes(4_000_000)
    unused: list[InputPicture] = []
    for _ in range(5):
        clock[0] += 1
        unused.append(await store.uploads.add("1" * 32, large, INFO, "a.png"))
    assert await prune(store, keep_bytes=21_000_000) == []
    assert [n for n, picture in enumerate(unused) if store.pictures.find(picture.name)] == [4]
    assert len(await store.load(CONVERSATION)) == 1
    await store.close()


async def test_the_uploads_of_a_forgotten_message_make_room(
    open_store: Open, tmp_path: Path, clock: list[float]
) -> None:
    store = open_store()
    large = PNG + bytes(4_000_000)
    for id in ("oldest", "older", "new"):
        clock[0] += 1
        await sent_with(store, await store.uploads.add(CONVERSATION, large, INFO, "a.png"), id)
    assert await prune(store, keep_bytes=9_000_000) == ["oldest"]
    assert len(list((tmp_path / "pictures").iterdir())) == 2
    await store.close()


async def test_many_tiny_uploads_are_bounded_too(
    open_store: Open, tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UNUSED", 3 * uploads.LEAST_COUNTED)
    store = open_store()
    for _ in range(9):
        clock[0] += 1
        await brought(store)
    assert len(list((tmp_path / "pictures").iterdir())) == 3
    await store.close()


async def test_an_upload_belongs_to_one_conversation(open_store: Open) -> None:
    store = open_store()
    picture = await brought(store, "a-photo.png")
    assert await store.uploads.of("1" * 32, [picture.name]) == []
    assert await store.uploads.of(CONVERSATION, [picture.name, "x" * 5_000]) == [picture]
    await store.close()
    store = open_store()
    found = await store.uploads.find(picture.name)
    assert found
    assert found.filename == "a-photo.png"
    await store.close()
