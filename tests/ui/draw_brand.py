"""Draws the pictures in ui/page/brand anew: `python -m tests.ui.draw_brand`. It needs Chromium."""

from __future__ import annotations

import base64
import io

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from limner import ImageRequest, Size
from providers.sketch.painting import paint
from providers.sketch.plan import plan_for
from tests.conftest import find_chromium
from tests.serving import ROOT

BRAND = ROOT / "ui" / "page" / "brand"
PROMPTS = {
    "lighthouse": "A lighthouse at dusk, long shadows",
    "fox": "A red fox in a snowy forest",
    "sailboats": "Three sailboats on a calm teal sea at dawn",
    "skyline": "City skyline at night in the rain",
}
"""The examples of the empty page, by the names of their thumbnails."""
MARK = (BRAND / "mark.svg").read_text("utf-8")
WHOLE = MARK.replace(' rx="8"', "")
"""The mark without round corners, for systems that cut their own."""
ICONS = {
    "icon-192": (192, MARK),
    "icon-512": (512, MARK),
    "touch-180": (180, WHOLE),
    "maskable-512": (512, WHOLE),
}
CARD = """<style>
@font-face {{ font-family: Sans; src: url(data:font/woff2;base64,{typeface}); font-weight: 400 700; }}
body {{ display: grid; grid-template-columns: 1fr 480px; height: 630px; margin: 0; background: #faf8f4;
  color: #25211b; font: 400 34px/1.35 Sans; }}
section {{ align-self: center; padding-inline: 72px 48px; }}
svg {{ width: 112px; height: 112px; }}
h1 {{ margin: 24px 0 12px; font-size: 84px; line-height: 1; letter-spacing: -0.02em; }}
p {{ margin: 0; color: #655d50; }}
div {{ display: grid; grid-template-rows: 1fr 1fr; gap: 12px; height: 630px; }}
img {{ width: 100%; height: 309px; object-fit: cover; }}
</style>
<section>{mark}<h1>Limner</h1><p>A chat in which people make pictures, with any image provider.</p></section>
<div>{pictures}</div>"""


def sketch(prompt: str) -> Image.Image:
    """Has the built-in sketch draw an example."""
    request = ImageRequest(prompt=prompt, model="sketch-1", size=Size(768, 576), seed=7)
    return Image.open(io.BytesIO(paint(*plan_for(request).painting)))


def shot(page: Page, html: str, width: int, height: int) -> Image.Image:
    page.set_viewport_size({"width": width, "height": height})
    page.set_content(html)
    page.evaluate("document.fonts.ready")
    return Image.open(io.BytesIO(page.screenshot(omit_background=True)))


def data_of(file: bytes) -> str:
    return base64.b64encode(file).decode()


def main() -> None:
    for name, prompt in PROMPTS.items():
        small = sketch(prompt).convert("RGB")
        small.thumbnail((288, 288))
        small.save(BRAND / f"{name}.webp", quality=70, method=6)
    thumbnails = [data_of((BRAND / f"{name}.webp").read_bytes()) for name in ("lighthouse", "sailboats")]
    pictures = "".join(f'<img src="data:image/webp;base64,{one}">' for one in thumbnails)
    card = CARD.format(typeface=data_of((BRAND / "inter.woff2").read_bytes()), mark=MARK, pictures=pictures)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        for name, (side, mark) in ICONS.items():
            icon = shot(page, f"<style>body {{ margin: 0; line-height: 0; }}</style>{mark}", side, side)
            icon.save(BRAND / f"{name}.png", optimize=True)
        whole = shot(page, card, 1200, 630).convert("RGB")
        whole.quantize(96, dither=Image.Dither.NONE).save(BRAND / "card.png", optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
