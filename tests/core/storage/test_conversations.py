"""Conversations as rows: the list of an owner's, what a search finds, and how one goes for good."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from core.chat.message import Message, Version
from core.chat.request import UserRequest
from core.storage import conversations
from core.storage.conversations import PAGE
from core.storage.store import Store
from tests.core.scripted import PNG
from tests.core.storage.samples import INFO, execute, running

pytestmark = pytest.mark.anyio

ME, OTHER = "me", "other"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Lets a test move the store's clock."""
    now = [time.time()]
    monkeypatch.setattr(conversations.time, "time", lambda: now[0])
    return now


async def ask(
    store: Store,
    id: str,
    prompt: str = "a fox",
    *,
    message: str | None = None,
    pictures: int = 1,
    owner: str | None = ME,
    chosen: int | None = None,
    **asked: Any,
) -> list[str]:
    """Stores a message with so many pictures, and gives their names."""
    versions: list[Version] = []
    for number in range(1, pictures + 1):
        version = running().model_copy(update={"number": number})
        versions.append(version.completed(await store.put(PNG, INFO), version.provenance))
    versions = versions or [running().cancelled()]
    request = UserRequest(prompt=prompt, **asked)
    sent = Message(message or f"{id}-{prompt}", request, time.time(), 5, versions, chosen)
    await store.save(id, sent, *versions, owner=owner)
    return [version.picture.name for version in versions if version.picture]


async def found(store: Store, search: str = "", before: float | None = None, owner: str = ME) -> list[str]:
    return [entry.id for entry in await store.conversations.of_owner(owner, search, before)]


def files(store: Store, folder: str = "pictures") -> set[str]:
    return {path.name for path in (store.folder / folder).iterdir()}


async def test_an_owner_lists_their_own_the_latest_first_and_page_by_page(store: Store) -> None:
    for number in range(PAGE + 2):
        await ask(store, f"{number}", pictures=0)
    await ask(store, "theirs", owner=OTHER)
    await ask(store, "nobody's", owner=None)
    await ask(store, "0", "once more")
    await store.uploads.add("only a picture", PNG, INFO, "a.png", ME)

    first = await store.conversations.of_owner(ME)
    assert [entry.id for entry in first] == ["0", *(f"{n}" for n in range(PAGE + 1, 2, -1))]
    assert (first[0].title, first[0].owner, first[0].deleted) == ("a fox", ME, None)
    assert await found(store, before=first[-1].updated) == ["2", "1"]
    assert await found(store, owner=OTHER) == ["theirs"]


async def test_the_first_prompt_is_the_title_until_the_person_gives_another(store: Store) -> None:
    await ask(store, "c", "a  fox\nin the snow " + "and more of it " * 9)
    await ask(store, "c", "a boat")
    (entry,) = await store.conversations.of_owner(ME)
    assert entry.title.startswith("a fox in the snow and more of it")
    assert entry.title.endswith(("and…", "more…", "of…", "it…"))
    assert len(entry.title) <= 80
    await store.conversations.rename("c", "My fox")
    await ask(store, "c", "a bird")
    assert [entry.title for entry in await store.conversations.of_owner(ME)] == ["My fox"]


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        ("FOX", ["fox"]),
        ("ÄRZTE strasse", ["umlauts"]),  # spelling-checker: ignore
        ("лиса", ["cyrillic"]),
        ("100%", ["percent"]),
        ("%", ["percent"]),
        ("_", ["underscore"]),
        ("fox snow", ["fox"]),
        ("fox red", []),
        ("renamed", ["renamed"]),
        ("edited boat", ["edited"]),
        ("  ", ["damaged", "edited", "renamed", "underscore", "percent", "cyrillic", "umlauts", "fox"]),
    ],
)
async def test_a_search_finds_prompts_and_titles(store: Store, search: str, ids: list[str]) -> None:
    """Whatever the case, also beyond ASCII; the signs that SQL takes for others stand for themselves."""
    for id, prompt in {
        "fox": "A Fox in the snow",
        "umlauts": "ärzte auf der Straße",
        "cyrillic": "Рыжая ЛИСА",
        "percent": "100% cotton",
        "underscore": "snake_case",
    }.items():
        await ask(store, id, prompt)
    await ask(store, "fox", "something red")
    await execute(store, "UPDATE conversation SET updated = 1 WHERE id = 'fox'")
    await ask(store, "renamed", "xyz")
    await store.conversations.rename("renamed", "It is ReNamed")
    await ask(store, "edited", "a bird")
    edited = '{"number":1,"request":{"prompt":"an EDITED boat"}}'
    await execute(store, "UPDATE version SET content = :new WHERE message = 'edited-a bird'", new=edited)
    await ask(store, "damaged", "xyz")
    await execute(store, "UPDATE message SET asked = '{' WHERE thread = 'damaged'")
    await execute(store, "UPDATE version SET content = '{' WHERE message = 'damaged-xyz'")
    assert await found(store, search) == ids


async def test_a_search_ends_and_its_time_begins_when_the_store_comes_to_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if store.is_shared:
        pytest.skip("nobody waits for others there: each has a thread")
    seconds = [0.0]
    await ask(store, "fox", "a fox")
    monkeypatch.setattr(conversations, "time", SimpleNamespace(monotonic=lambda: seconds[0]))

    waits = threading.Event()

    def busy() -> None:
        assert waits.wait(20)
        seconds[0] += 10 * conversations.SEARCH_SECONDS

    before, search = (asyncio.create_task(work) for work in (store._database.run(busy), found(store, "fox")))
    await asyncio.sleep(0)  # both are in the store's thread's queue
    waits.set()
    await before
    assert await search == ["fox"], "The wait for others does not count."
    monkeypatch.setattr(conversations, "SEARCH_SECONDS", 0.0)
    assert await found(store, "fox") == []


async def test_the_thumbnail_is_the_picture_that_the_newest_message_with_one_shows(store: Store) -> None:
    async def thumbnail() -> str | None:
        (entry,) = await store.conversations.of_owner(ME)
        return entry.thumbnail

    await ask(store, "c", "no picture yet", pictures=0)
    assert await thumbnail() is None
    (only,) = await ask(store, "c", "one")
    assert await thumbnail() == only
    several = await ask(store, "c", "several", pictures=3, chosen=2)
    await ask(store, "c", "refused", pictures=0)
    assert await thumbnail() == several[1]
    await execute(store, "UPDATE message SET chosen = NULL")
    assert await thumbnail() == several[2]
    await execute(store, "UPDATE version SET deleted = 1.5 WHERE picture = :it", it=several[2])
    assert await thumbnail() == several[1]
    await execute(store, "UPDATE message SET deleted = 1.5 WHERE id = 'c-several'")
    assert await thumbnail() == only


async def test_what_was_deleted_a_minute_ago_goes_with_all_that_nothing_else_needs(
    store: Store, clock: list[float]
) -> None:
    (shared,) = await ask(store, "gone")
    for name in (await ask(store, "gone", "more", pictures=2), [shared]):
        assert await store.thumbnails.find(name[0])
    brought = await store.uploads.add("gone", PNG, INFO, "a.png", ME)
    await ask(store, "gone", "changed", images=(brought,))
    await store.keep_continuation(shared, "{}")
    (kept,) = await ask(store, "kept")
    await execute(store, "INSERT INTO used VALUES (:it, 'kept-a fox')", it=shared)

    await store.conversations.mark_deleted("gone", clock[0])
    assert await store.removal.purge_conversations(clock[0]) == []
    assert await found(store) == ["kept"], "it is not shown meanwhile"
    assert await store.removal.purge_conversations(clock[0] + 1) == ["gone"]

    assert files(store) == {shared, kept}
    assert files(store, "thumbnails") == {f"{shared}.webp"}
    assert await store.continuation_of(shared) == "{}"
    assert await store.load("gone") == []
    assert await store.conversations.find("gone") is None
    assert await execute(store, "SELECT picture FROM upload") == []


async def test_what_still_runs_is_not_removed(store: Store, clock: list[float]) -> None:
    """It would bring back a part of the conversation when it settles."""
    message = Message("m", UserRequest(prompt="a fox"), 1.5, 5, [running()])
    await store.save("c", message, running(), owner=ME)
    await store.conversations.mark_deleted("c", clock[0])
    assert await store.removal.purge_conversations(clock[0] + 1) == []
    await store.save("c", message, running().cancelled(), owner=ME)
    assert await store.removal.purge_conversations(clock[0] + 1) == ["c"]


async def test_a_conversation_goes_with_a_picture_that_was_never_sent(store: Store) -> None:
    brought = await store.uploads.add("c", PNG, INFO, "a.png", ME)
    await store.removal.purge_conversations(time.time())
    assert await store.conversations.find("c")
    await execute(store, "DELETE FROM upload WHERE picture = :it", it=brought.name)
    await store.removal.purge_conversations(time.time())
    assert await store.conversations.find("c") is None


async def test_a_conversation_goes_with_its_last_message_and_remembers_those_before(store: Store) -> None:
    for number, created in enumerate((1.5, 2.5, time.time()), 1):
        version = running().cancelled()
        message = Message(f"{number}", UserRequest(prompt="a"), created, number * 10, [version])
        await store.save("c", message, version, owner=ME)
    await store.removal.prune(keep_days=1, keep_bytes=None, in_use=())
    entry = await store.conversations.find("c")
    assert entry is not None
    assert entry.purged == 20
    await execute(store, "UPDATE message SET created = 1.5")
    await store.removal.prune(keep_days=1, keep_bytes=None, in_use=())
    assert await store.conversations.find("c") is None
