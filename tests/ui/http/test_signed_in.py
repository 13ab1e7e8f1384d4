"""The whole way in a browser: signed in with the Hub, a picture on the visitor's credits, signed out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.hub import Hub
from tests.serving import Serving
from tests.ui.chat import Chat

pytestmark = pytest.mark.browser


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture
def serving(tmp_path: Path, hub: Hub) -> Iterator[Serving]:
    """A server as a Space has it, behind a proxy, with no key of its owner's, but for plain http."""
    serving = Serving(
        tmp_path,
        {
            **hub.variables(tmp_path),
            "LIMNER_DATA_DIR": str(tmp_path / "data"),
            "LIMNER_BEHIND_PROXY": "true",
            "LIMNER_PROVIDER": "huggingface",
        },
    )
    yield serving
    serving.stop()


def test_a_visitor_signs_in_makes_a_picture_and_signs_out(
    serving: Serving, hub: Hub, context: BrowserContext
) -> None:
    chat = Chat(context.new_page(), serving.url)
    chat.picture(chat.ask("a fox before"))
    assert hub.requests == [], "the sketch made it, and nobody was asked"
    before = chat.conversation

    chat.page.goto(f"{serving.url}/limner/sign-in")
    expect(chat.page).to_have_url(re.compile(re.escape(serving.url) + "/?$"))
    (token,) = hub.signed_in_tokens()
    assert hub.asked("/api/whoami-v2") == [token]
    chat.open(f"/?c={before}")
    expect(chat.prompts).to_have_text(["a fox before"])

    chat.picture(chat.ask("a fox on my credits"))
    assert hub.paid_by() == [token]
    assert hub.asked("/api/models/") == [token]
    cookies = {cookie.get("name"): cookie for cookie in context.cookies()}
    assert cookies["limner_session"].get("httpOnly")
    assert token not in str(cookies) + chat.page.content()
    stored = chat.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert token not in stored
    assert "limner_session" not in stored

    with chat.page.expect_response("**/events*", timeout=30_000) as cut_off:
        assert chat.page.evaluate("fetch('limner/sign-out', {method: 'POST'}).then(answer => answer.ok)")
    assert cut_off.value.status == 404, "its stream has ended, and no other begins"
    chat.page.goto(f"{serving.url}/")
    listed = chat.page.evaluate("fetch('limner/conversations').then(answer => answer.json())")
    assert listed == {"conversations": [], "more": False}
    assert [cookie.get("name") for cookie in context.cookies()] == ["limner_visitor"]
    chat.open()
    chat.picture(chat.ask("a fox after"))
    assert hub.paid_by() == [token]
