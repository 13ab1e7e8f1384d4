"""Takes the README's screenshots anew: `python -m tests.ui.take_screenshots`. It needs Chromium."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, expect, sync_playwright

from tests.conftest import find_chromium
from tests.serving import ROOT, Serving
from tests.ui.chat import Chat

PLACES: dict[str, tuple[int, int, Literal["light", "dark"]]] = {
    "ui/screenshot.png": (1280, 900, "light"),
    "ui/screenshot-phone.png": (390, 844, "dark"),
}
"""Each file, with the width and height of the window, and the colours of the page."""


def take(
    browser: Browser, app: Serving, file: Path, width: int, height: int, colours: Literal["light", "dark"]
) -> None:
    """Takes one screenshot: a picture, and an edit of it."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=colours)
    chat = Chat(context.new_page(), app.url)
    chat.choose("Size", "16:9")
    first = chat.ask("A lighthouse at dusk, long shadows")
    chat.picture(first)
    chat.action(first, "Edit this").click()
    chat.choose("Size", "Auto")
    chat.picture(chat.ask("The same place in winter, at night"))
    expect(chat.page.locator("#limner-conversations img").first).to_be_attached()
    chat.page.screenshot(path=file, animations="disabled")
    context.close()


def main() -> None:
    """Takes all of them."""
    folder = Path(tempfile.mkdtemp())
    app = Serving(folder, {"LIMNER_DATA_DIR": str(folder)})
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium())
            for name, (width, height, colours) in PLACES.items():
                take(browser, app, ROOT / name, width, height, colours)
            browser.close()
    finally:
        app.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
