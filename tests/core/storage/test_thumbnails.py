"""The store's thumbnails: made once, kept beside the pictures, and gone with them."""

from __future__ import annotations

import asyncio
import threading
from io import BytesIO

import pytest
from PIL import Image

from core.storage import thumbnails
from core.storage.store import Store
from core.storage.thumbnails import MAKERS, Thumbnail
from limner.identify import identify
from tests.waiting import until

pytestmark = pytest.mark.anyio


def noise(width: int, height: int) -> bytes:
    file = BytesIO()
    Image.effect_noise((width, height), 90).save(file, "PNG")
    return file.getvalue()


async def put(store: Store, data: bytes) -> str:
    return (await store.put(data, identify(data))).name


class Slow:
    """Makes thumbnails that wait until the test lets them go on, and counts those at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self.calls = self.now = self.most = 0
        self.made = thumbnails.make_thumbnail
        monkeypatch.setattr(thumbnails, "make_thumbnail", self)

    def __call__(self, data: bytes, media_type: str) -> bytes:
        self.calls += 1
        self.now += 1
        self.most = max(self.most, self.now)
        assert self.go_on.wait(20)
        self.now -= 1
        return self.made(data, media_type)


async def test_a_thumbnail_is_made_once_also_for_two_who_ask_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch)
    name = await put(store, noise(1280, 640))
    asked = [asyncio.create_task(store.thumbnails.find(name)) for _ in range(3)]
    await asyncio.sleep(0)
    asked[0].cancel()  # whoever leaves takes it from nobody else
    slow.go_on.set()
    both = [await task for task in asked[1:]]
    assert both[0] == both[1]
    kept = store.folder / "thumbnails" / f"{name}.webp"
    assert await store.thumbnails.find(name) == Thumbnail(kept, "image/webp")
    assert Image.open(kept).size == (640, 320)
    assert slow.calls == 1
    await until(lambda: not store.thumbnails._making)


async def test_only_some_are_made_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(monkeypatch)
    names = [await put(store, noise(700, 9)) for _ in range(MAKERS + 3)]
    asked = [asyncio.create_task(store.thumbnails.find(name)) for name in names]
    await until(lambda: slow.now == MAKERS)
    slow.go_on.set()
    assert all(await asyncio.gather(*asked))
    assert slow.most == MAKERS


async def test_a_small_picture_and_a_drawing_are_shown_themselves(store: Store) -> None:
    small = await put(store, noise(64, 64))
    drawing = await put(store, b'<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="9"/>')
    for name, media_type in ((small, "image/png"), (drawing, "image/svg+xml")):
        for _ in range(2):
            assert await store.thumbnails.find(name) == Thumbnail(
                store.pictures.find(name) or b"", media_type
            )


async def test_what_is_no_picture_or_damaged_has_none(store: Store) -> None:
    damaged = await put(store, noise(700, 700))
    (store.folder / "pictures" / damaged).write_bytes(noise(700, 700)[:5000])
    for name in (damaged, "0" * 32 + ".png", "../limner.sqlite3", ""):
        assert await store.thumbnails.find(name) is None


async def test_it_goes_with_its_picture_also_if_that_goes_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await put(store, noise(700, 9)), await put(store, noise(700, 9))
    await store.thumbnails.find(first)
    slow = Slow(monkeypatch)
    asked = asyncio.create_task(store.thumbnails.find(second))
    await until(lambda: slow.now)
    store.pictures.forget([first, second])
    slow.go_on.set()
    await asked
    assert list((store.folder / "thumbnails").iterdir()) == []
    assert await store.thumbnails.find(first) is None


async def test_a_full_disk_costs_no_thumbnail(store: Store) -> None:
    name = await put(store, noise(700, 700))
    (store.folder / "thumbnails").rmdir()
    (store.folder / "thumbnails").write_text("in the way")
    shown = await store.thumbnails.find(name)
    assert shown
    assert isinstance(shown.image, bytes)
