"""What several processes count against the limits: a log in Redis that each reads and writes in one order."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeAlias

Entry: TypeAlias = dict[str, Any]

LOG = "limner:limits"
ALIVE = "limner:alive:"
"""Before the name of a process: a key that is there as long as it says that it lives."""
ALIVE_SECONDS = 15
TIMEOUT = 5.0
"""Seconds for an answer of Redis."""
_APPEND = """
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
newest = newest and newest[1] or '0-0'
if newest ~= ARGV[1] then
  return {newest, redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', 10000)}
end
local id = redis.call('XADD', KEYS[1], '*', 'entry', ARGV[2])
redis.call('XTRIM', KEYS[1], 'MINID', '~', string.format('%.0f', string.match(id, '%d+') - ARGV[3]))
return {id}
"""
"""Appends an entry if the newest one is known, and drops what counts no more; else returns what is new."""


class LogFails(Exception):
    """Redis cannot be reached, or does not do what it is asked for; the text says why."""


class SharedLog:
    """The log of one set of limits; `seconds` is how long an entry counts, at most.

    Methods that wait raise LogFails. Times are those of Redis, in Unix seconds.
    """

    def __init__(self, url: str, process: str, seconds: float) -> None:
        from redis import asyncio as redis_asyncio
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import RedisError

        self._fails = RedisError, OSError
        # an entry that may have been written is never sent again
        client: Any = redis_asyncio.Redis
        self._redis: Any = client.from_url(
            url,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        self._process = process
        self._seconds = seconds
        self._newest = "0-0"
        """The newest entry that is known."""

    async def read(self) -> list[tuple[float, Entry]]:
        """Says that this process lives, and returns what other processes have written since the last time."""
        await self._do("SET", ALIVE + self._process, 1, "EX", ALIVE_SECONDS)
        found: list[tuple[float, Entry]] = []
        while new := await self._do("XRANGE", LOG, f"({self._newest}", "+", "COUNT", 10_000):
            found += self._read(new)
        return found

    async def append_after_all(self, entry: Entry) -> tuple[float | None, list[tuple[float, Entry]]]:
        """Appends an entry and returns its time, or else what is newer than what is known."""
        text = json.dumps({**entry, "process": self._process})
        newest, *missed = await self._do(
            "EVAL", _APPEND, 1, LOG, self._newest, text, int(self._seconds * 1000)
        )
        if not missed:
            self._newest = newest
            return _time(newest), []
        read = self._read(missed[0])
        if not missed[0]:  # Redis has lost its log
            self._newest = newest
        return None, read

    async def append(self, entries: Iterable[Entry]) -> None:
        """Appends entries, whatever else is new."""
        for entry in entries:
            text = json.dumps({**entry, "process": self._process})
            await self._do("XADD", LOG, "*", "entry", text)

    async def dead(self, processes: Iterable[str]) -> list[str]:
        """Returns those of these processes that do not say any more that they live."""
        return [process for process in processes if not await self._do("EXISTS", ALIVE + process)]

    async def leave(self) -> None:
        """Says that this process ends, and closes the connections."""
        try:
            await self._do("DEL", ALIVE + self._process)
        finally:
            await self._redis.aclose()

    def _read(self, rows: list[Any]) -> list[tuple[float, Entry]]:
        """Returns what other processes have written among these rows."""
        found: list[tuple[float, Entry]] = []
        for id, fields in rows:
            self._newest = id
            text = fields["entry"] if hasattr(fields, "items") else fields[1]
            entry: Entry = json.loads(text)
            if entry["process"] != self._process:
                found.append((_time(id), entry))
        return found

    async def _do(self, *command: Any) -> Any:
        try:
            return await self._redis.execute_command(*command)
        except self._fails as error:
            raise LogFails(f"{type(error).__name__}: {error}") from None


def _time(id: str) -> float:
    return int(id.partition("-")[0]) / 1000
