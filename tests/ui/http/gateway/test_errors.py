"""Why there is no picture, in OpenAI's form; and no SDK asks again for what may have run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from core.chat.causes import Cause
from core.chat.failure import failure
from limner import ContentFiltered, ImageRequest, ImageResult, ProviderError
from limner.errors import Category
from tests.core.scripted import NEEDS_KEY, PNG, ScriptedProvider
from tests.ui.http.client import open_client
from tests.ui.http.gateway.sdk import open_sdk, refused
from ui.http.gateway.errors import failure_reply

pytestmark = pytest.mark.anyio

ANSWERS: dict[tuple[str, bool], tuple[int, str]] = {
    ("auth", False): (401, "invalid_api_key"),
    ("auth", True): (401, "invalid_api_key"),
    ("quota", False): (502, "insufficient_quota"),
    ("quota", True): (429, "insufficient_quota"),
    ("rate-limit", False): (502, "rate_limit_exceeded"),
    ("rate-limit", True): (429, "rate_limit_exceeded"),
    ("invalid-request", False): (400, "invalid_value"),
    ("invalid-request", True): (400, "invalid_value"),
    ("timeout", False): (504, "timeout"),
    ("timeout", True): (504, "timeout"),
    ("unavailable", False): (502, "service_unavailable"),
    ("unavailable", True): (503, "service_unavailable"),
    **{
        (cause, ran): (502, "server_error")
        for ran in (True, False)
        for cause in ("bad-image", "bad-response")
    },
    **{("provider", ran): (502, "server_error") for ran in (True, False)},
}
"""By the category of a provider's failure, and whether it certainly did not run."""


def failing(*errors: Exception) -> ScriptedProvider:
    """A provider that fails in these ways in turn, and then makes its picture."""
    left = [*errors]

    async def play(_: ImageRequest) -> ImageResult:
        if left:
            raise left.pop(0)
        return ImageResult(PNG)

    return ScriptedProvider(play)


def test_every_category_has_its_answer() -> None:
    assert {category for category, _ in ANSWERS} == {*get_args(Category)}


@pytest.mark.parametrize(("category", "did_not_run"), ANSWERS)
async def test_no_failure_that_may_have_run_is_asked_again(
    tmp_path: Path, category: Any, did_not_run: bool
) -> None:
    once_more = did_not_run and category in ("rate-limit", "unavailable")
    error = ProviderError(category, "Their own words.", did_not_run=did_not_run, retry_after=0.1)
    scripted = failing(error) if once_more else failing(*[error] * 3)
    async with open_sdk(tmp_path, scripted) as (sdk, _):
        if once_more:
            assert (await sdk.images.generate(prompt="a fox")).data
            assert len(scripted.requests) == 2
            return
        said = await refused(sdk.images.generate(prompt="a fox"))
    assert len(scripted.requests) == 1, "the SDK has asked again"
    assert (said.status_code, said.code) == ANSWERS[category, did_not_run]
    assert said.response.headers["x-should-retry"] == "false"
    assert "Retry-After" not in said.response.headers
    assert "Their own words." in said.message


@pytest.mark.parametrize(("category", "did_not_run"), ANSWERS)
def test_the_status_and_the_code_of_each_failure(category: Any, did_not_run: bool) -> None:
    answer = failure_reply(failure(category, label="Paint", did_not_run=did_not_run))
    status, code = ANSWERS[category, did_not_run]
    assert answer.status_code == status
    assert f'"code":"{code}"'.encode() in answer.body
    is_for_later = did_not_run and category in ("rate-limit", "unavailable")
    assert answer.headers.get("retry-after") == ("5" if is_for_later else None)
    assert answer.headers["x-should-retry"] == ("true" if is_for_later else "false")


def test_nothing_that_may_have_run_says_that_it_can_be_asked_again() -> None:
    for cause in get_args(Cause.__args__[0]) + get_args(Cause.__args__[1]):  # type: ignore[attr-defined]
        answer = failure_reply(failure(cause, label="Paint", retry_after=8))
        assert answer.headers["x-should-retry"] == "false", cause
        assert answer.status_code not in (408, 409, 429, 503), cause


async def test_a_refusal_is_openais(tmp_path: Path) -> None:
    async with open_sdk(tmp_path, failing(ContentFiltered("Not this."))) as (sdk, _):
        error = await refused(sdk.images.generate(prompt="a fox"))
    assert (error.status_code, error.code, error.type) == (
        400,
        "moderation_blocked",
        "image_generation_user_error",
    )
    assert "content filter" in error.message


async def test_of_several_those_that_were_made_are_there(tmp_path: Path) -> None:
    async with open_sdk(tmp_path, failing(ProviderError("timeout"))) as (sdk, _):
        answer = await sdk.images.generate(prompt="a fox", n=3)
    assert len(answer.data or ()) == 2
    (warning,) = answer.to_dict()["warnings"]  # type: ignore[misc]
    assert "did not answer in time" in str(warning)


async def test_without_any_the_first_failure_is_the_answer(tmp_path: Path) -> None:
    async with open_sdk(tmp_path, failing(*[ContentFiltered("No.")] * 2)) as (sdk, _):
        assert (await refused(sdk.images.generate(prompt="a fox", n=2))).code == "moderation_blocked"


async def test_what_may_have_run_is_not_sent_again_for_another_that_did_not(tmp_path: Path) -> None:
    errors = [
        ProviderError("rate-limit", did_not_run=True),
        ProviderError("unavailable"),
        ProviderError("rate-limit", did_not_run=True),
    ]
    scripted = failing(*errors)
    async with open_client(tmp_path, scripted, max_retries=0) as (client, _):
        answer = await client.post("/v1/images/generations", json={"prompt": "a fox", "n": 3})
    assert (answer.status_code, answer.headers["x-should-retry"]) == (502, "false")
    assert "retry-after" not in answer.headers
    assert len(scripted.requests) == 3


async def test_a_limit_is_waited_for(tmp_path: Path) -> None:
    scripted = ScriptedProvider()
    async with open_sdk(tmp_path, scripted, rate_limit="1/second") as (sdk, _):
        for _ in range(2):
            assert (await sdk.images.generate(prompt="a fox")).data
        error = await refused(sdk.with_options(max_retries=0).images.generate(prompt="a fox"))
    assert (error.status_code, error.type, error.code) == (429, "requests", "rate_limit_exceeded")
    assert error.response.headers["x-should-retry"] == "true"
    assert error.response.headers["retry-after"] == "1"
    assert len(scripted.requests) == 2


async def test_a_budget_that_is_used_up_is_no_limit_to_wait_for(tmp_path: Path) -> None:
    scripted = ScriptedProvider(paid=True)
    async with open_sdk(tmp_path, scripted, budget="1/minute") as (sdk, _):
        assert (await sdk.images.generate(prompt="a fox")).data
        error = await refused(sdk.images.generate(prompt="a fox"))
    assert (error.status_code, error.type, error.code) == (429, "insufficient_quota", "insufficient_quota")
    assert error.response.headers["x-should-retry"] == "false"
    assert 0 < int(error.response.headers["retry-after"]) <= 60


async def test_a_key_that_is_missing_or_wrong(tmp_path: Path) -> None:
    async with open_sdk(tmp_path, ScriptedProvider(**NEEDS_KEY)) as (sdk, _):
        error = await refused(sdk.images.generate(prompt="a fox"))
        assert (error.status_code, error.code) == (401, "invalid_api_key")
        wrong = sdk.with_options(api_key="hf_not one")
        error = await refused(wrong.images.generate(prompt="a fox"))
        assert (error.status_code, error.code) == (401, "invalid_api_key")
        assert error.response.headers["www-authenticate"] == "Bearer"


async def test_a_studio_that_closes_is_there_in_a_moment(tmp_path: Path) -> None:
    async with open_sdk(tmp_path, ScriptedProvider()) as (sdk, studio):
        await studio.close()
        error = await refused(sdk.with_options(max_retries=0).images.generate(prompt="a fox"))
    assert (error.status_code, error.response.headers["x-should-retry"]) == (503, "true")
    assert error.response.headers["retry-after"] == "5"


# What never reaches the gateway, and other paths


def error_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/json"
    error: dict[str, Any] = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    return error


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1", 404, None),
        ("GET", "/v1/", 404, None),
        ("POST", "/v1/chat/completions", 404, None),
        ("GET", "/v1/models/", 404, None),
        ("GET", "/v1/models/a%2F..%2Fb", 404, "model_not_found"),
        ("POST", "/v1/images/generations/", 404, None),
        ("GET", "/v1/images/generations", 405, "method_not_supported"),
        ("PUT", "/v1/images/edits", 405, "method_not_supported"),
        ("POST", "/v1/models", 405, "method_not_supported"),
        ("OPTIONS", "/v1/models", 405, "method_not_supported"),
    ],
)
async def test_other_paths_and_methods(
    tmp_path: Path, method: str, path: str, status: int, code: str | None
) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        answer = await client.request(method, path)
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    ("headers", "status", "type"),
    [
        ({"Host": "evil.example"}, 403, "request_forbidden"),
        ({"Host": "a b"}, 400, "invalid_request_error"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "request_forbidden"),
    ],
)
async def test_what_the_middleware_refuses(
    tmp_path: Path, headers: dict[str, str], status: int, type: str
) -> None:
    scripted = ScriptedProvider()
    async with open_client(tmp_path, scripted) as (client, _):
        answer = await client.post("/v1/images/generations", json={"prompt": "a fox"}, headers=headers)
    assert (answer.status_code, error_of(answer)["type"], scripted.requests) == (status, type, [])
    assert answer.headers["x-should-retry"] == "false"


async def test_what_comes_too_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.http.request_rate.AT_ONCE", 1)
    async with open_client(tmp_path, ScriptedProvider(), "203.0.113.7") as (client, _):
        answers = [await client.get("/v1/models") for _ in range(3)]
    assert (answers[-1].status_code, error_of(answers[-1])["code"]) == (429, "rate_limit_exceeded")
    assert answers[-1].headers["x-should-retry"] == "true"
    assert answers[-1].headers["retry-after"] == "1"


async def test_a_bug_is_said_in_the_same_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.http.gateway.routes.offers", lambda *_: 1 / 0)
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        client._transport.raise_app_exceptions = False  # type: ignore[attr-defined]
        answer = await client.get("/v1/models")
    assert (answer.status_code, error_of(answer)["code"]) == (500, "server_error")
    assert answer.headers["x-should-retry"] == "false"
