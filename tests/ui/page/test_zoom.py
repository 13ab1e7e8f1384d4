"""The picture in full size."""

from __future__ import annotations

from itertools import product

import pytest
from playwright.sync_api import expect

from tests.ui.chat import Chat
from tests.ui.conftest import Gate

pytestmark = pytest.mark.browser

BEHIND = "() => [document.querySelector('#limner-conversation [role=log]').scrollTop, window.scrollY]"


def test_zoom_opens_and_closes(chat: Chat) -> None:
    """C3: by mouse and by keyboard; the page behind stays where it is, and the focus returns."""
    chat.ask("A boat #tall")
    picture = chat.ask("A boat #tall").get_by_title("Zoom")
    picture.scroll_into_view_if_needed()
    picture.focus()
    before = chat.page.evaluate(BEHIND)
    for opens, closes in product(("click", "Enter", " "), ("click", "Escape", "Enter", " ")):
        if opens == "click":
            picture.click()
        else:
            chat.page.keyboard.press(opens)
        dialog = chat.page.get_by_role("dialog", name="Picture in full size")
        expect(dialog.get_by_role("img")).to_be_visible()
        chat.page.mouse.move(640, 300)
        chat.page.mouse.wheel(0, -600)
        chat.page.keyboard.press("PageUp")
        if closes == "click":
            chat.page.mouse.click(640, 400)
        else:
            chat.page.keyboard.press(closes)

        expect(dialog).to_be_hidden()
        expect(picture).to_be_focused()
        assert chat.page.evaluate(BEHIND) == before


def test_zoom_fills_the_window(chat: Chat) -> None:
    """G10: the whole picture, as large as the window lets it be."""
    answer = chat.ask("A boat #tall")
    answer.get_by_title("Zoom").click()

    box = chat.page.get_by_role("dialog").get_by_role("img").bounding_box()

    assert box
    assert 780 < box["height"] <= 800


def test_the_picture_is_described_by_its_prompt(chat: Chat) -> None:
    """C4: in the thread and in full size."""
    answer = chat.ask("A boat in a harbour")
    expect(answer.get_by_role("img", name="A boat in a harbour", exact=True)).to_be_visible()

    answer.get_by_title("Zoom").click()

    dialog = chat.page.get_by_role("dialog")
    expect(dialog.get_by_role("img", name="A boat in a harbour", exact=True)).to_be_visible()
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()


def test_focus_returns_though_the_message_was_drawn_anew_meanwhile(chat: Chat, gate: Gate) -> None:
    """C3: a version that arrives while the dialog is open does not cost the focus."""
    gate.open()
    answer = chat.ask(f"A boat {gate.tag}")
    gate.close()
    chat.action(answer, "Regenerate image").click()
    expect(chat.action(answer, "Stop")).to_be_visible()
    answer.get_by_title("Zoom").click()
    gate.open()
    expect(answer.get_by_text("2 / 2")).to_be_attached()

    chat.page.keyboard.press("Escape")

    expect(answer.get_by_title("Zoom")).to_be_focused()
