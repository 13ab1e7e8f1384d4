"""The page by keyboard, for screen readers, and in every window."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.ui.chat import Chat, picture_file
from tests.ui.conftest import Gate

pytestmark = pytest.mark.browser

FOCUSED = """() => {
  const e = document.activeElement;
  const label = e.localName === "select" ? e.labels[0].querySelector("span") : e;
  return e.getAttribute("aria-label") || e.title || label.textContent.trim();
}"""


def tab_stops(page: Page, count: int) -> list[str]:
    stops: list[str] = []
    for _ in range(count):
        page.keyboard.press("Tab")
        stops.append(str(page.evaluate(FOCUSED)).split("\n")[0])
    return stops


def test_tab_goes_from_the_header_over_the_thread_to_the_composer(chat: Chat) -> None:
    """C7: every action is reached, in the order in which it is seen."""
    expect(chat.prompt).to_be_focused()
    chat.ask("A boat")
    chat.prompt.fill("A fox")
    chat.page.get_by_role("link", name="Limner").focus()

    stops = tab_stops(chat.page, 20)

    start = stops.index("Zoom")
    assert "Search conversations" in stops[:start]
    actions = ["Zoom", "Edit this", "Download image", "Copy image", "Regenerate image", "More", "Prompt"]
    assert stops[start : start + 7] == actions
    choices = ["Add pictures", "Provider", "Model", "How many", "Options", "Create"]
    assert [stop.partition(":")[0] for stop in stops[start + 7 : start + 13]] == choices


def test_the_focus_is_kept_when_a_message_is_drawn_anew(chat: Chat, gate: Gate) -> None:
    """C7: Regenerate by keyboard leads to Stop, and what has settled leads back to Regenerate."""
    gate.open()
    answer = chat.ask(f"A boat {gate.tag}")
    gate.close()
    regenerate = chat.action(answer, "Regenerate image")
    regenerate.focus()
    chat.page.keyboard.press("Enter")
    expect(chat.action(answer, "Stop")).to_be_focused()
    gate.say("nearly there")
    expect(answer.get_by_text("nearly there")).to_be_visible()
    expect(chat.action(answer, "Stop")).to_be_focused()

    chat.page.keyboard.press("Enter")
    expect(chat.action(answer, "Stop")).to_have_count(0)
    expect(regenerate).to_be_focused()
    chat.page.keyboard.press(" ")
    expect(chat.action(answer, "Stop")).to_be_focused()
    gate.open()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    expect(regenerate).to_be_focused()

    chat.action(answer, "Previous version").focus()
    chat.page.keyboard.press("Enter")
    expect(answer.get_by_text("1 / 2")).to_be_visible()
    expect(chat.action(answer, "Next version")).to_be_focused()


def test_typing_is_not_disturbed_by_what_arrives(chat: Chat, gate: Gate) -> None:
    """R4: the focus stays in the box while messages change."""
    answer = chat.send(f"A boat {gate.tag}")
    chat.prompt.focus()
    gate.open()

    chat.picture(answer)

    expect(chat.prompt).to_be_focused()


def test_screen_readers_hear_what_matters_and_no_source(chat: Chat, gate: Gate) -> None:
    """C1, R6: a polite line tells which image starts and ends; errors are alerts, but no old ones."""
    answer = chat.send(f"A boat {gate.tag}")
    expect(chat.spoken).to_have_role("status")
    expect(chat.spoken).to_have_text(f"Generating image: A boat {gate.tag}")
    gate.open()
    expect(chat.spoken).to_have_text(f"The image is ready: A boat {gate.tag}")
    chat.picture(answer)
    expect(chat.page.get_by_role("article", name=f"Pictures of: A boat {gate.tag}")).to_be_visible()
    expect(chat.page.get_by_role("log", name="Conversation")).to_have_attribute("aria-live", "off")
    expect(chat.ask("A fox #provider").get_by_role("alert")).to_be_visible()

    chat.reload()

    expect(chat.answers.nth(1).get_by_text("could not make this picture")).to_be_visible()
    expect(chat.answers.nth(1).get_by_role("alert")).to_have_count(0)


def test_every_window_shows_thread_and_composer(chat: Chat) -> None:
    """G1: from a small phone over a page at 200% to a wide screen, nothing leaves the window sideways."""
    page = chat.page
    for width, height in ((320, 640), (390, 844), (640, 400), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        answer = chat.ask("A " + "very" * 60 + "long word #wide #revised")
        chat.picture(answer)

        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        assert page.get_by_role("log").evaluate("log => log.scrollWidth <= log.clientWidth")
        expect(chat.create).to_be_in_viewport(ratio=1)
        expect(answer.locator(".limner-actions")).to_be_in_viewport()
        thread = page.get_by_role("log").bounding_box()
        assert thread
        assert thread["height"] > height * 0.35


def test_every_window_holds_the_pictures_that_go_in(chat: Chat) -> None:
    """Nothing leaves the window sideways, and Create stays in it: with chips, and while an area is marked."""
    page = chat.page
    chat.choose("Provider", "Retouch")
    chat.add(
        *(picture_file(f"a-very-long-name-of-a-{colour}-file.png", colour) for colour in ("red", "blue"))
    )
    for width, height in ((320, 640), (390, 844), (640, 400), (1280, 800)):
        page.set_viewport_size({"width": width, "height": height})
        chat.choose("Model", "Single")
        expect(page.get_by_role("button", name="Use Pair (Retouch)")).to_be_visible()
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        expect(chat.create).to_be_in_viewport(ratio=1)
        page.get_by_role("button", name="Use Pair (Retouch)").click()
        page.get_by_role("button", name="Mark an area").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_text("Mark an area by numbers").click()
        assert dialog.evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
        canvas = dialog.locator("canvas").bounding_box()
        assert canvas
        assert canvas["height"] > 80
        done = dialog.get_by_role("button", name="Done")
        done.scroll_into_view_if_needed()
        expect(done).to_be_in_viewport(ratio=1)
        page.keyboard.press("Escape")


def test_new_rows_scroll_into_view_and_a_reader_of_old_ones_is_left_alone(chat: Chat, gate: Gate) -> None:
    """G1: the end is followed, also when a picture comes; who scrolled up stays there until they send."""
    log = chat.page.get_by_role("log")
    for _ in range(3):
        answer = chat.ask("A boat #tall")
        expect(answer.locator(".limner-actions")).to_be_in_viewport(ratio=1)
    running = chat.send(f"A boat #tall {gate.tag}")
    expect(chat.action(running, "Stop")).to_be_in_viewport(ratio=1)
    chat.page.mouse.move(640, 300)
    chat.page.mouse.wheel(0, -900)
    chat.page.wait_for_function(
        "log => log.scrollTop + log.clientHeight < log.scrollHeight - 500", arg=log.element_handle()
    )
    first = chat.answers.nth(1).bounding_box()

    gate.open()
    chat.picture(running)

    assert chat.answers.nth(1).bounding_box() == first
    chat.send("A fox #tall")
    expect(chat.answers.nth(4).locator(".limner-actions")).to_be_in_viewport(ratio=1)


def test_text_from_right_to_left(chat: Chat) -> None:
    """G1: each paragraph of a prompt stands as its letters run."""
    chat.ask("منارة عند الغسق")
    expect(chat.prompts.first).to_have_css("unicode-bidi", "plaintext")
    expect(chat.prompts.first).to_have_css("text-align", "start")
