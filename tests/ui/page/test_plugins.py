"""The owner sees every plugin, what is wrong with it and how to mend that; nobody else does."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Page, expect

from tests.serving import Serving
from tests.ui.axe import clipped, violations


def test_the_owner_sees_every_plugin(serve: Callable[..., Serving]) -> None:
    serving = serve(LIMNER_PROVIDERS__LOST__USES="<b>nothing</b>", OPENAI_API_KEY="sk-secret-0123456789")
    with urllib.request.urlopen(f"{serving.url}/limner/plugins", timeout=30) as answer:
        listed = answer.read().decode()
    assert "Built in" in listed
    assert "The plugin &lt;b&gt;nothing&lt;/b&gt; is not installed" in listed
    assert "sk-secret" not in listed
    other = urllib.request.Request(f"{serving.url}/limner/plugins", headers={"Origin": "http://localhost:9"})
    with pytest.raises(HTTPError, match="404"):  # a page of another program on the same machine
        urllib.request.urlopen(other, timeout=30)


def test_a_visitor_behind_a_proxy_does_not(serve: Callable[..., Serving]) -> None:
    serving = serve(LIMNER_BEHIND_PROXY="true")
    with pytest.raises(HTTPError, match="404"):
        urllib.request.urlopen(f"{serving.url}/limner/plugins", timeout=30)


@pytest.mark.browser
def test_each_row_says_what_to_do(app: Serving, page: Page) -> None:
    page.goto(f"{app.url}/limner/plugins")
    openai = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="OpenAI"))
    expect(openai).to_contain_text("Needs a key")
    expect(openai.get_by_text("export OPENAI_API_KEY=your-key", exact=True)).to_be_visible()
    expect(openai.get_by_text("set OPENAI_API_KEY=your-key", exact=True)).to_be_visible()
    link = openai.get_by_role("link", name="Get a key for OpenAI")
    expect(link).to_have_attribute("href", re.compile("^https://"))
    expect(link).to_have_attribute("rel", re.compile("noopener"))
    comfyui = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="ComfyUI"))
    expect(comfyui).to_contain_text("Needs an address")
    expect(comfyui.get_by_text("export COMFYUI_BASE_URL=http://…", exact=True)).to_be_visible()
    sketch = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Sketch"))
    expect(sketch).to_contain_text("Ready")
    page.get_by_role("link", name="Back to Limner").click()
    expect(page).to_have_url(f"{app.url}/")


@pytest.mark.browser
def test_it_can_be_read_in_each_window(app: Serving, page: Page) -> None:
    page.goto(f"{app.url}/limner/plugins")
    for summary in page.locator("summary").all():
        summary.click()
    page.evaluate("document.fonts.ready")
    assert page.evaluate("document.fonts.check('16px \"Limner Sans\"')")
    assert violations(page) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert clipped(page) == []
    expect(page.get_by_role("row").first).to_be_attached()
    assert violations(page) == []
