"""The picture in full size: by mouse, by touch, by keyboard, and by the browser's Back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import CDPSession, Locator, expect

from tests.ui.chat import Chat
from tests.ui.conftest import Gate

pytestmark = pytest.mark.browser

BEHIND = "() => [document.querySelector('#limner-thread').scrollTop, window.scrollY, history.length]"
SIZE = "image => [image.naturalWidth, image.naturalHeight]"


def zoom(answer: Locator) -> Locator:
    return answer.locator(".limner-picture")


def viewer(chat: Chat) -> Locator:
    return chat.page.get_by_role("dialog", name="Picture in full size")


def tool(chat: Chat, name: str) -> Locator:
    return viewer(chat).get_by_role("button", name=name, exact=True)


def original(chat: Chat, width: int) -> Locator:
    """Waits until the original is shown, which has this width, and gives it."""
    image = viewer(chat).locator("img:not(.limner-area)")
    chat.page.wait_for_function(
        "width => document.querySelector('.limner-zoom img')?.naturalWidth === width", arg=width
    )
    return image


def box(image: Locator) -> tuple[float, float, float, float]:
    """Returns the place and the size of the picture in the window, when it has come to rest."""
    look = """async image => {
      await Promise.all(image.parentElement.getAnimations().map(one => one.finished));
      const { x, y, width, height } = image.getBoundingClientRect();
      return [x, y, width, height];
    }"""
    x, y, width, height = image.evaluate(look)
    return x, y, width, height


def touch(session: CDPSession, kind: str, *points: tuple[float, float]) -> None:
    marked = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": marked})


def test_from_picture_to_picture_by_keyboard_alone(chat: Chat) -> None:
    """The page behind stays where it is, and the focus returns to what was seen last."""
    first, second, third = (chat.ask(f"A boat {tag}") for tag in ("#tall", "#wide", "#transparent"))
    zoom(first).scroll_into_view_if_needed()
    zoom(first).focus()
    before = chat.page.evaluate(BEHIND)
    for opens, closes in ((" ", "Escape"), ("Enter", "Enter"), ("Enter", " ")):
        chat.page.keyboard.press(opens)
        expect(tool(chat, "Close")).to_be_focused()
        chat.page.keyboard.press("PageDown")
        chat.page.keyboard.press(closes)
        expect(viewer(chat)).to_be_hidden()
        expect(zoom(first)).to_be_focused()
        assert chat.page.evaluate(BEHIND)[:2] == before[:2]

    chat.page.keyboard.press("Enter")
    expect(viewer(chat).get_by_role("status").first).to_contain_text("1 of 3")
    chat.page.keyboard.press("ArrowLeft")  # there is none before it
    expect(viewer(chat).get_by_role("status").first).to_contain_text("1 of 3")
    chat.page.keyboard.press("ArrowRight")
    expect(viewer(chat).get_by_role("status").first).to_contain_text("2 of 3")
    assert original(chat, 1500).evaluate(SIZE) == [1500, 500]
    chat.page.keyboard.press("End")
    expect(tool(chat, "Next")).to_have_attribute("aria-disabled", "true")
    chat.page.keyboard.press("Home")
    original(chat, 400)
    tool(chat, "Next").press("Enter")
    original(chat, 1500)
    chat.page.keyboard.press("Escape")

    expect(zoom(second)).to_be_focused()
    expect(zoom(third)).not_to_be_focused()


def test_the_whole_picture_and_every_pixel_of_it(chat: Chat) -> None:
    """It fits the window first; wheel, drag, double click, keys and buttons show the rest."""
    zoom(chat.ask("A boat #huge")).click()
    image = original(chat, 2000)
    x, y, width, height = fit = box(image)
    assert min(x, y) >= 0
    assert (x + width, y + height) <= (1280, 800)
    assert width == pytest.approx(1280, abs=1) or height > 690

    chat.page.mouse.move(x + width / 4, y + height / 4)
    chat.page.mouse.wheel(0, -500)
    expect(tool(chat, "Fit")).to_be_enabled()
    left, top, wide, high = box(image)
    assert (left + wide / 4, top + high / 4) == pytest.approx((x + width / 4, y + height / 4), abs=2)
    chat.page.mouse.down()
    chat.page.mouse.move(x + width / 4 - 100, y + height / 4 - 60, steps=4)
    chat.page.mouse.up()
    assert box(image)[:2] == pytest.approx((left - 100, top - 60), abs=2)

    for act, expected in (
        (lambda: chat.page.keyboard.press("1"), 2000),
        (lambda: chat.page.keyboard.press("0"), width),
        (lambda: chat.page.mouse.dblclick(640, 400), 2000),
        (lambda: chat.page.mouse.dblclick(640, 400), width),
        (lambda: tool(chat, "Zoom in").click(), width * 1.5),
        (lambda: chat.page.keyboard.press("-"), width),
        (lambda: [chat.page.keyboard.press("+") for _ in range(12)], 16_000),
        (lambda: tool(chat, "Fit").click(), width),
    ):
        act()
        assert box(image)[2] == pytest.approx(expected, rel=0.002)
    assert box(image) == pytest.approx(fit, abs=1)

    chat.page.keyboard.press("1")
    left = box(image)[0]
    chat.page.keyboard.press("Shift+ArrowRight")
    assert box(image)[0] == pytest.approx(left - 80, abs=1)
    expect(tool(chat, "Actual size, now 100%")).to_be_visible()


def test_by_touch_on_a_phone(open_chat: Callable[..., Chat]) -> None:
    """Pinch, double tap and swipe; 100 % is one pixel of the screen for one of the picture."""
    phone = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
    chat = open_chat(**phone, has_touch=True, is_mobile=True)
    answers = [chat.ask(f"A boat {tag}") for tag in ("#huge", "#wide")]
    zoom(answers[0]).tap()
    image = original(chat, 2000)
    session = chat.page.context.new_cdp_session(chat.page)
    width = box(image)[2]

    touch(session, "touchStart", (180, 400), (210, 400))
    for reach in (30, 60, 90):
        touch(session, "touchMove", (180 - reach, 400), (210 + reach, 400))
    touch(session, "touchEnd")
    assert box(image)[2] == pytest.approx(width * 7, rel=0.05)

    for expected in (width, 1000):  # the whole one, then every pixel of it
        chat.page.touchscreen.tap(195, 400)
        chat.page.touchscreen.tap(195, 400)
        assert box(image)[2] == pytest.approx(expected, rel=0.01)
    expect(tool(chat, "Actual size, now 100%")).to_be_visible()

    tool(chat, "Fit").tap()
    touch(session, "touchStart", (300, 420))
    touch(session, "touchMove", (200, 424))
    touch(session, "touchMove", (120, 428))
    touch(session, "touchEnd")
    original(chat, 1500)
    assert chat.page.evaluate("document.querySelector('.limner-zoom').scrollWidth") <= 390
    chat.page.go_back()

    expect(viewer(chat)).to_be_hidden()
    expect(zoom(answers[1])).to_be_focused()


def test_back_closes_it_and_the_history_stays_as_it_was(chat: Chat) -> None:
    """However it is closed, no entry of it is left; Forward and a reload do not bring back an empty one."""
    answer = chat.ask("A boat")
    address = chat.page.url
    chat.page.evaluate("history.replaceState({ mine: 1 }, '')")
    state = "() => JSON.stringify(history.state)"
    closings: tuple[Callable[[], object], ...] = (
        lambda: chat.page.go_back(),
        lambda: chat.page.keyboard.press("Escape"),
        lambda: tool(chat, "Close").click(),
        lambda: chat.page.mouse.click(20, 100),  # beside the picture
        lambda: (chat.page.reload(), expect(zoom(answer)).to_be_visible()),
    )
    for close in closings:
        zoom(answer).click()
        expect(viewer(chat)).to_be_visible()
        assert (chat.page.evaluate(state), chat.page.url) == ('{"limner":"dialog"}', address)
        close()
        chat.page.wait_for_function("() => history.state?.mine === 1")
        expect(viewer(chat)).to_be_hidden()
        assert chat.page.url == address

    chat.page.go_forward()
    chat.page.wait_for_function("() => history.state?.mine === 1")
    zoom(answer).click()
    again = """button => {
      window.limnerPops = 0;
      window.addEventListener("popstate", () => setTimeout(() => (window.limnerPops += 1)));
      const dialog = document.querySelector(".limner-zoom");
      dialog.addEventListener("close", () => button.click(), { once: true });
      dialog.close();
    }"""
    zoom(answer).evaluate(again)  # before the entry has gone
    chat.page.wait_for_function("() => window.limnerPops === 1")
    chat.page.wait_for_function("() => history.state?.limner === 'dialog'")
    expect(viewer(chat)).to_be_visible()
    chat.page.go_back()
    expect(viewer(chat)).to_be_hidden()


def test_what_cannot_be_loaded_says_so(chat: Chat) -> None:
    """The thumbnail stays, and Try again loads it; what is gone has nothing to try."""
    answer = chat.ask("A boat #wide")
    full = zoom(answer).evaluate(
        "button => ({ ...button.querySelector('img').dataset, ...button.dataset }).full"
    )
    chat.page.route(f"**{full}*", lambda route: route.fulfill(status=502, body="bad gateway"))
    zoom(answer).click()
    expect(viewer(chat).get_by_role("alert")).to_contain_text("could not be loaded")
    chat.page.unroute(f"**{full}*")
    tool(chat, "Try again").click()
    original(chat, 1500)
    expect(viewer(chat).get_by_role("alert")).to_be_empty()
    chat.page.keyboard.press("Escape")
    chat.page.wait_for_function("!history.state")  # closed, it goes back by itself

    chat.reload()
    gone = {"status": 404, "content_type": "application/json", "body": "{}"}
    chat.page.route(f"**{full}*", lambda route: route.fulfill(**gone))
    zoom(answer).click()
    expect(viewer(chat).get_by_role("alert")).to_contain_text("This picture is gone.")
    expect(tool(chat, "Try again")).to_have_count(0)


def test_copy_and_download_inside(chat: Chat) -> None:
    """Both give the original, and what is said is said inside the dialog, where it is heard."""
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=chat.url)
    zoom(chat.ask("A boat #wide #jpeg")).click()
    original(chat, 1500)

    tool(chat, "Copy image").click()
    expect(viewer(chat).get_by_role("status").filter(has_text="Copied.")).to_be_visible()
    copied = """async () => {
      const [item] = await navigator.clipboard.read();
      return (await createImageBitmap(await item.getType("image/png"))).width;
    }"""
    assert chat.page.evaluate(copied) == 1500

    with chat.page.expect_download() as begun:
        viewer(chat).get_by_role("link", name="Download").click()
    assert begun.value.suggested_filename.endswith(".jpg")
    expect(viewer(chat)).to_be_visible()


def test_focus_returns_though_the_message_was_drawn_anew_meanwhile(chat: Chat, gate: Gate) -> None:
    """A version that arrives while the dialog is open costs neither the focus nor the place in the row."""
    gate.open()
    answer = chat.ask(f"A boat {gate.tag}")
    gate.close()
    chat.action(answer, "Regenerate image").click()
    expect(chat.action(answer, "Stop")).to_be_visible()
    zoom(answer).click()
    gate.open()
    expect(answer.locator(".limner-running")).to_have_count(0)

    chat.page.keyboard.press("Escape")

    expect(zoom(answer)).to_be_focused()
