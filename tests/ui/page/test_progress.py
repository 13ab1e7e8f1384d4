"""Progress that tells: a bar, and what reaches somebody who looks elsewhere."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.ui.chat import Chat, box
from tests.ui.conftest import Gate
from tests.ui.page.test_several import choose_count

pytestmark = pytest.mark.browser

LONG = "waiting in the queue of the service, with 12,345 pictures of other people before this one"
TITLE = re.compile("/threads/[0-9a-f]{32}$")
"""The address at which the page reads a conversation's title."""
RECORDER = """
window.notified = [];
window.Notification = class {
  static permission = "default";
  static requestPermission = async () => (this.permission = "granted");
  constructor(title, { body }) { notified.push([title, body]); }
  close() {}
};
let isAway = false;
Object.defineProperty(document, "hidden", { get: () => isAway });
window.leave = (away) => {
  isAway = away;
  document.dispatchEvent(new Event("visibilitychange"));
};
"""
"""Records the notifications, and lets a test hide the page as another tab in front of it does."""


def leave(page: Page, away: bool = True) -> None:
    page.evaluate("leave", away)


@pytest.fixture
def away(chat: Chat) -> Chat:
    chat.page.context.grant_permissions(["notifications"], origin=chat.url)
    chat.page.add_init_script(RECORDER)
    chat.reload()
    return chat


def test_a_bar_shows_the_share_that_the_service_tells(chat: Chat, gate: Gate) -> None:
    """It goes while nobody knows, and is there at once on a page that comes later."""
    gate.say("40 % of the steps")
    answer = chat.send(f"A boat {gate.tag}")
    bar = answer.get_by_role("progressbar", name="Progress")
    expect(bar).to_have_attribute("value", "0.4")
    gate.say("nobody knows")
    expect(answer.get_by_text("nobody knows")).to_be_visible()
    expect(bar).to_have_count(0)
    gate.say("90 % of the steps")
    expect(bar).to_have_attribute("value", "0.9")
    chat.reload()
    expect(bar).to_have_attribute("value", "0.9")
    gate.open()
    expect(answer.locator("figure img")).to_be_visible()


@pytest.mark.parametrize("kind", ["one", "four", "again"])
def test_stop_stays_in_its_place_whatever_is_reported(window: Chat, gate: Gate, kind: str) -> None:
    """Else a press would miss it: a service reports when it likes."""
    window.choose("Model", "framed")
    if kind == "four":
        choose_count(window, 4)
    if kind == "again":
        gate.open()
    answer = window.send(f"A boat {gate.tag}")
    if kind == "again":
        window.picture(answer)
        gate.close()
        window.action(answer, "Regenerate image").click()
    stop, line = window.action(answer, "Stop").last, answer.locator(".limner-progress").last
    places: dict[str, object] = {}
    for words in ("In line", LONG, f"40 % {LONG}", "At 50 %", "Drawn"):
        gate.say(words)
        expect(line).to_have_text(words)
        places[words] = box(stop)
    assert len({*places.values()}) == 1, places
    gate.open()


def test_somebody_who_looks_elsewhere_is_told(away: Chat, gate: Gate) -> None:
    """By the tab's title, and by a notification if it was allowed; not while they look here."""
    page = away.page
    menu = page.get_by_role("button", name="Conversation menu")
    answer = away.send(f"A boat {gate.tag}")
    expect(answer.locator(".limner-running")).to_be_visible()
    leave(page)
    gate.open()
    expect(page).to_have_title(f"● A boat {gate.tag} · Limner")
    leave(page, away=False)
    expect(page).to_have_title(f"A boat {gate.tag} · Limner")
    assert page.evaluate("notified") == [], "Nobody has allowed it."

    menu.click()
    page.get_by_role("menuitem", name="Notify me when a picture is ready").click()
    expect(away.toasts.filter(has_text="You are notified when a picture is ready")).to_be_visible()
    away.ask("A fox")
    assert page.evaluate("notified") == []
    held: list[Route] = []
    titles: list[Route] = []
    page.route("**/messages", lambda route: held.append(route))
    page.route(TITLE, lambda route: titles.append(route))
    gate.close()
    away.prompt.fill(f"A tree {gate.tag}")
    with page.expect_request("**/messages"):
        away.create.click()
    leave(page)  # before the server has answered
    held[0].continue_()
    expect(away.answers.locator(".limner-running")).to_be_visible()
    gate.open()
    expect(page).to_have_title(f"● A boat {gate.tag} · Limner")
    with page.expect_response(TITLE):
        titles[0].continue_()  # read before the picture was there
    page.evaluate("new Promise(requestAnimationFrame)")
    expect(page).to_have_title(f"● A boat {gate.tag} · Limner")
    assert page.evaluate("notified") == [["Limner", f"The image is ready: A tree {gate.tag}"]]
    leave(page, away=False)
    menu.click()
    page.get_by_role("menuitem", name="Stop notifications").click()
    expect(away.toasts.filter(has_text="Notifications are off.")).to_be_visible()


def test_a_hidden_tab_is_connected_while_something_is_made(away: Chat, gate: Gate) -> None:
    """Then it rests, since browsers allow few connections, and catches up once it is seen again."""
    page = away.page
    answer = away.send(f"A boat {gate.tag}")
    expect(answer.locator(".limner-running")).to_be_visible()
    leave(page)
    gate.say("nearly there")
    expect(answer.get_by_text("nearly there")).to_be_visible()
    with page.expect_event("requestfailed", lambda request: "/events" in request.url):
        gate.open()
    expect(answer.locator("figure img")).to_be_visible()

    second = Chat(page.context.new_page(), page.url)
    second.ask("A fox")
    expect(away.answers).to_have_count(1)
    leave(page, away=False)
    expect(away.answers).to_have_count(2)
    with page.expect_event("requestfailed", lambda request: "/events" in request.url):
        leave(page)
