"""Blocks the network for a test."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def only_this_machine() -> Generator[list[str], None, None]:
    """Refuses every connection and name look-up that leaves this machine, and lists them as `host:port`.

    It affects all threads, for everything that uses Python's own `socket`.
    """
    refused: list[str] = []
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def is_refused(host: Any, port: Any) -> bool:
        host = host.decode() if isinstance(host, bytes) else host
        if not host or _is_here(str(host)):
            return False
        refused.append(f"{host}:{port}")
        return True

    def check(socket_: socket.socket, address: Any) -> None:
        if socket_.family in (socket.AF_INET, socket.AF_INET6) and is_refused(*address[:2]):
            raise OSError(errno.ENETUNREACH, "the conformance suite allows no network")

    def checked_connect(self: socket.socket, address: Any) -> None:
        check(self, address)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        check(self, address)
        return connect_ex(self, address)

    def checked_look_up(host: Any, port: Any, *more: Any, **others: Any) -> Any:
        if is_refused(host, port):
            raise socket.gaierror(socket.EAI_NONAME, "the conformance suite allows no network")
        return look_up(host, port, *more, **others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked_connect)
        patch.setattr(socket.socket, "connect_ex", checked_connect_ex)
        patch.setattr(socket, "getaddrinfo", checked_look_up)
        yield refused


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"
