"""A connection whose client keeps the server waiting ends, and never keeps others out."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from ui.http import connection
from ui.http.connection import Connection, report_once_a_minute

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LARGE = 5_000_000
"""More bytes than the system's own buffers take."""
Connect = Callable[..., socket.socket]
Patience = Callable[[float], None]


async def _answer(request: Request) -> Response:
    try:
        await request.body()
    except ClientDisconnect:
        return Response()
    return PlainTextResponse("here")


async def _answer_without_reading(_: Request) -> Response:
    return PlainTextResponse("here")


async def _endless(_: Request) -> Response:
    async def bytes_without_end() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536
            await asyncio.sleep(0)

    return StreamingResponse(bytes_without_end())


async def _slow(_: Request) -> Response:
    async def drops() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x"
            await asyncio.sleep(0.2)

    return StreamingResponse(drops())


async def _large(_: Request) -> Response:
    return Response(b"x" * LARGE)


async def _parts(_: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(LARGE // 65_536):
            yield b"x" * 65_536

    return StreamingResponse(parts())


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    """Sets how many seconds the server waits; long until a test has all in place."""

    def set_to(seconds: float) -> None:
        monkeypatch.setattr(connection, "MAX_REQUEST_SECONDS", seconds)
        monkeypatch.setattr(connection, "MAX_UNREAD_SECONDS", seconds)

    monkeypatch.setattr(connection, "_LOOK_EVERY", 0.02)
    set_to(60)
    return set_to


@pytest.fixture
def connect(patience: Patience) -> Iterator[Connect]:
    """Connects to a server of such connections."""
    routes = [
        Route("/", _answer, methods=["GET", "POST"]),
        Route("/unread", _answer_without_reading, methods=["POST"]),
        Route("/endless", _endless),
        Route("/slow", _slow, methods=["GET", "POST"]),
        Route("/large", _large),
        Route("/parts", _parts),
    ]
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    config = uvicorn.Config(
        Starlette(routes=routes), http=Connection, log_level="warning", timeout_keep_alive=60
    )
    config.load()
    config.ws_protocol_class = asyncio.Protocol  # as if a library for web sockets were installed
    server = uvicorn.Server(config)
    serving = threading.Thread(target=server.run, args=([listening],))
    serving.start()
    opened: list[socket.socket] = []

    def open(*sent: bytes) -> socket.socket:
        client = socket.create_connection(listening.getsockname(), 30)
        opened.append(client)
        for data in sent:
            client.sendall(data)
        return client

    yield open
    for client in opened:
        client.close()
    server.should_exit = True
    serving.join(30)
    listening.close()


def read_all(client: socket.socket) -> bytes:
    """Reads until the server ends the connection; raises TimeoutError where it does not."""
    data = b""
    try:
        while part := client.recv(65_536):
            data += part
    except ConnectionResetError:
        pass
    return data


def answer(client: socket.socket) -> bytes:
    """Reads one reply; the connection stays open."""
    data = b""
    while not data.endswith(b"here"):
        part = client.recv(65_536)
        assert part, "the connection has ended"
        data += part
    return data


SILENT_OR_HALF_SENT = [
    b"",
    b"GET / HTT",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: ",
    HEAD,
    HEAD + b"half",
    HEAD.replace(b"Content-Length: 100", b"Transfer-Encoding: chunked") + b"4\r\nhalf\r\n",
]


def test_a_silent_or_half_sent_request_ends(connect: Connect, patience: Patience) -> None:
    first = [connect(sent) for sent in SILENT_OR_HALF_SENT]
    used = [connect(GET) for _ in SILENT_OR_HALF_SENT]
    for client, sent in zip(used, SILENT_OR_HALF_SENT, strict=True):
        answer(client)
        client.sendall(sent)
    patience(0.1)
    assert [read_all(client) for client in (*first, *used)] == [b""] * 12


def ends_in_drops(client: socket.socket, *drops: bytes) -> bool:
    """Sends one drop after another, with a pause between two, and returns whether the server ends it."""
    client.settimeout(0.05)
    for drop in drops:
        try:
            client.sendall(drop)
            if client.recv(1) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def test_a_request_that_comes_in_drops_ends_too(connect: Connect, patience: Patience) -> None:
    patience(0.3)
    client = connect(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    assert ends_in_drops(client, *(b"X-%d: 1\r\n" % n for n in range(600)))


def test_a_large_body_that_comes_slowly_but_steadily_is_read_whole(
    connect: Connect, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes several times as long as a request may take that does not come on."""
    monkeypatch.setattr(connection, "SLOWEST", 100)
    patience(0.5)
    client = connect(HEAD.replace(b"100", b"600"))
    for _ in range(30):
        time.sleep(0.05)
        client.sendall(bytes(20))
    assert answer(client).startswith(b"HTTP/1.1 200")


def test_a_large_body_that_comes_in_drops_ends(
    connect: Connect, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SLOWEST", 1_000)
    patience(0.5)
    client = connect(HEAD.replace(b"100", b"5000"))
    assert ends_in_drops(client, *[b"x"] * 600)


def test_what_came_fast_is_no_credit_for_silence(
    connect: Connect, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SLOWEST", 1)
    client = connect(HEAD.replace(b"100", b"5000") + bytes(4_999))
    patience(0.1)
    assert read_all(client) == b""


def test_a_body_that_nobody_reads_does_not_hold_the_connection(connect: Connect, patience: Patience) -> None:
    client = connect(HEAD.replace(b"POST /", b"POST /unread"))
    answer(client)
    patience(0.1)
    assert read_all(client) == b""


@pytest.mark.parametrize("ends", [b"", b"Connection: close\r\n", b"HTTP/1.0"])
def test_who_is_answered_before_they_have_sent_all_can_send_it(connect: Connect, ends: bytes) -> None:
    head = HEAD.replace(b"POST /", b"POST /unread").replace(b"100", str(4 * LARGE).encode())
    head = (
        head.replace(b"HTTP/1.1", ends) if ends.startswith(b"HTTP") else head.replace(b"Host", ends + b"Host")
    )
    client = connect(head)
    for _ in range(4):
        client.sendall(bytes(LARGE))
    answer(client)
    if ends:
        assert client.recv(1) == b"", "the connection ends with what was sent"
    else:
        client.sendall(GET)
        answer(client)


def test_no_more_is_read_than_the_app_takes(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    receive = Connection.data_received
    monkeypatch.setattr(
        Connection,
        "data_received",
        lambda self, data: (receive(self, data), held.append(len(self.cycle.body)))[0],
    )
    client = connect(HEAD.replace(b"POST /", b"POST /slow").replace(b"100", str(LARGE).encode()))
    client.recv(10)
    client.sendall(bytes(LARGE - 1))  # while the answer is being sent
    read_end = b""
    while not read_end.endswith(b"0\r\n\r\n"):
        read_end += client.recv(65_536)
    assert max(held) <= connection.READ_AT_ONCE


def test_a_client_that_never_reads_is_cut(
    connect: Connect, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience(0.3)
    cut = threading.Event()
    lost = Connection.connection_lost
    monkeypatch.setattr(Connection, "connection_lost", lambda self, exc: (lost(self, exc), cut.set()))
    client = connect(GET.replace(b"/", b"/endless", 1))
    assert cut.wait(30)
    read_all(client)  # what was under way, and no more


def test_a_slow_reply_to_a_client_that_reads_goes_on(connect: Connect, patience: Patience) -> None:
    client = connect(GET.replace(b"/", b"/slow", 1).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    head = client.recv(10)
    patience(0.3)
    assert (head + read_all(client)).count(b"1\r\nx\r\n") == 5


@pytest.mark.parametrize("path", [b"/large", b"/parts"])
def test_a_large_reply_to_a_client_that_reads_slowly_goes_on(
    connect: Connect, patience: Patience, path: bytes
) -> None:
    """It takes several times as long as a client may be idle, in one piece or in many."""
    client = connect()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    client.sendall(GET.replace(b"/", path, 1))
    got = len(client.recv(100))
    patience(1)
    while got < LARGE - 65_536:
        part = client.recv(262_144, socket.MSG_WAITALL)
        assert part, f"it was cut after {got:,} bytes"
        got += len(part)
        time.sleep(0.08)
    client.sendall(GET)
    answer(client)


def test_a_second_request_that_came_with_the_first_is_no_wait(connect: Connect, patience: Patience) -> None:
    client = connect(GET + GET.replace(b"/", b"/slow", 1))
    first = client.recv(10)
    patience(0.3)
    data = first
    while not data.endswith(b"0\r\n\r\n"):
        part = client.recv(65_536)
        assert part, "it was cut"
        data += part
    assert data.count(b"1\r\nx\r\n") == 5


MALFORMED = [b"-1\r\n", b"5\r\nabcdeXX", b'5;a="\n"\r\n', b"0\r\n" + b"A: 1\r\n" * 20_000 + b"\r\n"]


@pytest.mark.parametrize("path", [b"/", b"/unread", b"/nothing", b"/slow"])
def test_what_is_no_http_is_refused_in_a_line(
    connect: Connect, path: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    chunked = b"Connection: close\r\nTransfer-Encoding: chunked"
    head = HEAD.replace(b"Content-Length: 100", chunked).replace(b"/", path, 1)
    for body in MALFORMED:
        connect(head + body)
        client = connect(head)
        if path == b"/slow":
            client.recv(10)  # the reply has begun
        client.sendall(body)
        read_all(client)
    read_all(connect(b"\x16\x03\x01\r\n\r\n"))
    lines = [record for record in caplog.records if record.exc_info or len(record.getMessage()) > 200]
    assert lines == []


def test_a_web_socket_is_any_other_request(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    client = connect(GET.removesuffix(b"\r\n") + upgrade + key)
    assert answer(client).startswith(b"HTTP/1.1 200")
    assert caplog.records == []


def test_whoever_does_not_read_makes_room_too(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 20)
    stuck = threading.Semaphore(0)
    pause = Connection.pause_writing
    monkeypatch.setattr(Connection, "pause_writing", lambda self: (pause(self), stuck.release()))
    for _ in range(20):
        connect(GET.replace(b"/", b"/endless", 1))
        assert stuck.acquire(timeout=30)
    monkeypatch.setattr(connection, "SURELY_UNREAD_SECONDS", 0)
    for _ in range(5):
        answer(connect(GET))


def test_whoever_reads_makes_no_room(
    connect: Connect, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 20)
    monkeypatch.setattr(connection, "SURELY_UNREAD_SECONDS", 5)
    client = connect()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    client.sendall(GET.replace(b"/", b"/large", 1))
    got = 0
    while got < LARGE - 65_536:
        part = client.recv(262_144, socket.MSG_WAITALL)
        assert part, f"it was cut after {got:,} bytes"
        got += len(part)
        connect(b"GET / HT")


def test_whoever_waits_longest_makes_room(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 20)
    silent = [connect(*([b"GET / HT"] if n % 2 else [])) for n in range(60)]
    answer(connect(GET))
    assert [read_all(cut) for cut in silent[:41]] == [b""] * 41
    silent[-1].sendall(b"TP/1.1\r\nHost: localhost\r\n\r\n")
    answer(silent[-1])


def test_too_many_open_files_are_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        loop = asyncio.get_running_loop()
        report_once_a_minute(loop)
        for _ in range(1_000):
            loop.call_exception_handler({"message": "socket.accept() out of system resource"})
        loop.call_exception_handler({"message": "another fault"})

    asyncio.run(fail())
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith("No more connections can be accepted")
    assert said[1] == "another fault"
