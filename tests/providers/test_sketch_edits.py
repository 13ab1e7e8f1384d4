"""The sketch's edits: its own scenes painted again under new words, and other pictures tinted and lit."""

from __future__ import annotations

import json
import threading
from io import BytesIO
from typing import Any

import anyio
import numpy as np
import pytest
from PIL import Image, ImageDraw

from limner import ImageRequest, ImageResult, InputImage, Size
from providers import sketch
from providers.sketch import SketchOptions
from providers.sketch.past import MOST_LAYERS
from providers.sketch.scene import Scene, Subject

WIDE = Size(384, 264)
"""A size at which figures are large enough to be found."""


def given(image: Any, media_type: str = "image/png") -> InputImage:
    """A picture as the host hands it over, from a Pillow image or from a result's bytes."""
    file = BytesIO(image if isinstance(image, bytes) else b"")
    if not isinstance(image, bytes):
        image.save(file, media_type.removeprefix("image/"))
    with Image.open(BytesIO(file.getvalue())) as opened:
        return InputImage(file.getvalue(), media_type, Size(*opened.size), "picture.png")


def ask(prompt: str, *images: InputImage, **more: Any) -> ImageResult:
    usual: dict[str, Any] = {"model": "sketch-1", "seed": 7, "seed_is_drawn": True, "size": WIDE}
    return anyio.run(sketch.generate, ImageRequest(prompt=prompt, images=images, **(usual | more)))


def after(result: ImageResult, prompt: str, *others: InputImage, **more: Any) -> ImageResult:
    """The next edit of a picture that the sketch made, after the host has kept its continuation as JSON."""
    continuation = json.loads(json.dumps(result.continuation))
    return ask(prompt, given(result.image), *others, **({"seed": 1, "continuation": continuation} | more))


def pixels(result: ImageResult) -> Any:
    assert isinstance(result.image, bytes)
    return np.asarray(Image.open(BytesIO(result.image)).convert("RGB"), float)


def change(one: ImageResult, other: ImageResult) -> Any:
    """How much each pixel differs, 0 to 255."""
    return np.abs(pixels(one) - pixels(other)).max(axis=2)


def where_orange(result: ImageResult) -> Any:
    red, green, blue = pixels(result).transpose(2, 0, 1)
    return np.argwhere((red > 170) & (red > green + 70) & (green > blue + 20)).mean(0)


def scene_after(*prompts: str) -> Scene:
    scene: Scene | None = None
    for prompt in prompts:
        scene = Scene(prompt, before=scene)
    assert scene
    return scene


def photo(size: tuple[int, int] = WIDE) -> InputImage:
    """A picture from elsewhere: a blue sky over a green land."""
    image = Image.new("RGB", size, (150, 190, 240))
    ImageDraw.Draw(image).rectangle((0, size[1] // 2, *size), (70, 130, 60))
    return given(image)


def mask(box: tuple[int, int, int, int], size: tuple[int, int] = WIDE) -> InputImage:
    image = Image.new("RGBA", size, (0, 0, 0, 255))
    ImageDraw.Draw(image).rectangle(box, (255, 255, 255, 0))
    return given(image)


def test_the_same_fox_in_autumn_sits_where_it_sat_in_winter() -> None:
    winter = ask("a fox in the snow")
    autumn = after(winter, "The same fox, but in autumn")
    assert np.abs(where_orange(winter)[1] - where_orange(autumn)[1]) < 12
    assert (autumn.metadata["season"], autumn.metadata["weather"]) == ("autumn", "clear")
    assert autumn.metadata["subjects"] == ["fox"]
    assert autumn.image != ask("a fox in autumn", seed=1).image, "it has the seed of the first picture"
    assert autumn.image == ask("a fox in autumn").image
    assert autumn.seed == 7


@pytest.mark.parametrize(("first", "then"), [("a fox", "at dusk"), ("a house and a tree", "in winter")])
def test_an_edit_is_what_the_whole_would_have_been(first: str, then: str) -> None:
    assert after(ask(first), then).image == ask(f"{first}, {then}").image


def test_an_edit_of_an_edit_keeps_the_first_words_too() -> None:
    night = after(after(ask("a fox in the snow"), "in autumn"), "at night")
    assert night.image == ask("a fox in autumn at night").image


@pytest.mark.parametrize(
    ("first", "added"),
    [("a fox", "balloon"), ("a lighthouse", "boat"), ("a house", "castle"), ("hills", "fox")],
)
def test_what_is_added_moves_nothing_else(first: str, added: str) -> None:
    before = ask(first)
    changed = change(before, after(before, f"add a {added}")) > 24
    assert 0.002 < changed.mean() < 0.3
    columns = np.flatnonzero(changed.any(0))
    assert columns.max() - columns.min() < 0.75 * WIDE.width


@pytest.mark.parametrize("added", ["lighthouse", "boat", "balloon", "castle"])
def test_the_fox_keeps_its_place_and_its_size(added: str) -> None:
    fox = where_orange(ask("a fox"))
    assert np.abs(fox - where_orange(after(ask("a fox"), f"add a {added}"))).max() < 4


def test_what_is_added_does_not_stand_behind_what_is_there() -> None:
    assert (change(ask("a fox"), after(ask("a fox"), "add a house")) > 40).mean() > 0.01


def test_what_is_removed_leaves_all_else_where_it_is() -> None:
    both = ask("a tree and a house")
    house = after(both, "remove the tree")
    assert house.metadata["subjects"] == ["house"]
    columns = np.flatnonzero((change(both, house) > 24).any(0))
    assert columns.max() - columns.min() < 0.4 * WIDE.width
    assert (change(house, after(house, "remove the house")) > 24).any()


def test_what_replaces_stands_in_the_same_place() -> None:
    scene = scene_after("a fox and a cat", "replace the fox with a dog")
    assert [subject.name for _, _, subject in scene.crowd("near")] == ["dog", "cat"]
    assert [slot for slot, _, _ in scene_after("a fox and a cat", "no fox").crowd("near")] == [1]


@pytest.mark.parametrize(
    ("words", "fox", "boats"),
    [
        ("the same fox", Subject("fox", 1, "#d6372f"), 1),
        ("make the fox white", Subject("fox", 1, "#f6f4ef"), 1),
        ("the fox should be white", Subject("fox", 1, "#f6f4ef"), 1),
        ("add another fox", Subject("fox", 2, "#d6372f"), 1),
        ("add a boat next to the fox", Subject("fox", 1, "#d6372f"), 2),
        ("two more boats", Subject("fox", 1, "#d6372f"), 3),
        ("three boats", Subject("fox", 1, "#d6372f"), 3),
        ("make the boats green", Subject("fox", 1, "#d6372f"), 1),
        ("replace the boat with two boats", Subject("fox", 1, "#d6372f"), 2),
        ("remove the boat", Subject("fox", 1, "#d6372f"), 0),
        ("can you take away the white boat?", Subject("fox", 1, "#d6372f"), 0),
        ("don't show the boat or the fox", None, 0),
        ("remove the fox and the boat, at night", None, 0),
        ("a cat instead of the fox", None, 1),
        ("change the fox to a cat", None, 1),
        ("turn the fox to the left", Subject("fox", 1, "#d6372f"), 1),
    ],
)
def test_changes_of_subjects_are_understood(words: str, fox: Subject | None, boats: int) -> None:
    subjects = scene_after("a red fox and a boat on a lake", words).subjects
    assert subjects.get("fox") == fox
    assert subjects.get("ship", Subject("ship", 0)).count == boats


@pytest.mark.parametrize(
    ("first", "words", "light"),
    [
        ("a fox in the snow", "in autumn", ("morning", "autumn", set())),
        ("a fox in the snow at dusk", "no snow", ("dusk", "summer", set())),
        ("a fox in fog", "add rain", ("morning", "summer", {"fog", "rain"})),
        ("a fox in rain", "it's snowing", ("morning", "winter", {"snow"})),
        ("a fox in rain", "make it sunny", ("noon", "summer", {"clear"})),
        ("a fox at noon", "turn it into night", ("night", "summer", set())),
        ("a fox at dusk", "with a moon", ("dusk", "summer", set())),
        ("a fox at noon", "with a moon", ("night", "summer", set())),
        ("a fox at night", "same, but unearthly", ("night", "summer", set())),
    ],
)
def test_changes_of_light_are_understood(first: str, words: str, light: tuple[str, str, set[str]]) -> None:
    scene = scene_after(first, words)
    assert (scene.time, scene.season, scene.weather) == light


def test_a_day_has_neither_the_moon_nor_the_stars_of_the_night_before() -> None:
    assert set(scene_after("hills under the moon and the stars", "at noon").subjects) == {"hills"}


@pytest.mark.parametrize(
    ("first", "words", "ground"),
    [
        ("a fox", "add a boat", "lake"),
        ("a boat", "remove the boat", "sea"),
        ("a lighthouse", "add a road", "sea"),
        ("a lake", "turn the lake into a desert", "desert"),
        ("a lake", "remove the lake", "land"),
    ],
)
def test_the_ground_stays_unless_the_words_say_another(first: str, words: str, ground: str) -> None:
    assert scene_after(first, words).ground == ground


def test_make_it_blue_makes_it_blue() -> None:
    red = ask("hills, red")
    blue = after(red, "make it blue")
    shares = [pixels(result).mean((0, 1)) / pixels(result).mean() for result in (red, blue)]
    assert shares[1][2] > shares[0][2] + 0.2
    assert shares[1][0] < shares[0][0] - 0.2


def test_a_negative_prompt_removes_for_good() -> None:
    gone = after(ask("a fox and a balloon"), "at dusk", negative_prompt="balloon")
    assert gone.metadata["subjects"] == ["fox"]
    assert after(gone, "at night").metadata["subjects"] == ["fox"]
    sea = ask("the sea", negative_prompt="clouds")
    assert after(sea, "at noon").image == ask("the sea at noon", negative_prompt="clouds").image


def test_unknown_words_shift_the_colours_unless_others_are_known() -> None:
    first = ask("hills and a frobnitz at night")
    assert after(first, "at dusk, xyzzy").image == ask("hills and a frobnitz at dusk").image
    assert after(first, "the same").image == first.image
    assert change(first, after(first, "xyzzy")).mean() > 3


def test_an_edit_at_another_size_is_painted_at_that_size() -> None:
    first = ask("a lighthouse")
    tall = after(first, "at night", size=Size(264, 384))
    assert pixels(tall).shape == (384, 264, 3)
    assert not tall.warnings
    assert pixels(after(first, "at night", size=None)).shape == (264, 384, 3)


def test_a_seed_of_ones_own_is_left_out_of_an_edit_and_that_is_told() -> None:
    first = ask("hills")
    again = after(first, "at night", seed=9, seed_is_drawn=False)
    assert [warning.feature for warning in again.warnings] == ["seed"]
    assert again.seed == 7
    assert not after(first, "at night", seed=7, seed_is_drawn=False).warnings


@pytest.mark.parametrize("continuation", [None, {}, {"seed": 1}, ["a fox"], "a fox"])
def test_a_picture_without_a_known_continuation_is_tinted(continuation: Any) -> None:
    result = ask("at night", given(ask("a fox").image), continuation=continuation)
    assert "subjects" not in result.metadata
    assert result.continuation is None


@pytest.mark.parametrize(
    "words", ["night", "dusk", "dawn", "noon", "autumn", "winter", "spring", "rain", "snow", "fog", "red"]
)
def test_a_picture_from_elsewhere_is_tinted_and_lit(words: str) -> None:
    plain, result = pixels(ask("clear", photo())), pixels(ask(words, photo()))
    assert np.abs(plain - result).mean() > 6
    land, sky = result[200:].mean(), result[:100].mean()
    assert sky > land, "it is still the same picture"


def test_what_a_tint_does_has_the_right_direction() -> None:
    plain = pixels(ask("clear", photo()))
    assert pixels(ask("at night", photo())).mean() < 0.6 * plain.mean()
    land = {
        season: pixels(ask(f"in {season}", photo()))[200:].mean((0, 1)) for season in ("autumn", "winter")
    }
    assert land["autumn"][0] > land["autumn"][1] + 40, "leaves turn"
    assert np.ptp(land["winter"]) < 40 < land["winter"].mean() - 90, "the green is under snow"
    blue = pixels(ask("make it blue", photo()))[200:].mean((0, 1))
    assert blue[2] > blue[1] + 40 > blue[0]


def test_only_what_changed_in_anothers_picture_is_told() -> None:
    told = dict(ask("in autumn, frobnitz", photo()).metadata)
    assert "over the picture that was given" in told.pop("drawn")
    assert told == {"season": "autumn", "unknown_words": ["frobnitz"]}


@pytest.mark.parametrize(
    ("words", "features"),
    [
        ("at night", []),
        ("add a boat", ["prompt"]),
        ("remove the tree", ["prompt"]),
        ("more frob", ["prompt"]),
    ],
)
def test_words_that_cannot_be_followed_are_told(words: str, features: list[str]) -> None:
    assert [warning.feature for warning in ask(words, photo()).warnings] == features


def test_a_picture_of_another_shape_is_cut_and_that_is_told() -> None:
    result = ask("at night", photo((600, 264)))
    assert pixels(result).shape == (264, 384, 3)
    (warning,) = result.warnings
    assert warning.details == "36% of the picture is cut off left and right, to make it 384 × 264."
    (warning,) = ask("at night", photo((384, 330))).warnings
    assert warning.details == "20% of the picture is cut off at the top and the bottom, to make it 384 × 264."
    assert not ask("at night", photo((768, 520))).warnings


@pytest.mark.parametrize(
    ("mode", "colour"),
    [("L", 120), ("P", 0), ("RGBA", (0, 0, 0, 135)), ("CMYK", (135, 135, 135, 0)), ("I;16", 120 * 257)],
)
def test_a_picture_of_any_mode_is_read(mode: str, colour: Any) -> None:
    image = Image.new(mode, WIDE, colour)
    if mode == "P":
        image.putpalette([120, 120, 120])
    made = ask("at night", given(image, "image/jpeg" if mode == "CMYK" else "image/png"))
    grey = ask("at night", given(Image.new("RGB", WIDE, (120, 120, 120))))
    assert change(made, grey).max() < 4, "what is transparent lies on white"


def test_the_second_picture_gives_its_colours() -> None:
    teal = given(Image.new("RGB", WIDE, (10, 120, 120)))
    plain = ask("hills")
    coloured = after(plain, "the same", teal)
    assert [warning.feature for warning in coloured.warnings] == ["images"]
    assert np.abs(pixels(coloured).mean((0, 1)) - (10, 120, 120)).max() < 45
    later = after(coloured, "at dusk")
    assert np.abs(pixels(later).mean((0, 1)) - (10, 120, 120)).max() < 45, "it is remembered"
    assert after(later, "make it red").image == after(after(plain, "at dusk"), "make it red").image
    assert after(plain, "at night", teal, mask=mask((0, 0, 99, 99))).continuation is None
    tinted = ask("clear", photo(), teal)
    assert np.abs(pixels(tinted).mean((0, 1)) - (10, 120, 120)).max() < 45


def test_a_mask_limits_the_change() -> None:
    box = (200, 60, 340, 200)
    inside = np.zeros((264, 384), bool)
    inside[box[1] : box[3] + 1, box[0] : box[2] + 1] = True
    hills, noise = ask("hills"), np.random.default_rng(1).integers(128, 256, (264, 384, 3), np.uint8)
    foreign = ImageResult(given(Image.fromarray(noise)).data)
    for first, edit in (
        (hills, after(hills, "at night", mask=mask(box))),
        (foreign, ask("at night", given(foreign.image), mask=mask(box))),
    ):
        changed = change(first, edit)
        assert changed[~inside].max() == 0
        assert changed[70:190, 210:330].mean() > 40
        edge = changed[60:200, 200:212].mean(0)
        assert edge[0] < edge[2] < edge[4] - 4, "its edge is soft"


@pytest.mark.parametrize(
    ("size", "asked", "made"),
    [
        (Size(1500, 150), Size(888, 296), Size(888, 89)),
        (Size(150, 1500), Size(296, 888), Size(89, 888)),
        (Size(397, 262), Size(400, 264), Size(397, 262)),
        (Size(794, 524), Size(400, 264), Size(400, 264)),
    ],
)
def test_a_masked_picture_of_any_shape_stays_whole(size: Size, asked: Size, made: Size) -> None:
    ends = photo(size), photo(size)
    side = min(size) // 2
    boxes = (0, 0, side, side), (size.width - side, size.height - side, size.width, size.height)
    for image, box, corner in zip(ends, boxes, (0, -1), strict=True):
        result = ask("at night", image, mask=mask(box, size), size=asked)
        given_size = Image.open(BytesIO(image.data)).convert("RGB").resize(made, Image.Resampling.LANCZOS)
        changed = np.abs(pixels(result) - np.asarray(given_size, float)).max(axis=2)
        assert changed.shape == (made.height, made.width)
        assert changed[corner, corner] > 40, "what is marked has changed"
        assert changed[-1 - corner, -1 - corner] < 3, "and nothing else"
        features = [warning.feature for warning in result.warnings]
        assert features == ([] if max(size) < 1000 else ["size"])


def test_a_masked_picture_may_be_a_line() -> None:
    line = Size(3000, 3)
    assert pixels(ask("at night", photo(line), mask=mask((0, 0, 999, 3), line))).shape == (1, 384, 3)


def test_a_mask_in_a_scene_at_another_shape_keeps_all_of_the_scene() -> None:
    hills = ask("hills")
    edit = after(hills, "at night", mask=mask((0, 0, 60, 264)), size=Size(264, 384))
    assert pixels(edit).shape == (182, 264, 3)
    (warning,) = edit.warnings
    assert warning.details == "264 × 182 instead of 264 × 384: with a mask the picture keeps its shape."
    assert pixels(after(edit, "at noon", size=None)).shape == (182, 264, 3)


def test_what_is_painted_within_a_mask_stays_there_in_later_edits() -> None:
    left = mask((0, 0, 150, 264))
    castle = after(ask("hills"), "a castle at night", mask=left)
    winter = after(castle, "in winter")
    assert set(winter.metadata["subjects"]) == {"hills", "castle"}
    right = np.s_[:, 160:]
    assert (pixels(winter)[right] == pixels(after(ask("hills"), "in winter"))[right]).all()
    dusk, hills = after(winter, "at dusk"), after(after(ask("hills"), "in winter"), "at dusk")
    assert (pixels(dusk)[right] == pixels(hills)[right]).all()
    assert pixels(winter)[:, :120].mean() < pixels(winter)[:, 200:].mean() - 60, "it is still night there"


def test_a_scene_in_too_many_layers_is_not_painted_again() -> None:
    result = ask("hills")
    for n in range(MOST_LAYERS):
        assert result.continuation
        result = after(result, "at night", mask=mask((80 * n, 0, 80 * n + 60, 264)))
    assert result.continuation is None


def test_the_same_edit_gives_the_same_bytes() -> None:
    first = ask("a lighthouse at dusk")
    assert after(first, "with rain").image == after(first, "with rain", seed=99).image
    assert ask("with rain", photo()).image == ask("with rain", photo()).image


def test_a_slow_picture_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sketch, "SLOW_SECONDS", 4)
    shown: list[bytes] = []

    async def at_once(_: float) -> None:
        pass

    threads: list[int] = []

    def resize(image: Image.Image, *given: Any, **more: Any) -> Image.Image:
        threads.append(threading.get_ident())
        return as_usual(image, *given, **more)

    as_usual = Image.Image.resize
    monkeypatch.setattr(anyio, "sleep", at_once)
    monkeypatch.setattr(Image.Image, "resize", resize)
    result = ask("a fox", options=SketchOptions(outcome="slow-picture"), on_preview=shown.append)
    assert threading.get_ident() not in threads, "the event loop is not held up"
    size = Image.open(BytesIO(shown[0])).size
    whole = np.asarray(Image.fromarray(pixels(result).astype(np.uint8)).resize(size), float)
    steps = [np.asarray(Image.open(BytesIO(data)).convert("RGB"), float) for data in shown]
    away = [np.abs(step - whole).mean() for step in steps]
    assert len(shown) == 4
    assert away == sorted(away, reverse=True)
    assert away[0] > 2 * away[-1]
    assert max(map(len, shown)) < 60_000
    assert not ask("a fox").warnings
