"""One app for all tests of the page, with the test providers installed, and gates to hold pictures at."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page

from tests.serving import ROOT, Serving
from tests.ui.chat import Chat
from tests.warm_serving import WarmServing

WINDOWS = {"desktop": (1280, 800), "phone": (390, 844)}
SHAPES = ROOT / "tests" / "plugins" / "limner-shapes"


@dataclass(frozen=True)
class Gate:
    """Holds the pictures whose prompt has its tag, until it is opened."""

    file: Path

    @property
    def tag(self) -> str:
        return f"#{self.file.name}"

    def open(self) -> None:
        self.file.touch()

    def close(self) -> None:
        self.file.unlink()

    def is_at(self, state: str) -> bool:
        """Whether the provider has reached the gate, or was stopped there."""
        written = self.file.with_name(f"{self.file.name}.state")
        return written.exists() and written.read_text() == state

    def say(self, progress: str) -> None:
        """Makes the provider report this while it waits."""
        written = self.file.with_suffix(".new")
        written.write_text(progress)
        written.rename(self.file.with_name(f"{self.file.name}.says"))


@dataclass(frozen=True)
class Kept:
    """What the provider Retouch got with the prompt that has its tag."""

    place: Path

    @property
    def tag(self) -> str:
        return f"#{self.place.name}"

    def about(self) -> dict[str, Any]:
        """Returns the names of the pictures and the size, and forgets them."""
        written = self.place.with_name(f"{self.place.name}.json")
        about = json.loads(written.read_text())
        written.unlink()
        return about

    def picture(self, which: int | str) -> Image.Image:
        return Image.open(self.place.with_name(f"{self.place.name}-{which}"))

    def colours(self) -> list[tuple[int, ...]]:
        """Returns the colour in the middle of each picture."""
        pictures = [self.picture(n).convert("RGB") for n in range(1, len(self.about()["images"]) + 1)]
        return [image.getpixel((image.width // 2, image.height // 2)) for image in pictures]  # pyright: ignore


@pytest.fixture
def kept(gates: Path) -> Kept:
    """Returns a place that no other test knows."""
    return Kept(gates / f"kept-{secrets.token_hex(3)}")


@pytest.fixture(scope="session")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gates")


@pytest.fixture
def gate(gates: Path) -> Gate:
    """Returns a gate that no other test knows."""
    return Gate(gates / f"gate-{secrets.token_hex(3)}")


@pytest.fixture(scope="session")
def with_shapes(tmp_path_factory: pytest.TempPathFactory, gates: Path) -> dict[str, str]:
    """Returns the variables under which the app finds the test providers, as if from pip."""
    site = tmp_path_factory.mktemp("site")
    (site / "limner_shapes").symlink_to(SHAPES / "limner_shapes")
    installed = site / "limner_shapes-0.1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: limner-shapes\nVersion: 0.1.0\n")
    (installed / "entry_points.txt").write_text(
        "[limner]\n"
        + "".join(f"{name} = limner_shapes.{name}\n" for name in ("shapes", "hostile", "choosy", "retouch"))
    )
    return {
        "PYTHONPATH": str(site),
        "LIMNER_PROVIDER": "shapes",
        "LIMNER_PROVIDERS__SHAPES__GATES": str(gates),
        "LIMNER_PROVIDERS__HOSTILE__GATES": str(gates),
        "LIMNER_PROVIDERS__RETOUCH__GATES": str(gates),
        "LIMNER_RATE_LIMIT": "10000/minute",
        "LIMNER_MAX_IN_FLIGHT": "100",
        "LIMNER_SHUTDOWN_GRACE": "0",
    }


@pytest.fixture
def kind_of_serving() -> type[Serving]:
    """Returns how `serve` starts the app here, where its start is not what is tested."""
    return WarmServing


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory, with_shapes: dict[str, str]) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("app")
    serving = WarmServing(folder, {**with_shapes, "LIMNER_DATA_DIR": str(folder / "data")})
    yield serving
    serving.stop()


@pytest.fixture
def chat(app: Serving, page: Page) -> Chat:
    """Returns the page of the shared app, opened by a visitor who has never been there."""
    return Chat(page, app.url)


@pytest.fixture(params=WINDOWS)
def window(request: pytest.FixtureRequest, chat: Chat) -> Chat:
    """Returns the page of the shared app in a window of each size."""
    width, height = WINDOWS[request.param]
    chat.page.set_viewport_size({"width": width, "height": height})
    return chat


@pytest.fixture
def open_chat(app: Serving, browser: object) -> Iterator[Callable[..., Chat]]:
    """Opens the shared app for one visitor more, each in a browser of their own."""
    contexts = []

    def open(**options: object) -> Chat:
        contexts.append(browser.new_context(**options))  # pyright: ignore
        contexts[-1].set_default_timeout(30_000)
        return Chat(contexts[-1].new_page(), app.url)

    yield open
    for context in contexts:
        context.close()
