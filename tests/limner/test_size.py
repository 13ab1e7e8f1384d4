"""Sizes and ranges of sizes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from limner import Size, SizeRange

SIZES: TypeAdapter[Size] = TypeAdapter(Size)


@pytest.mark.parametrize(
    "text", ["1024x768", " 1024 x 768 ", "1024X768", "1024×768", "1024*768", "01024x768"]
)
def test_a_size_reads_and_prints(text: str) -> None:
    size = Size.parse(text)
    assert (size.width, size.height, size.pixels) == (1024, 768, 786_432)
    assert str(size) == f"{size}" == "1024x768"
    assert size.ratio == pytest.approx(4 / 3)


@pytest.mark.parametrize(
    "text", ["", "x", "1024", "0x5", "5x0", "00x1", "-1x5", "1.5x2", "1024x768x3", "100000x1", "4:3"]
)
def test_what_is_no_size_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size such as 1024x768"):
        Size.parse(text)


def test_pydantic_reads_text_and_pairs_and_writes_text() -> None:
    for value in ("512x256", (512, 256), [512, 256], Size(512, 256)):
        assert SIZES.validate_python(value) == Size(512, 256)
    assert SIZES.dump_json(Size(512, 256)) == b'"512x256"'
    assert SIZES.validate_json('"512x256"') == Size(512, 256)


@pytest.mark.parametrize(
    "value", [None, 5, (1,), (1, 2, 3), (0, 5), (-1, 5), (1.5, 2), ("1", "2"), (True, 5), {}, "x"]
)
def test_pydantic_refuses_anything_else(value: Any) -> None:
    with pytest.raises(ValidationError):
        SIZES.validate_python(value)


def test_what_a_range_takes() -> None:
    sizes = SizeRange(step=8, min_side=256, max_side=2048, max_ratio=3, max_pixels=2_000_000)
    taken = ["1024x1024", "256x256", "256x768", "768x256", "2048x976"]
    refused = ["1023x1024", "248x256", "2056x1024", "256x776", "2048x2048", "2048x984"]
    assert [sizes.takes(Size.parse(text)) for text in taken + refused] == [True] * 5 + [False] * 6


@pytest.mark.parametrize(
    "wrong",
    [
        {"default": Size(100, 100)},
        {"step": 7},
        {"min_side": 2000, "max_side": 1000},
        {"max_pixels": 1000},
        {"max_ratio": 0.5},
        {"step": 0},
        {"shape": "round"},
    ],
)
def test_a_range_that_contradicts_itself_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SizeRange(**wrong)


@pytest.mark.parametrize(
    ("ratio", "size"),
    [
        ("1:1", (1024, 1024)),
        ("16:9", (1360, 765)),
        ("9:16", (765, 1360)),
        ("19.5:9", (1508, 696)),
        ("100:1", (10200, 102)),
        ("2 : 3", (836, 1254)),
    ],
)
def test_a_ratio_is_a_size_of_a_megapixel(ratio: str, size: tuple[int, int]) -> None:
    assert Size.of_ratio(ratio) == size
    assert Size.of_ratio(ratio).proportions == ratio.replace(" ", "")


@pytest.mark.parametrize(
    "text", ["", "16", "16:0", "0:9", "-1:1", "a:b", "16:9:4", "1.55:1", "16x9", "1e3:1"]
)
def test_other_texts_are_no_ratio(text: str) -> None:
    with pytest.raises(ValueError, match="is not a ratio such as 16:9"):
        Size.of_ratio(text)


@pytest.mark.parametrize(
    ("size", "proportions"),
    [
        ((1344, 768), "16:9"),
        ((1216, 896), "4:3"),
        ((832, 1216), "2:3"),
        ((1536, 640), "21:9"),
        ((1200, 400), "3:1"),
        ((1000, 180), "50:9"),
        ((700, 100), "7:1"),
        ((3024, 1296), "21:9"),
        ((1, 1), "1:1"),
    ],
)
def test_a_size_has_the_ratio_that_services_name(size: tuple[int, int], proportions: str) -> None:
    assert Size(*size).proportions == proportions


def test_a_ratio_in_the_place_of_a_size_is_told_apart() -> None:
    with pytest.raises(ValueError, match=r"write Size\.of_ratio\('16:9'\)"):
        Size.parse("16:9")
