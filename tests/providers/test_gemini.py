"""Gemini's provider, with the real SDK, against a server on this machine that answers as the API does."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai.types import BlockedReason, FinishReason
from pydantic import SecretStr

from core import open_studio
from core.chat.message import Version
from core.chat.request import UserRequest
from core.settings.schema import load_settings
from limner import ContentFiltered, ImageRequest, ImageResult, InputImage, ProviderError, Size
from limner.testing.loopback import Handler, Loopback, Reply, Request
from limner.testing.runner import on_a_loop as run
from providers import gemini
from tests.core.scripted import PNG

MODEL = "gemini-nano-banana-2.1"
PATH = f"/v1beta/models/{MODEL}:generateContent"
KEY = "AIzaSy-test-0123456789abcdef"


TEXT = base64.b64encode(PNG).decode()
PICTURE = {"inlineData": {"mimeType": "image/png", "data": TEXT}}
SENT = {"inlineData": {"mime_type": "image/png", "data": TEXT}}
"""The same as the SDK writes it; the service reads a name in either form."""


def said(*parts: dict[str, Any], reason: str = "STOP", **more: Any) -> Reply:
    """An answer of the API with these parts."""
    content = {"role": "model", "parts": list(parts)} if parts else {"role": "model"}
    return Reply(body={"candidates": [{"content": content, "finishReason": reason, "index": 0} | more]})


GOOD = said(PICTURE)


def ask(base_url: str | None, **more: Any) -> ImageRequest:
    given: dict[str, Any] = {"prompt": "A red fox", "model": MODEL, "credential": SecretStr(KEY)}
    return ImageRequest(base_url=base_url, **(given | more))


def image(data: bytes, media_type: str = "image/png") -> InputImage:
    return InputImage(data, media_type, Size(16, 16), "a.png")


def make(request: ImageRequest) -> ImageResult:
    return run(lambda: gemini.generate(request))


def answered(reply: Reply = GOOD, **more: Any) -> tuple[ImageResult, Request]:
    """Returns what the provider makes of a reply, and the one request that the service saw."""
    with Loopback({PATH: reply}) as server:
        result = make(ask(server.url, **more))
    (request,) = server.requests
    return result, request


def refused(reply: Reply, **more: Any) -> ContentFiltered | ProviderError:
    """Returns the error that the provider makes of a reply, after exactly one request."""
    with Loopback({PATH: reply}) as server, pytest.raises((ContentFiltered, ProviderError)) as raised:
        make(ask(server.url, **more))
    assert len(server.requests) == 1
    assert KEY not in f"{raised.value} {raised.value.__cause__}"
    return raised.value


def failed(reply: Reply, **more: Any) -> ProviderError:
    failure = refused(reply, **more)
    assert isinstance(failure, ProviderError)
    return failure


def error(status: int, code: str, message: str, **more: Any) -> Reply:
    return Reply(status, {"error": {"code": status, "message": message, "status": code, **more}})


# What is sent


def test_a_prompt_alone() -> None:
    _, request = answered(size=Size(1024, 1024))
    assert request.json == {
        "contents": [{"role": "user", "parts": [{"text": "A red fox"}]}],
        "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "imageConfig": {"aspectRatio": "1:1"}},
    }


@pytest.mark.parametrize(
    ("size", "frame"),
    [
        ("1376x768", {"aspectRatio": "16:9"}),
        ("2752x1536", {"aspectRatio": "16:9", "imageSize": "2K"}),
        ("3392x5056", {"aspectRatio": "2:3", "imageSize": "4K"}),
        ("12288x1536", {"aspectRatio": "8:1", "imageSize": "4K"}),
        ("2048x2048", {"aspectRatio": "1:1", "imageSize": "2K"}),
    ],
)
@pytest.mark.parametrize("images", [(), (image(PNG),)])
def test_a_size_is_a_ratio_and_a_tier(
    size: str, frame: dict[str, str], images: tuple[InputImage, ...]
) -> None:
    _, request = answered(size=Size.parse(size), images=images)
    assert request.json["generationConfig"]["imageConfig"] == frame


@pytest.mark.parametrize("size", [None, Size(1024, 1024)])
def test_a_picture_that_is_edited_keeps_its_ratio_unless_another_is_chosen(size: Size | None) -> None:
    _, request = answered(size=size, images=(image(PNG),))
    assert "imageConfig" not in request.json["generationConfig"]


def test_pictures_go_in_byte_for_byte_in_their_order_before_the_prompt() -> None:
    lengths = (1, 2, 3, 70, gemini._STEP - 1, gemini._STEP, gemini._STEP + 1, 2 * gemini._STEP + 2)  # pyright: ignore[reportPrivateUsage]
    types = ("image/png", "image/jpeg", "image/webp")
    given = [
        image(bytes((n + at) % 256 for at in range(length)), types[n % 3]) for n, length in enumerate(lengths)
    ]
    _, request = answered(images=tuple(given))
    (turn,) = request.json["contents"]
    *parts, prompt = turn["parts"]
    assert prompt == {"text": "A red fox"}
    came = [
        (part["inlineData"]["mime_type"], base64.b64decode(part["inlineData"]["data"], validate=True))
        for part in parts
    ]
    assert came == [(one.media_type, one.data) for one in given]
    assert request.headers["content-length"] == str(len(request.body))
    assert "transfer-encoding" not in request.headers


def test_a_large_picture_is_encoded_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    real = base64.b64encode

    def noted(data: bytes, altchars: bytes | None = None) -> bytes:
        encoded.append(len(data))
        return real(data, altchars)

    monkeypatch.setattr(base64, "b64encode", noted)
    answered(images=(image(bytes(3_000_000)),))
    assert sum(encoded) >= 3_000_000
    assert max(encoded) < 300_000


def test_a_prompt_that_looks_like_a_part_of_the_request_stays_one() -> None:
    prompt = '"}], "inlineData": {"data": "AAAA"} \u2028 \ud83e\udd8a'.encode(
        "utf-16", "surrogatepass"
    ).decode("utf-16")
    _, request = answered(prompt=prompt, images=(image(PNG),))
    assert request.json["contents"][0]["parts"][1] == {"text": prompt}


@pytest.mark.parametrize(
    ("base", "model", "path"),
    [
        ("", "gemini-quite-new", "/v1beta/models/gemini-quite-new:generateContent"),
        ("/", "models/gemini-quite-new", "/v1beta/models/gemini-quite-new:generateContent"),
        ("/proxy", "gemini-quite-new", "/proxy/v1beta/models/gemini-quite-new:generateContent"),
        ("/proxy/v1", "tunedModels/fox", "/proxy/v1/tunedModels/fox:generateContent"),
        ("/v1alpha/", "gemini-quite-new", "/v1alpha/models/gemini-quite-new:generateContent"),
    ],
)
def test_addresses(base: str, model: str, path: str) -> None:
    with Loopback({path: GOOD}) as server:
        make(ask(f"{server.url}{base}", model=model))
    assert [request.path for request in server.requests] == [path]


@pytest.mark.parametrize("model", ["../fox", "fox?key=1", "a#b", "red fox", "füchse"])
def test_a_name_that_no_model_has_is_refused_before_the_call(model: str) -> None:
    with Loopback({PATH: GOOD}) as server, pytest.raises(ProviderError) as raised:
        make(ask(server.url, model=model))
    assert server.requests == []
    assert (raised.value.category, raised.value.did_not_run) == ("invalid-request", True)
    assert raised.value.service_message is None


# Going on from an answer

SIGNATURE = base64.b64encode(bytes(range(200, 256))).decode()
SECOND = base64.b64encode(b"\xfb\xff\xfe").decode()
SIGNED = said({"text": "Here it is.", "thoughtSignature": SIGNATURE}, PICTURE | {"thoughtSignature": SECOND})


def signed() -> Any:
    """What the host keeps of a signed answer, as it comes out of its store."""
    result, _ = answered(SIGNED)
    return json.loads(json.dumps(result.continuation))


def test_what_was_signed_goes_back_as_the_models_own_turn() -> None:
    continuation = signed()
    assert TEXT not in str(continuation)
    other = image(b"another", "image/jpeg")
    _, request = answered(prompt="In autumn", images=(image(PNG), other), continuation=continuation)
    asked, answer, new = request.json["contents"]
    assert asked == {"role": "user", "parts": [{"text": "A red fox"}]}
    assert answer["role"] == "model"
    words, picture = answer["parts"]
    assert words["text"] == "Here it is."
    assert picture["inlineData"] == SENT["inlineData"]
    came = [base64.urlsafe_b64decode(part["thoughtSignature"]) for part in (words, picture)]
    assert came == [base64.b64decode(SIGNATURE), base64.b64decode(SECOND)]
    assert new["role"] == "user"
    assert new["parts"] == [
        {"inlineData": {"mime_type": "image/jpeg", "data": base64.b64encode(b"another").decode()}},
        {"text": "In autumn"},
    ]


def test_a_picture_that_the_host_changed_goes_back_as_it_is_now() -> None:
    changed = image(PNG[:-12], "image/webp")
    _, request = answered(images=(changed,), continuation=signed())
    picture = request.json["contents"][1]["parts"][1]["inlineData"]
    assert (picture["mime_type"], base64.b64decode(picture["data"])) == ("image/webp", PNG[:-12])


def test_only_the_first_picture_and_no_thought_is_kept_for_the_next_request() -> None:
    thought = {"text": "Hm.", "thought": True, "thoughtSignature": SIGNATURE}
    other = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": SIGNATURE}
    reply = said(
        thought, other | {"thought": True}, PICTURE | {"thoughtSignature": SECOND}, other, {"text": "Done."}
    )
    result, _ = answered(reply)
    assert (result.image, result.text) == (TEXT, "Done.")
    assert result.continuation == {
        "prompt": "A red fox",
        "parts": [{"thoughtSignature": SECOND}, {"text": "Done."}],
    }
    assert [warning.details for warning in result.warnings] == ["The first of 2 pictures was kept."]


@pytest.mark.parametrize("signature", [None, "", 7, "A" * 4_000_000])
def test_without_a_signature_of_a_usual_length_there_is_nothing_to_go_on_from(signature: Any) -> None:
    result, _ = answered(said({"text": "Here."}, PICTURE | {"thoughtSignature": signature}))
    assert (result.image, result.continuation) == (TEXT, None)


@pytest.mark.parametrize(
    "continuation",
    [
        None,
        7,
        "text",
        [],
        {},
        {"prompt": "A red fox", "parts": None},
        {"prompt": "A red fox", "parts": []},
        {"prompt": "A red fox", "parts": [7]},
        {"prompt": "A red fox", "parts": [{"text": "No picture."}]},
        {"prompt": "A red fox", "parts": [{"thoughtSignature": SECOND}, {"thoughtSignature": SECOND}]},
        {"prompt": "A red fox", "parts": [{"thoughtSignature": "Ä"}]},
        {"prompt": "A red fox", "parts": [{"thoughtSignature": 7}]},
        {"parts": [{"thoughtSignature": SECOND}]},
    ],
)
def test_what_is_no_continuation_is_left_out(continuation: Any) -> None:
    _, request = answered(images=(image(PNG),), continuation=continuation)
    (turn,) = request.json["contents"]
    assert turn == {"role": "user", "parts": [SENT, {"text": "A red fox"}]}


def test_without_its_picture_a_continuation_is_left_out() -> None:
    _, request = answered(continuation=signed())
    assert len(request.json["contents"]) == 1


@pytest.mark.parametrize("words", ["Invalid thought signature.", "Missing a thought_signature in part 1"])
def test_a_signature_that_is_refused_is_left_out(words: str) -> None:
    def answer(request: Request) -> Reply:
        return error(400, "INVALID_ARGUMENT", words) if len(request.json["contents"]) == 3 else GOOD

    continuation = signed()
    with Loopback(answer) as server:
        result = make(ask(server.url, images=(image(PNG),), continuation=continuation))
    assert result.image == TEXT
    turns = [request.json["contents"] for request in server.requests]
    assert [len(each) for each in turns] == [3, 1]
    assert turns[1] == [{"role": "user", "parts": [SENT, {"text": "A red fox"}]}]


@pytest.mark.parametrize(
    ("reply", "category"),
    [
        (error(500, "INTERNAL", "Invalid thought signature."), "unavailable"),
        (error(400, "INVALID_ARGUMENT", "Unknown name."), "invalid-request"),
        (said(reason="MISSING_THOUGHT_SIGNATURE"), "provider"),
    ],
)
def test_any_other_failure_is_not_asked_again(reply: Reply, category: str) -> None:
    assert failed(reply, images=(image(PNG),), continuation=signed()).category == category


def test_without_a_continuation_nothing_is_asked_again() -> None:
    assert failed(error(400, "INVALID_ARGUMENT", "Invalid thought signature.")).category == "invalid-request"


# The key


def test_the_key_is_in_one_header_and_not_in_the_address() -> None:
    _, request = answered()
    assert request.headers["x-goog-api-key"] == KEY
    assert str(request).count(KEY) == 1


def test_without_a_key_none_is_sent() -> None:
    _, request = answered(credential=None)
    assert "x-goog-api-key" not in request.headers


def test_the_environment_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"):
        monkeypatch.setenv(name, "of-the-environment")
    for name in ("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE"):
        monkeypatch.setenv(name, "true")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("GOOGLE_GENAI_API_VERSION", "v7")
    with caplog.at_level(logging.DEBUG):
        assert "of-the-environment" not in str(answered()[1])
        assert "of-the-environment" not in str(answered(credential=None)[1])
    assert not [record for record in caplog.records if "API_KEY" in record.getMessage()]


def test_neither_the_key_nor_a_picture_is_in_any_log(caplog: pytest.LogCaptureFixture) -> None:
    given = image(b"\x01secret-bytes" * 50)
    with caplog.at_level(logging.DEBUG):
        answered(SIGNED, images=(given,))
    log = "".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    assert KEY not in log
    for secret in (TEXT, base64.b64encode(given.data).decode()[:60], str(given.data)[2:40]):
        assert secret not in log


@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_redirect_is_not_followed_with_prompt_and_key(status: int) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        other.setblocking(False)
        address = f"http://127.0.0.1:{other.getsockname()[1]}{PATH}"
        failure = failed(Reply(status, headers={"location": address}), timeout=5)
        with pytest.raises(BlockingIOError):  # nobody has connected
            other.accept()
    assert failure.category == "bad-response"


def test_a_key_that_no_header_can_carry_is_refused() -> None:
    with pytest.raises(ProviderError) as raised:
        make(ask("http://127.0.0.1:1", credential=SecretStr("AIza…\n")))
    assert (raised.value.category, raised.value.did_not_run) == ("auth", True)


# What comes back


def test_all_that_the_service_says_is_kept() -> None:
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 1120, "totalTokenCount": 1129}
    body = said({"text": "A fox, "}, {"text": "red."}, PICTURE).body
    assert isinstance(body, dict)
    about = {"usageMetadata": usage, "modelVersion": "gemini-nano-banana-2.1-001", "responseId": "xPz4"}
    result, _ = answered(Reply(body=body | about))
    assert (result.image, result.text) == (TEXT, "A fox, red.")
    assert (result.model, result.request_id) == ("gemini-nano-banana-2.1-001", "xPz4")
    assert (result.usage, result.warnings, result.revised_prompt) == (usage, [], None)


def test_a_picture_without_words() -> None:
    assert answered()[0].text is None


REFUSALS = (
    *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "MODEL_ARMOR"),
    *("IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "ESCALATION"),
)
OTHERS = (
    *("FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "LANGUAGE", "OTHER", "IMAGE_OTHER", "NO_IMAGE"),
    *("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE"),
    *("MISSING_THOUGHT_SIGNATURE", "PUP_LIMITED_DISABLED", "CONTINUATION"),
)


def test_each_reason_that_the_sdk_knows_is_in_one_list() -> None:
    assert sorted([*REFUSALS, *OTHERS]) == sorted(reason.value for reason in FinishReason)


@pytest.mark.parametrize("reason", REFUSALS)
def test_refusals_of_the_picture(reason: str) -> None:
    refusal = refused(said(reason=reason))
    assert isinstance(refusal, ContentFiltered)
    assert refusal.service_message == reason
    words = "Unable to show the generated image."
    refusal = refused(said({"text": "No."}, reason=reason, finishMessage=words))
    assert isinstance(refusal, ContentFiltered)
    assert refusal.service_message == f"{words} ({reason})"


@pytest.mark.parametrize("reason", [reason.value for reason in BlockedReason][1:])
def test_refusals_of_the_prompt(reason: str) -> None:
    refusal = refused(Reply(body={"promptFeedback": {"blockReason": reason}, "usageMetadata": {}}))
    assert isinstance(refusal, ContentFiltered)
    assert refusal.service_message == reason


@pytest.mark.parametrize("reason", OTHERS)
def test_any_other_end_without_a_picture_is_a_failure_in_the_services_words(reason: str) -> None:
    failure = failed(said(reason=reason))
    assert (failure.category, failure.service_message, failure.did_not_run) == ("provider", reason, False)
    failure = failed(said({"text": "Which fox do you mean?"}, reason=reason, finishMessage="Odd."))
    assert (failure.category, failure.service_message) == ("provider", "Which fox do you mean?")
    assert failure.status == 200
    assert "no picture" in str(failure.why)


def test_words_that_refuse_are_a_refusal() -> None:
    words = "I can't create this image, since it violates the safety policy."
    refusal = refused(said({"text": words}))
    assert isinstance(refusal, ContentFiltered)
    assert refusal.service_message == words


def test_an_unfinished_answer_is_not_asked_on() -> None:
    """The SDK would by itself send one more request, which costs as much again."""
    unfinished = said({"text": "Soon."}, reason="CONTINUATION", continuationToken="AAAA")
    replies = iter([unfinished, GOOD])
    with Loopback(lambda _: next(replies)) as server, pytest.raises(ProviderError, match="provider: Soon"):
        make(ask(server.url))
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, 503])
def test_an_answer_of_any_form_is_read(status: int) -> None:
    odd: list[Any] = [None, 7, True, "", "no", [], ["no"], {}, {"a": None}, [[7]], -1.5, 10**30]
    bodies: list[Any] = [{name: value} for name in ("error", "candidates", "promptFeedback") for value in odd]
    bodies += [{"candidates": [{name: value}]} for name in ("content", "finishReason") for value in odd]
    bodies += [{"candidates": [{"content": {"parts": value}}]} for value in odd]
    names = ("text", "inlineData", "thought", "thoughtSignature")
    bodies += [{"candidates": [{"content": {"parts": [{name: value}]}}]} for name in names for value in odd]
    bodies += [
        {"candidates": [{"content": {"parts": [{"inlineData": {"data": value}}]}}]} for value in odd[:4]
    ]
    waiting: list[str | bytes] = [json.dumps(body) for body in [*bodies, *odd]]
    waiting += ['{"candidates": ' + "[" * 9_000 + "]" * 9_000 + "}", "{", '"\\ud800"', b"\xe9\xff", "<html>"]
    sent = iter(waiting)

    async def each() -> None:
        for _ in waiting:
            with pytest.raises((ContentFiltered, ProviderError)):
                await gemini.generate(ask(server.url))

    with Loopback(lambda _: Reply(status, next(sent))) as server:
        run(each)
    assert len(server.requests) == len(waiting)


def test_a_picture_whose_reply_says_odd_things_is_kept() -> None:
    candidate = {"content": {"parts": [None, {"text": []}, PICTURE, {"functionCall": {}}]}, "finishReason": 7}
    body = {"candidates": [candidate], "usageMetadata": 7, "modelVersion": [], "responseId": {}}
    result, _ = answered(Reply(body=body))
    assert (result.image, result.text, result.usage, result.model) == (TEXT, None, {}, None)


def test_a_reply_without_end_is_given_up() -> None:
    bomb = gzip.compress(b'{"candidates": [{"content": "' + b"A" * 200_000_000, 1)
    failure = failed(Reply(body=bomb, headers={"content-encoding": "gzip"}))
    assert (failure.category, failure.did_not_run) == ("bad-response", False)
    assert "larger than" in str(failure.why)


FREE = "You exceeded your current quota. * Quota exceeded for metric: requests. Please retry in 34.07s."
RETRY = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}]


@pytest.mark.parametrize(
    ("reply", "category", "did_not_run", "wait"),
    [
        (error(400, "INVALID_ARGUMENT", "API key not valid. Please pass one."), "auth", True, None),
        (error(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers."), "auth", True, None),
        (error(400, "INVALID_ARGUMENT", "Invalid value at 'image_config'."), "invalid-request", True, None),
        (error(400, "FAILED_PRECONDITION", "User location is not supported."), "invalid-request", True, None),
        (error(404, "NOT_FOUND", "models/fox is not found."), "invalid-request", True, None),
        (error(429, "RESOURCE_EXHAUSTED", FREE, details=RETRY), "rate-limit", True, 34),
        (error(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), "quota", True, None),
        (error(500, "INTERNAL", "An internal error has occurred."), "unavailable", False, None),
        (error(503, "UNAVAILABLE", "The model is overloaded. Try again."), "unavailable", True, None),
        (error(504, "DEADLINE_EXCEEDED", "Deadline expired."), "unavailable", False, None),
        (Reply(502, "<title>Défaillance</title>".encode("latin-1")), "unavailable", False, None),
        (Reply(503, "[" * 100_000), "unavailable", False, None),
        (Reply(201, '{"candidates": []}'), "bad-response", False, None),
        (Reply(200, "<!doctype html><title>Sign in</title>"), "bad-response", False, None),
        (Reply(200, {"error": {"code": 500, "message": "Broken"}}), "unavailable", False, None),
    ],
)
def test_failures(reply: Reply, category: str, did_not_run: bool, wait: float | None) -> None:
    failure = failed(reply)
    assert (failure.category, failure.did_not_run, failure.retry_after) == (category, did_not_run, wait)


# The way to the service


def _transport(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[httpx2.Request], httpx2.Response]
) -> list[httpx2.Request]:
    """Puts the client's own seam for tests in place of the network; gives the requests that it saw."""
    seen: list[httpx2.Request] = []
    real = httpx2.AsyncClient

    async def handle(request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        seen.append(request)
        return answer(request)

    def client(**options: Any) -> httpx2.AsyncClient:
        return real(transport=httpx2.MockTransport(handle), **options)

    monkeypatch.setattr(httpx2, "AsyncClient", client)
    return seen


@pytest.mark.parametrize(
    ("raised", "category", "did_not_run"),
    [
        (httpx2.ConnectError("x"), "unavailable", True),
        (httpx2.ConnectTimeout("x"), "unavailable", True),
        (httpx2.PoolTimeout("x"), "unavailable", True),
        (httpx2.ProxyError("x"), "unavailable", True),
        (httpx2.ReadTimeout("x"), "timeout", False),
        (httpx2.WriteTimeout("x"), "timeout", False),
        (httpx2.ReadError("x"), "unavailable", False),
        (httpx2.RemoteProtocolError("x"), "unavailable", False),
        (httpx2.DecodingError("x"), "bad-response", False),
        (ValueError("x"), "bad-response", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_errors_of_the_client(
    raised: Exception, category: str, did_not_run: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        raise raised

    seen = _transport(monkeypatch, answer)
    with pytest.raises(ProviderError) as failure:
        make(ask("http://127.0.0.1:1"))
    assert (failure.value.category, failure.value.did_not_run) == (category, did_not_run)
    assert failure.value.service_message is None
    assert len(seen) == 1


@pytest.mark.parametrize(("timeout", "connect"), [(300.0, 10.0), (2.5, 2.5)])
def test_the_host_sets_the_time(timeout: float, connect: float, monkeypatch: pytest.MonkeyPatch) -> None:
    body = GOOD.body
    seen = _transport(monkeypatch, lambda request: httpx2.Response(200, json=body))
    make(ask(None, timeout=timeout))
    times = seen[0].extensions["timeout"]
    assert (times["connect"], times["read"]) == (connect, timeout)
    assert str(seen[0].url) == f"https://generativelanguage.googleapis.com{PATH}"


def test_nobody_listens_there() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening: connecting is refused
        with pytest.raises(ProviderError) as raised:
            make(ask(f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert (raised.value.category, raised.value.did_not_run) == ("unavailable", True)


def _hangs_up(_: Request) -> Reply:
    raise ConnectionResetError


@pytest.mark.parametrize("handler", [_hangs_up, {PATH: Reply(body="x" * 100, cut_after=10)}])
def test_a_connection_that_is_cut_may_have_been_billed(handler: Handler) -> None:
    with Loopback(handler) as server, pytest.raises(ProviderError) as raised:
        make(ask(server.url, images=(image(PNG),)))
    assert (raised.value.category, raised.value.did_not_run) == ("unavailable", False)
    assert len(server.requests) == 1


def test_a_service_that_does_not_answer_in_time() -> None:
    failure = failed(Reply(delay=30), timeout=0.2)
    assert (failure.category, failure.did_not_run) == ("timeout", False)


def test_a_cancelled_request_hangs_up() -> None:
    async def stop_while_it_waits(server: Loopback) -> None:
        progress: list[str] = []
        task = asyncio.create_task(gemini.generate(ask(server.url, on_progress=progress.append)))
        await asyncio.to_thread(server.wait_until, lambda server: server.requests)
        assert progress == ["waiting for the service"]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(server.wait_until, lambda server: server.disconnects)

    with Loopback({PATH: Reply(delay=30)}) as server:
        run(lambda: stop_while_it_waits(server))


def test_requests_at_once_keep_their_own_pictures() -> None:
    def answer(request: Request) -> Reply:
        *pictures, prompt = request.json["contents"][0]["parts"]
        data = [part["inlineData"]["data"] for part in pictures]
        return said({"text": prompt["text"]}, {"inlineData": {"mimeType": "image/png", "data": data[-1]}})

    async def many() -> list[ImageResult]:
        asked = [
            ask(
                server.url,
                prompt=f"{n}",
                images=tuple(image(f"{n}.{at}".encode()) for at in range(1 + n % 3)),
            )
            for n in range(20)
        ]
        return await asyncio.gather(*map(gemini.generate, asked))

    with Loopback(answer) as server:
        results = run(many)
    for n, result in enumerate(results):
        assert isinstance(result.image, str)
        assert (result.text, base64.b64decode(result.image)) == (f"{n}", f"{n}.{n % 3}".encode())


def test_one_client_for_each_loop_server_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[httpx2.AsyncClient] = []
    threads: list[int] = []
    real = httpx2.AsyncClient

    def counted(**options: Any) -> httpx2.AsyncClient:
        made.append(real(**options))
        threads.append(threading.get_ident())
        return made[-1]

    monkeypatch.setattr(httpx2, "AsyncClient", counted)
    with Loopback({PATH: GOOD}) as server, Loopback({PATH: GOOD}) as other:
        here = ask(server.url)

        async def some() -> None:
            await asyncio.gather(gemini.generate(here), gemini.generate(here))
            await gemini.generate(here)

        run(some)
        assert len(made) == 1
        assert made[0].is_closed
        run(some)  # on another event loop, where a client of the first would fail
        assert len(made) == 2

        async def different() -> None:
            for request in (here, ask(other.url), ask(here.base_url, credential=SecretStr("k"))):
                await gemini.generate(request)

        run(different)
        assert len(made) == 5
    assert [request.headers["x-goog-api-key"] for request in server.requests[-2:]] == [KEY, "k"]
    assert threading.get_ident() not in threads  # importing the SDK takes most of a second


def test_a_wrong_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1")
    with pytest.raises(ProviderError, match="ALL_PROXY") as raised:
        make(ask("http://127.0.0.1:1"))
    assert (raised.value.category, raised.value.did_not_run) == ("unavailable", True)


# What it says of itself


def test_describe_imports_no_sdk() -> None:
    code = (
        "import sys; from providers import gemini; gemini.describe();"
        "print(*sorted({'google', 'google.genai', 'httpx', 'httpx2'} & sys.modules.keys()))"
    )
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


def test_describe_states_the_same_facts_each_time() -> None:
    info = gemini.describe()
    assert info == gemini.describe()
    assert info.paid
    assert info.credential is not None
    assert (info.credential.variable, info.base_url_variable) == ("GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL")
    assert info.other_models is not None
    for model in (*info.models, info.other_models):
        assert model.images is not None
        assert (model.images.least, model.images.most, model.images.mask) == (0, 14, False)
        assert model.images.media_types == ("image/png", "image/jpeg", "image/webp")


@pytest.mark.parametrize(
    ("model", "sizes", "largest"),
    [
        (MODEL, 42, "4096x4096"),
        ("gemini-3-pro-image", 30, "4096x4096"),
        ("gemini-3.1-flash-lite-image", 10, "1024x1024"),
        ("any-other", 10, "1024x1024"),
    ],
)
def test_sizes(model: str, sizes: int, largest: str) -> None:
    known = gemini.describe().model(model)
    assert known is not None
    assert isinstance(known.sizes, tuple)
    squares = [size for size in known.sizes if size.ratio == 1]
    assert (len(known.sizes), known.default_size, squares[-1]) == (sizes, (1024, 1024), Size.parse(largest))


def test_each_size_has_the_ratio_that_it_asks_for() -> None:
    for size, (ratio, _) in gemini._FRAMES.items():  # pyright: ignore[reportPrivateUsage]
        across, down = map(int, ratio.split(":"))
        assert size.ratio == pytest.approx(across / down, rel=0.02), size


def test_the_sdk_is_as_it_was_read() -> None:
    """What is switched off by name must have that name."""
    fields = genai.types.GenerateContentConfig.model_fields
    assert {
        "automatic_continuation",
        "automatic_function_calling",
        "should_return_http_response",
    } < fields.keys()
    assert {
        "httpx_async_client",
        "retry_options",
        "api_version",
    } < genai.types.HttpOptions.model_fields.keys()


# From end to end


def through_the_studio(reply: Reply, **asked: Any) -> tuple[Version, bytes, Loopback]:
    """Asks the whole engine for one picture; gives the settled version, and the picture's stored bytes."""

    async def work(server: Loopback) -> tuple[Version, bytes]:
        own = {"uses": "gemini", "base_url": server.url, "api_key_env": "GEMINI_API_KEY"}
        studio = open_studio(load_settings(provider="house", providers={"house": own}))
        try:
            conversation = await studio.conversation("t")
            message = await studio.start(conversation, UserRequest(prompt="A red fox", **asked))
            version = await asyncio.wait_for(conversation.settled(message), 60)
            stored = [file.read_bytes() for file in studio.store.folder.rglob("*.png")]
            return version, b"".join(stored)
        finally:
            await studio.close()

    with Loopback({PATH: reply}) as server:
        version, picture = asyncio.run(work(server))
    return version, picture, server


@pytest.mark.parametrize(
    ("size", "frame"),
    [
        ("16:9", {"aspectRatio": "16:9"}),
        ("3:2", {"aspectRatio": "3:2"}),
        ("4000x4000", {"aspectRatio": "1:1", "imageSize": "4K"}),
    ],
)
def test_from_a_prompt_to_a_stored_picture(
    size: str, frame: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    version, picture, server = through_the_studio(GOOD, size=size)
    assert (version.status, version.failure, picture) == ("complete", None, PNG)
    (request,) = server.requests
    assert request.headers["x-goog-api-key"] == KEY
    assert request.json["generationConfig"]["imageConfig"] == frame


@pytest.mark.parametrize(
    ("reply", "status", "words"),
    [
        (
            said(reason="IMAGE_SAFETY", finishMessage="Unable to show it."),
            "content-filter",
            "Unable to show it.",
        ),
        (said({"text": "Which fox?"}), "error", "Which fox?"),
        (error(400, "INVALID_ARGUMENT", f"API key not valid: {KEY}."), "error", "API key not valid"),
    ],
)
def test_the_services_words_are_shown(
    reply: Reply, status: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    version, _, server = through_the_studio(reply)
    assert version.failure is not None
    assert len(server.requests) == 1
    assert words in version.model_dump_json()
    assert KEY not in version.model_dump_json()
    assert status in version.model_dump_json()
