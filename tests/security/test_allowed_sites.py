"""A page of another site that the setting `origins` names, in a real browser: it uses the API, as a stranger.

To a browser `localhost` and `127.0.0.1` are two sites, and each port has an origin of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from limner.testing import Loopback, Reply
from tests.serving import Serving
from tests.ui.chat import Chat

pytestmark = pytest.mark.browser

NOT_ALLOWED = "TypeError: Failed to fetch"
USES = """async ([limner, thread, picture]) => {
  const prompt = JSON.stringify({ prompt: "a fox", provider: "sketch", size: "256x256" });
  const json = { "Content-Type": "application/json" };
  const ask = { method: "POST", headers: json, body: prompt };
  async function attempt(path, how = {}) {
    try {
      const answer = await fetch(limner + path, how);
      return [answer.status, (await answer.text()).slice(0, 4_000)];
    } catch (error) {
      return String(error);
    }
  }
  const sdk = { ...json, Authorization: "Bearer none", "x-stainless-lang": "js", "Idempotency-Key": "k1" };
  return {
    "make one": await attempt("/api/image", ask),
    "as an SDK does": await attempt("/api/image", { ...ask, headers: sdk }),
    "read a picture": await attempt(picture),
    "make one with cookies": await attempt("/api/image", { ...ask, credentials: "include" }),
    "send text with cookies": await attempt("/api/image", { ...ask, headers: {}, credentials: "include" }),
    "read the list": await attempt("/limner/conversations"),
    "read the list with cookies": await attempt("/limner/conversations", { credentials: "include" }),
    "read a conversation": await attempt(`/limner/threads/${thread}/messages`),
    "write to a conversation": await attempt(`/limner/threads/${thread}/messages`, ask),
  };
}"""
SHOWS = """(address) => new Promise((end) => {
  const image = document.body.appendChild(new Image());
  image.onload = () => end(`shown ${image.naturalWidth} wide`);
  image.onerror = () => end("broken");
  image.src = address;
})"""


@pytest.fixture
def sites() -> Iterator[list[str]]:
    """Returns the origins of three pages: one on the same site as Limner, and two on another."""
    empty = Reply(body="<!doctype html><title>Elsewhere</title>", headers={"content-type": "text/html"})
    with ExitStack() as open:
        urls = [open.enter_context(Loopback(lambda _: empty)).url for _ in range(3)]
        yield [urls[0], *(url.replace("127.0.0.1", "localhost") for url in urls[1:])]


def use(context: BrowserContext, site: str, *arguments: str) -> dict[str, Any]:
    page = context.new_page()
    page.goto(site)
    return page.evaluate(USES, [*arguments])


def test_named_sites_use_the_api_without_cookies_and_others_do_not(
    serve: Callable[..., Serving], page: Page, sites: list[str]
) -> None:
    neighbour, allowed, other = sites
    serving = serve(LIMNER_ORIGINS=f"{neighbour},{allowed}")
    chat = Chat(page, serving.url)
    picture = "/" + chat.source(chat.ask("my secret boat"))
    for site in (neighbour, allowed):
        said = use(page.context, site, serving.url, chat.conversation, picture)
        for work in ("make one", "as an SDK does", "read a picture"):
            assert said.pop(work)[0] == 200, said
        assert set(said.values()) == {NOT_ALLOWED}
    said = use(page.context, other, serving.url, chat.conversation, picture)
    assert set(said.values()) == {NOT_ALLOWED}
    chat.reload()
    expect(chat.answers).to_have_count(1)
    seen = page.evaluate("fetch('/limner/conversations').then((answer) => answer.text())")
    assert (seen.count("secret boat"), seen.count("a fox")) == (1, 0)


@pytest.mark.parametrize(
    ("address", "seen"), [({}, "broken"), ({"LIMNER_PUBLIC_URL": "https://a.test"}, "shown")]
)
def test_pictures_show_in_other_sites_pages_where_messages_link_to_them(
    serve: Callable[..., Serving], page: Page, sites: list[str], address: dict[str, str], seen: str
) -> None:
    serving = serve(**address)
    chat = Chat(page, serving.url)
    picture = f"{serving.url}/{chat.source(chat.ask('a boat'))}"
    page.goto(sites[2])
    assert page.evaluate(SHOWS, picture).startswith(seen)
