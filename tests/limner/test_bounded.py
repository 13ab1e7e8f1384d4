"""Replies are read within bounds by real clients of httpx and of httpx2."""

from __future__ import annotations

import asyncio
import gzip
import threading
import zlib
from typing import Any

import httpx
import httpx2
import pytest

from limner import ACCEPTED, ProviderError, bounded, parse_reply, read_bounded, responses
from limner.inflate import Inflater
from limner.testing.loopback import Loopback, Reply

LIBRARIES: list[Any] = [httpx, httpx2]
BODY = b'{"data": [' + b'"red fox", ' * 40_000 + b"0]}"


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def got(library: Any, reply: Reply, max_bytes: int = 2_000_000) -> Any:
    """Returns the response that a client with the hook gets."""

    async def hook(response: Any) -> None:
        await read_bounded(response, max_bytes)

    async def ask(url: str) -> Any:
        hooks: Any = {"response": [hook]}
        async with library.AsyncClient(event_hooks=hooks, headers=ACCEPTED, trust_env=False) as client:
            first = await client.get(url)
            assert first.content == (await client.get(url)).content  # on the same connection
            return first

    with Loopback({"/": reply}) as server:
        response = asyncio.run(ask(server.url))
        assert {request.headers["accept-encoding"] for request in server.requests} == {"gzip, deflate"}
    return response


def refused(library: Any, reply: Reply, max_bytes: int = 2_000_000) -> str:
    with pytest.raises(ProviderError) as raised:
        got(library, reply, max_bytes)
    assert (raised.value.category, raised.value.did_not_run) == ("bad-response", False)
    assert raised.value.service_message is None
    return str(raised.value.why)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (BODY, ""),
        (BODY, "identity"),
        (BODY, "utf-8"),
        (gzip.compress(BODY), "gzip"),
        (gzip.compress(BODY), " GZIP "),
        (gzip.compress(BODY) + b"more", "x-gzip"),
        (zlib.compress(BODY), "deflate"),
        (bare_deflate(BODY), "deflate"),
    ],
)
def test_a_body_is_the_same_however_it_is_packed(library: Any, packed: bytes, encoding: str) -> None:
    response = got(library, Reply(body=packed, headers={"content-encoding": encoding}))
    assert response.content == BODY
    assert len(response.json()["data"]) == 40_001


@pytest.mark.parametrize("library", LIBRARIES)
def test_nothing_is_a_body(library: Any) -> None:
    assert got(library, Reply()).content == b""
    assert got(library, Reply(headers={"content-encoding": "gzip"})).content == b""
    assert got(library, Reply(204)).content == b""


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"x" * 2_000_001),
        Reply(chunks=[b"x" * 1_500_000, b"x" * 1_500_000], headers={"content-length": "3000000"}),
        Reply(body=gzip.compress(b"x" * 3_000_000), headers={"content-encoding": "gzip"}),
        Reply(body=zlib.compress(b" " * 3_000_000), headers={"content-encoding": "deflate"}),
    ],
)
def test_what_is_too_large_is_refused(library: Any, reply: Reply) -> None:
    assert "larger than 2,000,000 bytes" in refused(library, reply)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_bomb_is_not_inflated_beyond_the_bound(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    inflated: list[int] = []
    steps = Inflater.steps

    def counting(self: Any, raw: bytes) -> Any:
        for part in steps(self, raw):
            inflated.append(len(part))
            yield part

    monkeypatch.setattr(Inflater, "steps", counting)
    bomb = gzip.compress(b" " * 400_000_000, 1)
    refused(library, Reply(body=bomb, headers={"content-encoding": "gzip"}), 20_000_000)
    assert sum(inflated) < 22_000_000
    assert max(inflated) <= 1 << 20


def test_the_loop_goes_on_between_the_steps() -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def ask(url: str) -> None:
        hooks: Any = {"response": [read_bounded]}
        async with httpx2.AsyncClient(event_hooks=hooks, trust_env=False) as client:
            await client.get(url)  # the connection stands
            before, turning = turns, asyncio.ensure_future(turn())
            await client.get(url)
            turning.cancel()
            assert turns - before > 30

    reply = Reply(body=gzip.compress(b" " * 30_000_000), headers={"content-encoding": "gzip"})
    with Loopback({"/": reply}) as server:
        asyncio.run(ask(server.url))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("values", [b"[[],", b"[{},", b"[1,"])
def test_json_of_far_too_many_values_is_refused(
    library: Any, values: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes a hundred bytes of memory, and no reply with a picture has many."""
    monkeypatch.setattr(bounded, "MAX_PARTS", 10_000)
    reply = Reply(body=values[:1] + values[1:] * 20_000 + b"0]")
    assert "too many parts" in refused(library, reply)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_a_packing_that_nobody_asked_for_is_refused(library: Any, encoding: str) -> None:
    assert "compressed" in refused(library, Reply(body=b"x", headers={"content-encoding": encoding}))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_damaged_packing_is_a_bad_response(library: Any) -> None:
    assert "damaged" in refused(library, Reply(body=b"no gzip", headers={"content-encoding": "gzip"}))


@pytest.mark.parametrize("library", LIBRARIES)
def test_of_a_failure_only_the_beginning_is_read(library: Any) -> None:
    body = b'{"error": "' + b"x" * 5_000_000
    for reply in (
        Reply(500, body),
        Reply(429, gzip.compress(body), {"content-encoding": "gzip"}),
    ):
        response = got(library, reply)
        assert response.status_code == reply.status
        assert response.content == body[: bounded.MAX_FAILURE]


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_answer_that_is_cut_off_stays_an_error_of_the_client(library: Any) -> None:
    with pytest.raises(library.RemoteProtocolError):
        got(library, Reply(body=b"x" * 100, cut_after=10))


def test_a_long_reply_is_parsed_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    read = responses.read_reply

    def noted(body: bytes) -> Any:
        threads.append(threading.get_ident())
        return read(body)

    monkeypatch.setattr(bounded, "read_reply", noted)

    async def parse() -> None:
        assert await parse_reply(b'{"a": 1}') == {"a": 1}
        assert await parse_reply(b'{"a": "' + b"x" * 200_000 + b'"}') == {"a": "x" * 200_000}
        assert await parse_reply(b"\0" * 200_000) is None

    asyncio.run(parse())
    here, *others = threads
    assert here == threading.get_ident()
    assert here not in others
