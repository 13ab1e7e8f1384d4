"""The page behind a proxy: below a path of any name, with and without the browser's own host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.reverse_proxy import ReverseProxy
from tests.serving import Serving
from tests.ui.chat import Chat
from tests.warm_serving import WarmServing

pytestmark = pytest.mark.browser

FORWARDED = {"X-Forwarded-For": "{client}", "X-Forwarded-Proto": "http"}
WITH_HOST = {**FORWARDED, "Host": "{host}"}
WITH_ANOTHER_HOST = {**FORWARDED, "X-Forwarded-Host": "{host}"}
SENDS_TEXT = """() => fetch("api/image", {
  method: "POST", headers: { "Content-Type": "text/plain" }, body: '{"prompt": "a fox"}',
}).then((answer) => answer.status)"""


@pytest.fixture
def kind_of_serving() -> type[Serving]:
    """Returns how `serve` starts the app here, where its start is not what is tested."""
    return WarmServing


@pytest.mark.parametrize(
    ("path", "variables", "how"),
    [
        ("/limner", {"GRADIO_ROOT_PATH": "/limner"}, {"takes_off": True, "headers": WITH_HOST}),
        ("/limner", {"GRADIO_ROOT_PATH": "limner/"}, {"takes_off": False, "headers": WITH_ANOTHER_HOST}),
        (
            "/a/studio",
            {"LIMNER_PUBLIC_URL": "https://a.test/a/studio"},
            {"takes_off": False, "headers": FORWARDED},
        ),
        ("", {}, {"headers": WITH_ANOTHER_HOST}),
    ],
    ids=["nginx and a sub-path", "another proxy, which takes nothing off", "only a public_url", "no path"],
)
def test_everything_works_behind_a_proxy(
    serve: Callable[..., Serving], page: Page, path: str, variables: dict[str, str], how: dict[str, Any]
) -> None:
    serving = serve(LIMNER_BEHIND_PROXY="true", **variables)
    failed: list[str] = []
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    with ReverseProxy(serving.port, path, **how) as proxy:
        chat = Chat(page, f"{proxy.url}/")
        answer = chat.ask("A boat")
        chat.picture(answer)
        chat.action(answer, "Regenerate image").click()
        expect(answer.get_by_text("2 / 2")).to_be_visible()
        chat.reload()
        expect(chat.prompts).to_have_text(["A boat"])
        outside = {url for url in asked if url.startswith("http") and not url.startswith(f"{proxy.url}/")}
        assert (outside, failed) == (set(), [])
        if how["headers"] is not FORWARDED:
            assert page.evaluate(SENDS_TEXT) == 415, (
                "it is not taken for another site, and only told to send JSON"
            )
        page.goto("about:blank")
