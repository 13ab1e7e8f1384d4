"""What several processes count against the limits: a log in Redis that each reads and writes in one order."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from typing import Any, TypeAlias

from core.settings.schema import Settings
from core.settings.sources import SettingsError

log = logging.getLogger(__name__)

Entry: TypeAlias = dict[str, Any]

LOG = "limner:limits"
ALIVE = "limner:alive:"
"""Before the name of a process: a key that is there as long as it says that it lives."""
ALIVE_SECONDS = 15
TIMEOUT = 5.0
"""Seconds for an answer of Redis."""
_APPEND = """
local new = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', 1000)
for _, row in ipairs(new) do
  local text = row[2][2]
  local gives = string.find(text, '"kind": "end"', 1, true) or string.find(text, '"kind": "change"', 1, true)
  if not gives or #new == 1000 then
    return {'', new}
  end
end
local id = redis.call('XADD', KEYS[1], '*', 'entry', ARGV[2])
redis.call('XTRIM', KEYS[1], 'MINID', '~', string.format('%.0f', string.match(id, '%d+') - ARGV[3]))
return {id, new}
"""
"""Appends an entry if nothing was taken that is not known, and drops what counts no more.

Returns the id of the entry, if it was appended, and what is new before it.
"""


class LogFails(Exception):
    """Redis cannot be reached, or does not do what it is asked for; the text says why."""


class SharedLog:
    """The log of one set of limits; `seconds` is how long an entry counts, at most.

    Methods that wait raise LogFails. Times are in Unix seconds by the clock of this process, which may differ
    from that of Redis.
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
        self._ahead = 0.0
        """How far the clock of this process is ahead of that of Redis."""
        self._known_since = time.monotonic()

    @classmethod
    def of(cls, settings: Settings, process: str, seconds: float) -> SharedLog | None:
        """Opens the log that the settings describe, if they do; raises SettingsError if it cannot be used."""
        if settings.limits is None:
            return None
        url = settings.limits.get_secret_value()
        try:
            from redis import Redis, RedisError
        except ImportError:
            raise SettingsError("The setting limits needs: pip install 'limner[redis]'.") from None
        try:
            client: Any = Redis
            with client.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT) as server:
                server.ping()
            return cls(url, process, seconds)
        except (RedisError, OSError) as error:
            why = " ".join(str(error).split())
        except (TypeError, ValueError):  # whose words may have a part of the address
            why = "its address has something that redis does not know"
        raise SettingsError(
            f"The Redis server of the setting limits cannot be used ({why}): check its address and password, "
            "and that it runs there."
        )

    async def say_alive(self) -> bool:
        """Says for some seconds that this process lives; returns whether it was known to."""
        seconds, millionths = await self._do("TIME")
        self._ahead = time.time() - int(seconds) - int(millionths) / 1e6
        if await self._do("EXPIRE", ALIVE + self._process, ALIVE_SECONDS):
            return True
        await self._do("SET", ALIVE + self._process, 1, "EX", ALIVE_SECONDS)
        self._known_since = time.monotonic()
        return False

    async def read(self) -> list[tuple[float, Entry]] | None:
        """Returns some of what other processes have written since the last time; None if that was all."""
        rows = await self._do("XRANGE", LOG, f"({self._newest}", "+", "COUNT", 1_000)
        return self._read(rows) if rows else None

    async def append_after_all(self, entry: Entry) -> tuple[float | None, list[tuple[float, Entry]]]:
        """Appends an entry if nobody has taken anything that is not known; returns its time, if it was.

        Returns also what others have written since the last time.
        """
        text = json.dumps({**entry, "process": self._process})
        id, new = await self._do("EVAL", _APPEND, 1, LOG, self._newest, text, int(self._seconds * 1000))
        read = self._read(new)
        if not id:
            return None, read
        self._newest = id
        return self._time(id), read

    async def append(self, entries: Iterable[Entry]) -> None:
        """Appends entries, whatever else is new."""
        for entry in entries:
            text = json.dumps({**entry, "process": self._process})
            await self._do("XADD", LOG, "*", "entry", text)

    async def dead(self, processes: Iterable[str]) -> list[str]:
        """Returns those of these processes that do not say any more that they live.

        Where this one was not known either, until a while ago, the others get the time to say so again.
        """
        if time.monotonic() < self._known_since + ALIVE_SECONDS:
            return []
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
            try:
                text = fields["entry"] if hasattr(fields, "items") else fields[1]
                entry: Entry = json.loads(text)
                if entry["process"] != self._process:
                    found.append((self._time(id), entry))
            except (KeyError, TypeError, ValueError):
                log.warning("The log of the limits has an entry that nothing of Limner wrote; it is left out")
        return found

    def _time(self, id: str) -> float:
        return int(id.partition("-")[0]) / 1000 + self._ahead

    async def _do(self, *command: Any) -> Any:
        try:
            return await self._redis.execute_command(*command)
        except self._fails as error:
            raise LogFails(f"{type(error).__name__}: {error}") from None
