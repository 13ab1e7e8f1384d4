"""`Idempotency-Key`: what a client asks for twice within one retry is made once.

The header is that of draft-ietf-httpapi-idempotency-key-header. What a key began is remembered by its ids,
and the answer is built from them again, so that no picture is held in memory.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from starlette.requests import Request

from core import Rejected, StoreError
from core.chat.failure import Unavailable
from core.generation.visitor import Visitor
from core.storage.begun import BegunRequests

log = logging.getLogger(__name__)

MAX_KEYS = 1_000
"""Keys that are remembered, of all visitors; the oldest go first."""
MAX_OF_ONE = 200
"""Of one network, so that it does not make everybody else's be forgotten."""
KEPT_SECONDS = 24 * 60 * 60
LOOKS, LOOK_SECONDS = 50, 0.2
"""How often a process looks what another has begun, and the pause between two looks."""
_REUSED = "This Idempotency-Key was sent with another request: use a new one for each."
_KEY = re.compile(r"[!-~]{1,200}")


class KeyReused(Rejected):
    """A key that came with another request before."""

    status = 422


@dataclass(frozen=True)
class Begun:
    """What a request began: a version of a message, or the first of several."""

    conversation: str
    message: str
    version: int


@dataclass(frozen=True)
class _Entry:
    asked: bytes
    beginning: asyncio.Task[Begun]
    visitor: str
    at: float = field(default_factory=time.monotonic)


class IdempotencyKeys:
    """The keys of requests that were begun, in memory and in the store; belongs to one event loop."""

    def __init__(self, stored: BegunRequests | None = None) -> None:
        self._stored = stored
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()

    async def once(
        self,
        request: Request,
        visitor: Visitor,
        body: str,
        begin: Callable[[], Coroutine[Any, Any, Begun]],
    ) -> Begun:
        """Begins what a request asks for, or returns what the same request of this visitor has begun.

        A browser is known by its cookie, since an answer is lost most often where its address changes. It is
        begun even if the client goes away. What `begin` rejects is not remembered. Raises Rejected
        for a key that is not valid, KeyReused for one that came with another request.
        """
        key = _read_key(request)
        if key is None:
            return await begin()
        self._forget_old()
        place, asked = (visitor.key or visitor.name, key), _fingerprint(request, body)
        entry = self._entries.get(place) or self._entries.get((visitor.name, key))  # then the cookie is new
        if entry is None:
            self._make_room(visitor.name)
            known = visitor.name if visitor.key else None
            names = _name(place), known and _name((known, key))
            beginning = begin() if self._stored is None else self._begin(self._stored, names, asked, begin)
            entry = self._entries[place] = _Entry(asked, asyncio.create_task(beginning), visitor.name)
            entry.beginning.add_done_callback(lambda _: self._forget_failed(place, entry))
        elif entry.asked != asked:
            raise KeyReused(_REUSED)
        return await asyncio.shield(entry.beginning)

    async def _begin(
        self,
        stored: BegunRequests,
        names: tuple[str, str | None],
        asked: bytes,
        begin: Callable[[], Coroutine[Any, Any, Begun]],
    ) -> Begun:
        """Begins it, unless another process has; what may have been begun is never begun again."""
        name, also = names
        for _ in range(LOOKS):
            try:
                claimed = await stored.claim(name, asked.hex(), also)
            except StoreError as error:
                if not stored.is_shared:  # the disk fails, and no other process begins it
                    return await begin()
                raise Unavailable("The database cannot be reached: try again in a moment.") from error
            if claimed is None:
                return await self._first(stored, name, begin)
            if claimed.asked != asked.hex():
                raise KeyReused(_REUSED)
            if claimed.what is not None:
                return Begun(*json.loads(claimed.what))
            await asyncio.sleep(LOOK_SECONDS)
        raise Unavailable("This may have been begun already: look at the conversation before you ask again.")

    async def _first(
        self, stored: BegunRequests, name: str, begin: Callable[[], Coroutine[Any, Any, Begun]]
    ) -> Begun:
        try:
            begun = await begin()
        except Rejected:
            with _logged():
                await stored.forget(name)
            raise
        with _logged():  # it has begun, whatever becomes of its key
            await stored.keep(name, json.dumps([begun.conversation, begun.message, begun.version]))
        return begun

    def _make_room(self, visitor: str) -> None:
        """Forgets the oldest of this visitor if they have many, or else of whoever has the most."""
        count = Counter(entry.visitor for entry in self._entries.values())
        if count[visitor] < MAX_OF_ONE:
            if len(self._entries) < MAX_KEYS:
                return
            ((visitor, _),) = count.most_common(1)
        place = next(place for place, entry in self._entries.items() if entry.visitor == visitor)
        del self._entries[place]

    def _forget_old(self) -> None:
        oldest = time.monotonic() - KEPT_SECONDS
        while self._entries and next(iter(self._entries.values())).at < oldest:
            self._entries.popitem(last=False)

    def _forget_failed(self, place: tuple[str, str], entry: _Entry) -> None:
        failed = entry.beginning.cancelled() or entry.beginning.exception() is not None
        if failed and self._entries.get(place) is entry:
            del self._entries[place]


def digest(values: object) -> str:
    """Returns what tells one body from another with other values, in whatever order."""
    return hashlib.sha256(json.dumps(_shortened(values), sort_keys=True).encode()).hexdigest()


def _shortened(value: object) -> object:
    """Returns a JSON value with a digest in place of each long text; writing a picture again takes long."""
    if isinstance(value, dict):
        return {name: _shortened(inner) for name, inner in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_shortened(inner) for inner in cast("list[object]", value)]
    if isinstance(value, str) and len(value) > 1_000:
        return {"sha256": hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()}
    return value


def has_key(request: Request) -> bool:
    """Whether what a request begins can be asked for again."""
    return "idempotency-key" in request.headers


def _read_key(request: Request) -> str | None:
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise Rejected("The Idempotency-Key must be one text of 1 to 200 visible ASCII characters.")
    return keys[0]


def _fingerprint(request: Request, body: str) -> bytes:
    """Returns what tells one request from another: its address, and its body."""
    asked = json.dumps([request.method, request.url.path, request.url.query, body])
    return hashlib.sha256(asked.encode()).digest()


def _name(place: tuple[str, str]) -> str:
    """Returns the name of a key in the store, from which nobody learns who sent it."""
    return hashlib.sha256(json.dumps(place).encode()).hexdigest()


@contextmanager
def _logged() -> Generator[None]:
    try:
        yield
    except StoreError as error:
        log.error("What a request with a key has begun could not be kept: %s", error)
