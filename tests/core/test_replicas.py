"""Several studios on one PostgreSQL: what one changes the others see, and they go on with what it began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from core.chat.conversation import Conversation
from core.chat.failure import Rejected, Unavailable
from core.chat.message import Message
from core.chat.request import UserRequest
from core.settings.schema import Settings
from core.storage.store import Store
from core.storage.tables import processes
from core.studio import Studio
from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl
from tests.core.scripted import PNG, registry_of
from tests.postgres import Postgres
from tests.waiting import until

CONVERSATION = "c" * 32
Open: TypeAlias = Callable[..., Studio]
pytestmark = pytest.mark.anyio


class Service:
    """What makes pictures elsewhere: jobs by their ids, which end when the test says so."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.cancelled: list[str] = []
        self.is_done = asyncio.Event()


class Remembering:
    """A provider that remembers its job, and can be asked for it again."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @hookimpl
    def describe(self) -> ProviderInfo:
        return ProviderInfo(label="Remembering", about="A test.", models=[ModelInfo(id="m")], paid=True)

    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        self._service.jobs.append(request.prompt)
        job = f"job {len(self._service.jobs)}"
        await request.remember({"id": job})
        request.report("drawing")
        return await self._wait(job, request)

    @hookimpl
    async def resume(self, request: ImageRequest, handle: Any) -> ImageResult:
        request.report("drawing again")
        return await self._wait(handle["id"], request)

    async def _wait(self, job: str, request: ImageRequest) -> ImageResult:
        try:
            await self._service.is_done.wait()
        except asyncio.CancelledError:
            if not request.handed_over:
                self._service.cancelled.append(job)
            raise
        return ImageResult(PNG, request_id=job)


class Forgetful(Remembering):
    """The same without a handle."""

    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        self._service.jobs.append(request.prompt)
        return await self._wait("job", request)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def open_studio(tmp_path: Path, postgres: Postgres, service: Service) -> AsyncIterator[Open]:
    """Opens studios that share their pictures and their database, as replicas do."""
    database, opened = postgres.new_database(), list[Studio]()

    def open() -> Studio:
        settings = Settings(data_dir=tmp_path, provider="remembering", shutdown_grace=0)
        providers = {"remembering": Remembering(service), "forgetful": Forgetful(service)}
        store = Store(tmp_path, database=database)
        opened.append(Studio(settings, registry_of(settings=settings, **providers), store))
        opened[-1]._replicas.start()  # as a server does
        return opened[-1]

    yield open
    service.is_done.set()
    for studio in opened:
        await studio.close()


def end_leases(studio: Studio) -> None:
    """Lets the time pass after which processes that do not renew their lease are taken to be dead."""
    lease = studio.store.running.lease
    lease.stop()
    studio.store._database.write_now(
        lambda connection: connection.execute(processes.update().values(until=0))
    )


def die(studio: Studio) -> None:
    """Has a studio end as a process does: it writes nothing any more, and its lease ends."""
    studio._replicas.close()
    studio.store.notices.close()
    for attempt in studio._attempts.values():
        attempt.hand_over()
    end_leases(studio)


async def start(studio: Studio, provider: str = "remembering", prompt: str = "a fox") -> tuple[Any, Any]:
    conversation = await studio.conversation(CONVERSATION)
    message = await studio.start(conversation, UserRequest(prompt=prompt, provider=provider))
    return conversation, message


async def seen(studio: Studio, message: Message) -> tuple[Conversation, Message]:
    """Returns a message as another studio has it."""
    conversation = await studio.conversation(CONVERSATION)
    found = conversation.get(message.id)
    assert found
    return conversation, found


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
        store = Store(first.store.folder, database=first.store._database.name.replace("+psycopg", ""))
        taken.append(len((await store.running.take_over({"remembering"})).abandoned))
        await store.close()
    assert taken == [1, 1, 1, 0, 0]
    _, again = await seen(open_studio(), message)
    assert again.versions[0].failure
