"""Base64 that is decoded step by step is what it would be at once, wherever the steps fall."""

from __future__ import annotations

import base64
import random

import pytest

from limner import ProviderError, picture


@pytest.mark.parametrize("step", [1, 3, 4, 5, 7, 1_000])
def test_the_steps_change_nothing(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "_STEP", step)
    some = random.Random(7)
    for length in (1, 2, 3, 4, 5, 30, 31, 32):
        data = some.randbytes(length)
        plain = base64.b64encode(data).decode()
        for text in (plain, plain.rstrip("="), f"{plain}\r\n", " ".join(plain), plain.replace("+", "-")):
            assert picture.read(text) == data
            assert picture.read(f"data:image/png;base64,{text}") == data


@pytest.mark.parametrize("step", [1, 4, 8, 1_000])
@pytest.mark.parametrize("text", ["AA==AAAA", "AAA=AAAA", "AAAAA", "AAAA*AAA", "AA=A", "A", "AAAA====A"])
def test_what_is_no_base64_is_refused_wherever_a_step_ends(
    text: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "_STEP", step)
    with pytest.raises(ProviderError) as refused:
        picture.read(text)
    assert refused.value.why == "The picture's text is not base64."


def test_the_bound_holds_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "_STEP", 8)
    assert picture.read("A" * 40, 30) == bytes(30)
    with pytest.raises(ProviderError, match="larger than 29 bytes"):
        picture.read("A" * 40, 29)
