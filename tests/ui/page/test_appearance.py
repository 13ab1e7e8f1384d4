"""Light or dark: as the system has it, until the person chooses."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.chat import Chat

pytestmark = pytest.mark.browser


def test_the_choice_of_light_or_dark_outlives_a_reload(chat: Chat) -> None:
    page = chat.page
    background = "getComputedStyle(document.getElementById('limner')).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Switch to dark").click()
    dark = page.evaluate(background)
    assert dark != light
    chat.reload()
    assert page.evaluate(background) == dark
    page.get_by_role("button", name="Switch to light").click()
    chat.reload()
    assert page.evaluate(background) == light
    page.emulate_media(color_scheme="dark")  # what the system has is followed again
    expect(page.get_by_role("button", name="Switch to light")).to_be_visible()
