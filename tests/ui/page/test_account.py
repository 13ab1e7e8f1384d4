"""Signing in with Hugging Face in the page: the way in, what it changes, and the way out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.hub import Hub
from tests.serving import Serving
from tests.ui.chat import Chat

pytestmark = pytest.mark.browser

SIGN_IN = "Sign in with Hugging Face"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture(scope="module")
def signing_in(tmp_path_factory: pytest.TempPathFactory, hub: Hub) -> Iterator[Serving]:
    """Starts an app where people can sign in, and whose owner pays for nothing."""
    folder = tmp_path_factory.mktemp("signing-in")
    serving = Serving(folder, {**hub.variables(folder), "LIMNER_DATA_DIR": str(folder / "data")})
    yield serving
    serving.stop()


@pytest.fixture
def guest(signing_in: Serving, page: Page) -> Iterator[Chat]:
    """Returns the page as somebody sees it who is not the owner."""
    page.context.set_extra_http_headers({"X-Forwarded-For": "203.0.113.9"})
    yield Chat(page, signing_in.url)
    page.context.set_extra_http_headers({})


def way_in(page: Page) -> Locator:
    return page.get_by_role("banner").get_by_role("link", name=SIGN_IN)


def account(page: Page) -> Locator:
    return page.get_by_role("banner").get_by_role("button", name="ada")


def about(chat: Chat) -> Locator:
    return chat.page.locator("#limner-about")


def test_who_signs_in_pays_with_their_credits(guest: Chat, hub: Hub) -> None:
    page, entry = guest.page, guest.provider.locator("option", has_text="Hugging Face")
    expect(entry).to_have_text("Hugging Face · sign in")
    guest.count.click()
    expect(page.get_by_role("dialog", name="How many")).to_contain_text(
        "Sign in, or enter a key, to compare with other providers: choose one of them first."
    )
    page.keyboard.press("Escape")
    guest.choose("Provider", "Hugging Face")
    expect(about(guest)).to_have_text(
        "Hugging Face needs your sign-in or a key: without one, Sketch makes the picture. "
        "Sign in with Hugging Face Enter a key"
    )
    expect(guest.ask("A boat")).to_contain_text("Sketch made this instead")
    assert hub.paid_by() == []
    about(guest).get_by_role("link", name=SIGN_IN).click()
    expect(account(page)).to_be_visible()
    expect(entry).to_have_text("Hugging Face")
    expect(about(guest)).to_contain_text("Runs on your Hugging Face credits.")
    expect(about(guest).get_by_role("button", name="Use your own key")).to_be_visible()
    expect(guest.answers).to_have_count(1)
    guest.picture(guest.ask("A fox"))
    assert hub.paid_by() == [hub.signed_in_tokens()[-1]]


def test_the_way_out_leads_to_a_page_that_knows_nobody(guest: Chat) -> None:
    page = guest.page
    way_in(page).click()
    expect(account(page)).to_be_visible()
    guest.ask("A boat")
    guest.prompt.fill("A draft of ada's")
    account(page).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Sign out")).to_be_focused()
    page.keyboard.press("Escape")
    expect(account(page)).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(way_in(page)).to_be_visible()
    guest.loaded()
    expect(page).to_have_url(f"{guest.url}/")
    expect(guest.answers).to_have_count(0)
    expect(guest.prompt).to_have_value("")
    assert "draft" not in page.evaluate("JSON.stringify({ ...sessionStorage })")
    expect(page.get_by_text("What you make is listed here.")).to_be_visible()


def test_signing_in_leads_back_to_the_conversation_and_the_draft(guest: Chat) -> None:
    page = guest.page
    guest.ask("A boat")
    left = guest.conversation
    guest.prompt.fill("A draft")
    way_in(page).click()
    expect(account(page)).to_be_visible()
    assert guest.conversation == left
    expect(guest.answers).to_have_count(1)
    expect(guest.prompt).to_have_value("A draft")


def test_a_sign_in_that_has_ended_is_said_and_can_be_begun_again(guest: Chat, hub: Hub) -> None:
    page, ended = guest.page, "Your sign-in has ended: sign in again."
    way_in(page).click()
    expect(account(page)).to_be_visible()
    guest.ask("A boat")
    left = guest.conversation
    page.context.add_cookies([{"name": "limner_session", "value": "x" * 43, "url": guest.url}])
    guest.prompt.fill("A draft")
    guest.create.click()
    expect(guest.error).to_have_text(ended)
    expect(way_in(page)).to_be_visible()
    expect(page.locator("#limner-turns")).to_contain_text(ended)
    guest.reload()
    expect(page.locator("#limner-turns")).to_contain_text(ended)
    way_in(page).click()
    expect(account(page)).to_be_visible()
    assert guest.conversation == left
    expect(guest.answers).to_have_count(1)
    expect(guest.prompt).to_have_value("A draft")


def test_what_another_tab_did_is_seen_when_the_page_is_looked_at(guest: Chat) -> None:
    page, other = guest.page, guest.page.context.new_page()
    guest.prompt.fill("A draft")
    other.goto(guest.url)
    way_in(other).click()
    expect(account(other)).to_be_visible()
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(account(page)).to_be_visible()
    expect(guest.prompt).to_have_value("A draft")
    guest.ask("A boat")
    account(other).click()
    other.get_by_role("menuitem", name="Sign out").click()
    expect(way_in(other)).to_be_visible()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(way_in(page)).to_be_visible()
    expect(page.get_by_text("This conversation is not here.")).to_be_visible()
    way_in(other).click()
    expect(account(other)).to_be_visible()
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(guest.answers).to_have_count(1)


def test_in_a_frame_the_hub_opens_in_a_tab_of_its_own(guest: Chat) -> None:
    page = guest.page
    expect(way_in(page)).not_to_have_attribute("target", "_blank")
    frame = f'<!doctype html><iframe src="{guest.url}/" width="900" height="700"></iframe>'
    page.route("**/around", lambda route: route.fulfill(body=frame, content_type="text/html"))
    page.goto(f"{guest.url}/around")
    link = page.frame_locator("iframe").get_by_role("banner").get_by_role("link", name=SIGN_IN)
    expect(link).to_have_attribute("target", "_blank")
    with page.expect_popup() as opened:
        link.click()
    expect(account(opened.value)).to_be_visible()


def test_where_nobody_can_sign_in_nothing_is_offered(chat: Chat) -> None:
    with chat.page.expect_response("**/limner/account"):
        chat.reload()
    expect(chat.page.get_by_role("link", name=SIGN_IN)).to_have_count(0)
    expect(chat.page.locator("#limner-account")).to_be_hidden()
    entry = chat.provider.locator("option", has_text="Hugging Face")
    expect(entry).to_have_text("Hugging Face · needs a key")
