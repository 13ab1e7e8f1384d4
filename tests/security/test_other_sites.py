"""A page of another site, in the browser of somebody who uses Limner: it reads nothing, and does nothing.

To a browser `localhost` and `127.0.0.1` are two sites.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from limner.testing import Loopback, Reply
from tests.conftest import QUIET, find_chromium
from tests.security.conftest import SPACE
from tests.serving import Serving
from tests.ui.chat import Chat

pytestmark = pytest.mark.browser

OWN = "a" * 32
NOT_ALLOWED = "TypeError: Failed to fetch"
ATTACKS = """async ([limner, thread, picture, own]) => {
  const said = {};
  const prompt = JSON.stringify({ prompt: "an attack", provider: "sketch" });
  async function attempt(name, path, how = {}) {
    try {
      const signal = AbortSignal.timeout(20_000);
      const answer = await fetch(limner + path, { credentials: "include", signal, ...how });
      const reader = answer.body?.getReader();
      said[name] = reader ? new TextDecoder().decode((await reader.read()).value) : "";
      await reader?.cancel();
    } catch (error) {
      said[name] = String(error);
    }
  }
  const json = { "Content-Type": "application/json" };
  await attempt("read the page", "/");
  await attempt("read the list", "/limner/conversations");
  await attempt("read a conversation", `/limner/threads/${thread}/events`);
  await attempt("read older messages", `/limner/threads/${thread}/messages`);
  await attempt("export", `/limner/threads/${thread}/export`);
  await attempt("read the plugins", "/limner/plugins");
  for (const to of [thread, own]) {
    const messages = `/limner/threads/${to}/messages`;
    await attempt(`send JSON to ${to}`, messages, { method: "POST", headers: json, body: prompt });
    await attempt(`send text to ${to}`, messages, { method: "POST", mode: "no-cors", body: prompt });
  }
  await attempt("delete", `/limner/conversations/${thread}`, { method: "DELETE" });
  await attempt("make one", "/api/image", { method: "POST", mode: "no-cors", body: prompt });
  await attempt("import", "/limner/import", { method: "POST", mode: "no-cors", body: new Blob(["PK"]) });
  navigator.sendBeacon(`${limner}/limner/threads/${own}/messages`, prompt);
  for (const [name, tag, address] of [
    ["show a picture", "img", picture],
    ["run the list", "script", "/limner/conversations"],
  ])
    said[name] = await new Promise((end) => {
      const element = document.createElement(tag);
      element.onload = () => end("loaded");
      element.onerror = () => end("failed");
      element.src = limner + address;
      document.body.append(element);
    });
  return said;
}"""


FORM = """([address, enctype]) => {
  const form = document.body.appendChild(document.createElement("form"));
  Object.assign(form, { method: "post", enctype, action: address, target: "frame" });
  const field = form.appendChild(document.createElement("input"));
  field.name = '{"prompt": "an attack", "provider": "sketch", "x": "';
  field.value = '"}';
  form.submit();
}"""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Returns the address of a page on another site."""
    body = '<!doctype html><title>Elsewhere</title><iframe name="frame"></iframe>'
    empty = Reply(body=body, headers={"content-type": "text/html"})
    with Loopback(lambda _: empty) as server:
        yield server.url.replace("127.0.0.1", "localhost")


@pytest.mark.parametrize("variables", [{}, SPACE], ids=["at home", "on a Space"])
def test_it_reads_nothing_and_makes_nothing(
    serve: Callable[..., Serving], page: Page, elsewhere: str, variables: dict[str, str]
) -> None:
    serving = serve(**variables)
    chat = Chat(page, serving.url)
    picture = "/" + chat.source(chat.ask("my secret fox"))
    thread = chat.conversation
    attacker = page.context.new_page()
    attacker.goto(elsewhere)
    said: dict[str, Any] = attacker.evaluate(ATTACKS, [serving.url, thread, picture, OWN])
    for path in (f"/limner/threads/{OWN}/messages", "/api/image", "/gradio_api/process_recording"):
        for kind in ("text/plain", "multipart/form-data", "application/x-www-form-urlencoded"):
            with attacker.expect_response(serving.url + path) as answer:
                attacker.evaluate(FORM, [serving.url + path, kind])
            assert answer.value.status in (403, 404)
    read = [name for name, words in said.items() if words not in ("", NOT_ALLOWED, "failed")]
    assert read == [], said
    assert (said["show a picture"], said["run the list"]) == ("failed", "failed")
    chat.reload()
    expect(chat.answers).to_have_count(1)
    seen = page.evaluate("fetch('/limner/conversations').then((answer) => answer.text())")
    assert (seen.count("secret fox"), seen.count("attack")) == (1, 0)
    assert page.evaluate(f"fetch('/limner/threads/{OWN}/export').then((answer) => answer.status)") == 404
    assert "attack" not in chat.page.content()


LED = ["--host-resolver-rules=MAP *.test 127.0.0.1", "--disable-features=LocalNetworkAccessChecks"]


@pytest.fixture
def led_here(browser: Browser) -> Iterator[Page]:
    """Opens a page in a browser to which this machine has the names of other sites, too."""
    started = browser.browser_type.launch(executable_path=find_chromium(), args=QUIET + LED)
    yield started.new_page()
    started.close()


def test_a_page_without_tls_behind_a_proxy_is_no_other_sites(
    serve: Callable[..., Serving], led_here: Page, elsewhere: str
) -> None:
    """To such an address a browser does not say which site asks, but it asks for permission before JSON."""
    serving = serve(LIMNER_BEHIND_PROXY="true")
    led_here.goto(elsewhere.replace("localhost", "evil.test"))
    asked = [f"http://limner.test:{serving.port}", OWN, "/favicon.ico", OWN]
    said: dict[str, Any] = led_here.evaluate(ATTACKS, asked)
    assert [name for name, words in said.items() if words not in ("", NOT_ALLOWED, "failed")] == [
        "show a picture"  # the icon, which is for everybody
    ]
    own = Chat(led_here, f"http://limner.test:{serving.port}")
    assert own.page.evaluate(f"fetch('/limner/threads/{OWN}/export').then((answer) => answer.status)") == 404
    own.picture(own.ask("a fox"))


def framed(page: Page, site: str, limner: str) -> Any:
    """Shows Limner in a frame of a page of that site, and returns the frame's prompt."""
    page.route(
        f"{site}/**",
        lambda route: route.fulfill(
            body=f'<!doctype html><iframe src="{limner}" width="800" height="600"></iframe>',
            content_type="text/html",
        ),
    )
    page.goto(f"{site}/")
    return page.frame_locator("iframe").get_by_label("Prompt", exact=True)


@pytest.mark.parametrize(
    "site", ["https://evil.test", "https://huggingface.co.evil.test", "http://localhost:9"]
)
def test_only_the_hub_has_a_space_in_a_frame(space: Serving, led_here: Page, site: str) -> None:
    expect(framed(led_here, "https://huggingface.co", space.url)).to_be_visible()
    expect(framed(led_here, site, space.url)).to_have_count(0)
    assert led_here.frames[1].url == "chrome-error://chromewebdata/"


def test_nobody_has_a_limner_at_home_in_a_frame(serve: Callable[..., Serving], led_here: Page) -> None:
    expect(framed(led_here, "https://huggingface.co", serve().url)).to_have_count(0)
    assert led_here.frames[1].url == "chrome-error://chromewebdata/"


def test_a_name_that_is_led_here_reaches_nothing(serve: Callable[..., Serving], led_here: Page) -> None:
    """DNS rebinding: the site's own page then counts as Limner's own, but for the name."""
    serving = serve()
    answer = led_here.goto(f"http://evil.test:{serving.port}/")
    assert answer
    assert (answer.status, "Limner does not answer under this name" in answer.text()) == (403, True)
    paths = ["/api/image", f"/limner/threads/{OWN}/messages", "/limner/conversations", "/limner/plugins"]
    asked = """(paths) => Promise.all(paths.map(async (path) => {
      const how = { method: "POST", headers: { "Content-Type": "application/json" } };
      const made = await fetch(path, { ...how, body: JSON.stringify({ prompt: "an attack" }) });
      return [made.status, (await fetch(path)).status];
    }))"""
    assert led_here.evaluate(asked, paths) == [[403, 403]] * len(paths)
    assert led_here.context.cookies() == []
