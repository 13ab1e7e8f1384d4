"""A connection that breaks before the answer comes costs no second picture, and no prompt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Route, expect

from tests.ui.chat import Chat
from tests.ui.page.test_sending import taken

pytestmark = pytest.mark.browser

EMPTY = 'retry: 100000\nid: 1\ndata: {"messages": [], "live": [], "now": 0}\n\n'


class Break:
    """Lets the server take the first requests, and breaks the connection before their answers come."""

    def __init__(self, chat: Chat, path: str, times: int = 1) -> None:
        self.keys: list[str] = []
        self._times = times
        chat.page.route(path, self._handle)

    def _handle(self, route: Route) -> None:
        self.keys.append(route.request.headers["idempotency-key"])
        if len(self.keys) > self._times:
            route.continue_()
        else:
            route.fetch()
            route.abort()


@contextmanager
def hidden_events(chat: Chat) -> Iterator[None]:
    """Holds back what the server tells of the conversation by itself."""
    chat.page.route("**/events*", lambda route: route.fulfill(content_type="text/event-stream", body=EMPTY))
    chat.reload()
    yield
    chat.page.unroute("**/events*")
    chat.page.evaluate("dispatchEvent(new Event('online'))")  # connects anew


def test_a_prompt_is_sent_again_under_its_key_and_made_once(chat: Chat) -> None:
    broken = Break(chat, "**/messages")
    with chat.page.expect_response("**/messages") as answer:
        chat.prompt.fill("A boat")
        chat.create.click()
    assert answer.value.status == 201
    chat.picture(chat.ask("A fox"))
    expect(chat.prompts).to_have_text(["A boat", "A fox"])
    expect(chat.error).to_have_count(0)
    first, again, other = broken.keys
    assert first == again != other


def test_regenerate_is_sent_again_and_makes_one_version(chat: Chat) -> None:
    answer = chat.ask("A boat")
    broken = Break(chat, "**/regenerate*")
    with chat.page.expect_response("**/regenerate*") as reply:
        chat.action(answer, "Regenerate image").click()
    assert reply.value.status == 200
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    assert broken.keys[0] == broken.keys[1]


UNREACHABLE = "The server cannot be reached: check the connection and try again."
MAY_NOT = "This prompt may not have been sent."


def test_the_prompt_comes_back_and_sent_unchanged_it_keeps_its_key(chat: Chat) -> None:
    """The server never got it, or its events do not come either: nobody can tell, and it costs once."""
    broken = Break(chat, "**/messages", times=5)
    with hidden_events(chat):
        chat.prompt.fill("A boat")
        for _ in range(2):
            chat.create.click()
            expect(chat.error).to_have_text(UNREACHABLE)
            expect(chat.prompt).to_have_value("A boat")
        chat.page.evaluate(
            "document.dispatchEvent(new Event('limner-online'))"
        )  # as the stream's return does
        expect(chat.error).to_be_hidden()
        chat.reload()
        expect(chat.prompt).to_have_value("A boat")
        chat.create.click()
    chat.picture(chat.answers.first)
    expect(chat.prompts).to_have_text(["A boat"])
    expect(chat.prompt).to_have_value("")
    chat.picture(chat.ask("A boat"))
    expect(chat.prompts).to_have_text(["A boat", "A boat"])
    assert len({*broken.keys}) == 2


def test_a_prompt_whose_message_is_there_does_not_come_back(chat: Chat) -> None:
    Break(chat, "**/messages", times=9)
    chat.prompt.fill("A boat")
    chat.create.click()
    chat.picture(chat.answers.first)
    assert chat.conversation
    expect(chat.prompts).to_have_text(["A boat"])
    expect(chat.prompt).to_have_value("")
    chat.reload()
    expect(chat.prompts).to_have_text(["A boat"])
    expect(chat.prompt).to_have_value("")
    expect(chat.error).to_have_count(0)


@pytest.mark.parametrize("reached", [False, True])
def test_a_reload_before_the_answer_loses_no_prompt_and_makes_no_second_picture(
    chat: Chat, reached: bool
) -> None:
    """What did not arrive is shown in the thread, until it is sent again, edited or discarded."""
    held: list[Route] = []
    chat.page.route("**/messages", lambda route: held.append(route))
    with hidden_events(chat):
        chat.prompt.fill("A boat")
        with chat.page.expect_request("**/messages"):
            chat.create.click()
        expect(chat.page.get_by_text("Sending…")).to_be_visible()
        if reached:
            taken(chat.page, held).fetch()
        chat.reload()
    chat.page.unroute("**/messages")
    card = chat.page.get_by_role("alert").filter(has_text=MAY_NOT)
    if not reached:
        expect(chat.prompts).to_have_text(["A boat"])
        card.get_by_role("button", name="Send again").click()
    expect(card).to_have_count(0)
    chat.picture(chat.answers.first)
    expect(chat.prompts).to_have_text(["A boat"])
    chat.reload()
    expect(chat.prompts).to_have_text(["A boat"])
    expect(card).to_have_count(0)


@pytest.mark.parametrize("what", ["This message", "“A boat”"])
def test_what_is_deleted_by_a_lost_answer_can_be_had_back(chat: Chat, what: str) -> None:
    """The server says yes to the second try, and Undo is there as ever."""
    answer = chat.ask("A boat")
    posts: list[str] = []

    def lose_the_first_answer(route: Route) -> None:
        posts.append(route.request.url)
        if len(posts) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    chat.page.route("**/delete", lose_the_first_answer)
    in_list = chat.page.get_by_role("button", name="More for A boat")
    (chat.action(answer, "More") if what == "This message" else in_list).click()
    chat.page.get_by_role("menuitem", name="Delete").last.click()
    expect(chat.toasts).to_contain_text(f"{what} is deleted.")
    expect(chat.prompts).to_have_count(0)

    chat.toasts.get_by_role("button", name="Undo").click()

    expect(chat.prompts).to_have_text("A boat")
    assert len(posts) == 2
