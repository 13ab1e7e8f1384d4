"""The list of conversations: each has its address, its name and its place, and is its visitor's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.ui.chat import Chat, box, overlap

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def listed(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Conversations").get_by_role("listitem").get_by_role("link")


def begin(chat: Chat, prompt: str) -> str:
    """Starts a conversation, and gives its address."""
    chat.page.get_by_role("link", name="New conversation").last.click()
    expect(chat.answers).to_have_count(0)
    chat.picture(chat.ask(prompt))
    expect(chat.page).to_have_url(re.compile(r"\?c=[0-9a-f]{32}$"))
    expect(listed(chat.page).first).to_have_text(prompt)
    return chat.page.url


def act(page: Page, title: str, action: str) -> None:
    page.get_by_role("button", name=f"More for {title}").click()
    page.get_by_role("menuitem", name=action).click()


def test_each_has_an_address_for_back_and_forward_and_a_second_tab(chat: Chat) -> None:
    """A new one asks nothing and gets its address with the first prompt; other tabs know of it."""
    page = chat.page
    assert page.url == f"{chat.url}/"
    boat, fox = begin(chat, "A boat"), begin(chat, "A fox")
    expect(listed(page)).to_have_text(["A fox", "A boat"])
    expect(page).to_have_title("A fox · Limner")
    listed(page).nth(1).locator("img").evaluate("image => image.decode()")

    listed(page).nth(1).click()
    expect(chat.prompts).to_have_text("A boat")
    expect(page.locator("[aria-current=page]")).to_have_text("A boat")
    for move, address, prompt in (
        (page.go_back, fox, "A fox"),
        (page.go_back, boat, "A boat"),
        (page.go_forward, fox, "A fox"),
        (page.reload, fox, "A fox"),
    ):
        move()
        expect(chat.prompts).to_have_text(prompt)
        assert page.url == address

    second = Chat(page.context.new_page(), boat)
    expect(second.prompts).to_have_text("A boat")
    begin(second, "A tree")
    expect(listed(page)).to_have_text(["A tree", "A fox", "A boat"])
    expect(chat.prompts).to_have_text("A fox")


def test_words_of_any_prompt_find_it(chat: Chat) -> None:
    begin(chat, "A boat")
    chat.ask("with a Lighthouse behind it")
    begin(chat, "A fox")
    search = chat.page.get_by_role("searchbox", name="Search conversations")
    search.fill("behind lighthouse")
    expect(listed(chat.page)).to_have_text(["A boat"])
    search.fill("whale")
    expect(listed(chat.page)).to_have_count(0)
    expect(chat.page.get_by_text("Nothing found for “whale”.")).to_be_visible()
    search.fill("")
    expect(listed(chat.page)).to_have_text(["A fox", "A boat"])


def test_after_a_search_none_is_missing(chat: Chat) -> None:
    """What a long search has found does not stand for the rest of the list."""
    page, at_once, many = chat.page, 50, 110
    all_of_them = [
        {"id": f"{n:032x}", "title": "A ship" if n % 2 else "A fox", "updated": n, "thumbnail": None}
        for n in range(many, 0, -1)
    ]

    def answer(route: Route) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()}
        fitting = [
            one
            for one in all_of_them
            if asked.get("search", "") in one["title"] and one["updated"] < float(asked.get("before", "inf"))
        ]
        route.fulfill(json={"conversations": fitting[:at_once], "more": len(fitting) >= at_once})

    def scroll_to_the_end(count: int) -> None:
        scroller = page.locator(".limner-scroller")
        for _ in range(50):  # again and again: what asks already does not ask at that moment
            scroller.evaluate("list => list.scrollTo(0, 0)")
            page.wait_for_timeout(50)
            scroller.evaluate("list => list.scrollTo(0, list.scrollHeight)")
            if listed(page).count() == count:
                break
            page.wait_for_timeout(100)
        expect(listed(page)).to_have_count(count)

    page.route("**/limner/conversations?*", answer)
    search = page.get_by_role("searchbox", name="Search conversations")
    search.fill("ship")
    expect(listed(page)).to_have_count(at_once)
    scroll_to_the_end(many // 2)
    search.fill("")
    expect(listed(page).first).to_have_text("A fox")
    scroll_to_the_end(many)


def test_it_can_be_renamed(chat: Chat) -> None:
    """Enter keeps the new title everywhere, and Esc the old one; nothing in it is HTML."""
    page, name = chat.page, "Ships <b>& harbours</b>"
    begin(chat, "A boat")
    act(page, "A boat", "Rename")
    page.get_by_label("Title").fill("Something else")
    page.keyboard.press("Escape")
    expect(listed(page)).to_have_text(["A boat"])
    expect(listed(page)).to_be_focused()

    act(page, "A boat", "Rename")
    page.get_by_label("Title").fill(name)
    page.keyboard.press("Enter")
    for _ in range(2):
        expect(listed(page)).to_have_text([name])
        expect(page.locator("#limner-title")).to_have_text(name)
        expect(page).to_have_title(f"{name} · Limner")
        page.reload()


def test_what_is_deleted_can_be_had_back_for_a_while(chat: Chat) -> None:
    """Its address leads to a sentence, in every tab; Undo brings back the pictures as well."""
    page = chat.page
    begin(chat, "A fox")
    boat = begin(chat, "A boat")
    other = Chat(page.context.new_page(), boat)
    expect(other.prompts).to_have_text("A boat")

    act(page, "A boat", "Delete")
    expect(listed(page)).to_have_text(["A fox"])
    expect(listed(page)).to_be_focused()
    expect(chat.answers).to_have_count(0)
    expect(page).to_have_url(f"{chat.url}/")
    expect(other.answers).to_have_count(0)
    expect(other.toasts).to_contain_text("This conversation was deleted in another tab.")
    expect(listed(other.page)).to_have_text(["A fox"])
    other.page.goto(boat)
    gone = other.page.get_by_role("heading", name="This conversation is not here.")
    expect(gone).to_be_visible()

    page.get_by_role("button", name="Undo").click()
    expect(listed(page)).to_have_text(["A boat", "A fox"])
    assert page.url == boat
    chat.picture(chat.answers)
    other.page.reload()
    expect(other.prompts).to_have_text("A boat")
    expect(gone).to_have_count(0)


def test_it_is_its_visitors_own(chat: Chat, open_chat: Callable[..., Chat]) -> None:
    """Another browser sees neither the list nor what an address leads to, and cannot add to it."""
    boat = begin(chat, "A boat")
    stranger = open_chat()
    expect(stranger.page.get_by_text("What you make is listed here.")).to_be_visible()
    stranger.open(boat.removeprefix(chat.url))
    page = stranger.page
    expect(page.get_by_role("heading", name="This conversation is not here.")).to_be_visible()
    expect(page.get_by_text("It was deleted, or it belongs to another browser or account.")).to_be_visible()
    expect(page.locator("#limner")).not_to_have_class(re.compile("limner-offline"))
    expect(listed(page)).to_have_count(0)
    stranger.prompt.fill("Mine")
    stranger.create.click()
    expect(stranger.error).not_to_be_empty()
    expect(stranger.prompt).to_have_value("Mine")
    expect(chat.prompts).to_have_text(["A boat"])

    page.locator("#limner-turns").get_by_role("link", name="New conversation").click()
    expect(page).to_have_url(f"{chat.url}/")
    expect(stranger.ask("A fox")).to_be_visible()
    expect(listed(page)).to_have_text(["A fox"])


def test_a_drawer_by_touch(open_chat: Callable[..., Chat]) -> None:
    """It closes once a conversation is chosen, beside itself, and by Back, which then leads nowhere else."""
    chat = open_chat(**PHONE)
    page = chat.page
    chat.picture(chat.ask("A boat"))
    boat = page.url
    opener, drawer = page.get_by_role("button", name="Conversations"), page.get_by_role("dialog")
    opener.tap()
    drawer.get_by_role("link", name="New conversation").tap()
    expect(drawer).to_have_count(0)
    chat.picture(chat.ask("A fox"))
    fox = page.url

    opener.tap()
    expect(listed(page)).to_have_text(["A fox", "A boat"])
    page.touchscreen.tap(380, 600)
    expect(drawer).to_have_count(0)
    opener.tap()
    page.go_back()
    expect(drawer).to_have_count(0)
    assert page.url == fox
    opener.tap()
    listed(page).nth(1).tap()
    expect(drawer).to_have_count(0)
    expect(chat.prompts).to_have_text("A boat")
    page.go_back()
    expect(chat.prompts).to_have_text("A fox")
    page.go_back()
    expect(page).to_have_url(boat)
    expect(chat.prompts).to_have_text("A boat")

    opener.tap()
    page.get_by_role("button", name="More for A boat").tap()
    page.get_by_role("menuitem", name="Delete").tap()
    assert not overlap(chat.toasts, page.get_by_role("searchbox"))
    page.get_by_role("button", name="Undo").tap()  # within the drawer
    expect(listed(page)).to_have_text(["A fox", "A boat"])


def test_a_drawer_by_keyboard(chat: Chat) -> None:
    """The focus stays within, goes back to the button, and no closed drawer is left in the history."""
    page, press = chat.page, chat.page.keyboard.press
    page.set_viewport_size({"width": 390, "height": 844})
    chat.picture(chat.ask("A boat"))
    opener, drawer = page.get_by_role("button", name="Conversations"), page.get_by_role("dialog")
    entries = page.evaluate("history.length")
    for _ in range(2):
        opener.focus()
        press("Enter")
        expect(drawer).to_be_visible()
        for _ in range(8):
            press("Tab")
            assert page.evaluate(
                "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
            )
        press("Escape")
        expect(drawer).to_have_count(0)
        expect(opener).to_be_focused()
        page.wait_for_function("() => !history.state?.limner")
    assert page.evaluate("history.length") <= entries + 1  # the one that a drawer leaves is used again

    opener.focus()
    press("Enter")
    more = page.get_by_role("button", name="More for A boat")
    more.focus()
    press("Enter")
    expect(page.get_by_role("menuitem", name="Rename")).to_be_focused()
    press("End")
    expect(page.get_by_role("menuitem", name="Delete")).to_be_focused()
    press("Escape")
    expect(more).to_be_focused()
    expect(drawer).to_be_visible()
    press("Enter")
    press("Enter")
    page.get_by_label("Title").fill("Ships")
    press("Escape")
    expect(drawer).to_be_visible()
    expect(listed(page)).to_have_text(["A boat"])
    press("Enter")
    expect(drawer).to_have_count(0)


def test_a_message_is_had_back_from_another_conversation(chat: Chat) -> None:
    """Undo asks the conversation in which the message was deleted, whichever is shown by then."""
    page = chat.page
    begin(chat, "A boat")
    boat = page.url
    begin(chat, "A fox")
    listed(page).nth(1).click()
    expect(chat.prompts).to_have_text("A boat")
    chat.action(chat.answers, "More").click()
    page.get_by_role("menuitem", name="Delete this message").click()
    expect(chat.prompts).to_have_count(0)
    listed(page).filter(has_text="A fox").click()
    expect(chat.prompts).to_have_text("A fox")

    with page.expect_response("**/restore*") as restored:
        page.get_by_role("button", name="Undo").click()

    assert restored.value.ok
    chat.open(boat.removeprefix(chat.url))
    expect(chat.prompts).to_have_text("A boat")


def test_its_picture_is_seen_whole(chat: Chat) -> None:
    """The mark of the open one stands beside it, and what is transparent shows as that."""
    begin(chat, "A boat #transparent")
    link = listed(chat.page)
    picture = link.locator("img.limner-loaded")
    expect(picture).to_have_css("background-image", re.compile("conic-gradient"))
    mark = link.evaluate("link => parseFloat(getComputedStyle(link, '::before').width)")
    assert box(picture)[0] >= box(link)[0] + 2 * mark
