"""The page's own files: which are served, how long they are kept, and how they are compressed."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from core import Rejected
from ui.http.assets import Assets
from ui.http.compression import JSONCompression
from ui.http.requests import reply_rejected

SCRIPT = "export const one = 1;\n" * 100
PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture
def assets(tmp_path: Path) -> Assets:
    (tmp_path / "secret.js").write_text("outside")
    folder = tmp_path / "page"
    for name in ("script/main.js", "style/page.css", "brand/mark.svg", "shell.html", "page.py", ".env"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(SCRIPT)
    (folder / "brand" / "icon.png").write_bytes(b"\x89PNG" * 1000)
    return Assets(folder)


@pytest.fixture
def client(assets: Assets) -> TestClient:
    app = Starlette(routes=[assets.route()], exception_handlers={Rejected: reply_rejected})
    return TestClient(app)


@pytest.mark.parametrize(
    ("name", "media_type", "coding"),
    [
        ("script/main.js", "text/javascript; charset=utf-8", "gzip"),
        ("style/page.css", "text/css; charset=utf-8", "gzip"),
        ("brand/mark.svg", "image/svg+xml", "gzip"),
        ("brand/icon.png", "image/png", None),
    ],
)
def test_a_file_is_kept_for_ever_under_its_version(
    assets: Assets, client: TestClient, name: str, media_type: str, coding: str | None
) -> None:
    answer = client.get(f"/{assets.address(name)}", headers={"Accept-Encoding": "br;q=0.5, gzip;q=1.0"})
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers.get("vary") == ("Accept-Encoding" if coding else None)
    for headers in (PLAIN, {"Accept-Encoding": "gzip;q=0, br"}):
        plain = client.get(f"/{assets.address(name)}", headers=headers)
        assert "content-encoding" not in plain.headers
        assert plain.content == answer.content
    assert client.get(f"/limner/files/-/{name}").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name",
    [
        "shell.html",
        "page.py",
        ".env",
        "script",
        "",
        "../secret.js",
        "%2e%2e/secret.js",
        "script/..%2f..%2fsecret.js",
        "%2fetc/passwd",
        "script//main.js",
        "main.js%00.js",
    ],
)
def test_nothing_else_is_served(assets: Assets, client: TestClient, name: str) -> None:
    assert client.get(f"/{assets.address(name)}").status_code == 404


def test_the_version_follows_every_change(tmp_path: Path, assets: Assets) -> None:
    assert Assets(tmp_path / "page").version == assets.version
    (tmp_path / "page" / "script" / "main.js").write_text(SCRIPT + " ")
    assert Assets(tmp_path / "page").version != assets.version


def test_only_json_in_one_piece_is_compressed_on_the_way() -> None:
    async def answer(request: Request) -> Response:
        match request.path_params["kind"]:
            case "long":
                return JSONResponse(["a fox"] * 1000)
            case "short":
                return JSONResponse({})
            case "picture":
                return Response(b"a fox" * 1000, media_type="image/png")
            case _:
                pieces = (b"data: a fox\n\n" for _ in range(1000))
                return StreamingResponse(pieces, media_type="text/event-stream")

    app = Starlette(routes=[Route("/{kind}", answer)], middleware=[Middleware(JSONCompression)])
    client = TestClient(app)
    answers = {kind: client.get(f"/{kind}") for kind in ("long", "short", "picture", "stream")}
    codings = {kind: answer.headers.get("content-encoding") for kind, answer in answers.items()}
    assert codings == {"long": "gzip", "short": None, "picture": None, "stream": None}
    assert answers["long"].json() == ["a fox"] * 1000
    assert int(answers["long"].headers["content-length"]) < 200
    assert answers["short"].json() == {}
    assert "content-encoding" not in client.get("/long", headers=PLAIN).headers
