"""Pictures are found in every form that services give them, and nothing else is taken for one."""

from __future__ import annotations

import json
import random
from types import SimpleNamespace
from typing import Any

import pytest

from limner import ContentFiltered, find_pictures
from limner.finding import is_marked_unsafe
from limner.testing import picture

PNG = "iVBORw0KGgoAAAANSUhEUg"
AT = "https://api.example/v1"
LINK = "https://cdn.example/a.png"


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ({"data": [{"b64_json": PNG, "url": LINK}]}, [PNG]),
        ({"data": [{"url": LINK}]}, [LINK]),
        ({"data": {"url": LINK}}, [LINK]),
        ({"data": {"b64_json": PNG}}, [PNG]),
        ({"data": PNG}, [PNG]),
        ({"images": [PNG]}, [PNG]),
        ({"images": [LINK]}, [LINK]),
        ({"images": [{"url": LINK, "content_type": "image/png", "width": 8}]}, [LINK]),
        ({"images": [{"base64": PNG}]}, [PNG]),
        ({"images": [{"data": PNG, "mime_type": "image/png"}]}, [PNG]),
        ({"image": PNG}, [PNG]),
        ({"image": {"url": LINK}}, [LINK]),
        ({"output": LINK}, [LINK]),
        ({"output": [LINK]}, [LINK]),
        ({"output": {"first": {"second": LINK}}}, [LINK]),
        ({"artifacts": [{"base64": PNG, "finishReason": "SUCCESS", "seed": 7}]}, [PNG]),
        ({"predictions": [{"bytesBase64Encoded": PNG, "mimeType": "image/png"}]}, [PNG]),
        ({"candidates": [{"content": {"parts": [{"text": "Here"}, {"inlineData": {"data": PNG}}]}}]}, [PNG]),
        ({"choices": [{"message": {"content": "Here", "images": [{"image_url": {"url": LINK}}]}}]}, [LINK]),
        ({"result": {"sample": "https://bfl.example/x?sig=a.json"}}, ["https://bfl.example/x?sig=a.json"]),
        ({"image_result": [{"url": LINK}]}, [LINK]),
        ({"data": {"image_urls": [LINK]}}, [LINK]),
        ({"data": {"binary_data_base64": [PNG, ""]}}, [PNG]),
        ({"data": {"task_result": {"images": [{"url": LINK}]}}}, [LINK]),
        ({"data": [{"imageURL": LINK, "imageUUID": "7"}]}, [LINK]),
        ({"data": [{"imageBase64Data": PNG}]}, [PNG]),
        ({"Response": {"ResultImage": PNG, "RequestId": "7"}}, [PNG]),
        ({"generations_by_pk": {"generated_images": [{"url": LINK}], "status": "COMPLETE"}}, [LINK]),
        ([LINK], [LINK]),
        ([{"url": LINK}], [LINK]),
        (LINK, [LINK]),
        (PNG, [PNG]),
        ({"data": [{"url": "/files/a.png"}]}, ["https://api.example/files/a.png"]),
        ({"data": [{"url": "files/a"}]}, ["https://api.example/v1/files/a"]),
        ({"data": [{"url": "//cdn.example/a"}]}, ["https://cdn.example/a"]),
        ({"images": ["/files/a.png"]}, ["https://api.example/files/a.png"]),
        ({"data": [{"url": " https://cdn.example/red fox.png\n"}]}, ["https://cdn.example/red%20fox.png"]),
        ({"data": [{"url": "data:image/png;base64," + PNG}]}, ["data:image/png;base64," + PNG]),
        ({"output": "data:text/plain;base64," + PNG}, ["data:text/plain;base64," + PNG]),
        (
            {"output": ["https://x.example/info.json", "https://x.example/a", LINK]},
            [LINK, "https://x.example/a"],
        ),
        ({"output": {"json": "https://x.example/a.JSON?x=1", "image": LINK}}, [LINK]),
        ({"url": "https://api.example/jobs/7", "images": [LINK]}, [LINK]),
        ({"data": [{"b64_json": "?!"}]}, ["?!"]),  # what the service calls a picture, the host judges
    ],
)
def test_each_form(reply: object, found: list[str]) -> None:
    assert find_pictures(reply, AT) == found


@pytest.mark.parametrize(
    "reply",
    [
        None,
        7,
        True,
        "",
        "a red fox",
        "<html><img src='https://cdn.example/a.png'>",
        [],
        {},
        {"data": None},
        {"data": []},
        {"data": "none"},
        {"data": {"url": None}},
        {"data": [None, 7, [], {"b64_json": 7}, {"url": {"url": 7}}]},
        {"images": {}},
        {"images": {"first": LINK}},
        {"image": {"error": LINK}},
        {"error": {"message": "See https://docs.example/a.png", "url": LINK}},
        {"message": "https://docs.example/help"},
        {"data": {"status": "created", "urls": {"get": "https://api.example/jobs/7"}}},
        {"output": ["a ", "red fox"]},
        {"output": "https://x.example/a.mp4"},
        {"output": "data:application/json;base64,e30="},
        {"output": "ftp://x.example/a.png"},
        {"output": "http://["},
        {"output": "//["},
        {"data": [{"url": "//[x/a.png"}]},
        {"data": [{"url": "https://" + "x" * 20_000}]},
        {"input": {"image": LINK}},
    ],
)
def test_what_is_no_picture(reply: object) -> None:
    assert find_pictures(reply, AT) == []


def test_without_an_address_a_relative_link_leads_nowhere() -> None:
    assert find_pictures({"data": [{"url": "/a.png"}]}) == []
    assert find_pictures({"data": [{"url": "//cdn.example/a.png"}]}) == [LINK]


def answer(body: bytes, label: str = "application/octet-stream") -> Any:
    return SimpleNamespace(content=body, headers={"content-type": label})


SVG = b'<?xml version="1.0"?>\n<!-- a fox -->\n<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'


@pytest.mark.parametrize(
    ("body", "label", "is_one"),
    [
        (picture(), "image/png", True),
        (picture(), "application/json", True),
        (SVG, "text/plain", True),
        (b"\0\0\1\0", "image/x-icon", True),
        (b"", "image/png", False),
        (b"<html><svg></svg>", "text/html", False),
        (b"\0\1\2", "application/octet-stream", False),
    ],
)
def test_a_body_that_is_a_picture(body: bytes, label: str, is_one: bool) -> None:
    assert find_pictures(None, AT, answer(body, label)) == ([body] if is_one else [])


def test_a_json_body_is_no_picture_whatever_its_label_is() -> None:
    assert find_pictures({"data": []}, AT, answer(b'{"data": []}', "image/png")) == []


@pytest.mark.parametrize(
    ("reply", "marked"),
    [
        ({"has_nsfw_concepts": [True]}, True),
        ({"has_nsfw_concepts": [False, True], "images": [{"url": LINK}]}, True),
        ({"has_nsfw_concepts": True}, True),
        ({"data": {"has_nsfw_contents": [True], "outputs": [LINK]}}, True),
        ([{"output": {"nsfw_content_detected": [True]}}], True),
        ({"has_nsfw_concepts": [False]}, False),
        ({"has_nsfw_concepts": None}, False),
        ({"has_nsfw_concepts": {"a": True}}, False),
        ({"has_nsfw_concepts": "no"}, False),
        ({"nsfw_checker": True}, False),
    ],
)
def test_a_mark_is_a_refusal(reply: object, marked: bool) -> None:
    assert is_marked_unsafe(reply) is marked
    if marked:
        with pytest.raises(ContentFiltered) as raised:
            find_pictures(reply, AT)
        assert (raised.value.service_message, "not safe" in str(raised.value.why)) == (None, True)


def strange(chance: random.Random, depth: int = 4) -> Any:
    """Returns a JSON value of any kind under the names that matter."""
    names = ["data", "images", "image", "url", "b64_json", "output", "error", "artifacts", "message", "seed"]
    plain = [None, True, 7, -1.5, "", "x", LINK, PNG, "//", "data:,", "http://[", "\ud800", "/" * 99, 10**30]
    kind = chance.random() if depth else 0
    if kind < 0.4:
        return chance.choice(plain)
    if kind < 0.6:
        return [strange(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {chance.choice(names): strange(chance, depth - 1) for _ in range(chance.randrange(5))}


def test_no_reply_makes_it_raise() -> None:
    chance = random.Random(7)
    for _ in range(3_000):
        for found in find_pictures(strange(chance), AT):
            assert isinstance(found, str)
    deep = json.loads('{"data":[' * 300 + "]}" * 300)
    assert find_pictures(deep, AT) == []
    assert find_pictures({"data": [{"url": LINK}] * 200_000}, AT) == [LINK]
    assert find_pictures({"data": [[[0] * 100] * 100] * 10_000}, AT) == []
