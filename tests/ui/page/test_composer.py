"""The composer: what is typed, chosen and sent."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Route, expect

from tests.ui.chat import Chat, box
from tests.ui.conftest import Gate

pytestmark = pytest.mark.browser


def test_the_composer_is_marked_from_the_start(chat: Chat) -> None:
    """Also once Gradio has taken the page in, which comes later."""
    expect(chat.page.locator("gradio-app main[hidden]")).to_be_attached()
    expect(chat.prompt).to_be_focused()
    expect(chat.page.locator("#limner-composer:focus-within")).to_be_visible()


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_a_press_while_gradio_takes_the_page_in_is_a_click(chat: Chat, by: str) -> None:
    chat.page.route("**/assets/*.js", lambda _: None)
    chat.reload()
    button = chat.page.get_by_role("button", name="Conversation menu")
    button.focus()
    if by == "mouse":
        left, top, right, bottom = box(button)
        chat.page.mouse.move((left + right) / 2, (top + bottom) / 2)
        chat.page.mouse.down()
    else:
        chat.page.keyboard.down("Space")
    chat.page.unroute("**/assets/*.js")  # what was held back goes on
    expect(chat.page.locator("gradio-app main[hidden]")).to_be_attached()
    chat.page.mouse.up() if by == "mouse" else chat.page.keyboard.up("Space")
    expect(chat.page.get_by_role("menu")).to_be_visible()
    expect(chat.page.locator("gradio-app #limner")).to_be_attached()


def test_create_is_disabled_while_the_prompt_is_blank(chat: Chat) -> None:
    """R4: at first, with blanks only, after clearing; enabled after typing, pasting and an example."""
    expect(chat.create).to_be_disabled()
    chat.prompt.fill("A boat")
    expect(chat.create).to_be_enabled()
    chat.prompt.fill("  \n ")
    expect(chat.create).to_be_disabled()
    chat.prompt.press("Enter")
    chat.prompt.fill("")
    chat.page.evaluate("document.execCommand('insertText', false, 'Pasted')")
    expect(chat.create).to_be_enabled()
    chat.prompt.clear()
    expect(chat.create).to_be_disabled()

    chat.page.get_by_role("button", name="A red fox in a snowy forest").click()

    expect(chat.prompt).to_have_value("A red fox in a snowy forest")
    expect(chat.prompt).to_be_focused()
    expect(chat.create).to_be_enabled()
    expect(chat.answers).to_have_count(0)


def test_the_composer_stays_usable_while_pictures_are_made(chat: Chat, gate: Gate) -> None:
    """R4: the box is empty at once, what is typed next stays, and a second picture can be asked for."""
    chat.send(f"A boat {gate.tag}")
    expect(chat.prompt).to_have_value("")
    expect(chat.prompt).to_be_focused()
    chat.page.keyboard.type("A f")
    gate.open()
    chat.picture(chat.answers.first)
    chat.page.keyboard.type("ox")
    expect(chat.prompt).to_have_value("A fox")

    chat.page.keyboard.press("Enter")

    chat.picture(chat.answers.nth(1))


def test_a_double_click_and_a_second_enter_send_once(chat: Chat) -> None:
    """G12: debounced; Shift+Enter breaks the line."""
    sent: list[str] = []
    chat.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    chat.prompt.fill("A boat")
    expect(chat.create).to_be_enabled()
    chat.create.dblclick()
    chat.picture(chat.answers.first)
    chat.prompt.press_sequentially("A fox")
    chat.prompt.press("Shift+Enter")
    chat.prompt.press_sequentially("and a hare")
    expect(chat.prompt).to_have_value("A fox\nand a hare")
    chat.prompt.press("Enter")
    chat.prompt.press("Enter")
    chat.picture(chat.answers.nth(1))
    expect(chat.prompt).to_have_value("")
    expect(chat.create).to_be_disabled()

    chat.picture(chat.ask("A tree"))

    expect(chat.prompts).to_have_text(["A boat", "A fox\nand a hare", "A tree"])
    assert len([url for url in sent if url.endswith("/messages")]) == 3


def test_an_error_goes_with_the_next_start_and_the_cards_stay(chat: Chat) -> None:
    """R5: the composer's line only; what failed in the thread remains."""
    chat.ask("A boat #provider")
    chat.options()
    chat.page.get_by_label("Seed").fill("five")
    chat.prompt.fill("A fox")
    chat.create.click()
    expect(chat.error).to_have_text(
        "The seed 'five' is not a whole number: correct it, or empty it for a new one each time."
    )
    expect(chat.prompt).to_have_value("A fox")
    expect(chat.page.get_by_label("Seed")).to_be_focused()
    chat.page.keyboard.type("5")
    expect(chat.error).to_be_hidden()

    chat.create.click()

    expect(chat.error).to_be_hidden()
    chat.picture(chat.answers.nth(1))
    expect(chat.answers.nth(1).locator(".limner-details")).to_contain_text("seed 5 ")
    expect(chat.answers.first.get_by_role("alert")).to_be_visible()


def test_a_draft_outlives_a_reload(chat: Chat) -> None:
    """R4: half a prompt is not lost; a sent one does not come back."""
    chat.prompt.fill("Half a sent")
    chat.reload()
    expect(chat.prompt).to_have_value("Half a sent")
    expect(chat.create).to_be_enabled()
    chat.create.click()
    expect(chat.answers).to_have_count(1)

    chat.reload()

    expect(chat.answers).to_have_count(1)
    expect(chat.prompt).to_have_value("")


def test_the_composer_offers_what_the_model_takes(chat: Chat) -> None:
    """G5: sizes, a seed and options come and go with the chosen model, and are sent."""
    expect(chat.size).to_be_hidden()
    chat.choose("Model", "framed")
    expect(chat.size).to_have_text("Size: Auto")
    expect(chat.options_button).to_be_hidden()
    chat.choose("Size", "300 × 900")
    expect(chat.size).to_have_text("Size: 300 × 900")
    expect(chat.ask("A boat").locator(".limner-details")).to_contain_text("300 × 900")

    chat.choose("Provider", "Sketch")
    expect(chat.model).to_be_hidden()
    expect(chat.size).to_have_text("Size: Auto")
    chat.options()
    chat.choose("Outcome", "content-filter")

    expect(chat.ask("A fox").get_by_role("alert")).to_contain_text("Image could not be generated")


def test_a_size_of_ones_own_is_sent(chat: Chat) -> None:
    """A wide range of sizes is not bound to the list: what is typed shows on the button and is asked for.

    A wrong one is said and not taken; the one before stays chosen.
    """
    chat.choose("Provider", "Sketch")
    chat.choose("Size", "3:2")
    chat.size.click()
    panel, own = chat.page.get_by_role("dialog", name="Size"), chat.page.get_by_label("Another size")
    own.fill("abc")
    own.press("Enter")
    expect(panel).to_contain_text("This is no size: write it as 1024x768, or a ratio such as 3:2.")
    expect(own).to_be_focused()
    expect(chat.size).to_have_text("Size: 3:2")
    own.fill("1:3")
    expect(panel.locator(".limner-wrong")).to_have_count(0)
    expect(chat.size).to_have_text("Size: 1:3")
    own.fill("0:3")
    chat.page.keyboard.press("Escape")
    expect(chat.size).to_have_text("Size: 1:3")

    chat.size.click()
    own.fill("384x256")
    chat.page.keyboard.press("Enter")
    expect(chat.size).to_be_focused()
    expect(chat.size).to_have_text("Size: 384x256")
    expect(chat.ask("A boat").locator(".limner-details")).to_contain_text("384 × 256")


def test_a_size_that_the_server_refuses_is_shown_where_it_is_chosen(chat: Chat) -> None:
    """As when an earlier version of the page remembered it."""
    chat.choose("Provider", "Sketch")
    chat.choose("Size", "3:2")
    chat.page.evaluate("key => localStorage[key] = localStorage[key].replace('3:2', 'abc')", "limner.choices")
    chat.reload()
    chat.prompt.fill("A boat")
    chat.create.click()
    own = chat.page.get_by_label("Another size")
    expect(own).to_be_focused()
    expect(chat.page.get_by_role("dialog", name="Size")).to_contain_text("The size 'abc' is not clear")
    own.fill("3:2")
    expect(chat.error).to_have_count(0)


def test_a_field_that_needs_a_number_says_so_once_it_is_left(chat: Chat) -> None:
    chat.choose("Provider", "Choosy")
    chat.options()
    for label, typed, sentence, corrected in (
        ("Seed", "-5x", "A seed is a whole number", " 12 "),
        ("Num steps", "many", "This must be a number", "-1e1"),
    ):
        field = chat.page.get_by_role("textbox", name=label, exact=True)
        field.fill(typed)
        field.press("Tab")
        said = chat.page.get_by_text(sentence).and_(chat.page.locator(".limner-wrong"))
        expect(said).to_be_visible()
        field.fill(corrected)
        field.press("Tab")
        expect(said).to_have_count(0)


def test_a_very_long_prompt_is_folded(chat: Chat) -> None:
    """G1: 8000 characters are kept whole, shown in part, unfolded at a click; one more is refused."""
    prompt = ("lighthouse " * 728)[:7999] + "!"
    chat.ask(prompt)
    shown = chat.prompts.first
    assert shown.evaluate("p => p.textContent") == prompt
    folded = shown.bounding_box()
    assert folded
    assert folded["height"] < 250

    chat.page.get_by_text("Show all").click()

    whole = shown.bounding_box()
    assert whole
    assert whole["height"] > 1000
    chat.prompt.fill(prompt + "!")
    chat.create.click()
    expect(chat.error).to_contain_text("8,001 characters: shorten it to 8,000")


def test_what_is_not_offered_any_more_is_said_and_taken_back(chat: Chat) -> None:
    sentence = "This provider or model is not offered here: choose another."
    refusal = json.dumps({"error": sentence})
    chat.page.route("**/limner/offer*", lambda route: route.fulfill(status=404, body=refusal))
    chat.choose("Provider", "Sketch")
    expect(chat.error).to_have_text(sentence)
    expect(chat.provider).to_have_value("shapes")
    chat.page.unroute("**/limner/offer*")
    chat.choose("Provider", "Sketch")
    expect(chat.error).to_have_count(0)
    expect(chat.provider).to_have_value("sketch")


def test_a_choice_that_is_followed_by_another_changes_nothing(chat: Chat) -> None:
    held: list[Route] = []
    chat.page.route("**/limner/offer?provider=openai", lambda route: held.append(route))
    with chat.page.expect_request("**/limner/offer?provider=openai") as first:
        chat.begin_choice("Provider", "OpenAI")
    with chat.page.expect_event("requestfailed", lambda request: request == first.value):
        chat.choose("Provider", "Sketch")  # nobody waits for the other answer any more
    expect(chat.page.locator("#limner-about")).to_contain_text("Drawn on this machine")
    chat.prompt.fill("A boat")
    with chat.page.expect_request("**/messages") as sent:
        chat.create.click()
    body = sent.value.post_data_json or {}
    assert (body["provider"], body["model"]) == ("sketch", "sketch-1")
    expect(chat.page.locator("#limner-about")).to_contain_text("Drawn on this machine")


def test_a_choice_keeps_the_sentence_about_something_else(chat: Chat) -> None:
    chat.options()
    chat.page.get_by_label("Seed").fill("five")
    chat.prompt.fill("A boat")
    chat.create.click()
    expect(chat.error).to_contain_text("is not a whole number")
    chat.choose("Provider", "Sketch")
    expect(chat.error).to_contain_text("is not a whole number")
    chat.prompt.fill("A fox")
    expect(chat.error).to_have_count(0)
