"""What a web service's answer becomes: the category, the service's words, and the wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import httpx
import pytest

import limner
from limner import failure_from_response, read_reply, responses, retry_after, service_words
from limner.responses import MAX_WAIT

PAGE = "<!doctype html><html><head><title>\n 502 Bad &amp; Gateway </title></head><body>nginx</body></html>"


# The category


@pytest.mark.parametrize(
    ("status", "category", "did_not_run"),
    [
        (400, "invalid-request", True),
        (401, "auth", True),
        (402, "quota", True),
        (403, "auth", True),
        (404, "invalid-request", True),
        (405, "invalid-request", True),
        (408, "timeout", False),
        (409, "provider", False),
        (410, "invalid-request", True),
        (413, "invalid-request", True),
        (415, "invalid-request", True),
        (418, "provider", False),
        (422, "invalid-request", True),
        (429, "rate-limit", True),
        (500, "unavailable", False),
        (502, "unavailable", False),
        (503, "unavailable", False),
        (504, "unavailable", False),
        (529, "unavailable", False),
        (200, "bad-response", False),
        (302, "bad-response", False),
        (0, "bad-response", False),
        (-1, "bad-response", False),
        (10**5000, "bad-response", False),
    ],
    ids=lambda value: str(value)[:5] if isinstance(value, str | bool) or value < 1000 else "huge",
)
def test_a_status_has_a_category(status: int, category: str, did_not_run: bool) -> None:
    failure = failure_from_response(status)
    assert (failure.category, failure.did_not_run) == (category, did_not_run)
    assert (failure.service_message, failure.why, failure.retry_after) == (None, None, None)


@pytest.mark.parametrize(
    ("reply", "headers", "did_not_run"),
    [
        (None, {"Retry-After": "7"}, True),
        (PAGE, {"Retry-After": "7"}, True),
        (None, {"Retry-After": "soon"}, False),
        ({"error": {"message": "The engine is currently overloaded."}}, {}, True),
        ({"detail": "No capacity"}, {}, True),
        (b'{"detail": "No capacity"}', {}, True),
        ({"error": "Down"}, {}, False),
        ("no healthy upstream, overload", {}, False),
        (PAGE.replace("Gateway", "overload"), {}, False),
    ],
)
def test_a_503_did_not_run_only_if_the_service_itself_says_so(
    reply: Any, headers: dict[str, str], did_not_run: bool
) -> None:
    failure = failure_from_response(503, reply, headers)
    assert (failure.category, failure.did_not_run) == ("unavailable", did_not_run)


def test_the_words_of_an_overload_mean_nothing_with_another_status() -> None:
    assert not failure_from_response(500, {"error": "overloaded"}).did_not_run


@pytest.mark.parametrize(("status", "category"), [(403, "bad-response"), (401, "auth"), (500, "unavailable")])
@pytest.mark.parametrize("page", [f"\n {PAGE}", PAGE.encode()])
def test_a_page_in_front_of_the_service_does_not_reject_the_key(
    status: int, category: str, page: str | bytes
) -> None:
    failure = failure_from_response(status, page)
    assert (failure.category, failure.service_message) == (category, "502 Bad & Gateway")
    assert failure.did_not_run == (category == "auth")


@pytest.mark.parametrize("did_not_run", [False, True])
@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_a_caller_may_know_whether_it_ran(status: int, did_not_run: bool) -> None:
    assert failure_from_response(status, did_not_run=did_not_run).did_not_run is did_not_run


@pytest.mark.parametrize(
    ("status", "wait"), [(429, 7), (503, 7), (500, 7), (402, None), (401, None), (200, None), (408, None)]
)
def test_only_what_passes_by_itself_has_a_wait(status: int, wait: float | None) -> None:
    assert failure_from_response(status, headers={"Retry-After": "7"}).retry_after == wait


def test_the_body_may_be_given_as_it_came() -> None:
    failure = failure_from_response(429, b'{"error": {"message": "Slow down."}}', {"RETRY-AFTER": "2"})
    assert str(failure) == "rate-limit: Slow down."
    assert failure.retry_after == 2


# The words


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("  Not found\n", "Not found"),
        (b"Not found", "Not found"),
        ('"Not found"', "Not found"),
        (PAGE, "502 Bad & Gateway"),
        (b"<html><title lang='fr'>Indisponible, d\xe9sol\xe9</title>", "Indisponible, d\ufffdsol\ufffd"),
        (b'\xef\xbb\xbf{"error": "with a byte order mark"}', "with a byte order mark"),
        ("<p>a page without a title", None),
        ({"message": "a", "error": "b"}, "a"),
        ({"message": "", "error": "b"}, "b"),
        ({"message": None, "error": {"code": 7, "message": "b"}}, "b"),
        ({"error": {"message": {"message": "deep"}}}, "deep"),
        ({"error": "invalid_token", "error_description": "It has expired."}, "It has expired."),
        ({"title": "Unauthenticated", "detail": "Invalid token"}, "Invalid token"),
        ({"title": "Unauthenticated", "detail": None}, "Unauthenticated"),
        (
            {"detail": [{"loc": ["body"], "msg": "Field required"}, {"msg": "too big"}]},
            "Field required; too big",
        ),
        ({"errors": ["bad width", "bad height", "bad width"]}, "bad width; bad height"),
        ([None, 1, {"message": "in a list"}], "in a list"),
        ('{"message": "half', None),
        ("Upstream said: {'message': 'half", "Upstream said"),
        ('{"message": "{\\"error\\": {\\"message\\": \\"inside\\"}}"}', "inside"),
        ({"message": "b'\\x89PNG\\r\\n\\x1a\\n is no picture'"}, None),
        ({"message": "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"}, None),
        ({"message": "\ufffd\ufffd\ufffd\ufffd JFIF"}, None),
        ({"message": "iVBORw0KGgoAAAANSUhEUg" + "A" * 200}, None),
        ({"message": "Not a picture: iVBORw0KGgo" + "A" * 200}, "Not a picture"),
        ({"message": "data:image/png;base64,iVBORw0KGgo" + "A" * 200}, None),
        ({"detail": 'Traceback (most recent call last):\n  File "a.py", line 1\nRuntimeError: x'}, None),
        (
            {"detail": 'It broke.\nTraceback (most recent call last):\n  File "a.py", line 1\nE: x'},
            "It broke.",
        ),
        ({"error": "TypeError: x is undefined\n    at make (/app/a.js:1:2)"}, "TypeError: x is undefined"),
        ({"base_resp": {"status_code": 1000, "status_msg": "unknown error"}}, "unknown error"),
        ({"status": "FAILURE", "failReason": "It was too slow"}, "It was too slow"),
        ({"code": "x", "data": {"message": "not here"}}, None),
        ({"message": 5}, None),
        ("...", None),
        ("", None),
        (None, None),
        (7, None),
        ([], None),
    ],
)
def test_the_words_of_a_reply(reply: object, words: str | None) -> None:
    assert service_words(reply) == words


def test_words_have_an_end() -> None:
    assert service_words("word " * 1000) == ("word " * 200)
    assert len(service_words([f"{number} " + "x " * 200 for number in range(9)]) or "") == 1000
    assert len(service_words(f"<title>{'some words ' * 900}</title>") or "") == 1000


def nested(around: Callable[[Any], Any]) -> Any:
    reply: Any = "deep"
    for _ in range(50_000):
        reply = around(reply)
    return reply


HOSTILE = {
    "a picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "no text": b"\xff\xfe\xfd",
    "open brackets": "[" * 200_000,
    "open brackets as bytes": b"[" * 200_000,
    "deep objects": nested(lambda reply: {"error": reply}),
    "deep lists": nested(lambda reply: [reply]),
    "a character of 5,000 digits": f"<title>&#{'1' * 5000};</title>",
    "titles without an end": "<title" * 200_000,
    "half of a character": '{"message": 5, "error": "\\ud800"}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_reply_raises_nothing(name: str) -> None:
    failure = failure_from_response(500, HOSTILE[name])
    assert (failure.category, failure.service_message) == ("unavailable", None)


def test_only_the_beginning_of_a_page_is_searched_for_its_title(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []

    class Title:
        def search(self, text: str) -> None:
            searched.append(len(text))

    monkeypatch.setattr(responses, "_TITLE", Title())
    failure_from_response(500, HOSTILE["titles without an end"])
    assert searched
    assert max(searched) <= 10_000


def test_a_number_of_5000_digits_hides_no_words() -> None:
    reply = read_reply(b'{"message": "no", "seed": 12345678901234567, "n": ' + b"9" * 5000 + b"}")
    assert reply == {"message": "no", "seed": 12345678901234567, "n": float("inf")}
    assert service_words(reply) == "no"


def test_a_body_is_read_as_json_or_else_as_text() -> None:
    assert read_reply(b'{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
    assert read_reply("<p>x") == read_reply(b"<p>x") == "<p>x"
    assert read_reply(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR") is None


# The wait


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"Retry-After": " 2.5 "}, 2.5),
        ({"RETRY-AFTER-MS": "1500", "Retry-After": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": str(int(MAX_WAIT))}, MAX_WAIT),
        ({"retry-after": str(int(MAX_WAIT) + 1)}, None),
        ({"retry-after": "Wed, 21 Oct 2150 07:28:00 GMT"}, None),
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Someday, 99 Foo"}, None),
        ({"retry-after": "Mon, 99 Jan 99999999999 99:99:99 GMT"}, None),
        ({"retry-after": f"Mon, 01 Jan 2024 00:00:00 +{'9' * 40}"}, None),
        ({"retry-after": ""}, None),
        ({"x-retry-after": "7"}, None),
        ({}, None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_wait_that_a_service_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds
    assert retry_after(httpx.Headers(headers)) == seconds


@pytest.mark.parametrize("zone", ["GMT", "-0000", ""])
def test_a_date_is_seconds_from_now_in_any_time_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    date = formatdate(time.time() + 100, usegmt=True).replace("GMT", zone)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        wait = retry_after({"Retry-After": date})
    finally:
        monkeypatch.undo()
        time.tzset()
    assert wait is not None
    assert 90 < wait <= 100


def test_a_plugin_imports_them_from_the_contract() -> None:
    assert {"failure_from_response", "read_reply", "retry_after", "service_words"} <= {*limner.__all__}
