"""Everything that is known of a picture, in a dialog."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.ui.chat import Chat

pytestmark = pytest.mark.browser

OPEN = """async (data) => {
  const script = [...document.scripts].find(({ type, src }) => type === "module" && src);
  document.querySelector("#limner-composer textarea").focus();
  (await import(new URL("details.js", script.src))).openDetails(data, { title: "Details of <b>a boat</b>" });
}"""
PROMPT = "A boat <img src=x onerror=document.title='mine'>"
DATA = {
    "prompt": PROMPT,
    "provider": "openai",
    "provider_label": "OpenAI",
    "model": "m-1",
    "model_label": "Model 1",
    "size": "1104x368",
    "options": {"output_quality": "high", "tiles": [1, 2]},
    "paid": False,
    "usage": {"input_tokens": 12, "input_tokens_details": {"text_tokens": 9}},
    "warnings": [{"feature": "size", "details": "1104 × 368 instead of 4000 × 100"}],
    "from_pictures": True,
    "signed": False,
    "metadata": {"size": 3, "started": False, "kind": {"x": 1}, "kind_label": 7},
    "version": 2,
    "duration": 4.236,
    "media_type": "image/png",
    "width": 1104,
    "height": 368,
    "bytes": 1305147,
    "message": "d9b7",
    "turn": 1,
    "status": "complete",
    "started": "2026-11-26T16:09:17.232481+00:00",
    "requested": {
        "prompt": PROMPT,
        "provider": "openai",
        "model": "m-1",
        "size": "4000x100",
        "images": [{"name": "4f", "filename": "red.png"}],
    },
}


def test_a_table_for_people_and_json_for_programs(open_chat: Callable[..., Chat]) -> None:
    """Both can be copied. The table says each thing once, and nothing foreign is taken for HTML."""
    chat = open_chat(timezone_id="Europe/Berlin")
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=chat.url)
    title = chat.page.title()
    chat.page.evaluate(OPEN, DATA)
    dialog = chat.page.get_by_role("dialog", name="Details of <b>a boat</b>")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    expect(chat.page.locator("[autofocus]")).to_have_count(0)  # which browsers refuse in a frame
    rows = [row.inner_text() for row in dialog.locator("tr").all()]
    words = [" ".join(row.split()) for row in rows]
    assert words == [
        "Prompt A boat <img src=x onerror=document.title='mine'>",
        "Provider OpenAI",
        "Model Model 1 (m-1)",
        "Options Output quality high Tiles 1 2",
        "Asked for Size 4000 × 100",
        "Picture 1104 × 368 pixels, PNG, 1.3 MB",
        "Started November 26, 2026 at 5:09 PM",
        "Time taken 4.2 s",
        "Warnings Size: 1104 × 368 instead of 4000 × 100",
        "Usage Input tokens 12 Input tokens details Text tokens 9",
        "Made from pictures red.png",
        "From the service Size 3 Started No Kind X 1",
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
