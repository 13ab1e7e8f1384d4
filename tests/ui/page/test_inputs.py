"""Pictures that go in: as chips over the prompt, and as what a message was sent with."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from tests.serving import Serving
from tests.ui.chat import Chat, picture_file
from tests.ui.conftest import Gate, Kept

pytestmark = pytest.mark.browser

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def retouch(chat: Chat) -> Chat:
    chat.choose("Provider", "Retouch")
    return chat


def bring_two(chat: Chat) -> None:
    chat.add(picture_file("red.png", "red"), picture_file("blue.png", "blue"))


def edit(chat: Chat, answer: Locator) -> None:
    chat.action(answer, "Edit this").click()


def expect_chip(chat: Chat, source: str) -> None:
    """Expects the picture with this address, relative to the page's, in the first chip."""
    expect(chat.chip(1).locator("img").first).to_have_attribute("data-full", f"/{source}")


def bytes_of(chat: Chat, answer: Locator) -> bytes:
    return chat.page.request.get(f"{chat.url}/{chat.source(answer)}").body()


def test_two_pictures_of_ones_own_go_in_with_one_prompt(retouch: Chat, kept: Kept) -> None:
    bring_two(retouch)
    expect(retouch.chips).to_have_count(2)
    expect(retouch.chip(1)).to_contain_text("red.png")
    expect(retouch.chip(2)).to_contain_text("blue.png")
    expect(retouch.prompt).to_be_focused()

    answer = retouch.ask(f"The first in the colours of the second {kept.tag}")

    retouch.picture(answer)
    assert kept.colours() == [RED, BLUE]
    expect(retouch.chips).to_have_count(0)
    retouch.reload()
    asked = retouch.page.locator(".limner-asked")
    for number in (1, 2):
        sent = asked.get_by_role("button", name=f"Zoom image {number}").locator("img")
        assert sent.evaluate("image => image.decode().then(() => image.naturalWidth)") == 80
    expect(retouch.chips).to_have_count(0)

    opener = asked.get_by_role("button", name="Zoom image 2")
    opener.click()

    dialog = retouch.page.get_by_role("dialog", name="Picture in full size")
    expect(dialog.get_by_role("img", name="image 2")).to_be_visible()
    retouch.page.keyboard.press("Escape")
    expect(opener).to_be_focused()


def test_a_picture_far_up_is_edited_twice_and_the_second_regenerated(retouch: Chat, kept: Kept) -> None:
    first = retouch.ask("A boat")
    retouch.ask("A fox #tall")
    original = bytes_of(retouch, first)
    edit(retouch, first)
    expect(retouch.prompt).to_be_focused()
    expect_chip(retouch, retouch.source(first))
    retouch.ask(f"In autumn {kept.tag}")
    assert kept.about()["images"] == ["a-boat.png"]

    edit(retouch, first)
    retouch.reload()
    expect(retouch.chips).to_have_count(1)
    second = retouch.ask(f"In winter {kept.tag}")
    assert kept.about()["images"] == ["a-boat.png"]
    retouch.action(second, "Regenerate image").click()

    expect(second.get_by_text("2 / 2")).to_be_visible()
    assert kept.about()["images"] == ["a-boat.png"]
    assert kept.place.with_name(f"{kept.place.name}-1").read_bytes() == original
    edit(retouch, second)
    expect_chip(retouch, retouch.source(second))


def test_the_shown_version_goes_in_and_only_once(retouch: Chat) -> None:
    answer = retouch.ask("A boat")
    first = retouch.source(answer)
    retouch.action(answer, "Regenerate image").click()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    retouch.action(answer, "Previous version").click()
    expect(answer.get_by_text("1 / 2")).to_be_visible()

    retouch.action(answer, "Edit this").dblclick()

    expect(retouch.chips).to_have_count(1)
    expect_chip(retouch, first)
    expect(retouch.spoken).to_contain_text("already, as image 1")


def test_a_drawing_of_lines_cannot_go_in(chat: Chat) -> None:
    answer = chat.ask("A boat #svg")
    chat.picture(answer)
    expect(chat.action(answer, "Edit this")).to_have_count(0)
    expect(chat.action(answer, "Copy image")).to_be_visible()


def test_chips_are_removed_by_keyboard_and_numbered_anew(retouch: Chat) -> None:
    bring_two(retouch)
    retouch.add(picture_file("green.png", "green"))
    retouch.prompt.focus()
    for _ in range(2):
        retouch.page.keyboard.press("Shift+Tab")
    expect(retouch.page.get_by_role("button", name="Zoom image 3, green.png")).to_be_focused()
    retouch.page.get_by_role("button", name="Zoom image 1, red.png").focus()

    retouch.page.keyboard.press("Delete")

    expect(retouch.chips).to_have_count(2)
    expect(retouch.chip(1)).to_contain_text("blue.png")
    expect(retouch.chip(2)).to_contain_text("green.png")
    expect(retouch.spoken).to_have_text("Removed image 1.")
    expect(retouch.page.get_by_role("button", name="Remove image 1")).to_be_focused()
    retouch.page.get_by_role("button", name="Zoom image 2, green.png").focus()
    retouch.page.keyboard.press("Backspace")
    expect(retouch.page.get_by_role("button", name="Remove image 1")).to_be_focused()
    retouch.page.keyboard.press("Enter")
    expect(retouch.chips).to_have_count(0)
    expect(retouch.prompt).to_be_focused()


def test_each_conversation_keeps_its_chips(retouch: Chat) -> None:
    """Over a reload, and while another one is open; New is no other one while nothing was sent."""
    retouch.add(picture_file("green.png", "green"))
    retouch.page.get_by_role("link", name="New conversation").click()
    expect(retouch.chip(1)).to_contain_text("green.png")
    retouch.ask("A boat")
    expect(retouch.chips).to_have_count(0)
    bring_two(retouch)
    retouch.reload()
    expect(retouch.chip(2)).to_contain_text("blue.png")

    retouch.page.get_by_role("link", name="New conversation").click()
    expect(retouch.answers).to_have_count(0)
    expect(retouch.chips).to_have_count(0)
    retouch.page.go_back()

    expect(retouch.chip(1)).to_contain_text("red.png")
    expect(retouch.chip(2)).to_contain_text("blue.png")


def test_what_is_refused_comes_back_with_its_prompt(retouch: Chat) -> None:
    """Pictures without words ask for some."""
    expect(retouch.prompt).to_have_attribute("placeholder", "Describe a picture…")
    bring_two(retouch)
    expect(retouch.prompt).to_have_attribute("placeholder", "Describe what should change…")
    retouch.prompt.press("Enter")
    expect(retouch.error).to_have_text("Describe what should change.")
    expect(retouch.chips).to_have_count(2)
    refusal = json.dumps({"error": "You have reached the limit: try again in 5 seconds."})
    retouch.page.route("**/messages", lambda route: route.fulfill(status=429, body=refusal))
    retouch.prompt.fill("Both together")
    retouch.create.click()
    expect(retouch.error).to_contain_text("reached the limit")
    expect(retouch.prompt).to_have_value("Both together")
    expect(retouch.chip(1)).to_contain_text("red.png")
    expect(retouch.chip(2)).to_contain_text("blue.png")
    retouch.page.unroute("**/messages")
    with retouch.page.expect_request("**/messages") as sent:
        retouch.create.click()
    assert len((sent.value.post_data_json or {})["images"]) == 2
    expect(retouch.answers).to_have_count(1)


def test_edit_prompt_brings_the_pictures_back(retouch: Chat, kept: Kept) -> None:
    """And lets what it replaces be had back."""
    bring_two(retouch)
    answer = retouch.ask(f"Both together #filtered {kept.tag}")
    assert kept.colours() == [RED, BLUE]
    retouch.add(picture_file("green.png", "green"))
    retouch.prompt.fill("Something else")

    retouch.action(answer, "Edit in composer").click()

    expect(retouch.prompt).to_have_value(f"Both together #filtered {kept.tag}")
    expect(retouch.chips).to_have_count(2)
    expect(retouch.chip(2)).to_contain_text("blue.png")
    retouch.toasts.get_by_role("button", name="Bring it back").click()
    expect(retouch.prompt).to_have_value("Something else")
    expect(retouch.chips).to_have_text([re.compile("^image 1green.png")])

    retouch.action(answer, "Edit in composer").click()
    expect(retouch.chips).to_have_count(2)
    retouch.picture(retouch.ask(f"Both of them {kept.tag}"))
    assert kept.colours() == [RED, BLUE]


def test_a_chosen_size_is_sent_and_otherwise_the_first_picture_decides(retouch: Chat, kept: Kept) -> None:
    for size, expected in (("Auto", "320x480"), ("480 × 320", "480x320")):
        retouch.choose("Size", size)
        retouch.add(picture_file("tall.png", "red", (200, 300)))
        retouch.ask(f"Wider {kept.tag}")
        assert kept.about()["size"] == expected


def test_the_words_of_the_model_stand_with_the_picture(retouch: Chat) -> None:
    answer = retouch.ask("A boat #says")
    words = answer.locator("p", has_text="Here is the picture")
    expect(words).to_have_text(
        "Here is the picture, with <b>what you asked for</b>.\nIt is a little darker now."
    )
    expect(words.locator("b")).to_have_count(0)


def test_the_steps_of_a_picture_are_shown_while_it_is_made(retouch: Chat, gate: Gate) -> None:
    """Behind the one that is being loaded stays the one before."""
    step = retouch.page.locator(".limner-running img")
    width = "image => image.decode().then(() => image.naturalWidth)"
    held: list[Route] = []
    answer = retouch.send(f"A boat #steps {gate.tag} {gate.tag}-24")
    expect(step).to_have_attribute("src", re.compile("limner/previews/"))
    assert step.evaluate(width) == 240
    first = step.get_attribute("src") or ""
    retouch.page.route(lambda url: "/previews/" in url and first not in url, lambda route: held.append(route))

    with retouch.page.expect_request(lambda request: "/previews/" in request.url):
        gate.file.with_name(f"{gate.file.name}-24").touch()
    expect(step).to_have_attribute("src", first)
    held[0].continue_()
    expect(step).not_to_have_attribute("src", first)
    assert step.evaluate(width) == 480
    retouch.page.route("**/thumbnails/**", lambda route: held.append(route))
    gate.open()
    preview = answer.locator(".limner-picture .limner-preview")
    expect(preview).to_be_visible()
    expect(answer.locator(".limner-picture")).to_have_css("background-image", "none")
    retouch.page.unroute("**/thumbnails/**")
    for route in held[1:]:
        route.continue_()
    expect(preview).to_have_count(0)
    assert Image.open(io.BytesIO(bytes_of(retouch, answer))).size == (320, 320)
    expect(retouch.picture(answer)).to_have_css("background-image", re.compile("conic-gradient"))


def test_names_of_files_stay_text(retouch: Chat) -> None:
    """Also one that a program has written into the browser's storage."""
    nasty = "<b>${hacked=3}</b>'\"><img src=x onerror='hacked=1'>.png"
    retouch.add(picture_file(nasty, "red"))
    write = """name => {
      const key = Object.keys(sessionStorage).find(key => key.startsWith("limner.inputs."));
      const kept = JSON.parse(sessionStorage.getItem(key));
      for (const picture of kept.pictures) picture.filename = name;
      sessionStorage.setItem(key, JSON.stringify(kept));
    }"""
    retouch.page.evaluate(write, nasty)
    retouch.reload()
    expect(retouch.chip(1)).to_contain_text(nasty)
    assert retouch.page.evaluate("typeof hacked") == "undefined"
    expect(retouch.chips.locator("b b, img[src=x]")).to_have_count(0)


def test_a_restart_loses_nothing(
    serve: Callable[..., Serving], with_shapes: dict[str, str], page: Page
) -> None:
    app = serve(**{**with_shapes, "LIMNER_PROVIDER": "retouch"})
    chat = Chat(page, app.url)
    bring_two(chat)
    answer = chat.ask("Both together")
    chat.picture(answer)
    chat.add(picture_file("green.png", "green"))
    app.restart()
    chat.reload()
    expect(chat.chip(1)).to_contain_text("green.png")
    answer = chat.answers.first
    chat.action(answer, "Regenerate image").click()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    chat.picture(chat.ask("Bluer"))
    expect(page.locator(".limner-asked").get_by_role("img", name="image 1")).to_have_count(2)
