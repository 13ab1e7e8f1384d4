"""A conversation is taken along as a zip, and brought back elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable
from zipfile import ZipFile

import pytest
from playwright.sync_api import FilePayload, Locator, expect

from core.storage.archive import DAMAGED
from tests.ui.chat import Chat

pytestmark = pytest.mark.browser

BYTES = "async (image) => [...new Uint8Array(await (await fetch(image.dataset.full)).arrayBuffer())]"


def item(chat: Chat, name: str) -> Locator:
    chat.page.get_by_role("button", name="Conversation menu").click()
    return chat.page.get_by_role("menuitem", name=name)


def bring(chat: Chat, name: str, data: bytes) -> None:
    with chat.page.expect_file_chooser() as choosing:
        item(chat, "Import a zip…").click()
    file: FilePayload = {"name": name, "mimeType": "application/zip", "buffer": data}
    choosing.value.set_files(file)


def test_it_is_exported_and_imported_by_somebody_else(chat: Chat, open_chat: Callable[..., Chat]) -> None:
    """Its messages with all versions, and the very pictures; a file that is none gives one sentence."""
    expect(item(chat, "Export as a zip")).to_have_count(0)  # there is nothing yet
    chat.page.keyboard.press("Escape")
    answer = chat.ask("A boat")
    chat.action(answer, "Regenerate image").click()
    expect(answer.get_by_text("2 / 2")).to_be_visible()
    made = chat.picture(answer).evaluate(BYTES)
    chat.ask("A fox #filtered")
    with chat.page.expect_download() as begun:
        item(chat, "Export as a zip").click()
    assert begun.value.suggested_filename == "a-boat.zip"
    data = begun.value.path().read_bytes()
    with ZipFile(io.BytesIO(data)) as archive:
        assert {"thread.json", "thread.html"} <= {*archive.namelist()}

    other = open_chat()
    bring(other, "broken.zip", data[: len(data) // 2])
    expect(other.toasts).to_have_text([DAMAGED])
    expect(other.answers).to_have_count(0)
    other.toasts.get_by_role("button", name="Dismiss").click()
    bring(other, begun.value.suggested_filename, data)
    expect(other.prompts).to_have_text(["A boat", "A fox #filtered"])
    expect(other.toasts).to_have_text(["a-boat.zip is imported: this is the new conversation."])
    expect(other.answers.first.get_by_text("2 / 2")).to_be_visible()
    assert other.picture(other.answers.first).evaluate(BYTES) == made
    expect(other.answers.last).to_contain_text("The safety system said no.")
    assert other.conversation != chat.conversation
    expect(other.page.locator("[aria-current=page]")).to_have_text("A boat")
    other.reload()
    chat.picture(chat.ask("A tree"))
    expect(other.answers).to_have_count(2)
