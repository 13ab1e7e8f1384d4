"""The main job: from a prompt to a stored picture on the page, and again from any message."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.serving import Serving
from tests.ui.chat import Chat

pytestmark = pytest.mark.browser


def test_prompt_picture_reload_regenerate_the_first_of_three(
    serve: Callable[..., Serving], page: Page
) -> None:
    """G1, G2, G12: the thread survives a reload, and Regenerate works three messages up."""
    chat = Chat(page, serve().url)
    prompts = ["A lighthouse at dusk, long shadows", "A red fox", "Three sailboats"]
    for prompt in prompts:
        chat.picture(chat.ask(prompt))

    page.reload()

    expect(chat.answers).to_have_count(3)
    sources = [chat.picture(chat.answers.nth(n)).get_attribute("src") for n in range(3)]
    assert len(set(sources)) == 3
    assert [p.strip() for p in page.locator(".limner-prompt").all_inner_texts()] == prompts

    chat.action(chat.answers.nth(0), "Regenerate image").click()

    expect(chat.answers.nth(0).get_by_text("2 / 2")).to_be_visible()
    assert chat.picture(chat.answers.nth(0)).get_attribute("src") != sources[0]
    assert [chat.picture(chat.answers.nth(n)).get_attribute("src") for n in (1, 2)] == sources[1:]
