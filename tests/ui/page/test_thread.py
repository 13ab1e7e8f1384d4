"""A conversation of a thousand messages: it opens, scrolls and goes on like one of a few."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import Connection

from core.chat.message import Message, Provenance, Version
from core.chat.request import UserRequest
from core.storage.conversations import note
from core.storage.database import Database
from core.storage.messages import rows_of, write_rows
from core.storage.pictures import PictureFolder, make_private
from limner.identify import ImageInfo
from tests.serving import Serving
from tests.ui.chat import Chat
from tests.ui.conftest import Gate
from tests.warm_serving import WarmServing
from ui.http.visitor import COOKIE

pytestmark = pytest.mark.browser

LONG, MIDDLE = "1" * 32, "2" * 32
SECONDS = 42.0
SECRET = "a" * 32
"""The visitor's cookie."""


def photo(n: int) -> bytes:
    """Returns a picture with as much in it as a photograph has."""
    coarse = Image.effect_noise((96, 96), 60 + n).resize((768, 768), Image.Resampling.BICUBIC)
    fine = Image.effect_noise((768, 768), 12)
    written = io.BytesIO()
    Image.merge("RGB", (coarse, coarse, fine)).save(written, "jpeg", quality=90)
    return written.getvalue()


def fill(folder: Path, conversation: str, count: int) -> None:
    """Writes a conversation of so many messages, each with a picture that took `SECONDS`."""
    make_private(folder / "pictures")
    pictures = PictureFolder(folder / "pictures")
    info = ImageInfo("image/jpeg", 768, 768)
    files = [pictures.put(photo(n), info) for n in range(min(count, 60))]
    database = Database(folder / "limner.sqlite3")

    def write(database: Connection) -> None:
        for n in range(1, count + 1):
            prompt = f"Message {n} of many: " + "a harbour in the evening, with boats " * 3
            source: dict[str, Any] = {"provider": "shapes", "model": "shapes-1"}
            labels: dict[str, Any] = {"provider_label": "Shapes", "model_label": "Shapes One"}
            version = Version(
                number=1,
                provenance=Provenance(prompt=prompt, seed=n, **source, **labels),
                status="complete",
                duration=SECONDS,
                picture=files[n % len(files)],
            )
            asked = UserRequest(prompt=prompt, **source)
            message = Message(f"{conversation[0]}{n:015d}", asked, float(n), n, [version], 1, last_number=1)
            write_rows(database, rows_of(conversation, message, [version], "test"))
            note(database, conversation, hashlib.sha256(SECRET.encode()).hexdigest(), prompt, float(n))

    database.begin(lambda: database.write_now(write))
    database.close()


@pytest.fixture(scope="module")
def long_app(tmp_path_factory: pytest.TempPathFactory, with_shapes: dict[str, str]) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("long")
    for conversation, count in ((LONG, 1000), (MIDDLE, 50)):
        fill(folder / "data", conversation, count)
    serving = WarmServing(folder, {**with_shapes, "LIMNER_DATA_DIR": str(folder / "data")})
    yield serving
    serving.stop()


@pytest.fixture(scope="module")
def visitor(long_app: Serving, browser: Browser) -> Iterator[BrowserContext]:
    """Returns the one whom the conversations belong to."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(30_000)
    context.add_cookies([{"name": COOKIE, "value": SECRET, "url": long_app.url}])
    yield context
    context.close()


@pytest.fixture
def open_page(long_app: Serving, visitor: BrowserContext) -> Iterator[Callable[[str], Chat]]:
    opened: list[Page] = []

    def open(query: str) -> Chat:
        opened.append(visitor.new_page())
        return Chat(opened[-1], f"{long_app.url}/{query}")

    yield open
    for page in opened:
        page.close()


class Traffic:
    """Counts the bytes that come to a page, as they are on the wire; those of the events as they are read."""

    def __init__(self, page: Page) -> None:
        self._addresses: dict[str, str] = {}
        self._bytes: Counter[str] = Counter()
        session = page.context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", self._begun)
        session.on("Network.dataReceived", self._received)
        session.on("Network.loadingFinished", self._finished)
        session.send("Network.enable")

    def _begun(self, event: dict[str, Any]) -> None:
        self._addresses[event["requestId"]] = event["request"]["url"]

    def _received(self, event: dict[str, Any]) -> None:
        self._bytes[event["requestId"]] += event["dataLength"]

    def _finished(self, event: dict[str, Any]) -> None:
        self._bytes[event["requestId"]] = event["encodedDataLength"]

    def total(self) -> int:
        return self._bytes.total()

    def of_each(self) -> int:
        """Returns the same, but once what came again by chance, such as a thumbnail in two places."""
        largest: Counter[str] = Counter()
        for request, count in self._bytes.items():
            address = self._addresses.get(request, "events")
            largest[address] = max(largest[address], count)
        return largest.total()


def test_it_opens_at_its_end_within_one_and_a_half_megabytes(
    long_app: Serving, visitor: BrowserContext
) -> None:
    page = visitor.new_page()
    traffic = Traffic(page)
    chat = Chat(page, f"{long_app.url}/?c={LONG}")
    expect(chat.answers).to_have_count(40)
    expect(chat.prompts.last).to_contain_text("Message 1000 of many")
    expect(chat.answers.last.locator("figcaption")).to_be_in_viewport()
    page.wait_for_load_state("networkidle")
    assert chat.answers.last.locator("figure img").evaluate("image => image.naturalWidth") == 640
    assert 100_000 < traffic.total() < 1_500_000
    page.close()


def test_earlier_messages_come_without_a_jump(open_page: Callable[[str], Chat]) -> None:
    """What is being read stays where it is, until the first message, where nothing more is offered."""
    look = """(id) => Math.round(document.getElementById(id).getBoundingClientRect().top)"""
    for conversation, first, then, isLast in ((LONG, 961, 80, False), (MIDDLE, 11, 50, True)):
        chat = open_page(f"?c={conversation}")
        expect(chat.answers).to_have_count(40)
        name = f"turn-{conversation[0]}{first:015d}"
        expect(chat.page.locator(f"#{name}")).to_contain_text(f"Message {first} of many")
        before = chat.page.evaluate(
            f"(id) => {{ document.querySelector('#limner-thread').scrollTop = 300; return ({look})(id); }}",
            name,
        )
        expect(chat.answers).to_have_count(then)
        # within a frame, unseen, turns above may have their size and not have moved the others back yet
        still = f"([id, before]) => Math.abs(({look})(id) - before) <= 1"
        chat.page.wait_for_function(still, arg=[name, before])
        assert chat.page.evaluate("document.querySelector('#limner-thread').scrollTop") > 3000
        earlier = chat.page.get_by_role("button", name="Earlier messages")
        expect(earlier).to_have_count(0 if isLast else 1)
        order = "turns => turns.map(turn => Number(turn.dataset.position))"
        positions = chat.page.locator("#limner-turns [data-message]").evaluate_all(order)
        assert positions == [*range(first + 40 - then, first + 40)]


def test_a_turn_there_sends_what_it_sends_in_an_empty_one(open_page: Callable[[str], Chat]) -> None:
    """Within 5 %, by the bytes that come to the page from Create until the picture is there."""
    sent: list[int] = []
    for query in ("", f"?c={LONG}"):
        chat = open_page(query)
        chat.options()
        chat.page.get_by_label("Seed", exact=True).fill("5")  # the same picture
        chat.page.keyboard.press("Escape")
        chat.page.wait_for_load_state("networkidle")
        traffic = Traffic(chat.page)
        chat.ask("A boat in the harbour " * 5)  # whose title is as long as the other's
        expect(chat.spoken).to_contain_text("The image is ready: A boat in the harbour")
        chat.picture(chat.answers.last)
        chat.page.wait_for_load_state("networkidle")
        sent.append(traffic.of_each())
        chat.page.close()
    empty, long = sent
    assert long > 2_000
    assert abs(long - empty) < empty * 0.05


def test_what_a_model_usually_takes_is_told_while_one_waits(
    open_page: Callable[[str], Chat], gate: Gate
) -> None:
    chat = open_page("")
    answer = chat.send(f"A boat {gate.tag}")
    expect(answer.get_by_text("usually 42 s")).to_be_visible()
    chat.choose("Provider", "Sketch")
    gate.open()
    chat.picture(answer)
    expect(chat.ask("A boat").get_by_text("usually")).to_have_count(0)
