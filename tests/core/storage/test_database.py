"""The SQLite file: an older one opens with all that it has, and one that is damaged or too new is named."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from core.chat.request import UserRequest
from core.storage.database import Hit, StoreError
from core.storage.store import Store
from tests.core.scripted import CONVERSATION
from tests.core.storage.samples import a_message, database_of_form, running

pytestmark = pytest.mark.anyio


def test_a_database_of_a_newer_limner_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "limner.sqlite3") as database:
        database.execute("PRAGMA user_version = 1000")
    database.close()
    with pytest.raises(
        StoreError, match="was written by a newer Limner: use that version, or set data_dir to another folder"
    ):
        Store(tmp_path)


def insert(database: sqlite3.Connection, table: str, **row: object) -> None:
    marks = ", ".join("?" * len(row))
    database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", [*row.values()])


def insert_message(database: sqlite3.Connection, id: str, *contents: str, **more: object) -> None:
    row = {"id": id, "thread": CONVERSATION, "created": 1.5, "rev": 1, "asked": '{"prompt": "a fox"}'}
    insert(database, "message", **{**row, **more})
    for number, content in enumerate(contents, 1):
        insert(database, "version", message=id, number=number, content=content)


async def test_a_database_of_the_first_form_opens_with_all_that_it_has(tmp_path: Path) -> None:
    with database_of_form(tmp_path, 1) as database:
        insert_message(database, "m", running().model_dump_json())
    for messages in (1, 2):
        store = Store(tmp_path)
        assert len(await store.load(CONVERSATION)) == messages
        await store.save(CONVERSATION, a_message(id="later"), hits=[Hit("me", time.time(), time.time() + 60)])
        await store.close()


APPLIED = {
    "prompt": "a fox",
    "provider": "scripted",
    "provider_label": "Scripted",
    "model": "p-1",
    "model_label": "P 1",
    "size": "512x512",
    "seed": 7,
    "options": {"style": "vivid"},
    "paid": True,
    "warnings": [{"feature": "style", "details": "Style was left out.", "type": "unsupported"}],
    "cost": "0.04 USD",
}


def of_form_2(folder: Path, **contents: str) -> None:
    """Makes a database of that form, with a message of one version for each content."""
    with database_of_form(folder, 2) as database:
        for id, content in contents.items():
            insert_message(database, id, content)


def version_of_form_2(**more: Any) -> str:
    settled = {"number": 1, "applied": APPLIED, "started": 1.5, "duration": 2.5}
    return json.dumps({**settled, "picture": None, "failure": None, "refusal": None, **more})


async def test_a_version_of_the_second_form_is_read_with_its_provenance_and_its_refusal_as_a_failure(
    tmp_path: Path,
) -> None:
    picture = {"name": f"{'0' * 32}.png", "media_type": "image/png", "width": 1, "height": 2, "size": 3}
    failure = {"cause": "timeout", "what": "Too late.", "why": "It took long.", "next": "Try again."}
    incomplete = {"status": "incomplete"}
    of_form_2(
        tmp_path,
        made=version_of_form_2(status="complete", picture=picture),
        refused=version_of_form_2(**incomplete, reason="content-filter", refusal="No foxes."),
        silent=version_of_form_2(**incomplete, reason="content-filter"),
        failed=version_of_form_2(**incomplete, reason="error", failure=failure),
        stopped=version_of_form_2(**incomplete, reason="cancelled"),
    )
    for _ in range(2):  # the second time it is of today's form
        store = Store(tmp_path)
        messages = await store.load(CONVERSATION)
        await store.close()
        assert [message.id for message in messages] == ["made", "refused", "silent", "failed", "stopped"]
        made, refused, silent, failed, stopped = (message.versions[0] for message in messages)
        for version in (made, refused, silent, failed, stopped):
            kept = version.provenance.model_dump(mode="json")
            assert {name: kept[name] for name in APPLIED} == APPLIED
            assert (version.started, version.duration) == (1.5, 2.5)
        assert made.picture is not None
        assert made.picture.model_dump() == picture
        assert refused.failure is not None
        assert (refused.reason, refused.failure.cause) == ("content-filter", "content-filter")
        assert refused.failure.service_message == "No foxes."
        assert refused.failure.what
        assert refused.failure.next
        assert silent.failure is not None
        assert (silent.failure.cause, silent.failure.service_message) == ("content-filter", None)
        assert failed.failure is not None
        assert (failed.failure.cause, failed.failure.what) == ("timeout", "Too late.")
        assert (stopped.reason, stopped.failure) == ("cancelled", None)


@pytest.mark.parametrize("content", ["", "{", '{"applied": ', "[]", '"applied"', "null", '{"applied": 1}'])
async def test_a_row_of_the_second_form_that_cannot_be_read_stays_and_costs_that_message_only(
    tmp_path: Path, content: str
) -> None:
    of_form_2(tmp_path, before=version_of_form_2(), damaged=content, after=version_of_form_2())
    store = Store(tmp_path)
    assert [message.id for message in await store.load(CONVERSATION)] == ["before", "after"]
    await store.close()
    with sqlite3.connect(tmp_path / "limner.sqlite3") as database:
        rows = database.execute("SELECT content FROM version WHERE message = 'damaged'").fetchall()
    database.close()
    assert rows == [(content,)]


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


async def test_the_conversations_of_the_fourth_form_get_rows_and_belong_to_nobody(tmp_path: Path) -> None:
    """Their titles are what was asked first, as far as that can be read."""
    with database_of_form(tmp_path, 4) as database:
        for id, prompt in (("1", "  a fox\n in the snow " + "and more " * 20), ("2", "a boat")):
            asked = UserRequest(prompt=prompt).model_dump_json()
            insert_message(database, id, created=float(id), asked=asked)
        insert_message(database, "3", thread="damaged", asked="{")
    store = Store(tmp_path)
    entry, damaged = await store.conversations.find(CONVERSATION), await store.conversations.find("damaged")
    await store.close()
    assert entry
    assert entry.title.startswith("a fox  in the snow and more")
    assert len(entry.title) <= 80
    assert (entry.owner, entry.deleted, entry.created, entry.updated) == (None, None, 1, 2)
    assert damaged
    assert damaged.title == ""


async def test_each_version_of_the_fourth_form_is_a_turn_of_its_own(tmp_path: Path) -> None:
    contents = [running().cancelled().model_copy(update={"number": n}) for n in (1, 2)]
    with database_of_form(tmp_path, 4) as database:
        without = {"turn"}
        insert_message(database, "m", *(content.model_dump_json(exclude=without) for content in contents))
    store = Store(tmp_path)
    (message,) = await store.load(CONVERSATION)
    await store.close()
    assert [[version.number for version in turn] for turn in message.turns] == [[1], [2]]


async def test_what_a_file_of_the_fifth_form_counts_goes_on_counting_and_more_can_be_corrected(
    tmp_path: Path,
) -> None:
    now = time.time()
    before = [Hit("visitor me", now - 9, now + 3600), Hit("budget", now - 9, now + 3600)]
    with database_of_form(tmp_path, 5) as database:
        insert_message(database, "m", running().model_dump_json())
        for hit in before:
            insert(database, "hit", key=hit.key, at=hit.at, until=hit.until)
    store = Store(tmp_path)
    assert store.hits == before
    assert len(await store.load(CONVERSATION)) == 1
    added = Hit("budget", now - 5, now + 3600, "0.04 USD", "one")
    await store.save(CONVERSATION, a_message(), hits=[added, Hit("budget", now - 4, now + 3600, None, "two")])
    added.cost = "0.05 USD"
    await store.save(CONVERSATION, a_message(), hits=[added, Hit("budget", now - 4, 0, None, "two")])
    await store.close()
    store = Store(tmp_path)
    assert store.hits == [*before, added]
    await store.close()
