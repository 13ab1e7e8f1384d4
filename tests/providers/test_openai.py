"""OpenAI's provider, with the real SDK, against a server on this machine that answers as services do."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from email.utils import formatdate
from io import BytesIO
from pathlib import Path
from typing import Any, get_args

import httpx2
import openai as sdk
import pytest
from openai.types import ImageModel
from openai.types.image_edit_params import ImageEditParamsBase
from openai.types.image_generate_params import ImageGenerateParamsBase
from PIL import Image
from pydantic import SecretStr

from core import open_studio
from core.chat.message import Version
from core.chat.request import UserRequest
from core.settings.schema import load_settings
from limner import ContentFiltered, ImageRequest, ImageResult, Options, ProviderError, Size
from limner.testing.loopback import Handler, Loopback, Reply, Request
from limner.testing.runner import on_a_loop as run
from providers import openai
from providers.openai import FinerOptions, GptImageOptions
from tests.core.scripted import PNG

PATH = "/v1/images/generations"
KEY = "sk-test-0123456789abcdef"
FLARE = "gpt-image-2.5-flare"


PICTURE = {"b64_json": base64.b64encode(PNG).decode()}
GOOD = Reply(body={"created": 1790000000, "data": [PICTURE]})


def ask(base_url: str | None, **more: Any) -> ImageRequest:
    given: dict[str, Any] = {"prompt": "A red fox", "model": FLARE, "credential": SecretStr(KEY)}
    return ImageRequest(base_url=base_url, **(given | more))


def make(request: ImageRequest) -> ImageResult:
    return run(lambda: openai.generate(request))


def answered(reply: Reply, **more: Any) -> tuple[ImageResult, Request]:
    """Returns what the provider makes of a reply, and the one request that the service saw."""
    with Loopback({PATH: reply}) as server:
        result = make(ask(f"{server.url}/v1", **more))
    (request,) = server.requests
    return result, request


def refused(reply: Reply, **more: Any) -> ContentFiltered | ProviderError:
    """Returns the error that the provider makes of a reply, after exactly one request."""
    with Loopback({PATH: reply}) as server, pytest.raises((ContentFiltered, ProviderError)) as raised:
        make(ask(f"{server.url}/v1", **more))
    assert len(server.requests) == 1
    assert KEY not in f"{raised.value} {raised.value.__cause__}"
    return raised.value


def error(message: str | None, code: str | int | None = None, **more: Any) -> dict[str, Any]:
    return {
        "error": {"message": message, "type": "invalid_request_error", "param": None, "code": code} | more
    }


# What is sent


def sent(**more: Any) -> dict[str, Any]:
    body = answered(GOOD, **more)[1].json
    assert (body.pop("prompt"), body.pop("model")) == ("A red fox", more.get("model", FLARE))
    return body


def test_only_what_was_chosen_is_sent() -> None:
    assert sent() == {}
    assert sent(options=FinerOptions(), size=Size(1536, 864)) == {"size": "1536x864"}


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (FLARE, {"quality": "xhigh"}),
        ("gpt-image-2.5-sunburst", {"quality": "max"}),
        ("gpt-image-2", {"quality": "low"}),
        ("gpt-image-1.5", {"background": "transparent"}),
        ("gpt-image-1-mini", {"background": "transparent", "output_format": "webp"}),
        ("gpt-image-2", {"output_format": "jpeg", "output_compression": 0}),
        ("gpt-image-2", {"output_format": "webp", "output_compression": 100, "moderation": "low"}),
    ],
)
def test_options_travel_as_they_are(model: str, options: dict[str, Any]) -> None:
    info = openai.describe()
    known = info.model(model)
    assert known is not None
    assert sent(model=model, options=info.options_of(known)(**options)) == options


@pytest.mark.parametrize("output_format", ["auto", "png"])
def test_compression_of_png_is_left_out_and_said(output_format: Any) -> None:
    options = GptImageOptions(output_format=output_format, output_compression=50)
    result, request = answered(GOOD, options=options)
    assert "output_compression" not in request.json
    assert [warning.feature for warning in result.warnings] == ["output_compression"]


def test_a_transparent_jpeg_is_refused_before_the_call() -> None:
    options = GptImageOptions(background="transparent", output_format="jpeg")
    with Loopback({PATH: GOOD}) as server, pytest.raises(ProviderError) as raised:
        make(ask(f"{server.url}/v1", options=options))
    assert server.requests == []
    assert (raised.value.category, raised.value.did_not_run) == ("invalid-request", True)
    assert raised.value.service_message is None
    assert "JPEG" in str(raised.value.why)


@pytest.mark.parametrize(
    ("model", "settings", "body", "left_out"),
    [
        ("flux", {}, {"size": "768x512", "seed": 0}, []),
        ("flux", {"seed": "none"}, {"size": "768x512"}, ["seed"]),
        (FLARE, {}, {"size": "768x512"}, ["seed"]),
        (FLARE, {"seed": "body"}, {"size": "768x512", "seed": 0}, []),
        ("flux", {"size": "width-height"}, {"width": 768, "height": 512, "seed": 0}, []),
        ("flux", {"size": "none"}, {"seed": 0}, ["size"]),
        (
            "flux",
            {"response_format": "base64"},
            {"size": "768x512", "seed": 0, "response_format": "base64"},
            [],
        ),
        ("openai/gpt-image-2", {"response_format": "b64_json"}, {"size": "768x512"}, ["seed"]),
    ],
)
def test_dialects(model: str, settings: dict[str, str], body: dict[str, Any], left_out: list[str]) -> None:
    asked = {"model": model, "settings": settings, "size": Size(768, 512), "seed": 0}
    result, request = answered(GOOD, **asked)
    assert request.json == {"prompt": "A red fox", "model": model, **body}
    assert [warning.feature for warning in result.warnings] == left_out


@pytest.mark.parametrize(
    ("model", "settings", "drawn", "sent", "warned"),
    [
        ("flux", {}, True, False, False),
        ("flux", {"seed": "body"}, True, True, False),
        ("flux", {"seed": "none"}, True, False, False),
        (FLARE, {}, True, False, False),
        ("flux", {}, False, True, False),
        ("flux", {"seed": "none"}, False, False, True),
    ],
)
def test_a_seed_that_nobody_asked_for_is_sent_only_where_it_is_taken(
    model: str, settings: dict[str, str], drawn: bool, sent: bool, warned: bool
) -> None:
    result, request = answered(GOOD, model=model, settings=settings, seed=7, seed_is_drawn=drawn)
    assert request.json.get("seed") == (7 if sent else None)
    assert (result.seed_sent, [warning.feature for warning in result.warnings]) == (sent, ["seed"] * warned)


def test_a_service_that_takes_no_seed_is_heard_by_who_asked_for_one() -> None:
    words = "Unrecognized request argument supplied: seed"
    failure = refused(Reply(400, error(words)), model="flux", seed=2**32 - 1)
    assert isinstance(failure, ProviderError)
    assert (failure.category, failure.service_message) == ("invalid-request", words)


def test_a_size_that_nobody_asked_for_is_dropped_in_silence() -> None:
    result, request = answered(GOOD, model="grok", settings={"size": "none"}, size=Size(1024, 1024))
    assert (request.json, result.warnings) == ({"prompt": "A red fox", "model": "grok"}, [])


def test_a_negative_prompt_is_sent_to_a_compatible_server() -> None:
    assert sent(model="flux", negative_prompt="auto") == {"negative_prompt": "auto"}


@pytest.mark.parametrize("base_url", [None, "https://api.openai.com/v1", "https://eu.api.openai.com/v1/"])
def test_openai_itself_never_gets_a_seed(base_url: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _transport(monkeypatch, lambda request: httpx2.Response(200, json={"data": [PICTURE]}))
    result = make(ask(base_url, model="quite-new", seed=7))
    assert b"seed" not in seen[0].content
    assert seen[0].url.host.endswith("api.openai.com")
    assert [warning.feature for warning in result.warnings] == ["seed"]


# The key


def test_the_key_is_sent_as_a_bearer() -> None:
    _, request = answered(GOOD)
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert str(request).count(KEY) == 1


def test_without_a_key_none_is_sent() -> None:
    _, request = answered(GOOD, credential=None)
    assert "authorization" not in request.headers


def test_azure_takes_the_key_in_its_own_header_and_a_version_in_the_query() -> None:
    path = "/openai/deployments/fox/images/generations?api-version=2026-04-01"
    with Loopback({path: GOOD}) as server:
        settings = {"api_key_header": "api-key", "api_version": "2026-04-01"}
        make(ask(f"{server.url}/openai/deployments/fox", settings=settings))
    (request,) = server.requests
    assert request.headers["api-key"] == KEY
    assert "authorization" not in request.headers


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID"):
        monkeypatch.setenv(f"OPENAI_{name}", "of-the-environment")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer of-the-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert "of-the-environment" not in str(answered(GOOD)[1])
    assert "of-the-environment" not in str(answered(GOOD, credential=None)[1])


@pytest.mark.parametrize("settings", [{}, {"api_key_header": "api-key"}])
def test_a_redirect_is_not_followed_with_prompt_and_key(settings: dict[str, str]) -> None:
    with Loopback({PATH: GOOD}) as other:
        failure = refused(Reply(307, headers={"location": other.url + PATH}), settings=settings)
    assert other.requests == []
    assert isinstance(failure, ProviderError)
    assert failure.category == "bad-response"


def test_a_key_that_no_header_can_carry_is_refused() -> None:
    with pytest.raises(ProviderError) as raised:
        make(ask("http://127.0.0.1:1/v1", credential=SecretStr("sk-…\n")))
    assert (raised.value.category, raised.value.did_not_run) == ("auth", True)
    assert raised.value.service_message is None
    assert "sk-" not in str(raised.value.why)


# What comes back


def svg() -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=PNG, headers={"content-type": "image/png"}),
        Reply(body=PNG, headers={"content-type": "application/octet-stream"}),
        Reply(body=gzip.compress(PNG), headers={"content-type": "image/png", "content-encoding": "gzip"}),
        Reply(body=svg(), headers={"content-type": "image/svg+xml"}),
    ],
)
def test_a_picture_instead_of_json_is_one(reply: Reply) -> None:
    result, _ = answered(reply, model="flux")
    assert result.image == (svg() if "svg" in reply.headers["content-type"] else PNG)
    assert result.metadata == {}


TEXT = PICTURE["b64_json"]


@pytest.mark.parametrize(
    ("body", "image"),
    [
        ({"images": [TEXT], "parameters": {}, "info": "{}"}, TEXT),
        ({"images": [{"url": "https://cdn.example/a.png"}]}, "https://cdn.example/a.png"),
        ({"data": PICTURE}, TEXT),
        ({"data": {"url": "https://cdn.example/a"}}, "https://cdn.example/a"),
        ({"image": f"data:image/png;base64,{TEXT}"}, f"data:image/png;base64,{TEXT}"),
        ({"output": ["https://cdn.example/a.json", "https://cdn.example/a"]}, "https://cdn.example/a"),
        ({"artifacts": [{"base64": TEXT, "seed": 9, "finishReason": "SUCCESS"}]}, TEXT),
        ({"data": [{"url": "/files/a.png"}]}, "{}/files/a.png"),
        ({"data": [{"url": "files/a.png"}]}, "{}/v1/files/a.png"),
        ({"data": [{"url": "//cdn.example/a.png"}]}, "http://cdn.example/a.png"),
        ({"data": [{"url": "https://cdn.example/red fox.png"}]}, "https://cdn.example/red%20fox.png"),
    ],
)
def test_pictures_in_other_shapes(body: dict[str, Any], image: str) -> None:
    with Loopback({PATH: Reply(body=body)}) as server:
        result = make(ask(f"{server.url}/v1", model="flux"))
    assert result.image == (image.replace("{}", server.url) if image.startswith("{}") else image)
    assert result.seed == (9 if "artifacts" in body else None)


def test_a_mark_of_the_service_is_a_refusal() -> None:
    refusal = refused(Reply(body={"data": [PICTURE], "has_nsfw_concepts": [True]}), model="flux")
    assert isinstance(refusal, ContentFiltered)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, 503])
def test_an_answer_of_any_form_is_read(status: int) -> None:
    """Whatever stands where a text or an object is expected: it ends as a failure of the contract."""
    odd: list[Any] = [None, 7, True, "", "no", [], ["no"], {}, {"a": None}, [[7]], -1.5, 10**30]
    bodies = [{name: value} for name in ("error", "data", "images", "detail", "code") for value in odd]
    inner = ("code", "type", "message", "param", "innererror", "moderation_details")
    bodies += [{"error": {name: value}} for name in inner for value in odd]
    bodies += [{"data": [{name: value}]} for name in ("url", "b64_json", "seed") for value in odd[:5]]
    waiting = [json.dumps(body) for body in [*bodies, *odd]]
    waiting += ['{"seed": ' + "[" * 900 + "]" * 900 + "}", "{", '"', '"\\ud800"', "9" * 9_000]
    sent = iter(waiting)

    async def each() -> None:
        for body in waiting:
            try:
                await openai.generate(ask(f"{server.url}/v1", model="flux", seed=7))
            except (ContentFiltered, ProviderError):
                continue
            assert "url" in body or "b64_json" in body, body

    with Loopback(lambda _: Reply(status, next(sent))) as server:
        run(each)
    assert len(server.requests) == len(waiting)


def test_a_picture_whose_reply_says_odd_things_is_kept() -> None:
    deep = (
        '{"seed": true, "usage": 7, "model": [], "revised_prompt": {}, "size": %s, "note": %s, "data": [%s]}'
    )
    nested = "[" * 900 + "]" * 900
    reply = Reply(body=deep % (nested, nested, json.dumps(PICTURE)))
    result, _ = answered(reply, model="flux", seed=7, size=Size(768, 512))
    assert (result.image, result.seed, result.model, result.usage) == (TEXT, None, None, {})


def test_a_reply_without_end_is_given_up() -> None:
    bomb = gzip.compress(b'{"data": [{"b64_json": "' + b"A" * 200_000_000, 1)
    failure = refused(Reply(body=bomb, headers={"content-encoding": "gzip"}))
    assert isinstance(failure, ProviderError)
    assert (failure.category, failure.did_not_run) == ("bad-response", False)
    assert "larger than" in str(failure.why)


def test_all_that_the_service_says_is_kept() -> None:
    said = {
        "created": 1790000000,
        "size": "1024x1024",
        "quality": "high",
        "output_format": "png",
        "background": "opaque",
        "usage": {"total_tokens": 1100},
        "timings": {"inference": 1.5},
        "huge": "x" * 5000,
        "nothing": None,
    }
    reply = Reply(body=said | {"data": [PICTURE]}, headers={"x-request-id": "req_7"})
    result, _ = answered(reply, size=Size(1024, 1024), options=FinerOptions(quality="high"))
    assert isinstance(result.image, str)
    assert base64.b64decode(result.image) == PNG
    assert (result.request_id, result.usage, result.warnings) == ("req_7", {"total_tokens": 1100}, [])
    assert result.metadata == {
        name: said[name] for name in ("created", "size", "quality", "output_format", "background", "timings")
    }
    assert (result.revised_prompt, result.model, result.seed) == (None, None, None)


def test_a_compatible_server_says_more() -> None:
    picture = {"url": "http://127.0.0.1:9/a.png", "revised_prompt": "A fox, red", "seed": 7, "index": 0}
    result, _ = answered(Reply(body={"model": "flux-1", "data": [picture]}), model="flux", seed=7)
    assert result.image == "http://127.0.0.1:9/a.png"
    assert (result.revised_prompt, result.model, result.seed) == ("A fox, red", "flux-1", 7)
    assert result.metadata == {"index": 0}
    assert result.warnings == []


def test_json_under_another_label_is_read() -> None:
    reply = Reply(
        body=f'{{"data": [{{"b64_json": "{PICTURE["b64_json"]}"}}]}}', headers={"content-type": "text/plain"}
    )
    assert answered(reply)[0].image == PICTURE["b64_json"]


def test_what_the_service_changed_is_a_warning() -> None:
    said = {
        "size": "1024x1024",
        "quality": "medium",
        "output_format": "jpg",
        "background": "opaque",
        "seed": 9,
    }
    options = FinerOptions(quality="max", output_format="jpeg")
    result, _ = answered(
        Reply(body=said | {"data": [PICTURE]}), model="flux", size=Size(1536, 1024), seed=7, options=options
    )
    assert {warning.feature: warning.details for warning in result.warnings} == {
        "size": "The service used 1024x1024, not 1536x1024.",
        "quality": "The service used medium, not max.",
        "seed": "The service used 9, not 7.",
    }
    assert {warning.type for warning in result.warnings} == {"other"}
    assert result.seed == 9


def test_a_changed_size_is_seen_where_it_was_asked_as_two_numbers() -> None:
    reply = Reply(body={"size": "512x512", "data": [PICTURE]})
    result, _ = answered(reply, size=Size(768, 512), settings={"size": "width-height"})
    assert [warning.details for warning in result.warnings] == ["The service used 512x512, not 768x512."]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"data": None}, None),
        ({"data": []}, None),
        ({"data": [None]}, None),
        ({"data": [{}]}, None),
        ({"data": [{"b64_json": "", "url": None}]}, None),
        ({"data": [{"b64_json": 7}]}, None),
        ({"data": {"b64_json": 7}}, None),
        ({"data": "none", "images": {}, "output": 7, "artifacts": [None]}, None),
        ({}, None),
        ("", None),
        ("null", None),
        ("[]", None),
        ("[" * 100_000, None),
        ("<!doctype html><title>Sign in</title>", "Sign in"),
    ],
)
def test_a_200_without_a_picture_is_a_bad_response(body: Any, words: str | None) -> None:
    failure = refused(Reply(body=body))
    assert isinstance(failure, ProviderError)
    assert (failure.category, failure.did_not_run) == ("bad-response", False)
    if words:
        assert failure.service_message == words


@pytest.mark.parametrize(
    ("body", "category"),
    [
        (error("Slow down", 429), "rate-limit"),
        (error("Broken", 500), "unavailable"),
        (error("Not paid", "insufficient_quota"), "quota"),
        ({"error": "Incorrect API key provided"}, "auth"),
        (error("Odd", "9" * 5000), "provider"),
        (error("CUDA out of memory"), "provider"),
        ({"error": "Something odd"}, "provider"),
        (error("The model is not there", "model_not_found"), "invalid-request"),
    ],
)
def test_an_error_inside_a_200_is_classified_and_may_have_run(body: dict[str, Any], category: str) -> None:
    failure = refused(Reply(body=body))
    assert isinstance(failure, ProviderError)
    assert (failure.category, failure.did_not_run) == (category, False)


# Every way in which a service refuses or fails

SAFETY = "Your request was rejected by the safety system."


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, error(SAFETY, "moderation_blocked", type="image_generation_user_error"), SAFETY),
        (
            400,
            error(
                SAFETY,
                "moderation_blocked",
                moderation_details={"moderation_stage": "input", "categories": ["violence", "self-harm"]},
            ),
            f"{SAFETY} (input, violence, self-harm)",
        ),
        (400, error(SAFETY, "moderation_blocked", moderation_details={"categories": None}), SAFETY),
        (400, error("Not allowed.", "content_policy_violation"), "Not allowed."),
        (400, error(SAFETY, None), SAFETY),
        (
            400,
            error(
                "Filtered.",
                "content_filter",
                inner_error={
                    "code": "ResponsibleAIPolicyViolation",
                    "content_filter_results": {
                        "hate": {"filtered": True, "severity": "high"},
                        "jailbreak": {"detected": False, "filtered": False},
                    },
                },
            ),
            "Filtered. (hate)",
        ),
        (
            400,
            error("Filtered.", "BadRequest", innererror={"code": "ResponsibleAIPolicyViolation"}),
            "Filtered.",
        ),
        (400, error("Filtered.", "contentFilter"), "Filtered."),
        (
            403,
            {"code": "The caller does not have permission", "error": "Content violates usage guidelines."},
            "Content violates usage guidelines.",
        ),
        (400, {"error": "Generated image rejected by content moderation."}, "Generated image rejected"),
        (200, error(SAFETY, "moderation_blocked"), SAFETY),
        (200, {"data": [{"url": None, "respect_moderation": False}]}, None),
        (200, {"data": [PICTURE | {"respect_moderation": False}]}, None),
        (200, {"respect_moderation": False, "data": []}, None),
    ],
)
def test_refusals(status: int, body: dict[str, Any], words: str | None) -> None:
    refusal = refused(Reply(status, body))
    assert isinstance(refusal, ContentFiltered)
    assert (refusal.service_message or "").startswith(words or "")
    if words is None:
        assert refusal.service_message is None


VERIFY = "Your organization must be verified: https://platform.openai.com/settings/organization/general"
HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "category", "did_not_run", "words"),
    [
        (400, error("Invalid size '7x7'.", "invalid_value"), "invalid-request", True, "Invalid size '7x7'."),
        (400, error("Unknown parameter: 'seed'.", "unknown_parameter"), "invalid-request", True, "Unknown"),
        (
            400,
            error("Invalid image file.", "invalid_image_file", type="image_generation_user_error"),
            "invalid-request",
            True,
            "Invalid image file.",
        ),
        (
            400,
            error("Bad value, see the content moderation guidelines.", "invalid_value", param="moderation"),
            "invalid-request",
            True,
            "Bad value",
        ),
        (401, error("Incorrect API key provided.", "invalid_api_key"), "auth", True, "Incorrect API key"),
        (401, {"message": "Unauthorized"}, "auth", True, "Unauthorized"),
        (400, {"code": "x", "error": "Incorrect API key provided: sk***"}, "auth", True, "Incorrect"),
        (403, error(VERIFY), "auth", True, VERIFY),
        (404, error("The model does not exist.", "model_not_found"), "invalid-request", True, "The model"),
        (404, "404 page not found", "invalid-request", True, "404 page not found"),
        (410, {"error": "Retired"}, "invalid-request", True, "Retired"),
        (422, {"detail": [{"loc": ["body"], "msg": "Field required"}]}, "invalid-request", True, "Field"),
        (429, error("Slow down.", "rate_limit_exceeded"), "rate-limit", True, "Slow down."),
        (429, error("No credit.", "insufficient_quota"), "quota", True, "No credit."),
        (429, error("No credit.", None, type="insufficient_quota"), "quota", True, "No credit."),
        (429, error("Limit.", "project_spend_limit_exceeded"), "quota", True, "Limit."),
        (400, error("Limit.", "billing_hard_limit_reached"), "quota", True, "Limit."),
        (402, {"error": {"message": "Pay first", "code": 402}}, "quota", True, "Pay first"),
        (500, error("The server had an error.", None), "unavailable", False, "The server had an error."),
        (500, {"error": {"code": 500, "message": "out of memory"}}, "unavailable", False, "out of memory"),
        (500, error("Bad gateway inside.", 400), "unavailable", False, "Bad gateway inside."),
        (502, HTML, "unavailable", False, "502 Bad Gateway"),
        (503, error("Overloaded."), "unavailable", True, "Overloaded."),
        (503, "reset reason: connection termination", "unavailable", False, "reset reason"),
        (403, "<title>Just a moment...</title>", "bad-response", False, "Just a moment..."),
        (504, "", "unavailable", False, None),
        (520, "<p>no title", "unavailable", False, None),
        (408, {}, "timeout", False, None),
        (409, {"object": "error", "message": "Busy", "code": 409}, "provider", False, "Busy"),
        (418, {"error": {"message": {"message": "deep"}, "code": {"a": 1}}}, "provider", False, "deep"),
    ],
)
def test_failures(status: int, body: Any, category: str, did_not_run: bool, words: str | None) -> None:
    failure = refused(Reply(status, body))
    assert isinstance(failure, ProviderError)
    assert (failure.category, failure.did_not_run) == (category, did_not_run)
    assert failure.retry_after is None
    if words is None:
        assert failure.service_message is None
    else:
        assert (failure.service_message or "").startswith(words)


@pytest.mark.parametrize(
    ("status", "headers", "least", "most"),
    [
        (429, {"retry-after": "7"}, 7, 7),
        (503, {"retry-after": "2.5"}, 2.5, 2.5),
        (429, {"retry-after-ms": "1500", "retry-after": "9"}, 1.5, 1.5),
        (429, {"retry-after-ms": "soon", "retry-after": "9"}, 9, 9),
        (429, {"retry-after": formatdate(time.time() + 7200, usegmt=True)}, 3600, 7200),
        (429, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0, 0),
        (429, {"retry-after": "-3"}, 0, 0),
    ],
)
def test_the_service_says_how_long_to_wait(
    status: int, headers: dict[str, str], least: float, most: float
) -> None:
    failure = refused(Reply(status, error("Wait."), headers))
    assert isinstance(failure, ProviderError)
    assert failure.retry_after is not None
    assert least <= failure.retry_after <= most


@pytest.mark.parametrize("wait", ["soon", "nan", "inf", "Someday, 99 Foo", ""])
def test_a_wait_that_makes_no_sense_is_no_wait(wait: str) -> None:
    failure = refused(Reply(429, error("Wait."), {"retry-after": wait}))
    assert isinstance(failure, ProviderError)
    assert failure.retry_after is None


def test_used_up_credit_does_not_come_back_by_waiting() -> None:
    failure = refused(Reply(429, error("No credit.", "insufficient_quota"), {"retry-after": "7"}))
    assert isinstance(failure, ProviderError)
    assert failure.retry_after is None


# The way to the service


def _transport(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[httpx2.Request], httpx2.Response]
) -> list[httpx2.Request]:
    """Puts the SDK's own seam for tests in place of the network; gives the requests that it saw."""
    seen: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return answer(request)

    def client(**options: Any) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(handle), **options)

    monkeypatch.setattr(sdk, "DefaultAsyncHttpxClient", client)
    return seen


@pytest.mark.parametrize(
    ("raised", "category", "did_not_run"),
    [
        (httpx2.ConnectTimeout("x"), "unavailable", True),
        (httpx2.PoolTimeout("x"), "unavailable", True),
        (httpx2.ProxyError("x"), "unavailable", True),
        (httpx2.ReadTimeout("x"), "timeout", False),
        (httpx2.WriteTimeout("x"), "timeout", False),
        (httpx2.ReadError("x"), "unavailable", False),
        (httpx2.WriteError("x"), "unavailable", False),
        (httpx2.RemoteProtocolError("x"), "unavailable", False),
        (httpx2.DecodingError("x"), "bad-response", False),
        (sdk.OpenAIError("x"), "bad-response", False),
        (
            sdk.APIResponseValidationError(
                httpx2.Response(200, request=httpx2.Request("POST", "http://a")), None
            ),
            "bad-response",
            False,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_errors_of_the_sdk(
    raised: Exception, category: str, did_not_run: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        raise raised

    seen = _transport(monkeypatch, answer)
    with pytest.raises(ProviderError) as failure:
        make(ask("http://127.0.0.1:1/v1"))
    assert (failure.value.category, failure.value.did_not_run) == (category, did_not_run)
    assert failure.value.service_message is None
    assert len(seen) == 1


@pytest.mark.parametrize(("timeout", "connect"), [(300.0, 10.0), (2.0, 2.0)])
def test_the_host_sets_the_time(timeout: float, connect: float, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _transport(monkeypatch, lambda request: httpx2.Response(200, json={"data": [PICTURE]}))
    make(ask("http://127.0.0.1:1/v1", timeout=timeout))
    times = seen[0].extensions["timeout"]
    assert (times["connect"], times["read"]) == (connect, timeout)


def test_nobody_listens_there() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening: connecting is refused
        with pytest.raises(ProviderError) as raised:
            make(ask(f"http://127.0.0.1:{taken.getsockname()[1]}/v1"))
    assert (raised.value.category, raised.value.did_not_run) == ("unavailable", True)


def _hangs_up(_: Request) -> Reply:
    raise ConnectionResetError


@pytest.mark.parametrize("handler", [_hangs_up, {PATH: Reply(body="x" * 100, cut_after=10)}])
def test_a_connection_that_is_cut_may_have_been_billed(handler: Handler) -> None:
    with Loopback(handler) as server, pytest.raises(ProviderError) as raised:
        make(ask(f"{server.url}/v1"))
    assert (raised.value.category, raised.value.did_not_run) == ("unavailable", False)
    assert len(server.requests) == 1


def test_a_service_that_does_not_answer_in_time() -> None:
    failure = refused(Reply(delay=30), timeout=0.2)
    assert isinstance(failure, ProviderError)
    assert (failure.category, failure.did_not_run) == ("timeout", False)


def test_a_cancelled_request_hangs_up() -> None:
    async def stop_while_it_waits(server: Loopback) -> None:
        progress: list[str] = []
        task = asyncio.create_task(openai.generate(ask(f"{server.url}/v1", on_progress=progress.append)))
        await asyncio.to_thread(server.wait_until, lambda server: server.requests)
        assert progress == ["waiting for the service"]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(server.wait_until, lambda server: server.disconnects)

    with Loopback({PATH: Reply(delay=30)}) as server:
        run(lambda: stop_while_it_waits(server))


def test_one_client_for_each_loop_server_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[sdk.AsyncOpenAI] = []

    class Counted(sdk.AsyncOpenAI):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            made.append(self)

    monkeypatch.setattr(sdk, "AsyncOpenAI", Counted)
    with Loopback({PATH: GOOD}) as server, Loopback({PATH: GOOD}) as other:
        here = ask(f"{server.url}/v1")

        async def some() -> None:
            await asyncio.gather(openai.generate(here), openai.generate(here))
            await openai.generate(here)

        run(some)
        assert len(made) == 1
        assert made[0].is_closed()
        run(some)  # on another event loop, where a client of the first would fail
        assert len(made) == 2

        async def different() -> None:
            for request in (
                here,
                ask(f"{other.url}/v1"),
                ask(here.base_url, credential=SecretStr("k")),
            ):
                await openai.generate(request)

        run(different)
        assert len(made) == 5
    assert [request.headers["authorization"] for request in server.requests[-2:]] == [
        f"Bearer {KEY}",
        "Bearer k",
    ]


def test_the_first_client_is_built_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing the SDK and reading certificates take half a second, in which no page would answer."""
    threads: list[int] = []
    real = sdk.AsyncOpenAI

    def noted(**options: Any) -> sdk.AsyncOpenAI:
        threads.append(threading.get_ident())
        return real(**options)

    monkeypatch.setattr(sdk, "AsyncOpenAI", noted)
    with Loopback({PATH: GOOD}) as server:
        run(lambda: asyncio.gather(*(openai.generate(ask(f"{server.url}/v1")) for _ in range(5))))
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


def test_a_wrong_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1")
    with pytest.raises(ProviderError, match="ALL_PROXY") as raised:
        make(ask("http://127.0.0.1:1/v1"))
    assert (raised.value.category, raised.value.did_not_run) == ("unavailable", True)


# What it says of itself


def test_describe_imports_no_sdk() -> None:
    code = (
        "import sys; from providers import openai; openai.describe();"
        "print(*sorted({'openai', 'httpx', 'httpx2', 'httpcore'} & sys.modules.keys()))"
    )
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


def test_describe_states_the_same_facts_each_time() -> None:
    info = openai.describe()
    assert info == openai.describe()
    assert info.paid
    assert info.credential is not None
    assert (info.credential.variable, info.base_url_variable) == ("OPENAI_API_KEY", "OPENAI_BASE_URL")


def test_models_and_options_are_those_of_the_sdk() -> None:
    info = openai.describe()
    ids = {model.id for model in info.models}
    assert ids < set(get_args(ImageModel))
    assert not ids & {"gpt-image-1", "dall-e-2", "dall-e-3"}
    made, edited = ImageGenerateParamsBase.__annotations__, ImageEditParamsBase.__annotations__
    for model in info.models:
        options = info.options_of(model).model_fields.keys()
        assert options - made.keys() <= {"input_fidelity"} <= edited.keys()
        assert options - edited.keys() == {"moderation"}


def takes(model_id: str, size: str) -> bool:
    model = openai.describe().model(model_id)
    assert model is not None
    sizes = model.sizes
    wanted = Size.parse(size)
    return wanted in sizes if isinstance(sizes, tuple) else sizes.takes(wanted)


@pytest.mark.parametrize(
    ("model", "size", "taken"),
    [
        ("gpt-image-2", "1536x864", True),
        (FLARE, "3840x2160", True),
        (FLARE, "1440x480", True),
        (FLARE, "1000x1000", False),
        (FLARE, "3840x2176", False),
        (FLARE, "2048x512", False),
        ("gpt-image-1.5", "1024x1536", True),
        ("gpt-image-1.5", "1536x864", False),
        ("any-other", "300x200", True),
    ],
)
def test_sizes(model: str, size: str, taken: bool) -> None:
    assert takes(model, size) is taken


def test_quality_and_seed_by_model() -> None:
    info = openai.describe()

    def qualities(model_id: str) -> set[str]:
        model = info.model(model_id)
        assert model is not None
        return set(info.options_of(model).model_json_schema()["properties"]["quality"]["enum"])

    assert {"xhigh", "max"} <= qualities(FLARE) & qualities("any-other")
    assert not {"xhigh", "max"} & (qualities("gpt-image-2") | qualities("gpt-image-1.5"))
    assert {model.id for model in info.models if model.seed} == set()
    assert info.other_models is not None
    assert info.other_models.seed
    assert issubclass(info.options, Options)


# From end to end


def through_the_studio(
    handler: Handler, options: dict[str, Any] | None = None, **provider: Any
) -> tuple[Version, bytes, Loopback]:
    """Asks the whole engine for one picture; gives the settled version, and the picture's stored bytes."""

    async def work(server: Loopback) -> tuple[Version, bytes]:
        own = {"uses": "openai", "base_url": f"{server.url}/v1", "api_key_env": "OPENAI_API_KEY", **provider}
        studio = open_studio(load_settings(provider="house", providers={"house": own}))
        try:
            conversation = await studio.conversation("t")
            message = await studio.start(
                conversation, UserRequest(prompt="A red fox", size="3:2", options=options or {})
            )
            version = await asyncio.wait_for(conversation.settled(message), 60)
            stored = [file.read_bytes() for file in studio.store.folder.rglob("*.png")]
            return version, b"".join(stored)
        finally:
            await studio.close()

    with Loopback(handler) as server:
        version, picture = asyncio.run(work(server))
    return version, picture, server


def test_from_a_prompt_to_a_stored_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    version, picture, server = through_the_studio({PATH: GOOD})
    assert (version.status, version.failure, picture) == ("complete", None, PNG)
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json == {"model": FLARE, "prompt": "A red fox", "size": version.provenance.size}


def test_a_url_is_fetched_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSE_KEY", KEY)

    def handler(request: Request) -> Reply:
        if request.path == PATH:
            return Reply(body={"data": [{"url": f"http://{request.headers['host']}/a.png"}]})
        return Reply(body=PNG, headers={"content-type": "image/png"})

    version, picture, server = through_the_studio(handler, api_key_env="HOUSE_KEY", models=("flux",))
    assert (version.status, picture) == ("complete", PNG)
    _, fetch = server.requests
    assert KEY not in str(fetch)


@pytest.mark.parametrize(("takes", "settings"), [(False, {}), (True, {"seed": "body"})])
def test_a_version_claims_no_seed_that_was_not_sent(
    takes: bool, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    version, _, server = through_the_studio({PATH: GOOD}, None, models=("flux",), **settings)
    seed = server.requests[0].json.get("seed")
    assert (version.status, version.provenance.seed) == ("complete", seed)
    assert (seed is not None) is takes
    assert seed is None or seed < 2**31
    assert [warning.feature for warning in version.provenance.warnings] == ["size"]


@pytest.mark.parametrize(("comes", "warned"), [("PNG", ["PNG instead of JPEG."]), ("JPEG", [])])
def test_another_format_than_the_chosen_one_is_told(
    comes: str, warned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    file = BytesIO()
    Image.new("RGB", (1536, 1024), "teal").save(file, comes)
    reply = Reply(body={"data": [{"b64_json": base64.b64encode(file.getvalue()).decode()}]})
    version, _, _ = through_the_studio({PATH: reply}, options={"output_format": "jpeg"})
    told = {warning.feature: warning.details for warning in version.provenance.warnings}
    assert [details for feature, details in told.items() if feature == "output_format"] == warned


def test_a_service_that_repeats_the_key_does_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    version, _, _ = through_the_studio({PATH: Reply(401, error(f"Incorrect API key provided: {KEY}."))})
    assert version.failure is not None
    assert version.failure.cause == "auth"
    assert "Incorrect API key provided" in (version.failure.service_message or "")
    assert KEY not in version.model_dump_json()


@pytest.mark.parametrize(
    ("reply", "what", "next_step"),
    [
        (Reply(404, "404 page not found"), "does not know this model", "check the model and the address"),
        (Reply(400, error("No such model", "model_not_found")), "does not know this model", "Choose another"),
        (Reply(502, HTML), "answered with an error", "Try again in a moment."),
        (Reply(500), "answered with an error", "Try again in a moment."),
        (Reply(503, {"error": "Busy", "retry_after": 500}), "answered with an error", "in 9 minutes."),
        (Reply(429, error("Please try again in 400s.")), "accepts no more requests", "Wait 7 minutes"),
        (Reply(200, error("CUDA out of memory")), "could not make this picture", "Try again, or change"),
        (Reply(200, {"data": []}), "sent an answer", "Try again"),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, Reply) else "",
)
def test_the_sentences_fit_what_the_service_answered(
    reply: Reply, what: str, next_step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    version, _, server = through_the_studio({PATH: reply})
    assert version.failure is not None
    assert len(server.requests) == 1
    assert what in version.failure.what
    assert next_step in version.failure.next
    assert "connection" not in version.failure.sentence.lower()
    assert ("billed" in version.failure.why) is not version.failure.did_not_run
    if reply.body == {"data": []}:
        assert "may have refused the prompt" in version.failure.why


def test_the_deadline_of_the_settings_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    version, _, server = through_the_studio({PATH: Reply(delay=30)}, timeout=0.3)
    assert version.failure is not None
    assert (version.failure.cause, version.failure.did_not_run) == ("timeout", False)
    assert len(server.requests) == 1
