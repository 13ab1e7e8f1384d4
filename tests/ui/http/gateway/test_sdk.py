"""OpenAI's Python SDK against the running app, and the requests that every door gets."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import re
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.doors import GOOD, REFUSED
from tests.serving import Serving
from tests.test_documents import blocks
from tests.warm_serving import WarmServing

GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("gateway")
    serving = WarmServing(folder, {"LIMNER_DATA_DIR": str(folder / "data"), "LIMNER_MAX_RETRIES": "0"})
    yield serving
    serving.stop()


@pytest.fixture(scope="module")
def sdk(app: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{app.url}/v1", api_key="none") as client:
        yield client


def post(app: Serving, path: str, body: Any, method: str = "POST", **headers: str) -> tuple[int, Any]:
    """Sends a body, as it is if it is bytes or pieces of them, and reads the JSON of the answer."""
    sent = body if isinstance(body, bytes) or hasattr(body, "__next__") else json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=60)
    connection.request(method, path, sent, {"Connection": "close", **headers})
    answer = connection.getresponse()
    said = json.load(answer)
    connection.close()
    return answer.status, said


def fields(values: dict[str, Any]) -> dict[str, Any]:
    """Returns a request of every door as this one has it: the provider is a part of the model's name."""
    named = {"model": f"{values['provider']}/{values['model']}"}
    values = {name: value for name, value in {**values, **named}.items() if value is not None}
    return {name: value for name, value in values.items() if name != "provider"}


def picture(answer: Any) -> bytes:
    return base64.b64decode(answer.data[0].b64_json)


@pytest.mark.parametrize("case", REFUSED)
def test_what_every_door_refuses(app: Serving, case: str) -> None:
    values, words = REFUSED[case]
    status, said = post(app, GENERATIONS, fields({**GOOD, **values}))
    error = said["error"]
    assert status == (404 if "provider" in case or case == "unknown model" else 400)
    assert error["type"] == "invalid_request_error"
    assert re.search(words, error["message"], re.IGNORECASE), error
    assert "Traceback" not in error["message"]
    assert len(error["message"]) < 400


def test_the_async_client_makes_several_at_once(app: Serving) -> None:
    async def make() -> list[bytes]:
        async with openai.AsyncOpenAI(base_url=f"{app.url}/v1", api_key="none") as client:
            prompts = ("a fox", "a boat", "a tree")
            asking = [client.images.generate(prompt=one, size="256x256", model="sketch-1") for one in prompts]
            return [picture(answer) for answer in await asyncio.gather(*asking)]

    pictures = asyncio.run(make())
    assert len({*pictures}) == 3
    assert all(image.startswith(b"\x89PNG") for image in pictures)


def test_an_edit_and_a_link(sdk: openai.OpenAI) -> None:
    made = picture(sdk.images.generate(prompt="a house", size="256x256", model="sketch-1"))
    answer = sdk.images.edit(image=made, prompt="in winter", response_format="url", model="sketch/sketch-1")
    assert answer.data
    assert str(answer.data[0].url).endswith("/in-winter.png")
    assert sdk._client.get(str(answer.data[0].url)).content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("outcome", "kind", "code"),
    [
        ("content-filter", openai.BadRequestError, "moderation_blocked"),
        ("auth", openai.AuthenticationError, "invalid_api_key"),
        ("quota", openai.RateLimitError, "insufficient_quota"),
        ("invalid-request", openai.BadRequestError, "invalid_value"),
        ("timeout", openai.InternalServerError, "timeout"),
        ("bad-image", openai.InternalServerError, "server_error"),
        ("bad-response", openai.InternalServerError, "server_error"),
        ("provider", openai.InternalServerError, "server_error"),
    ],
)
def test_each_failure_has_its_exception_and_is_made_once(
    app: Serving, sdk: openai.OpenAI, outcome: str, kind: type[openai.APIStatusError], code: str
) -> None:
    """With the SDK's own retries: the log has one line for each picture that was asked for."""
    pictures = app.log.read_text().count(" picture provider=")
    with pytest.raises(kind) as raised:
        sdk.images.generate(prompt="a fox", extra_body={"outcome": outcome})
    assert raised.value.code == code
    assert app.log.read_text().count(" picture provider=") == pictures + 1


def test_a_service_that_is_busy_is_asked_again_once_it_may(app: Serving, sdk: openai.OpenAI) -> None:
    once = sdk.with_options(max_retries=0)
    with pytest.raises(openai.RateLimitError) as raised:
        once.images.generate(prompt="a fox", extra_body={"outcome": "rate-limit"})
    assert raised.value.response.headers["retry-after"] == "8"
    assert raised.value.response.headers["x-should-retry"] == "true"


def test_the_code_of_the_readme_prints_a_picture(app: Serving, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = (code for code in blocks("README.md", "python") if "from openai" in code)
    exec(code.replace("http://127.0.0.1:7860", app.url), {})
    assert base64.b64decode(capsys.readouterr().out).startswith(b"\x89PNG")


# Bodies and methods


def test_the_bodies_that_no_route_takes(app: Serving) -> None:
    deep = b'{"prompt": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    for path in (GENERATIONS, EDITS):
        for body, status in ((b"no json", 400), (b"", 400), (deep, 400), (bytes(70_000_000), 413)):
            code, said = post(app, path, body)
            assert (code, said["error"].keys()) == (status, {"message", "type", "param", "code"})
            assert len(said["error"]["message"]) < 300


@pytest.mark.parametrize("type", ["application/json", "multipart/form-data; boundary=x"])
def test_fifty_megabytes_are_no_prompt(app: Serving, type: str) -> None:
    body = json.dumps({"prompt": "a" * 50_000_000}).encode()
    if "form" in type:
        body = b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n' + body + b"\r\n--x--\r\n"
    status, said = post(app, EDITS if "form" in type else GENERATIONS, body, **{"Content-Type": type})
    assert (status, said["error"]["type"]) == (400, "invalid_request_error")


def test_a_body_in_chunks_is_like_any_other(app: Serving) -> None:
    body = json.dumps({"prompt": "a fox", "size": "256x256"}).encode()
    pieces = iter([body[:7], body[7:]])
    status, said = post(app, GENERATIONS, pieces)
    assert status == 200
    assert base64.b64decode(said["data"][0]["b64_json"]).startswith(b"\x89PNG")
    endless = (bytes(1_000_000) for _ in range(80))
    assert post(app, GENERATIONS, endless)[0] == 413


def test_a_wrong_method_is_said(app: Serving) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        status, said = post(app, GENERATIONS, b"", method)
        assert (status, said["error"]["code"]) == (405, "method_not_supported")
