"""What was stored is there again: after an end in the middle, beside another process, on a bad disk."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.chat.message import Message, Picture, Provenance, Version
from core.chat.request import UserRequest
from core.storage.database import Hit, StoreError
from core.storage.store import Store
from limner.identify import ImageInfo
from tests.core.scripted import CONVERSATION, PNG
from tests.serving import ROOT

pytestmark = pytest.mark.anyio

MAKE_SLOWLY = """
import asyncio, sys
from pathlib import Path
from core import open_studio
from core.chat.request import UserRequest
from core.settings.schema import Settings

async def main():
    studio = open_studio(Settings(data_dir=Path(sys.argv[1]), provider="sketch"))
    conversation = await studio.conversation("0" * 32)
    first = await studio.start(conversation, UserRequest(prompt="done before", size="256x256"))
    await conversation.settled(first)
    await studio.start(conversation, UserRequest(prompt="under way", options={"outcome": "slow-picture"}))
    await asyncio.sleep(0)
    while not (await conversation.changes(0))[-1].progress:  # the provider is at work, so that it is stored
        await asyncio.sleep(0.01)
    print(max(message.rev for message in conversation), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
HOLD = """
import sys
from pathlib import Path
from core.storage.store import Store
store = Store(Path(sys.argv[1]))
print(flush=True)
sys.stdin.read()
"""
WRITE = """
import asyncio, sys
from pathlib import Path
from core.chat.request import UserRequest
from core.storage.store import Store
from core.chat.message import Message

async def main():
    store = Store(Path(sys.argv[1]))
    for n in range(100):
        await store.save("0" * 32, Message(f"{sys.argv[2]}-{n}", UserRequest(prompt="a"), n, n))
    await store.close()

asyncio.run(main())
"""

INFO = ImageInfo("image/png", 16, 16)


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def running(paid: bool = False) -> Version:
    provenance = Provenance(
        prompt="a", provider="p", provider_label="P", model="m", model_label="M", paid=paid
    )
    return Version(number=1, provenance=provenance)


def a_message(*versions: Version, id: str = "m", rev: int = 5) -> Message:
    return Message(id, UserRequest(prompt="a", options={"of": "it"}), 1.5, rev, list(versions))


async def test_a_killed_process_loses_nothing_but_what_was_under_way(tmp_path: Path) -> None:
    process = python(MAKE_SLOWLY, str(tmp_path))
    assert process.stdout is not None
    last_rev = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.communicate()

    store = Store(tmp_path)
    before, under_way = await store.load(CONVERSATION)
    assert before.shown is not None
    assert before.shown.picture is not None
    assert await store.read(before.shown.picture.name)
    (version,) = under_way.versions
    assert version.failure is not None
    assert (version.status, version.reason) == ("incomplete", "error")
    assert version.failure.cause == "interrupted"
    assert "billed" not in version.failure.why, "the sketch costs nothing"
    assert under_way.rev > last_rev, "a page that was open learns of it"
    await store.close()
    assert [path.name for path in tmp_path.glob("in-use-*")] == []  # noqa: ASYNC240


@pytest.mark.parametrize("paid", [True, False])
async def test_an_interrupted_version_says_whether_it_may_have_cost_money(tmp_path: Path, paid: bool) -> None:
    store = Store(tmp_path)
    version = running(paid)
    await store.save(CONVERSATION, a_message(version), version)
    await store.close()
    store = Store(tmp_path)
    ((settled,),) = [message.versions for message in await store.load(CONVERSATION)]
    await store.close()
    assert settled.failure is not None
    assert ("billed" in settled.failure.why) is paid


async def test_a_second_process_leaves_alone_what_the_first_is_making(tmp_path: Path) -> None:
    first = Store(tmp_path)
    version = running()
    message = a_message(version)
    await first.save(CONVERSATION, message, version)

    second = Store(tmp_path)
    (seen,) = await second.load(CONVERSATION)
    assert seen.running
    await first.close()
    (seen,) = await second.load(CONVERSATION)
    assert not seen.running, "the first is gone, so nobody makes it"
    await second.close()


async def test_a_process_that_lives_on_settles_what_a_killed_one_left(tmp_path: Path) -> None:
    holding = python(HOLD, str(tmp_path))
    assert holding.stdout is not None
    holding.stdout.readline()
    store = Store(tmp_path)
    (other,) = {path.name for path in tmp_path.glob("in-use-*")} - {f"in-use-{store._lock.name}"}  # noqa: ASYNC240
    version = running()
    await store.save(CONVERSATION, a_message(version), version)
    await store._run(
        lambda: store._database.execute("UPDATE version SET owner = ?", (other.removeprefix("in-use-"),))
    )
    await store._run(store._database.commit)
    assert (await store.load(CONVERSATION))[0].running
    holding.kill()
    holding.communicate()
    assert not (await store.load(CONVERSATION))[0].running
    await store.close()


async def test_processes_that_start_and_write_at_once_do_not_disturb_one_another(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        processes = [python(WRITE, str(tmp_path), str(n)) for n in range(4)]
        list(pool.map(lambda process: process.communicate(), processes))
    assert [process.returncode for process in processes] == [0] * 4
    store = Store(tmp_path)
    assert len(await store.load(CONVERSATION)) == 400
    check = await store._run(lambda: store._database.execute("PRAGMA integrity_check").fetchone())
    await store.close()
    assert check == ("ok",)


async def test_messages_come_back_as_they_were_in_the_order_they_came(tmp_path: Path) -> None:
    picture = Picture(name="0" * 32 + ".png", media_type="image/png", width=1, height=2, size=3)
    complete = running().model_copy(update={"status": "complete", "picture": picture, "duration": 1.25})
    messages = [a_message(complete, id=f"m{9 - n}", rev=n) for n in range(10)]  # all created at one time
    store = Store(tmp_path)
    for message in messages:
        await store.save(CONVERSATION, message, complete)
    messages[3].chosen, messages[3].rev = 1, 99
    await store.save(CONVERSATION, messages[3])
    await store.close()
    store = Store(tmp_path)
    found = await store.load(CONVERSATION)
    assert [vars(message) for message in found] == [vars(message) for message in messages]
    assert await store.load("1" * 32) == []
    await store.close()


async def test_a_damaged_row_costs_that_message_only(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for id in ("good", "bad"):
        await store.save(CONVERSATION, a_message(running(), id=id), running())
    await store.close()
    with sqlite3.connect(tmp_path / "limner.sqlite3") as database:
        database.execute("UPDATE version SET content = '{' WHERE message = 'bad'")
    database.close()
    store = Store(tmp_path)
    assert [message.id for message in await store.load(CONVERSATION)] == ["good"]
    await store.close()


def test_a_database_of_a_newer_limner_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "limner.sqlite3") as database:
        database.execute("PRAGMA user_version = 1000")
    database.close()
    with pytest.raises(
        StoreError, match="was written by a newer Limner: use that one, or name another folder"
    ):
        Store(tmp_path)


async def test_a_database_of_the_first_form_opens_with_all_that_it_has(tmp_path: Path) -> None:
    store = Store(tmp_path)
    await store.save(CONVERSATION, a_message(running()), running())
    await store.close()
    with sqlite3.connect(tmp_path / "limner.sqlite3") as database:
        for statement in ("DROP TABLE hit", "DROP INDEX version_of_picture", "PRAGMA user_version = 1"):
            database.execute(statement)
    database.close()
    for messages in (1, 2):
        store = Store(tmp_path)
        assert len(await store.load(CONVERSATION)) == messages
        await store.save(CONVERSATION, a_message(id="later"), hits=[Hit("me", time.time(), time.time() + 60)])
        await store.close()


async def test_what_counts_against_a_limit_is_kept_until_it_counts_no_more(tmp_path: Path) -> None:
    now = time.time()
    store = Store(tmp_path)
    assert store.hits == []
    hits = [Hit("budget", now - 10, now + 3600), Hit("me", now - 60, now - 1)]
    await store.save(CONVERSATION, a_message(), hits=hits)
    await store.close()
    store = Store(tmp_path)
    assert store.hits == hits[:1]
    await store.close()


@pytest.mark.parametrize("page", range(3, 12))
async def test_damage_within_a_database_is_noticed_when_it_is_opened(tmp_path: Path, page: int) -> None:
    store = Store(tmp_path)
    for n in range(60):
        await store.save(CONVERSATION, a_message(running(), id=f"message-{n}"), running())
    await store.close()
    path = tmp_path / "limner.sqlite3"
    whole = path.read_bytes()
    path.write_bytes(whole[: page * 4096] + b"damage! " * 512 + whole[(page + 1) * 4096 :])
    with pytest.raises(StoreError, match=r"cannot be used \(.+\): move it away"):
        Store(tmp_path)


async def test_an_index_that_lies_is_noticed_too(tmp_path: Path) -> None:
    store = Store(tmp_path)
    await store.save(CONVERSATION, a_message(running()), running())
    await store.close()

    def change(*statements: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        with sqlite3.connect(tmp_path / "limner.sqlite3", isolation_level=None) as database:
            database.execute("PRAGMA writable_schema = ON")
            rows = [row for statement in statements for row in database.execute(statement, values)]
        database.close()
        return rows

    (index,) = change("SELECT * FROM sqlite_master WHERE name = 'message_of_thread'")
    change("DELETE FROM sqlite_master WHERE name = 'message_of_thread'")
    change("DELETE FROM message")
    change("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", values=index)
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path)


@pytest.mark.parametrize("damage", ["garbage", "folder"])
def test_a_database_that_cannot_be_used_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "limner.sqlite3"
    path.mkdir() if damage == "folder" else path.write_bytes(b"garbage " * 1_000)
    with pytest.raises(
        StoreError, match=r"^The database .*limner\.sqlite3 cannot be used \(.+\): move it away"
    ):
        Store(tmp_path)


async def test_a_folder_that_cannot_be_written_to_is_replaced_for_now(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "data")
    try:
        assert store.is_temporary
        name = (await store.put(PNG, INFO)).name
        assert isinstance(store.find(name), Path)
        assert await store.read(name) == PNG
    finally:
        await store.close()


async def test_what_is_made_is_private_and_its_names_cannot_be_guessed(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "data")
    names = {(await store.put(PNG, INFO)).name for _ in range(10)}
    await store.save(CONVERSATION, a_message())
    made = [tmp_path / "deep", *(tmp_path / "deep").rglob("*")]
    assert {path.stat().st_mode & 0o077 for path in made if not path.name.startswith("in-use-")} == {0}
    assert len({name.partition(".")[0] for name in names}) == 10
    assert all(len(name) == 36 for name in names)
    assert {path.name for path in store.folder.joinpath("pictures").iterdir()} == names
    await store.close()


@pytest.mark.parametrize(
    "name",
    ["../limner.sqlite3", "0" * 32 + ".exe", "0" * 32, "..", "", "0" * 32 + ".png\n", "A" * 32 + ".png"],
)
async def test_only_a_pictures_own_name_finds_anything(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path)
    assert store.find(name) is None
    assert await store.read(name) is None
    await store.close()


async def test_a_picture_that_fails_to_be_written_leaves_no_half_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    os.rename(tmp_path / "pictures", tmp_path / "gone")
    name = (await store.put(PNG, INFO)).name
    assert store.find(name) == PNG
    assert list((tmp_path / "gone").iterdir()) == []
    await store.close()


async def test_memory_for_unwritten_pictures_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.storage.pictures.MAX_IN_MEMORY", 2 * len(PNG))
    store = Store(tmp_path)
    os.rename(tmp_path / "pictures", tmp_path / "gone")
    names = [(await store.put(PNG, INFO)).name for _ in range(3)]
    assert [store.find(name) for name in names] == [None, PNG, PNG]
    await store.close()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="The store is closed"):
        await store.load(CONVERSATION)
