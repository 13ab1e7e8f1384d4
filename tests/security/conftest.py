"""An app as it runs on a Space, behind the platform's proxy, and what a stranger sends to it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping

import pytest

from tests.serving import Serving
from tests.warm_serving import WarmServing

SPACE = {
    "SYSTEM": "spaces",
    "SPACE_ID": "me/limner",
    "SPACE_HOST": "me-limner.hf.space",
    "SPACE_AUTHOR_NAME": "me",
    "GRADIO_SSR_MODE": "True",
    "LIMNER_RATE_LIMIT": "10000/minute",
}
PROXY = {"Host": "me-limner.hf.space", "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
"""What the platform's proxy adds."""


@pytest.fixture
def kind_of_serving() -> type[Serving]:
    """Returns how `serve` starts the app here, where its start is not what is tested."""
    return WarmServing


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("space")
    serving = WarmServing(folder, {**SPACE, "LIMNER_DATA_DIR": str(folder / "data")})
    yield serving
    serving.stop()


def send(
    serving: Serving, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = PROXY
) -> tuple[int, bytes]:
    """Sends a request exactly as it is given, and returns the status and the body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
