"""What the person left alone is never in the request, whatever a control makes of it: seen on the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.ui.chat import Chat

pytestmark = pytest.mark.browser


def sent(chat: Chat, prompt: str = "A boat") -> dict[str, Any]:
    """Sends a prompt and gives what the page posts, but for what is always in it."""
    posts: list[Request] = []
    note = lambda request: posts.append(request) if request.method == "POST" else None  # noqa: E731
    chat.page.on("request", note)
    chat.ask(prompt)
    chat.page.remove_listener("request", note)
    assert len(posts) == 1
    body = posts[0].post_data_json or {}
    return {
        name: value for name, value in body.items() if name not in ("prompt", "provider", "model", "size")
    }


def given(chat: Chat) -> str:
    """Gives the options that the provider got for the latest picture."""
    return chat.answers.last.locator(".limner-note", has_text="Revised prompt").inner_text().split(": ", 1)[1]


def choosy(chat: Chat) -> Page:
    chat.choose("Provider", "Choosy")
    expect(chat.page.get_by_role("combobox", name="Model")).to_have_value("Many")
    chat.page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")
    return chat.page


def test_options_that_are_opened_and_closed_change_nothing(chat: Chat) -> None:
    page = choosy(chat)
    assert sent(chat) == {}
    chat.options()
    expect(page.get_by_label("Maybe Count")).to_be_visible()
    assert sent(chat) == {}
    assert given(chat) == "{}"
    chat.options()
    expect(page.get_by_label("Maybe Count")).to_be_hidden()
    assert sent(chat) == {}
    chat.options()
    expect(page.get_by_label("Maybe Count")).to_have_value("")
    assert sent(chat) == {}
    assert given(chat) == "{}"


def test_what_is_chosen_is_sent_and_nothing_else(chat: Chat) -> None:
    page = choosy(chat)
    chat.options()
    page.get_by_label("Maybe Count").fill("7")
    page.get_by_label("Maybe Ratio").fill("0.5")
    chat.choose("Maybe Fast", "no")
    page.get_by_label("Maybe Text").fill("soft")
    chat.choose("Maybe Level", "low")
    chat.choose("Maybe style", "ink")
    page.get_by_label("Maybe List").fill("[3]")
    page.get_by_label("NumSteps").fill("4")
    page.get_by_label("Fast", exact=True).uncheck()
    group = "choosy/many"
    assert sent(chat) == {
        f"{group}/maybe_count": "7",
        f"{group}/maybe_ratio": "0.5",
        f"{group}/maybe_fast": "false",
        f"{group}/maybe_text": "soft",
        f"{group}/maybe_level": '"low"',
        f"{group}/maybe_style": '"ink"',
        f"{group}/maybe_list": "[3]",
        f"{group}/numSteps": "4",
        f"{group}/fast": False,
    }
    assert given(chat) == (
        '{"maybe_count":7,"maybe_ratio":0.5,"maybe_fast":false,"maybe_text":"soft","maybe_level":"low",'
        '"maybe_style":"ink","maybe_list":[3],"fast":false,"numSteps":4}'
    )


def test_what_is_emptied_or_put_back_counts_as_left_alone(chat: Chat) -> None:
    page = choosy(chat)
    chat.options()
    for label in ("Maybe Count", "Maybe Ratio", "Maybe Text", "Count", "Ratio", "Text", "List", "Seed"):
        page.get_by_label(label, exact=True).fill("5")
        page.get_by_label(label, exact=True).fill("")
    for label, other, first in (("Maybe Fast", "yes", "default"), ("Level", "low", "high")):
        chat.choose(label, other)
        chat.choose(label, first)
    page.get_by_label("Fast", exact=True).uncheck()
    page.get_by_label("Fast", exact=True).check()
    assert sent(chat) == {}
    chat.options()
    chat.options()
    assert sent(chat) == {}
    assert given(chat) == "{}"


def test_another_model_gets_only_what_belongs_to_it(chat: Chat) -> None:
    page = choosy(chat)
    chat.options()
    page.get_by_label("Maybe Count").fill("7")
    page.get_by_label("Seed").fill("5")
    page.get_by_label("Leave out").fill("fog")
    wishes = {"seed": "5", "negative_prompt": "fog", "choosy/many/maybe_count": "7"}
    assert sent(chat) == wishes
    chat.choose("Model", "Few")
    expect(page.get_by_label("Few Count")).to_be_visible()
    assert sent(chat) == {}
    assert given(chat) == "{}"
    page.get_by_label("Few Count").fill("2")
    assert sent(chat) == {"choosy/few/few_count": "2"}
    chat.choose("Provider", "Shapes")
    expect(page.get_by_label("Few Count")).to_be_hidden()
    assert sent(chat) == {"seed": "5"}
    chat.choose("Provider", "Choosy")
    expect(page.get_by_label("Maybe Count")).to_have_value("7")  # as it was left, and so it is sent
    assert sent(chat) == wishes
    assert given(chat) == '{"maybe_count":7}'


def test_a_text_that_is_no_number_is_said_and_the_prompt_stays(chat: Chat) -> None:
    page = choosy(chat)
    chat.options()
    page.get_by_label("Maybe Count").fill("many")
    chat.prompt.fill("A boat")
    chat.create.click()
    expect(chat.error).to_have_text("The option maybe_count must be a whole number: correct it or empty it.")
    expect(chat.prompt).to_have_value("A boat")
    page.get_by_label("Maybe Count").fill("0")
    chat.create.click()
    expect(chat.error).to_contain_text("The option maybe_count is wrong")


class Held:
    """Holds back what the server offers for a choice."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.waiting: list[Route] = []
        self.settle: Callable[[Route], None] = self.waiting.append
        page.route("**/limner/offer*", lambda route: self.settle(route))

    def choose(self, field: str, option: str) -> None:
        self.page.get_by_role("combobox", name=field, exact=True).click()
        with self.page.expect_request("**/limner/offer*"):
            self.page.get_by_role("option", name=option, exact=True).click()

    def release(self, settle: Callable[[Route], None] = Route.continue_) -> None:
        self.settle = settle
        for route in self.waiting:
            settle(route)


def test_create_waits_for_what_a_choice_offers(chat: Chat) -> None:
    page = choosy(chat)
    chat.options()
    page.get_by_label("Maybe Text").fill("soft")
    page.get_by_label("Seed").fill("5")
    held = Held(page)
    held.choose("Provider", "Hugging Face")
    chat.prompt.fill("A boat")
    chat.create.click()
    expect(chat.spoken).to_have_text("It is sent as soon as the new choice has loaded.")
    expect(chat.prompt).to_have_value("A boat")
    with page.expect_request(lambda request: request.method == "POST") as posted:
        held.release()
    body = posted.value.post_data_json or {}
    assert body["provider"] == "huggingface"
    assert body["model"] == page.get_by_role("combobox", name="Model").input_value()
    assert body.keys() == {"prompt", "provider", "model", "seed"}
    expect(chat.answers).to_have_count(1)


def test_nothing_is_sent_if_what_a_choice_offers_does_not_come(chat: Chat) -> None:
    page = choosy(chat)
    held = Held(page)
    held.choose("Provider", "OpenAI")
    chat.prompt.fill("A boat")
    chat.create.click()
    held.release(Route.abort)
    expect(chat.error).to_contain_text("The server cannot be reached")
    expect(page.get_by_role("combobox", name="Provider")).to_have_value("Choosy")
    expect(chat.prompt).to_have_value("A boat")
    assert sent(chat) == {}
    expect(chat.answers).to_have_count(1)


def test_a_model_of_the_provider_before_is_not_taken_for_one_of_the_new(chat: Chat) -> None:
    page = choosy(chat)
    held = Held(page)
    held.choose("Provider", "Hugging Face")
    held.choose("Model", "Few")
    held.release()
    expect(page.get_by_role("combobox", name="Model")).not_to_have_value("Few")
    with page.expect_request(lambda request: request.method == "POST") as posted:
        chat.send("A boat")
    body = posted.value.post_data_json or {}
    assert body["provider"] == "huggingface"
    assert body["model"] == page.get_by_role("combobox", name="Model").input_value()


def test_what_is_typed_before_the_opened_options_are_drawn_stays(chat: Chat) -> None:
    late = "soon => { setTimeout(() => frame(soon), 500); return 0; }"
    chat.page.add_init_script(f"const frame = requestAnimationFrame; window.requestAnimationFrame = {late}")
    chat.open()
    page = choosy(chat)
    chat.options()
    page.get_by_label("Maybe Count").fill("7")
    page.get_by_label("Seed").fill("5")
    for _ in range(2):
        page.evaluate("() => new Promise(requestAnimationFrame)")
    assert sent(chat) == {"seed": "5", "choosy/many/maybe_count": "7"}


def test_the_options_open_by_keyboard_and_say_whether_they_are_open(chat: Chat) -> None:
    button, field = chat.page.get_by_role("button", name="Options"), chat.page.get_by_label("Seed")
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(field).to_be_hidden()
    button.focus()
    chat.page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(field).to_be_visible()
    chat.page.keyboard.press("Tab")
    expect(field).to_be_focused()
    button.press("Space")
    expect(field).to_be_hidden()


@pytest.mark.parametrize(
    ("provider", "empty", "choice"),
    [
        ("Hugging Face", "Num Inference Steps", ""),
        ("OpenAI", "Output Compression", "Output Format"),
        ("Replicate", "", "Output Format"),
    ],
)
def test_real_providers_are_not_sent_what_was_left_alone(
    chat: Chat, provider: str, empty: str, choice: str
) -> None:
    chat.choose("Provider", provider)
    chat.options()
    if empty:
        expect(chat.page.get_by_label(empty)).to_have_value("")
    assert sent(chat) == {}
    if choice:
        chat.choose(choice, "jpeg" if provider == "OpenAI" else "png")
        posted = sent(chat)
        assert [name.rpartition("/")[2] for name in posted] == ["output_format"]
