"""Everything that is known of a picture, in a dialog."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.chat import Chat

pytestmark = pytest.mark.browser

OPEN = """async (data) => {
  const script = [...document.scripts].find(({ type, src }) => type === "module" && src);
  document.querySelector("#limner-composer textarea").focus();
  (await import(new URL("details.js", script.src))).openDetails(data, { title: "Details of <b>a boat</b>" });
}"""
DATA = {
    "number": 2,
    "duration": 4.236,
    "signed": False,
    "provenance": {
        "prompt": "A boat <img src=x onerror=document.title='mine'>",
        "provider": "openai",
        "provider_label": "OpenAI",
        "model": "m-1",
        "model_label": "m-1",
        "negative_prompt": None,
        "options": {"output_quality": "high", "tiles": [1, 2]},
        "usage": {"input_tokens": 12, "input_tokens_details": {"text_tokens": 9}},
        "warnings": [{"feature": "size", "details": "1104 × 368 instead of 4000 × 100"}],
        "metadata": {},
    },
}


def test_a_table_for_people_and_json_for_programs(chat: Chat) -> None:
    """Both can be copied; what is not known has no row, and nothing foreign is taken for HTML."""
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=chat.url)
    title = chat.page.title()
    chat.page.evaluate(OPEN, DATA)
    dialog = chat.page.get_by_role("dialog", name="Details of <b>a boat</b>")
    rows = [row.inner_text() for row in dialog.locator("tr").all()]
    words = [" ".join(row.split()) for row in rows]
    assert words == [
        "Prompt A boat <img src=x onerror=document.title='mine'>",
        "Provider OpenAI (openai)",
        "Model m-1",
        "Options Output quality high Tiles 1 2",
        "Time taken 4.2 s",
        "Warnings Size: 1104 × 368 instead of 4000 × 100",
        "Usage Input tokens 12 Input tokens details Text tokens 9",
        "Signed No",
        "Version 2",
    ]

    dialog.get_by_role("button", name="Copy text").click()
    expect(dialog.get_by_role("status")).to_have_text("Copied.")
    assert "Usage: Input tokens 12" in chat.page.evaluate("navigator.clipboard.readText()")
    dialog.get_by_role("button", name="Copy JSON").click()
    expect(dialog.get_by_role("status")).to_have_text("Copied.")
    assert chat.page.evaluate("async () => JSON.parse(await navigator.clipboard.readText())") == DATA
    dialog.get_by_role("button", name="JSON", exact=True).click()
    expect(dialog.locator("pre")).to_contain_text('"text_tokens": 9')
    expect(dialog.locator("table")).to_have_count(0)

    for closes in (lambda: chat.page.keyboard.press("Escape"), lambda: chat.page.go_back()):
        closes()
        expect(dialog).to_have_count(0)
        expect(chat.page.locator("#limner-composer textarea")).to_be_focused()
        chat.page.wait_for_function("() => !history.state?.limner")
        chat.page.evaluate(OPEN, DATA)
    assert chat.page.title() == title
