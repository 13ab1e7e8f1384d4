"""Several pictures at once: side by side in one message, each with its own state, seed and fate."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.serving import Serving
from tests.ui.chat import Chat, box, picture_file
from tests.ui.conftest import Gate
from tests.ui.page.test_reuse import use

pytestmark = pytest.mark.browser


def panel(chat: Chat) -> Locator:
    return chat.page.get_by_role("dialog", name="How many")


def choose_count(chat: Chat, count: int, *others: str) -> None:
    """Chooses how many pictures each model makes, and which other models make the same."""
    chat.count.click()
    for other in others:
        panel(chat).get_by_role("checkbox", name=other, exact=True).check()
    panel(chat).get_by_role("radio", name=str(count), exact=True).check()
    chat.page.keyboard.press("Escape")
    expect(chat.count).to_be_focused()


def places(answer: Locator) -> Locator:
    return answer.get_by_role("region", name=re.compile(r"^Picture \d of \d$"))


def seeds(answer: Locator) -> list[int]:
    lines = answer.locator(".limner-details").all_inner_texts()
    return [int(found[1]) for line in lines if (found := re.search(r"seed (\d+)", line))]


def test_each_has_its_own_state_and_stop(chat: Chat, gate: Gate) -> None:
    """One is stopped and the others go on; all are there after a reload, where any can be chosen."""
    choose_count(chat, 3)
    expect(chat.count).to_have_text("How many: × 3")
    answer = chat.send(f"A boat {gate.tag}")
    expect(places(answer)).to_have_count(3)
    expect(answer.locator(".limner-running")).to_have_count(3)
    boxes = [box for place in places(answer).all() if (box := place.bounding_box())]
    assert len({round(box["y"]) for box in boxes}) == 1, "They stand side by side."

    chat.action(places(answer).nth(1), "Stop").click()
    expect(places(answer).nth(1).get_by_role("heading", name="Stopped")).to_be_visible()
    expect(answer.locator(".limner-running")).to_have_count(2)
    gate.open()
    expect(answer.locator("figure img")).to_have_count(2)
    expect(chat.spoken).to_have_text(re.compile("^2 of 3 images are ready: A boat"))
    for place in (0, 2):
        chat.picture(places(answer).nth(place))
    assert len({*seeds(answer)}) == 2
    chat.reload()
    expect(places(answer)).to_have_count(3)
    expect(places(answer).nth(1).get_by_role("heading", name="Stopped")).to_be_visible()
    expect(chat.count).to_have_text("How many: × 3")

    chat.action(places(answer).nth(1), "Try again").click()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    expect(answer.locator("figure img")).to_have_count(1)
    chat.action(answer, "Previous version").click()
    expect(places(answer)).to_have_count(3)
    expect(answer.get_by_text("1 / 2")).to_be_visible()
    chat.action(answer, "Next version").click()
    expect(answer.locator("figure img")).to_have_count(1)


@pytest.mark.parametrize("how", ["the mouse", "the space bar"])
def test_a_press_is_not_lost_if_another_of_them_settles_meanwhile(chat: Chat, gate: Gate, how: str) -> None:
    """The message is drawn again once the button is let go, and not under the finger."""
    choose_count(chat, 3)
    answer = chat.send(f"A boat {gate.tag}")
    expect(answer.locator(".limner-running")).to_have_count(3)
    page, stop = chat.page, chat.action(places(answer).nth(2), "Stop")
    elsewhere = Chat(page.context.new_page(), page.url)
    if how == "the mouse":
        left, top, right, bottom = box(stop)
        page.mouse.move((left + right) / 2, (top + bottom) / 2)
        page.mouse.down()
    else:
        stop.focus()
        page.keyboard.down("Space")

    there = places(elsewhere.answers.first)
    elsewhere.action(there.first, "Stop").click()
    expect(there.first.get_by_role("heading", name="Stopped")).to_be_visible()
    gate.say("In line")  # comes after it
    expect(places(answer).nth(1).locator(".limner-progress")).to_have_text("In line")
    if how == "the mouse":
        page.mouse.up()
    else:
        page.keyboard.up("Space")
    for place in (0, 2):
        expect(places(answer).nth(place).get_by_role("heading", name="Stopped")).to_be_visible()
    gate.open()
    chat.picture(places(answer).nth(1))


@pytest.mark.parametrize("menu", [False, True])
def test_what_settles_under_a_held_button_is_drawn_once_that_is_let_go(
    chat: Chat, gate: Gate, menu: bool
) -> None:
    """A menu that opens meanwhile takes the button's end for itself."""
    answer = chat.send(f"A boat {gate.tag}")
    running = answer.locator(".limner-running")
    expect(running).to_be_visible()
    left, top, right, bottom = box(running.locator(".limner-file"))
    chat.page.mouse.move((left + right) / 2, (top + bottom) / 2)
    chat.page.mouse.down()
    gate.open()
    expect(chat.spoken).to_have_text(re.compile("is ready: A boat"))
    expect(running).to_be_visible()
    if menu:
        running.dispatch_event("contextmenu", {"bubbles": True})
    else:
        chat.page.mouse.up()
    chat.picture(answer)


def test_nothing_moves_while_they_settle(window: Chat, gate: Gate) -> None:
    """Two stand beside two from the start, with the prompt above and room for what is said of each below."""
    look = """answer => [...answer.querySelectorAll("section"), answer].map((part) => {
        const { x, y, width, height } = part.getBoundingClientRect();
        return [x, y, width, height].map(Math.round);
    })"""
    window.choose("Model", "framed")
    choose_count(window, 4)
    answer = window.send(f"A boat {gate.tag}")
    expect(answer.locator(".limner-running")).to_have_count(4)
    expect(window.prompts.first).to_be_in_viewport(ratio=1)
    for card in answer.locator(".limner-running").all():
        assert card.evaluate("card => card.scrollHeight <= card.clientHeight")
    waiting = answer.evaluate(look)
    assert len({x for x, *_ in waiting[:4]}) == len({y for _, y, *_ in waiting[:4]}) == 2
    gate.open()
    expect(answer.locator("figure img")).to_have_count(4)
    assert answer.evaluate(look) == waiting
    several = window.ask("A boat #quota")
    assert len({round(x) for x, *_ in map(box, places(several).all())}) == 2, "Also of cards that failed."


def test_seeds_follow_a_fixed_one(chat: Chat) -> None:
    """Regenerate makes one picture of them again; its version can be left and come back to."""
    chat.options()
    chat.page.get_by_label("Seed", exact=True).fill("41")
    chat.page.keyboard.press("Escape")
    choose_count(chat, 4)
    answer = chat.ask("A boat")
    expect(answer.locator("figure img")).to_have_count(4)
    assert seeds(answer) == [41, 42, 43, 44]
    use(chat, places(answer).nth(2), "Delete this version")
    expect(places(answer)).to_have_count(3)
    assert seeds(answer) == [41, 42, 44]
    chat.page.get_by_role("button", name="Undo").click()
    expect(places(answer)).to_have_count(4)
    use(chat, places(answer).nth(3), "Edit prompt and run again")
    chat.page.get_by_role("button", name="Run again").click()  # paid for once: the same again?
    chat.page.get_by_role("button", name="Same seed").click()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    assert seeds(answer) == [44]


def test_other_models_make_the_same_and_one_may_fail(chat: Chat) -> None:
    """Each failure stands in its place, beside what succeeded."""
    chat.choose("Model", "framed")
    chat.count.click()
    boxes = panel(chat).get_by_role("checkbox")
    panel(chat).get_by_role("checkbox", name="Pair (Retouch)", exact=True).check()
    expect(panel(chat).get_by_role("checkbox", name="Pair (Retouch)", exact=True)).to_be_focused()
    panel(chat).get_by_role("checkbox", name="Few (Choosy)", exact=True).check()
    expect(boxes.and_(chat.page.locator(":not(:checked):enabled"))).to_have_count(0)
    expect(panel(chat).get_by_role("radio", name="2", exact=True)).to_be_disabled()
    expect(panel(chat).get_by_role("checkbox", name=re.compile("OpenAI"))).to_have_count(0)
    chat.page.keyboard.press("Escape")
    expect(chat.count).to_have_text("How many: × 3")
    answer = chat.ask("A boat #quota")
    failed, pair, few = places(answer).all()
    expect(failed.get_by_role("alert")).to_contain_text("The service's own words.")
    expect(pair.locator(".limner-details")).to_contain_text("Retouch · Pair")
    expect(few.locator(".limner-details")).to_contain_text("Choosy · Few")
    chat.picture(pair)
    expect(chat.spoken).to_have_text("2 of 3 images are ready: A boat #quota")


def test_a_model_that_the_pictures_do_not_fit_cannot_be_compared_with(chat: Chat) -> None:
    """It says why; one that was ticked before can be unticked, and Create names it."""
    chat.choose("Provider", "Retouch")
    box = panel(chat).get_by_role("checkbox", name="Single (Retouch)")
    chat.count.click()
    expect(box).to_be_disabled()
    expect(box).to_have_accessible_name("Single (Retouch) needs a picture to go by")
    chat.page.keyboard.press("Escape")
    chat.add(picture_file("red.png", "red"))
    choose_count(chat, 1, "Single (Retouch)")
    chat.page.get_by_role("button", name="Remove image 1").click()
    chat.prompt.fill("A boat")
    chat.create.click()
    sentence = "Single (Retouch) needs a picture to go by: add one, or do not compare with it."
    expect(chat.error).to_have_text(sentence)
    chat.count.click()
    box.uncheck()
    expect(chat.error).to_have_count(0)


def test_what_is_chosen_can_be_told_from_the_rest(chat: Chat) -> None:
    """Gradio's own styles hide a ticked box, and forced colours every other colour and shadow."""
    expect(chat.page.locator("gradio-app #limner")).to_be_attached()
    chat.choose("Model", "framed")
    chat.count.click()
    ticked = panel(chat).get_by_role("checkbox", name="Few (Choosy)", exact=True)
    ticked.check()
    expect(ticked).to_have_css("appearance", "auto")
    expect(ticked).to_have_css("background-image", "none")
    chat.page.emulate_media(forced_colors="active")
    shown = "label => getComputedStyle(label).backgroundColor"
    chosen, other = (panel(chat).locator("label").filter(has_text=re.compile(f"^{n}$")) for n in (1, 2))
    assert chosen.evaluate(shown) != other.evaluate(shown)
    chat.page.keyboard.press("Escape")
    chat.size.click()
    sizes = chat.page.get_by_role("radiogroup", name="Size").locator("label")
    assert sizes.nth(0).evaluate(shown) != sizes.nth(1).evaluate(shown)


@pytest.fixture
def small(serve: Callable[..., Serving], with_shapes: dict[str, str], page: Page) -> Chat:
    """Returns a server that makes two pictures at once, and three a day."""
    limits = {"LIMNER_MAX_IN_FLIGHT": "2", "LIMNER_RATE_LIMIT": "3/day"}
    return Chat(page, serve(**with_shapes | limits).url)


def test_limits_refuse_all_or_none(small: Chat) -> None:
    """The prompt and the choices stay for another try with fewer, and nothing has been counted."""
    choose_count(small, 3)
    small.prompt.fill("A boat")
    small.create.click()
    expect(small.error).to_have_text("2 of your pictures can be made at once, not 3: ask for fewer.")
    expect(small.prompt).to_have_value("A boat")
    expect(small.answers).to_have_count(0)
    expect(small.count).to_have_text("How many: × 3")
    choose_count(small, 2)
    small.create.click()
    expect(small.answers.locator("figure img")).to_have_count(2)
    small.prompt.fill("A fox")
    small.create.click()
    expect(small.error).to_contain_text(re.compile("reached the limit.*or ask for fewer at once"))
    expect(small.prompt).to_have_value("A fox")
    choose_count(small, 1)
    small.create.click()
    expect(small.answers).to_have_count(2)
    small.picture(small.answers.last)
