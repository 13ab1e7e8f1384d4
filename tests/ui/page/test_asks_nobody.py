"""The page asks its own server alone, wherever it is served, and whatever Gradio makes of that place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request, expect

from tests.serving import Serving
from tests.ui.chat import Chat

pytestmark = pytest.mark.browser

SPACE = {"SYSTEM": "spaces", "SPACE_ID": "me/limner", "SPACE_HOST": "me-limner.hf.space"}
"""What the platform sets."""


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({}, "127.0.0.1"),
        ({"SPACE_ID": "me/limner"}, "127.0.0.1"),
        (SPACE, "127.0.0.1"),
        (SPACE, "me-limner.hf.space"),
    ],
    ids=["here", "named", "space", "at its address"],
)
def test_the_page_asks_no_other_host(
    serve: Callable[..., Serving], page: Page, variables: dict[str, str], host: str
) -> None:
    serving = serve(**variables)
    url = serving.url.replace("127.0.0.1", host)
    asked: list[str] = []
    forbidden: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((f"{url}/", "data:", "blob:")):
            asked.append(request.url)

    def read(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            forbidden.append(message.text)

    page.context.on("request", note)
    page.on("console", read)
    chat = Chat(page, url)
    expect(page.locator("gradio-app #limner")).to_be_attached()
    page.wait_for_load_state("networkidle")
    chat.picture(chat.ask("A red fox"))
    linked = "[...document.querySelectorAll('[href], [src]:not(gradio-app)')].map(one => one.href || one.src)"
    there = page.evaluate(linked)
    page.context.remove_listener("request", note)
    assert [link for link in there if not link.startswith((url, "data:", "blob:"))] == []
    assert asked == []
    assert forbidden == []
