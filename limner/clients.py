"""Clients that live as long as the event loop that uses them."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from limner.threads import call_in_thread

Client = TypeVar("Client")

log = logging.getLogger(__name__)

CLOSING = 5.0
"""Seconds that all clients of a loop together have to close."""

owning_loop: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("limner_home", default=None)
"""The event loop for which a worker thread works: the host sets it before it calls a plugin."""


class _Clients:
    """The clients of one event loop, apart from those of the worker threads that work for it."""

    def __init__(self) -> None:
        self.on_loop: dict[Hashable, Any] = {}
        self.in_threads: dict[Hashable, Any] = {}
        self.making = threading.RLock()
        """Held while a thread makes a client; never taken on a loop, which a slow factory would hold up."""


_lock = threading.Lock()
_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Clients] = WeakKeyDictionary()
_homeless = _Clients()


def _clients_of(loop: asyncio.AbstractEventLoop | None) -> _Clients:
    if loop is None:
        return _homeless
    with _lock:
        # A client that refers to its loop would keep the pair alive for ever.
        for closed in [known for known in _by_loop if known.is_closed()]:
            del _by_loop[closed]
        return _by_loop.setdefault(loop, _Clients())


def shared(key: Hashable, factory: Callable[[], Client]) -> Client:
    """Gives the client of that key for the running event loop, made by the factory the first time.

    An asynchronous client works on one event loop only, and making one per request is slow (tens of
    milliseconds for an SDK's). The key holds everything that the client was made from: the
    provider, its base URL, its credential. The factory is a plain function; where it raises, nothing
    is kept. All worker threads of a loop share one client per key, so it has to bear that. The host
    closes the clients, by their `aclose` or `close`, when it ends.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # a worker thread: its clients are synchronous and belong to no loop
        clients = _clients_of(owning_loop.get())
        with clients.making:
            if key not in clients.in_threads:
                clients.in_threads[key] = _make(factory)
            return clients.in_threads[key]
    clients = _clients_of(loop).on_loop
    if key not in clients:
        clients[key] = _make(factory)
    return clients[key]


def _make(factory: Callable[[], Client]) -> Client:
    client = factory()
    if inspect.iscoroutine(client):
        client.close()
        raise TypeError("The factory of a shared client is a plain function, not an async one")
    return client


async def close_shared() -> None:
    """Closes the clients of the running event loop and of the threads that work for it: the host's call.

    A client that fails to close is logged; one that hangs is left behind after `CLOSING` seconds.
    """
    with _lock:
        clients = _by_loop.pop(asyncio.get_running_loop(), None) or _Clients()
    closing: list[asyncio.Future[None]] = [
        asyncio.ensure_future(_close(client)) for client in clients.on_loop.values()
    ]
    for owner in (clients, _homeless):
        in_threads, owner.in_threads = owner.in_threads, {}
        # in a thread, where one may hang without holding up the loop or the program's exit
        closing += [
            call_in_thread(lambda client=client: asyncio.run(_close(client)), "limner-close")
            for client in in_threads.values()
        ]
    if closing:
        _, hanging = await asyncio.wait(closing, timeout=CLOSING)
        for client in hanging:
            client.cancel()
        if hanging:
            log.warning("%d clients did not close within %.0f seconds", len(hanging), CLOSING)


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
