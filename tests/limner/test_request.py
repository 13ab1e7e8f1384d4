"""What a provider reports while it works."""

from __future__ import annotations

from typing import Any

import pytest

from limner import ImageRequest, ordinal


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        *((0, 0), (0.25, 0.25), (1, 1), (1.5, 1), (-3, 0), (10**400, 1), (float("inf"), 1)),
        *((None, None), (float("nan"), None), ("0.5", None), (True, None), ([], None), (1j, None)),
    ],
)
def test_a_share_is_shown_within_its_bounds_or_not_at_all(share: Any, shown: float | None) -> None:
    words: list[str] = []
    shares: list[float | None] = []
    request = ImageRequest(prompt="a", model="m", on_progress=words.append, on_share=shares.append)
    request.report("painting", share)
    assert (words, shares) == (["painting"], [shown])


def test_a_place_in_a_queue_reads_as_people_say_it() -> None:
    numbers = (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)
    words = ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"]
    assert [ordinal(number) for number in numbers] == words
