"""Replicate's provider, with the real SDK, against a server on this machine that plays its API."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import gzip
import json
import math
import re
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from importlib.metadata import EntryPoint
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from PIL import Image
from pydantic import SecretStr, ValidationError

from core.chat.conversation import Conversation
from core.chat.message import Message, Version
from core.chat.request import UserRequest
from core.generation import fetch
from core.plugins.registry import Registry
from core.settings.schema import load_settings
from core.storage.store import Store
from core.studio import Studio
from limner import (
    CancelConfirmed,
    ContentFiltered,
    ImageRequest,
    ImageResult,
    InputImage,
    ModelInfo,
    ProviderError,
    Size,
    SizeRange,
)
from limner.testing.loopback import Loopback, Reply, Request
from limner.testing.runner import on_a_loop as run
from providers import replicate
from providers.replicate import client, models, pictures
from tests.core.scripted import PNG

KEY = "r8_test0123456789abcdefghij"
SCHNELL = "black-forest-labs/flux-schnell"
SDXL = next(model for model in replicate.describe().models if model.label == "SDXL")
VERSION = SDXL.id.partition(":")[2]
URL = "https://replicate.delivery/xezq/out-0.webp"
ID = "rrr4z55ocneqzikepnug6xezpe"


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks often."""
    monkeypatch.setattr(replicate, "FIRST_POLL", 0.005)
    monkeypatch.setattr(replicate, "MAX_POLL", 0.01)


def prediction(status: str = "succeeded", output: Any = URL, **more: Any) -> dict[str, Any]:
    """A prediction as the service sends it."""
    return {
        "id": ID,
        "model": SCHNELL,
        "version": "hidden",
        "input": {"prompt": "A red fox"},
        "logs": "",
        "output": output if status == "succeeded" else None,
        "error": None,
        "status": status,
        "created_at": "2026-11-22T20:00:00.000Z",
        "data_removed": False,
        "urls": {
            "get": f"https://api.replicate.com/v1/predictions/{ID}",
            "cancel": f"https://api.replicate.com/v1/predictions/{ID}/cancel",
            "web": f"https://replicate.com/p/{ID}",
        },
    } | more


START_TIMEOUT = prediction("starting")
PROCESSING = prediction("processing")
CANCELED = prediction("canceled")


class Replicate:
    """Plays the service: one prediction, which shows its next state at each look, and the last for ever."""

    def __init__(
        self,
        *states: dict[str, Any] | Reply,
        cancel: dict[str, Any] | Reply = CANCELED,
        then: dict[str, Any] | None = None,
        delay: float = 0,
    ) -> None:
        self.states = list(states) or [prediction()]
        self._cancel, self._then, self._delay = cancel, then, delay
        self.uploads = 0

    def files(self, request: Request) -> Reply:
        """Takes a file, or deletes one."""
        if request.method == "DELETE":
            return Reply(204)
        self.uploads += 1
        return Reply(201, uploaded(f"f{self.uploads}"))

    def __call__(self, request: Request) -> Reply:
        if request.path.endswith("/cancel"):
            self.states = [self._then] if self._then else self.states
            return _reply(self._cancel)
        if request.path.startswith("/v1/files"):
            return self.files(request)
        state = self.states[0] if len(self.states) == 1 else self.states.pop(0)
        if request.method == "POST":
            assert request.path.endswith("/predictions")
            return _reply(state, 201, self._delay)
        assert request.path == f"/v1/predictions/{ID}"
        return _reply(state)


def uploaded(name: str) -> dict[str, Any]:
    """A file as the service describes it."""
    numbers = {"size": 1, "etag": "", "checksums": {}, "metadata": {}}
    times = {"created_at": "2026-11-22T20:00:00.000Z", "expires_at": "2026-11-23T20:00:00.000Z"}
    urls = {"get": f"https://api.replicate.com/v1/files/{name}"}
    return {"id": name, "name": "x", "content_type": "image/png", "urls": urls, **numbers, **times}


def _reply(state: dict[str, Any] | Reply, status: int = 200, delay: float = 0) -> Reply:
    return state if isinstance(state, Reply) else Reply(status, state, delay=delay)


def steps(server: Loopback) -> list[str]:
    """What the service was asked, in order: to create, to show, or to cancel."""
    kinds = {"POST": "create", "GET": "look"}
    uploading = {"POST": "upload", "DELETE": "delete"}
    return [
        "cancel"
        if request.path.endswith("/cancel")
        else (uploading if request.path.startswith("/v1/files") else kinds)[request.method]
        for request in server.requests
    ]


def ask(base_url: str | None, **more: Any) -> ImageRequest:
    given: dict[str, Any] = {"prompt": "A red fox", "model": SCHNELL, "credential": SecretStr(KEY)}
    return ImageRequest(base_url=base_url, **(given | more))


def make(request: ImageRequest) -> ImageResult:
    return run(lambda: replicate.generate(request))


def answered(service: Replicate, **more: Any) -> tuple[ImageResult, Loopback]:
    """Returns what the provider makes of a prediction, and the service, which was asked for only one."""
    with Loopback(service) as server:
        result = make(ask(server.url, **more))
    assert steps(server).count("create") == 1
    assert {*steps(server)[: steps(server).index("create")]} <= {"upload"}
    return result, server


def refused(service: Replicate, **more: Any) -> tuple[ContentFiltered | ProviderError, Loopback]:
    """Returns the error that the provider makes of a prediction, and the service, asked for only one."""
    with Loopback(service) as server, pytest.raises((ContentFiltered, ProviderError)) as raised:
        make(ask(server.url, **more))
    assert steps(server).count("create") == 1
    return raised.value, server


def failed(service: Replicate, **more: Any) -> ProviderError:
    error, _ = refused(service, **more)
    assert isinstance(error, ProviderError)
    return error


# What is sent


def info_of(model: str) -> ModelInfo:
    info = replicate.describe().model(model)
    assert info is not None
    return info


def sent(model: str, options: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    declared = replicate.describe().options_of(info_of(model))
    _, server = answered(Replicate(), model=model, options=declared(**options or {}), **more)
    return server.requests[0].json


def test_an_official_model_is_made_by_its_name_with_a_short_wait() -> None:
    _, server = answered(Replicate(), timeout=299.5)
    (request,) = server.requests
    assert request.path == f"/v1/models/{SCHNELL}/predictions"
    assert request.headers["prefer"] == f"wait={replicate.WAIT}"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["cancel-after"] == "310s"


def test_a_version_is_made_by_its_id_with_the_same_wait() -> None:
    _, server = answered(Replicate(), model="someone/fox.v2:5c7d5dc6dd8bf75c")
    (request,) = server.requests
    assert request.path == "/v1/predictions"
    assert request.headers["prefer"] == f"wait={replicate.WAIT}"
    assert request.json == {"version": "5c7d5dc6dd8bf75c", "input": {"prompt": "A red fox"}}


@pytest.mark.parametrize(
    "model",
    [
        "flux",
        "a/b/c",
        "../deployments",
        "a/..",
        "a/b?x=1",
        "a/b#",
        "a b/c",
        "a/b:",
        "a/b:../x",
        "/",
        "a/b\n",
        "ä/b",
    ],
)
def test_what_names_no_model_is_not_sent(model: str) -> None:
    with Loopback(Replicate()) as server, pytest.raises(ProviderError) as raised:
        make(ask(server.url, model=model))
    assert (raised.value.category, raised.value.did_not_run) == ("invalid-request", True)
    assert (raised.value.service_message, "owner/name" in str(raised.value.why)) == (None, True)
    assert server.requests == []


@pytest.mark.parametrize(
    ("model", "options", "body"),
    [
        (
            SCHNELL,
            {"go_fast": False, "output_format": "png"},
            {"num_inference_steps": 4, "go_fast": False, "output_format": "png", "output_quality": 80},
        ),
        (
            "black-forest-labs/flux-dev",
            {"guidance": 3.5},
            {
                "num_inference_steps": 28,
                "guidance": 3.5,
                "go_fast": True,
                "output_format": "webp",
                "output_quality": 80,
            },
        ),
        (
            "black-forest-labs/flux-1.1-pro",
            {"prompt_upsampling": True, "output_quality": 100},
            {
                "safety_tolerance": 2,
                "prompt_upsampling": True,
                "output_format": "webp",
                "output_quality": 100,
            },
        ),
        ("recraft-ai/recraft-v3", {"style": "realistic_image"}, {"style": "realistic_image"}),
        (SDXL.id, {}, {"num_inference_steps": 50, "guidance_scale": 7.5, "refine": "no_refiner"}),
        ("someone/fox", {"input": {"steps": 3, "mask": None}}, {"steps": 3, "mask": None}),
        ("someone/fox", {}, {}),
    ],
)
def test_options_travel_under_the_names_of_the_model(
    model: str, options: dict[str, Any], body: dict[str, Any]
) -> None:
    assert sent(model, options)["input"] == {"prompt": "A red fox", **body}


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (SCHNELL, {"num_inference_steps": 5}),
        (SCHNELL, {"guidance": 3}),
        ("black-forest-labs/flux-1.1-pro", {"safety_tolerance": 6}),
        (SDXL.id, {"input": {}}),
        ("someone/fox", {"steps": 3}),
        ("someone/fox", {"input": [1]}),
    ],
)
def test_options_that_a_model_does_not_take_are_refused(model: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        replicate.describe().options_of(info_of(model))(**options)


def _has_ratios(model: ModelInfo) -> bool:
    return isinstance(model.sizes, tuple) and bool(model.sizes)


@pytest.mark.parametrize("model", [model for model in replicate.describe().models if _has_ratios(model)])
def test_a_size_stands_for_a_ratio_of_its_pixels(model: ModelInfo) -> None:
    async def each() -> None:
        for size in cast(tuple[Size, ...], model.sizes):
            await replicate.generate(ask(server.url, model=model.id, size=size))

    with Loopback(Replicate()) as server:
        run(each)
    assert isinstance(model.sizes, tuple)
    side = 2048 if model.id == "google/nano-banana-pro" else 1024
    assert model.default_size == (side, side)
    for size, request in zip(model.sizes, server.requests, strict=True):
        across, down = map(int, request.json["input"]["aspect_ratio"].split(":"))
        assert across / down == size.ratio
        assert math.isclose(size.pixels, side**2, rel_tol=0.02)


def test_sdxl_takes_pixels_and_a_negative_prompt() -> None:
    body = sent(SDXL.id, size=Size(1536, 640), seed=0, negative_prompt="fog")
    assert body["version"] == VERSION
    assert isinstance(SDXL.sizes, SizeRange)
    expected = {"width": 1536, "height": 640, "seed": 0, "negative_prompt": "fog"}
    assert body["input"].items() >= expected.items()
    assert "aspect_ratio" not in body["input"]


def test_the_message_stands_over_a_prompt_among_the_options() -> None:
    other = replicate.describe().options_of(info_of("someone/fox"))
    options = other.model_validate({"input": {"prompt": "a cat", "seed": "3"}})
    result, server = answered(Replicate(), model="someone/fox", options=options)
    assert server.requests[0].json == {"input": {"prompt": "A red fox", "seed": "3"}}
    assert [warning.feature for warning in result.warnings] == ["input"]
    assert result.seed is None


# What comes back


def test_what_the_service_says_is_kept() -> None:
    said = prediction(
        logs="running quantized prediction\nUsing seed: 2878416612\n100%|██████████| 4/4 [00:00]\n",
        metrics={"predict_time": 0.83, "total_time": 0.9, "image_count": 1},
        version=VERSION,
        model="stability-ai/sdxl",
    )
    result, _ = answered(Replicate(said), model=SDXL.id, seed=7)
    assert result.image == URL
    assert (result.seed, result.request_id, result.model) == (2878416612, ID, SDXL.id)
    assert result.usage == {"predict_time": 0.83, "total_time": 0.9, "image_count": 1}
    assert result.metadata == {"prediction": f"https://replicate.com/p/{ID}", "version": VERSION}
    assert result.warnings == []


def test_another_model_than_the_one_asked_is_told() -> None:
    result, _ = answered(Replicate(prediction(model="a/fox")), model="a/fox-2")
    assert result.model == "a/fox"


def test_without_a_seed_in_the_logs_it_is_the_one_that_was_sent() -> None:
    result, _ = answered(Replicate(prediction(logs=None, urls=None, metrics=None)), seed=7)
    assert (result.seed, result.usage, result.metadata) == (7, {}, {})
    assert answered(Replicate())[0].seed is None


SVG = "data:image/svg+xml,%3Csvg%20xmlns%3D'http://www.w3.org/2000/svg'%2F%3E"


@pytest.mark.parametrize(
    ("output", "image", "warned"),
    [
        (URL, URL, []),
        ([URL], URL, []),
        ([URL, "https://replicate.delivery/2.webp"], URL, ["output"]),
        ({"image": URL, "seed": 3}, URL, []),
        ({"caption": "a fox", "images": [{"url": URL}]}, URL, []),
        (
            "data:application/octet-stream;base64,UklGRg==",
            "data:application/octet-stream;base64,UklGRg==",
            [],
        ),
        (SVG, SVG, []),
        (["", None, URL], URL, []),
        (["https://replicate.delivery/meta.json", URL], URL, []),
        ({"json": "https://replicate.delivery/meta", "image": URL}, URL, ["output"]),
        ("//replicate.delivery/a b.png", "https://replicate.delivery/a%20b.png", []),
        ({"frames": {"first": URL}, "log": "https://replicate.delivery/log.txt"}, URL, []),
    ],
)
def test_every_shape_of_output(output: Any, image: str, warned: list[str]) -> None:
    result, server = answered(Replicate(prediction(output=output)))
    assert type(result.image) is str
    assert result.image == image
    assert [warning.feature for warning in result.warnings] == warned
    assert steps(server) == ["create"]


@pytest.mark.parametrize(
    "output",
    [
        None,
        [],
        {},
        "",
        "a red fox",
        ["a ", "fox"],
        7,
        {"path": "/tmp/a.png"},
        "https://replicate.delivery/a.mp4",
    ],
)
def test_an_output_without_a_picture_is_no_answer(output: Any) -> None:
    assert failed(Replicate(prediction(output=output))).category == "bad-response"


def test_a_mark_in_an_output_is_a_refusal() -> None:
    refusal, _ = refused(Replicate(prediction(output={"images": [URL], "has_nsfw_concepts": [True]})))
    assert isinstance(refusal, ContentFiltered)


ODD: list[Any] = [None, 7, True, "", "no", [], ["no"], {}, {"a": None}, [[7]], -1.5, 10**30]


@pytest.mark.parametrize("status", [201, 400, 401, 422, 429, 500])
def test_an_answer_of_any_form_is_read(status: int) -> None:
    """Whatever stands where a text or an object is expected: it ends as a failure of the contract."""
    names = ("id", "output", "error", "status", "logs", "urls", "metrics", "input", "detail", "title")
    bodies = [json.dumps({name: value}) for name in names for value in ODD]
    bodies += [json.dumps(prediction() | {name: value}) for name in names for value in ODD]
    bodies += [json.dumps(value) for value in ODD] + ["{", '"', '{"a": ' + "[" * 900 + "]" * 900 + "}"]
    waiting = iter(bodies)

    async def each() -> None:
        for body in bodies:
            try:
                result = await replicate.generate(ask(server.url))
            except (ContentFiltered, ProviderError):
                continue
            assert result.image == URL, body

    def handler(request: Request) -> Reply:
        is_new = request.method == "POST" and not request.path.endswith("/cancel")
        return Reply(status, next(waiting)) if is_new else _reply(CANCELED)

    with Loopback(handler) as server:
        run(each)


def test_a_reply_without_end_is_given_up() -> None:
    bomb = gzip.compress(b'{"id": "' + b"A" * 200_000_000, 1)
    error, _ = refused(Replicate(Reply(201, bomb, {"content-encoding": "gzip"})))
    assert isinstance(error, ProviderError)
    assert (error.category, error.did_not_run) == ("bad-response", False)
    assert "larger than" in str(error.why)


# How it fails


def problem(status: int, detail: Any, title: str | None = None) -> Reply:
    return Reply(status, {"title": title, "detail": detail, "status": status})


COMMUNITY = "someone/fox"
LATEST = "5c7d5dc6dd8bf75c"


def on_page(latest: Any) -> dict[str, Any]:
    """What the service says of a community model."""
    owner, name = COMMUNITY.split("/")
    about = {"url": f"https://replicate.com/{COMMUNITY}", "visibility": "public", "run_count": 7}
    return {"owner": owner, "name": name, "latest_version": latest, "default_example": None, **about}


VERSION_OF_FOX = {
    "id": LATEST,
    "created_at": "2026-01-02T03:04:05Z",
    "cog_version": "0.9",
    "openapi_schema": {},
}


class Community:
    """Plays the service for a model without an official version, whose page is as given."""

    def __init__(self, page: Reply, made: Reply | None = None) -> None:
        self.page, self.made = page, made or Reply(201, prediction(model=COMMUNITY))

    def __call__(self, request: Request) -> Reply:
        if request.path == f"/v1/models/{COMMUNITY}/predictions":
            return problem(404, "The requested resource could not be found.")
        if request.path == f"/v1/models/{COMMUNITY}":
            return self.page
        assert request.path == "/v1/predictions"
        return self.made


def test_a_community_model_is_made_by_its_latest_version_which_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work() -> None:
        monkeypatch.setattr(replicate, "KNOWN", 1e12)
        for _ in range(2):
            result = await replicate.generate(ask(server.url, model=COMMUNITY))
            assert (result.image, result.model) == (URL, COMMUNITY)
        monkeypatch.setattr(replicate, "KNOWN", 1e-9)
        await replicate.generate(ask(server.url, model=COMMUNITY))

    with Loopback(Community(Reply(body=on_page(VERSION_OF_FOX)))) as server:
        run(work)
    asked = [(request.method, request.path) for request in server.requests]
    look_up = [("POST", f"/v1/models/{COMMUNITY}/predictions"), ("GET", f"/v1/models/{COMMUNITY}")]
    create = [("POST", "/v1/predictions")]
    assert asked == [*look_up, *create, *create, *look_up, *create]
    made = [request for request in server.requests if request.path == "/v1/predictions"]
    assert {request.json["version"] for request in made} == {LATEST}
    assert {request.headers["prefer"] for request in made} == {f"wait={replicate.WAIT}"}


@pytest.mark.parametrize(
    ("page", "category", "words"),
    [
        (Reply(404, {"detail": "Not found", "status": 404}), "invalid-request", "Not found"),
        (Reply(body=on_page(None)), "invalid-request", "no version"),
        (Reply(500, "<html>"), "unavailable", ""),
        (Reply(200, "[1]"), "bad-response", ""),
        (Reply(body={"latest_version": {"id": 7}}), "bad-response", ""),
        (Reply(200, b"x", cut_after=0), "unavailable", ""),
    ],
)
def test_a_version_that_is_not_found_costs_nothing(page: Reply, category: str, words: str) -> None:
    with Loopback(Community(page)) as server, pytest.raises(ProviderError) as raised:
        make(ask(server.url, model=COMMUNITY))
    assert (raised.value.category, raised.value.did_not_run) == (category, True)
    assert words in str(raised.value.service_message or raised.value.why)
    assert "/v1/predictions" not in [request.path for request in server.requests]


def test_a_prediction_of_a_version_that_fails_is_not_sent_again() -> None:
    service = Community(Reply(body=on_page(VERSION_OF_FOX)), problem(404, "No such version"))
    with Loopback(service) as server, pytest.raises(ProviderError, match="No such version"):
        make(ask(server.url, model=COMMUNITY))
    assert [request.method for request in server.requests] == ["POST", "GET", "POST"]


THROTTLED = "Request was throttled. Your rate limit for creating predictions is reduced. It resets in ~{}s."
HTML = Reply(500, "<html>Internal Server Error</html>", {"content-type": "text/html"})


@pytest.mark.parametrize(
    ("reply", "category", "did_not_run", "words"),
    [
        (problem(401, "Invalid token", "Unauthenticated"), "auth", True, "Invalid token"),
        (problem(403, "Not allowed"), "auth", True, "Not allowed"),
        (problem(402, None, "Insufficient credit"), "quota", True, "Insufficient credit"),
        (problem(422, [{"msg": "is wrong"}]), "invalid-request", True, "is wrong"),
        (problem(400, "Bad"), "invalid-request", True, "Bad"),
        (problem(429, "Slow down"), "rate-limit", True, "Slow down"),
        (HTML, "unavailable", False, None),
        (problem(503, "Down"), "unavailable", False, "Down"),
        (Reply(422, "[]", {"content-type": "application/json"}), "bad-response", False, None),
        (Reply(201, "<html>Hello</html>", {"content-type": "text/html"}), "bad-response", False, None),
        (Reply(201, "[1]"), "bad-response", False, None),
        (Reply(201, "null"), "bad-response", False, None),
        (Reply(201, {"id": ID}), "bad-response", False, None),
        (Reply(201, "[" * 5000 + "]" * 5000), "bad-response", False, None),
        (Reply(201, b"no gzip", {"content-encoding": "gzip"}), "bad-response", False, None),
        (Reply(302, b"", {"location": "https://example.org/"}), "bad-response", False, None),
        (Reply(201, b"{}", cut_after=1), "unavailable", False, None),
        (Reply(201, prediction("aborted")), "timeout", False, None),
    ],
)
def test_a_prediction_that_was_not_made(
    reply: Reply, category: str, did_not_run: bool, words: str | None
) -> None:
    error, server = refused(Replicate(reply))
    assert isinstance(error, ProviderError)
    assert (error.category, error.did_not_run) == (category, did_not_run)
    assert (error.service_message, error.retry_after) == (words, None)
    assert steps(server) == ["create"]


@pytest.mark.parametrize(
    ("words", "retry_after"),
    [
        (THROTTLED.format("5"), 5),
        (THROTTLED.format("0.5"), 0.5),
        (THROTTLED.format(""), None),
        ("Request was throttled. Expected available in 3 seconds.", 3),
        ("Request was throttled. Expected available in 1 second.", 1),
    ],
)
def test_a_rate_limit_says_when_it_ends(words: str, retry_after: float | None) -> None:
    error = failed(Replicate(problem(429, words)))
    assert (error.category, error.retry_after, error.did_not_run) == ("rate-limit", retry_after, True)


@pytest.mark.parametrize(
    "words",
    [
        "NSFW content detected. Try running it again, or try a different prompt.",
        "The input or output was flagged as sensitive. Please try again with different inputs. (E005)",
        "All generated images contained NSFW content.",
        "Your request was flagged by our content moderation system.",
    ],
)
@pytest.mark.parametrize("seen", ["at once", "later"])
def test_a_refusal_is_one(words: str, seen: str) -> None:
    refusal = prediction("failed", error=words)
    error, server = refused(Replicate(refusal) if seen == "at once" else Replicate(START_TIMEOUT, refusal))
    assert isinstance(error, ContentFiltered)
    assert error.service_message == words
    assert "cancel" not in steps(server)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (prediction("failed", error="CUDA out of memory"), "CUDA out of memory"),
        (prediction("failed", error="The scheduler's name is case-sensitive"), "case-sensitive"),
        (prediction("failed"), "failed"),
        (prediction("canceled"), "canceled"),
    ],
)
def test_any_other_end_is_a_failure_of_the_service(state: dict[str, Any], words: str) -> None:
    for service in (Replicate(state), Replicate(START_TIMEOUT, PROCESSING, state)):
        error = failed(service)
        assert (error.category, error.did_not_run) == ("provider", False)
        assert error.service_message == state["error"]
        assert words in str(error.service_message or error.why)


def test_a_prediction_that_is_aborted_later_ran_out_of_time() -> None:
    error, server = refused(Replicate(START_TIMEOUT, prediction("aborted")))
    assert isinstance(error, ProviderError)
    assert (error.category, error.did_not_run) == ("timeout", False)
    assert error.why == "Replicate ended the prediction at its deadline."
    assert steps(server)[:3] == ["create", "look", "cancel"]


@pytest.mark.parametrize(("end", "is_confirmed"), [("canceled", True), ("processing", False)])
def test_a_cancellation_says_whether_the_service_confirmed_it(end: str, is_confirmed: bool) -> None:
    def service(request: Request) -> Reply:
        return Reply(200, prediction(end if request.path.endswith("/cancel") else "processing"))

    async def stop(server: Loopback) -> bool:
        task = asyncio.create_task(replicate.generate(ask(server.url)))
        await asyncio.to_thread(server.wait_until, lambda server: len(server.requests) > 1)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            return CancelConfirmed.is_in(error)
        return False

    with Loopback(service) as server:
        assert run(lambda: stop(server)) is is_confirmed


def test_a_prediction_that_was_cancelled_is_not_said_to_be_billed() -> None:
    error = failed(Replicate(prediction("canceled")))
    assert (error.was_cancelled, failed(Replicate(prediction("failed"))).was_cancelled) == (True, False)


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(ProviderError) as raised:
            make(ask(f"http://127.0.0.1:{free.getsockname()[1]}"))
    assert (raised.value.category, raised.value.did_not_run) == ("unavailable", True)


def test_a_silent_service_is_given_up_when_we_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK sets a limit of its own, half a second after the wait, which a slow line does not keep."""
    monkeypatch.setattr(client, "READ_TIMEOUT", 0.3)
    monkeypatch.setattr(replicate, "WAIT", 60)  # so that the SDK would wait for the picture
    error = failed(Replicate(prediction(), delay=20))
    assert (error.category, error.did_not_run) == ("timeout", False)


def test_a_token_that_is_none_is_not_sent() -> None:
    for key in ("r8_ключ", "r8_a\nb"):
        with Loopback(Replicate()) as server, pytest.raises(ProviderError) as raised:
            make(ask(server.url, credential=SecretStr(key)))
        assert (raised.value.category, raised.value.did_not_run) == ("auth", True)
        assert (raised.value.service_message, "copy it again" in str(raised.value.why)) == (None, True)
        assert server.requests == []


# The wait


def test_progress_is_told() -> None:
    told: list[str] = []
    bars = ["", " 10%|█ | 1/10\n", " 10%|█ | 1/10\r 40%|████ | 4/10 [00:01<00:02]\nmore\n"]
    states = [START_TIMEOUT, *(prediction("processing", logs=bar) for bar in bars), prediction()]
    _, server = answered(Replicate(*states), on_progress=told.append)
    assert told == [
        "waiting for the service",
        "starting the model",
        "drawing",
        "drawing, 10 %",
        "drawing, 40 %",
    ]
    assert steps(server) == ["create", "look", "look", "look", "look"]


def test_looks_become_rarer(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def shorter(seconds: float, *result: Any) -> Any:
        if seconds:  # the server sleeps, too, but for no time
            pauses.append(seconds)
        return await sleep(0, *result)

    monkeypatch.setattr(replicate, "FIRST_POLL", 0.5)
    monkeypatch.setattr(replicate, "MAX_POLL", 4.0)
    monkeypatch.setattr(asyncio, "sleep", shorter)
    states = [Reply(201, START_TIMEOUT), *[PROCESSING] * 10, prediction()]
    with Loopback(Replicate(*states)) as server:
        make(ask(server.url))
    assert len(pauses) == 11
    assert (pauses[0], pauses[-1]) == (0.5, 4.0)
    assert pauses == sorted(pauses)


@pytest.mark.parametrize(
    "miss",
    [
        HTML,
        Reply(200, "<html>"),
        Reply(200, b"{}", cut_after=1),
        problem(429, "Slow down"),
        Reply(503),
    ],
)
def test_a_look_may_fail(miss: Reply) -> None:
    result, server = answered(Replicate(START_TIMEOUT, miss, prediction()))
    assert result.image == URL
    assert steps(server) == ["create", "look", "look"]


def test_a_look_may_stay_unanswered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "READ_TIMEOUT", 0.4)
    result, server = answered(Replicate(START_TIMEOUT, Reply(delay=30), prediction()))
    assert result.image == URL
    assert steps(server) == ["create", "look", "look"]


def test_only_looks_that_fail_in_a_row_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicate, "MAX_MISSES", 1)
    result, _ = answered(Replicate(START_TIMEOUT, *[HTML, PROCESSING] * 3, prediction()))
    assert result.image == URL


def test_a_lost_service_is_given_up_and_the_prediction_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicate, "MAX_MISSES", 2)
    error, server = refused(Replicate(PROCESSING, HTML))
    assert isinstance(error, ProviderError)
    assert (error.category, error.did_not_run) == ("unavailable", False)
    assert steps(server) == ["create", "look", "look", "look", "cancel"]


@pytest.mark.parametrize(
    ("status", "category"),
    [(401, "auth"), (402, "quota"), (404, "invalid-request"), (422, "invalid-request")],
)
def test_a_look_that_is_refused_is_final_and_the_prediction_may_have_run(status: int, category: str) -> None:
    error, server = refused(Replicate(START_TIMEOUT, problem(status, "No")))
    assert isinstance(error, ProviderError)
    assert (error.category, error.did_not_run) == (category, False)
    assert steps(server) == ["create", "look", "cancel"]


# Pictures go in


def _photograph(kind: str, seed: int, side: int = 24) -> InputImage:
    """A picture whose bytes are those of no other, and, as the host's, in a form that a model takes."""
    file = BytesIO()
    Image.effect_noise((side, side), 40 + seed).save(file, kind)
    media_type = f"image/{kind.lower()}"
    return InputImage(file.getvalue(), media_type, Size(side, side), f"photo-{seed}.{kind.lower()}")


PHOTOS = tuple(_photograph(kind, seed) for seed, kind in enumerate(["PNG", "JPEG", "WEBP", "PNG"]))
MASK = _photograph("PNG", 9)
EDITORS = [model for model in replicate.describe().models if model.images]


def _read(uri: str) -> tuple[str, bytes]:
    head, _, data = uri.partition(";base64,")
    return head.removeprefix("data:"), base64.b64decode(data, validate=True)


@pytest.mark.parametrize(
    ("model", "name", "most", "is_list"),
    [
        ("black-forest-labs/flux-kontext-pro", "input_image", 1, False),
        ("black-forest-labs/flux-kontext-max", "input_image", 1, False),
        ("black-forest-labs/flux-fill-pro", "image", 1, False),
        ("black-forest-labs/flux-2-pro", "input_images", 8, True),
        ("black-forest-labs/flux-2-dev", "input_images", 4, True),
        ("bytedance/seedream-4", "image_input", 10, True),
        ("qwen/qwen-image-edit-plus", "image", 3, True),
        ("google/nano-banana", "image_input", 3, True),
        ("google/nano-banana-pro", "image_input", 14, True),
    ],
)
def test_pictures_travel_byte_for_byte_under_the_name_of_the_model(
    model: str, name: str, most: int, is_list: bool
) -> None:
    inputs = info_of(model).images
    assert inputs is not None
    assert inputs.most == most
    photos = PHOTOS[:most]
    given = sent(model, images=photos)["input"]
    taken = given[name] if is_list else [given[name]]
    assert [_read(uri) for uri in taken] == [(photo.media_type, photo.data) for photo in photos]
    if is_list:
        assert [_read(uri)[1] for uri in sent(model, images=photos[:1])["input"][name]] == [photos[0].data]
    if not inputs.least:
        assert name not in sent(model)["input"]


def test_every_model_that_takes_pictures_has_a_name_for_them() -> None:
    assert [model.id for model in EDITORS if model.images and model.images.mask] == [
        "black-forest-labs/flux-fill-pro"
    ]
    assert {model.id for model in EDITORS} == {*models.NAMES}
    other = replicate.describe().other_models
    assert other is not None
    assert other.images is None


def test_a_mask_travels_beside_its_picture() -> None:
    fill = "black-forest-labs/flux-fill-pro"
    given = sent(fill, images=PHOTOS[1:2], mask=MASK)["input"]
    assert _read(given["image"]) == ("image/jpeg", PHOTOS[1].data)
    assert _read(given["mask"]) == ("image/png", MASK.data)
    assert "mask" not in sent(fill, images=PHOTOS[:1])["input"]


def test_a_mask_is_none_of_the_pictures_of_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    fill = "black-forest-labs/flux-fill-pro"
    monkeypatch.setitem(models.NAMES, fill, models.Names("images", is_list=True))
    given = sent(fill, images=PHOTOS[:2], mask=MASK)["input"]
    assert [_read(uri)[1] for uri in given["images"]] == [photo.data for photo in PHOTOS[:2]]


@pytest.mark.parametrize(
    ("model", "size", "told"),
    [
        ("black-forest-labs/flux-kontext-pro", Size(1448, 724), {"aspect_ratio": "2:1"}),
        ("google/nano-banana", Size(1024, 1024), {"aspect_ratio": "1:1"}),
        (
            "black-forest-labs/flux-2-pro",
            Size(1248, 832),
            {"aspect_ratio": "custom", "width": 1248, "height": 832},
        ),
        ("bytedance/seedream-4", Size(4096, 1024), {"size": "custom", "width": 4096, "height": 1024}),
        ("black-forest-labs/flux-fill-pro", None, {}),
    ],
)
@pytest.mark.parametrize("photos", [(), PHOTOS[:1]], ids=["words", "picture"])
def test_a_size_is_told_in_the_form_of_the_model(
    model: str, size: Size | None, told: dict[str, Any], photos: tuple[InputImage, ...]
) -> None:
    sizes = info_of(model).sizes
    assert size is None or (sizes.takes(size) if isinstance(sizes, SizeRange) else size in sizes)
    given = sent(model, size=size, images=photos)["input"]
    names = ("aspect_ratio", "size", "width", "height")
    assert {name: value for name, value in given.items() if name in names} == told


def _uploads(server: Loopback) -> list[Request]:
    return [request for request in server.requests if request.path == "/v1/files"]


def test_larger_pictures_travel_as_files_that_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "INLINE_BYTES", sum(len(photo.data) for photo in PHOTOS) - 1)
    service, progress = Replicate(START_TIMEOUT, prediction()), list[str]()
    seen = {"images": PHOTOS, "model": "google/nano-banana-pro", "on_progress": progress.append}
    _, server = answered(service, **seen)
    assert steps(server) == [*["upload"] * 4, "create", "look", *["delete"] * 4]
    for photo, upload in zip(PHOTOS, _uploads(server), strict=True):
        assert upload.body.count(b"\r\n\r\n" + photo.data + b"\r\n--") == 1
        head = upload.body.partition(photo.data)[0].decode()
        assert f'filename="{photo.filename}"' in head
        assert f"Content-Type: {photo.media_type}" in head
    (created,) = [request for request in server.requests if request.path.endswith("/predictions")]
    addresses = [f"https://api.replicate.com/v1/files/f{number}" for number in (1, 2, 3, 4)]
    assert created.json["input"]["image_input"] == addresses
    deleted = [request.path for request in server.requests if request.method == "DELETE"]
    assert sorted(deleted) == [f"/v1/files/f{number}" for number in (1, 2, 3, 4)]
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}
    assert progress[:2] == ["sending the pictures", "waiting for the service"]


def test_a_mask_counts_and_travels_as_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "INLINE_BYTES", len(PHOTOS[0].data))
    _, server = answered(Replicate(), model="black-forest-labs/flux-fill-pro", images=PHOTOS[:1], mask=MASK)
    assert steps(server) == ["upload", "upload", "create", "delete", "delete"]
    assert MASK.data in _uploads(server)[1].body
    given = server.requests[2].json["input"]
    assert (given["image"][-2:], given["mask"][-2:]) == ("f1", "f2")


@pytest.mark.parametrize("status", [401, 413, 422, 429, 500])
def test_a_picture_that_cannot_be_uploaded_costs_nothing(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "INLINE_BYTES", 0)
    service = Replicate()
    take = service.files

    def second_fails(request: Request) -> Reply:
        reply = take(request)
        return problem(status, "No") if service.uploads == 2 and request.method == "POST" else reply

    service.files = second_fails
    with Loopback(service) as server, pytest.raises(ProviderError) as raised:
        make(ask(server.url, model="black-forest-labs/flux-2-pro", images=PHOTOS))
    categories = {401: "auth", 429: "rate-limit", 500: "unavailable"}
    assert raised.value.category == categories.get(status, "invalid-request")
    assert raised.value.did_not_run
    assert steps(server) == ["upload", "upload", "delete"]


@pytest.mark.parametrize(
    "odd",
    [
        Reply(201, "<html>"),
        Reply(201, "[]"),
        Reply(201, {"id": "f1"}),
        Reply(201, uploaded("f1") | {"urls": {}}),
    ],
)
def test_an_upload_that_answers_in_another_form(odd: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "INLINE_BYTES", 0)
    service = Replicate()
    service.files = lambda request: odd
    with Loopback(service) as server, pytest.raises(ProviderError) as raised:
        make(ask(server.url, model="black-forest-labs/flux-2-pro", images=PHOTOS[:1]))
    assert (raised.value.category, raised.value.did_not_run) == ("bad-response", True)
    assert steps(server) == ["upload"]


@pytest.mark.parametrize("deleted", [Reply(404), Reply(500), Reply(delay=30), Reply(503)])
def test_a_file_that_cannot_be_deleted_costs_no_picture(
    deleted: Reply, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pictures, "INLINE_BYTES", 0)
    monkeypatch.setattr(pictures, "DELETE_SECONDS", 0.2)
    service = Replicate()
    take = service.files
    service.files = lambda request: deleted if request.method == "DELETE" else take(request)
    with Loopback(service) as server:
        request = ask(server.url, model="black-forest-labs/flux-2-pro", images=PHOTOS[:2])
        result = run(lambda: asyncio.wait_for(replicate.generate(request), 8))
    assert result.image == URL
    gc.collect()
    assert "never retrieved" not in caplog.text
    assert {path for path in (asked.path for asked in server.requests) if path[-1] in "12"} == {
        "/v1/files/f1",
        "/v1/files/f2",
    }


def test_files_are_deleted_after_a_stop_and_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "INLINE_BYTES", 0)
    edit: dict[str, Any] = {"model": "black-forest-labs/flux-2-pro", "images": PHOTOS[:1]}
    with Loopback(Replicate(prediction("failed", error="CUDA out of memory"))) as server:
        with pytest.raises(ProviderError):
            make(ask(server.url, **edit))
        assert steps(server) == ["upload", "create", "delete"]

    async def stop() -> None:
        task = asyncio.create_task(replicate.generate(ask(server.url, **edit)))
        await asyncio.to_thread(server.wait_until, lambda server: "look" in steps(server))
        task.cancel()
        with pytest.raises(CancelConfirmed):
            await task

    with Loopback(Replicate(START_TIMEOUT)) as server:
        run(stop)
    assert steps(server)[-2:] == ["cancel", "delete"]


@pytest.mark.parametrize(
    ("reply", "category"),
    [
        (Reply(413, "<html><title>413 Request Entity Too Large</title>"), "invalid-request"),
        (
            Reply(422, {"title": "Input validation failed", "detail": "- input.input_image: no"}),
            "invalid-request",
        ),
    ],
)
def test_a_picture_that_the_service_refuses(reply: Reply, category: str) -> None:
    error = failed(Replicate(reply), model="black-forest-labs/flux-kontext-pro", images=PHOTOS[:1])
    assert (error.category, error.did_not_run) == (category, True)


def test_a_picture_that_a_model_finds_unsafe_is_a_refusal() -> None:
    error = "The input or output was flagged as sensitive. Please try again with different inputs. (E005)"
    refusal, _ = refused(
        Replicate(prediction("failed", error=error)),
        model="black-forest-labs/flux-kontext-pro",
        images=PHOTOS[:1],
    )
    assert isinstance(refusal, ContentFiltered)


def test_a_service_that_repeats_the_picture_shows_none_of_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    kontext, data = "black-forest-labs/flux-kontext-pro", PHOTOS[0].base64
    detail = f"- input.input_image: {PHOTOS[0].data_uri} cannot be read"
    error = failed(Replicate(problem(422, detail)), model=kontext, images=PHOTOS[:1])
    said = f"{error!r} {error} {error.service_message} {error.why}"
    assert data[:40] not in said
    assert data[:40] not in caplog.text


# Stop


def stopped(service: Replicate, when: Callable[[Loopback], object]) -> tuple[ImageResult | None, list[str]]:
    """Cancels a generation at some moment; gives its result, if any, and what the service was asked."""

    async def work() -> ImageResult | None:
        task = asyncio.ensure_future(replicate.generate(ask(server.url)))
        await asyncio.to_thread(server.wait_until, when)
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.done()
        return None if task.cancelled() else task.result()

    with Loopback(service) as server:
        result = run(work)
    return result, steps(server)


def test_stop_cancels_at_the_service() -> None:
    result, asked = stopped(Replicate(START_TIMEOUT, PROCESSING), lambda server: len(server.requests) > 2)
    assert result is None
    assert asked[0] == "create"
    assert asked[-1] == "cancel"
    assert asked.count("cancel") == 1


def test_stop_before_the_first_answer_waits_for_it_and_cancels() -> None:
    result, asked = stopped(Replicate(START_TIMEOUT, delay=0.1), lambda server: server.requests)
    assert (result, asked) == (None, ["create", "cancel"])


def test_stop_before_a_first_answer_that_fails() -> None:
    result, asked = stopped(
        Replicate(Reply(500, HTML.body, delay=0.1)), lambda server: len(server.requests) > 0
    )
    assert (result, asked) == (None, ["create"])


def test_a_prediction_that_succeeded_meanwhile_is_kept() -> None:
    for service in (
        Replicate(START_TIMEOUT, cancel=prediction()),
        Replicate(START_TIMEOUT, cancel=problem(409, "It has settled."), then=prediction()),
        Replicate(START_TIMEOUT, cancel=PROCESSING, then=prediction()),
        Replicate(prediction(), delay=0.1),
    ):
        result, asked = stopped(service, lambda server: server.requests)
        assert result is not None
        assert result.image == URL
        assert asked.count("create") == 1


@pytest.mark.parametrize(
    "cancel", [HTML, Reply(200, "no"), Reply(cut_after=0), prediction("failed"), PROCESSING]
)
def test_a_cancelling_that_fails_is_still_a_stop(cancel: dict[str, Any] | Reply) -> None:
    result, asked = stopped(Replicate(START_TIMEOUT, cancel=cancel), lambda server: server.requests)
    assert result is None
    assert "cancel" in asked


def test_a_second_cancellation_does_not_keep_the_first_from_the_service() -> None:
    async def work() -> None:
        task = asyncio.ensure_future(replicate.generate(ask(server.url)))
        await asyncio.to_thread(server.wait_until, lambda server: server.requests)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(server.wait_until, lambda server: "cancel" in steps(server))

    with Loopback(Replicate(START_TIMEOUT, delay=0.1)) as server:
        run(work)


# The client


def test_describe_imports_no_sdk() -> None:
    code = (
        "import sys; from providers import replicate; assert replicate.describe().paid;"
        "sys.exit(bool({'replicate', 'httpx'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


def test_nothing_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATE_API_TOKEN", KEY)
    monkeypatch.setenv("REPLICATE_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    _, server = answered(Replicate(), credential=None)
    assert server.requests[0].headers["authorization"] == ""
    assert KEY not in str(server.requests)

    async def address() -> str:
        return str((await client.client_for(ask(None)))._async_client.base_url)

    assert run(address) == "https://api.replicate.com"


def test_every_event_loop_has_a_client_of_its_own() -> None:
    with Loopback(Replicate()) as server:
        for _ in range(2):
            assert make(ask(server.url)).image == URL
    assert steps(server) == ["create", "create"]


@pytest.mark.parametrize(
    ("variable", "value"), [("SSL_CERT_FILE", "/does/not/exist"), ("REPLICATE_POLL_INTERVAL", "soon")]
)
def test_a_wrong_environment_is_named(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with Loopback(Replicate()) as server, pytest.raises(ProviderError, match=variable) as raised:
        make(ask(server.url))
    assert (raised.value.category, raised.value.did_not_run) == ("unavailable", True)
    assert server.requests == []


def test_the_first_client_is_built_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    real = httpx.AsyncHTTPTransport

    def noted(**more: Any) -> Any:
        threads.append(threading.get_ident())
        return real(**more)

    monkeypatch.setattr(httpx, "AsyncHTTPTransport", noted)
    with Loopback(Replicate()) as server:
        run(lambda: asyncio.gather(*(replicate.generate(ask(server.url)) for _ in range(5))))
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


def test_accounts_do_not_share_a_client() -> None:
    async def both() -> None:
        for key in ("r8_one", "r8_two"):
            await replicate.generate(ask(server.url, credential=SecretStr(key)))

    with Loopback(Replicate()) as server:
        run(both)
    assert [request.headers["authorization"] for request in server.requests] == [
        "Bearer r8_one",
        "Bearer r8_two",
    ]


class Counting(Loopback):
    """Counts the connections that are open, and how many were at most."""

    def __init__(self, handler: Any) -> None:
        super().__init__(handler)
        self.open = self.most = 0

    def __enter__(self) -> Counting:
        super().__enter__()
        return self

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            await super()._talk(reader, writer)
        finally:
            self.open -= 1


def test_two_hundred_side_by_side_need_no_threads_and_leave_no_connection() -> None:
    """All but the first are answered only when all have asked, so that none may wait for another."""
    most, created = 200, 0
    threads: list[int] = []
    together = asyncio.Event()

    async def handler(request: Request) -> Reply:
        nonlocal created
        if request.method == "GET":
            return Reply(body=prediction())
        created += 1
        if created > most:
            threads.append(threading.active_count())
            together.set()
        elif created > 1:
            await together.wait()
        return Reply(201, START_TIMEOUT)

    async def work() -> None:
        await replicate.generate(ask(server.url))  # imports the SDK, which does take a conversation
        threads.append(threading.active_count())
        results = await asyncio.gather(*(replicate.generate(ask(server.url)) for _ in range(most)))
        assert all(result.image == URL for result in results)

    with Counting(handler) as server:
        run(work)
        assert server.most >= most
        server.wait_until(lambda _: server.open == 0)
    assert threads[1] == threads[0]


# From end to end


@contextlib.asynccontextmanager
async def opened(server: Loopback, **settings: Any) -> AsyncIterator[tuple[Studio, Conversation]]:
    own = {"base_url": server.url, **settings.pop("own", {})}
    loaded = load_settings(provider="replicate", providers={"replicate": own}, **settings)
    registry = Registry(loaded, found=[EntryPoint("replicate", "providers.replicate", "limner")])
    studio = Studio(loaded, registry, Store(loaded.data_dir))
    try:
        yield studio, await studio.conversation("t")
    finally:
        await studio.close()


async def settled(conversation: Conversation, message: Message) -> Version:
    return await asyncio.wait_for(conversation.settled(message), 60)


def through_the_studio(server: Loopback, asked: UserRequest, **settings: Any) -> tuple[Version, bytes]:
    async def work() -> tuple[Version, bytes]:
        async with opened(server, **settings) as (studio, conversation):
            version = await settled(conversation, await studio.start(conversation, asked))
            picture = version.picture and await studio.store.read(version.picture.name)
            return version, picture or b""

    return asyncio.run(work())


FOX = UserRequest(prompt="A red fox")


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATE_API_TOKEN", KEY)


@pytest.mark.usefixtures("key")
def test_the_file_host_never_sees_the_token() -> None:
    with Loopback({"/out.png": Reply(body=PNG)}) as files:
        url = f"{files.url}/out.png"
        with Loopback(Replicate(START_TIMEOUT, prediction(output=[url]))) as server:
            asked = UserRequest(prompt="A red fox", size="16:9", seed=4)
            version, picture = through_the_studio(server, asked, fetch_from=(files.url,))
    assert (version.status, version.failure, picture) == ("complete", None, PNG)
    assert version.provenance.request_id == ID
    assert server.requests[0].json["input"].items() >= {"aspect_ratio": "16:9", "seed": 4}.items()
    assert [notice.feature for notice in version.provenance.warnings] == ["size"]
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}
    (fetch,) = files.requests
    assert "authorization" not in fetch.headers
    assert KEY not in str(fetch)
    assert KEY not in version.model_dump_json()


@pytest.mark.usefixtures("key")
def test_a_file_that_has_expired_is_a_bad_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "PAUSES", (0.0, 0.0))
    service = Replicate()
    with Loopback({"/out.png": Reply(403)}) as files, Loopback(service) as server:
        service.states = [prediction(output=f"{files.url}/out.png")]
        version, _ = through_the_studio(server, FOX, fetch_from=(files.url,))
    assert version.failure is not None
    assert version.failure.cause == "bad-image"
    assert steps(server) == ["create"]


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    "service",
    [
        Replicate(problem(401, f"You sent Bearer {KEY}, which is wrong")),
        Replicate(START_TIMEOUT, prediction("failed", error=f"token={KEY} is wrong")),
        Replicate(START_TIMEOUT, prediction("failed", error=f"NSFW, said {KEY}, which is wrong")),
    ],
)
def test_a_service_that_repeats_the_key_does_not_show_it(service: Replicate) -> None:
    with Loopback(service) as server:
        version, _ = through_the_studio(server, FOX)
    assert version.status == "incomplete"
    assert "is wrong" in version.model_dump_json()
    assert KEY not in version.model_dump_json()


@pytest.mark.usefixtures("key")
def test_the_deadline_cancels_at_the_service() -> None:
    with Loopback(Replicate(START_TIMEOUT)) as server:
        version, _ = through_the_studio(server, FOX, own={"timeout": 0.5})
    assert version.failure is not None
    assert (version.failure.cause, version.failure.did_not_run) == ("timeout", False)
    assert steps(server).count("create") == 1
    assert steps(server)[-1] == "cancel"


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("succeeds", [False, True])
def test_stop_in_the_studio(succeeds: bool) -> None:
    async def work(server: Loopback, fetch_from: str) -> Version:
        async with opened(server, fetch_from=(fetch_from,)) as (studio, conversation):
            message = await studio.start(conversation, FOX)
            await asyncio.to_thread(server.wait_until, lambda server: len(server.requests) > 2)
            studio.stop(message)
            return await settled(conversation, message)

    with Loopback({"/out.png": Reply(body=PNG)}) as files:
        cancel = prediction(output=f"{files.url}/out.png") if succeeds else CANCELED
        with Loopback(Replicate(START_TIMEOUT, cancel=cancel)) as server:
            version = asyncio.run(work(server, files.url))
    assert (version.status, version.reason) == (
        ("complete", None) if succeeds else ("incomplete", "cancelled")
    )
    assert steps(server)[-1] == "cancel"


@pytest.mark.usefixtures("key")
def test_what_nobody_knows_of_a_model_is_its_own_affair() -> None:
    with Loopback({"/out.png": Reply(body=PNG)}) as files:
        output = {"image": f"{files.url}/out.png"}
        with Loopback(Replicate(prediction(output=output, model="someone/fox"))) as server:
            asked = UserRequest(
                prompt="A fox", model="someone/fox:abc", size="3:2", options={"input": {"width": 64}}
            )
            version, picture = through_the_studio(server, asked, fetch_from=(files.url,))
    assert picture == PNG
    assert server.requests[0].json == {"version": "abc", "input": {"width": 64, "prompt": "A fox"}}
    assert [warning.feature for warning in version.provenance.warnings] == ["size"]


def test_the_models_are_told_apart_by_what_they_take() -> None:
    info = replicate.describe()
    assert info.other_models is not None
    assert info.other_models.sizes == ()
    without = {
        "bytedance/seedream-4",
        "google/nano-banana",
        "google/nano-banana-pro",
        "recraft-ai/recraft-v3",
    }
    assert {model.id for model in info.models if not model.seed} == without
    assert re.fullmatch(r"[0-9a-f]{64}", VERSION)
