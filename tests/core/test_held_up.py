"""A process that is held up, or that its database leaves alone, spoils nothing and pays for nothing twice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from core.generation import attempt, saving
from core.storage.database import StoreError
from core.storage.tables import versions
from core.studio import Studio
from tests.core.replicated import (
    Open,
    Service,
    another_store,
    end_leases,
    kill,
    open_studio,
    seen,
    service,
    start,
)
from tests.waiting import until

__all__ = ["open_studio", "service"]
pytestmark = pytest.mark.anyio


def is_remembered(studio: Studio) -> bool:
    return bool(studio._attempts) and all(one.is_remembered for one in studio._attempts.values())


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Callable[[Studio, bool], None]:
    """Takes the database away from a studio, and gives it back."""

    def take_away(studio: Studio, is_away: bool) -> None:
        if not is_away:
            monkeypatch.undo()
            return

        async def fails(work: Any) -> Any:
            raise StoreError("It is away.")

        for name in ("read", "write"):
            monkeypatch.setattr(studio.store._database, name, fails)

    return take_away


async def taken_over(one: Studio, open_studio: Open, message: Any) -> tuple[Studio, Any, Any]:
    """Lets another studio go on with what the first one is making, which has not renewed its lease."""
    end_leases(one)
    other = open_studio()
    conversation, shown = await seen(other, message)
    await until(lambda: other._attempts)
    return other, conversation, shown


async def test_whose_job_was_taken_over_does_not_cancel_it(open_studio: Open, service: Service) -> None:
    one = open_studio()
    mine, message = await start(one)
    await until(lambda: is_remembered(one))
    _, conversation, shown = await taken_over(one, open_studio, message)
    lease = one.store.running.lease
    assert lease.on_lost
    lease.on_lost({(message.id, 1)} - one.store._database.write_now(lease._renewed))
    await until(lambda: not one._attempts)
    assert service.cancelled == []
    service.is_done.set()
    assert (await asyncio.wait_for(conversation.settled(shown), 20)).picture
    await until(lambda: mine.get(message.id).versions[0].picture)


async def test_a_late_failure_does_not_settle_what_another_makes(open_studio: Open, service: Service) -> None:
    one = open_studio()
    conversation, message = await start(one)
    await until(lambda: is_remembered(one))
    _, theirs, shown = await taken_over(one, open_studio, message)
    (making,) = one._attempts.values()
    making.stop("server")  # it fails here, and says so later than the other has taken it over
    service.cancelled.clear()
    await until(lambda: not one._attempts)
    with one.store._database._engine.connect() as connection:
        assert connection.execute(versions.select()).one().owner
    service.is_done.set()
    await asyncio.wait_for(theirs.settled(shown), 20)
    assert shown.versions[0].status in ("complete", "incomplete")
    assert conversation


async def test_a_graceful_end_does_not_count_as_one_that_the_job_has_caused(
    open_studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.replicas.LOOK_SECONDS", 3600)
    first = open_studio()
    await start(first)
    await until(lambda: is_remembered(first))
    await asyncio.to_thread(first.store.running.lease.end)
    for _ in range(5):
        store = another_store(first)
        assert len((await store.running.take_over({"remembering"})).abandoned) == 1
        await store.close()


async def test_a_handle_that_is_remembered_again_does_not_count_anew(
    open_studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.replicas.LOOK_SECONDS", 3600)
    first = open_studio()
    _, message = await start(first)
    await until(lambda: is_remembered(first))
    end_leases(first)
    taken = list[int]()
    for _ in range(4):
        store = another_store(first)
        taken.append(len((await store.running.take_over({"remembering"})).abandoned))
        await store.running.remember(message, 1, "remembering", {"id": "job 1"})
        await kill(store)
    assert taken == [1, 1, 1, 0]


async def test_what_could_not_be_saved_is_saved_once_the_database_is_back(
    open_studio: Open,
    service: Service,
    away: Callable[[Studio, bool], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = open_studio()
    conversation, message = await start(one)
    await until(lambda: is_remembered(one))
    monkeypatch.setattr(saving, "RETRY_SECONDS", 0.01)
    away(one, True)
    service.is_done.set()
    await asyncio.wait_for(conversation.settled(message), 20)
    await until(lambda: message.unsaved)
    away(one, False)
    await until(lambda: not message.unsaved)
    _, shown = await seen(open_studio(), message)
    assert shown.versions[0].picture


async def test_a_handle_is_kept_once_the_database_is_back(
    open_studio: Open, away: Callable[[Studio, bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = open_studio()
    _, message = await start(one, "forgetful")
    await until(lambda: message.running)
    (making,) = one._attempts.values()
    monkeypatch.setattr(attempt, "REMEMBER_SECONDS", 0.01)
    monkeypatch.setattr(attempt, "REMEMBER_AGAIN_SECONDS", 0.01)
    calls = list[bool | None]()

    async def remember(*_: Any) -> bool | None:
        calls.append(None if len(calls) < 3 else True)
        return calls[-1]

    monkeypatch.setattr(one._pipeline, "remember", remember)
    await making._remember({"id": "job 1"})
    assert not making.is_remembered, "the provider does not wait for a database that is away"
    await until(lambda: making.is_remembered)
    assert calls == [None, None, None, True]


async def test_undo_holds_while_the_other_changes_the_same(open_studio: Open, service: Service) -> None:
    one, other = open_studio(), open_studio()
    conversation, message = await start(one)
    service.is_done.set()
    await asyncio.wait_for(conversation.settled(message), 20)
    await one.regenerate(conversation, message)
    await asyncio.wait_for(conversation.settled(message), 20)
    theirs, shown = await seen(other, message)
    for _ in range(20):
        await asyncio.gather(one.delete(conversation, message, 1), other.choose(theirs, shown, 2))
        await asyncio.gather(one.restore(conversation, message, 1), other.choose(theirs, shown, 2))
    _, again = await seen(open_studio(), message)
    assert again.versions[0].deleted is None


async def test_what_is_removed_for_good_does_not_come_back(open_studio: Open, service: Service) -> None:
    one, other = open_studio(), open_studio()
    conversation, message = await start(one)
    service.is_done.set()
    await asyncio.wait_for(conversation.settled(message), 20)
    _, shown = await seen(other, message)
    one._replicas.close()  # it hears nothing any more
    one.store.notices.close()
    theirs = await other.conversation(conversation.id)
    await other.delete(theirs, shown)
    assert shown.deleted
    await other.store.removal.purge(shown.deleted + 1, [])
    await one.choose(conversation, message, 1)
    assert await other.store.load(conversation.id) == []


async def test_what_was_interrupted_is_a_line_in_the_log(
    open_studio: Open, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "core.storage.leases")
    one = open_studio()
    _, message = await start(one, "forgetful")
    await until(lambda: service.jobs)
    end_leases(one)
    _, shown = await seen(open_studio(), message)
    await until(lambda: not shown.running)
    fields: list[Any] = [vars(record)["fields"] for record in caplog.records if record.message == "picture"]
    assert [(one["provider"], one["outcome"], one["message_id"]) for one in fields] == [
        ("forgetful", "interrupted", message.id)
    ]
