"""What OpenAI's fields become: options of the model, or nothing, or a refusal."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Literal

import pytest

from limner import ImageRequest, ImageResult, Options
from tests.core.scripted import PNG, ScriptedProvider
from tests.ui.http.gateway.sdk import open_sdk, refused

pytestmark = pytest.mark.anyio


class Finer(Options):
    quality: Literal["auto", "low", "high"] = "auto"
    output_format: Literal["auto", "png", "webp"] = "auto"
    output_compression: int | None = None
    steps: int = 20
    seed: str = "of the options"


def finer() -> ScriptedProvider:
    return ScriptedProvider(options=Finer)


async def asked(folder: Path, scripted: ScriptedProvider, **fields: Any) -> tuple[ImageRequest, Any]:
    """Returns what the provider got, and what the client got."""
    async with open_sdk(folder, scripted) as (sdk, _):
        answer = await sdk.images.generate(**{"prompt": "a fox", **fields})
    (request,) = scripted.requests
    assert answer.data
    assert base64.b64decode(answer.data[0].b64_json or "") == PNG
    return request, answer


def warned(answer: Any) -> dict[str, str]:
    """Returns the warnings, but for those about a picture that is always the same small PNG."""
    (item,) = answer.to_dict()["data"]
    warnings = item["metadata"].get("warnings", [])
    return {one["feature"]: one["details"] for one in warnings if " instead of " not in one["details"]}


async def test_a_prompt_alone_is_enough(tmp_path: Path) -> None:
    request, answer = await asked(tmp_path, finer())
    assert (request.prompt, request.model, request.options) == ("a fox", "p-1", Finer())
    said = answer.to_dict()
    assert (said["size"], said["output_format"]) == ("16x16", "png")
    assert abs(said["created"] - 1_790_000_000) < 10**9
    assert "usage" not in said
    assert warned(answer) == {}


async def test_a_field_that_is_an_option_of_the_model_is_that_option(tmp_path: Path) -> None:
    more = {"steps": 30, "seed": 7, "negative_prompt": "fog", "options": {"output_compression": 50}}
    request, answer = await asked(
        tmp_path, finer(), quality="high", output_format="webp", size="640x480", extra_body=more
    )
    assert request.options == Finer(quality="high", output_format="webp", output_compression=50, steps=30)
    assert (request.seed, request.negative_prompt, str(request.size)) == (7, "fog", "640x480")
    assert warned(answer) == {}
    assert answer.quality == "high"


async def test_what_many_clients_send_blindly_harms_nobody(tmp_path: Path) -> None:
    request, answer = await asked(
        tmp_path,
        ScriptedProvider(),
        size="auto",
        quality="standard",
        style="vivid",
        background="auto",
        moderation="auto",
        output_format="png",
        output_compression=100,
        response_format="b64_json",
        n=1,
        user="somebody",
        extra_body={"safety_identifier": "x", "partial_images": 0, "seed": None, "input_fidelity": None},
    )
    assert request.size is not None
    assert warned(answer) == {}


async def test_what_the_model_does_not_have_is_left_out_and_said(tmp_path: Path) -> None:
    _, answer = await asked(tmp_path, ScriptedProvider(), quality="hd", style="natural", output_format="webp")
    assert [*warned(answer)] == ["output_format", "quality", "style"]
    assert warned(answer)["output_format"] == "p-1 takes no output format; it was left out."


async def test_a_usual_value_is_dropped_where_the_models_own_option_has_none_like_it(tmp_path: Path) -> None:
    request, answer = await asked(tmp_path, finer(), quality="standard")
    assert (request.options, warned(answer)) == (Finer(), {})


@pytest.mark.parametrize(
    ("fields", "code", "param", "status"),
    [
        ({"prompt": None}, "missing_required_parameter", "prompt", 400),
        ({"quality": "hd"}, "invalid_value", "quality", 400),
        ({"n": 0}, "invalid_value", "n", 400),
        ({"n": 9}, "invalid_value", "n", 400),
        ({"n": True}, "invalid_value", "n", 400),
        ({"n": "2"}, "invalid_value", "n", 400),
        ({"n": 1.5}, "invalid_value", "n", 400),
        ({"size": "large"}, "invalid_value", "size", 400),
        ({"size": [1]}, "invalid_value", "size", 400),
        ({"model": "gone"}, "model_not_found", "model", 404),
        ({"model": 7}, "invalid_value", "model", 400),
        ({"response_format": "svg"}, "invalid_value", "response_format", 400),
        ({"response_format": ["url"]}, "invalid_value", "response_format", 400),
        ({"stream": "yes"}, "invalid_value", "stream", 400),
        ({"colour": "red"}, "unknown_parameter", "colour", 400),
        ({"provider": "sketch"}, "unknown_parameter", "provider", 400),
        ({"options": {"colour": 1}}, "invalid_value", "colour", 400),
        ({"options": [1]}, "invalid_value", "options", 400),
        ({"seed": "7"}, "invalid_value", "seed", 400),
        ({"keys": 7}, None, None, 400),
    ],
)
async def test_what_is_wrong_has_openais_code_and_nobody_is_asked(
    tmp_path: Path, fields: dict[str, Any], code: str | None, param: str | None, status: int
) -> None:
    scripted = finer()
    async with open_sdk(tmp_path, scripted) as (sdk, _):
        error = await refused(sdk.images.generate(prompt="a fox", extra_body=fields))
    assert (error.status_code, error.type) == (status, "invalid_request_error")
    assert (error.code, error.param, scripted.requests) == (code, param, [])
    assert error.response.headers["x-should-retry"] == "false"


async def test_several_pictures_have_seeds_that_follow_each_other(tmp_path: Path) -> None:
    scripted = ScriptedProvider()
    async with open_sdk(tmp_path, scripted) as (sdk, _):
        answer = await sdk.images.generate(prompt="a fox", n=3, extra_body={"seed": 5})
    assert sorted(request.seed or 0 for request in scripted.requests) == [5, 6, 7]
    assert [one["metadata"]["seed"] for one in answer.to_dict()["data"]] == [5, 6, 7]  # type: ignore[index]


async def test_what_the_service_says_is_in_openais_form(tmp_path: Path) -> None:
    tokens = {"input_tokens": 10, "output_tokens": 100, "total_tokens": 110}
    used = {**tokens, "input_tokens_details": {"text_tokens": 10, "image_tokens": 0}}

    async def play(_: ImageRequest) -> ImageResult:
        metadata = {"quality": "medium", "background": "opaque"}
        return ImageResult(PNG, revised_prompt="a red fox", usage=used, metadata=metadata)

    async with open_sdk(tmp_path, ScriptedProvider(play)) as (sdk, _):
        answer = await sdk.images.generate(prompt="a fox", n=2)
    assert answer.usage
    assert answer.usage.to_dict() == {
        **{name: 2 * count for name, count in tokens.items()},
        "input_tokens_details": {"text_tokens": 20, "image_tokens": 0},
    }
    assert (answer.quality, answer.background) == ("medium", "opaque")
    assert [one.revised_prompt for one in answer.data or ()] == ["a red fox"] * 2


async def test_the_usage_of_another_service_stays_in_the_metadata(tmp_path: Path) -> None:
    async def play(_: ImageRequest) -> ImageResult:
        return ImageResult(PNG, usage={"credits": 3})

    _, answer = await asked(tmp_path, ScriptedProvider(play))
    assert answer.usage is None
    assert answer.to_dict()["data"][0]["metadata"]["usage"] == {"credits": 3}
