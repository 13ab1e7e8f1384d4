"""Several studios on one PostgreSQL, as replicas are, and a service whose jobs end when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from core.chat.conversation import Conversation
from core.chat.message import Message
from core.chat.request import UserRequest
from core.settings.schema import Settings
from core.storage.store import Store
from core.storage.tables import processes
from core.studio import Studio
from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl
from tests.core.scripted import PNG, registry_of
from tests.postgres import Postgres

CONVERSATION = "c" * 32
Open: TypeAlias = Callable[..., Studio]


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


def another_store(studio: Studio) -> Store:
    """Opens the store of a studio once more, as another process does."""
    url = studio.store._database._engine.url.set(drivername="postgresql")
    return Store(studio.store.folder, database=url.render_as_string(hide_password=False))


async def kill(store: Store) -> None:
    """Closes a store as if its process had been killed long ago."""
    store.running.lease.stop()
    name = store.process
    expired = processes.update().where(processes.c.name == name).values(until=0)
    store._database.write_now(lambda connection: connection.execute(expired))
    store.running.lease.end = lambda: None
    await store.close()
