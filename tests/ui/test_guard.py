"""What the guard lets through to the application, and what it does not."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.serving import Serving
from ui.guard import LARGEST_BODY, Guard


async def _what_arrives(request: Request) -> Response:
    request.session.setdefault("token", "secret")
    await request.body()
    return JSONResponse({"cookies": request.cookies, "session": dict(request.session)})


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = Starlette(
        routes=[Route("/{path:path}", _what_arrives, methods=["GET", "POST"])],
        middleware=[Middleware(SessionMiddleware, secret_key="for tests"), Middleware(Guard)],
    )
    with TestClient(app, base_url="http://limner.test") as client:
        yield client


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://evil.test/page.html",
        "/gradio_api/file=https://evil.test/page.html",
        "/gradio_api/FILE=HTTP://evil.test",
        "/file=http://evil.test",
        "/gradio_api/proxy=https://evil.test",
        "/proxy=https://evil.test",
        "/gradio_api/upload",
        "/gradio_api/upload?upload_id=1",
    ],
)
def test_the_open_doors_of_gradio_are_closed(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_other_paths_pass_with_a_policy(client: TestClient) -> None:
    answer = client.get("/gradio_api/file=/tmp/picture.png")
    assert answer.status_code == 200
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_another_site_brings_no_sign_in(client: TestClient) -> None:
    client.get("/")
    same = client.get("/", headers={"origin": "http://limner.test"}).json()
    foreign = client.get("/", headers={"origin": "https://evil.test"}).json()
    assert same["cookies"]
    assert foreign["cookies"] == {}


def test_a_signed_in_session_is_invisible_to_another_site() -> None:
    async def session(request: Request) -> Response:
        return JSONResponse(dict(request.scope["session"]))

    app = Guard(Starlette(routes=[Route("/", session)]))

    async def signed_in(scope, receive, send):  # type: ignore[no-untyped-def]
        await app({**scope, "session": {"token": "secret"}}, receive, send)

    client = TestClient(signed_in, base_url="http://limner.test")
    assert client.get("/").json() == {"token": "secret"}
    assert client.get("/", headers={"origin": "https://evil.test"}).json() == {}


def test_bodies_are_small_and_of_known_length(client: TestClient) -> None:
    assert client.post("/", content=b"x" * LARGEST_BODY).status_code == 200
    assert client.post("/", content=b"x" * (LARGEST_BODY + 1)).status_code == 413
    assert client.post("/", content=iter([b"x"])).status_code == 413


def test_the_running_app_is_guarded(serve: Callable[..., Serving]) -> None:

    url = serve().url
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert "form-action 'self'" in answer.headers["content-security-policy"]
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{url}/gradio_api/file={url}", timeout=10)
