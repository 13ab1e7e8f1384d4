"""Where the server is: the host and port that somebody asked for, and the path below which a proxy has it."""

from __future__ import annotations

import errno
import os
import socket
from typing import NamedTuple
from urllib.parse import urlsplit

from core import SettingsError
from core.settings.schema import Settings

FIRST_PORT = 7860
"""Where gradio begins to look for a free port if nobody has asked for one."""
_ANY = "0.0.0.0"  # noqa: S104, only where a platform has set PORT, and routes to the machine from outside


class Address(NamedTuple):
    """A host and a port; what is None was not asked for."""

    host: str | None
    port: int | None


def asked_address(host: str | None = None, port: int | None = None) -> Address:
    """Returns where the arguments, or else the variables, say to listen; raises SettingsError.

    `GRADIO_SERVER_NAME` and `GRADIO_SERVER_PORT` come before `PORT`, which platforms set: they reach the
    machine from outside, so that without a host all addresses are meant.
    """
    host = host or os.environ.get("GRADIO_SERVER_NAME", "").strip() or None
    if port is not None:
        if not 1 <= port <= 65535:
            raise SettingsError(f"The port must be from 1 to 65535, not {port}.")
        return Address(host, port)
    for variable in ("GRADIO_SERVER_PORT", "PORT"):
        value = os.environ.get(variable, "").strip()
        if not value:
            os.environ.pop(variable, None)  # gradio would read an empty one as a number
            continue
        if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= 65535):
            raise SettingsError(f"{variable} must be a port from 1 to 65535, not {value[:40]!r}.")
        return Address(host or (_ANY if variable == "PORT" else None), int(value))
    return Address(host, None)


def check_free(address: Address) -> None:
    """Raises SettingsError with one sentence if nothing can listen at an address that was asked for."""
    host = (address.host or "127.0.0.1").strip("[]")
    port = address.port or 0
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, place in found[:1]:
            with socket.socket(family, kind, protocol) as trial:
                if os.name != "nt":  # where it would let two programs have one port
                    trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(place)
    except (socket.gaierror, UnicodeError):
        raise SettingsError(f"There is no host {host!r}: name an address of this machine.") from None
    except OSError as error:
        raise SettingsError(_sentence(error, host, port)) from None


def root_path(settings: Settings) -> str:
    """Returns the path below which a proxy serves the page, such as `/studio`; empty if there is none."""
    address = os.environ.get("GRADIO_ROOT_PATH", "").strip() or settings.public_url or ""
    path = urlsplit(address).path.strip("/")
    return f"/{path}" if path else ""


def _sentence(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken by another program: end that one, or ask for another port."
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"{host} is no address of this machine: ask for one that is, or for {_ANY}, which is all of them."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Port {port} is not for every user: ask for one above 1023."
    return f"Nothing can listen at {host}, port {port}: {error.strerror}."
