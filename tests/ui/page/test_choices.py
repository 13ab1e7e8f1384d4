"""What the composer's values ask for: one picture, several with seeds that follow, and other models."""

from __future__ import annotations

from typing import Any

import pytest

from core import Rejected
from core.plugins.registry import Registry
from core.settings.schema import Settings
from limner.request import MAX_SEED
from ui.page.choices import read_requests

VALUES = {"prompt": "A boat", "provider": "sketch", "model": "sketch-1"}
OTHERS = [{"provider": "openai", "model": "gpt-image-1"}, {"provider": "gemini", "model": "flash"}]


def read(**values: Any) -> list[tuple[str | None, int | None]]:
    requests = read_requests(Registry(Settings()), {**VALUES, **values})
    assert {request.prompt for request in requests} == {"A boat"}
    return [(request.provider, request.seed) for request in requests]


def test_a_fixed_seed_counts_up_and_each_model_gets_the_same_ones() -> None:
    assert read() == [("sketch", None)]
    assert read(count=3) == [("sketch", None)] * 3
    assert read(count=2, seed=MAX_SEED, compare=OTHERS[:1]) == [
        ("sketch", MAX_SEED),
        ("sketch", 0),
        ("openai", MAX_SEED),
        ("openai", 0),
    ]


def test_options_are_those_of_one_model_and_go_to_no_other() -> None:
    values = {**VALUES, "options": {"outcome": '"error"'}, "size": "3:2", "compare": OTHERS}
    first, *others = read_requests(Registry(Settings()), values)
    assert first.options
    assert [(other.options, other.size) for other in others] == [({}, "3:2")] * 2


@pytest.mark.parametrize(
    "values",
    [{"count": 5}, {"count": 0.5}, {"count": -1}, {"count": "2"}, {"count": 2, "compare": OTHERS}],
)
def test_more_than_four_at_once_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match="Up to 4 pictures can be made at once"):
        read(**values)


@pytest.mark.parametrize("values", [{"compare": ["openai"]}, {"options": "steps"}])
def test_values_of_another_form_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match="This page is older than the server"):
        read(**values)
