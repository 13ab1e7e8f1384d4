"""Regenerate with a fixed seed asks before it pays for the same picture again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.ui.chat import Chat
from tests.ui.conftest import Gate

pytestmark = pytest.mark.browser


def ask_with_seed(chat: Chat, prompt: str = "A boat") -> Locator:
    chat.options()
    chat.page.get_by_label("Seed").fill("5")
    answer = chat.ask(prompt)
    expect(answer.locator(".limner-details")).to_contain_text("seed 5 ")
    return answer


def question(chat: Chat) -> Locator:
    return chat.page.get_by_role("dialog", name="The same picture again?")


def test_the_same_picture_is_not_paid_for_unasked(chat: Chat) -> None:
    answer = ask_with_seed(chat)
    regenerate = chat.action(answer, "Regenerate image")
    regenerate.focus()
    for leave in ("Escape", "Tab Tab Enter"):
        chat.page.keyboard.press("Enter")
        expect(question(chat)).to_be_visible()
        expect(question(chat)).to_contain_text("since its seed is fixed (and costs money)")
        expect(question(chat).get_by_role("button")).to_have_text(["New seed", "Same seed", "Cancel"])
        expect(question(chat).get_by_role("button", name="New seed")).to_be_focused()
        for key in leave.split():
            chat.page.keyboard.press(key)
        expect(question(chat)).to_be_hidden()
        expect(regenerate).to_be_focused()
    expect(chat.spoken).to_have_text("The image is ready: A boat")
    expect(answer.locator(".limner-running")).to_have_count(0)
    expect(answer.locator(".limner-versions")).to_have_count(0)


def test_a_new_seed_is_drawn_and_shown(chat: Chat) -> None:
    answer = ask_with_seed(chat)
    chat.action(answer, "Regenerate image").press("Enter")
    question(chat).get_by_role("button", name="New seed").press("Enter")
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    expect(answer.locator(".limner-details")).to_have_text(re.compile(r"seed (?!5 )\d+ "))
    expect(chat.action(answer, "Regenerate image")).to_be_focused()


def test_the_same_seed_is_used_again_if_it_is_meant(chat: Chat) -> None:
    answer = ask_with_seed(chat)
    chat.action(answer, "Regenerate image").click()
    question(chat).get_by_role("button", name="Same seed").click()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    expect(answer.locator(".limner-details")).to_contain_text("seed 5 ")


def test_nothing_is_asked_after_an_attempt_without_a_picture(chat: Chat, gate: Gate) -> None:
    chat.options()
    chat.page.get_by_label("Seed").fill("5")
    answer = chat.send(f"A boat {gate.tag}")
    chat.action(answer, "Stop").click()
    expect(answer.get_by_role("heading", name="Stopped")).to_be_visible()
    gate.open()
    chat.action(answer, "Try again").click()
    chat.picture(answer)
    expect(question(chat)).to_be_hidden()


def test_a_provider_that_costs_nothing_simply_regenerates(chat: Chat) -> None:
    chat.choose("Provider", "Sketch")
    answer = ask_with_seed(chat)
    chat.action(answer, "Regenerate image").click()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    expect(answer.locator(".limner-details")).to_contain_text("seed 5 ")


def test_another_program_is_told_what_to_do(chat: Chat) -> None:
    answer = ask_with_seed(chat)
    message = str(answer.get_attribute("id")).removeprefix("message-")
    path = f"{chat.url}/limner/threads/{chat.conversation}/messages/{message}/regenerate"
    reply = chat.page.request.post(path)
    assert reply.status == 409
    assert "?seed=new" in reply.json()["error"]
    reply = chat.page.request.post(f"{path}?seed=other")
    assert (reply.status, reply.json()["error"]) == (
        400,
        "The parameter seed of regenerate must be new or same, or be left out.",
    )
    assert chat.page.request.post(f"{path}?seed=new").status == 200
    expect(answer.get_by_text("2 / 2")).to_be_visible()
