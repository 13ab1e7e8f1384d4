"""Large bodies are in memory only within bounds, and no longer than they are used."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request

from core.chat.failure import LimitReached, Unavailable
from tests.stopped_clock import stop_clock
from tests.waiting import until
from ui.http import bodies
from ui.http.bodies import Bodies
from ui.http.requests import TooLarge

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Bodies:
    """Has room for 100 bytes of each visitor, and for 250 in all."""
    monkeypatch.setattr(bodies, "MAX_EACH", 100)
    monkeypatch.setattr(bodies, "MAX_IN_ALL", 250)
    monkeypatch.setattr(bodies, "SMALL", 5)
    return Bodies()


def request_of(*parts: bytes, length: str | None = None, gone: bool = False) -> Request:
    """A request whose body comes in parts; its client goes away after them, or says that they are all."""
    end: dict[str, Any] = {"type": "http.disconnect"} if gone else {"type": "http.request", "body": b""}
    messages = [*({"type": "http.request", "body": part, "more_body": True} for part in parts), end]

    async def receive() -> Any:
        return messages.pop(0)

    headers = [] if length is None else [(b"content-length", length.encode())]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


async def hold(room: Bodies, visitor: str, size: int) -> tuple[asyncio.Event, asyncio.Task[None]]:
    """Reads a body, and uses it until the event is set."""
    read, done = asyncio.Event(), asyncio.Event()

    async def use() -> None:
        async with room.read(request_of(bytes(size)), visitor, 1_000) as parts:
            assert len(b"".join(parts)) == size
            read.set()
            await done.wait()

    using = asyncio.create_task(use())
    waiting = asyncio.create_task(read.wait())
    await asyncio.wait([using, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    return done, using


async def refusal(room: Bodies, visitor: str, size: int) -> str:
    with pytest.raises((LimitReached, Unavailable)) as refused:
        async with room.read(request_of(bytes(size)), visitor, 1_000):
            pytest.fail("it was read")
    return f"{refused.value.status} {refused.value}"


async def test_a_body_comes_whole_and_counts_until_it_is_used(room: Bodies) -> None:
    async with room.read(request_of(b"one ", b"two"), "me", 7) as parts:
        assert b"".join(parts) == b"one two"
        parts.clear()
        assert "at the same time" in await refusal(room, "me", 94)
        async with room.read(request_of(bytes(93)), "me", 1_000):
            pass
    async with room.read(request_of(bytes(100)), "me", 1_000):
        pass


async def test_each_visitor_has_a_bound_and_so_have_all(room: Bodies) -> None:
    held = [await hold(room, visitor, 80) for visitor in ("a", "b", "c")]
    assert "429 Too much is being sent at the same time" in await refusal(room, "a", 21)
    assert "503 Too much is being sent at the same time" in await refusal(room, "d", 11)
    assert await whole(room, "d", 5) == bytes(5), "what is small is always read"
    done, using = held[0]
    done.set()
    await using
    async with room.read(request_of(bytes(90)), "d", 1_000):
        pass
    for done, using in held[1:]:
        done.set()
        await using


async def test_one_that_is_larger_is_read_alone(room: Bodies) -> None:
    assert len(await whole(room, "a", 300)) == 300
    done, using = await hold(room, "a", 6)
    assert "429" in await refusal(room, "a", 300)
    assert "503" in await refusal(room, "b", 300)
    done.set()
    await using


class Coming:
    """A body of which more comes when the test says so."""

    def __init__(self, room: Bodies, visitor: str, folder: Path | None = None) -> None:
        self._parts: asyncio.Queue[bytes] = asyncio.Queue()
        self._is_awaited = False
        self.ends = asyncio.create_task(self._read(room, visitor, folder))

    async def _read(self, room: Bodies, visitor: str, folder: Path | None) -> str:
        request = Request({"type": "http", "method": "POST", "headers": []}, self._receive)
        reading = room.save(request, visitor, 1_000, folder) if folder else room.read(request, visitor, 1_000)
        try:
            async with reading:
                return "whole"
        except (LimitReached, Unavailable) as refused:
            return str(refused)

    async def _receive(self) -> Any:
        self._is_awaited = self._parts.empty()
        part = await self._parts.get()
        return {"type": "http.request", "body": part, "more_body": bool(part)}

    async def come(self, *parts: int) -> None:
        self._is_awaited = False
        for part in parts:
            self._parts.put_nowait(bytes(part))
        await until(lambda: self._is_awaited or self.ends.done())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Stops the clock by which bodies come, and moves it."""
    return stop_clock(monkeypatch, bodies)


async def test_who_sends_most_slowly_makes_room(room: Bodies, clock: Callable[[float], None]) -> None:
    slow, slower, fast = (Coming(room, name) for name in ("slow", "slower", "fast"))
    for body, size in ((slow, 90), (slower, 60), (fast, 90)):
        await body.come(size)
    hasty = Coming(room, "hasty")
    await hasty.come(20)
    assert "at the same time" in await hasty.ends, "none has come for long"
    clock(11)
    assert len(await whole(room, "another", 70)) == 70
    assert "came slowly, and others needed the room" in await slower.ends
    await slow.come(5)  # together with those of a new one
    await fast.come(5, 0)
    assert await fast.ends == "whole"
    assert len(await whole(room, "another", 100)) == 100
    await slow.come(0)
    assert await slow.ends == "whole", "what has gone made room enough"
    assert (room._held, room._held_in_all, room._reading) == ({}, 0, {})


async def test_what_has_come_whole_makes_no_room(room: Bodies, clock: Callable[[float], None]) -> None:
    held = [await hold(room, visitor, 80) for visitor in ("a", "b", "c")]
    clock(60)
    assert "at the same time" in await refusal(room, "d", 11)
    for done, using in held:
        done.set()
        await using


async def test_files_that_come_slowly_keep_nobody_out(
    room: Bodies, tmp_path: Path, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MAX_FILES", 3)
    slow = [Coming(room, f"slow {n}", tmp_path) for n in range(3)]
    for n, one in enumerate(slow):
        await one.come(10 + n)
    hasty = Coming(room, "hasty", tmp_path)
    assert "Another file is still being read" in await hasty.ends
    clock(11)
    fast = Coming(room, "fast", tmp_path)
    await fast.come(100, 0)
    assert await fast.ends == "whole"
    assert "came slowly" in await slow[0].ends
    for one in slow[1:]:
        await one.come(0)
        assert await one.ends == "whole"
    assert (room._saving, os.listdir(tmp_path)) == ({}, [])


@pytest.mark.parametrize("length", ["11", "9" * 18])
async def test_what_says_that_it_is_too_large_is_not_read(room: Bodies, length: str) -> None:
    with pytest.raises(TooLarge, match="larger than 10 bytes"):
        async with room.read(request_of(gone=True, length=length), "me", 10):
            pytest.fail("it was read")


@pytest.mark.parametrize("length", [None, "5", "-1", "many", "1e3"])
async def test_what_lies_about_its_length_is_cut_off(room: Bodies, length: str | None) -> None:
    with pytest.raises(TooLarge):
        async with room.read(request_of(bytes(6), bytes(6), gone=True, length=length), "me", 10):
            pytest.fail("it was read")
    assert len(await whole(room, "me", 100)) == 100


async def whole(room: Bodies, visitor: str, size: int) -> bytes:
    async with room.read(request_of(bytes(size)), visitor, 1_000) as parts:
        return b"".join(parts)


GONE: Sequence[Sequence[bytes]] = [[], [b"half"], [bytes(50), bytes(50)]]


@pytest.mark.parametrize("parts", GONE)
async def test_a_client_that_goes_away_midway_frees_what_it_sent(
    room: Bodies, parts: Sequence[bytes]
) -> None:
    for _ in range(5):
        with pytest.raises(ClientDisconnect):
            async with room.read(request_of(*parts, gone=True), "me", 1_000):
                pytest.fail("it was read")
    assert len(await whole(room, "me", 100)) == 100


async def test_a_failure_while_it_is_used_frees_it(room: Bodies) -> None:
    for _ in range(5):
        with pytest.raises(ValueError, match="no picture"):
            async with room.read(request_of(bytes(100)), "me", 1_000):
                raise ValueError("no picture")
    assert len(await whole(room, "me", 100)) == 100


async def test_a_file_is_on_the_disk_and_takes_a_place_until_it_is_used(
    room: Bodies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MAX_FILES", 3)
    monkeypatch.setattr(bodies, "STEP", 4)

    def save(visitor: str, *parts: bytes, gone: bool = False) -> Any:
        return room.save(request_of(*parts, gone=gone), visitor, 1_000, tmp_path)

    async def refused(visitor: str) -> None:
        with pytest.raises(LimitReached, match="still being read: try again"):
            async with save(visitor, b"x"):
                pytest.fail("it was read")

    async with save("me", b"one ", b"two", bytes(900)) as file, save("me", b"again") as again:
        assert (file.seek(0), file.read(7)) == (0, b"one two")
        assert (again.seek(0), again.read()) == (0, b"again")
        await refused("me")
        async with save("you", b"x"):
            await refused("somebody else")
    for _ in range(5):
        with pytest.raises(ClientDisconnect):
            async with save("me", b"half", gone=True):
                pytest.fail("it was read")
        with pytest.raises(TooLarge, match="larger than 1,000 bytes"):
            async with save("me", bytes(600), bytes(600), gone=True):
                pytest.fail("it was read")
    async with save("me", b"x"):
        assert os.listdir(tmp_path) == []
