"""What the guard lets through to the application, and what it does not."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from starlette._utils import get_route_path
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from core.settings.schema import Settings
from tests.serving import Serving
from ui.http.middleware import SecurityMiddleware

POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'self'",
    "object-src": "'none'",
}
EVIL = "http://evil.test/page.html"


async def _what_arrives(request: Request) -> Response:
    request.session.setdefault("token", "secret")
    body = await request.body()
    return JSONResponse(
        {
            "cookies": request.cookies,
            "session": dict(request.session),
            "query": request.url.query,
            "headers": dict(request.headers),
            "body": len(body),
        },
        headers={"X-Path": quote(get_route_path(request.scope), safe="/=")},
    )


Open = Callable[..., TestClient]


@pytest.fixture
def behind_guard() -> Iterator[Open]:
    """Opens a client of an application that answers on every path, behind the guard."""
    clients: list[TestClient] = []

    def open(root_path: str = "", **settings: Any) -> TestClient:
        app = Starlette(
            routes=[Route("/{path:path}", _what_arrives, methods=["GET", "POST"])],
            middleware=[
                Middleware(SessionMiddleware, secret_key="for tests"),
                Middleware(SecurityMiddleware, Settings(**settings)),
            ],
        )
        clients.append(TestClient(app, base_url="http://localhost", root_path=root_path))
        return clients[-1].__enter__()

    yield open
    for client in clients:
        client.__exit__()


@pytest.fixture
def client(behind_guard: Open) -> TestClient:
    return behind_guard()


CLOSED = [
    f"/gradio_api/file={EVIL}",
    f"/gradio_api/file/{EVIL}",
    f"/gradio_api/FILE={EVIL}",
    f"/gradio_api/file%3D{EVIL}",
    "/gradio_api/file=/tmp/picture.png",
    "/gradio_api/file/tmp/picture.png",
    f"/file={EVIL}",
    f"/file/{EVIL}",
    f"/gradio_api/proxy={EVIL}",
    f"/proxy={EVIL}",
    "/gradio_api/upload",
    "/gradio_api/upload?upload_id=1",
    "/gradio_api/upload_progress",
    "/gradio_api/process_recording",
    "/gradio_api/component_server",
    "/gradio_api/component_server/",
    "/gradio_api/custom_component/a/b/c/d",
    "/gradio_api/stream/1",
    "/gradio_api/run/predict",
    "/gradio_api/run/predict/",
    "/gradio_api/api/predict",
    "/gradio_api/call/predict",
    "/gradio_api/call/generate",
    "/gradio_api/call/v2/generate",
    "/gradio_api/run/generate",
    "/gradio_api/api/generate",
    "/gradio_api/queue/status",
    "/gradio_api/queue/join/",
    "/gradio_api/queue/data/",
    "/gradio_api/info/",
    "/gradio_api/reset",
    "/gradio_api/cancel/",
    "/gradio_api/file=limner/pictures/1.png",
    "/gradio_api/file=limner/pictures/a/../1.png",
    "/gradio_api/file=limner/thumbnails/1.png/fox.png",
    "/gradio_api/file=/limner/pictures/1.png/fox.png",
    "/gradio_api/heartbeat/1",
    "/gradio_api/vibe-edit",
    "/gradio_api/openapi.json",
    "/gradio_api/mcp/sse",
    "/gradio_api/deep_link",
    "/gradio_api/startup-events/x",
    "/config/",
    "/monitoring",
    "/monitoring/summary",
    "/runs",
    "/login",
    "/login/huggingface",
    "/docs/",
    "/docs/oauth2-redirect",
    "/redoc",
    "/openapi.json/x",
    "/svelte/x",
    "/pwa_icon/100000",
    "/api/images",
    "/api/image/x",
    "/api/threads/",
    "/api/threads/1/messages",
    "/api/providers/x",
    "/limner",
    "/limner/",
    "//limner/threads",
    "/%0aforged",
    "/limner/a%0ab",
    "/assets",
    "/assets/",
    "/assets/%00",
    "/assets/" + "a" * 200,
    "/static/" + "/".join("abcdefgh"),
    "/index.html",
    "/.env",
]
OPEN = [
    "/",
    "/assets/index-4f.js",
    "/assets/svelte/svelte_svelte.js",
    "/static/js/iframeResizer.contentWindow.min.js",
    "/static/img/logo.svg",
    "/theme.css",
    "/favicon.ico",
    "/manifest.json",
    "/robots.txt",
    "/gradio_api/startup-events",
    "/config",
    "/gradio_api/info",
    "/gradio_api/queue/join",
    "/gradio_api/queue/data",
    "/gradio_api/cancel",
    "/gradio_api/file=limner/pictures/1.png/a%20fox.png",
    "/limner/plugins",
    "/limner/threads/1/events",
    "/limner/pictures/1.png/a%20fox.png",
    "/api/image",
    "/api/threads/1",
    "/api/providers",
    "/openapi.json",
    "/docs",
]


@pytest.mark.parametrize("root_path", ["", "/g", "/gradio"])
@pytest.mark.parametrize("prefixed", [False, True])
def test_only_what_is_needed_is_open(behind_guard: Open, root_path: str, prefixed: bool) -> None:
    client = behind_guard(root_path)
    prefix = root_path if prefixed else ""
    passed = [path for path in CLOSED if client.get(f"http://localhost{prefix}{path}").status_code != 404]
    assert passed == []
    refused = [path for path in OPEN if client.get(f"http://localhost{prefix}{path}").status_code != 200]
    assert refused == []


@pytest.mark.parametrize("root_path", ["/limner", "/api", "/v1", "/assets", "/gradio_api", "/a/limner"])
@pytest.mark.parametrize("is_taken_off", [False, True])
def test_below_a_path_of_any_name_the_same_is_open(
    behind_guard: Open, root_path: str, is_taken_off: bool
) -> None:
    """Some proxies take that path off before they pass a request on, and some do not."""
    client = behind_guard(root_path)
    own = ["/limner/files/0123456789ab/style/page.css", "/limner/pictures/1.png/assets/a.png"]
    for path in [*OPEN, *own]:
        sent = path if is_taken_off else root_path + path
        answer = client.get(f"http://localhost{sent}")
        assert (answer.status_code, answer.headers.get("x-path")) == (200, path)
    if not is_taken_off:
        assert client.get(f"http://localhost{root_path}").headers["x-path"] == "/"


def test_a_web_socket_is_refused(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/limner/threads/1/events"):
        pass


def test_gradio_gets_no_query_and_no_address_that_the_visitor_chose(behind_guard: Open) -> None:
    headers = {"X-Forwarded-Host": "evil.test", "X-Gradio-Server": EVIL}
    seen = behind_guard().get("/?deep_link=a&page=b", headers=headers).json()
    assert seen["query"] == ""
    assert not {"x-forwarded-host", "x-gradio-server"} & set(seen["headers"])
    assert behind_guard().get("/limner/threads/1/events?since=3").json()["query"] == "since=3"
    proxied = behind_guard(behind_proxy=True)
    assert proxied.get("/", headers=headers).json()["headers"]["x-forwarded-host"] == "evil.test"
    headers["X-Forwarded-Host"] = "["
    assert "x-forwarded-host" not in proxied.get("/", headers=headers).json()["headers"]


@pytest.mark.parametrize(("variables", "frames"), [({}, "'self'"), ({"SPACE_ID": "me/limner"}, None)])
def test_every_answer_has_the_whole_policy(
    behind_guard: Open, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], frames: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    headers = behind_guard().get("/").headers
    policy = dict(directive.split(" ", 1) for directive in headers["content-security-policy"].split("; "))
    hub = "'self' https://huggingface.co https://*.huggingface.co https://hf.co"
    assert policy == {**POLICY, "frame-ancestors": frames or hub}
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_another_site_brings_no_sign_in(client: TestClient) -> None:
    client.get("/")
    same = client.get("/", headers={"origin": "http://localhost"}).json()
    foreign = client.get("/", headers={"origin": "https://evil.test"}).json()
    assert same["cookies"]
    assert foreign["cookies"] == {}


def test_a_signed_in_session_is_invisible_to_another_site() -> None:
    async def session(request: Request) -> Response:
        return JSONResponse(dict(request.scope["session"]))

    app = SecurityMiddleware(Starlette(routes=[Route("/", session)]), Settings())

    async def signed_in(scope, receive, send):  # type: ignore[no-untyped-def]
        await app({**scope, "session": {"token": "secret"}}, receive, send)

    client = TestClient(signed_in, base_url="http://localhost")
    assert client.get("/").json() == {"token": "secret"}
    assert client.get("/", headers={"origin": "https://evil.test"}).json() == {}


POSTS = [
    "/api/image",
    "/gradio_api/queue/join",
    "/gradio_api/cancel",
    "/limner/threads/1/messages",
    "/limner/threads/1/messages/2/regenerate",
    "/limner/threads/1/messages/2/stop",
    "/limner/threads/1/messages/2/choose",
]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},  # another app of the same owner, or another port of this machine
        {"Sec-Fetch-Site": "nonsense"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "https://evil.test"},
        {"Origin": "http://localhost:8000"},
        {"Origin": "http://localhost.evil.test"},
        {"Origin": "null"},
    ],
)
def test_another_site_changes_nothing(client: TestClient, path: str, headers: dict[str, str]) -> None:
    answer = client.post(path, headers=headers, json={})
    assert answer.status_code == 403
    assert answer.json()["error"].startswith("This request comes from another site")


def test_behind_a_proxy_that_replaces_the_host_the_page_works(behind_guard: Open) -> None:
    """What nginx sends by default over plain http: its own target as Host, and the page's origin."""
    page = {"Host": "127.0.0.1:7860", "Origin": "http://pictures.example"}
    answer = behind_guard().post("/api/image", headers=page, json={})
    assert answer.status_code == 403
    assert "set behind_proxy (LIMNER_BEHIND_PROXY)" in answer.json()["error"]
    client = behind_guard(behind_proxy=True)
    assert client.post("/api/image", headers=page, json={}).status_code == 200
    for simple in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        sent = client.post("/api/image", headers={**page, "Content-Type": simple}, content=b'{"prompt": "a"}')
        assert sent.status_code == 403, "another site's page can send this without asking"
    asks = {**page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    assert client.options("/api/image", headers=asks).status_code == 403
    site = {**page, "Sec-Fetch-Site": "cross-site"}
    assert client.post("/api/image", headers=site, json={}).status_code == 403


def test_behind_a_proxy_that_says_which_host_it_replaced_the_page_sends_whatever_it_likes(
    behind_guard: Open,
) -> None:
    page = {"Host": "127.0.0.1:7860", "Origin": "http://pictures.example", "Content-Type": "text/plain"}
    said = {**page, "X-Forwarded-Host": "pictures.example"}
    proxied = behind_guard(behind_proxy=True)
    assert proxied.post("/api/image", headers=said).status_code == 200
    assert proxied.post("/api/image", headers={**said, "Origin": "http://evil.test"}).status_code == 403
    assert behind_guard().post("/api/image", headers=said).status_code == 403, "nobody vouches for the header"
    known = behind_guard(public_url="https://pictures.example/studio")
    page["Origin"] = "https://pictures.example"
    assert known.post("/api/image", headers=page).status_code == 200
    assert known.post("/api/image", headers={**page, "Origin": "https://evil.test"}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://localhost"}],
)
def test_the_page_itself_and_other_programs_may_post(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/api/image", headers=headers, json={}).status_code == 200


OWN = [
    "localhost",
    "localhost:7860",
    "127.0.0.1",
    "[::1]:7860",
    "192.168.1.5",
    "limner.localhost",
    "nas",
    "NAS.local",
]
OTHERS = [
    "evil.test",
    "localhost.evil.test",
    "evil.test:7860",
    "127.0.0.1.evil.test",
    "1.2.3",
    "lan.evil.test.",
]


def test_another_name_that_leads_here_reaches_nothing(behind_guard: Open) -> None:
    """A site may let its own name lead to this machine, and its pages then count as this server's own."""
    client = behind_guard()
    assert [host for host in OWN if client.get("/", headers={"Host": host}).status_code != 200] == []
    for path in ("/", "/limner/plugins", "/api/image"):
        answers = [client.get(path, headers={"Host": host}) for host in OTHERS]
        assert {answer.status_code for answer in answers} == {403}
        assert "setting hosts (LIMNER_HOSTS), or set behind_proxy" in answers[0].json()["error"]


@pytest.mark.parametrize(
    "settings",
    [
        {"hosts": "Pictures.example"},
        {"public_url": "https://pictures.example/limner"},
        {"behind_proxy": True},
    ],
)
def test_the_owner_names_other_names(behind_guard: Open, settings: dict[str, Any]) -> None:
    client = behind_guard(**settings)
    assert client.get("/", headers={"Host": "pictures.example:8000"}).status_code == 200


@pytest.mark.parametrize("host", ["[", "a b", "a/b", "a@b", "a:b", "x" * 300])
def test_what_is_no_name_of_a_server_is_refused_behind_a_proxy_too(behind_guard: Open, host: str) -> None:
    assert behind_guard(behind_proxy=True).get("/", headers={"Host": host}).status_code == 400


def test_a_refusal_is_one_short_line(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    client.get("/gradio_api/custom_component/%0aERROR forged/" + "x" * 5_000)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "ui.http.middleware"]
    caplog.clear()
    client.request("A" * 60_000, "/x")
    (long,) = [record.getMessage() for record in caplog.records if record.name == "ui.http.middleware"]
    assert max(len(line), len(long)) < 200
    assert "\n" not in line


def test_a_client_that_goes_away_in_a_request_is_no_error(client: TestClient) -> None:
    async def half_a_body() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(_: object) -> None:
        raise AssertionError("nobody is there to be answered")

    async def read(request: Request) -> Response:
        return JSONResponse(await request.json())

    app = SecurityMiddleware(
        Starlette(routes=[Route("/api/image", read, methods=["POST"])]).router, Settings()
    )
    scope = {"type": "http", "method": "POST", "path": "/api/image", "headers": [], "query_string": b""}

    async def ask() -> None:
        await app({**scope, "root_path": ""}, half_a_body, send)

    client.portal.call(ask)  # type: ignore[union-attr]


def test_the_running_app_is_guarded(serve: Callable[..., Serving]) -> None:
    serving = serve()
    with urllib.request.urlopen(serving.url, timeout=30) as answer:
        assert "form-action 'self'" in answer.headers["content-security-policy"]
    for path in (f"/gradio_api/file={serving.url}", f"/gradio_api/file/{serving.url}/theme.css"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(serving.url + path, timeout=30)
    http.client.HTTPConnection._http_vsn_str, before = "HTTP/1.0", http.client.HTTPConnection._http_vsn_str  # type: ignore[attr-defined]
    try:
        connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=30)
        connection.putrequest("GET", "/", skip_host=True)
        connection.putheader("Origin", "http://evil.test")
        connection.endheaders()
        assert connection.getresponse().status == 200
    finally:
        http.client.HTTPConnection._http_vsn_str = before  # type: ignore[attr-defined]
    assert "Traceback" not in serving.log.read_text()
