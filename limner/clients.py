"""Clients that live as long as the event loop that uses them."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Collection, Hashable, Iterable
from contextvars import ContextVar
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from pydantic import SecretStr

from limner.environment import environment_fault
from limner.threads import call_in_thread

Client = TypeVar("Client")

log = logging.getLogger(__name__)

CLOSING = 5.0
"""Seconds in which all clients of a loop must have closed."""

KEEPALIVE = 4.0
"""Seconds in which an idle connection is used again. Many servers (uvicorn, Node) close theirs after 5, and a
request that is sent at that moment is lost without a sign whether it ran."""

owning_loop: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("limner_home", default=None)
"""The event loop that a worker thread belongs to: the host sets it before it calls a plugin."""
visitors_secrets: ContextVar[frozenset[str]] = ContextVar("limner_visitors_secrets", default=frozenset())
"""The credential of the visitor whose request this is, if it is their own: the host sets it."""


class _Clients:
    """The clients of one event loop, and separately those of its worker threads."""

    def __init__(self) -> None:
        self.on_loop: dict[Hashable, Any] = {}
        self.in_threads: dict[Hashable, Any] = {}
        self.building: dict[Hashable, asyncio.Future[Any]] = {}
        """Those of the loop that a thread is making right now."""
        self.visitors: dict[Hashable, frozenset[str]] = {}
        """The keys of those that were made for the credential of a visitor, and that."""
        self.making = threading.RLock()
        """Held while a thread makes a client; never on a loop, which a slow factory would block."""

    def note(self, key: Hashable) -> None:
        """Notes a client that is made for the credential of a visitor, which is in its key."""
        secrets = visitors_secrets.get()
        if _holds(key, secrets):
            self.visitors[key] = secrets

    def take(self, keys: Collection[Hashable]) -> tuple[list[Any], list[Any], list[asyncio.Future[Any]]]:
        """Takes out those with these keys: of the loop, of its threads, and those that are being made."""
        kept = (self.on_loop, self.in_threads, self.building)
        on_loop, in_threads, building = ([one.pop(key) for key in keys if key in one] for one in kept)
        return on_loop, in_threads, building


_lock = threading.Lock()
_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Clients] = WeakKeyDictionary()
_without_loop = _Clients()


def _clients_of(loop: asyncio.AbstractEventLoop | None) -> _Clients:
    if loop is None:
        return _without_loop
    with _lock:
        if loop not in _by_loop:
            # A client that refers to its loop would keep both alive forever.
            for closed in [known for known in _by_loop if known.is_closed()]:
                del _by_loop[closed]
            _by_loop[loop] = _Clients()
        return _by_loop[loop]


def shared(key: Hashable, factory: Callable[[], Client]) -> Client:
    """Returns the client with this key for the running event loop; the factory makes it the first time.

    An asynchronous client works on one event loop only, and making one for each request is slow (tens
    of milliseconds for an SDK's). The key is a tuple of everything that the client depends on: first
    the provider, then its base URL, its credential. The factory is a plain function; if it raises, nothing is
    kept. All worker threads of a loop share one client per key, so the client must be thread-safe. The
    host closes the clients, with their `aclose` or `close`, when it ends, and one for a visitor's own
    credential after their last request. If a wrong environment makes the factory fail, that is a
    ``ProviderError("unavailable")`` that names the variable.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # a worker thread, whose clients are synchronous
        clients = _clients_of(owning_loop.get())
        with clients.making:
            if key not in clients.in_threads:
                clients.note(key)
                clients.in_threads[key] = _make(factory)
            return clients.in_threads[key]
    clients = _clients_of(loop)
    if key not in clients.on_loop:
        clients.note(key)
        clients.on_loop[key] = _make(factory)
    return clients.on_loop[key]


async def shared_async(key: Hashable, factory: Callable[[], Client]) -> Client:
    """Returns the same client as `shared`, but calls the factory in a thread, once for all who wait.

    So a factory may import an SDK and read certificates, which would block an event loop for half a second.
    """
    clients = _clients_of(asyncio.get_running_loop())
    if key in clients.on_loop:
        return clients.on_loop[key]
    building = clients.building.get(key)
    if building is None:
        clients.note(key)
        building = clients.building[key] = call_in_thread(lambda: _make(factory))

        def keep(built: asyncio.Future[Any]) -> None:
            if clients.building.pop(key, None) is None:  # nobody waits for it any more
                return
            if not built.cancelled() and built.exception() is None:
                clients.on_loop.setdefault(key, built.result())

        building.add_done_callback(keep)
    return await asyncio.shield(building)  # one who leaves does not take it from the others


def _make(factory: Callable[[], Client]) -> Client:
    try:
        client = factory()
    except Exception as error:
        if fault := environment_fault(error):
            raise fault from error
        raise
    if inspect.iscoroutine(client):
        client.close()
        raise TypeError("The factory of a shared client is a plain function, not an async one")
    return client


async def close_shared() -> None:
    """Closes the clients of the running event loop and of its worker threads; only the host calls it.

    A client that fails to close is logged; one that hangs is abandoned after `CLOSING` seconds.
    """
    with _lock:
        clients = _by_loop.pop(asyncio.get_running_loop(), None) or _Clients()
    in_threads = [*clients.in_threads.values(), *_without_loop.in_threads.values()]
    clients.in_threads, _without_loop.in_threads = {}, {}
    await _close_all(clients.on_loop.values(), clients.building.values(), in_threads)


async def close_clients_of(secrets: Collection[str]) -> None:
    """Closes the clients that were made for these credentials of a visitor; only the host calls it.

    What is kept under such a client goes with it. A client closes as in `close_shared`.
    """
    clients = _clients_of(asyncio.get_running_loop())
    keys = [key for key, own in clients.visitors.items() if not own.isdisjoint(secrets)]
    for key in keys:
        del clients.visitors[key]
    on_loop, in_threads, building = clients.take(keys)
    made = [id(client) for client in (*on_loop, *in_threads)]
    known = (*clients.on_loop, *clients.in_threads)
    clients.take([key for key in known if any(id(part) in made for part in _parts(key))])
    await _close_all(on_loop, building, in_threads)


def _parts(key: object) -> tuple[object, ...]:
    return cast("tuple[object, ...]", key) if isinstance(key, tuple) else (key,)


def _holds(key: object, secrets: Collection[str]) -> bool:
    """Whether one of a key's parts after its first, which is a name that anybody may enter, is a secret."""
    rest = _parts(key)[1:]
    plain = [part.get_secret_value() if isinstance(part, SecretStr) else part for part in rest]
    return any(part in secrets for part in plain if isinstance(part, str))


async def _close_all(
    on_loop: Iterable[Any], building: Iterable[asyncio.Future[Any]], in_threads: Iterable[Any]
) -> None:
    closing: list[asyncio.Future[None]] = [
        *(asyncio.ensure_future(_close(client)) for client in on_loop),
        *(asyncio.ensure_future(_close_when_built(one)) for one in building),
        # in a thread, where a client may hang without blocking the loop or the program's exit
        *(call_in_thread(lambda one=one: asyncio.run(_close(one)), "limner-close") for one in in_threads),
    ]
    if closing:
        _, hanging = await asyncio.wait(closing, timeout=CLOSING)
        for client in hanging:
            client.cancel()
        if hanging:
            log.warning("%d clients did not close within %.0f seconds", len(hanging), CLOSING)


async def _close_when_built(building: asyncio.Future[Any]) -> None:
    await asyncio.wait({building})
    if not building.cancelled() and building.exception() is None:
        await _close(building.result())


async def _close(client: Any) -> None:
    try:
        close = getattr(client, "aclose", None) or getattr(client, "close", None)
        closing = close() if callable(close) else None
        if inspect.isawaitable(closing):
            await closing
    except asyncio.CancelledError:
        raise
    except BaseException:  # a SystemExit would end the event loop
        log.warning("A client of type %s failed to close", type(client).__name__, exc_info=True)
