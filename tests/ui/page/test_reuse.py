"""The menu of a picture: everything about it can be used again, by mouse and by keyboard alone."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from tests.ui.chat import Chat, seed

pytestmark = pytest.mark.browser


def more(answer: Locator) -> Locator:
    return answer.get_by_role("button", name="More", exact=True).first


def use(chat: Chat, answer: Locator, item: str) -> None:
    more(answer).click()
    chat.page.get_by_role("menuitem", name=item, exact=True).click()


def told(chat: Chat, sentence: str) -> Locator:
    """Returns the sentence that everybody sees for a while."""
    toast = chat.page.get_by_role("list", name="Messages").get_by_role("listitem").filter(has_text=sentence)
    expect(toast).to_be_visible()
    return toast


def details(answer: Locator) -> Locator:
    return answer.locator(".limner-details")


def choose_many(chat: Chat) -> None:
    """Chooses the provider that says which options it was given, and one of each kind."""
    chat.choose("Provider", "Choosy")
    chat.options()
    panel = chat.page.get_by_role("dialog", name="Options")
    panel.get_by_label("Seed", exact=True).fill("5")
    panel.get_by_label("Leave out").fill("fog")
    panel.get_by_role("textbox", name="Count", exact=True).fill("7")
    panel.get_by_role("switch", name="Fast", exact=True).uncheck()
    panel.get_by_label("Level", exact=True).select_option("low")
    panel.get_by_label("Maybe fast").select_option("No")
    panel.get_by_label("List", exact=True).fill("[3]")
    chat.page.keyboard.press("Escape")


GIVEN = {"count": "7", "fast": "false", "level": '"low"', "maybe_fast": "false", "list": "[3]"}


def expect_given(answer: Locator) -> None:
    expect(details(answer)).to_contain_text("Choosy · Many · 320 × 240 · seed 5")
    for name, value in GIVEN.items():
        expect(answer.get_by_text("Options: {")).to_contain_text(f'"{name}":{value}')


def test_the_prompt_is_edited_and_run_again_by_keyboard(chat: Chat) -> None:
    """Both stay as versions, each under its own prompt; a draft is left alone, and no focus is lost."""
    page, press = chat.page, chat.page.keyboard.press
    answer = chat.ask("A boat")
    chat.prompt.fill("A draft")
    items = page.get_by_role("menu").get_by_role("menuitem")
    more(answer).focus()
    press("Enter")
    expect(items.first).to_be_focused()
    press("ArrowUp")
    expect(items.last).to_be_focused()
    press("ArrowDown")
    expect(items.first).to_be_focused()
    press("End")
    press("ArrowUp")
    press("ArrowDown")
    expect(items.last).to_have_text("Delete this message")
    expect(items.last).to_be_focused()
    for name in ("Details", "Download with details", "Delete this message", "Details"):
        press("d")
        expect(page.get_by_role("menuitem", name=name, exact=True)).to_be_focused()
    press("Home")
    expect(items.first).to_be_focused()
    press("Escape")
    expect(items.first).to_be_hidden()
    expect(more(answer)).to_be_focused()
    expect(more(answer)).to_have_attribute("aria-expanded", "false")

    editor = page.get_by_label("Prompt of this message")
    for closes in ("Escape", "Enter"):
        press("Enter")
        press("Enter")
        expect(editor).to_be_focused()
        expect(editor).to_have_value("A boat")
        editor.fill("A <i>ship</i>")
        press(closes)
        expect(editor).to_have_count(0)
        expect(more(answer)).to_be_focused()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    expect(chat.prompts).to_have_text("A <i>ship</i>")
    expect(chat.prompt).to_have_value("A draft")
    page.reload()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    chat.action(answer, "Previous version").click()
    expect(chat.prompts).to_have_text("A boat")
    chat.picture(answer)


def test_a_prompt_is_edited_in_view(window: Chat) -> None:
    """Also a long one, within a box that scrolls, while the end of the thread is followed."""
    for prompt in ("A boat #tall", "A boat by the harbour, " * 300):
        answer = window.ask(prompt)
        window.picture(answer)
        use(window, answer, "Edit prompt and run again")
        window.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        expect(window.page.locator(".limner-edit")).to_be_in_viewport(ratio=1)
        window.page.get_by_role("button", name="Cancel").click()


def test_what_is_run_again_keeps_its_choices(chat: Chat) -> None:
    """Also its options, whatever the composer says by now; a picture that would cost again is asked about."""
    choose_many(chat)
    answer = chat.ask("A boat")
    expect_given(answer)
    chat.choose("Provider", "Shapes")
    use(chat, answer, "Edit prompt and run again")
    chat.page.get_by_label("Prompt of this message").fill("A ship")
    chat.page.get_by_role("button", name="Run again").click()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    expect_given(answer)

    use(chat, answer, "Use this seed")
    told(chat, "Seed 5 is set in Options.")
    for state, question in (("3 / 3", 0), ("4 / 4", 1)):
        use(chat, answer, "Regenerate with Shapes · Shapes One")
        dialog = chat.page.get_by_role("dialog", name="The same picture again?")
        if question:
            dialog.get_by_role("button", name="New seed").click()
        expect(answer.get_by_text(state)).to_be_visible()
        expect(details(answer)).to_contain_text("Shapes · Shapes One")
        assert (seed(answer) == 5) is not bool(question)
        expect(dialog).to_have_count(0)
    expect(chat.prompts).to_have_text("A ship")


def test_its_settings_are_used_again(chat: Chat) -> None:
    """All of them, and no others; the next picture is asked for in the same way."""
    page = chat.page
    choose_many(chat)
    first = chat.ask("A boat")
    chat.options()
    page.get_by_role("button", name="Reset all").click()
    page.get_by_role("textbox", name="Text", exact=True).fill("fancy")
    page.keyboard.press("Escape")
    chat.choose("Model", "Few")
    chat.choose("Provider", "Shapes")
    use(chat, first, "Use these settings")
    told(chat, "The composer has the settings of this picture.")
    expect(chat.provider).to_have_value("choosy")
    expect(chat.model).to_have_value("many")
    expect(page.get_by_role("button", name="Options")).to_have_text("Options7")
    for _ in range(2):
        second = chat.ask("A fox")
        expect_given(second)
        expect(second.get_by_text("Options: {")).not_to_contain_text('"text"')
        chat.reload()  # they are remembered
    use(chat, chat.answers.last, "Details")
    expect(page.get_by_role("dialog", name="Details")).to_contain_text("fog")


def test_a_picture_from_a_file_is_made_again(chat: Chat) -> None:
    """By the prompt and choices in the file: it does not go in itself, and the draft can be had back."""
    chat.choose("Provider", "Sketch")
    answer = chat.ask("A boat")
    more(answer).click()
    with chat.page.expect_download() as begun:
        chat.page.get_by_role("menuitem", name="Download with details").click()
    chat.prompt.fill("Half a fox")
    data = Path(begun.value.path()).read_bytes()
    chat.add({"name": "boat.png", "mimeType": "image/png", "buffer": data})

    told(chat, "how it was made").get_by_role("button", name="Use its settings").click()

    expect(chat.prompt).to_have_value("A boat")
    expect(chat.chips).to_have_count(0)
    expect(chat.size).to_have_text("Size: 1:1")
    expect(chat.options_button).to_have_text("Options1")
    told(chat, "Your draft was replaced.").get_by_role("button", name="Bring it back").click()
    expect(chat.prompt).to_have_value("Half a fox")
    expect(chat.chips).to_contain_text(["boat.png"])


def test_a_new_seed_and_the_same_one(chat: Chat) -> None:
    answer = chat.ask("A boat")
    first = seed(answer)
    use(chat, answer, "Use this seed")
    told(chat, f"Seed {first} is set in Options.")
    expect(chat.page.get_by_role("button", name="Options")).to_have_text("Options1")
    fixed = chat.ask("A fox")
    assert seed(fixed) == first
    use(chat, fixed, "Regenerate with a new seed")
    expect(fixed.get_by_text("2 / 2")).to_be_visible()
    assert seed(fixed) != first


def test_what_it_gives_away(chat: Chat) -> None:
    """Its prompt, itself as what goes in next, all that is known of it, and a file that says it too."""
    page = chat.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=chat.url)
    prompt = "A boat <b>at</b> “dusk”\nand a second line"
    answer = chat.ask(prompt)
    use(chat, answer, "Copy prompt")
    told(chat, "Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == prompt

    use(chat, answer, "Edit this picture")
    expect(chat.chips).to_have_count(1)
    expect(chat.prompt).to_be_focused()

    more(answer).focus()
    page.keyboard.press("Enter")
    page.get_by_role("menuitem", name="Details", exact=True).press("Enter")
    dialog = page.get_by_role("dialog", name="Details")
    expect(dialog.get_by_role("row", name=re.compile("^Prompt "))).to_contain_text("“dusk”")
    expect(dialog.get_by_role("row", name=re.compile("^Seed "))).to_contain_text(str(seed(answer)))
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(more(answer)).to_be_focused()

    pixels: list[bytes] = []
    for download in ("Download with details", "Download image"):
        with page.expect_download() as begun:
            if download == "Download image":
                answer.get_by_role("link", name=download).click()
            else:
                use(chat, answer, download)
        assert begun.value.suggested_filename.startswith("a-boat-b-at-b-dusk-and-a-second-line")
        data = Path(begun.value.path()).read_bytes()
        pixels.append(Image.open(io.BytesIO(data)).tobytes())
        assert ("“dusk”".encode() in data) is (download == "Download with details")
    assert pixels[0] == pixels[1]


def test_a_version_or_a_message_is_deleted_and_had_back(chat: Chat) -> None:
    """Undo brings back just what was there; the other messages are left alone."""
    answer = chat.ask("A boat")
    first = chat.source(answer)
    fox = chat.source(chat.ask("A fox"))
    more(answer).click()
    expect(chat.page.get_by_role("menuitem", name="Delete this version")).to_have_count(0)
    chat.page.keyboard.press("Escape")
    chat.action(answer, "Regenerate image").click()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    second = chat.source(answer)

    use(chat, answer, "Delete this version")
    undo = told(chat, "This version is deleted.").get_by_role("button", name="Undo")
    expect(answer.get_by_text(" / ")).to_have_count(0)
    assert chat.source(answer) == first
    undo.click()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    assert chat.source(answer) == second

    use(chat, answer, "Delete this message")
    undo = told(chat, "This message is deleted.").get_by_role("button", name="Undo")
    expect(chat.prompts).to_have_text(["A fox"])
    undo.click()
    expect(chat.prompts).to_have_text(["A boat", "A fox"])
    assert [chat.source(answer), chat.source(chat.answers.last)] == [second, fox]
    use(chat, answer, "Delete this message")
    expect(chat.prompts).to_have_text(["A fox"])
    chat.page.reload()
    expect(chat.prompts).to_have_text(["A fox"])
