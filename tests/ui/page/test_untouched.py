"""What the person left alone is never in the request, whatever a control makes of it: seen on the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.ui.chat import Chat

pytestmark = pytest.mark.browser


def sent(chat: Chat, prompt: str = "A boat") -> dict[str, Any]:
    """Sends a prompt and gives what the page posts, but for what is always in it, and for empty options."""
    posts: list[Request] = []
    note = lambda request: posts.append(request) if request.method == "POST" else None  # noqa: E731
    chat.page.on("request", note)
    chat.ask(prompt)
    chat.page.remove_listener("request", note)
    assert len(posts) == 1
    body = posts[0].post_data_json or {}
    options = body.pop("options")
    wishes = {name: body[name] for name in body.keys() - {"prompt", "provider", "model", "size"}}
    return {**wishes, **({"options": options} if options else {})}


def given(chat: Chat) -> str:
    """Returns the options that the provider got for the latest picture."""
    note = chat.answers.last.locator(".limner-note", has_text="Revised prompt").text_content() or ""
    return note.split(": ", 2)[2]


def choosy(chat: Chat) -> Page:
    chat.choose("Provider", "Choosy")
    expect(chat.model).to_have_value("many")
    return chat.page


def test_options_that_are_opened_and_closed_change_nothing(chat: Chat) -> None:
    page = choosy(chat)
    chat.options()
    expect(page.get_by_role("textbox", name="Maybe count", exact=True)).to_be_visible()
    chat.options_button.click()
    expect(page.get_by_role("textbox", name="Maybe count", exact=True)).to_be_hidden()
    assert sent(chat) == {}
    assert given(chat) == "{}"
    chat.options()
    expect(page.get_by_role("textbox", name="Maybe count", exact=True)).to_have_value("")
    assert sent(chat) == {}
    assert given(chat) == "{}"


def test_what_is_chosen_is_sent_and_nothing_else(chat: Chat) -> None:
    page = choosy(chat)
    chat.options()
    page.get_by_role("textbox", name="Maybe count", exact=True).fill("7")
    page.get_by_role("textbox", name="Maybe ratio", exact=True).fill("0.5")
    chat.choose("Maybe fast", "No")
    page.get_by_label("Maybe text", exact=True).fill("soft")
    chat.choose("Maybe level", "low")
    chat.choose("Maybe style", "ink")
    page.get_by_label("Maybe list", exact=True).fill("[3]")
    page.get_by_role("textbox", name="Num steps", exact=True).fill("4")
    page.get_by_label("Fast", exact=True).uncheck()
    assert sent(chat)["options"] == {
        "maybe_count": "7",
        "maybe_ratio": "0.5",
        "maybe_fast": "false",
        "maybe_text": "soft",
        "maybe_level": '"low"',
        "maybe_style": '"ink"',
        "maybe_list": "[3]",
        "numSteps": "4",
        "fast": False,
    }
    assert given(chat) == (
        '{"maybe_count":7,"maybe_ratio":0.5,"maybe_fast":false,"maybe_text":"soft","maybe_level":"low",'
        '"maybe_style":"ink","maybe_list":[3],"fast":false,"numSteps":4}'
    )


def test_what_is_emptied_or_put_back_counts_as_left_alone(chat: Chat) -> None:
    page = choosy(chat)
    chat.options()
    for label in ("Maybe count", "Maybe ratio", "Maybe text", "Count", "Ratio", "Text", "List", "Seed"):
        page.get_by_role("textbox", name=label, exact=True).fill("5")
        page.get_by_role("textbox", name=label, exact=True).fill("")
    for label, other, first in (("Maybe fast", "Yes", "Default"), ("Level", "low", "high")):
        chat.choose(label, other)
        chat.choose(label, first)
    page.get_by_label("Fast", exact=True).uncheck()
    page.get_by_label("Fast", exact=True).check()
    expect(chat.options_button).to_have_accessible_name("Options")
    assert sent(chat) == {}
    assert given(chat) == "{}"


def test_another_model_gets_only_what_belongs_to_it(chat: Chat) -> None:
    page = choosy(chat)
    chat.options()
    page.get_by_role("textbox", name="Maybe count", exact=True).fill("7")
    page.get_by_label("Seed").fill("5")
    page.get_by_label("Leave out").fill("fog")
    wishes = {"seed": "5", "negative_prompt": "fog", "options": {"maybe_count": "7"}}
    assert sent(chat) == wishes
    chat.choose("Model", "Few")
    assert sent(chat) == {}
    assert given(chat) == "{}"
    chat.options()
    page.get_by_role("textbox", name="Few count", exact=True).fill("2")
    assert sent(chat) == {"options": {"few_count": "2"}}
    chat.choose("Provider", "Shapes")
    assert sent(chat) == {}
    chat.choose("Provider", "Choosy")
    assert sent(chat) == {"options": {"few_count": "2"}}
    chat.choose("Model", "Many")
    chat.options()  # as they were left, and so they are sent
    expect(page.get_by_role("textbox", name="Maybe count", exact=True)).to_have_value("7")
    assert sent(chat) == wishes
    assert given(chat) == '{"maybe_count":7}'


def test_a_text_that_is_no_number_is_said_and_the_prompt_stays(chat: Chat) -> None:
    page = choosy(chat)
    chat.options()
    page.get_by_role("textbox", name="Maybe count", exact=True).fill("many")
    chat.prompt.fill("A boat")
    chat.create.click()
    expect(chat.error).to_have_text("Maybe count must be a whole number: correct it or empty it.")
    expect(chat.prompt).to_have_value("A boat")
    expect(page.get_by_role("textbox", name="Maybe count", exact=True)).to_be_focused()
    page.keyboard.type("0")
    chat.create.click()
    expect(chat.error).to_contain_text("Maybe count is wrong")
    expect(page.get_by_role("textbox", name="Maybe count", exact=True)).to_be_focused()


class Held:
    """Holds back what the server offers for a choice."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.waiting: list[Route] = []
        self.settle: Callable[[Route], None] = self.waiting.append
        chat.page.route("**/limner/offer*", lambda route: self.settle(route))

    def choose(self, field: str, option: str) -> None:
        with self.chat.page.expect_request("**/limner/offer*"):
            self.chat.begin_choice(field, option)

    def release(self, settle: Callable[[Route], None] = Route.continue_) -> None:
        self.settle = settle
        for route in self.waiting:
            settle(route)


def test_create_waits_for_what_a_choice_offers(chat: Chat) -> None:
    page = choosy(chat)
    chat.options()
    page.get_by_label("Maybe text", exact=True).fill("soft")
    page.get_by_label("Seed").fill("5")
    held = Held(chat)
    held.choose("Provider", "Hugging Face")
    chat.prompt.fill("A boat")
    chat.create.click()
    expect(page.locator("#limner-hint")).to_have_text("It is sent as soon as the new choice has loaded.")
    expect(chat.prompt).to_have_value("A boat")
    with page.expect_request(lambda request: request.method == "POST") as posted:
        held.release()
    body = posted.value.post_data_json or {}
    assert body["provider"] == "huggingface"
    assert body["model"] == chat.model.input_value()
    assert body.keys() == {"prompt", "provider", "model", "options"}
    assert body["options"] == {}
    expect(chat.answers).to_have_count(1)


def test_another_conversation_does_not_send_what_waits(chat: Chat) -> None:
    """Its own draft is another prompt, which nobody has sent."""
    chat.ask("A boat")
    chat.prompt.fill("Half a sent")
    chat.page.get_by_role("link", name="New conversation").last.click()
    held = Held(chat)
    held.choose("Provider", "Sketch")
    chat.prompt.fill("A fox")
    chat.create.click()
    expect(chat.page.locator("#limner-hint")).to_have_text("It is sent as soon as the new choice has loaded.")
    chat.page.go_back()
    expect(chat.prompt).to_have_value("Half a sent")
    expect(chat.page.locator("#limner-hint")).to_be_hidden()
    held.release()
    expect(chat.provider).to_be_enabled()
    expect(chat.page.locator("#limner-about")).to_contain_text("Drawn on this machine")
    expect(chat.prompt).to_have_value("Half a sent")
    expect(chat.prompts).to_have_text(["A boat"])


def test_nothing_is_sent_if_what_a_choice_offers_does_not_come(chat: Chat) -> None:
    choosy(chat)
    held = Held(chat)
    held.choose("Provider", "OpenAI")
    chat.prompt.fill("A boat")
    chat.create.click()
    held.release(Route.abort)
    expect(chat.error).to_contain_text("The server cannot be reached")
    expect(chat.provider).to_have_value("choosy")
    expect(chat.prompt).to_have_value("A boat")
    assert sent(chat) == {}
    expect(chat.answers).to_have_count(1)


def test_a_model_of_the_provider_before_is_not_taken_for_one_of_the_new(chat: Chat) -> None:
    page = choosy(chat)
    held = Held(chat)
    held.choose("Provider", "Hugging Face")
    held.choose("Model", "Few")
    held.release()
    expect(chat.provider).to_have_value("choosy")
    with page.expect_request(lambda request: request.method == "POST") as posted:
        chat.send("A boat")
    body = posted.value.post_data_json or {}
    assert (body["provider"], body["model"]) == ("choosy", "few")


def test_the_options_open_by_keyboard_and_say_whether_they_are_open(chat: Chat) -> None:
    button, field = chat.options_button, chat.page.get_by_label("Seed")
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(field).to_be_hidden()
    button.focus()
    chat.page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(field).to_be_focused()
    chat.page.keyboard.press("Escape")
    expect(field).to_be_hidden()
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "false")


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_only_the_button_of_the_open_panel_says_that_it_is_open(chat: Chat, by: str) -> None:
    """The browser closes one panel as the next opens, and tells of it later."""
    chat.count.click()
    expect(chat.count).to_have_attribute("aria-expanded", "true")
    if by == "mouse":
        chat.options_button.click()
    else:
        chat.options_button.focus()
        chat.page.keyboard.press("Enter")
    expect(chat.page.get_by_label("Seed")).to_be_focused()
    expect(chat.count).to_have_attribute("aria-expanded", "false")
    expect(chat.options_button).to_have_attribute("aria-expanded", "true")


def test_real_providers_are_not_sent_what_was_left_alone(chat: Chat) -> None:
    for provider, empty, choice, kind in (
        ("Hugging Face", "Num inference steps", "", ""),
        ("OpenAI", "Output compression", "Output format", "jpeg"),
        ("Replicate", "", "Output format", "png"),
    ):
        chat.choose("Provider", provider)
        chat.options()
        if empty:
            expect(chat.page.get_by_role("textbox", name=empty)).to_have_value("")
        if choice:
            chat.choose(choice, kind)
            posted = sent(chat)
            assert posted.keys() == {"options"}
            assert [*posted["options"]] == ["output_format"]
        else:
            assert sent(chat) == {}
