"""A picture whose client has gone away is stopped at its provider, unless it can be asked for again."""

from __future__ import annotations

import json
import socket

import pytest

from tests.serving import Serving
from tests.ui.conftest import Gate
from tests.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["/api/image", "/v1/images/generations"])
def path(request: pytest.FixtureRequest) -> str:
    return request.param


async def begin(app: Serving, gate: Gate, path: str, *headers: str) -> socket.socket:
    """Asks for a picture, and returns the connection once the provider is at the gate."""
    body = json.dumps({"prompt": f"A boat {gate.tag}"})
    head = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    client = socket.create_connection(("127.0.0.1", app.port), 30)
    client.sendall("\r\n".join([*head, "", body]).encode())
    await until(lambda: gate.is_at("reached"))
    return client


@pytest.mark.parametrize("is_reset", [False, True])
async def test_without_a_key_the_provider_is_told_to_stop(
    app: Serving, gate: Gate, path: str, is_reset: bool
) -> None:
    client = await begin(app, gate, path)
    if is_reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
    client.close()
    await until(lambda: gate.is_at("stopped"))


async def test_with_a_key_it_goes_on_and_can_be_asked_for_again(app: Serving, gate: Gate, path: str) -> None:
    key = f"Idempotency-Key: {gate.tag}"
    (await begin(app, gate, path, key)).close()
    (await begin(app, other := Gate(gate.file.with_name(f"{gate.file.name}-2")), path)).close()
    await until(lambda: other.is_at("stopped"))  # the server has seen both go
    again = await begin(app, gate, path, key)
    gate.open()
    assert again.recv(12) == b"HTTP/1.1 200"
    again.close()
    assert gate.is_at("reached"), "it was not stopped"


async def test_a_client_that_waits_gets_its_picture(app: Serving, gate: Gate, path: str) -> None:
    with await begin(app, gate, path) as client:
        gate.open()
        assert client.recv(12) == b"HTTP/1.1 200"
