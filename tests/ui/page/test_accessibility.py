"""What axe finds in each state of the page; nothing is cut where it is narrow, enlarged or right to left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.serving import Serving
from tests.ui.axe import PLACES, clipped, overlapping, violations
from tests.ui.chat import Chat, box, picture_file
from tests.ui.conftest import Gate
from tests.ui.page.test_conversations import act
from tests.ui.page.test_mask import Marking
from tests.ui.page.test_reuse import use
from tests.ui.page.test_several import choose_count

pytestmark = pytest.mark.browser


class Looks(Chat):
    """A page at which axe looks in each state; the test ends with all that it found."""

    def __init__(self, page: Page, url: str) -> None:
        super().__init__(page, url)
        self.found: list[str] = []

    def look(self, state: str) -> None:
        self.found += [f"{state}: {found}" for found in violations(self.page)]
        if self.page.viewport_size == PLACES["phone"]:
            self.narrow(state)

    def narrow(self, state: str) -> None:
        """Looks at the state in the narrowest windows, written from left to right and from right to left."""
        for direction in ("ltr", "rtl"):
            self.page.evaluate("direction => document.documentElement.dir = direction", direction)
            for height in (640, 200):
                self.page.set_viewport_size({"width": 320, "height": height})
                self.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
                place = f"{state}, {direction}, 320 × {height}"
                self.found += [f"{place}, clipped: {found}" for found in clipped(self.page)]
                if height == 640:
                    self.found += [f"{place}, overlap: {found}" for found in overlapping(self.page)]
        self.page.evaluate("document.documentElement.dir = 'ltr'")
        self.page.set_viewport_size(PLACES["phone"])

    def close(self) -> None:
        self.page.keyboard.press("Escape")
        expect(self.page.locator("dialog[open], :popover-open")).to_have_count(0)


@pytest.fixture(params=PLACES)
def looks(app: Serving, page: Page, request: pytest.FixtureRequest) -> Iterator[Looks]:
    page.set_viewport_size(PLACES[request.param])
    page.emulate_media(reduced_motion="reduce")
    looks = Looks(page, app.url)
    yield looks
    assert looks.found == [], "\n".join(looks.found)


def test_the_composer(looks: Looks) -> None:
    page = looks.page
    looks.look("empty")
    looks.add(picture_file("red.png", "red"))
    looks.prompt.fill("A fox")
    looks.create.click()
    expect(looks.error).to_contain_text("takes words only")
    looks.found += [f"a picture that cannot go in: {found}" for found in violations(page)]
    page.get_by_role("button", name="Remove image 1").click()
    looks.choose("Provider", "Choosy")
    looks.prompt.fill("A boat")
    looks.options()
    page.get_by_role("textbox", name="Count", exact=True).fill("many")
    looks.look("options")
    looks.close()
    looks.create.click()
    expect(looks.error).to_be_visible()
    looks.look("a wrong option")
    looks.close()
    looks.choose("Provider", "Retouch")
    looks.size.click()
    looks.look("sizes")
    looks.close()
    looks.count.click()
    looks.look("how many")
    looks.close()
    Marking(looks).open()
    looks.look("marking an area")
    looks.close()
    no_picture: FilePayload = {"name": "notes.png", "mimeType": "image/png", "buffer": b"notes"}
    page.locator("#limner-add input").set_input_files(no_picture)
    expect(looks.failures.get_by_role("alert")).to_be_visible()
    looks.look("pictures to go in, one of which is none")


def test_who_pays(looks: Looks) -> None:
    page = looks.page
    account = {"signIn": True, "user": None}
    page.route("**/limner/account", lambda route: route.fulfill(json=account))
    looks.open()
    expect(page.get_by_role("link", name="Sign in with Hugging Face")).to_be_visible()
    looks.choose("Provider", "OpenAI")
    looks.look("a key is needed")
    page.get_by_role("button", name="Enter a key").click()
    page.get_by_role("button", name="Use this key").click()
    looks.look("a key that is none")
    page.get_by_label("API key").fill("key-of-the-visitor")
    page.get_by_label("API key").press("Enter")
    looks.look("a key that is used")
    account["user"] = {"name": "a-visitor-of-a-long-name"}
    looks.reload()
    page.get_by_role("button", name="a-visitor-of-a-long-name").click()
    looks.look("the menu of the account")
    looks.close()


def test_the_answers(looks: Looks, gate: Gate) -> None:
    page = looks.page
    gate.say("40 % drawn")
    answer = looks.send(f"A boat {gate.tag}")
    expect(answer.get_by_role("progressbar")).to_be_visible()
    looks.look("running")
    looks.action(answer, "Stop").click()
    expect(answer.get_by_role("heading", name="Stopped")).to_be_visible()
    looks.look("stopped")
    gate.open()
    looks.action(answer, "Try again").click()
    looks.picture(answer)
    looks.ask("A boat #quota")
    looks.ask("Something forbidden #filtered")
    looks.look("a failure and a refusal")
    choose_count(looks, 3)
    several = looks.ask("قارب صغير في الميناء #revised #warned")
    expect(several.locator("figure img")).to_have_count(3)
    choose_count(looks, 1)
    looks.look("several side by side")
    answer = looks.ask("A boat #transparent")
    looks.action(answer, "Regenerate image").click()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    looks.look("a picture with versions")
    looks.action(answer, "More").click()
    looks.look("the menu of a picture")
    looks.close()
    use(looks, answer, "Details")
    expect(page.get_by_role("dialog", name="Details")).to_be_visible()
    looks.look("details")
    looks.close()
    answer.get_by_title("Zoom").click()
    expect(page.get_by_role("dialog", name="Picture in full size")).to_be_visible()
    looks.look("zoom")
    looks.close()
    use(looks, answer, "Edit prompt and run again")
    expect(page.get_by_role("button", name="Run again")).to_be_visible()
    looks.look("editing a prompt")


def test_the_conversations(looks: Looks) -> None:
    page, is_drawer = looks.page, looks.page.viewport_size == PLACES["phone"]

    def show_list() -> None:
        if is_drawer and not page.locator("dialog[open]").count():
            page.get_by_role("button", name="Conversations").click()

    looks.picture(looks.ask("A boat"))
    page.get_by_role("link", name="New conversation").last.click()
    expect(looks.answers).to_have_count(0)
    looks.picture(looks.ask("A fox"))
    address = page.url
    page.get_by_role("button", name="Conversation menu").click()
    looks.look("the menu of the conversation")
    looks.close()
    show_list()
    page.get_by_role("button", name="More for A fox").click()
    looks.look("the list, and the menu of one of them")
    page.get_by_role("menuitem", name="Rename").click()
    looks.look("renaming one")
    page.get_by_label("Title").press("Escape")
    show_list()
    act(page, "A fox", "Delete")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    looks.look("one that can be had back")
    page.goto(address)
    expect(page.get_by_role("heading", name="This conversation is not here.")).to_be_visible()
    looks.look("one that is not here")


def test_all_of_the_composer_is_in_view_on_a_phone(chat: Chat) -> None:
    """No choice has to be scrolled to, at usual and at double size; a list is as wide as what it says."""
    chat.page.set_viewport_size(PLACES["phone"])
    chat.choose("Provider", "Choosy")
    left, _, right, _ = box(chat.provider)
    assert right - left < 110
    for zoom in ("1", "2"):
        chat.page.evaluate("zoom => document.querySelector('#limner-composer').style.zoom = zoom", zoom)
        for choice in chat.page.locator(".limner-strip > :visible").all():
            expect(choice).to_be_in_viewport(ratio=1)


def test_nothing_moves_where_less_motion_is_wished(chat: Chat, gate: Gate) -> None:
    """What waits fades and does not turn; the sheen of its card and the drawer stand still."""
    moves = """() => document.getAnimations().filter(({ playState }) => playState === "running")
        .map(({ animationName, effect }) => [animationName, effect.getTiming().duration])"""
    chat.page.set_viewport_size(PLACES["phone"])
    gate.open()
    answer = chat.ask(f"A boat {gate.tag}")
    gate.close()
    chat.action(answer, "Regenerate image").click()
    expect(answer.locator(".limner-again")).to_be_visible()
    seen = {(name, duration) for name, duration in chat.page.evaluate(moves)}
    assert seen == {("limner-turn", 900), ("limner-turn", 1000), ("limner-sheen", 3000)}
    chat.page.emulate_media(reduced_motion="reduce")
    seen = {(name, duration) for name, duration in chat.page.evaluate(moves)}
    assert seen == {("limner-fade", 2000)}
    chat.page.get_by_role("button", name="Conversations").click()
    assert {name for name, _ in chat.page.evaluate(moves)} == {"limner-fade"}
