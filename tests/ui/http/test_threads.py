"""A conversation outlives reloads, restarts and lost connections, and is nobody else's."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.serving import Serving
from tests.ui.chat import Chat, picture_file
from tests.ui.conftest import Gate
from tests.warm_serving import WarmServing

pytestmark = pytest.mark.browser


def test_a_reload_shows_the_thread_as_it_was(chat: Chat) -> None:
    """G1, G2: each prompt with its one picture, in order, from the server's store."""
    prompts = ["A lighthouse at dusk, long shadows", "A red fox", "Three sailboats"]
    sources = [chat.source(chat.ask(prompt)) for prompt in prompts]
    assert len(set(sources)) == 3

    chat.page.reload()

    expect(chat.prompts).to_have_text(prompts)
    assert [chat.source(chat.answers.nth(n)) for n in range(3)] == sources


def test_pictures_travel_by_url(chat: Chat) -> None:
    """G3, G6: the page links to the stored picture, whose headers let it do nothing but be a picture."""
    source = chat.source(chat.ask("A boat #svg"))

    assert re.fullmatch(r"limner/pictures/[0-9a-f]{32}\.svg/a-boat-svg\.svg", source)
    headers = chat.page.request.get(f"{chat.url}/{source}").headers
    assert headers["content-type"].startswith("image/svg+xml")
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    assert headers["content-disposition"] == "inline; filename*=UTF-8''a-boat-svg.svg"
    download = chat.page.request.get(f"{chat.url}/{source}?download").headers["content-disposition"]
    assert download == "attachment; filename*=UTF-8''a-boat-svg.svg"


def test_a_reload_while_a_picture_is_made(chat: Chat, gate: Gate) -> None:
    """G8: the picture belongs to the server: it goes on, and arrives in the reloaded page."""
    answer = chat.send(f"A boat {gate.tag}")
    expect(answer.get_by_text("Generating image…")).to_be_visible()

    chat.page.reload()

    expect(answer.get_by_text("Generating image…")).to_be_visible()
    gate.open()
    chat.picture(answer)


def test_two_visitors_at_once(chat: Chat, open_chat: Callable[..., Chat], gate: Gate) -> None:
    """G1: each sees their own conversation only, while both wait for a slow provider."""
    other = open_chat()
    mine = chat.send(f"Mine {gate.tag}")
    theirs = other.send(f"Theirs {gate.tag}")

    gate.open()

    assert chat.source(mine) != other.source(theirs)
    expect(chat.prompts).to_have_text([f"Mine {gate.tag}"])
    expect(other.prompts).to_have_text([f"Theirs {gate.tag}"])


def test_four_regenerated_at_once(chat: Chat, gate: Gate) -> None:
    """G12: each ends with a picture of its own, in its own place."""
    gate.open()
    answers = [chat.ask(f"Boat {n} {gate.tag}") for n in range(4)]
    before = [chat.source(answer) for answer in answers]
    gate.close()
    for answer in answers:
        chat.action(answer, "Regenerate image").click()
        expect(chat.action(answer, "Stop")).to_be_visible()
        expect(answer.get_by_text(f"at {gate.tag[1:]}")).to_be_visible()  # it moves what is below it
    expect(chat.page.locator(".limner-running")).to_have_count(4)

    gate.open()

    for n, answer in enumerate(answers):
        expect(answer.get_by_text("2 / 2")).to_be_visible()
        assert f"/boat-{n}-" in chat.source(answer)
    after = [chat.source(answer) for answer in answers]
    assert len({*before, *after}) == 8


def test_a_second_tab_shows_the_same_thread(chat: Chat) -> None:
    """G1: what one tab asks, the other shows, without a reload."""
    chat.ask("A fox")
    tab = Chat(chat.page.context.new_page(), f"{chat.url}/?c={chat.conversation}")

    source = chat.source(chat.ask("A boat"))

    expect(tab.prompts).to_have_text(["A fox", "A boat"])
    assert tab.source(tab.answers.last) == source


def test_a_new_conversation_loses_nothing(chat: Chat) -> None:
    """G12: the page is as at the first visit, also after a reload, and Back leads to what was there."""
    chat.ask("A boat")
    welcome = chat.page.get_by_role("heading", name="What would you like to see?")

    chat.page.get_by_role("link", name="New conversation").click()

    expect(welcome).to_be_visible()
    expect(chat.answers).to_have_count(0)
    expect(chat.prompt).to_be_focused()
    chat.reload()
    expect(welcome).to_be_visible()
    chat.picture(chat.ask("A fox"))
    expect(chat.prompts).to_have_text(["A fox"])
    chat.page.go_back()
    expect(chat.prompts).to_have_text(["A boat"])


def test_without_storage_the_page_works_all_the_same(page: Page, app: Serving) -> None:
    """G1: a browser that forbids storage keeps the thread as long as the page."""
    page.add_init_script(
        """for (const kind of ["localStorage", "sessionStorage"]) {
             const get = () => { throw new DOMException("no", "SecurityError"); };
             Object.defineProperty(window, kind, { get });
           }"""
    )
    chat = Chat(page, app.url)
    chat.add(picture_file("boat.png", "red"))
    chat.chip(1).get_by_role("button", name="Zoom image 1").click()
    chat.page.go_back()  # which closes the dialog
    expect(chat.page.get_by_role("dialog")).to_have_count(0)
    expect(chat.chips).to_have_count(1)
    chat.chip(1).get_by_role("button", name="Remove image 1").click()

    chat.picture(chat.ask("A boat"))

    chat.picture(chat.ask("A fox"))


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory, with_shapes: dict[str, str]) -> Iterator[Serving]:
    """Returns an app that a test may kill and start again."""
    folder = tmp_path_factory.mktemp("mortal")
    serving = WarmServing(folder, {**with_shapes, "LIMNER_DATA_DIR": str(folder / "data")})
    yield serving
    serving.stop()


def test_a_restart_of_the_server_costs_neither_the_thread_nor_the_typed_prompt(
    mortal: Serving, page: Page, gate: Gate
) -> None:
    """G1, R6: the page says that it is offline, comes back by itself, and what was cut off says so."""
    chat = Chat(page, mortal.url)
    source = chat.source(chat.ask("A boat"))
    cut_off = chat.send(f"A fox {gate.tag}")
    expect(
        cut_off.get_by_text(f"at {gate.tag[1:]}")
    ).to_be_visible()  # its provider is called once it is kept
    chat.prompt.fill("Half a sent")

    mortal.stop(signal.SIGKILL)

    expect(page.locator("#limner.limner-offline")).to_be_attached()
    chat.action(chat.answers.first, "Regenerate image").click()
    expect(chat.spoken).to_have_text("The server cannot be reached: check the connection and try again.")
    chat.create.click()
    expect(chat.error).to_have_text("The server cannot be reached: check the connection and try again.")
    expect(chat.prompt).to_have_value("Half a sent")

    mortal.restart()

    expect(page.locator("#limner.limner-offline")).to_have_count(0)
    expect(chat.error).to_have_count(0)
    expect(cut_off.get_by_role("alert")).to_contain_text(
        "The server stopped while this picture was being made."
    )
    expect(chat.prompt).to_have_value("Half a sent")
    assert chat.source(chat.answers.first) == source
    chat.create.click()
    chat.picture(chat.answers.nth(2))


def test_a_choice_while_the_server_is_away_is_taken_back_and_loses_nothing(
    mortal: Serving, page: Page
) -> None:
    """R4: what was typed and shown stays, and the same choice works once the server is back."""
    chat = Chat(page, mortal.url)
    chat.ask("A boat")
    chat.prompt.fill("Half a sent")
    mortal.stop(signal.SIGKILL)
    chat.begin_choice("Provider", "Sketch")
    expect(chat.error).to_have_text("The server cannot be reached: check the connection and choose again.")
    expect(chat.provider).to_have_value("shapes")

    mortal.restart()
    chat.choose("Provider", "Sketch")
    expect(chat.error).to_have_count(0)
    chat.options_button.click()
    expect(page.get_by_label("Outcome")).to_be_visible()
    page.keyboard.press("Escape")
    expect(chat.prompt).to_have_value("Half a sent")
    expect(chat.create).to_be_enabled()
    expect(chat.prompts).to_have_text(["A boat"])


def test_under_a_root_path(serve: Callable[..., Serving], with_shapes: dict[str, str], page: Page) -> None:
    """G1: behind a proxy that serves Limner below a path of its own, with and without its last slash."""
    serving = serve(**with_shapes, GRADIO_ROOT_PATH="/studio")
    page.route(
        re.compile("/studio"), lambda route: route.continue_(url=route.request.url.replace("/studio", "", 1))
    )
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url) if "/studio" not in request.url else None)
    for address in ("/studio", "/studio/"):
        chat = Chat(page, serving.url + address)
        answer = chat.ask("A boat")
        chat.picture(answer)
        chat.action(answer, "Regenerate image").click()
        expect(answer.get_by_text("2 / 2")).to_be_visible()
        chat.reload()
        expect(chat.prompts).to_have_text(["A boat"])
    assert [url for url in outside if "/limner/" in url] == []
