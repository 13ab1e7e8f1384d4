"""Of all that Gradio serves only the page and its files answer; whatever a new release adds is closed too.

What its clients ask for is at the same paths, and is answered by Limner, as is /openapi.json.
"""

from __future__ import annotations

import asyncio
import re
from functools import cache
from http.client import HTTPConnection
from pathlib import Path

import gradio as gr
import pytest
from gradio.routes import App

from core.storage.pictures import MARK
from limner.testing import Loopback, Reply
from tests.security.conftest import PROXY, send
from tests.serving import Serving

MULTIPART = {**PROXY, "Content-Type": "multipart/form-data; boundary=b"}
PART = b'--b\r\nContent-Disposition: form-data; name="%d"; filename="%d.bin"\r\n\r\nbytes\r\n'
OPEN = {
    "/": {"GET", "HEAD"},
    "/assets/{path}": {"GET"},
    "/config": {"GET", "HEAD"},
    "/favicon.ico": {"GET", "HEAD"},
    "/gradio_api/cancel": {"POST"},
    "/gradio_api/info": {"GET", "HEAD"},
    "/gradio_api/queue/join": {"POST"},
    "/gradio_api/startup-events": {"GET"},
    "/manifest.json": {"GET", "HEAD"},
    "/openapi.json": {"GET", "HEAD"},
    "/robots.txt": {"GET"},
    "/static/{path}": {"GET"},
    "/theme.css": {"GET"},
}
"""What the page needs, and Gradio's clients; the rest of Gradio is for what Limner does itself."""


@cache
def every_route() -> dict[str, str]:
    """Returns the paths of the installed Gradio, each with something in its places."""

    async def create() -> App:  # on a loop, without which gradio leaves one open
        return App.create_app(gr.Blocks())

    app = asyncio.run(create())
    named = {str(getattr(route, "path", "") or "/").replace(":path}", "}") for route in app.routes}
    paths = named | {*app.openapi()["paths"]}
    assert len(paths) > 60, "they are found in another way"
    return {path: re.sub(r"\{[^}]+\}", "x", path) for path in paths}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_none_answers_but_those_of_the_page(space: Serving, method: str) -> None:
    answers = {path: send(space, method, asked, b"{}")[0] for path, asked in every_route().items()}
    closed = {path for path, status in answers.items() if status in (404, 405)}
    assert answers.keys() - closed <= {path for path, methods in OPEN.items() if method in methods}


@pytest.mark.parametrize("prefix", ["/gradio_api", ""])
@pytest.mark.parametrize("route", ["file=", "file/", "proxy="])
def test_no_other_server_speaks_in_our_name(space: Serving, prefix: str, route: str) -> None:
    script = Reply(body="<script>alert(1)</script>", headers={"content-type": "text/html"})
    with Loopback(lambda _: script) as other:
        for address in (f"{other.url}/x.html", other.url.replace("http:", "HTTP:"), other.url[5:]):
            for written in (address, address.replace("/", "%2f"), address.replace(":", "%3a")):
                status, body = send(space, "GET", f"{prefix}/{route}{written}")
                assert (status, b"script" in body) == (404, False), written
        assert other.requests == []


PATHS = [
    "/gradio_api/file=/etc/passwd",
    "/gradio_api/file=app.py",
    "/assets/../../../../../../../../etc/passwd",
    "/assets/..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/static//etc/passwd",
    "/limner/files/x/../../../../../../etc/passwd",
    "/limner/files/x/..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/limner/files/x/%2fetc%2fpasswd",
    "/limner/files/x/page.py",
    "/limner/pictures/..%2flimner.sqlite3/x.png",
    "/limner/pictures/../limner.sqlite3",
    "/limner/pictures/%2fetc%2fpasswd/x.png",
    "/limner/thumbnails/..%2flimner.sqlite3",
    "/limner/thumbnails/..%2f..%2f..%2fetc%2fpasswd",
    "/limner/previews/..%2flimner.sqlite3",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_to_a_file_of_the_machine(space: Serving, path: str) -> None:
    for written in (path, path.replace("/etc", "%00/etc"), path.replace("%", "%25")):
        status, body = send(space, "GET", written)
        assert status in (400, 403, 404), written
        assert not [sign for sign in (b"root:", b"SQLite format", b"import ") if sign in body]


def files_open(serving: Serving) -> int:
    pid = serving._process._process.pid  # pyright: ignore
    return len([*Path(f"/proc/{pid}/fd").iterdir()])


UPLOADS = [
    "/gradio_api/component_server",
    "/gradio_api/component_server/",
    "/gradio_api/process_recording",
    "/gradio_api/upload",
    "/upload",
    "/api/image",
    "/limner/import",
    f"/limner/threads/{'0' * 32}/messages",
    f"/limner/threads/{'0' * 32}/pictures",
]


def test_a_form_of_a_thousand_files_that_never_ends_opens_none(space: Serving) -> None:
    """Each part had a file of its own, until the system had no more of them for anybody."""
    begun: list[HTTPConnection] = []
    send(space, "GET", "/")
    before = files_open(space)
    for path in UPLOADS:
        connection = HTTPConnection("127.0.0.1", space.port, timeout=30)
        connection.putrequest("POST", path, skip_host=True)
        for name, value in {**MULTIPART, "Content-Length": "100000000"}.items():
            connection.putheader(name, value)
        connection.endheaders(b"".join(PART % (number, number) for number in range(1_000)))
        begun.append(connection)
    assert send(space, "GET", "/")[0] == 200
    assert files_open(space) < before + 3 * len(UPLOADS)
    for connection in begun:
        connection.close()


def test_a_form_leaves_no_file(space: Serving, tmp_path: Path) -> None:
    kept = {path for folder in (space.log.parent, Path("/tmp/gradio")) for path in folder.rglob("*")}
    form = b"".join(PART % (number, number) for number in range(100)) + b"--b--\r\n"
    for path in UPLOADS:
        assert send(space, "POST", path, form, MULTIPART)[0] in (400, 403, 404, 405, 413, 415), path
    now = {path for folder in (space.log.parent, Path("/tmp/gradio")) for path in folder.rglob("*")}
    assert {path for path in now - kept if "sqlite" not in path.name and path.name != MARK} == set()
