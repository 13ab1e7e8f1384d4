"""From Enter to the server's answer: a prompt shows at once, and none is lost, whatever the answer is."""

from __future__ import annotations

import json
import time

import pytest
from playwright.sync_api import Page, Route, expect

from tests.serving import Serving
from tests.ui.chat import Chat
from tests.ui.conftest import Gate

pytestmark = pytest.mark.browser


@pytest.fixture
def held(window: Chat) -> list[Route]:
    """Holds back what is posted, so that a test can look before the answer."""
    posted: list[Route] = []
    window.page.route("**/messages", lambda route: posted.append(route))
    return posted


def taken(page: Page, held: list[Route]) -> Route:
    """Returns the request that is held back, which comes to the test after the browser has told of it."""
    give_up = time.monotonic() + 30
    while not held:
        assert time.monotonic() < give_up, "Nothing was posted"
        page.evaluate("0")
    return held.pop()


def refuse(route: Route) -> None:
    route.fulfill(status=429, body=json.dumps({"error": "You have reached the limit: try again in 8 s."}))


def test_the_thread_stays_while_the_server_does_not_know_its_conversation(chat: Chat) -> None:
    """Whose first save failed."""
    conversation = "**/limner/threads/*"
    chat.page.route(conversation, lambda route: route.fulfill(status=404, json={"error": "It is not here."}))
    with chat.page.expect_response(conversation):
        answer = chat.send("A boat")
    chat.picture(answer)


def test_a_prompt_shows_at_once_and_once(window: Chat, held: list[Route], gate: Gate) -> None:
    window.prompt.fill(f"A boat {gate.tag}")
    with window.page.expect_request("**/messages"):
        window.prompt.press("Enter")
    expect(window.prompts).to_have_text([f"A boat {gate.tag}"])
    expect(window.page.get_by_text("Sending…")).to_be_in_viewport()
    taken(window.page, held).continue_()
    expect(window.answers.locator(".limner-running")).to_be_visible()
    expect(window.page.get_by_text("Sending…")).to_have_count(0)
    expect(window.prompts).to_have_text([f"A boat {gate.tag}"])


def test_a_picture_that_was_never_seen_to_run_is_announced(window: Chat) -> None:
    """As when the connection is slow and the provider is not."""
    held: list[Route] = []
    window.ask("A boat")
    page = window.page
    page.route("**/events*", lambda route: held.append(route))
    page.evaluate("dispatchEvent(new Event('online'))")  # connects anew
    stream = taken(page, held)
    with page.expect_response("**/messages") as answer:
        window.prompt.fill("A fox")
        window.prompt.press("Enter")
    details = (
        f"limner/threads/{window.conversation}/messages/{answer.value.json()['message']}/details?version=1"
    )
    page.wait_for_function(
        "async (path) => (await (await fetch(path)).json()).status === 'complete'", arg=details
    )
    stream.continue_()
    expect(window.spoken).to_have_text("The image is ready: A fox")


def test_a_refusal_while_the_next_prompt_is_typed_loses_neither(window: Chat, held: list[Route]) -> None:
    window.prompt.fill("A boat")
    with window.page.expect_request("**/messages"):
        window.prompt.press("Enter")
    window.page.keyboard.type("A fox")
    refuse(taken(window.page, held))
    card = window.page.get_by_role("alert").filter(has_text="This prompt was not sent.")
    expect(card).to_contain_text("You have reached the limit: try again in 8 s.")
    expect(window.prompt).to_have_value("A fox")
    expect(window.prompts).to_have_text(["A boat"])
    with window.page.expect_request("**/messages"):
        card.get_by_role("button", name="Send again").press("Enter")
    taken(window.page, held).continue_()
    expect(window.answers).to_have_count(1)
    expect(window.prompt).to_have_value("A fox")


def test_a_refusal_brings_the_prompt_back(window: Chat, held: list[Route]) -> None:
    window.prompt.fill("A boat")
    with window.page.expect_request("**/messages"):
        window.prompt.press("Enter")
    refuse(taken(window.page, held))
    expect(window.error).to_have_text("You have reached the limit: try again in 8 s.")
    expect(window.prompt).to_have_value("A boat")
    expect(window.prompts).to_have_count(0)


def test_a_choice_while_offline_is_taken_back_with_one_sentence(window: Chat) -> None:
    expect(window.page.locator("gradio-app #limner")).to_be_attached()  # Gradio has loaded what it needs
    window.page.context.set_offline(True)
    window.begin_choice("Provider", "Sketch")
    sentence = "The server cannot be reached: check the connection and choose again."
    expect(window.error).to_have_text(sentence)
    expect(window.provider).to_have_value("shapes")
    expect(window.model).to_have_value("shapes-1")
    expect(window.page.locator(".toast-body").or_(window.toasts)).to_have_count(0)
    window.page.context.set_offline(False)
    window.choose("Provider", "Sketch")
    expect(window.error).to_be_hidden()


def test_the_welcome_waits_for_the_composer(app: Serving, page: Page) -> None:
    """Where the page comes in pieces, nothing jumps."""

    def cut(route: Route) -> None:
        answer = route.fetch()
        begun = answer.text().split('<form id="limner-composer"')[0]
        route.fulfill(response=answer, body=begun.replace('type="module"', 'type="text/plain"'))

    page.route(app.url, cut)
    page.goto(app.url, wait_until="commit")
    expect(page.locator("#limner-welcome")).to_be_attached()
    expect(page.locator("#limner-welcome")).to_be_hidden()
    page.unroute(app.url)
    page.reload()
    expect(page.locator("#limner-welcome")).to_be_visible()


def test_what_is_typed_before_the_script_is_there_stays(app: Serving, page: Page) -> None:
    """Create does not load the page anew."""
    held: list[Route] = []
    page.route("**/script/main.js", lambda route: held.append(route))
    page.goto(app.url, wait_until="commit")
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("A boat")
    page.get_by_role("button", name="Create").dispatch_event("click")
    taken(page, held).continue_()
    expect(page.get_by_role("button", name="Create")).to_be_enabled()
    expect(prompt).to_have_value("A boat")
