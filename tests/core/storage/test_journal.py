"""What is kept in a bucket comes back when the disk is lost, whatever else happens to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.chat.message import Message, Version
from core.chat.picture import InputPicture
from core.chat.request import UserRequest
from core.storage import journal
from core.storage.changes import TABLES
from core.storage.database import Hit, StoreError
from core.storage.migrations import latest_form
from core.storage.retention import DAY
from core.storage.store import Store
from tests.bucket_mount import bucket_mount, can_mount
from tests.core.scripted import CONVERSATION, PNG, ScriptedProvider, ask, studio_of
from tests.core.storage.samples import INFO, a_message, execute, running
from tests.waiting import until

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def open_store(data: Path, bucket: Path) -> AsyncIterator[Store]:
    store = Store(data, bucket)
    try:
        yield store
    finally:
        await store.close()


async def keep(store: Store, id: str = "m", conversation: str = CONVERSATION, **about: Any) -> Message:
    """Saves a message with a picture."""
    picture = await store.put(PNG, INFO)
    version = running().model_copy(update={"status": "complete", "picture": picture, **about})
    message = a_message(version, id=id)
    message.created = float(id) if id.isdigit() else 1.5
    await store.save(conversation, message, version, owner="me")
    return message


async def state_of(store: Store) -> object:
    entry = await store.conversations.find(CONVERSATION)
    return [vars(message) for message in await store.load(CONVERSATION)], entry


async def until_loaded(store: Store, condition: Callable[[list[Message]], object]) -> list[Message]:
    """Returns the messages of the conversation once a condition holds for them."""

    async def load() -> list[Message]:
        while not condition(messages := await store.load(CONVERSATION)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return messages

    return await asyncio.wait_for(load(), 30)


def log_of(bucket: Path) -> list[Path]:
    return sorted((bucket / "log").iterdir())


def logged(bucket: Path) -> str:
    """Returns all that is in the log; what is replaced meanwhile is in a later segment."""
    texts: list[str] = []
    for path in log_of(bucket):
        with contextlib.suppress(FileNotFoundError):
            texts.append(path.read_text())
    return "".join(texts)


def log_file(bucket: Path, *lines: object, form: int | None = None, end: bool = True) -> Path:
    """Writes a segment as another process would."""
    (bucket / "log").mkdir(parents=True, exist_ok=True)
    n = len(log_of(bucket))
    path = bucket / "log" / f"{time.time_ns() // 1_000_000:013}-{'f' * 16}-{n}.jsonl"
    texts = [one if isinstance(one, str) else json.dumps(one) for one in lines]
    header = json.dumps({"form": latest_form() if form is None else form})
    path.write_text("\n".join([header, *texts, *(['{"end": true}\n'] if end else [])]))
    return path


def logged_message(id: str, at: int = 10**12, **more: Any) -> dict[str, Any]:
    asked = UserRequest(prompt="a fox").model_dump_json()
    row = {"id": id, "thread": CONVERSATION, "created": 1.0, "rev": 1, "asked": asked, "last_number": 0}
    return {"of": "message", "key": json.dumps([id]), "at": at, "rows": [{**row, **more}]}


async def test_all_that_was_kept_is_there_again_when_the_disk_is_lost(tmp_path: Path, bucket: Path) -> None:
    now = time.time()
    hits = [Hit("me", now, now + 99), Hit("me", now, now + 99), Hit("budget", now, now + 99, "1 USD", "id")]
    async with open_store(tmp_path / "first", bucket) as store:
        message = await keep(store)
        brought = await store.uploads.add(CONVERSATION, PNG, INFO, "fox.png")
        await store.keep_continuation("a picture", '{"of": "it"}')
        second = running().cancelled().model_copy(update={"number": 2})
        message.versions.append(second)
        message.chosen = 1
        await store.save(CONVERSATION, message, second, hits=hits)
        await store.conversations.rename(CONVERSATION, "Foxes")
        before = await state_of(store)
    async with open_store(tmp_path / "second", bucket) as store:
        assert await state_of(store) == before
        assert sorted(store.hits, key=str) == sorted(hits, key=str)
        assert message.main.picture
        for name in (message.main.picture.name, brought.name):
            assert await store.read(name) == PNG
            assert store.pictures.find(name) == bucket / "pictures" / name
        assert await store.thumbnails.find(message.main.picture.name)
        assert await store.uploads.of(CONVERSATION, [brought.name]) == [brought]
        assert await store.continuation_of("a picture") == '{"of": "it"}'
        assert list((tmp_path / "second" / "pictures").iterdir()) == []


async def test_where_no_disk_can_be_written_to_the_bucket_keeps_all(tmp_path: Path, bucket: Path) -> None:
    (tmp_path / "file").write_text("")
    for messages in range(2):
        async with open_store(tmp_path / "file" / "data", bucket) as store:
            assert not store.is_temporary, "nothing will be lost on restart"
            assert len(await store.load(CONVERSATION)) == messages
            await keep(store)


async def test_every_table_is_logged(tmp_path: Path) -> None:
    store = Store(tmp_path)
    await store.close()
    with sqlite3.connect(tmp_path / "limner.sqlite3") as found:
        names = {name for (name,) in found.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    found.close()
    of_this_file = {"process", "alembic_version", "origin", "begun"}
    assert names - of_this_file == set(TABLES)


async def test_a_version_that_settles_is_in_the_bucket_at_once(
    tmp_path: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has closed the store: a process that is killed now loses nothing of it."""
    monkeypatch.setattr(journal, "TICK_SECONDS", 3600)
    async with open_store(tmp_path / "first", bucket) as store:
        picture = (await keep(store)).main.picture
        assert picture
        await until(lambda: picture.name in logged(bucket))
        assert (bucket / "pictures" / picture.name).read_bytes() == PNG
        async with open_store(tmp_path / "second", bucket) as other:
            assert len(await other.load(CONVERSATION)) == 1


async def test_what_was_deleted_is_in_the_bucket_no_more(
    tmp_path: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pictures go with the next look, the prompt with the next compaction."""
    monkeypatch.setattr("core.generation.deletion.UNDO_SECONDS", 0)
    monkeypatch.setattr("core.generation.deletion.MARGIN", 0)
    async with studio_of(tmp_path / "first", ScriptedProvider(), bucket_dir=bucket) as studio:
        for prompt in ("a fox", "a secret"):
            conversation, message, version = await ask(studio, prompt)
            if prompt == "a secret":
                assert version.picture
                gone = version.picture.name
                await until(lambda: "a secret" in logged(bucket))
                await studio.delete(conversation, message)
                await until(lambda gone=gone: studio.store.pictures.find(gone) is None)
        (kept,) = [one.main.picture for one in await studio.store.load(CONVERSATION)]
    assert kept
    assert [path.name for path in (bucket / "pictures").iterdir()] == [kept.name]
    assert "a secret" in logged(bucket)
    async with open_store(tmp_path / "second", bucket) as store:
        assert len(await store.load(CONVERSATION)) == 1
    assert "a secret" not in logged(bucket)
    assert len(log_of(bucket)) == 1


@pytest.mark.parametrize(
    "limit", [{"keep_days": 1.0, "keep_bytes": None}, {"keep_days": None, "keep_bytes": 0}]
)
async def test_retention_frees_the_bucket_too_and_counts_what_is_only_there(
    tmp_path: Path, bucket: Path, limit: dict[str, Any]
) -> None:
    async with open_store(tmp_path / "first", bucket) as store:
        await keep(store)
    async with open_store(tmp_path / "second", bucket) as store:
        fits = 10_000_000
        assert not await store.removal.prune(keep_days=None, keep_bytes=fits, in_use=())
        assert len(await store.removal.prune(**limit, in_use=())) == 1
    assert list((bucket / "pictures").iterdir()) == []
    async with open_store(tmp_path / "third", bucket) as store:
        assert await store.load(CONVERSATION) == []
        assert await store.conversations.find(CONVERSATION) is None


async def test_a_picture_stays_as_long_as_a_message_was_sent_with_it(tmp_path: Path, bucket: Path) -> None:
    async with open_store(tmp_path / "first", bucket) as store:
        picture = (await keep(store)).main.picture
        assert picture
        sent = UserRequest(prompt="in autumn", images=(InputPicture(**dict(picture), filename="fox.png"),))
        await store.save(CONVERSATION, Message("later", sent, 2, 2))
        assert (
            len(await store.removal.prune(keep_days=1, keep_bytes=None, in_use=(), protected=["later"])) == 1
        )
        assert await store.read(picture.name) == PNG
    async with open_store(tmp_path / "second", bucket) as store:
        assert [message.id for message in await store.load(CONVERSATION)] == ["later"]
        assert await store.read(picture.name) == PNG


async def test_a_database_that_was_there_before_the_bucket_is_copied(tmp_path: Path, bucket: Path) -> None:
    store = Store(tmp_path / "first")
    picture = (await keep(store)).main.picture
    await store.close()
    for at in (bucket / "one", bucket / "another"):
        async with open_store(tmp_path / "first", at):
            pass
        async with open_store(tmp_path / at.name, at) as store:
            assert len(await store.load(CONVERSATION)) == 1
            assert picture
            assert await store.read(picture.name) == PNG


async def test_what_is_damaged_in_the_log_costs_itself_alone(
    tmp_path: Path, bucket: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_store(tmp_path / "first", bucket) as store:
        await keep(store)
    log_file(bucket, end=False).write_text("") if not can_mount() else None
    message = logged_message("good")
    log_file(
        bucket,
        *(
            "garbage",
            "[]",
            "null",
            '{"of": "message"}',
            {**message, "of": "nothing"},
            {**message, "key": "[]"},
        ),
        *({**message, "rows": [{"id": []}]}, {**message, "at": "now"}, {**message, "rows": "x"}),
        {**message, "key": '["bad"]', "rows": [{"id": "bad"}]},
        {**message, "key": '["\\ud800"]'},
        {**message, "rows": [{**message["rows"][0], "rev": 10**30}]},
        {**logged_message("odd"), "of": "version", "key": '["\\ud800",1]'},
        {**message, "at": 10**30},
        {**message, "key": '["m"]', "at": 10**14, "rows": [{"id": "m"}]},
        {**message, "rows": [{**message["rows"][0], "id; DROP TABLE message": 1}]},
    )
    log_file(bucket, logged_message("before it"), json.dumps(logged_message("cut"))[:70], end=False)
    (bucket / "log" / "0000000000000-ffffffffffffffff-1.jsonl").write_bytes(b"\xff\xfe\0" * 99)
    (bucket / "log" / "notes.txt").write_text("of somebody else")
    async with open_store(tmp_path / "second", bucket) as store:
        found = {message.id for message in await store.load(CONVERSATION)}
    assert found == {"m", "good", "before it"}
    assert "damaged" in caplog.text


async def test_a_segment_that_is_still_written_is_read_again(
    tmp_path: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "TICK_SECONDS", 0.01)
    files = bucket.with_name("files")
    async with open_store(tmp_path / "data", bucket) as store:
        path = log_file(files, logged_message("one"), end=False)
        await until_loaded(store, lambda messages: len(messages) == 1)
        whole = "\n".join(
            map(json.dumps, ({"form": latest_form()}, logged_message("one"), logged_message("2")))
        )
        path.write_text(f'{whole}\n{{"end": true}}\n')
        await until_loaded(store, lambda messages: len(messages) == 2)


def is_whole(store: Store, messages: list[Message]) -> bool:
    pictures = [message.main.picture for message in messages]
    return len(pictures) == 2 and all(picture and store.pictures.find(picture.name) for picture in pictures)


async def test_two_processes_with_one_bucket_see_what_the_other_keeps(
    tmp_path: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old container ends while the new one has started."""
    monkeypatch.setattr(journal, "TICK_SECONDS", 0.01)
    async with open_store(tmp_path / "old", bucket) as old:
        begun = running(paid=True)
        message = a_message(begun)
        await old.save(CONVERSATION, message, begun)
        async with open_store(tmp_path / "new", bucket) as new:
            seen = await until_loaded(new, len)
            assert seen[0].main.failure
            assert seen[0].main.failure.cause == "interrupted", "nobody can know that it is still made"
            await keep(new, "of the new")
            picture = await old.put(PNG, INFO)
            settled = begun.model_copy(update={"status": "complete", "picture": picture})
            await old.save(CONVERSATION, message, settled)

            for store in (old, new):
                await until_loaded(store, lambda messages, store=store: is_whole(store, messages))
    async with open_store(tmp_path / "third", bucket) as third:
        assert is_whole(third, await third.load(CONVERSATION)), "a picture is never lost"


async def test_a_version_with_a_picture_wins_over_a_later_one_without(tmp_path: Path, bucket: Path) -> None:
    async with open_store(tmp_path / "first", bucket) as store:
        message = await keep(store)
    lost = running().cancelled()
    row = {"message": "m", "number": 1, "owner": None, "picture": None, "content": lost.model_dump_json()}
    later = {"of": "version", "key": '["m",1]', "at": 10**14, "rows": [row]}
    log_file(bucket, later)
    async with open_store(tmp_path / "second", bucket) as store:
        assert (await store.load(CONVERSATION))[0].main.picture == message.main.picture
    log_file(bucket, {**later, "at": 10**15, "rows": []})
    async with open_store(tmp_path / "third", bucket) as store:
        assert (await store.load(CONVERSATION))[0].versions == [], "but not over that it was deleted"


async def test_the_latest_change_wins_in_whatever_order_they_are_read(tmp_path: Path, bucket: Path) -> None:
    log_file(bucket, logged_message("m", at=3, rev=3), logged_message("gone", at=1))
    log_file(bucket, logged_message("m", at=2, rev=2), {**logged_message("gone", at=2), "rows": []})
    log_file(bucket, logged_message("m", at=1, rev=1), logged_message("gone", at=1))
    for data in ("first", "second", "second"):
        async with open_store(tmp_path / data, bucket) as store:
            assert [(one.id, one.rev) for one in await store.load(CONVERSATION)] == [("m", 3)]


async def test_a_log_of_an_older_form_is_brought_to_todays(tmp_path: Path, bucket: Path) -> None:
    async with open_store(tmp_path / "first", bucket) as store:
        message = await keep(store)
    for path in log_of(bucket):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            for row in line.get("rows", ()):
                for new in ("size", "handle"):
                    row.pop(new, None)
        path.unlink()
        path.write_text("".join(json.dumps({**line, **as_form_6(line)}) + "\n" for line in lines))
    for data in ("second", "second", "third"):
        async with open_store(tmp_path / data, bucket) as store:
            assert [vars(one) for one in await store.load(CONVERSATION)] == [vars(message)]
            ((size,),) = await execute(store, "SELECT size FROM version")
            assert size > len(PNG)
            await store.conversations.rename(CONVERSATION, "renamed")


def as_form_6(line: dict[str, Any]) -> dict[str, Any]:
    return {"form": 6} if "form" in line else {}


async def test_a_log_of_a_newer_form_is_refused(tmp_path: Path, bucket: Path) -> None:
    async with open_store(tmp_path / "first", bucket) as store:
        await keep(store)
    (path,) = log_of(bucket)
    written = path.read_text().replace(f'"form": {latest_form()}', f'"form": {latest_form() + 1}')
    path.unlink()
    path.write_text(written)
    with pytest.raises(
        StoreError, match="was written by a newer Limner: use that version, or set bucket_dir"
    ):
        Store(tmp_path / "second", bucket)


async def test_what_a_bucket_could_not_take_is_written_once_it_can(
    tmp_path: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journal, "TICK_SECONDS", 0.01)
    caplog.set_level(logging.INFO)
    files = bucket.with_name("files")
    async with open_store(tmp_path / "first", bucket) as store:
        (files / "pictures").rename(files / "elsewhere")
        picture = (await keep(store)).main.picture
        assert picture
        await until(lambda: "fails; what is new is written there later" in caplog.text)
        assert await store.read(picture.name) == PNG
        (files / "elsewhere").rename(files / "pictures")
        (files / "pictures" / picture.name).write_bytes(PNG[:9])  # somebody ended while writing it
        await until(lambda: "works again" in caplog.text)
        assert caplog.text.count("fails;") == 1
    async with open_store(tmp_path / "second", bucket) as store:
        assert await store.read(picture.name) == PNG


async def test_a_picture_is_only_known_once_the_log_speaks_of_it(tmp_path: Path, bucket: Path) -> None:
    (bucket / "pictures").mkdir()
    name = f"{'0' * 32}.png"
    (bucket / "pictures" / name).write_bytes(PNG[:9])
    async with open_store(tmp_path / "data", bucket) as store:
        assert store.pictures.find(name) is None


async def test_a_log_is_replaced_when_it_is_long(
    tmp_path: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(journal, "MAX_SEGMENTS", 3)
    async with open_store(tmp_path / "first", bucket) as store:
        for n in range(12):
            await keep(store, str(n))
            await until(lambda n=n: f'[\\"{n}\\"]' in logged(bucket))
    assert len(log_of(bucket)) <= 5
    async with open_store(tmp_path / "second", bucket) as store:
        assert [message.id for message in await store.load(CONVERSATION)] == [str(n) for n in range(12)]


@pytest.mark.skipif(not can_mount(), reason="only root can mount a bucket that keeps everything")
async def test_where_nothing_can_be_deleted_the_log_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with bucket_mount(tmp_path / "files", tmp_path / "bucket", "keep") as bucket:
        for n in range(3):
            async with open_store(tmp_path / str(n), bucket) as store:
                assert len(await store.load(CONVERSATION)) == n
                await keep(store, str(n))
        async with open_store(tmp_path / "last", bucket) as store:
            await store.removal.prune(keep_days=1, keep_bytes=None, in_use=())
        async with open_store(tmp_path / "empty", bucket) as store:
            assert await store.load(CONVERSATION) == []
    assert "what was deleted stays in the log" in caplog.text


async def test_that_a_row_is_gone_is_forgotten_after_a_day(
    tmp_path: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(tmp_path / "first", bucket) as store:
        await keep(store)
        await store.removal.prune(keep_days=1, keep_bytes=None, in_use=())
    async with open_store(tmp_path / "second", bucket):
        pass
    assert logged(bucket).count('"rows":[]') >= 2
    log_file(bucket)  # so that there is something to replace
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + DAY + 60)
    async with open_store(tmp_path / "third", bucket):
        pass
    assert logged(bucket).count('"rows":[]') == 0


@pytest.mark.parametrize("damage", ["file", "read-only"])
async def test_a_bucket_that_cannot_be_used_is_named(tmp_path: Path, damage: str) -> None:
    bucket = tmp_path / "bucket"
    if damage == "file":
        bucket.write_text("")
    else:
        bucket = Path("/proc/bucket")
    with pytest.raises(
        StoreError, match=r"^The bucket_dir .*bucket cannot be used \(.+\): check that the bucket"
    ):
        Store(tmp_path / "data", bucket)


def test_versions_are_compared_by_their_picture() -> None:
    assert "picture" in Version.model_fields, "which the columns and the log speak of"


async def test_a_name_in_the_log_leads_to_no_other_file(tmp_path: Path, bucket: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("of the owner's")
    async with open_store(tmp_path / "first", bucket) as store:
        await keep(store)
    lines = [json.loads(line) for path in log_of(bucket) for line in path.read_text().splitlines()]
    logged_versions = [line for line in lines if line.get("of") == "version"]
    row = {**logged_versions[-1]["rows"][0], "message": "evil"}
    names = (str(own), "../../own.txt", "../../../own.txt")
    log_file(
        bucket,
        logged_message("evil"),
        *(
            {**logged_versions[-1], "key": f'["evil",{n}]', "rows": [{**row, "number": n, "picture": name}]}
            for n, name in enumerate(names, 1)
        ),
    )
    async with open_store(tmp_path / "second", bucket) as store:
        assert len(await store.load(CONVERSATION)) == 2
        bounds: dict[str, Any] = {"keep_days": None, "keep_bytes": 0, "in_use": ()}
        assert {one.message for one in await store.removal.prune(**bounds)} == {"m", "evil"}
    assert own.exists()


@pytest.mark.parametrize(
    "header", ['{"form": null}', '{"form": [1]}', '{"form": 1e400}', '{"form": 1}', "[" * 100_000, ""]
)
async def test_whatever_a_segment_begins_with_the_others_are_read(
    tmp_path: Path, bucket: Path, caplog: pytest.LogCaptureFixture, header: str
) -> None:
    log_file(bucket, logged_message("good"))
    damaged = bucket / "log" / f"0000000000000-{'f' * 16}-1.jsonl"
    damaged.write_text(f'{header}\n{json.dumps(logged_message("lost"))}\n{{"end": true}}\n')
    async with open_store(tmp_path / "data", bucket) as store:
        assert [message.id for message in await store.load(CONVERSATION)] == ["good"]
    assert f"The form of {damaged.name} in the bucket's log is damaged" in caplog.text


async def test_no_time_in_the_log_is_too_late_for_what_comes_after(tmp_path: Path, bucket: Path) -> None:
    log_file(bucket, logged_message("bad", at=2**63 - 1), logged_message("good", at=2**53 - 1))
    async with open_store(tmp_path / "first", bucket) as store:
        (message,) = await store.load(CONVERSATION)
        message.rev = 7
        await store.save(CONVERSATION, message)
    async with open_store(tmp_path / "second", bucket) as store:
        assert [(one.id, one.rev) for one in await store.load(CONVERSATION)] == [("good", 7)]
