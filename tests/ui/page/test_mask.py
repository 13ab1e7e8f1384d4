"""An area of the first picture that may change: painted, or given by numbers, and what the provider gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from playwright.sync_api import Dialog, Locator, Route, expect

from tests.ui.chat import Chat, picture_file
from tests.ui.conftest import Kept

pytestmark = pytest.mark.browser

SIZE = (400, 300)
Point = tuple[float, float]


class Marking:
    """The dialog in which an area is marked, for the picture of the first chip."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.page = chat.page
        self.dialog = chat.page.get_by_role("dialog", name="Mark an area of image 1")
        self.said = self.dialog.get_by_role("status")
        chat.choose("Provider", "Retouch")
        chat.add(picture_file("red.png", "red", SIZE))

    def open(self, name: str = "Mark an area") -> None:
        self.page.get_by_role("button", name=name).click()
        expect(self.dialog).to_be_visible()

    def button(self, name: str) -> Locator:
        return self.dialog.get_by_role("button", name=name, exact=True)

    def place(self, point: Point) -> Point:
        """Returns where a point of the picture, in shares of it, is on the page."""
        box = self.dialog.locator("canvas").bounding_box()
        assert box
        return box["x"] + point[0] * box["width"], box["y"] + point[1] * box["height"]

    def paint(self, *points: Point) -> None:
        self.page.mouse.move(*self.place(points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.place(point), steps=5)
        self.page.mouse.up()

    def done(self) -> None:
        self.button("Done").click()
        expect(self.dialog).to_be_hidden()
        self.chat.uploaded()

    def send(self, kept: Kept) -> Callable[[Point], bool]:
        """Sends a prompt, and gives what tells whether the provider may change a point of the picture."""
        self.chat.picture(self.chat.ask(f"Bluer {kept.tag}"))
        mask = kept.picture("mask").convert("RGBA")
        assert mask.size == SIZE
        light = mask.convert("RGB").convert("L")

        def may_change(point: Point) -> bool:
            at = round(point[0] * (SIZE[0] - 1)), round(point[1] * (SIZE[1] - 1))
            white, transparent = light.getpixel(at) == 255, mask.getpixel(at)[3] == 0  # pyright: ignore
            assert white == transparent
            return white

        return may_change


@pytest.fixture
def marking(chat: Chat) -> Marking:
    return Marking(chat)


def all_of(may_change: Callable[[Point], bool], points: Iterable[Point]) -> list[bool]:
    return [may_change(point) for point in points]


def test_what_is_painted_is_where_the_provider_may_change_it(marking: Marking, kept: Kept) -> None:
    """With a reload in between; what is not painted stays."""
    marking.open()
    expect(marking.said).to_have_text("Nothing is marked.")
    marking.paint((0.2, 0.25), (0.2, 0.75), (0.5, 0.75))
    expect(marking.said).to_contain_text("% of the picture is marked.")
    marking.done()
    expect(marking.chat.chip(1)).to_contain_text("Area marked")
    expect(marking.chat.spoken).to_have_text("The area is marked.")
    marking.chat.reload()
    expect(marking.chat.chip(1)).to_contain_text("Area marked")

    may_change = marking.send(kept)

    assert all(all_of(may_change, [(0.2, 0.25), (0.2, 0.5), (0.2, 0.75), (0.35, 0.75), (0.5, 0.75)]))
    assert not any(all_of(may_change, [(0, 0), (0.35, 0.5), (0.5, 0.25), (0.8, 0.75), (0.99, 0.99)]))
    expect(marking.page.locator(".limner-asked")).to_contain_text(
        "Only the marked area of image 1 may change."
    )


def test_the_area_shows_in_full_size_too(marking: Marking) -> None:
    """On the chip's picture, and on the one that went in."""
    marking.open()
    marking.paint((0.25, 0.5))
    marking.done()
    zoomed = marking.page.get_by_role("dialog", name="Picture in full size")
    for opener in ("Zoom image 1, red.png", "Zoom image 1"):
        marking.page.get_by_role("button", name=opener, exact=True).click()
        expect(zoomed.get_by_role("img", name="image 1")).to_be_visible()
        area = zoomed.locator(".limner-area")
        assert area.evaluate("image => image.decode().then(() => image.naturalWidth)") == SIZE[0]
        marking.page.keyboard.press("Escape")
        if "red" in opener:
            marking.chat.ask("Bluer")


def test_create_waits_for_the_area(marking: Marking) -> None:
    held: list[Route] = []
    marking.page.route("**/pictures?*", lambda route: held.append(route))
    marking.open()
    marking.button("Invert").click()
    marking.button("Done").click()
    expect(marking.dialog).to_be_hidden()
    marking.chat.prompt.fill("Bluer")
    marking.chat.create.click()
    expect(marking.page.get_by_text("It is sent as soon as the upload is complete.")).to_be_visible()
    with marking.page.expect_request("**/messages") as sent:
        held[0].continue_()
    assert (sent.value.post_data_json or {}).keys() >= {"images", "mask"}


def test_a_finger_paints(open_chat: Callable[..., Chat], kept: Kept) -> None:
    marking = Marking(open_chat(has_touch=True, viewport={"width": 390, "height": 844}))
    marking.open()
    x, y = marking.place((0.75, 0.5))
    expect(marking.dialog.locator("canvas")).to_have_css("touch-action", "none")
    marking.page.touchscreen.tap(x, y)
    expect(marking.said).to_contain_text("% of the picture is marked.")
    marking.done()
    may_change = marking.send(kept)
    assert all_of(may_change, [(0.75, 0.5), (0.25, 0.5), (0.75, 0.1)]) == [True, False, False]


def test_an_area_is_given_by_numbers_with_the_keyboard_alone(marking: Marking, kept: Kept) -> None:
    keyboard = marking.page.keyboard
    marking.page.get_by_role("button", name="Mark an area").focus()
    keyboard.press("Enter")
    expect(marking.button("Paint")).to_be_focused()
    marking.dialog.get_by_text("Mark an area by numbers").focus()
    keyboard.press("Enter")
    for number in ("50", "0", "50", "50"):
        keyboard.press("Tab")
        keyboard.press("ControlOrMeta+a")
        keyboard.type(number)
    keyboard.press("Enter")
    expect(marking.said).to_have_text("25% of the picture is marked.")
    marking.button("Erase").press("Enter")
    marking.dialog.get_by_label("Width %").fill("25")
    keyboard.press("Enter")
    expect(marking.said).to_have_text("13% of the picture is marked.")
    marking.button("Erase area").focus()
    for _ in range(2):
        keyboard.press("Tab")
    expect(marking.button("Done")).to_be_focused()
    keyboard.press("Enter")
    marking.chat.uploaded()
    expect(marking.chat.prompt).to_be_focused()
    may_change = marking.send(kept)
    assert all_of(may_change, [(0.76, 0.01), (0.99, 0.49)]) == [True, True]
    assert not any(all_of(may_change, [(0.49, 0.01), (0.51, 0.01), (0.76, 0.51), (0, 0.99)]))


def test_the_tools_do_what_they_say(marking: Marking, kept: Kept) -> None:
    marking.open()
    for name in ("Undo", "Clear", "Erase"):
        expect(marking.button(name)).to_be_disabled()
    marking.button("Invert").click()
    expect(marking.said).to_have_text("100% of the picture is marked.")
    marking.dialog.get_by_role("slider", name="Brush size").fill("50")
    marking.button("Erase").click()
    expect(marking.button("Erase")).to_have_attribute("aria-pressed", "true")
    marking.paint((0.25, 0.5))
    marking.paint((0.75, 0.5))
    marking.page.keyboard.press("ControlOrMeta+z")
    marking.button("Clear").click()
    expect(marking.said).to_have_text("Nothing is marked.")
    marking.button("Undo").click()
    marking.button("Invert").click()
    marking.done()
    may_change = marking.send(kept)
    assert all_of(may_change, [(0.25, 0.5), (0.75, 0.5), (0.25, 0.99)]) == [True, False, False]


def test_leaving_asks_only_if_something_would_be_lost(marking: Marking) -> None:
    asked: list[str] = []
    answers = iter([False, True, True])

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept() if next(answers) else dialog.dismiss()

    marking.page.on("dialog", answer)
    for leave in ("Escape", "Cancel"):
        marking.open()
        marking.page.keyboard.press("Escape") if leave == "Escape" else marking.button(leave).click()
        expect(marking.dialog).to_be_hidden()
        expect(marking.page.get_by_role("button", name="Mark an area")).to_be_focused()
    assert asked == []
    marking.open()
    marking.button("Invert").click()
    marking.page.keyboard.press("Escape")
    expect(marking.said).to_have_text("100% of the picture is marked.")
    assert asked == ["Discard what you have marked?"]
    marking.page.keyboard.press("Escape")
    expect(marking.dialog).to_be_hidden()
    expect(marking.chat.chip(1)).not_to_contain_text("Area marked")


def test_what_was_marked_is_changed_and_taken_away(marking: Marking, kept: Kept) -> None:
    marking.open()
    marking.paint((0.25, 0.5))
    marking.done()
    marking.open("Change area")
    expect(marking.said).to_contain_text("% of the picture is marked.")
    expect(marking.button("Undo")).to_be_disabled()
    marking.paint((0.75, 0.5))
    marking.done()
    may_change = marking.send(kept)
    assert all_of(may_change, [(0.25, 0.5), (0.75, 0.5), (0.5, 0.5)]) == [True, True, False]

    marking.chat.action(marking.chat.answers.first, "Edit this").click()
    expect(marking.page.get_by_role("button", name="Mark an area")).to_be_visible()
    marking.page.get_by_role("button", name="Remove image 1").click()
    marking.chat.add(picture_file("red.png", "red", SIZE), picture_file("blue.png", "blue", SIZE))
    marking.open()
    marking.button("Invert").click()
    marking.done()
    marking.page.get_by_role("button", name="Remove image 1").click()
    expect(marking.chat.chip(1)).to_contain_text("blue.png")
    with marking.page.expect_request("**/messages") as sent:
        marking.chat.ask("Bluer")
    assert (sent.value.post_data_json or {}).keys() & {"images", "mask"} == {"images"}


def test_edit_prompt_brings_the_area_back(marking: Marking, kept: Kept) -> None:
    marking.open()
    marking.paint((0.25, 0.5))
    marking.done()
    answer = marking.chat.ask("Bluer #filtered")
    marking.chat.action(answer, "Edit in composer").click()
    expect(marking.chat.chip(1)).to_contain_text("Area marked")
    may_change = marking.send(kept)
    assert all_of(may_change, [(0.25, 0.5), (0.75, 0.5)]) == [True, False]


def test_a_large_picture_is_marked_in_its_own_shape(marking: Marking, kept: Kept) -> None:
    marking.page.get_by_role("button", name="Remove image 1").click()
    marking.chat.add(picture_file("large.png", "red", (3001, 999)))
    marking.open()
    size = marking.dialog.locator("canvas").evaluate("canvas => [canvas.width, canvas.height]")
    assert size == [2048, 682]
    marking.button("Invert").click()
    marking.done()
    marking.chat.picture(marking.chat.ask(f"Bluer {kept.tag}"))
    assert kept.picture("mask").size == (3001, 999)
