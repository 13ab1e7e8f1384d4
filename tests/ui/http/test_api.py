"""The HTTP route for other programs, asked as they ask it."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from urllib.error import HTTPError

import pytest
from PIL import Image

from tests.plugins.installing import install
from tests.warm_serving import WarmServing

Ask = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Posts JSON, or raw bytes, to one app that all tests share."""
    folder, site = tmp_path_factory.mktemp("api"), tmp_path_factory.mktemp("site")
    install(site, "limner-shapes")
    variables = {"LIMNER_DATA_DIR": str(folder / "data"), "PYTHONPATH": str(site), "LIMNER_MAX_RETRIES": "0"}
    serving = WarmServing(folder, variables)

    def post(body: object, **headers: str) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        json_with = {"Content-Type": "application/json", **headers}
        request = urllib.request.Request(f"{serving.url}/api/image", data, json_with)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, json.load(error)

    yield post
    serving.stop()


def picture(answer: dict[str, Any]) -> Image.Image:
    head, data = answer["image"].split(",")
    assert head == f"data:{answer['mimeType']};base64"
    return Image.open(BytesIO(base64.b64decode(data)))


def test_a_prompt_gives_an_image_with_its_type_and_metadata(ask: Ask) -> None:
    """G3, G4, R2: a `data:` URI, the type by the bytes, and what is known of the picture."""
    status, answer = ask({"prompt": "a red fox", "size": "256x320", "seed": 7})
    assert (status, answer["mimeType"]) == (200, "image/png")
    assert picture(answer).size == (256, 320)
    assert (answer["metadata"]["seed"], answer["metadata"]["provider"]) == (7, "sketch")
    assert "revisedPrompt" not in answer


def test_a_revised_prompt_is_there_only_where_the_provider_gave_one(ask: Ask) -> None:
    """G4, R2: at the top level as the guide has it, and under metadata as the example has it."""
    status, answer = ask({"prompt": "a fox #revised", "provider": "shapes"})
    assert status == 200
    assert answer["revisedPrompt"]
    assert answer["metadata"]["revisedPrompt"] == answer["revisedPrompt"]


def test_names_on_the_wire_are_in_camel_case(ask: Ask) -> None:
    wanted = {"prompt": "a fox #revised", "provider": "shapes", "negativePrompt": "fog"}
    for status, answer in (ask(wanted), ask({"prompt": "a", "options": {"outcome": "timeout"}})):
        metadata = answer["metadata"]
        assert not [name for name in (*answer, *metadata) if "_" in name], status
        assert metadata["provider"]


@pytest.mark.parametrize("body", [{}, {"prompt": ""}, {"prompt": "  "}, {"prompt": None}, {"prompt": 5}])
def test_a_missing_prompt_is_a_400(ask: Ask, body: object) -> None:
    """R1: in the words of the reference."""
    assert ask(body) == (400, {"error": "Missing prompt", "category": "invalid-request"})


def test_size_and_seed_are_forwarded_only_when_given(ask: Ask) -> None:
    """R3: without them the model's size and a new seed each time."""
    first, second = (ask({"prompt": "a fox"})[1]["metadata"] for _ in range(2))
    assert first["size"] == "1024x1024"
    assert first["seed"] != second["seed"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"not json", 400, "JSON object"),
        (b"[1]", 400, "JSON object"),
        ({"prompt": "a fox", "size": "huge"}, 400, "size 'huge'"),
        ({"prompt": "a fox", "colour": "red"}, 400, "colour"),
        ({"prompt": "a fox", "provider": "nobody"}, 400, "There is no provider 'nobody'"),
        ({"prompt": "a fox", "options": {"outcome": "content-filter"}}, 422, "could not be generated"),
        ({"prompt": "a fox", "options": {"outcome": "rate-limit"}}, 429, "no more requests"),
        ({"prompt": "a fox", "options": {"outcome": "timeout"}}, 504, "did not answer"),
        ({"prompt": "a fox", "options": {"outcome": "bad-image"}}, 502, "not a complete picture"),
    ],
)
def test_what_goes_wrong_is_one_sentence(ask: Ask, body: object, status: int, words: str) -> None:
    code, answer = ask(body)
    assert code == status
    assert words in answer["error"]


def test_another_site_cannot_spend(ask: Ask) -> None:
    assert ask({"prompt": "a fox"}, **{"Sec-Fetch-Site": "cross-site"})[0] == 403


def test_another_origin_cannot_spend_where_the_browser_says_no_more(ask: Ask) -> None:
    body = b'{"prompt": "a fox"}'
    assert ask(body, **{"Origin": "https://evil.example", "Content-Type": "text/plain"})[0] == 403
