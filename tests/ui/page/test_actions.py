"""What a person can do with a message: regenerate, stop, and what stands against it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.serving import Serving
from tests.ui.chat import Chat
from tests.ui.conftest import Gate
from tests.ui.page.test_reuse import use

pytestmark = pytest.mark.browser


def test_actions_have_their_names(chat: Chat) -> None:
    """C7, G11: download, copy and regenerate by exactly these names."""
    answer = chat.ask("A boat")

    expect(answer.get_by_role("link", name="Download image", exact=True)).to_be_visible()
    expect(answer.get_by_role("button", name="Copy image", exact=True)).to_be_visible()
    expect(answer.get_by_role("button", name="Regenerate image", exact=True)).to_be_visible()


def test_regenerate_is_disabled_and_spins_while_pending(chat: Chat, gate: Gate) -> None:
    """C7: it comes back when the new version has settled."""
    gate.open()
    answer = chat.ask(f"A boat {gate.tag}")
    gate.close()
    regenerate = chat.action(answer, "Regenerate image")

    regenerate.click()

    expect(regenerate).to_be_disabled()
    spins = "getComputedStyle(document.querySelector('[name=regenerate]'), '::before').animationName"
    chat.page.wait_for_function(f"() => {spins} === 'limner-turn'")
    gate.open()
    expect(regenerate).to_be_enabled()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    chat.page.wait_for_function(f"() => {spins} === 'none'")


def test_a_double_click_regenerates_once(chat: Chat) -> None:
    """G12: debounced."""
    answer = chat.ask("A boat")
    posts: list[str] = []
    chat.page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)

    chat.action(answer, "Regenerate image").dblclick()

    expect(answer.get_by_text("2 / 2")).to_be_visible()
    assert [url.rpartition("/")[2] for url in posts] == ["regenerate?version=1"]


def test_regenerate_asks_the_submitted_prompt_again(chat: Chat) -> None:
    """R8: not what stands in the box by now, and with the provider of then."""
    answer = chat.ask("A boat")
    chat.prompt.fill("Something else")
    chat.choose("Provider", "Sketch")

    chat.action(answer, "Regenerate image").click()

    expect(answer.get_by_text("2 / 2")).to_be_visible()
    expect(answer.locator(".limner-details")).to_contain_text("Shapes One")
    expect(answer.locator("figure img")).to_have_attribute("alt", "A boat")
    expect(chat.prompt).to_have_value("Something else")


def test_the_focus_goes_on_from_a_message_that_is_deleted(chat: Chat) -> None:
    """To the message beside it, and from the only one to the prompt."""
    answer, failed = chat.ask("A boat"), chat.ask("A boat #quota")
    chat.action(failed, "Delete").press("Enter")
    expect(chat.answers).to_have_count(1)
    expect(answer).to_be_focused()
    use(chat, answer, "Delete this message")
    expect(chat.answers).to_have_count(0)
    expect(chat.prompt).to_be_focused()


def test_any_message_can_be_regenerated(chat: Chat) -> None:
    """G12: three messages up as well as the last; the others stay as they are."""
    answers = [chat.ask(prompt) for prompt in ("A boat", "A fox", "A tree")]
    sources = [chat.source(answer) for answer in answers]

    chat.action(answers[0], "Regenerate image").click()

    expect(answers[0].get_by_text("2 / 2")).to_be_visible()
    assert [chat.source(answer) for answer in answers[1:]] == sources[1:]


def test_a_limit_is_told_where_the_person_looks(
    serve: Callable[..., Serving], with_shapes: dict[str, str], page: Page
) -> None:
    """G12, R5: over the rate, Create keeps the prompt and says why, and so does Regenerate."""
    chat = Chat(page, serve(**with_shapes | {"LIMNER_RATE_LIMIT": "1/minute"}).url)
    answer = chat.ask("A boat")

    chat.prompt.fill("A fox")
    chat.create.click()

    expect(chat.error).to_contain_text(re.compile("reached the limit.*try again in"))
    expect(chat.prompt).to_have_value("A fox")
    expect(chat.answers).to_have_count(1)
    chat.action(answer, "Regenerate image").click()
    expect(chat.toasts).to_contain_text(re.compile("reached the limit.*try again in"))
    expect(chat.action(answer, "Regenerate image")).to_be_enabled()
    expect(answer.locator("figure img")).to_be_visible()
