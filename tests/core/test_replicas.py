"""Several studios on one PostgreSQL: what one changes the others see, and they go on with what it began."""

from __future__ import annotations

import asyncio

import pytest

from core.chat.failure import Rejected, Unavailable
from core.chat.request import UserRequest
from tests.core.replicated import (
    CONVERSATION,
    Open,
    Service,
    another_store,
    die,
    end_leases,
    kill,
    open_studio,
    seen,
    service,
    start,
)
from tests.core.scripted import PNG
from tests.postgres import Postgres
from tests.waiting import until

__all__ = ["open_studio", "service"]
pytestmark = pytest.mark.anyio


async def test_what_one_makes_the_other_shows_as_it_happens(open_studio: Open, service: Service) -> None:
    one, other = open_studio(), open_studio()
    conversation = await other.conversation(CONVERSATION)
    _, message = await start(one)
    await until(lambda: conversation.get(message.id))
    shown = conversation.get(message.id)
    assert shown
    assert shown.running
    await until(lambda: shown.live and shown.live[1].progress == "drawing")
    service.is_done.set()
    version = await asyncio.wait_for(conversation.settled(shown), 20)
    assert version.picture
    assert await other.store.read(version.picture.name) == PNG
    assert service.jobs == ["a fox"]


async def test_stop_reaches_whoever_makes_it(open_studio: Open, service: Service) -> None:
    one, other = open_studio(), open_studio()
    _, message = await start(one)
    await until(lambda: service.jobs)
    conversation, shown = await seen(other, message)
    other.stop(shown)
    version = await asyncio.wait_for(conversation.settled(shown), 20)
    assert version.reason == "cancelled"
    assert service.cancelled == ["job 1"]


async def test_what_is_changed_on_both_is_kept(open_studio: Open, service: Service) -> None:
    one, other = open_studio(), open_studio()
    service.is_done.set()
    conversation, message = await start(one)
    await conversation.settled(message)
    await one.regenerate(conversation, message)
    await conversation.settled(message)
    theirs, shown = await seen(other, message)
    await asyncio.gather(one.choose(conversation, message, 1), other.delete(theirs, shown, 2))
    await until(lambda: message.versions[1].deleted and shown.chosen == 1)
    third = open_studio()
    _, again = await seen(third, message)
    assert (again.chosen, again.versions[1].deleted is not None) == (1, True)


async def test_two_presses_at_once_make_one_picture(open_studio: Open, service: Service) -> None:
    one, other = open_studio(), open_studio()
    service.is_done.set()
    conversation, message = await start(one)
    await conversation.settled(message)
    theirs, shown = await seen(other, message)
    service.is_done.clear()
    presses = one.regenerate(conversation, message), other.regenerate(theirs, shown)
    outcomes = await asyncio.gather(*presses, return_exceptions=True)
    assert sorted(map(type, outcomes), key=str) == [type(None), Rejected]
    service.is_done.set()
    await until(lambda: not message.running and not shown.running)
    assert service.jobs == ["a fox", "a fox"]


async def test_a_late_deletion_does_not_lose_a_picture(open_studio: Open, service: Service) -> None:
    """The one that deletes still sees it running."""
    one, other = open_studio(), open_studio()
    conversation, message = await start(one)
    await until(lambda: service.jobs)
    theirs, shown = await seen(other, message)
    other.store.notices.close()
    service.is_done.set()
    settled = await asyncio.wait_for(conversation.settled(message), 20)
    await other.delete(theirs, shown)
    await other.restore(theirs, shown)
    _, again = await seen(open_studio(), message)
    assert again.deleted is None
    assert again.versions[0].picture == settled.picture


@pytest.mark.parametrize("is_graceful", [True, False])
async def test_what_a_replica_had_submitted_arrives_on_another_and_is_not_sent_again(
    open_studio: Open, service: Service, monkeypatch: pytest.MonkeyPatch, *, is_graceful: bool
) -> None:
    one, other = open_studio(), open_studio()
    monkeypatch.setattr("core.replicas.LOOK_SECONDS", 0.05)
    _, message = await start(one)
    await until(lambda: one._attempts and all(attempt.is_remembered for attempt in one._attempts.values()))
    conversation, shown = await seen(other, message)
    if is_graceful:
        await one.close()
    else:
        die(one)
    await until(lambda: shown.live and shown.live[1].progress == "drawing again")
    service.is_done.set()
    version = await asyncio.wait_for(conversation.settled(shown), 20)
    assert version.picture
    assert version.provenance.request_id == "job 1"
    assert (service.jobs, service.cancelled) == (["a fox"], [])


async def test_without_a_handle_it_is_interrupted(
    open_studio: Open, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.replicas.LOOK_SECONDS", 0.05)
    one, other = open_studio(), open_studio()
    _, message = await start(one, "forgetful")
    await until(lambda: service.jobs)
    conversation, shown = await seen(other, message)
    die(one)
    version = await asyncio.wait_for(conversation.settled(shown), 20)
    assert version.failure
    assert version.failure.cause == "interrupted"
    assert service.jobs == ["a fox"]


async def test_what_a_slow_one_still_brings_is_kept(open_studio: Open, service: Service) -> None:
    """Its lease has ended, and another has settled what it was making."""
    one, other = open_studio(), open_studio()
    _, message = await start(one, "forgetful")
    await until(lambda: service.jobs)
    end_leases(one)
    await other.store.running.take_over(set())
    _, shown = await seen(other, message)
    assert shown.versions[0].failure
    service.is_done.set()
    await until(lambda: not one._attempts)
    _, again = await seen(open_studio(), message)
    assert message.versions[0].picture
    assert again.versions[0].picture == message.versions[0].picture


async def test_while_the_database_is_out_of_reach_nothing_that_is_made_is_lost(
    open_studio: Open, service: Service, postgres: Postgres
) -> None:
    studio = open_studio()
    conversation, message = await start(studio)
    await until(lambda: service.jobs)
    with postgres.out_of_reach(studio.store._database.name):
        service.is_done.set()
        version = await asyncio.wait_for(conversation.settled(message), 30)
        assert version.picture
        await until(lambda: message.unsaved)
        with pytest.raises(Unavailable, match="try again in a moment"):
            await studio.conversation("d" * 32)
    await studio.start(await studio.conversation("d" * 32), UserRequest(prompt="another"))
    await until(lambda: not message.unsaved)
    (again,) = await open_studio().store.load(CONVERSATION)
    assert again.versions[0].picture == version.picture


async def test_one_that_ends_all_who_ask_for_it_is_given_up(
    open_studio: Open, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.replicas.LOOK_SECONDS", 3600)
    first = open_studio()
    _, message = await start(first)
    await until(lambda: all(attempt.is_remembered for attempt in first._attempts.values()))
    end_leases(first)
    taken: list[int] = []
    for _ in range(5):
        store = another_store(first)
        taken.append(len((await store.running.take_over({"remembering"})).abandoned))
        await kill(store)
    assert taken == [1, 1, 1, 0, 0]
    _, again = await seen(open_studio(), message)
    assert again.versions[0].failure
