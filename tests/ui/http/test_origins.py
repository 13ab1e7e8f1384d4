"""What other sites' pages may ask for where the setting `origins` names them, and as whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.settings.schema import Settings
from tests.core.scripted import NEEDS_KEY, ScriptedProvider
from tests.ui.http.client import FOX, MESSAGES, Client, open_client

pytestmark = pytest.mark.anyio

APP = "https://app.example"
PAGE = {"Origin": APP, "Sec-Fetch-Site": "cross-site"}
ASKS = {**PAGE, "Access-Control-Request-Method": "POST"}
OPENAIS_SDK = "authorization,content-type,x-stainless-arch,x-stainless-retry-count,x-stainless-lang"


async def post(client: Client, **headers: str) -> tuple[int, str | None]:
    answer = await client.post("/api/image", json=FOX, headers=headers)
    return answer.status_code, answer.headers.get("access-control-allow-origin")


async def test_only_the_pages_of_named_origins_may_ask(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider(), origins=(APP, "http://localhost:3000")) as (
        client,
        _,
    ):
        assert await post(client, **PAGE) == (200, APP)
        for origin in (
            "https://evil.example",
            "http://app.example",
            f"{APP}:8443",
            "https://a.app.example",
            "null",
        ):
            assert await post(client, **{**PAGE, "Origin": origin}) == (403, None)
            asked = await client.options("/api/image", headers={**ASKS, "Origin": origin})
            assert (asked.status_code, asked.headers.get("access-control-allow-origin")) == (403, None)
            assert asked.headers["vary"] == "Origin"
        assert await post(client, **{"Sec-Fetch-Site": "cross-site"}) == (403, None)
        assert await post(client) == (200, None)


async def test_without_the_setting_none_may(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        assert await post(client, **PAGE) == (403, None)
        assert (await client.options("/api/image", headers=ASKS)).status_code == 403


async def test_a_browser_that_asks_first_is_told_what_it_may_send(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider(), origins=(APP,)) as (client, _):
        asks = {**ASKS, "Access-Control-Request-Headers": f"{OPENAIS_SDK},x-forwarded-host"}
        answer = await client.options("/api/image", headers=asks)
        assert (answer.status_code, answer.content) == (204, b"")
        told = answer.headers
        assert told["access-control-allow-origin"] == APP
        assert told["access-control-allow-methods"] == "GET, POST, DELETE"
        allowed = set(told["access-control-allow-headers"].split(", "))
        assert {
            *OPENAIS_SDK.split(","),
            "idempotency-key",
            "mcp-session-id",
            "mcp-protocol-version",
        } <= allowed
        assert {"last-event-id"} <= allowed
        assert not {"x-forwarded-host", "x-forwarded-for", "cookie"} & allowed
        assert int(told["access-control-max-age"]) > 0
        assert "Origin" in told.get_list("vary")
        assert "access-control-allow-credentials" not in told


async def test_all_origins_may_where_the_setting_says_so(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider(), origins=("*",)) as (client, _):
        for origin in (APP, "null"):
            assert await post(client, **{**PAGE, "Origin": origin}) == (200, "*")
            asked = await client.options("/api/image", headers={**ASKS, "Origin": origin})
            assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "*")


async def test_the_page_of_limner_itself_stays_closed(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider(), origins=("*",)) as (client, _):
        assert (await client.post(MESSAGES, json=FOX, headers=PAGE)).status_code == 403
        assert (await client.options(MESSAGES, headers=ASKS)).status_code == 403
        for path in ("/limner/conversations", MESSAGES, "/limner/plugins", "/healthz"):
            answer = await client.get(path, headers=PAGE)
            assert "access-control-allow-origin" not in answer.headers, path


async def test_a_failure_can_be_read_and_says_when_to_try_again(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"origins": (APP,), "rate_limit": "1/minute"}
    async with open_client(tmp_path, ScriptedProvider(), **settings) as (client, _):
        assert await post(client, **PAGE) == (200, APP)
        answer = await client.post("/api/image", json=FOX, headers=PAGE)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (429, APP)
        assert "Retry-After" in answer.headers["access-control-expose-headers"].split(", ")
        assert int(answer.headers["retry-after"]) > 0
        missing = await client.get("/api/nothing", headers=PAGE)
        assert (missing.status_code, missing.headers["access-control-allow-origin"]) == (404, APP)


@pytest.mark.parametrize("origins", [(APP,), ("*",)])
async def test_such_a_page_on_the_owners_machine_is_a_stranger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origins: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SCRIPTED_API_KEY", "the owner's key")
    scripted = ScriptedProvider(**NEEDS_KEY)
    async with open_client(tmp_path, scripted, "127.0.0.1", origins=origins) as (client, _):
        assert "limner_visitor" in (await client.get("/limner/conversations")).cookies
        for page in (PAGE, {"Origin": APP}):  # to an address without TLS a browser says no more
            made = await client.post("/api/image", json=FOX, headers=page)
            assert made.json()["metadata"]["provider"] == "sketch", "the free one stands in"
            assert scripted.requests == [], "a page spends the owner's money"
        assert (await client.post("/api/image", json=FOX)).status_code == 200
        assert len(scripted.requests) == 1


async def test_pictures_are_shown_elsewhere_only_where_messages_link_to_them(tmp_path: Path) -> None:
    for public_url, policy in ((None, "same-origin"), ("https://limner.example", "cross-origin")):
        folder = tmp_path / policy
        async with open_client(folder, ScriptedProvider(), public_url=public_url) as (client, _):
            made = (await client.post("/api/image", json=FOX)).json()
            (name,) = {path.name for path in (folder / "pictures").rglob("*.png")}
            for path in (f"/limner/pictures/{name}/fox.png", f"/limner/pictures/{name}/fox.png?details"):
                shown = await client.get(path, headers={"Sec-Fetch-Site": "cross-site"})
                assert (shown.status_code, shown.headers["cross-origin-resource-policy"]) == (200, policy)
            assert made["image"].startswith("https://limner.example/" if public_url else "data:image/png")


@pytest.mark.parametrize(
    "wrong",
    ["app.example", "https://app.example/", "https://", "ftp://a", "https://a b", "null", "https://*.a"],
)
def test_what_is_no_origin_is_said(wrong: str) -> None:
    with pytest.raises(ValidationError, match=r"origins such as https://app\.example"):
        Settings(origins=(wrong,))


def test_origins_are_as_browsers_write_them() -> None:
    given = ("HTTPS://App.example:443", "http://a:80", "http://[::1]:3000", "http://a:8080", "https://b:80")
    assert Settings(origins=given).origins == (
        APP,
        "http://a",
        "http://[::1]:3000",
        "http://a:8080",
        "https://b:80",
    )
