"""A picture that does not load: only its download failed, or the server says that its file is gone."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.serving import Serving
from tests.ui.chat import Chat
from tests.warm_serving import WarmServing

pytestmark = pytest.mark.browser

PICTURES = "**/limner/thumbnails/**"
COULD_NOT = "This picture could not be loaded."
GONE = "This picture is gone."


@pytest.fixture
def mortal(tmp_path: Path, with_shapes: dict[str, str]) -> Iterator[Serving]:
    serving = WarmServing(tmp_path, {**with_shapes, "LIMNER_DATA_DIR": str(tmp_path / "data")})
    yield serving
    serving.stop()


def expect_unloaded(chat: Chat, answer: Locator) -> None:
    expect(answer.get_by_text(COULD_NOT)).to_be_visible()
    expect(answer.get_by_text(GONE)).to_be_hidden()
    expect(answer.locator("img")).to_be_hidden()
    expect(answer.get_by_title("Download image")).to_be_visible()
    expect(chat.action(answer, "Copy image")).to_be_hidden()
    expect(answer.locator(".limner-picture")).not_to_contain_text("Regenerate", use_inner_text=True)


@pytest.mark.parametrize("way", ["click", "Enter"])
def test_what_could_not_be_loaded_is_loaded_at_a_click_and_does_not_zoom(chat: Chat, way: str) -> None:
    """Not the browser's icon, and no advice to pay for a picture that is there."""
    chat.page.route(PICTURES, lambda route: route.abort())
    answer = chat.ask("A boat")
    expect_unloaded(chat, answer)
    card = answer.locator(".limner-picture")
    chat.page.unroute_all()

    if way == "click":
        card.click()
    else:
        card.press(way)

    expect(answer.get_by_text(COULD_NOT)).to_be_hidden()
    chat.picture(answer)
    expect(chat.page.get_by_role("dialog")).to_have_count(0)
    expect(chat.action(answer, "Copy image")).to_be_visible()
    answer.get_by_title("Zoom").click()
    expect(chat.page.get_by_role("dialog", name="Picture in full size")).to_be_visible()


def test_a_click_while_it_still_cannot_be_loaded_opens_nothing(chat: Chat) -> None:
    chat.page.route(PICTURES, lambda route: route.abort())
    answer = chat.ask("A boat")
    expect_unloaded(chat, answer)
    with chat.page.expect_event("requestfailed"):
        answer.locator(".limner-picture").click()
    expect(chat.page.get_by_role("dialog")).to_have_count(0)
    expect_unloaded(chat, answer)


@pytest.mark.parametrize("status", [502, 404])
def test_a_proxy_that_answers_for_the_server_does_not_make_it_gone(chat: Chat, status: int) -> None:
    """A 404 of the server itself is JSON; and what a proxy had for a moment is tried again by itself."""
    asked: list[str] = []

    def fail(route: Route) -> None:
        is_back = "HEAD" in asked  # the question whether it is gone
        asked.append(route.request.method)
        if is_back:
            route.continue_()
        else:
            route.fulfill(status=status, content_type="text/html", body="<p>away")

    chat.page.route(PICTURES, fail)
    answer = chat.ask("A boat")
    expect_unloaded(chat, answer)
    expect(answer.get_by_text(COULD_NOT)).to_be_hidden()
    chat.picture(answer)
    question = asked.index("HEAD")
    assert {*asked[:question]} == {"GET"}, "It is drawn, and perhaps anew."
    assert asked[question:] == ["HEAD", "GET"]


def test_it_comes_by_itself_when_the_browser_is_online_again(chat: Chat) -> None:
    chat.page.route(PICTURES, lambda route: route.abort())
    answer = chat.ask("A boat")
    expect_unloaded(chat, answer)
    chat.page.context.set_offline(True)
    chat.page.unroute_all()

    chat.page.context.set_offline(False)

    expect(answer.get_by_text(COULD_NOT)).to_be_hidden()
    chat.picture(answer)


def test_it_comes_by_itself_when_the_server_is_back(mortal: Serving, page: Page) -> None:
    chat = Chat(page, mortal.url)
    answer = chat.ask("A boat")
    chat.picture(answer)
    mortal.stop(signal.SIGKILL)
    expect(page.locator("#limner.limner-offline")).to_be_attached()
    # what a message that is drawn anew does, with a cache that has lost the picture
    answer.locator("figure img").evaluate("image => void (image.src = `${image.getAttribute('src')}?again`)")
    expect_unloaded(chat, answer)

    mortal.restart()

    expect(answer.get_by_text(COULD_NOT)).to_be_hidden()
    chat.picture(answer)


def test_a_file_that_is_gone_is_said_and_regenerated(
    serve: Callable[..., Serving], with_shapes: dict[str, str], page: Page, tmp_path: Path
) -> None:
    """Only if the server itself says so."""
    chat = Chat(page, serve(**with_shapes).url)
    answer = chat.ask("A boat")
    name = chat.source(answer).split("/")[-2]
    (file,) = (tmp_path / "data").rglob(name)
    file.unlink()
    page.context.new_cdp_session(page).send("Network.clearBrowserCache")
    chat.reload()

    expect(answer.get_by_text(GONE)).to_be_visible()
    expect(answer.get_by_text("Regenerate it to get a new one")).to_be_visible()
    expect(answer.get_by_text(COULD_NOT)).to_be_hidden()
    expect(answer.get_by_title("Download image")).to_be_hidden()
    answer.locator(".limner-picture").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    chat.action(answer, "Regenerate image").click()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    chat.picture(answer)
