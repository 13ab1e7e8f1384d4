"""What a compatible server gets: paths, and fields where the settings place them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from limner import ImageRequest, Options, Size
from providers.openai.settings import Settings
from providers.openai.templates import filled, merged, placeholders_in, takes_several
from tests.providers.test_openai_pictures import FOX, TREE, answered, refused_before_the_call, uri

DASHSCOPE = {
    "input": {"messages": [{"role": "user", "content": [{"image": "{uri}"}, {"text": "{prompt}"}]}]},
    "parameters": {
        "size": "{width}*{height}",
        "seed": "{seed}",
        "negative_prompt": "{negative_prompt}",
        "steps": "{steps}",
        "watermark": False,
    },
}


class Steps(Options):
    steps: int | None = None


def sent(settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"images": (), "prompt": "A fox", "model": "m", "size": Size(1024, 768), **more}
    return answered(settings=settings, **given)[1].json


def test_fields_are_placed_where_the_settings_say_and_nowhere_else() -> None:
    body = sent({"body": DASHSCOPE}, seed=7, negative_prompt="fog", options=Steps(steps=4))
    assert body == {
        "model": "m",
        "input": {"messages": [{"role": "user", "content": [{"text": "A fox"}]}]},
        "parameters": {
            "size": "1024*768",
            "seed": 7,
            "negative_prompt": "fog",
            "steps": 4,
            "watermark": False,
        },
    }


def test_what_a_request_does_not_have_is_left_out() -> None:
    body = sent({"body": DASHSCOPE}, size=None, options=Steps())
    assert body["parameters"] == {"watermark": False}
    assert sent({"body": {"sampling": {"seed": "{seed}"}, "tags": ["{negative_prompt}"], "none": []}}) == {
        "prompt": "A fox",
        "model": "m",
        "size": "1024x768",
        "none": [],
    }


def test_each_picture_is_an_element_of_the_innermost_list() -> None:
    body = sent({"body": DASHSCOPE}, images=(FOX, TREE), options=Steps())
    (message,) = body["input"]["messages"]
    assert message["content"] == [{"image": uri(FOX)}, {"image": uri(TREE)}, {"text": "A fox"}]


def test_a_text_that_is_put_in_is_not_read_for_placeholders() -> None:
    assert sent({"body": {"text": "{prompt}"}}, prompt="{seed} {uri}", seed=3)["text"] == "{seed} {uri}"
    assert sent({"body": {"text": "Paint: {prompt}"}}, prompt="{model}")["text"] == "Paint: {model}"


@pytest.mark.parametrize(
    ("size", "ratio", "tier"),
    [
        (Size(1024, 1024), "1:1", "1K"),
        (Size(1344, 768), "16:9", "1K"),
        (Size(2048, 2048), "1:1", "2K"),
        (Size(4096, 4096), "1:1", "4K"),
        (Size(512, 512), "1:1", "1K"),
        (Size.of_ratio("9:19.5"), "9:19.5", "1K"),
        (Size(700, 100), "7:1", "1K"),
    ],
)
def test_a_size_as_a_ratio_and_a_tier(size: Size, ratio: str, tier: str) -> None:
    body = sent({"body": {"aspect_ratio": "{ratio}", "image": {"resolution": "{tier}"}}}, size=size)
    assert (body["aspect_ratio"], body["image"], "size" in body) == (ratio, {"resolution": tier}, False)


def test_a_seed_that_is_placed_is_sent_even_if_the_host_drew_it() -> None:
    body = sent({"body": {"random_seed": "{seed}"}}, seed=5, seed_is_drawn=True)
    assert (body["random_seed"], "seed" in body) == (5, False)


def test_other_fields_go_with_pictures() -> None:
    settings = {"body": {"size": "{width}x{height}"}, "edits_body": {"strength": 0.5}, "size": "none"}
    assert sent(settings)["size"] == "1024x768"
    result, request = answered(settings=settings, images=(FOX,), size=Size(1344, 768))
    assert b'name="strength"' in request.body
    assert b'name="size"' not in request.body
    assert result.warnings == []  # the size was that of the picture: nobody asked for it


def test_the_paths_of_the_settings_hold() -> None:
    settings = {"generations_path": "/images", "edits_path": "/images/change"}
    assert answered(settings=settings, images=())[1].path == "/v1/images"
    assert answered(settings=settings)[1].path == "/v1/images/change"
    placed = {"generations_path": "/images", "body": {"image": "{uri}"}}
    assert answered(settings=placed)[1].path == "/v1/images"


def test_a_model_in_the_path_is_not_in_the_body() -> None:
    settings = {"generations_path": "/workflows/{model}/text_to_image"}
    _, request = answered(settings=settings, images=(), model="accounts/a/models/flux-1")
    assert request.path == "/v1/workflows/accounts/a/models/flux-1/text_to_image"
    assert "model" not in request.json


def test_a_model_leads_to_no_other_path() -> None:
    settings = {"generations_path": "/workflows/{model}/text_to_image"}
    for model in ("../../admin", "a/../../b", "a?b=c", "a#b", "//evil", "a b\n", "..", "a/./b", "%2e%2e/x"):
        assert "model" in refused_before_the_call(settings=settings, images=(), model=model)


def test_sd_server_reads_its_arguments_from_the_prompt() -> None:
    extra = {"seed": "{seed}", "sample_params": {"sample_steps": "{steps}"}, "note": "{negative_prompt}"}
    settings = {"sd_cpp_extra_args": extra}
    hostile = "fog</sd_cpp_extra_args>"
    body = sent(
        settings,
        seed=5,
        negative_prompt=hostile,
        options=Steps(steps=4),
        prompt="A fox <sd_cpp<sd_cpp_extra_args>_extra_args></sd_cpp_extra_args>",
    )
    assert body == {
        "prompt": "A fox <sd_cpp‹sd_cpp_extra_args>_extra_args>‹/sd_cpp_extra_args> "
        '<sd_cpp_extra_args>{"seed": 5, "sample_params": {"sample_steps": 4}, '
        '"note": "fog\\u003c/sd_cpp_extra_args>"}</sd_cpp_extra_args>',
        "model": "m",
        "size": "1024x768",
    }
    assert sent(settings, seed=None, options=Steps())["prompt"] == "A fox"


def test_a_placeholder_of_nothing_is_refused_before_the_call() -> None:
    assert "{promt}" in refused_before_the_call(settings={"body": {"text": "{promt}"}}, images=())


@pytest.mark.parametrize("path", ["images", "/images/../admin", "https://a.example", "//a/b", "/a?b", "/a b"])
def test_a_path_is_below_the_base_url(path: str) -> None:
    with pytest.raises(ValidationError, match="a path below base_url"):
        Settings(generations_path=path)


def test_tables_are_merged_deeply() -> None:
    assert merged({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"c": 4}, "d": {}}) == {
        "a": {"b": 1, "c": 4},
        "d": {},
    }


def test_placeholders_are_found_wherever_they_are() -> None:
    assert placeholders_in({"a": ["{b}", {"c": "x{d}y"}], "e": 1, "f": "{}", "g": "{1}"}) == {"b", "d"}
    assert takes_several({"a": [{"b": "{uri}"}]})
    assert not takes_several({"a": {"b": "{uri}"}, "c": ["{prompt}"]})
    assert filled({}, {}) == {}


def test_what_a_provider_gets_is_not_changed() -> None:
    template = {"a": ["{uri}"], "b": {"c": "{seed}"}}
    filled(template, ImageRequest(prompt="x", model="m").settings, [FOX])
    assert template == {"a": ["{uri}"], "b": {"c": "{seed}"}}
