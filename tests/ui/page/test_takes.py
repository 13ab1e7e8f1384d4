"""What the chosen model takes: said before anything is sent, with the models that take more."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.ui.chat import Chat, picture_file
from tests.ui.conftest import Kept

pytestmark = pytest.mark.browser

RED = picture_file("red.png", "red")
BLUE = picture_file("blue.png", "blue")


class Told:
    """What the composer says of the pictures in it."""

    def __init__(self, chat: Chat) -> None:
        inputs = chat.page.locator("#limner-inputs")
        self.sentence = inputs.get_by_role("status")
        self.models = inputs.get_by_role("group", name="Models that fit").get_by_role("button")


@pytest.fixture
def told(chat: Chat) -> Told:
    return Told(chat)


def test_a_model_that_takes_no_pictures_says_so_and_which_do(chat: Chat, told: Told, kept: Kept) -> None:
    """Create refuses with the same sentence, nothing is lost, and a press chooses provider and model."""
    sentence = "Shapes One takes words only: remove the picture, or choose another model."
    chat.picture(chat.ask("A boat"))
    expect(told.sentence).to_have_text("")
    chat.action(chat.answers.first, "Edit this").click()
    expect(told.sentence).to_have_text(sentence)
    posts: list[str] = []
    chat.page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    chat.prompt.fill(f"In autumn {kept.tag}")
    chat.create.click()
    expect(chat.error).to_have_text(sentence)
    expect(told.sentence).to_have_text("")
    expect(chat.prompt).to_have_value(f"In autumn {kept.tag}")
    expect(chat.chips).to_have_count(1)
    assert posts == []

    use = told.models.filter(has_text="Use Pair (Retouch)")
    use.focus()
    chat.page.keyboard.press("Enter")

    expect(chat.provider).to_have_value("retouch")
    expect(chat.model).to_have_value("pair")
    expect(chat.page.locator("#limner-about")).to_have_text("Pictures from pictures, for tests.")
    expect(chat.error).to_be_hidden()
    expect(told.models).to_have_count(0)
    expect(chat.prompt).to_be_focused()
    chat.create.click()
    expect(chat.answers).to_have_count(2)
    chat.picture(chat.answers.nth(1))
    assert kept.about()["images"] == ["a-boat.png"]


def test_another_model_of_a_chosen_provider_keeps_its_list(chat: Chat, told: Told) -> None:
    chat.choose("Provider", "Retouch")
    chat.choose("Model", "Single")
    chat.add(RED, BLUE)
    told.models.filter(has_text="Use Pair (Retouch)").click()
    expect(chat.model).to_have_value("pair")
    expect(chat.model.locator("option")).to_have_text(["Pair", "Single"])


def test_more_pictures_than_the_model_takes(chat: Chat, told: Told) -> None:
    chat.choose("Provider", "Retouch")
    chat.add(RED, BLUE, picture_file("green.png", "green"))
    expect(told.sentence).to_contain_text("Pair takes 2 pictures at most: remove 1")
    chat.prompt.fill("All of them")
    chat.create.click()
    expect(chat.error).to_contain_text("Pair takes 2 pictures at most: remove 1")
    chat.page.get_by_role("button", name="Remove image 1").click()
    expect(chat.error).to_be_hidden()
    expect(told.sentence).to_have_text("")
    expect(chat.chip(1)).to_contain_text("blue.png")


def test_a_model_that_only_edits_needs_a_picture(chat: Chat, told: Told) -> None:
    sentence = "Single needs a picture to go by: add one, or choose another model."
    chat.choose("Provider", "Retouch")
    chat.choose("Model", "Single")
    expect(told.sentence).to_have_text(sentence)
    chat.prompt.fill("Bluer")
    chat.create.click()
    expect(chat.error).to_have_text(sentence)
    expect(chat.prompt).to_have_value("Bluer")
    chat.add(RED)
    expect(chat.error).to_be_hidden()
    chat.create.click()
    expect(chat.answers).to_have_count(1)
    expect(told.sentence).to_have_text(sentence)


def test_all_that_fit_are_offered_once_asked_for_and_none_without_its_key(chat: Chat, told: Told) -> None:
    chat.choose("Provider", "Retouch")
    chat.choose("Model", "Single")
    expect(told.models.first).to_have_text("Use Pair (Retouch)")
    expect(told.models).to_have_count(5)
    more = told.models.last
    expect(more).to_have_text(re.compile(r"^\d more$"))
    more.click()
    expect(told.models.filter(has_text="Use framed (Shapes)")).to_have_count(1)
    expect(told.models.filter(has_text="OpenAI")).to_have_count(0)
    expect(told.models.nth(4)).to_be_focused()


def test_a_mask_speaks_against_a_model_that_takes_none(chat: Chat, told: Told) -> None:
    chat.choose("Provider", "Retouch")
    chat.add(RED)
    chat.page.get_by_role("button", name="Mark an area").click()
    chat.page.get_by_role("dialog").get_by_role("button", name="Invert").click()
    chat.page.get_by_role("button", name="Done").click()
    expect(chat.chip(1)).to_contain_text("Area marked")
    chat.choose("Model", "Single")
    expect(told.sentence).to_contain_text("Single cannot keep to a marked area: remove the area")
    chat.page.get_by_role("button", name="Remove area").click()
    expect(told.sentence).to_have_text("")
    expect(chat.page.get_by_role("button", name="Mark an area")).to_have_count(0)


def test_it_is_known_after_a_reload(chat: Chat, told: Told) -> None:
    chat.choose("Provider", "Retouch")
    chat.add(RED)
    expect(told.sentence).to_have_text("")
    chat.choose("Model", "Single")
    chat.add(BLUE)
    chat.reload()
    expect(told.sentence).to_contain_text("Single takes one picture at most")
