"""What is too old or too much goes, the oldest first, and nothing that is still needed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.chat.message import Message, Version
from core.chat.request import UserRequest
from core.storage.retention import DAY, Forgotten
from core.storage.store import Store
from tests.core.storage.conftest import Open
from tests.core.storage.samples import INFO, running

pytestmark = pytest.mark.anyio

SIZE = 1_000_000
"""Bytes of each picture; a database of few rows takes far less."""


@pytest.fixture
async def store(open_store: Open) -> AsyncIterator[Store]:
    store = open_store()
    yield store
    await store.close()


async def keep(
    store: Store, id: str, *, days: float = 0, conversation: str = "c", size: int = SIZE, made: bool = True
) -> Message:
    """Stores a message of that age, with a picture of that size unless it is not made yet."""
    version: Version = running()
    if made:
        version = version.completed(await store.put(bytes(size), INFO), version.provenance)
    message = Message(id, UserRequest(prompt="a"), time.time() - days * DAY, versions=[version])
    await store.save(conversation, message, version)
    return message


async def prune(store: Store, **limits: Any) -> list[str]:
    """Returns the messages that were forgotten, in order."""
    given = {"keep_days": None, "keep_bytes": None, "in_use": (), "protected": (), **limits}
    return [forgotten.message for forgotten in await store.removal.prune(**given)]


async def kept(store: Store) -> list[str]:
    """Returns the messages of the conversation that are left; each has its picture, and there is no other."""
    messages = await store.load("c")
    names = {version.picture.name for message in messages for version in message.versions if version.picture}
    assert {path.name for path in (store.folder / "pictures").iterdir()} == names
    return [message.id for message in messages]


async def test_without_a_limit_nothing_goes(store: Store) -> None:
    await keep(store, "old", days=9_999)
    assert await prune(store) == []
    assert await kept(store) == ["old"]


async def test_what_is_older_than_its_days_goes_with_its_files(store: Store) -> None:
    for days in (1, 9, 11, 30):
        await keep(store, f"{days}", days=days)
    assert await store.removal.prune(keep_days=10, keep_bytes=None, in_use=()) == [
        Forgotten("c", "30"),
        Forgotten("c", "11"),
    ]
    assert await kept(store) == ["9", "1"]
    assert await prune(store, keep_days=10) == []


async def test_the_oldest_go_beyond_the_bytes_and_no_more_than_needed(store: Store) -> None:
    for days in (1, 3, 2):
        await keep(store, f"{days}", days=days)
    assert await prune(store, keep_bytes=4 * SIZE) == []
    assert await prune(store, keep_bytes=int(2.5 * SIZE)) == ["3"]
    assert await prune(store, keep_bytes=int(2.5 * SIZE)) == []
    assert await kept(store) == ["2", "1"]


async def test_some_room_is_freed_beyond_the_limit_so_that_the_next_picture_fits(store: Store) -> None:
    for n in range(40):
        await keep(store, f"{n}", days=40 - n, size=SIZE // 20)
    limit = 2 * SIZE
    assert await prune(store, keep_bytes=limit), "with the rows it is too much"
    assert 0.85 * limit < len(await kept(store)) * SIZE // 20 < 0.95 * limit
    await keep(store, "next", size=SIZE // 20)
    assert await prune(store, keep_bytes=limit) == []


async def test_all_versions_of_a_message_go_with_it(store: Store) -> None:
    message = await keep(store, "old", days=2)
    again = running().model_copy(update={"number": 2})
    again = again.completed(await store.put(bytes(SIZE), INFO), again.provenance)
    await store.save("c", message, again)
    assert await prune(store, keep_days=1) == ["old"]
    assert await kept(store) == []


async def test_what_is_in_use_goes_last_and_never_for_its_age(store: Store) -> None:
    await keep(store, "open", days=30)
    await keep(store, "open too", days=20)
    await keep(store, "other", days=1, conversation="d")
    assert await prune(store, keep_days=10, in_use={"c"}) == []
    assert await prune(store, keep_bytes=int(2.5 * SIZE), in_use={"c"}) == ["other"]
    assert await prune(store, keep_bytes=int(1.5 * SIZE), in_use={"c"}) == ["open"], "nothing else is left"
    assert await kept(store) == ["open too"]


async def test_what_is_spared_and_what_is_being_made_stay_in_any_case(store: Store) -> None:
    await keep(store, "spared", days=30)
    await keep(store, "being made", days=30, made=False)
    await keep(store, "old", days=30)
    assert await prune(store, keep_days=1, keep_bytes=0, protected={"spared"}) == ["old"]
    assert await kept(store) == ["spared", "being made"]


async def test_a_file_of_no_message_takes_no_room_from_those_that_have_one(store: Store) -> None:
    for n in range(3):
        await keep(store, f"{n}")
    stray = store.folder / "pictures" / f"{'0' * 32}.png"
    stray.write_bytes(bytes(10 * SIZE))
    assert await prune(store, keep_bytes=4 * SIZE) == []
    stray.unlink()
    assert len(await kept(store)) == 3


async def test_rows_alone_count_too(store: Store) -> None:
    for n in range(60):
        version = running().cancelled()
        message = Message(f"{n}", UserRequest(prompt="a fox " * 1_300), n, versions=[version])
        await store.save("c", message, version)
    assert await prune(store, keep_bytes=300_000)
    left = await kept(store)
    assert left == [f"{n}" for n in range(60 - len(left), 60)], "the oldest went first"
    assert 1 < len(left) < 40
