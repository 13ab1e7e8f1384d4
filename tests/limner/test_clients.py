"""Shared clients: one per loop and key, made once, closed by the host however they behave."""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest

from limner import ProviderError, clients, shared, shared_async
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


# Built in a thread


def test_a_client_is_built_in_a_thread_once_however_many_ask() -> None:
    made: list[Client] = []
    threads: list[int] = []
    begun, go = threading.Event(), threading.Event()

    def slow() -> Client:
        threads.append(threading.get_ident())
        begun.set()
        assert go.wait(5)
        made.append(AsyncClient())
        return made[-1]

    async def main() -> None:
        asking = [asyncio.create_task(shared_async("key", slow)) for _ in range(5)]
        assert await asyncio.to_thread(begun.wait, 5)
        asking[0].cancel()  # the others still get it
        with pytest.raises(asyncio.CancelledError):
            await asking[0]
        go.set()
        got = await asyncio.gather(*asking[1:])
        assert got == made * 4
        assert await shared_async("key", slow) is made[0]
        assert shared("key", slow) is made[0]
        await close_shared()
        assert len(made[0].closed_on) == 1

    asyncio.run(main())
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


def test_a_build_that_fails_leaves_nothing_behind() -> None:
    def fail_to_build() -> Client:
        raise LookupError("no such host")

    def stop() -> Client:
        raise StopIteration

    async def main() -> None:
        with pytest.raises(LookupError):
            await shared_async("key", fail_to_build)
        with pytest.raises(RuntimeError):
            await shared_async("key", stop)
        assert isinstance(await shared_async("key", AsyncClient), AsyncClient)

    asyncio.run(main())


def test_a_client_that_is_being_built_is_closed_too() -> None:
    go, made = threading.Event(), list[Client]()

    def slow() -> Client:
        assert go.wait(5)
        made.append(AsyncClient())
        return made[-1]

    async def main() -> None:
        asking = asyncio.create_task(shared_async("key", slow))
        await asyncio.sleep(0)
        closing = asyncio.create_task(close_shared())
        await asyncio.sleep(0)
        go.set()
        await closing
        assert await asking is made[0]

    asyncio.run(main())
    assert len(made[0].closed_on) == 1


# A wrong environment


VARIABLES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:1"),
        ("all_proxy", "socks://127.0.0.1:1"),
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
        ("HTTPS_PROXY", "http://127.0.0.1:x"),
        ("HTTP_PROXY", "http://user:p%ss@host:port"),
        ("https_proxy", "ftp://127.0.0.1:1"),
        ("SSL_CERT_FILE", "/does/not/exist.pem"),
        ("SSL_CERT_FILE", __file__),
        ("SSLKEYLOGFILE", "/does/not/exist/keys"),
    ],
)
def test_a_wrong_variable_is_named(
    library: Any, variable: str, value: str, plain: pytest.MonkeyPatch
) -> None:
    plain.setattr("limner.environment.find_spec", lambda name: None)
    plain.setitem(sys.modules, "socksio", None)
    plain.setenv(variable, value)

    async def ask() -> ProviderError | None:
        with pytest.raises(ProviderError) as raised:
            await shared_async("key", build)
        with pytest.raises(ProviderError):
            shared("key", build)
        return raised.value

    def build() -> Any:
        if variable == "SSLKEYLOGFILE":  # httpx2 makes its context without Python's defaults
            ssl.create_default_context()
        return library.AsyncClient()

    error = asyncio.run(ask())
    assert error is not None
    assert (error.category, error.did_not_run) == ("unavailable", True)
    assert f"The environment variable {variable} cannot be used" in str(error.why)
    assert value not in str(error.why)


def test_a_network_of_ipv6_is_named(plain: pytest.MonkeyPatch) -> None:
    plain.setenv("NO_PROXY", "localhost,fd07::/64")
    with pytest.raises(ProviderError, match="NO_PROXY"):
        _ = shared("key", httpx.AsyncClient)  # httpx2 passes over it


def test_a_variable_of_the_sdk_is_named_by_its_value(plain: pytest.MonkeyPatch) -> None:
    plain.setenv("REPLICATE_POLL_INTERVAL", "soon")
    with pytest.raises(ProviderError, match="REPLICATE_POLL_INTERVAL"):
        _ = shared("key", lambda: float(os.environ["REPLICATE_POLL_INTERVAL"]))


def test_an_error_of_its_own_is_not_the_environments(plain: pytest.MonkeyPatch) -> None:
    plain.setenv("HTTP_PROXY", "http://127.0.0.1:3128")
    plain.setenv("NO_PROXY", "localhost,10.0.0.0/8")
    for error in (ValueError("too many"), ModuleNotFoundError("no sdk", name="sdk"), OSError(28, "full")):

        def build(error: Exception = error) -> Client:
            raise error

        with pytest.raises(type(error)) as raised:
            _ = shared("key", build)
        assert raised.value is error
