"""What a web service's answer becomes: the category, the service's words, and the wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import httpx
import httpx2
import pytest

import limner
from limner import (
    ContentFiltered,
    ProviderError,
    failure_from_response,
    failure_without_answer,
    read_reply,
    refusal_in,
    responses,
    retry_after,
    service_words,
)
from limner.responses import MAX_WAIT


def failed(status: int, reply: object = None, headers: Any = None, **more: Any) -> ProviderError:
    failure = failure_from_response(status, reply, headers, **more)
    assert isinstance(failure, ProviderError)
    return failure


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
    failure = failed(status)
    assert (failure.category, failure.did_not_run) == (category, did_not_run)
    assert (failure.service_message, failure.why, failure.retry_after) == (None, None, None)
    assert failure.status == status


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("400: {'error': '/image/generations: Invalid model name passed in model=gpt-9.'}", 404),
        ("Model mismatch: request specifies 'a' but server is running 'b'.", 404),
        ("The model takes no mask.", 400),
    ],
)
def test_a_400_that_names_a_model_that_is_not_there_is_a_404(words: str, status: int) -> None:
    failure = failed(400, {"error": {"message": words, "type": "invalid_request_error", "code": "400"}})
    assert (failure.category, failure.did_not_run, failure.status) == ("invalid-request", True, status)


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
    failure = failed(503, reply, headers)
    assert (failure.category, failure.did_not_run) == ("unavailable", did_not_run)


def test_the_words_of_an_overload_mean_nothing_with_another_status() -> None:
    assert not failed(500, {"error": "overloaded"}).did_not_run


@pytest.mark.parametrize(("status", "category"), [(403, "bad-response"), (401, "auth"), (500, "unavailable")])
@pytest.mark.parametrize("page", [f"\n {PAGE}", PAGE.encode()])
def test_a_page_in_front_of_the_service_does_not_reject_the_key(
    status: int, category: str, page: str | bytes
) -> None:
    failure = failed(status, page)
    assert (failure.category, failure.service_message) == (category, "502 Bad & Gateway")
    assert failure.did_not_run == (category == "auth")


@pytest.mark.parametrize("did_not_run", [False, True])
@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_a_caller_may_know_whether_it_ran(status: int, did_not_run: bool) -> None:
    assert failed(status, did_not_run=did_not_run).did_not_run is did_not_run


@pytest.mark.parametrize(
    ("status", "wait"), [(429, 7), (503, 7), (500, 7), (402, None), (401, None), (200, None), (408, None)]
)
def test_only_what_passes_by_itself_has_a_wait(status: int, wait: float | None) -> None:
    assert failed(status, headers={"Retry-After": "7"}).retry_after == wait


def test_the_body_may_be_given_as_it_came() -> None:
    failure = failed(429, b'{"error": {"message": "Slow down."}}', {"RETRY-AFTER": "2"})
    assert str(failure) == "rate-limit: Slow down."
    assert failure.retry_after == 2


@pytest.mark.parametrize("did_not_run", [None, False, True])
def test_a_refusal_never_says_that_it_did_not_run(did_not_run: bool | None) -> None:
    refusal = failure_from_response(400, {"error": {"code": "moderation_blocked"}}, did_not_run=did_not_run)
    assert isinstance(refusal, ContentFiltered)
    assert not getattr(refusal, "did_not_run", False)


@pytest.mark.parametrize("status", [400, 403, 409, 422])
def test_what_may_be_a_refusal_in_other_words_may_have_run(status: int) -> None:
    failure = failed(status, {"error": "Sorry, this picture cannot be shown."})
    assert failure.category in ("invalid-request", "auth", "provider")
    assert not failure.did_not_run


@pytest.mark.parametrize(
    ("reply", "is_refused"),
    [
        ({"images": [{"url": "https://a/b.png"}], "has_nsfw_concepts": [True]}, True),
        ({"images": [{"url": "https://a/b.png"}], "has_nsfw_concepts": [False]}, False),
        ({"data": [{"url": "https://a/b.png", "respect_moderation": False}]}, True),
        ({"artifacts": [{"base64": "AAAA", "finishReason": "CONTENT_FILTERED"}]}, True),
        ({"artifacts": [{"base64": "AAAA", "finishReason": "SUCCESS"}]}, False),
        ({"data": [{"b64_json": "AAAA", "revised_prompt": "NSFW was removed by moderation"}]}, False),
        ({"data": [{"b64_json": "AAAA"}], "description": "It was flagged as NSFW content"}, False),
        ({"data": [{"b64_json": "AAAA", "content_filter_results": {"hate": {"filtered": False}}}]}, False),
        ({"data": [{"b64_json": "AAAA", "content_filter_results": {"hate": {"filtered": True}}}]}, True),
        ({"data": [{"b64_json": "AAAA"}], "moderation": "low", "enable_nsfw_filter": True}, False),
        (b"\x89PNG", False),
        (None, False),
    ],
)
def test_a_picture_may_be_marked_as_refused(reply: object, is_refused: bool) -> None:
    assert (refusal_in(reply) is not None) is is_refused


@pytest.mark.parametrize(
    "repeated",
    [
        "A nude fox, flagged by the content policy of 'x'",
        "A NUDE FOX, FLAGGED BY THE CONTENT POLICY OF 'X'",
        "a nude fox,\n flagged by the content policy of &#x27;x&#x27;",
        "A nude fox,\\nflagged by the content policy of \\'x\\'",
        "A nude fox, flagged by the content po…",
        "'A nude fox, flagged by the content' is what was asked, 'a nude fox, flagged by the content policy'",
    ],
)
def test_a_prompt_that_the_service_repeats_says_nothing(repeated: str) -> None:
    prompt = "A nude fox, flagged by the content policy of 'x'"
    reply = {"error": f"No idea what this means: {repeated}"}
    assert failed(400, reply, prompt=prompt).category == "invalid-request"
    assert isinstance(failure_from_response(400, reply), ContentFiltered)
    refused = {"error": f"{repeated} violates our content policy"}
    assert isinstance(failure_from_response(400, refused, prompt=prompt), ContentFiltered)


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"error": "Please try again in 20s"}, 20),
        ({"error": "It resets in ~3s."}, 3),
        ({"error": "Expected available in 3 seconds."}, 3),
        ({"error": "Retry in 1m30s"}, 90),
        ({"error": "Please try again in 120ms."}, 0.12),
        ({"error": "Please retry after 24 seconds."}, 24),
        ({"error": "Try again in 0:12:30"}, 750),
        ({"error": "请在30秒后重试"}, 30),
        ({"error": "Wait 2 minutes"}, 120),
        ({"error": "Try again in 5 images per 60 seconds"}, None),
        ({"error": "Limit 5, used 5"}, None),
        ({"retry_after": 6}, 6),
        ({"error": {"retryAfter": "8"}}, 8),
        ({"details": [{"retryDelay": "37.5s"}]}, 37.5),
        ({"details": [{"retry_delay": {"seconds": 44}}]}, 44),
        ({"retry_after_ms": 1500}, 1.5),
        ({"retry_after": "nan"}, None),
        ({"retry_after": [7]}, 7),
        ({"retry_after": {"a": 1}}, None),
        ({"retry_after": 1e300}, None),
        ({"retry_after": True}, None),
    ],
)
def test_the_wait_may_stand_in_the_answer(body: object, seconds: float | None) -> None:
    failure = failed(429, body)
    assert (failure.category, failure.retry_after) == ("rate-limit", seconds)
    assert failed(429, body, {"retry-after": "7"}).retry_after == 7


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
        (
            {
                "detail": [
                    {"loc": ["body", "size"], "msg": "Field required"},
                    {"loc": ["body", 0], "msg": "Bad"},
                ]
            },
            "Field required (size); Bad",
        ),
        ({"error": {"message": "Unknown parameter.", "param": "seed"}}, "Unknown parameter. (seed)"),
        ({"error": {"message": "The size is wrong.", "param": "size"}}, "The size is wrong."),
        ({"error": {"message": "It is wrong.", "param": "a prompt with words"}}, "It is wrong."),
        ({"error": {"param": "size"}}, None),
        ({"error": {"message": "It was flagged.", "param": "prompt"}}, "It was flagged."),
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
    failure = failed(500, HOSTILE[name])
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


FOREIGN: list[Any] = [
    object(),
    {object(): "x", 5: "y", None: None},
    {"error": {1, 2}, "code": 10**5000, "status": float("nan"), "retry_after": 10**5000},
    {"code": float("inf"), "nsfw": object(), "loc": [object()], "data": ()},
    [[[{"error": [None, True, b"bytes", 1.5]}]]],
    {"error": "x" * 5_000_000},
    {"error": "sensitive flagged content policy " * 100_000},
    {"errors": [{"message": f"the prompt was {number}"} for number in range(100_000)]},
    {str(number): "a" for number in range(100_000)},
    "{" * 100_000 + "}" * 100_000,
    '{"a":' * 5_000 + "1" + "}" * 5_000,
    {"error": "prompt '" * 20_000},
    {"error": "i am " * 50_000},
    {"error": "wait for in after " * 50_000},
    {"error": "1m" * 50_000},
]


@pytest.mark.parametrize("reply", FOREIGN, ids=range(len(FOREIGN)))
@pytest.mark.parametrize("status", [200, 400, 503])
def test_reading_a_foreign_answer_never_raises(status: int, reply: Any) -> None:
    failure_from_response(status, reply, prompt="a fox")
    refusal_in(reply)


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
    names = {"failure_from_response", "read_reply", "refusal_in", "retry_after", "service_words"}
    assert names <= {*limner.__all__}


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize(
    ("kind", "category", "did_not_run"),
    [
        ("ConnectError", "unavailable", True),
        ("ConnectTimeout", "unavailable", True),
        ("PoolTimeout", "unavailable", True),
        ("ProxyError", "unavailable", True),
        ("InvalidURL", "unavailable", True),
        ("ReadTimeout", "timeout", False),
        ("WriteTimeout", "timeout", False),
        ("ReadError", "unavailable", False),
        ("RemoteProtocolError", "unavailable", False),
        ("DecodingError", "bad-response", False),
        ("TooManyRedirects", "bad-response", False),
    ],
)
def test_a_request_without_an_answer(library: Any, kind: str, category: str, did_not_run: bool) -> None:
    error = getattr(library, kind)("At https://user:secret@paint.example")
    failure = failure_without_answer(error)
    assert (failure.category, failure.did_not_run, failure.why) == (category, did_not_run, None)
    assert failure.service_message is None
    assert failure_without_answer(error, did_not_run=False).did_not_run is False
    assert failure_without_answer(error, did_not_run=True).did_not_run is True
    why = failure_without_answer(error, why="Start it.").why
    assert why == ("Start it." if did_not_run else None)


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_what_the_client_refuses_to_send_has_not_run(library: Any) -> None:
    failure = failure_without_answer(library.LocalProtocolError("Illegal header value b'Bearer '"))
    assert (failure.category, failure.did_not_run) == ("invalid-request", True)
    assert failure.why
    assert failure.why.startswith("The request could not be sent")
