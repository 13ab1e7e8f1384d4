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

from core.chat.message import Message
from core.chat.picture import Picture
from core.storage import leases
from core.storage.database import Hit, StoreError
from core.storage.store import Store
from tests.core.scripted import CONVERSATION, PNG
from tests.core.storage.conftest import Open
from tests.core.storage.samples import INFO, a_message, changed_database, end_leases, running
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
    # once the provider is at work, it is stored
    while not (await conversation.changes(0))[-1].live[1].progress:
        await asyncio.sleep(0.01)
    print(max(message.rev for message in conversation), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
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


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


async def test_a_killed_process_loses_nothing_but_what_was_under_way(tmp_path: Path) -> None:
    process = python(MAKE_SLOWLY, str(tmp_path))
    assert process.stdout is not None
    last_rev = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.communicate()
    end_leases(tmp_path)

    store = Store(tmp_path)
    before, under_way = await store.load(CONVERSATION)
    assert before.main.picture is not None
    assert await store.read(before.main.picture.name)
    (version,) = under_way.versions
    assert version.failure is not None
    assert (version.status, version.reason) == ("incomplete", "error")
    assert version.failure.cause == "interrupted"
    assert "billed" not in version.failure.why, "the sketch costs nothing"
    assert under_way.rev > last_rev, "a page that was open learns of it"
    await store.close()


@pytest.mark.parametrize("paid", [True, False])
async def test_an_interrupted_version_says_whether_it_may_have_cost_money(
    open_store: Open, paid: bool
) -> None:
    store = open_store()
    version = running(paid)
    await store.save(CONVERSATION, a_message(version), version)
    await store.close()
    store = open_store()
    ((settled,),) = [message.versions for message in await store.load(CONVERSATION)]
    await store.close()
    assert settled.failure is not None
    assert ("billed" in settled.failure.why) is paid


async def seen_by(store: Store) -> list[Message]:
    """Returns the messages as a process has them that looks for what dead ones have left."""
    await store.running.take_over(set())
    return await store.load(CONVERSATION)


async def test_a_second_process_leaves_alone_what_the_first_is_making(open_store: Open) -> None:
    first = open_store()
    version = running()
    message = a_message(version)
    await first.save(CONVERSATION, message, version)

    second = open_store()
    (seen,) = await seen_by(second)
    assert seen.running
    await first.close()
    (seen,) = await seen_by(second)
    assert not seen.running, "the first is gone, so nobody makes it"
    await second.close()


async def test_a_process_that_lives_on_settles_what_a_killed_one_left(tmp_path: Path) -> None:
    process = python(MAKE_SLOWLY, str(tmp_path))
    assert process.stdout is not None
    process.stdout.readline()
    store = Store(tmp_path)
    assert (await seen_by(store))[1].running
    process.kill()
    process.communicate()
    assert (await seen_by(store))[1].running, "it may only be slow"
    end_leases(tmp_path)
    assert not (await seen_by(store))[1].running
    await store.close()


async def test_a_process_that_is_slow_keeps_its_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.01)
    first, second = Store(tmp_path), Store(tmp_path)
    version = running()
    await first.save(CONVERSATION, a_message(version), version)
    for _ in range(3):
        end_leases(tmp_path)
        while lease_of(tmp_path) < time.time():  # and this event loop does nothing
            time.sleep(0.001)  # noqa: ASYNC251
    assert (await seen_by(second))[0].running
    await first.save(CONVERSATION, a_message(version.cancelled()), version.cancelled())
    await first.close()
    await second.close()


def lease_of(folder: Path) -> float:
    with changed_database(folder) as database:
        return database.execute("SELECT max(until) FROM process").fetchone()[0]


async def test_processes_that_start_and_write_at_once_do_not_disturb_one_another(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        processes = [python(WRITE, str(tmp_path), str(n)) for n in range(4)]
        list(pool.map(lambda process: process.communicate(), processes))
    assert [process.returncode for process in processes] == [0] * 4
    store = Store(tmp_path)
    assert len(await store.load(CONVERSATION)) == 400
    await store.close()
    Store(tmp_path)._database.close()  # which checks all of it


async def test_messages_come_back_as_they_were_in_the_order_they_came(open_store: Open) -> None:
    picture = Picture(name="0" * 32 + ".png", media_type="image/png", width=1, height=2, size=3)
    complete = running().model_copy(update={"status": "complete", "picture": picture, "duration": 1.25})
    messages = [a_message(complete, id=f"m{9 - n}", rev=n) for n in range(10)]  # all created at one time
    store = open_store()
    for message in messages:
        await store.save(CONVERSATION, message, complete)
    messages[3].chosen, messages[3].rev = 1, 99
    await store.save(CONVERSATION, messages[3])
    await store.close()
    store = open_store()
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


async def test_what_counts_against_a_limit_is_kept_until_it_counts_no_more(open_store: Open) -> None:
    now = time.time()
    store = open_store()
    assert store.hits == []
    hits = [Hit("budget", now - 10, now + 3600), Hit("me", now - 60, now - 1)]
    await store.save(CONVERSATION, a_message(), hits=hits)
    await store.close()
    store = open_store()
    assert store.hits == hits[:1]
    await store.close()


async def test_a_folder_that_cannot_be_written_to_is_replaced_for_now(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "data")
    try:
        assert store.is_temporary
        name = (await store.put(PNG, INFO)).name
        assert isinstance(store.pictures.find(name), Path)
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


async def test_a_closed_store_says_so(open_store: Open) -> None:
    store = open_store()
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="The store is closed"):
        await store.load(CONVERSATION)


async def test_a_failure_that_nobody_foresaw_is_not_taken_for_a_closed_store(open_store: Open) -> None:
    store = open_store()

    def fail() -> None:
        raise RuntimeError("cannot schedule new futures after shutdown")

    with pytest.raises(StoreError) as failed:
        await store._database.run(fail)
    assert str(failed.value) == "The store failed (RuntimeError): the log has the details."
    assert isinstance(failed.value.__cause__, RuntimeError)
    await store.close()


@pytest.mark.parametrize("late", ["running", "cancelled"])
async def test_a_picture_is_replaced_by_nothing_that_comes_late_from_another_process(
    open_store: Open, late: str
) -> None:
    one, other = open_store(), open_store()
    begun = running()
    made = begun.completed(await one.put(PNG, INFO), begun.provenance)
    await one.save(CONVERSATION, a_message(begun), begun)
    await one.save(CONVERSATION, a_message(made), made)
    stale = begun if late == "running" else begun.cancelled()
    await other.save(CONVERSATION, a_message(stale), stale)
    ((kept,),) = [message.versions for message in await other.load(CONVERSATION)]
    assert (kept.status, kept.picture) == ("complete", made.picture)
