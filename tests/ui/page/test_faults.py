"""Faults that a day of use showed once: each is mended as a kind."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Request, expect

from tests.ui.axe import clipped
from tests.ui.chat import Chat, box, overlap
from tests.ui.conftest import WINDOWS, Gate

pytestmark = pytest.mark.browser


@pytest.fixture
def phone(chat: Chat) -> Chat:
    width, height = WINDOWS["phone"]
    chat.page.set_viewport_size({"width": width, "height": height})
    return chat


def test_what_opens_covers_neither_the_prompt_nor_create(window: Chat) -> None:
    """Also on the empty page, and with the longest of all lists; Esc, then a click, opens it again."""
    window.choose("Provider", "Choosy")
    for sent in (False, True):
        if sent:
            window.ask("A boat")
        for button, name in ((window.options_button, "Options"), (window.count, "How many")):
            panel = window.page.get_by_role("dialog", name=name)
            button.press("Enter")
            for part in (window.prompt, window.create):
                assert not overlap(panel, part), (name, sent)
            expect(panel).to_be_in_viewport(ratio=1)
            window.page.keyboard.press("Escape")
            expect(panel).to_be_hidden()
            expect(button).to_be_focused()
            button.click()
            expect(panel).to_be_visible()
            button.click()
            expect(panel).to_be_hidden()


def test_a_choice_by_keyboard_asks_once_and_keeps_the_focus(chat: Chat) -> None:
    asked: list[Request] = []
    chat.page.on("request", lambda request: asked.append(request) if "/limner/" in request.url else None)
    chat.model.focus()
    with chat.page.expect_response("**/limner/offer*"):
        chat.page.keyboard.press("ArrowDown")
    expect(chat.model).to_have_value("framed")
    chat.prompt.focus()
    assert [request.url.partition("/limner/")[2] for request in asked] == [
        "offer?provider=shapes&model=framed"
    ]
    chat.size.press("Enter")
    chat.page.keyboard.press("ArrowDown")
    chat.page.keyboard.press("Enter")
    expect(chat.size).to_be_focused()
    expect(chat.size).to_have_text("Size: 4:3")


def test_at_320_pixels_all_of_the_composer_is_there(chat: Chat) -> None:
    """A small phone, and a window of 1280 × 800 that is enlarged four times."""
    chat.choose("Provider", "OpenAI")
    for sent in (False, True):
        if sent:
            chat.ask("A boat")
        for height in (640, 200):
            chat.page.set_viewport_size({"width": 320, "height": height})
            assert clipped(chat.page) == []
            left, _, right, _ = box(chat.page.locator("#limner-composer"))
            controls = chat.page.locator("#limner-composer").locator(
                "button:visible, select:visible, textarea"
            )
            expect(controls).to_have_count(9)
            for control in controls.all():
                control.scroll_into_view_if_needed()
                expect(control).to_be_in_viewport(ratio=1)
                assert left <= box(control)[0] < box(control)[2] <= right


def test_a_low_window_still_says_that_a_picture_costs_money(chat: Chat) -> None:
    chat.page.set_viewport_size({"width": 844, "height": 390})
    expect(chat.page.get_by_text("Each picture costs money.")).to_be_in_viewport(ratio=1)


def test_each_model_has_its_choices_over_a_reload(chat: Chat) -> None:
    """Also in another tab; the button of Options says how many are set."""
    page = chat.page
    chat.choose("Model", "framed")
    chat.choose("Size", "300 × 900")
    chat.choose("Provider", "Choosy")
    chat.options()
    page.get_by_label("Seed").fill("5")
    page.get_by_label("Leave out").fill("fog")
    chat.choose("Maybe level", "low")
    expect(chat.options_button).to_have_text("Options3")
    for _ in ("reload", "another tab"):
        chat.reload()
        expect(chat.provider).to_have_value("choosy")
        expect(chat.options_button).to_have_text("Options3")
        chat.options()
        expect(page.get_by_label("Leave out")).to_have_value("fog")
        chat.choose("Provider", "Shapes")
        expect(chat.model).to_have_value("framed")
        expect(chat.size).to_have_text("Size: 300 × 900")
        chat.choose("Provider", "Choosy")
        chat = Chat(page.context.new_page(), chat.url) if chat.page is page else chat
        page = chat.page


def test_edit_prompt_brings_the_choices_back_and_offers_the_draft(chat: Chat) -> None:
    chat.choose("Provider", "Sketch")
    chat.choose("Size", "16:9")
    chat.options()
    chat.choose("Outcome", "content-filter")
    answer = chat.ask("A boat")
    chat.choose("Provider", "Shapes")
    chat.prompt.fill("Half a fox")
    chat.action(answer, "Edit in composer").press("Enter")
    expect(chat.prompt).to_have_value("A boat")
    expect(chat.prompt).to_be_focused()
    expect(chat.provider).to_have_value("sketch")
    expect(chat.size).to_have_text("Size: 16:9")
    expect(chat.options_button).to_have_text("Options1")
    expect(chat.toasts).to_contain_text("Your draft was replaced.")
    chat.toasts.get_by_role("button", name="Bring it back").press("Enter")
    expect(chat.prompt).to_have_value("Half a fox")


def test_regenerate_on_an_old_message_shows_what_runs(phone: Chat, gate: Gate) -> None:
    gate.open()
    first = phone.ask(f"A boat #tall {gate.tag}")
    for _ in range(2):
        phone.ask("A fox #tall")
    gate.close()
    regenerate = phone.action(first, "Regenerate image")
    first.locator("figure").evaluate("figure => figure.scrollIntoView({ block: 'end' })")
    regenerate.focus()
    phone.page.keyboard.press("Enter")
    expect(first.locator(".limner-running")).to_be_in_viewport(ratio=1)
    gate.open()
    expect(first.get_by_text("2 / 2")).to_be_attached()


def test_sentences_stand_below_each_other_until_they_are_dismissed(phone: Chat) -> None:
    answer = phone.ask("A boat")
    phone.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    for name in ("Copy image", "Edit this", "Edit this"):
        phone.action(answer, name).click()
    expect(phone.toasts).to_have_count(2)
    assert not overlap(phone.toasts.first, phone.toasts.last)
    for toast in phone.toasts.all():
        expect(toast).to_be_in_viewport(ratio=1)
    phone.toasts.first.get_by_role("button", name="Dismiss").press("Enter")
    expect(phone.toasts).to_have_count(1)
    expect(phone.toasts).to_contain_text("in the composer already")


def test_few_sentences_stand_over_the_page_at_once(chat: Chat) -> None:
    """The oldest makes way for the next, unless it offers something."""
    chat.page.evaluate("""async () => {
      const script = [...document.scripts].find(({ type, src }) => type === "module" && src);
      const { toast } = await import(new URL("announce.js", script.src));
      toast("Deleted.", { action() {}, seconds: 60 });
      for (const sentence of ["One.", "Two.", "Three."]) toast(sentence, { seconds: 60 });
    }""")
    expect(chat.toasts).to_have_text(["Deleted.Undo", "Two.", "Three."])


def test_a_wrong_seed_opens_options_where_it_is(phone: Chat) -> None:
    """With the reason beneath the field, until it is corrected; a number that is too high as well."""
    phone.options()
    seed = phone.page.get_by_label("Seed")
    for wrong, reason in (("five", "is not a whole number"), ("9999999999", "from 0 to 4294967295")):
        seed.fill(wrong)
        phone.prompt.fill("A boat")
        phone.prompt.press("Enter")
        panel = phone.page.get_by_role("dialog", name="Options")
        expect(panel).to_contain_text(reason)
        expect(seed).to_be_focused()
        expect(seed).to_have_attribute("aria-invalid", "true")
        assert not overlap(panel, phone.prompt)
        phone.page.keyboard.type("5")
        expect(panel).not_to_contain_text(reason)
        expect(seed).not_to_have_attribute("aria-invalid", "true")
    phone.page.keyboard.press("Escape")
    expect(phone.options_button).to_be_focused()
    phone.create.press("Enter")
    expect(phone.answers.last.locator(".limner-details")).to_contain_text("seed 5 ")


def test_where_a_key_is_to_be_had_is_a_link(chat: Chat) -> None:
    """Before anything is sent; and no link has Gradio's colour."""
    expect(chat.provider.locator("option", has_text="OpenAI")).to_have_text("OpenAI · needs a key")
    chat.choose("Provider", "OpenAI")
    expect(chat.page.locator("#limner-about")).to_contain_text("OpenAI needs a key: set OPENAI_API_KEY")
    link = chat.page.get_by_role("link", name="Get a key")
    expect(link).to_have_attribute("href", re.compile("^https://"))
    probe = "p => { p.style.color = 'var(--limner-accent)'; return getComputedStyle(p).color; }"
    expect(link).to_have_css("color", chat.page.locator("#limner-hint").evaluate(probe))


def test_a_touch_screen_is_not_covered_by_a_keyboard(open_chat: Callable[..., Chat]) -> None:
    expect(open_chat().prompt).to_be_focused()
    expect(open_chat(has_touch=True, is_mobile=True).prompt).not_to_be_focused()


EVENTS = """
const Events = EventSource;
window.heard = [];
window.EventSource = class extends Events {
  constructor(...about) {
    super(...about);
    this.addEventListener("message", ({ data }) => heard.push(data));
  }
};
"""


def test_progress_travels_without_the_prompt(chat: Chat, gate: Gate) -> None:
    chat.page.add_init_script(EVENTS)
    chat.open()
    answer = chat.send(f"A boat with a very long name {gate.tag}")
    for said in ("first of the steps", "second of the steps"):
        gate.say(said)
        expect(answer.get_by_text(said)).to_be_visible()
    heard: list[str] = chat.page.evaluate("heard")
    told = [event for event in heard if "of the steps" in event]
    assert len(told) >= 2
    assert not [event for event in told if "very long name" in event or len(event) > 400]


def test_pictures_load_small(chat: Chat) -> None:
    """The originals are for the zoom, and for a download."""
    asked: list[str] = []
    chat.page.on("request", lambda request: asked.append(request.url))
    chat.picture(chat.ask("A boat #tall"))
    assert not [url for url in asked if "/limner/pictures/" in url]
    asked.clear()
    chat.reload()
    assert chat.picture(chat.answers).evaluate("image => image.naturalHeight") < 1200
    assert [url for url in asked if "/limner/thumbnails/" in url]
    assert not [url for url in asked if "/limner/pictures/" in url]
    chat.answers.get_by_title("Zoom").click()
    expect(chat.page.get_by_role("dialog").get_by_role("img")).to_have_attribute(
        "src", re.compile("/pictures/")
    )
