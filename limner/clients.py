"""Clients that live as long as the event loop that uses them."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

Client = TypeVar("Client")

log = logging.getLogger(__name__)
_lock = threading.Lock()
_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Any]] = WeakKeyDictionary()
_without_loop: dict[Hashable, Any] = {}


def _clients() -> dict[Hashable, Any]:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # a worker thread: its clients are synchronous and belong to no loop
        return _without_loop
    return _by_loop.setdefault(loop, {})


def shared(key: Hashable, factory: Callable[[], Client]) -> Client:
    """Gives the client of that key for the running event loop, made by the factory the first time.

    An asynchronous client works on one event loop only, and making one per request is slow (tens of
    milliseconds for an SDK's). The key holds everything that the client was made from: the
    provider, its base URL, its credential. The host closes the clients.
    """
    with _lock:
        clients = _clients()
        if key not in clients:
            clients[key] = factory()
        return clients[key]


async def close_shared() -> None:
    """Closes the clients of the running event loop, and those of worker threads: the host's call."""
    with _lock:
        loop_clients = _by_loop.pop(asyncio.get_running_loop(), {})
        clients = [*loop_clients.values(), *_without_loop.values()]
        _without_loop.clear()
    for client in clients:
        close = getattr(client, "aclose", None) or getattr(client, "close", None)
        if close is None:
            continue
        try:
            closing = close()
            if inspect.isawaitable(closing):
                await closing
        except Exception:
            log.warning("A client of type %s failed to close", type(client).__name__, exc_info=True)
