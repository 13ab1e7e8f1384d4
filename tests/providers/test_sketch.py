"""The sketch: what it draws, from which words, and every outcome that it plays."""

from __future__ import annotations

import subprocess
import sys
import threading
from functools import cache
from io import BytesIO
from typing import Any, get_args
from zlib import crc32

import anyio
import anyio.from_thread
import anyio.lowlevel
import numpy as np
import pytest
from PIL import Image

from limner import ContentFiltered, ImageRequest, ImageResult, ProviderError, Size
from limner.errors import CATEGORIES
from providers import sketch
from providers.sketch import SketchOptions, paint
from providers.sketch.scene import Scene, Subject
from providers.sketch.words import WORDS

SMALL = Size(256, 256)
SUBJECTS = [names.split()[0] for names in WORDS["subject"].split(",")]


def ask(prompt: str, *, seed: int | None = 7, size: Size | None = SMALL, **more: Any) -> ImageRequest:
    return ImageRequest(prompt=prompt, model="sketch-1", seed=seed, size=size, **more)


def make(prompt: str, **more: Any) -> ImageResult:
    return anyio.run(sketch.generate, ask(prompt, **more))


@cache
def pixels(prompt: str, **more: Any) -> Any:
    image = make(prompt, **more).image
    assert isinstance(image, bytes)
    return np.asarray(Image.open(BytesIO(image)).convert("RGB"), float)


def red_green_blue(prompt: str) -> Any:
    return pixels(prompt).mean((0, 1))


def test_the_same_request_gives_the_same_bytes() -> None:
    assert make("a lighthouse at dusk").image == make("a lighthouse at dusk").image


def test_the_same_request_gives_the_same_bytes_in_another_process() -> None:
    code = (
        "import sys, zlib; from limner import Size; from providers.sketch.painting import Scene, paint;"
        "sys.stdout.write(str(zlib.crc32(paint(Scene('three owls over frobnitz'), Size(256, 256), 3))))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == str(crc32(paint(Scene("three owls over frobnitz"), SMALL, 3)))


def test_another_seed_gives_another_composition() -> None:
    one, other = pixels("a castle on a hill", seed=1), pixels("a castle on a hill", seed=2)
    assert np.abs(one - other).mean() > 6


def test_the_seed_used_is_reported() -> None:
    assert make("hills", seed=12).seed == 12
    chosen = make("hills", seed=None)
    assert chosen.seed is not None
    assert make("hills", seed=chosen.seed).image == chosen.image


@pytest.mark.parametrize("size", ["256x256", "768x256", "256x768", "384x264", "264x520"])
def test_the_size_is_exact(size: str) -> None:
    assert pixels("a cat on a castle, a ship at sea", size=Size.parse(size)).shape[1::-1] == Size.parse(size)


def test_without_a_size_the_default_is_made() -> None:
    default = sketch.describe().models[0].default_size
    assert pixels("fog", size=None).shape[1::-1] == default


@pytest.mark.parametrize(("word", "channel"), [("red", 0), ("green", 1), ("blue", 2)])
def test_a_colour_shifts_the_picture(word: str, channel: int) -> None:
    plain, coloured = red_green_blue("hills"), red_green_blue(f"hills, {word}")
    assert (coloured / coloured.sum() - plain / plain.sum())[channel] > 0.02


def test_a_colour_goes_to_the_subject_behind_it() -> None:
    red, blue = pixels("a red balloon"), pixels("a blue balloon")
    difference = (red - blue)[:, :, 0]
    assert difference.max() > 120
    assert np.median(difference) < 40


def test_the_hour_sets_the_light() -> None:
    noon, dusk, night = (pixels(f"a lake at {hour}").mean() for hour in ("noon", "dusk", "night"))
    assert noon > dusk + 20 > night + 40


@pytest.mark.parametrize("season", ["spring", "autumn", "winter"])
def test_the_season_changes_the_land(season: str) -> None:
    assert np.abs(pixels(f"hills in {season}") - pixels("hills in summer")).mean() > 5


@pytest.mark.parametrize("weather", ["rain", "snow", "fog", "lightning", "clouds"])
def test_the_weather_shows(weather: str) -> None:
    assert np.abs(pixels(f"a beach, {weather}") - pixels("a beach, clear")).mean() > 1


@pytest.mark.parametrize("subject", SUBJECTS)
def test_each_subject_is_drawn(subject: str) -> None:
    hour = "night" if subject in ("moon", "stars") else "noon"
    rest = f"a {'tree' if subject in ('road', 'hills') else 'road in the hills'} in autumn at {hour}, clear"
    change = np.abs(pixels(f"{rest}, {subject}") - pixels(rest)).max(axis=2)
    assert (change > 40).mean() > 0.001


def test_unknown_words_differ_and_are_never_empty() -> None:
    pictures = [pixels(words) for words in ("xyzzy quux", "frobnitz", "zażółć gęślą", "...")]
    for i, picture in enumerate(pictures):
        assert picture.std() > 20
        assert all(np.abs(picture - other).mean() > 5 for other in pictures[:i])


def test_a_negative_prompt_leaves_out_what_it_names() -> None:
    with_castle, without = "a castle on a hill with flowers", "a hill with flowers"
    assert make(with_castle).image != make(without).image
    assert (
        make(with_castle, negative_prompt="castles").image == make(without, negative_prompt="castles").image
    )
    assert Scene("hills without a castle").subjects == {"hills": Subject("hills")}
    assert make("the sea at noon", negative_prompt="clouds").image != make("the sea at noon").image


def test_words_are_understood() -> None:
    scene = Scene("Three RED foxes and a teal lake, golden hour in November; long shadows, heavy rain, 1984")
    assert list(scene.subjects.values()) == [Subject("fox", 3, "#d6372f"), Subject("lake", 1, "#16969a")]
    assert (scene.time, scene.season, scene.weather) == ("dusk", "autumn", {"rain"})
    assert scene.unknown == ["heavy"]
    assert Scene("a lighthouse, long shadows").time == "dusk"
    assert Scene("a green sky over hills").colours == ["#4b9a4c"]


@pytest.mark.parametrize(
    ("prompt", "subjects"),
    [
        ("dunes", {"desert"}),
        ("hot air balloons", {"balloon"}),
        ("a sunflower field", {"flowers"}),
        ("villages on an island", {"house", "sea"}),
        ("puppies", {"dog"}),
        ("cities", {"city"}),
        ("a lighthouse without birds", {"lighthouse"}),
    ],
)
def test_synonyms_and_plurals(prompt: str, subjects: set[str]) -> None:
    assert set(Scene(prompt).subjects) == subjects


def test_a_count_is_honoured() -> None:
    sea = pixels("the sea")
    sails = [
        int((np.abs(pixels(f"{n} boats on the sea") - sea).max(axis=2) > 40).sum()) for n in ("one", "six")
    ]
    assert [Scene(f"{n} ships").subjects["ship"].count for n in ("two", "2", "a dozen", "")] == [2, 2, 12, 4]
    assert sails[0] != sails[1]


def test_what_was_understood_is_told() -> None:
    result = make("a lighthouse at dusk in the frobnitz fog")
    assert result.model == "sketch-1"
    assert result.metadata["subjects"] == ["lighthouse"]
    assert result.metadata["time_of_day"] == "dusk"
    assert result.metadata["weather"] == "fog"
    assert result.metadata["unknown_words"] == ["frobnitz"]
    assert "without a model" in result.metadata["drawn"]


def play(outcome: str) -> ImageResult:
    options = SketchOptions.model_validate({"outcome": outcome})
    return make("hills", options=options)


def test_every_category_is_an_outcome() -> None:
    outcomes = get_args(SketchOptions.model_fields["outcome"].annotation)
    assert outcomes == ("picture", "slow-picture", "content-filter", *CATEGORIES)


@pytest.mark.parametrize("category", [category for category in CATEGORIES if category != "bad-image"])
def test_a_category_is_raised(category: str) -> None:
    with pytest.raises(ProviderError) as raised:
        play(category)
    assert raised.value.category == category
    assert raised.value.service_message
    assert raised.value.retry_after == (8 if category == "rate-limit" else None)


def test_a_category_without_words_of_its_own_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sketch, "FAILURES", {})
    with pytest.raises(ProviderError) as raised:
        play("unavailable")
    assert (raised.value.category, raised.value.did_not_run) == ("unavailable", False)
    assert raised.value.service_message == "500: something went wrong. (Played by the sketch.)"


def test_a_refusal_is_raised() -> None:
    with pytest.raises(ContentFiltered) as raised:
        play("content-filter")
    assert raised.value.service_message


def test_a_bad_image_is_a_picture_cut_in_half() -> None:
    broken, whole = play("bad-image").image, play("picture").image
    assert isinstance(broken, bytes)
    assert isinstance(whole, bytes)
    assert whole.startswith(broken)
    with pytest.raises(OSError, match="truncated"):
        Image.open(BytesIO(broken)).load()


def test_a_slow_picture_reports_and_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sketch, "SLOW_SECONDS", 2)
    heard: list[object] = []

    async def sleep(seconds: float) -> None:
        heard.append(seconds)

    monkeypatch.setattr(anyio, "sleep", sleep)
    result = make("hills", options=SketchOptions(outcome="slow-picture"), on_progress=heard.append)
    assert heard == ["drawing slowly, 0 of 2 s", 1, "drawing slowly, 1 of 2 s", 1]
    assert result.image == make("hills").image


def test_a_slow_picture_that_is_cancelled_goes_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []

    async def main() -> None:
        with anyio.CancelScope() as scope:

            async def sleep(_: float) -> None:
                scope.cancel()
                await anyio.lowlevel.checkpoint()

            monkeypatch.setattr(anyio, "sleep", sleep)
            slow = SketchOptions(outcome="slow-picture")
            await sketch.generate(ask("hills", options=slow, on_progress=heard.append))
            pytest.fail("it was made all the same")

    anyio.run(main)
    assert heard == ["drawing slowly, 0 of 8 s"]


def test_drawing_does_not_hold_up_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[int] = []

    def paint_after_a_turn(*given: Any) -> bytes:
        turns.append(anyio.from_thread.run_sync(threading.get_ident))  # raises on the event loop itself
        return paint(*given)

    monkeypatch.setattr(sketch, "paint", paint_after_a_turn)
    make("a city at night")
    assert turns == [threading.get_ident()]


def test_describing_imports_neither_pillow_nor_numpy() -> None:
    code = (
        "import sys, providers.sketch; providers.sketch.describe();"
        "print([name for name in ('PIL', 'numpy') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_nothing_asked_for_is_still_a_scene() -> None:
    assert Scene("").subjects
    assert "mountains" in Scene("").subjects
    assert "mountains" not in Scene("", "mountains").subjects
