"""What all tests share: a tiny pipeline on the disk, a Hub on this machine, and a fresh memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

FOLDER = tempfile.TemporaryDirectory(prefix="limner-diffusers-")
os.environ |= {  # before torch and huggingface_hub are imported, which read them then
    "HF_HOME": FOLDER.name,
    "OMP_NUM_THREADS": "1",
    "TINY_PIPELINE": str(Path(FOLDER.name, "tiny")),
}
os.environ.pop("HF_TOKEN", None)

# ruff: noqa: E402
import pytest
from tiny_pipeline import build

from limner import CancelConfirmed, ImageRequest, InputImage, Size
from limner.testing import Loopback, Reply

TINY = os.environ["TINY_PIPELINE"]
hub = SimpleNamespace(answer=lambda request: Reply(404), requests=[])
"""Plays the Hub: a test sets what it answers."""
_served = Loopback(lambda request: hub.answer(request))


def pytest_configure() -> None:
    _served.__enter__()
    os.environ["HF_ENDPOINT"] = _served.url
    hub.requests = _served.requests
    build(Path(TINY))


def pytest_unconfigure() -> None:
    _served.__exit__()
    FOLDER.cleanup()


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begins with an empty memory, and leaves no thread at work."""
    from limner_diffusers import memory

    monkeypatch.setattr(memory, "_memories", {})
    monkeypatch.setattr(hub, "answer", lambda request: Reply(404))
    del hub.requests[:]
    yield
    for one in memory._memories.values():
        assert one._busy.acquire(timeout=30), "a turn has not ended"
        if one._timer:
            one._timer.cancel()


class Watched:
    """A request whose steps are kept, and which can be stopped at one of them."""

    def __init__(
        self, stop_at: str | None = None, on_step: Callable[[str], None] | None = None, **more
    ) -> None:
        self.steps: list[str] = []
        self.shares: list[float | None] = []
        self.cancelled = False
        self._stop_at, self._on_step, self._more = stop_at, on_step, more

    def __call__(self, words: str) -> None:
        if words not in self.steps[-1:]:
            self.steps.append(words)
        self.cancelled = self.cancelled or words == self._stop_at
        if self._on_step:
            self._on_step(words)

    @property
    def request(self) -> ImageRequest:
        from limner_diffusers import describe

        fields = {"prompt": "a fox", "model": TINY, "size": Size(64, 64), "seed": 7, **self._more}
        info = describe()
        options = info.options_of(info.model(fields["model"]))
        fields["options"] = options(**{"steps": 2, **fields.get("options", {})})
        shows = {"on_progress": self, "on_share": self.shares.append}
        return ImageRequest(**fields, **shows, is_cancelled=lambda: self.cancelled)

    def draw(self):
        from limner_diffusers import generate, load

        load(self.request)
        return generate(self.request)

    def draw_stopped(self) -> list[str]:
        """Draws what is stopped meanwhile, and returns its steps."""
        with pytest.raises(CancelConfirmed):
            self.draw()
        return self.steps


def input_image(colour: str = "teal") -> InputImage:
    from io import BytesIO

    from PIL import Image

    file, size = BytesIO(), Size(64, 64)
    Image.new("RGB", size, colour).save(file, "PNG")
    return InputImage(file.getvalue(), "image/png", size, "picture.png")
