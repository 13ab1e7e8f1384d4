"""A connection that breaks before the answer comes costs no second picture, and no prompt."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.ui.chat import Chat

pytestmark = pytest.mark.browser


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


def test_it_is_sent_again_once_only_and_the_prompt_comes_back(chat: Chat) -> None:
    broken = Break(chat, "**/messages", times=9)
    chat.prompt.fill("A boat")
    chat.create.click()
    expect(chat.error).to_have_text("The server cannot be reached: check the connection and try again.")
    expect(chat.prompt).to_have_value("A boat")
    expect(chat.prompts).to_have_text(["A boat"])  # the server made it all the same, once
    assert len(broken.keys) == 2
