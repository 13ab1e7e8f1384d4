"""Bytes stay as they came, whatever shape they came in; the host alone fetches."""

from __future__ import annotations

import asyncio
import base64
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.generation.normalise import PROVERS, DecodeResources, normalise, prove
from limner import ProviderError, picture
from tests.core.scripted import PNG
from tests.waiting import until

pytestmark = pytest.mark.anyio


async def proven(
    image: Any, fetched: dict[str, bytes] | None = None, **limits: int
) -> tuple[bytes, picture.ImageInfo]:
    async def fetch(url: str) -> bytes:
        return (fetched or {})[url]

    limits = {"max_bytes": 10_000, "max_pixels": 10_000, **limits}
    return await normalise(image, fetch, DecodeResources(), plugin="a", **limits)


async def test_every_shape_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    encoded = base64.b64encode(PNG).decode()
    shapes = [PNG, bytearray(PNG), memoryview(PNG), io.BytesIO(PNG), tmp_path / "a.png", encoded]
    shapes += [f"data:image/jpeg;base64,{encoded}", Image.open(io.BytesIO(PNG)), " https://x.example/a "]
    for shape in shapes:
        data, facts = await proven(shape, {"https://x.example/a": PNG})
        assert data == PNG
        assert (facts.media_type, facts.width, facts.height) == ("image/png", 16, 16)


@pytest.mark.parametrize("image", [None, b"", "", b"<html>", PNG[:-9], "C:\\a.png", 5])
async def test_what_is_no_picture_is_a_bad_image(image: Any) -> None:
    with pytest.raises(ProviderError) as error:
        await proven(image)
    assert error.value.category == "bad-image"


@pytest.mark.parametrize("limit", [{"max_bytes": len(PNG) - 1}, {"max_pixels": 255}])
async def test_the_limits_hold_also_for_what_was_fetched(limit: dict[str, int]) -> None:
    for image in (PNG, "https://x.example/a"):
        with pytest.raises(ProviderError):
            await proven(image, {"https://x.example/a": PNG}, **limit)


async def test_decoding_leaves_the_event_loop_free() -> None:
    file = io.BytesIO()
    Image.effect_noise((2000, 2000), 50).save(file, "PNG")
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    await proven(file.getvalue(), max_bytes=10**8, max_pixels=10**7)
    turning.cancel()
    assert turns > 50


class Proofs:
    """Stands for `identify`: counts the pictures that are decoded at once, and holds them until let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, memory: int) -> None:
        self.now = self.most = self.ended = 0
        self.go_on = threading.Event()
        self.lock = threading.Lock()
        monkeypatch.setattr("limner.picture.memory_to_prove", lambda data, max_pixels: memory)
        monkeypatch.setattr("limner.picture.identify", self.identify)

    def identify(self, data: bytes, max_pixels: int) -> picture.ImageInfo:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        assert self.go_on.wait(20)
        with self.lock:
            self.now -= 1
            self.ended += 1
        return picture.ImageInfo("image/png", 16, 16)


def start(resources: DecodeResources) -> asyncio.Task[tuple[bytes, picture.ImageInfo]]:
    async def fetch(url: str) -> bytes:
        raise AssertionError(url)

    making = normalise(PNG, fetch, resources, plugin="a", max_bytes=10_000, max_pixels=10_000)
    return asyncio.create_task(making)


@pytest.mark.parametrize(("memory", "at_once"), [(1, 8), (30, 3), (60, 1), (5_000, 1)])
async def test_pictures_decoded_at_once_share_the_memory(
    memory: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    proofs, resources = Proofs(monkeypatch, memory), DecodeResources(100)
    tasks = [start(resources) for _ in range(12)]
    await until(lambda: proofs.now == at_once and len(resources.memory.waiting) == 12 - at_once)
    proofs.go_on.set()
    await asyncio.gather(*tasks)
    assert (proofs.most, resources.memory.free) == (at_once, 100)


async def test_wait_for_memory_has_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    proofs, resources = Proofs(monkeypatch, 100), DecodeResources(100)
    proofs.go_on.set()
    deadlines = 0

    @contextmanager
    def fail_after(seconds: float) -> Iterator[None]:
        nonlocal deadlines
        deadlines += 1
        yield
        deadlines -= 1

    taken = await resources.memory.take(100)
    with monkeypatch.context() as patch:
        patch.setattr("core.generation.normalise.anyio.fail_after", fail_after)
        proof = start(resources)
        await until(lambda: len(resources.memory.waiting) == 1)
        assert deadlines == 0
        resources.memory.give_back(taken)
        assert (await proof)[0] == PNG


async def test_picture_whose_caller_is_gone_keeps_its_memory_until_its_thread_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proofs, resources = Proofs(monkeypatch, 100), DecodeResources(100)
    proof = start(resources)
    await until(lambda: proofs.now == 1)
    proof.cancel()
    await asyncio.wait({proof})
    assert proof.cancelled()
    assert resources.memory.free == 0
    proofs.go_on.set()
    await asyncio.wait_for(resources.memory.take(100), 20)
    assert proofs.ended == 1


class Endless(io.RawIOBase):
    """A file that gives nothing until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.read_by = 0

    def read(self, size: int = -1) -> bytes:
        self.read_by += 1
        self.let_go.wait(60)
        return b""


async def test_files_that_give_nothing_hold_up_their_own_plugin_alone_and_that_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("core.generation.normalise.DEADLINE", 0.1)
    monkeypatch.setattr("core.workers.PATIENCE", 0.0)
    resources, endless = DecodeResources(), Endless()

    async def read_of(plugin: str, image: Any) -> bytes:
        return (await prove(image, resources, plugin=plugin, max_bytes=10_000, max_pixels=10_000))[0]

    stuck = await asyncio.gather(*(read_of("a", endless) for _ in range(PROVERS)), return_exceptions=True)
    assert {getattr(one, "why", one) for one in stuck} == {"The picture could not be read in time."}
    assert endless.read_by == PROVERS
    with pytest.raises(ProviderError, match="a restart of Limner is needed"):
        await read_of("a", PNG)
    assert caplog.messages == ["Reading 8 pictures of the plugin a has not ended: restart Limner"]
    assert await read_of("b", PNG) == PNG
    endless.let_go.set()
    await until(lambda: resources._readers["a"].turns.running == 0)
    assert await read_of("a", PNG) == PNG


async def test_wait_for_a_thread_to_read_in_has_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, resources, let_go = 0, DecodeResources(), threading.Event()

    @contextmanager
    def fail_after(seconds: float) -> Iterator[None]:
        nonlocal begun
        begun += 1
        yield

    monkeypatch.setattr("core.generation.normalise.anyio.fail_after", fail_after)
    reading = [asyncio.create_task(resources.read(let_go.wait, "a")) for _ in range(PROVERS + 1)]
    await until(lambda: begun == PROVERS)
    let_go.set()
    await asyncio.gather(*reading)
    assert begun == PROVERS + 1


async def test_damaged_picture_gives_its_memory_back(monkeypatch: pytest.MonkeyPatch) -> None:
    resources = DecodeResources(100)
    monkeypatch.setattr("limner.picture.identify", None)
    with pytest.raises(TypeError):
        await start(resources)
    await until(lambda: resources.memory.free == 100)
