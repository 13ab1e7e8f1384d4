"""The calls of Gradio's clients: told to whoever began them, bounded, and stopped where nobody reads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core import Rejected
from core.chat.failure import Unavailable
from tests.waiting import until
from ui.http import gradio_sessions
from ui.http.gradio_sessions import MAX_CALLS, MAX_OF_ONE_VISITOR, Sessions
from ui.http.requests import NotFound

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Call:
    """A call that ends when the test says so."""

    def __init__(self) -> None:
        self.end = asyncio.get_running_loop().create_future()
        self.is_stopped = False

    async def outcome(self) -> dict[str, Any]:
        return await self.end

    def stop(self) -> None:
        self.is_stopped = True


@pytest.fixture
async def sessions() -> AsyncIterator[Sessions]:
    sessions = Sessions()
    yield sessions
    for session in sessions._sessions.values():
        session.close()


def begin(sessions: Sessions, visitor: str = "me", name: str = "s") -> tuple[Call, str]:
    call = Call()
    return call, sessions.begin(visitor, name, call.outcome(), call.stop)


async def read(sessions: Sessions, visitor: str = "me", name: str = "s") -> list[dict[str, Any]]:
    stream = sessions.read(visitor, name)
    return [json.loads(line.removeprefix("data: ")) async for line in stream.body_iterator]  # pyright: ignore


async def test_the_calls_of_a_session_are_told_of_and_then_the_stream_ends(sessions: Sessions) -> None:
    (first, one), (second, two) = begin(sessions), begin(sessions)
    second.end.set_result({"data": [2]})
    first.end.set_result({"error": "No."})
    told = await asyncio.wait_for(read(sessions), 30)
    ends = {event["event_id"]: event for event in told if event["msg"] == "process_completed"}
    assert (ends[one]["output"], ends[one]["success"]) == ({"error": "No."}, False)
    assert (ends[two]["output"], ends[two]["success"]) == ({"data": [2]}, True)
    assert told[-1] == {"msg": "close_stream"}
    with pytest.raises(NotFound):
        sessions.read("me", "s")


async def test_nobody_else_reads_or_stops_them(sessions: Sessions) -> None:
    call, event = begin(sessions)
    for visitor, name in (("you", "s"), ("me", "t")):
        with pytest.raises(NotFound):
            sessions.read(visitor, name)
        sessions.stop(visitor, name, event)
    sessions.stop("me", "s", "0" * 32)
    assert not call.is_stopped
    sessions.stop("me", "s", event)
    assert call.is_stopped


async def test_a_second_stream_takes_nothing_from_the_first(sessions: Sessions) -> None:
    begin(sessions)
    sessions.read("me", "s")
    with pytest.raises(Rejected, match="being read already"):
        sessions.read("me", "s")


async def test_what_nobody_reads_is_stopped_and_forgotten(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradio_sessions, "PATIENCE", 0.0)
    unread, _ = begin(sessions)
    listened, _ = begin(sessions, name="t")
    sessions.read("me", "t")
    await until(lambda: unread.is_stopped)
    with pytest.raises(NotFound):
        sessions.read("me", "s")
    await asyncio.sleep(0)
    assert not listened.is_stopped


async def test_what_has_ended_is_not_stopped_with_the_session(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradio_sessions, "PATIENCE", 0.0)
    call, _ = begin(sessions)
    call.end.set_result({"data": []})
    await until(lambda: not sessions._sessions)
    assert not call.is_stopped


async def test_each_visitor_and_all_have_so_many_unread(sessions: Sessions) -> None:
    for n in range(MAX_OF_ONE_VISITOR):
        sessions.check("me")
        begin(sessions, name=f"s{n}")
    with pytest.raises(Unavailable):
        sessions.check("me")
    for n in range(MAX_CALLS - MAX_OF_ONE_VISITOR):
        sessions.check("you")
        begin(sessions, visitor=f"visitor {n}")
    with pytest.raises(Unavailable):
        sessions.check("you")


async def test_a_silent_stream_says_that_it_is_alive(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradio_sessions, "KEEP_ALIVE", 0.01)
    call, _ = begin(sessions)
    lines = aiter(sessions.read("me", "s").body_iterator)
    told = [await anext(lines) for _ in range(2)]
    assert told[1] == 'data: {"msg":"heartbeat"}\n\n'
    call.end.set_result({"data": [1]})
    rest = [line async for line in lines]
    assert '"data":[1]' in "".join(map(str, rest)), "what came during a heartbeat is not lost"


async def test_an_error_of_our_own_ends_the_call_and_says_nothing_of_itself(
    sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    call, _ = begin(sessions)
    call.end.set_exception(RuntimeError("a secret"))
    told = await asyncio.wait_for(read(sessions), 30)
    assert told[1]["output"] == {"error": None}
    assert "secret" not in json.dumps(told)
    assert "could not be answered" in caplog.text
