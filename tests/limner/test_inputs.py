"""What a model may say of the pictures that it takes, and what a provider gets."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from limner import ImageInputs, ImageRequest, InputImage, ModelInfo, ProviderInfo, Size
from limner.checks import PluginFault, check_info

DATA = b"\x89PNG\r\n\x1a\n and the rest"
IMAGE = InputImage(DATA, "image/png", Size(64, 48), "image-1.png")


def test_a_model_takes_words_alone_until_it_says_otherwise() -> None:
    assert ModelInfo(id="a").images is None
    inputs = ImageInputs()
    assert (inputs.least, inputs.most, inputs.mask, inputs.most_bytes) == (0, 1, False, 20_000_000)
    assert inputs.media_types == ("image/png", "image/jpeg", "image/webp")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"least": 3, "most": 2}, "ImageInputs: least is 3, more than most, which is 2"),
        ({"most": 0}, "ImageInputs.most: Input should be greater than or equal to 1"),
        ({"most": 17}, "ImageInputs.most: Input should be less than or equal to 16"),
        ({"most_bytes": 1}, "ImageInputs.most_bytes: Input should be greater than or equal to 100000"),
        ({"masks": True}, "ImageInputs.masks: Extra inputs are not permitted"),
        (
            {"media_types": ["image/tiff"]},
            "ImageInputs.media_types: image/tiff is none of image/png, image/jpeg, image/webp, image/gif, "
            "image/avif",
        ),
        (
            {"media_types": ["image/webp"]},
            "ImageInputs.media_types: neither image/png nor image/jpeg is among them",
        ),
    ],
)
def test_a_wrong_description_of_inputs_is_named(wrong: dict[str, Any], sentence: str) -> None:
    def describe() -> ProviderInfo:
        return ProviderInfo(label="P", models=(ModelInfo(id="a", images=ImageInputs(**wrong)),))

    with pytest.raises(PluginFault) as raised:
        check_info(describe)
    assert str(raised.value) == f"Its hook describe returns a wrong {sentence}."
    with pytest.raises(ValidationError):
        ImageInputs(**wrong)


def test_an_image_can_be_had_as_text() -> None:
    assert base64.b64decode(IMAGE.base64) == DATA
    assert IMAGE.data_uri == f"data:image/png;base64,{IMAGE.base64}"


def test_the_repr_of_a_request_has_nothing_of_its_pictures() -> None:
    request = ImageRequest(prompt="a fox", model="a", images=(IMAGE,), mask=IMAGE, continuation={"id": "c-1"})
    assert "image-1.png" in repr(request)
    for hidden in ("PNG", "the rest", IMAGE.base64[:12], "c-1"):
        assert hidden not in repr(request)


def test_a_preview_that_nobody_watches_is_ignored() -> None:
    previews: list[bytes] = []
    request = ImageRequest(prompt="a fox", model="a")
    request.preview(DATA)
    ImageRequest(prompt="a fox", model="a", on_preview=previews.append).preview(DATA)
    assert previews == [DATA]
