"""Where the server listens, by arguments and by variables, and why it cannot."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from core import SettingsError
from tests.serving import Process, Serving
from tests.warm_serving import WarmServing
from ui.http.address import Address, asked_address, check_free


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "PORT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, Address(None, None)),
        ({"PORT": "8000"}, Address("0.0.0.0", 8000)),
        ({"PORT": "8000", "GRADIO_SERVER_NAME": "127.0.0.1"}, Address("127.0.0.1", 8000)),
        ({"PORT": "8000", "GRADIO_SERVER_PORT": "9000"}, Address(None, 9000)),
        ({"PORT": " ", "GRADIO_SERVER_PORT": ""}, Address(None, None)),
        ({"GRADIO_SERVER_NAME": "0.0.0.0"}, Address("0.0.0.0", None)),
    ],
)
def test_variables_say_where_to_listen(
    variables: Mapping[str, str], expected: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert asked_address() == expected
    assert asked_address("127.0.0.2", 7000) == ("127.0.0.2", 7000)
    assert asked_address(port=7000).port == 7000


@pytest.mark.parametrize("value", ["soon", "0", "65536", "-1", "80.5", "１２", "tcp://10.0.0.1:7860"])
def test_what_is_no_port_is_said(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PORT", "GRADIO_SERVER_PORT"):
        monkeypatch.setenv(variable, value)
        with pytest.raises(SettingsError, match=rf"^{variable} must be a port from 1 to 65535, not "):
            asked_address()


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_an_argument_that_is_no_port_is_said(port: int) -> None:
    with pytest.raises(SettingsError, match="must be from 1 to 65535"):
        asked_address(port=port)


def test_a_place_where_nothing_can_listen_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for host in (None, "127.0.0.1", "0.0.0.0", "localhost"):
            with pytest.raises(SettingsError, match=rf"^Port {port} is taken by another program: "):
                check_free(Address(host, port))
    check_free(Address(None, port))
    check_free(Address(None, None))
    with pytest.raises(SettingsError, match=r"^192\.0\.2\.1 is no address of this machine: "):
        check_free(Address("192.0.2.1", None))
    with pytest.raises(SettingsError, match=r"^There is no host"):
        check_free(Address("no host", None))


class OnPort(WarmServing):
    """The app as a platform starts it, which names the port in `PORT` alone."""

    def _begin(self) -> Process:
        self._environment["PORT"] = self._environment.pop("GRADIO_SERVER_PORT", str(self.port))
        return super()._begin()


def test_a_platform_reaches_it_at_every_address_by_its_port(tmp_path: Path) -> None:
    serving: Serving = OnPort(tmp_path, {})
    try:
        with urllib.request.urlopen(f"http://127.0.0.2:{serving.port}/healthz", timeout=30) as answer:
            assert answer.read() == b"ok"
    finally:
        assert serving.stop() == 0
    assert "Serving at " in serving.log.read_text()


def test_it_says_which_port_it_took_when_the_usual_one_is_taken(tmp_path: Path) -> None:
    class OnAnyPort(WarmServing):
        def _begin(self) -> Process:
            self._environment.pop("GRADIO_SERVER_PORT", None)
            self.url = f"http://127.0.0.1:{took}"
            return super()._begin()

    with socket.socket() as first:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            first.bind(("127.0.0.1", 7860))
            first.listen()
        except OSError:
            pass  # another program has it, which is as well
        took = next(port for port in range(7861, 7960) if _is_free(port))
        serving = OnAnyPort(tmp_path, {})
        assert serving.stop() == 0
    said = serving.log.read_text()
    assert "Port 7860 is taken by another program" in said
    assert f"Serving at http://127.0.0.1:{took}" in said


def _is_free(port: int) -> bool:
    try:
        check_free(Address(None, port))
    except SettingsError:
        return False
    return True
