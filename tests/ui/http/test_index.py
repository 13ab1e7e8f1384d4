"""The index: a document of our own, which shows the page before Gradio's scripts are there."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.routing import Route as StarletteRoute
from starlette.testclient import TestClient

from core.settings.schema import Settings
from tests.serving import ROOT, Serving
from ui.http.assets import Assets
from ui.http.index import IndexMiddleware


class Head(HTMLParser):
    """The tags of a document that say what it is."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str, **wanted: str) -> dict[str, str | None]:
        """Returns the attributes of the only such tag."""
        (found,) = [has for name, has in self.tags if name == tag and wanted.items() <= has.items()]
        return found


def test_the_document_is_ours(app: Serving) -> None:
    answer = httpx.get(app.url)
    html, head = answer.text, Head(answer.text)
    assert "<title>Limner</title>" in html
    assert head.of("html") == {"lang": "en"}
    assert str(head.of("meta", name="description")["content"]).startswith("A chat in which")
    assert head.of("meta", property="og:title")["content"] == "Limner"
    head.of("meta", name="twitter:card")
    assert not re.search(r"orange|iframeResizer|@?teamGradio|raw\.githubusercontent|cdn|<base", html)
    sources = {has.get("src") or has.get("href") or "" for _, has in head.tags}
    assert not [source for source in sources if re.match(r"https?:|//", source)]
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 10_000
    assert answer.headers["cache-control"] == "no-cache"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert httpx.head(app.url).headers["content-length"] == answer.headers["content-length"]
    assert html.index('id="limner"') < html.index("<gradio-app")


def test_each_mark_is_there(app: Serving) -> None:
    head = Head(httpx.get(app.url).text)
    manifest = httpx.get(f"{app.url}/{head.of('link', rel='manifest')['href']}")
    assert manifest.headers["content-type"] == "application/manifest+json"
    about = json.loads(manifest.text)
    assert (about["name"], about["display"]) == ("Limner", "standalone")
    marks = [
        *((icon["src"], icon["sizes"]) for icon in about["icons"]),
        (head.of("link", rel="apple-touch-icon")["href"], "180x180"),
        (head.of("meta", property="og:image")["content"], "1200x630"),
        ("favicon.ico", "192x192"),
    ]
    for address, size in marks:
        picture = Image.open(io.BytesIO(httpx.get(f"{app.url}/{address}").content))
        assert f"{picture.width}x{picture.height}" == size
    mark = httpx.get(f"{app.url}/{head.of('link', rel='icon', type='image/svg+xml')['href']}")
    assert mark.text.startswith("<svg")
    assert len((ROOT / "ui/page/brand/card.png").read_bytes()) < 60_000
    assert len((ROOT / "ui/page/brand/inter.woff2").read_bytes()) < 60_000


class _Shell:
    folder = ROOT / "ui" / "page"

    def head(self, address: object) -> str:
        return "<!-- head -->"

    def first_paint(self, address: object, *, owner: bool) -> str:
        return f"<main>{'owner' if owner else 'visitor'}</main>"


GRADIOS = """<html><head><title>Gradio</title>
<script>window.gradio_config = {{"root": "{root}", "title": "{{braces}}"}};</script>
<script type="module" crossorigin src="./assets/index-1.js"></script></head><body><gradio-app></gradio-app>"""


def test_a_document_is_drawn_for_each_visitor_and_address() -> None:
    async def gradios(request: object) -> HTMLResponse:
        root = str(request.base_url)  # type: ignore[attr-defined]
        status = 200 if "fails" not in root else 500
        return HTMLResponse(GRADIOS.format(root=root), status, {"Set-Cookie": "a=b", "X-Other": "kept"})

    assets = Assets(_Shell.folder)
    settings = Settings(public_url="https://pictures.example/limner/")
    index = Middleware(IndexMiddleware, _Shell(), assets, settings)
    app = Starlette(routes=[StarletteRoute("/", gradios)], middleware=[index])
    ours, theirs = (TestClient(app, "http://one", client=(host, 1)) for host in ("127.0.0.1", "192.0.2.7"))
    first, again, other = ours.get("/"), ours.get("/"), ours.get("http://two/")
    assert first.content == again.content
    assert "<main>owner</main>" in first.text
    assert "<main>visitor</main>" in theirs.get("/").text
    assert '"root": "http://one/", "title": "{braces}"' in first.text
    assert '"root": "http://two/"' in other.text
    assert (again.headers["set-cookie"], again.headers["x-other"]) == ("a=b", "kept")
    assert 'import("./assets/index-1.js")' in first.text
    card = Head(first.text).of("meta", property="og:image")["content"]
    assert card == f"https://pictures.example/limner/{assets.address('brand/card.png')}"
    failing = ours.get("http://fails/")
    assert (failing.status_code, "<title>Gradio</title>" in failing.text) == (500, True)


@pytest.mark.browser
@pytest.mark.parametrize("name", ["Blocks", "Index"])
def test_a_script_of_gradio_that_is_cut_off_is_no_error(app: Serving, page: Page, name: str) -> None:
    """As when somebody leaves while it loads; the fixture fails the test for any error in the page."""
    page.route(f"**/assets/{name}-*.js", lambda script: script.abort())
    with page.expect_event("requestfailed"):
        page.goto(app.url)
    page.wait_for_load_state("networkidle")
    expect(page.get_by_label("Prompt", exact=True)).to_be_visible()


@pytest.mark.browser
def test_the_page_can_be_used_before_gradio_is_there(app: Serving, page: Page) -> None:
    held: list[Route] = []
    page.route("**/assets/index-*.js", lambda script: held.append(script))
    page.add_init_script(
        """window.shifted = 0;
        new PerformanceObserver((list) => {
          for (const shift of list.getEntries()) window.shifted += shift.value;
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    with page.expect_request("**/assets/index-*.js"):
        page.goto(app.url)
    expect(page.get_by_label("Prompt", exact=True)).to_be_visible()
    page.get_by_label("Prompt", exact=True).fill("A red fox")
    expect(page.locator("gradio-app")).to_be_hidden()
    with page.expect_response("**/theme.css*"):
        for script in held:
            script.continue_()
    expect(page.locator(".gradio-container")).to_be_attached()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("A red fox")
    assert page.title() == "Limner"
    assert page.evaluate("window.shifted") < 0.01
