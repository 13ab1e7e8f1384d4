"""JSON with very long strings in it says the same as to Python's own parser."""

import json
from typing import Any

import pytest

from limner import read_reply
from limner.long_json import parse_json

LONG = "iVBORw0KGgo" + "A" * 150_000
OTHER = "/9j/" + "B" * 120_000


@pytest.mark.parametrize(
    "said",
    [
        LONG,
        [LONG, OTHER, LONG],
        {"data": [{"b64_json": LONG, "seed": 7, "note": 'a "fox"\\'}], "image": OTHER, "usage": None},
        {"before\\": "\\", "images": [[{"b64": [OTHER, 1.5, True, {"x": LONG}]}]], "after": '\\"'},
        {LONG: "a name", "image": LONG},
        {"quotes": '"' * 300, "image": LONG},
        {"backslashes": "\\" * 300 + '"', "numbers": [1] * 60_000, "image": LONG},
        {"escaped": LONG + "/\\/\n", "image": OTHER},
        {"words": "ß狐" * 60_000, "empty": "", "list": []},
        [*("word" for _ in range(2_000)), LONG],
    ],
    ids=range(10),
)
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ascii", [True, False])
def test_it_is_the_same_json(said: Any, indent: int | None, ascii: bool) -> None:
    written = json.dumps(said, indent=indent, ensure_ascii=ascii)
    assert parse_json(written.encode()) == parse_json(written) == said
    assert parse_json(written.encode("utf-8-sig")) == said


def test_a_name_stays_however_far_its_colon_is() -> None:
    assert parse_json(f'{{"{LONG}"{" " * 500}\n\t:1, "image": "{LONG}"}}'.encode()) == {
        LONG: 1,
        "image": LONG,
    }


@pytest.mark.parametrize("hostile", ["\\\\" * 500_000, '\\"' * 500_000])
def test_a_string_of_escapes_is_left_to_the_parser(hostile: str) -> None:
    looked: list[int] = []

    class Watched(bytes):
        def find(self, *where: Any) -> int:
            looked.append(1)
            return super().find(*where)

    assert parse_json(Watched(f'["{hostile}", "{LONG}"]'.encode())) == json.loads(f'["{hostile}", "{LONG}"]')
    assert len(looked) < 200


def test_large_numbers_are_floats_beside_a_long_string() -> None:
    said = parse_json(f'{{"seed": {"9" * 5000}, "image": "{LONG}"}}'.encode())
    assert said == {"seed": float("inf"), "image": LONG}


@pytest.mark.parametrize(
    "broken",
    [
        f'{{"image": "{LONG}',
        f'{{"image": "{LONG}"',
        f'{{"image": {LONG}"}}',
        f'"{LONG}" "{LONG}"',
        f'"{LONG}\\"',
    ],
)
def test_what_is_no_json_is_still_none(broken: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(broken.encode())
    assert read_reply(broken.encode()) == broken[:10_000]


def test_bytes_that_are_no_text_are_not_json() -> None:
    with pytest.raises(ValueError, match="decode"):
        parse_json(b'{"image": "' + b"\xff" * 200_000 + b'"}')


def test_a_reply_cannot_name_what_was_cut_out() -> None:
    """What stands in for a long string differs from one reply to the next."""
    seen: set[str] = set()
    loads = json.loads

    def spy(text: str, **options: Any) -> Any:
        seen.add(text)
        return loads(text, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json, "loads", spy)
        for _ in range(2):
            parse_json(f'["{LONG}"]'.encode())
    assert len(seen) == 2
    assert all(len(text) < 100 for text in seen)
