"""A picture is fetched through a proxy as without one: only from an address that was checked."""

from __future__ import annotations

import asyncio
import base64
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.generation.fetch import Fetcher
from core.settings.schema import Settings
from limner import ProviderError, proxies
from limner.testing.loopback import Loopback, Reply

PUBLIC = "93.184.215.14"


class Proxy:
    """A proxy that leads to one server, whatever it is asked for, and remembers what that was."""

    def __init__(self, kind: str, server: Loopback, login: str = "", answer: bytes = b"") -> None:
        self.kind, self.login, self.answer = kind, login, answer
        self.targets: list[str] = []
        self._port = int(server.url.rpartition(":")[2])
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._ready = threading.Event()

    def __enter__(self) -> Proxy:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        login = f"{self.login}@" if self.login else ""
        self.url = f"{self.kind}://{login}127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stopping.wait()
        server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            is_open = await (self._http if self.kind == "http" else self._socks)(reader, writer)
            if is_open:
                there, back = await asyncio.open_connection("127.0.0.1", self._port)
                await asyncio.gather(_copy(reader, back), _copy(there, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.split(" ", 2)
        assert method == "CONNECT"
        self.targets.append(target)
        expected = f"Basic {base64.b64encode(self.login.encode()).decode()}" if self.login else ""
        known = f"Proxy-Authorization: {expected}\r\n" in head if expected else True
        allowed = b"HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n"
        writer.write(self.answer or (allowed if known else b"HTTP/1.1 407 Login\r\n\r\n"))
        return known and not self.answer

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        version, count = await reader.readexactly(2)
        assert version == 5
        methods = await reader.readexactly(count)
        writer.write(self.answer or b"\x05" + methods[:1])
        if self.answer:
            return False
        if methods == b"\x02":
            name = await reader.readexactly((await reader.readexactly(2))[1])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            known = f"{name.decode()}:{password.decode()}" == self.login
            writer.write(b"\x01\x00" if known else b"\x01\x01")
        _, command, _, kind = await reader.readexactly(4)
        assert (command, kind) == (1, 1), "an IPv4 address, not a name"
        address = socket.inet_ntoa(await reader.readexactly(4))
        self.targets.append(f"{address}:{int.from_bytes(await reader.readexactly(2), 'big')}")
        writer.write(b"\x05\x00\x00\x01\0\0\0\0\0\0")
        return True


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        target.write(data)
        await target.drain()
    target.close()


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Names a proxy in the environment."""

    def set_it(url: str) -> None:
        monkeypatch.setenv("ALL_PROXY", url)
        proxies._rule.cache_clear()

    yield set_it
    proxies._rule.cache_clear()


def fetcher(*addresses: str, base_url: str = "http://pictures.test") -> Fetcher:
    made = Fetcher(Settings(), base_url)

    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    made.resolve, made.deadline, made.pauses = resolve, 30, ()
    return made


def fetch(fetcher: Fetcher, url: str = "http://pictures.test/a") -> Any:
    return asyncio.run(fetcher.fetch(url))


@pytest.mark.parametrize("kind", ["http", "socks5"])
@pytest.mark.parametrize("login", ["", "someone:p@ss"])
def test_a_picture_comes_through_the_proxy(kind: str, login: str, through: Callable[[str], None]) -> None:
    with Loopback({"/a": Reply(body=b"picture" * 100_000)}) as server, Proxy(kind, server, login) as proxy:
        through(proxy.url.replace("p@ss", "p%40ss"))
        assert fetch(fetcher(PUBLIC)) == b"picture" * 100_000
    assert proxy.targets == [f"{PUBLIC}:80"], (
        "the address that was checked, not a name for the proxy to look up"
    )
    assert server.requests[0].headers["host"] == "pictures.test"
    assert "proxy-authorization" not in server.requests[0].headers


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_the_guard_is_as_strict_through_a_proxy(kind: str, through: Callable[[str], None]) -> None:
    with Loopback({}) as server, Proxy(kind, server) as proxy:
        through(proxy.url)
        with pytest.raises(ProviderError) as error:
            fetch(fetcher("10.0.0.5"), "https://elsewhere.test/a")
        assert "not on the public internet" in str(error.value.why)
    assert proxy.targets == server.requests == []


@pytest.mark.parametrize(
    ("kind", "login", "answer"),
    [
        ("http", "", b"HTTP/1.1 403 Forbidden\r\n\r\n"),
        ("http", "", b"HTTP/1.1 407 Login\r\n\r\n"),
        ("http", "", b"nothing of the kind\r\n\r\n"),
        ("http", "", b"x" * 50_000),
        ("http", "", b"HTTP/1.1 200"),
        ("socks5", "", b"\x05\xff"),
        ("socks5", "", b"\x04\x00"),
        ("socks5", "", b"HTTP/1.1 400 Bad request\r\n\r\n"),
        ("socks5", "someone:else", b"\x05\x00"),
    ],
)
def test_a_proxy_that_refuses_is_a_failure_of_the_picture(
    kind: str, login: str, answer: bytes, through: Callable[[str], None]
) -> None:
    with Loopback({"/a": Reply(body=b"picture")}) as server, Proxy(kind, server, login, answer) as proxy:
        through(proxy.url)
        with pytest.raises(ProviderError) as error:
            fetch(fetcher(PUBLIC))
        assert "cannot be reached" in str(error.value.why)
    assert server.requests == []


def test_a_proxy_that_is_not_there_is_a_failure_too(through: Callable[[str], None]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        through(f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(ProviderError) as error:
            fetch(fetcher(PUBLIC))
    assert "cannot be reached" in str(error.value.why)
