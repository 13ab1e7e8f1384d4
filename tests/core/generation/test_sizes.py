"""The nearest size is always one that the model takes."""

from __future__ import annotations

import math
import random

import pytest
from pydantic import ValidationError

from core.generation.sizes import nearest_size
from limner import Size, SizeRange


def ranges(count: int) -> list[SizeRange]:
    """Returns ranges of every kind, the same with each run: wide, narrow, coarse, with and without bounds."""
    rng = random.Random(1)
    found: list[SizeRange] = []
    while len(found) < count:
        step = rng.choice([1, 2, 8, 16, 32, 64, 128])
        min_side = rng.randint(1, 1200)
        try:
            found.append(
                SizeRange(
                    step=step,
                    min_side=min_side,
                    max_side=min_side + rng.randint(0, 4000),
                    max_pixels=rng.choice([None, rng.randint(1, 10**7)]),
                    max_ratio=rng.choice([1, 1.5, 2, 3, 4, 10]),
                    default=Size(
                        (min_side // step + rng.randint(0, 9)) * step or step,
                        (min_side // step + rng.randint(0, 9)) * step or step,
                    ),
                )
            )
        except ValidationError:
            continue
    return found


WANTED = [Size(1, 99999), Size(99999, 1), Size(1, 1), Size(99999, 99999), Size(16, 9), Size(1919, 1081)]


def test_the_nearest_is_always_inside_and_what_is_inside_stays() -> None:
    rng = random.Random(2)
    for sizes in ranges(600):
        for wanted in (*WANTED, Size(rng.randint(1, 4000), rng.randint(1, 4000))):
            for by_ratio in (True, False):
                nearest = nearest_size(wanted, sizes, by_ratio=by_ratio)
                assert sizes.takes(nearest), (sizes, wanted, nearest)
            if sizes.takes(wanted):
                assert nearest == wanted
            assert nearest_size(nearest, sizes, by_ratio=False) == nearest


def test_the_nearest_is_near() -> None:
    """Compared with the best of all, found by looking at every size of a coarse range."""
    rng = random.Random(3)
    for sizes in [sizes for sizes in ranges(1_500) if sizes.step >= 128][:40]:
        steps = range(sizes.step, sizes.max_side + 1, sizes.step)
        every = [
            Size(width, height) for width in steps for height in steps if sizes.takes(Size(width, height))
        ]
        for _ in range(5):
            wanted = Size(rng.randint(200, 4000), rng.randint(200, 4000))
            nearest = nearest_size(wanted, sizes, by_ratio=False)

            def off(size: Size, wanted: Size = wanted) -> float:
                return 4 * abs(math.log(size.ratio / wanted.ratio)) + abs(
                    math.log(size.pixels / wanted.pixels)
                )

            assert off(nearest) <= min(map(off, every)) + 1.0


@pytest.mark.parametrize(
    ("ratio", "size"),
    [
        ("1:1", "1024x1024"),
        ("16:9", "1368x768"),
        ("9:16", "768x1368"),
        ("3:2", "1248x832"),
        ("100:1", "1776x592"),
    ],
)
def test_ratios_keep_the_area_of_the_default(ratio: str, size: str) -> None:
    sizes = SizeRange(step=8, min_side=256, max_side=2048, max_ratio=3, default=Size(1024, 1024))
    assert str(nearest_size(Size.parse(ratio.replace(":", "x")), sizes, by_ratio=True)) == size


def test_of_a_list_the_nearest_proportions_count_first_and_then_the_area() -> None:
    sizes = (Size(1024, 1024), Size(512, 512), Size(1536, 1024), Size(1024, 1536))
    assert nearest_size(Size(600, 600), sizes, by_ratio=False) == Size(512, 512)
    assert nearest_size(Size(600, 600), sizes, by_ratio=True) == Size(1024, 1024)
    assert nearest_size(Size(300, 200), sizes, by_ratio=False) == Size(1536, 1024)
    assert nearest_size(Size(1, 9), sizes, by_ratio=True) == Size(1024, 1536)
