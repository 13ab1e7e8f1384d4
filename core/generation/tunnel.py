"""A way through a proxy to one address: what is sent through it ends there and nowhere else."""

from __future__ import annotations

import base64
import ssl
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import httpcore

_MAX_HEAD = 20_000  # bytes of a proxy's answer


async def open_tunnel(
    network: httpcore.AsyncNetworkBackend, proxy: str, address: str, port: int, timeout: float
) -> httpcore.AsyncNetworkStream:
    """Returns a connection to an IP address through a proxy: http, https or socks5.

    Raises httpcore.ConnectError or ProxyError if the proxy cannot be reached or does not let it pass.
    """
    url = urlsplit(proxy)
    default = {"http": 80, "https": 443}.get(url.scheme, 1080)
    stream = await network.connect_tcp(url.hostname or "", url.port or default, timeout=timeout)
    try:
        if url.scheme == "https":
            context = ssl.create_default_context()
            stream = await stream.start_tls(context, url.hostname, timeout)
        if url.scheme.startswith("socks5"):
            await _ask_socks(stream, url, address, port, timeout)
        else:
            await _ask_http(stream, url, address, port, timeout)
    except BaseException:
        await stream.aclose()
        raise
    return stream


async def _ask_http(
    stream: httpcore.AsyncNetworkStream, url: SplitResult, address: str, port: int, timeout: float
) -> None:
    """Sends CONNECT (RFC 9110, 9.3.6)."""
    target = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
    if url.username:
        pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
        head += f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
    await stream.write(f"{head}\r\n".encode(), timeout)
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = await stream.read(1, timeout)  # not a byte more: what follows belongs to the connection
        answer += part
        if not part or len(answer) > _MAX_HEAD:
            raise httpcore.ProxyError("the proxy's answer is not HTTP")
    if answer.split(b" ", 2)[1:2] != [b"200"]:
        raise httpcore.ProxyError("the proxy refuses the connection")


async def _ask_socks(
    stream: httpcore.AsyncNetworkStream, url: SplitResult, address: str, port: int, timeout: float
) -> None:
    """Asks for a connection by SOCKS 5 (RFC 1928), with a name and a password if there are any (RFC 1929)."""
    from socksio import socks5

    connection: Any = socks5.SOCKS5Connection()

    async def exchange(request: object) -> object:
        connection.send(request)
        await stream.write(connection.data_to_send(), timeout)
        return connection.receive_data(await stream.read(4096, timeout))

    method = socks5.SOCKS5AuthMethod
    wanted = method.USERNAME_PASSWORD if url.username else method.NO_AUTH_REQUIRED
    reply = await exchange(socks5.SOCKS5AuthMethodsRequest([wanted]))
    if getattr(reply, "method", None) != wanted:
        raise httpcore.ProxyError("the proxy asks for another way to sign in")
    if url.username:
        name, password = unquote(url.username).encode(), unquote(url.password or "").encode()
        reply = await exchange(socks5.SOCKS5UsernamePasswordRequest(name, password))
        if not getattr(reply, "success", False):
            raise httpcore.ProxyError("the proxy does not accept the name or the password")
    command = socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, (address, port))
    reply = await exchange(command)
    if getattr(reply, "reply_code", None) != socks5.SOCKS5ReplyCode.SUCCEEDED:
        raise httpcore.ProxyError("the proxy cannot connect")
