"""A key of the visitor's own: entered in the page, sent with what it pays for, and kept by nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.serving import Serving
from tests.ui.chat import Chat, overlap
from tests.ui.conftest import WINDOWS
from tests.ui.page.test_reuse import use
from tests.ui.page.test_several import choose_count
from tests.warm_serving import WarmServing

pytestmark = pytest.mark.browser

FROM_ELSEWHERE = {"X-Forwarded-For": "203.0.113.9"}
KEY, OTHER_KEY = "key-of-the-visitor-0123456789", "another-key-9876543210"
PLUGIN = """
import hashlib

from limner import Credential, ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl
from limner_shapes.shapes import picture

CREDENTIALS = {
    "keyed": Credential(variable="KEYED_API_KEY", url="https://keyed.example/keys"),
    "paired": Credential(variable="PAIR_ID", others=["PAIR_SECRET"], optional_others=["PAIR_REGION"]),
}
NAME = __name__.removeprefix("limner_")


@hookimpl
def describe() -> ProviderInfo:
    models = [ModelInfo(id="one", label=f"{NAME} one".capitalize(), prices="0.04 USD")]
    return ProviderInfo(label=NAME.title(), models=models, paid=True, credential=CREDENTIALS[NAME])


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    parts = [f"{name} {part.get_secret_value()}" for name, part in sorted(request.credentials.items())]
    used = hashlib.sha256(", ".join(parts).encode()).hexdigest()
    return ImageResult(picture(set(), 0), revised_prompt=used)
"""


def digest(**parts: str) -> str:
    """Returns what stands beside a picture that was made with these parts of a key."""
    return hashlib.sha256(
        ", ".join(f"{name} {part}" for name, part in sorted(parts.items())).encode()
    ).hexdigest()


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, with_shapes: dict[str, str]) -> Iterator[Serving]:
    """Starts an app with two providers that need a key, which the server has not."""
    site = tmp_path_factory.mktemp("keyed")
    for name in ("keyed", "paired"):
        (site / f"limner_{name}.py").write_text(PLUGIN, "utf-8")
        installed = site / f"limner_{name}-0.1.0.dist-info"
        installed.mkdir()
        (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: limner-{name}\nVersion: 0.1.0\n")
        (installed / "entry_points.txt").write_text(f"[limner]\n{name} = limner_{name}\n")
    path = f"{with_shapes['PYTHONPATH']}:{site}"
    variables = {
        **with_shapes,
        "PYTHONPATH": path,
        "LIMNER_PROVIDER": "keyed",
        "LIMNER_BLOCK_PLUGINS": "hostile,choosy,retouch",
        "LIMNER_DATA_DIR": str(site / "data"),
    }
    serving = WarmServing(site, variables)
    yield serving
    serving.stop()


@pytest.fixture
def guest(keyed: Serving, page: Page) -> Iterator[Chat]:
    """Returns the page as somebody sees it who has never been there, and is not the owner."""
    page.context.set_extra_http_headers(FROM_ELSEWHERE)
    yield Chat(page, keyed.url)
    page.context.set_extra_http_headers({})


def about(chat: Chat) -> Locator:
    return chat.page.locator("#limner-about")


def panel(chat: Chat) -> Locator:
    return chat.page.get_by_role("dialog", name="Your own key")


def enter(chat: Chat, **parts: str) -> None:
    """Enters a key for the chosen provider: its parts by their labels."""
    chat.page.get_by_role("button", name="Enter a key").click()
    for label, value in (parts or {"API key": KEY}).items():
        panel(chat).get_by_label(label.replace("_", " ")).fill(value)
    panel(chat).get_by_role("button", name="Use this key").click()
    expect(panel(chat)).to_be_hidden()


def posted(chat: Chat) -> list[dict[str, Any]]:
    """Returns the bodies of what the page posts from now on, but for what asks for a price."""
    bodies: list[dict[str, Any]] = []

    def note(request: Request) -> None:
        if request.method == "POST" and not request.url.endswith("/price"):
            bodies.append(request.post_data_json or {})

    chat.page.on("request", note)
    return bodies


def everything(chat: Chat) -> str:
    """Returns all that the page has written: storage, document, fields, address, history, cookies."""
    look = """() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href, history.state,
        document.cookie, document.documentElement.outerHTML,
        ...[...document.querySelectorAll("input, textarea, select")].map(({ value }) => value)])"""
    return chat.page.evaluate(look) + json.dumps(chat.page.context.cookies())


def test_a_key_is_sent_with_each_picture_that_it_pays_for(guest: Chat) -> None:
    bodies = posted(guest)
    enter(guest)
    answer = guest.ask("A boat")
    expect(answer).to_contain_text(digest(KEYED_API_KEY=KEY))
    guest.action(answer, "Regenerate image").click()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    expect(answer).to_contain_text(digest(KEYED_API_KEY=KEY))
    use(guest, answer, "Edit prompt and run again")
    guest.page.get_by_label("Prompt of this message").press("Enter")
    expect(answer.get_by_text("3 / 3")).to_be_visible()
    keys = {"keyed": {"KEYED_API_KEY": KEY}}
    assert [body.get("keys") for body in bodies] == [keys, keys, keys]
    assert bodies[1] == {"keys": keys}


def test_no_other_provider_gets_it(guest: Chat) -> None:
    bodies = posted(guest)
    enter(guest)
    guest.choose("Provider", "Shapes")
    guest.ask("A boat")
    guest.choose("Provider", "Paired")
    enter(guest, Pair_id="id-of-the-visitor", Pair_secret="secret-of-the-visitor")
    expect(guest.ask("A fox")).to_contain_text(
        digest(PAIR_ID="id-of-the-visitor", PAIR_SECRET="secret-of-the-visitor")
    )
    pair = {"paired": {"PAIR_ID": "id-of-the-visitor", "PAIR_SECRET": "secret-of-the-visitor"}}
    assert [body.get("keys") for body in bodies] == [None, pair]


def test_models_that_a_key_opens_can_be_compared_with(guest: Chat) -> None:
    """Each with its own key."""
    guest.count.click()
    others = guest.page.get_by_role("group", name="Compare with")
    expect(others.get_by_role("checkbox", name="Sketch")).to_be_visible()
    expect(others.get_by_role("checkbox", name="Paired one (Paired)")).to_have_count(0)
    hint = guest.page.get_by_text("Enter a key to compare with other providers: choose one of them first.")
    expect(hint).to_be_visible()
    guest.page.keyboard.press("Escape")
    enter(guest)
    guest.choose("Provider", "Paired")
    enter(
        guest,
        Pair_id="id-of-the-visitor",
        Pair_secret="secret-of-the-visitor",
        Pair_region="region-of-the-visitor",
    )
    guest.count.click()
    expect(others.get_by_role("checkbox", name="Keyed one (Keyed)")).to_be_visible()
    expect(hint).to_have_count(0)
    guest.page.keyboard.press("Escape")
    choose_count(guest, 1, "Keyed one (Keyed)")
    bodies = posted(guest)
    answer = guest.ask("A boat")
    expect(answer).to_contain_text(digest(KEYED_API_KEY=KEY))
    expect(answer).to_contain_text(
        digest(
            PAIR_ID="id-of-the-visitor",
            PAIR_REGION="region-of-the-visitor",
            PAIR_SECRET="secret-of-the-visitor",
        )
    )
    assert set(bodies[0]["keys"]) == {"keyed", "paired"}


def test_it_is_written_nowhere(guest: Chat) -> None:
    """Not when the panel is closed, nor while it is on its way, nor after, nor if it has to be sent again."""
    guest.page.get_by_role("button", name="Enter a key").click()
    panel(guest).get_by_label("API key").fill(OTHER_KEY)
    guest.page.keyboard.press("Escape")
    expect(panel(guest)).to_be_hidden()
    assert OTHER_KEY not in everything(guest)
    enter(guest)
    assert KEY not in everything(guest)
    held: list[Route] = []
    guest.page.route("**/messages", lambda route: held.append(route))
    guest.prompt.fill("A boat")
    guest.create.click()
    expect(guest.page.get_by_text("Sending…")).to_be_visible()
    assert "A boat" in everything(guest)
    assert KEY not in everything(guest)
    held[0].continue_()
    guest.page.unroute("**/messages")
    expect(guest.answers).to_contain_text(digest(KEYED_API_KEY=KEY))
    use(guest, guest.answers.first, "Details")
    assert KEY not in everything(guest)
    guest.page.keyboard.press("Escape")
    guest.page.route("**/messages", lambda route: route.abort())
    guest.prompt.fill("A fox")
    guest.create.click()
    expect(guest.error).to_contain_text("cannot be reached")
    assert KEY not in everything(guest)
    guest.page.unroute("**/messages")
    with guest.page.expect_request("**/messages") as again:
        guest.create.click()
    assert (again.value.post_data_json or {})["keys"] == {"keyed": {"KEYED_API_KEY": KEY}}


def test_it_is_forgotten(guest: Chat) -> None:
    """By the button, when the page is left or reloaded; another tab never has it."""
    page = guest.page
    refusal = json.dumps({"error": "Not now."})
    page.context.route("**/messages", lambda route: route.fulfill(status=429, body=refusal))
    for how in ("forget", "leave", "reload", "another tab"):
        enter(guest)
        expect(about(guest)).to_contain_text("Your own key is used, until you close or reload this page.")
        if how == "forget":
            page.get_by_role("button", name="Forget it").click()
            expect(guest.spoken).to_have_text("Your key for Keyed is forgotten.")
            expect(page.get_by_role("button", name="Enter a key")).to_be_focused()
        elif how == "leave":  # as a browser tells of it that keeps the page, and comes back to it
            page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
            page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        elif how == "reload":
            guest.reload()
        else:
            guest = Chat(page.context.new_page(), page.url)
        expect(about(guest)).to_contain_text(
            "Keyed needs a key of your own: without one, Sketch makes the picture."
        )
        guest.prompt.fill("A fox")
        with guest.page.expect_request("**/messages") as sent:
            guest.create.click()
        body = sent.value.post_data_json or {}
        assert body["prompt"] == "A fox"
        assert "keys" not in body, how
    guest.page.context.unroute("**/messages")
    expect(guest.ask("A fox")).to_contain_text("Sketch made this instead")


def test_it_can_be_changed(guest: Chat) -> None:
    enter(guest)
    guest.page.get_by_role("button", name="Change it").click()
    expect(panel(guest).get_by_label("API key")).to_have_value("")
    panel(guest).get_by_label("API key").fill(OTHER_KEY)
    panel(guest).get_by_label("API key").press("Enter")
    expect(guest.ask("A boat")).to_contain_text(digest(KEYED_API_KEY=OTHER_KEY))


def test_what_is_no_key_is_not_taken(guest: Chat) -> None:
    guest.choose("Provider", "Paired")
    guest.page.get_by_role("button", name="Enter a key").click()
    first, second, third = (
        panel(guest).get_by_label(label) for label in ("Pair id", "Pair secret", "Pair region")
    )
    expect(third).to_have_accessible_name("Pair region (optional)")
    first.fill(" id-of-the-visitor ")
    first.press("Enter")
    expect(second).to_be_focused()
    expect(second).to_have_attribute("aria-invalid", "true")
    expect(panel(guest)).to_contain_text("Enter the key.")
    for wrong in ("two words", "ключ"):
        second.fill(wrong)
        expect(panel(guest)).not_to_contain_text("Enter the key.")
        panel(guest).get_by_role("button", name="Use this key").click()
        expect(guest.spoken).to_have_text(
            "This is not a key: it has a space, or a character that keys do not have."
        )
        expect(second).to_be_focused()
    second.fill("secret-of-the-visitor")
    second.press("Enter")
    expect(panel(guest)).to_be_hidden()
    expect(guest.ask("A boat")).to_contain_text(
        digest(PAIR_ID="id-of-the-visitor", PAIR_SECRET="secret-of-the-visitor")
    )


def test_by_keyboard_alone(guest: Chat) -> None:
    keyboard, button = guest.page.keyboard, guest.page.get_by_role("button", name="Enter a key")
    button.focus()
    keyboard.press("Enter")
    expect(panel(guest).get_by_label("API key")).to_be_focused()
    keyboard.press("Escape")
    expect(panel(guest)).to_be_hidden()
    expect(button).to_be_focused()
    keyboard.press("Space")
    keyboard.type(KEY)
    keyboard.press("Tab")
    expect(panel(guest).get_by_role("button", name="Use this key")).to_be_focused()
    keyboard.press("Tab")
    expect(panel(guest).get_by_role("link", name="Get a key")).to_be_focused()
    keyboard.press("Shift+Tab")
    keyboard.press("Enter")
    expect(guest.spoken).to_have_text("Your own key is used for Keyed.")
    expect(guest.page.get_by_role("button", name="Change it")).to_be_focused()
    keyboard.press("Tab")
    expect(guest.page.get_by_role("button", name="Forget it")).to_be_focused()


def test_the_field_is_for_a_secret_that_no_password_manager_saves(guest: Chat) -> None:
    """Its panel covers no composer, in a window of any size."""
    guest.page.get_by_role("button", name="Enter a key").click()
    field = panel(guest).get_by_label("API key")
    for name, value in {"type": "password", "autocomplete": "off", "spellcheck": "false"}.items():
        expect(field).to_have_attribute(name, value)
    assert field.evaluate("field => field.form") is None
    expect(panel(guest)).to_contain_text(
        "Kept by this page until you close or reload it. It is sent with each picture, and stored nowhere."
    )
    link = panel(guest).get_by_role("link", name="Get a key")
    expect(link).to_have_attribute("href", "https://keyed.example/keys")
    for width, height in WINDOWS.values():
        guest.page.keyboard.press("Escape")
        guest.page.set_viewport_size({"width": width, "height": height})
        guest.page.get_by_role("button", name="Enter a key").click()
        expect(panel(guest)).to_be_in_viewport(ratio=1)
        assert not overlap(panel(guest), guest.prompt)


def test_the_list_of_providers_says_who_needs_one(guest: Chat) -> None:
    entry = guest.provider.locator("option", has_text="Keyed")
    expect(entry).to_have_text("Keyed · needs a key")
    expect(guest.page.locator("#limner-price")).to_be_hidden()
    enter(guest)
    expect(entry).to_have_text("Keyed")
    expect(guest.page.locator("#limner-price")).to_have_text("0.04 USD")
    guest.page.get_by_role("button", name="Forget it").click()
    expect(entry).to_have_text("Keyed · needs a key")


def test_the_owner_reads_what_to_set_as_well(keyed: Serving, page: Page) -> None:
    owner = Chat(page, keyed.url)
    expect(about(owner)).to_contain_text("Keyed needs a key: set KEYED_API_KEY and start Limner again.")
    expect(page.get_by_role("link", name="Get a key")).to_be_visible()
    enter(owner)
    expect(owner.ask("A boat")).to_contain_text(digest(KEYED_API_KEY=KEY))


def test_where_the_owner_pays_a_key_is_offered_quietly(
    serve: Callable[..., Serving], with_shapes: dict[str, str], page: Page
) -> None:
    variables = {
        **with_shapes,
        "LIMNER_PROVIDER": "openai",
        "OPENAI_API_KEY": "key-of-the-owner",
        "LIMNER_BUDGET": "9/day",
    }
    chat = Chat(page, serve(**variables).url)
    for headers, count in (({}, 0), (FROM_ELSEWHERE, 1)):
        page.set_extra_http_headers(headers)
        page.context.clear_cookies()
        chat.reload()
        expect(chat.provider.locator("option:checked")).to_have_text("OpenAI")
        expect(about(chat)).not_to_contain_class("limner-warning")
        expect(page.get_by_role("button", name="Use your own key")).to_have_count(count)
