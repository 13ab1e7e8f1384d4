"""What was asked fits its model or is refused with a sentence, and every change is noted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.chat.failure import Rejected
from core.chat.request import MAX_NESTING, MAX_OPTIONS, UserRequest
from core.generation.resolve import resolve
from core.generation.visitor import Visitor
from core.settings.schema import Settings
from limner import ModelInfo, Size, SizeRange
from limner.request import MAX_SEED
from tests.core.generation.resolving import refusal, resolved, warnings
from tests.core.scripted import ScriptedProvider
from tests.plugins.objects import registry_of

STRANGER = Visitor("stranger")


NESTED: dict[str, Any] = {}
for _ in range(100_000):
    NESTED = {"a": NESTED}


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"prompt": ""}, "The prompt is empty: describe the picture that you want."),
        ({"prompt": " \n\t"}, "The prompt is empty: describe the picture that you want."),
        ({"prompt": "x" * 101}, "The prompt has 101 characters: shorten it to 100."),
        ({"prompt": " " * 10**6}, "The prompt has 1,000,000 characters: shorten it to 100."),
        ({"prompt": "a\x00b"}, "The prompt contains control characters: remove them."),
        ({"prompt": "a\x9bb"}, "The prompt contains control characters: remove them."),
        ({"prompt": "a\ud800"}, "The prompt must be text."),
        ({"prompt": None}, "The prompt must be text."),
        ({"prompt": 17}, "The prompt must be text."),
        ({"negative_prompt": "x" * 101}, "The negative prompt has 101 characters: shorten it to 100."),
        ({"negative_prompt": ["x"]}, "The negative prompt must be text."),
        ({"provider": "x"}, "There is no provider 'x' here: choose one of scripted."),
        ({"provider": "x" * 10**6}, "The provider must be the name of a provider."),
        ({"model": "x"}, "Scripted has no model 'x': choose one of p-1."),
        ({"model": "x\n"}, "The model must be the id of a model."),
        ({"seed": -1}, f"The seed must be a whole number from 0 to {MAX_SEED}."),
        ({"seed": 2**32}, f"The seed must be a whole number from 0 to {MAX_SEED}."),
        ({"seed": 10**5_000}, f"The seed must be a whole number from 0 to {MAX_SEED}."),
        ({"seed": "many"}, f"The seed must be a whole number from 0 to {MAX_SEED}."),
        ({"size": "x" * 10**6}, "The size must be a size such as 1024x768, or a ratio such as 3:2."),
        ({"options": {"steps": 1}}, "p-1 has no option 'steps'; its options are: none."),
        (
            {"options": [1]},
            f"The options must be an object of names and JSON values, "
            f"of {MAX_OPTIONS:,} characters and {MAX_NESTING} levels at most.",
        ),
        ({"images": ["a.png"]}, "The images must be pictures."),
        ({"mask": "a.png"}, "The mask must be a picture."),
        (
            {"wish": 1},
            "A request has no field 'wish': it takes prompt, provider, "
            "model, size, seed, negative_prompt, options, images, mask.",
        ),
    ],
)
def test_garbage_is_refused_with_a_sentence(asked: dict[str, Any], sentence: str) -> None:
    assert refusal(**asked) == sentence


@pytest.mark.parametrize(
    "size", ["big", "0x512", "512x", "-1x5", "1024", "3:0", "1:2:3", "1e3x1e3", "100000x1", "٣"]
)
def test_a_size_that_is_none_is_refused(size: str) -> None:
    assert (
        refusal(size=size) == f"The size {size!r} is not clear: write it as 1024x768, or a ratio such as 3:2."
    )


@pytest.mark.parametrize(
    "options",
    [
        {"a": "x" * MAX_OPTIONS},
        NESTED,
        {"a": json.loads("[" * 32 + "]" * 32)},
        {"a": float("nan")},
        {"a": object()},
        {"a": "\ud800"},
        {1: 2},
    ],
)
def test_options_that_are_no_bounded_json_are_refused(options: Any) -> None:
    assert refusal(options=options).startswith("The options must be an object")


@pytest.mark.parametrize("given", [None, 1, [], "prompt"])
def test_a_request_that_is_no_object_is_refused(given: Any) -> None:
    with pytest.raises(Rejected, match="The request cannot be read: send an object with prompt, provider"):
        UserRequest.model_validate(given)


def test_what_fits_stays_as_it_was_requested() -> None:
    fitting = resolved(
        prompt=" a fox\nat dusk ",
        size="1000x700",
        seed=MAX_SEED,
        negative_prompt=" rain ",
        of={"sizes": SizeRange()},
    )
    sent = fitting.image_request
    assert (sent.prompt, sent.negative_prompt) == ("a fox\nat dusk", "rain")
    assert not sent.seed_is_drawn
    assert (sent.size, sent.seed, fitting.warnings) == (Size(1000, 700), MAX_SEED, ())


def test_nothing_requested_is_the_models_default_without_a_word() -> None:
    for blank in (None, "", "  "):
        assert resolved(
            size=blank, negative_prompt=blank, of={"sizes": (Size(512, 256),)}
        ).image_request.size == (512, 256)
        assert warnings(size=blank, negative_prompt=blank, of={"seed": False, "negative_prompt": False}) == []
    assert resolved(of={"sizes": ()}).image_request.size is None


def test_a_drawn_seed_is_one_that_every_service_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []

    def largest(limit: int) -> int:
        limits.append(limit)
        return limit - 1

    monkeypatch.setattr("core.generation.resolve.secrets.randbelow", largest)
    sent = resolved(of={"seed": True}).image_request
    assert (sent.seed, sent.seed_is_drawn, limits) == (2**31 - 1, True, [2**31])
    sent = resolved(of={"seed": False}).image_request
    assert (sent.seed, sent.seed_is_drawn) == (None, False)


def test_a_seed_that_is_too_large_becomes_one_that_the_model_takes_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = {"seed": True, "max_seed": 99}
    assert resolved(seed=99, of=small).image_request.seed == 99
    assert warnings(seed=99, of=small) == []
    assert [resolved(seed=1234, of=small).image_request.seed for _ in range(3)] == [34, 34, 34]
    assert warnings(seed=1234, of=small) == [("seed", "34 instead of 1234: p-1 takes 99 at most.")]
    monkeypatch.setattr("core.generation.resolve.secrets.randbelow", lambda limit: limit - 1)
    assert resolved(of=small).image_request.seed == 99


def test_what_a_model_does_not_take_is_left_out_and_said() -> None:
    nothing = {"sizes": (), "seed": False, "negative_prompt": False}
    assert warnings(size="16:9", seed=1, negative_prompt="rain", of=nothing) == [
        ("size", "p-1 chooses the size itself; 16:9 was left out."),
        ("seed", "p-1 does not support a seed; it was left out."),
        ("negative_prompt", "p-1 does not support a negative prompt; it was left out."),
    ]


def test_a_size_that_does_not_fit_becomes_the_nearest_and_says_so() -> None:
    sizes = {"sizes": (Size(1024, 1024), Size(1536, 1024), Size(1024, 1536))}
    assert warnings(size="1920x1080", of=sizes) == [
        ("size", "1536 × 1024 instead of 1920 × 1080, the nearest size that p-1 supports.")
    ]
    assert warnings(size="3:2", of=sizes) == []
    assert resolved(size="2:3", of=sizes).image_request.size == Size(1024, 1536)
    assert warnings(size="21:9", of=sizes) == [
        ("size", "1536 × 1024 instead of 21:9, the nearest size that p-1 supports.")
    ]


def test_a_model_beside_the_list_is_taken_where_the_provider_allows_it() -> None:
    other: dict[str, Any] = {"other_models": ModelInfo(id="any", seed=False)}
    assert resolved(about=other).model.id == "p-1"
    settings = Settings(provider="scripted")
    registry = registry_of(settings=settings, scripted=ScriptedProvider(**other))
    assert resolve(UserRequest(prompt="a", model="org/own:v2"), registry, settings).model.id == "org/own:v2"
    assert resolve(UserRequest(prompt="a", model=""), registry, settings).model.id == "p-1"


def test_visitors_choose_from_the_listed_models() -> None:
    registry = registry_of(scripted=ScriptedProvider(other_models=ModelInfo(id="any")))
    settings = Settings(provider="scripted")
    asked = UserRequest(prompt="a fox", model="another")
    assert resolve(asked, registry, settings).model.id == "another"
    with pytest.raises(Rejected, match="has no model 'another': choose one of p-1"):
        resolve(asked, registry, settings, STRANGER)
    assert resolve(UserRequest(prompt="a fox"), registry, settings, STRANGER).model.id == "p-1"
