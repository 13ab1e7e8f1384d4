"""The page in an exported zip opens without a server or a network, and is read by everybody."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Browser, expect

from tests.ui.http.client import open_client
from tests.ui.http.test_archives import EXPORT, HOSTILE, editing, every_status

pytestmark = pytest.mark.browser


async def _export(folder: Path) -> bytes:
    scripted = editing()
    async with open_client(folder, scripted) as (client, studio):
        await every_status(studio, scripted)
        return (await client.get(EXPORT)).content


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Returns a folder with an export of all that there can be, as a person unpacks it."""
    with ThreadPoolExecutor(1) as thread:  # Playwright's loop runs in this one
        data = thread.submit(lambda: asyncio.run(_export(tmp_path / "data"))).result()
    with ZipFile(BytesIO(data)) as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


@pytest.mark.parametrize(("scheme", "light"), [("light", True), ("dark", False)])
def test_it_opens_offline_and_shows_everything(
    browser: Browser, folder: Path, scheme: str, light: bool
) -> None:
    context = browser.new_context(
        viewport={"width": 320, "height": 800},
        color_scheme=scheme,  # pyright: ignore[reportArgumentType]
        offline=True,
    )
    page = context.new_page()
    problems: list[str] = []
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.on("console", lambda message: problems.append(message.text))
    page.on("requestfailed", lambda request: problems.append(request.url))
    page.goto((folder / "thread.html").as_uri())
    expect(page).to_have_title(re.compile(re.escape(HOSTILE[:60])))
    expect(page.locator("h2")).to_have_text([HOSTILE, "as an oil painting", "赤い狐"])
    pictures = page.locator("img")
    expect(pictures).to_have_count(6)
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", value=True)
        assert picture.evaluate("image => image.naturalWidth")
    for words in (
        "Here <it> is.",
        "24 × 16 instead of 4000 × 100.",
        "a red fox",
        "not <this>",
        "There is no credit left at Scripted.",
        "was stopped before",
        "was not on the server any more",
        "was still being made",
    ):
        expect(page.get_by_text(words).first).to_be_visible()
    assert page.locator("script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(250, 248, 244)") is light
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    context.close()
    assert problems == []
