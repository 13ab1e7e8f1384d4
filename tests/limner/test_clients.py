"""Shared clients: one per loop and key, made once, closed by the host however they behave."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from limner import clients, shared
from limner.clients import close_shared, owning_loop


class Client:
    """Knows how often it was closed and on which thread, and may misbehave when it is."""

    def __init__(self, on_close: Callable[[], Any] = lambda: None) -> None:
        self.on_close = on_close
        self.closed_on: list[int] = []

    def _note(self) -> None:
        self.closed_on.append(threading.get_ident())
        self.on_close()


class AsyncClient(Client):
    async def aclose(self) -> None:
        self._note()

    def close(self) -> None:
        raise AssertionError("aclose comes first")


class AsyncCloseClient(Client):
    async def close(self) -> None:
        self._note()


class SyncClient(Client):
    def close(self) -> None:
        self._note()


@pytest.fixture(autouse=True)
def no_clients_left() -> Iterator[None]:
    yield
    asyncio.run(close_shared())
    assert not any(loop.is_running() for loop in clients._by_loop)


def in_thread(work: Callable[[], Any], loop: asyncio.AbstractEventLoop | None = None) -> Any:
    """Calls a function in a thread that works for a loop, as the host's workers do."""
    results: list[Any] = []

    def run() -> None:
        owning_loop.set(loop)
        results.append(work())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(5)
    (result,) = results
    return result


def test_a_client_is_made_once_per_key_and_loop() -> None:
    async def use() -> list[Client]:
        return [
            shared(key, AsyncClient)
            for key in (("openai", "key 1"), ("openai", "key 2"), ("openai", "key 1"))
        ]

    first, second, third = asyncio.run(use())
    assert first is third
    assert first is not second
    assert asyncio.run(use())[0] is not first


def test_the_host_closes_every_client_in_the_way_that_it_has() -> None:
    async def main() -> None:
        made = [shared(kind, kind) for kind in (AsyncClient, AsyncCloseClient, SyncClient)]
        shared("a limiter", object)
        await close_shared()
        assert [len(client.closed_on) for client in made] == [1, 1, 1]
        await close_shared()
        assert [len(client.closed_on) for client in made] == [1, 1, 1]
        assert shared(SyncClient, SyncClient) is not made[2]

    asyncio.run(main())


def test_one_loop_closes_its_own_clients_and_those_of_its_threads_only() -> None:
    async def use() -> list[Client]:
        loop = asyncio.get_running_loop()
        return [shared("key", AsyncClient), in_thread(lambda: shared("key", SyncClient), loop)]

    one, other = asyncio.new_event_loop(), asyncio.new_event_loop()
    ones, others = one.run_until_complete(use()), other.run_until_complete(use())
    assert len({*ones, *others}) == 4
    one.run_until_complete(close_shared())
    assert [len(client.closed_on) for client in (*ones, *others)] == [1, 1, 0, 0]
    assert other.run_until_complete(use()) == others
    other.run_until_complete(close_shared())
    assert [len(client.closed_on) for client in (*ones, *others)] == [1, 1, 1, 1]
    one.close()
    other.close()


def test_threads_share_a_client_and_only_one_of_them_makes_it() -> None:
    made: list[Client] = []
    got: list[Client] = []
    first_makes, second_makes = threading.Event(), threading.Event()

    def make() -> Client:
        (second_makes if made else first_makes).set()
        made.append(SyncClient())
        second_makes.wait(0.05)  # in vain
        return made[-1]

    def use() -> None:
        got.append(shared("key", make))

    first, second = (threading.Thread(target=use) for _ in range(2))
    first.start()
    assert first_makes.wait(30)
    second.start()
    first.join(30)
    second.join(30)
    assert got == [*made, *made]


def test_a_slow_factory_in_a_thread_does_not_hold_up_the_loop() -> None:
    making, go = threading.Event(), threading.Event()

    def slow() -> Client:
        making.set()
        go.wait(60)
        return SyncClient()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=lambda: (owning_loop.set(loop), shared("slow", slow)))
        thread.start()
        assert making.wait(30)
        shared("quick", AsyncClient)
        await asyncio.wait_for(close_shared(), 30)
        assert not go.is_set()
        go.set()
        thread.join(30)

    asyncio.run(main())


def test_a_factory_may_use_another_shared_client() -> None:
    def outer() -> list[Client]:
        return [shared("inner", SyncClient)]

    async def main() -> bool:
        return shared("outer", outer)[0] is shared("inner", SyncClient)

    assert asyncio.run(main())
    assert in_thread(lambda: shared("outer", outer)[0] is shared("inner", SyncClient))


def test_a_factory_that_raises_leaves_nothing_behind() -> None:
    def fail() -> Client:
        raise LookupError("no such host")

    async def main() -> Client:
        with pytest.raises(LookupError):
            shared("key", fail)
        return shared("key", AsyncClient)

    assert isinstance(asyncio.run(main()), AsyncClient)


def test_an_async_factory_is_refused() -> None:
    async def make() -> Client:
        return AsyncClient()

    async def main() -> None:
        with pytest.raises(TypeError, match="plain function"):
            _ = shared("key", make)

    asyncio.run(main())


def fail() -> None:
    raise OSError("the connection was gone")


def leave() -> None:
    raise SystemExit(1)


@pytest.mark.parametrize("misbehave", [fail, leave])
@pytest.mark.parametrize("kind", [AsyncClient, SyncClient])
def test_one_that_fails_to_close_is_named_and_the_others_are_closed(
    misbehave: Callable[[], None], kind: type[Client], caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> Client:
        loop = asyncio.get_running_loop()
        shared("bad", lambda: kind(misbehave))
        in_thread(lambda: shared("bad", lambda: SyncClient(misbehave)), loop)
        good = shared("good", AsyncClient)
        await close_shared()
        return good

    assert len(asyncio.run(main()).closed_on) == 1
    assert sorted(record.getMessage() for record in caplog.records) == sorted(
        f"A client of type {name} failed to close" for name in (kind.__name__, "SyncClient")
    )


def test_those_that_hang_are_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(clients, "CLOSING", 0.05)
    let_go = threading.Event()

    class Hanging:
        async def aclose(self) -> None:
            await asyncio.Event().wait()

    async def main() -> Client:
        loop = asyncio.get_running_loop()
        shared("hangs", Hanging)
        in_thread(lambda: shared("hangs", lambda: SyncClient(lambda: let_go.wait(120))), loop)
        good = shared("good", AsyncClient)
        await asyncio.wait_for(close_shared(), 30)
        return good

    good = asyncio.run(main())
    let_go.set()
    assert len(good.closed_on) == 1
    assert caplog.messages == ["2 clients did not close within 0 seconds"]


def test_a_client_that_refers_to_its_loop_dies_with_it() -> None:
    class Bound:
        def __init__(self) -> None:
            self.loop = asyncio.get_running_loop()

    async def use() -> weakref.ref[Bound]:
        return weakref.ref(shared("bound", Bound))

    gone = asyncio.run(use())
    asyncio.run(use())
    gc.collect()
    assert gone() is None


def test_a_client_of_a_thread_is_closed_in_a_thread_even_where_it_closes_asynchronously() -> None:
    async def main() -> Client:
        client: Client = in_thread(lambda: shared("key", AsyncClient), asyncio.get_running_loop())
        await close_shared()
        return client

    (closed_on,) = asyncio.run(main()).closed_on
    assert closed_on != threading.get_ident()
