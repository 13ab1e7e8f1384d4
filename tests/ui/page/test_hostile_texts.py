"""Texts of persons, services and plugins stay text, wherever they are shown."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.serving import Serving
from tests.ui.chat import Chat
from tests.ui.conftest import SHAPES, Gate

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def nasty() -> str:
    """Returns the text that the hostile provider puts everywhere."""
    sys.path.insert(0, str(SHAPES))
    try:
        return importlib.import_module("limner_shapes.hostile").NASTY
    finally:
        sys.path.remove(str(SHAPES))


def unharmed(page: Page) -> None:
    """Nothing of the text has run or become an element."""
    assert page.evaluate("typeof hacked") == "undefined"
    markup = "img[src=x], a[href=x], strong, i, [onerror], [href^=javascript], .limner-asked b, option *"
    expect(page.locator(markup)).to_have_count(0)


def test_a_hostile_prompt(chat: Chat, nasty: str) -> None:
    """C4, R8: literal in the bubble, the alt text and the zoomed picture, and after a reload."""
    prompt = f"{nasty}\n  second line <script>hacked=4</script> &lt;"
    answer = chat.ask(prompt)
    for _ in range(2):
        assert chat.prompts.first.evaluate("p => p.textContent") == prompt
        expect(chat.picture(answer)).to_have_attribute("alt", prompt)
        unharmed(chat.page)
        chat.reload()

    answer.get_by_title("Zoom").click()

    expect(chat.page.get_by_role("dialog").get_by_role("img")).to_have_attribute("alt", prompt)
    unharmed(chat.page)


def test_a_hostile_prompt_that_is_edited(chat: Chat, nasty: str) -> None:
    """G9: from the error card back into the box, letter by letter."""
    answer = chat.ask(f"{nasty} #filtered")

    chat.action(answer, "Edit in composer").click()

    expect(chat.prompt).to_have_value(f"{nasty} #filtered")
    unharmed(chat.page)


def test_a_hostile_provider(chat: Chat, nasty: str, gate: Gate) -> None:
    """R9, G5: its label, models, options, progress, revised prompt, warnings and errors."""
    chat.choose("Provider", nasty[:80])
    page = chat.page
    expect(page.locator("#limner-about")).to_have_text(nasty)
    expect(chat.provider.locator(":checked")).to_have_text(nasty[:80])
    expect(chat.model).to_have_value(f"model {nasty}")
    chat.options()
    chat.choose(f"title {nasty}", nasty)
    expect(page.get_by_label(f"words {nasty}", exact=True)).to_be_visible()
    expect(page.get_by_role("dialog", name="Options")).to_contain_text(f"description {nasty}")

    answer = chat.send(f"A boat #{gate.file.name}")
    expect(answer.get_by_text("at gate-").or_(answer.get_by_text("progress"))).to_be_visible()
    gate.open()
    expect(answer.locator("figcaption")).to_contain_text(f"used {nasty}")
    expect(answer.locator("figcaption")).to_contain_text(f"Revised prompt: revised {nasty}")
    expect(answer.locator("figcaption")).to_contain_text(f"Feature {nasty}: details {nasty}")
    expect(chat.ask("#failed").get_by_role("alert")).to_contain_text(f"failure {nasty}")
    expect(chat.ask("#filtered").get_by_role("alert")).to_contain_text(f"refusal {nasty}")
    unharmed(page)


def test_a_hostile_word_in_the_composers_error(chat: Chat, nasty: str) -> None:
    """R5: the error line repeats what was typed, as text."""
    chat.options()
    chat.page.get_by_label("Seed").fill("<b>${1}")
    chat.prompt.fill("A boat")

    chat.create.click()

    expect(chat.error).to_contain_text("The seed '<b>${1}' is not a whole number")
    unharmed(chat.page)


def test_a_hostile_banner(serve: Callable[..., Serving], with_shapes: dict[str, str], page: Page) -> None:
    """G13: what the owner is told of a provider that is broken, with its name; the others work."""
    label = "<img src=x onerror=hacked=1>${hacked=2}{{hacked}}"
    settings = with_shapes | {
        "LIMNER_PROVIDER": "mine",
        "LIMNER_PROVIDERS": '{"mine": {"uses": "' + label + '"}}',
    }
    chat = Chat(page, serve(**settings).url)

    expect(page.locator("#limner-banner")).to_contain_text("The default provider mine cannot be used.")
    expect(page.locator("#limner-banner")).to_contain_text(label)
    unharmed(page)
    chat.picture(chat.ask("A boat"))
