"""fal's provider, against a server on this machine that plays its queue."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from core.generation.deadline import DeadlinePassed, before_deadline
from core.plugins.time_limit import TimeLimit
from limner import (
    CancelConfirmed,
    ContentFiltered,
    ImageRequest,
    ImageResult,
    InputImage,
    Options,
    ProviderError,
    Size,
    SizeRange,
)
from limner.testing.loopback import Loopback, Reply, Request
from limner.testing.pictures import input_image, input_mask
from limner.testing.runner import on_a_loop
from providers import fal
from providers.fal import client, job, models

KEY = "0f1e2d3c-test:4b5a69788796a5b4"
SCHNELL = "fal-ai/flux/schnell"
ID = "80e732af-660e-45cd-bd63-580e4f2a94cc"
JOB = f"/fal-ai/flux/requests/{ID}"
URL = "https://v3.fal.media/files/koala/fox.png"
MADE = {"images": [{"url": URL, "width": 1024, "height": 1024}], "seed": 7, "has_nsfw_concepts": [False]}
QUEUED, DRAWING = {"status": "IN_QUEUE", "queue_position": 0}, {"status": "IN_PROGRESS", "logs": None}
OVER = {"status": "COMPLETED", "metrics": {"inference_time": 0.8}}
CANCELLED = OVER | {"error": "Request cancelled by the client.", "error_type": "client_cancelled"}
REMOVED, REQUESTED = {"status": "OK"}, Reply(202, {"status": "CANCELLATION_REQUESTED"})
PAGE = Reply(502, "<html><title>Bad gateway</title>", {"content-type": "text/html"})
LOST = Reply(200, "x" * 100, cut_after=0)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks often."""
    monkeypatch.setattr(job, "FIRST_POLL", 0.002)
    monkeypatch.setattr(job, "MAX_POLL", 0.005)
    monkeypatch.setattr(job, "LAST_LOOKS", (0.0, 0.002, 0.002))


class Fal:
    """Plays the queue with one job: each look shows its next state, and the last one from then on."""

    def __init__(
        self,
        *states: dict[str, Any] | Reply,
        made: dict[str, Any] | Reply | list[dict[str, Any] | Reply] = MADE,
        accepted: dict[str, Any] | Reply | None = None,
        cancel: dict[str, Any] | Reply = REMOVED,
        then: list[dict[str, Any] | Reply] | None = None,
    ) -> None:
        self.states = list(states) or [OVER]
        self.made = list(made) if isinstance(made, list) else [made]
        self.accepted = accepted if accepted is not None else {"request_id": ID, **QUEUED}
        self.cancel, self.then = cancel, then

    def __call__(self, request: Request) -> Reply:
        if request.method == "POST":
            return _reply(self.accepted)
        if request.method == "PUT":
            assert request.path.endswith("/cancel")
            self.states = list(self.then or self.states)
            return _reply(self.cancel)
        assert request.method == "GET"
        left = self.states if "/status" in request.path else self.made
        state = left[0] if len(left) == 1 else left.pop(0)
        return _reply(state, 202 if state in (QUEUED, DRAWING) else 200)


def _reply(state: dict[str, Any] | Reply, status: int = 200) -> Reply:
    return state if isinstance(state, Reply) else Reply(status, state)


def links(job: str) -> dict[str, Any]:
    return {"status_url": f"{job}/status", "response_url": job, "cancel_url": f"{job}/cancel"}


def asked(address: str, **more: Any) -> ImageRequest:
    """Returns a request to a model, with its own options, as the host would make it."""
    info = fal.describe()
    model = info.model(more.pop("model", SCHNELL))
    assert model
    options = info.options_of(model).model_validate(more.pop("options", {}))
    usual: dict[str, Any] = {
        "prompt": "A red fox",
        "model": model.id,
        "size": model.default_size,
        "options": options,
        "credential": SecretStr(KEY),
        "base_url": address,
        "timeout": 20.0,
    }
    return ImageRequest(**(usual | more))


def draw(server: Loopback, path: str = "", **more: Any) -> ImageResult:
    request = asked(server.url + path, **more)
    return on_a_loop(lambda: asyncio.wait_for(fal.generate(request), 30))  # where it waits for ever, it fails


def failing(server: Loopback, **more: Any) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        draw(server, **more)
    return raised.value


def paths(server: Loopback, method: str) -> list[str]:
    return [request.path for request in server.requests if request.method == method]


# One picture


def test_a_job_is_submitted_looked_at_and_fetched() -> None:
    made = Reply(body=MADE | {"prompt": "A red fox, sharp"}, headers={"x-fal-billable-units": "1.5"})
    with Loopback(Fal(QUEUED, DRAWING, OVER, made=made)) as server:
        result = draw(server, seed=7)
    submitted, *looks = server.requests
    assert (submitted.method, submitted.path) == ("POST", "/fal-ai/flux/schnell")
    assert submitted.headers["authorization"] == f"Key {KEY}"
    assert submitted.headers["content-type"] == "application/json"
    assert submitted.headers["x-fal-request-timeout"] == "20"
    assert submitted.json == {
        "prompt": "A red fox",
        "seed": 7,
        "image_size": {"width": 1024, "height": 1024},
        "num_inference_steps": 4,
        "guidance_scale": 3.5,
        "output_format": "jpeg",
        "enable_safety_checker": True,
    }
    assert {look.method for look in looks} == {"GET"}
    assert [look.path for look in looks] == [f"{JOB}/status?logs=1"] * 3 + [JOB]
    assert {look.headers["authorization"] for look in looks} == {f"Key {KEY}"}
    assert result == ImageResult(
        URL,
        seed=7,
        revised_prompt="A red fox, sharp",
        request_id=ID,
        usage={"inference_time": 0.8, "billable_units": 1.5},
        warnings=[],
    )


def test_the_first_of_several_pictures_is_kept_and_its_words_are() -> None:
    made = {"images": [{"url": URL}, {"url": "https://v3.fal.media/b.png"}], "description": "Here it is."}
    with Loopback(Fal(made=made)) as server:
        result = draw(server, model="fal-ai/nano-banana")
    assert (result.image, result.text, result.seed) == (URL, "Here it is.", None)
    (warning,) = result.warnings
    assert warning.details == "The first of 2 pictures was kept."


@pytest.mark.parametrize("odd", [{"metrics": 5}, {"metrics": None}, {"metrics": [1]}])
@pytest.mark.parametrize(
    "more", [{"seed": "7"}, {"seed": True}, {"seed": -1}, {"prompt": 5}, {"description": []}]
)
def test_what_is_beside_a_picture_may_be_anything(odd: dict[str, Any], more: dict[str, Any]) -> None:
    made = Reply(body={"images": [{"url": URL}]} | more, headers={"x-fal-billable-units": "many"})
    with Loopback(Fal(OVER | odd, made=made)) as server:
        assert draw(server) == ImageResult(URL, request_id=ID, warnings=[])


def test_the_place_in_the_queue_and_the_progress_are_reported() -> None:
    def drawing(*messages: Any) -> Reply:
        logs = [{"message": message, "level": "STDERR"} for message in messages]
        return Reply(202, {"status": "IN_PROGRESS", "logs": [*logs, "no line", {"message": 5}]})

    states = (
        *({"status": "IN_QUEUE", "queue_position": place} for place in (22, 11, 2, 0)),
        {"status": "IN_QUEUE", "queue_position": None},
        *(drawing(), drawing("loading", " 14%|█▍        | 4/28", " 50%|█████     | 14/28"), OVER),
    )
    said: list[str] = []
    shares: list[float | None] = []
    with Loopback(Fal(*states)) as server:
        draw(server, on_progress=said.append, on_share=shares.append)
    assert said == [
        "waiting for the service",
        *(f"waiting in fal's queue, {place}" for place in ("23rd", "12th", "3rd", "1st")),
        "waiting in fal's queue",
        "drawing",
        "drawing, 50 %",
    ]
    assert shares == [None] * 7 + [0.5]


# Where a job is


def test_links_to_the_same_server_are_followed() -> None:
    with Loopback(Fal(DRAWING, OVER)) as server:
        accepted = {
            "request_id": ID,
            **links(f"{server.url}/elsewhere/7"),
            "status_url": f"{server.url}/s/status?v=2",
        }
        server._handler = Fal(OVER, accepted=accepted)
        draw(server)
    assert paths(server, "GET") == ["/s/status?v=2&logs=1", "/elsewhere/7"]


@pytest.mark.parametrize(
    "place",
    [
        "{evil}/fal-ai/flux/requests/1",
        "http://127.0.0.1:{port}@{evil_host}/1",
        "//{evil_host}/1",
        "http://[",
        "https://127.0.0.1:{port}/1",
        "http://127.0.0.1:{port}\\@{evil_host}/1",
        "/relative",
        "",
        7,
        None,
    ],
)
def test_a_link_to_anywhere_else_is_not_followed(place: Any) -> None:
    with Loopback(lambda _: Reply(200, OVER)) as evil, Loopback(Fal()) as server:
        port, evil_host = server.url.rpartition(":")[2], evil.url.removeprefix("http://")
        if isinstance(place, str):
            place = place.format(evil=evil.url, evil_host=evil_host, port=port)
        names = ("status_url", "response_url", "cancel_url")
        server._handler = Fal(accepted={"request_id": ID, **dict.fromkeys(names, place)})
        assert draw(server).image == URL
    assert evil.requests == []
    assert paths(server, "GET") == [f"{JOB}/status?logs=1", JOB]


@pytest.mark.parametrize(
    ("model", "app"),
    [
        ("fal-ai/flux/dev", "fal-ai/flux"),
        ("fal-ai/z-image/turbo", "fal-ai/z-image"),
        ("someone/app", "someone/app"),
        ("fal-ai/a/b/c/d", "fal-ai/a"),
        ("workflows/someone/flow", "workflows/someone/flow"),
        ("comfy/someone/flow/run", "comfy/someone/flow"),
    ],
)
def test_a_job_is_below_its_app_not_below_the_path_inside(model: str, app: str) -> None:
    with Loopback(Fal()) as server:
        draw(server, "/proxy/", model=model)
    assert [request.path for request in server.requests] == [
        f"/proxy/{model}",
        f"/proxy/{app}/requests/{ID}/status?logs=1",
        f"/proxy/{app}/requests/{ID}",
    ]


# What is lost


@pytest.mark.parametrize(
    "missed", [LOST, PAGE, Reply(503), Reply(429, {"detail": "slow"}, {"Retry-After": "0"}), Reply(504)]
)
def test_a_look_that_is_lost_is_repeated_and_the_job_is_not(missed: Reply) -> None:
    with Loopback(
        Fal(*[missed] * job.MAX_MISSES, QUEUED, missed, OVER, made=[missed, missed, MADE])
    ) as server:
        assert draw(server).image == URL
    assert paths(server, "POST") == ["/fal-ai/flux/schnell"]
    assert paths(server, "PUT") == []


def test_the_wait_that_fal_asks_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float, _: Callable[..., Any] = asyncio.sleep) -> None:
        waits.append(seconds)

    with Loopback(Fal(Reply(429, {"detail": "slow"}, {"Retry-After": "7"}), OVER)) as server:
        request = asked(server.url)
        monkeypatch.setattr(job.asyncio, "sleep", sleep)
        on_a_loop(lambda: fal.generate(request))
    assert 7 in waits


@pytest.mark.parametrize(
    ("lost", "category", "looks"),
    [
        (LOST, "unavailable", job.MAX_MISSES + 1),
        (PAGE, "unavailable", job.MAX_MISSES + 1),
        (Reply(429, {"detail": "slow"}), "rate-limit", job.MAX_MISSES + 1),
        (Reply(401, {"detail": "The key was deleted"}), "auth", 1),
        (Reply(404, {"detail": "Not found"}), "invalid-request", 1),
        (Reply(200, "<html>"), "bad-response", 1),
        (Reply(200, {"status": None}), "bad-response", 1),
    ],
)
def test_a_job_that_is_out_of_sight_is_cancelled(lost: Reply, category: str, looks: int) -> None:
    with Loopback(Fal(lost)) as server:
        error = failing(server)
    assert (error.category, error.did_not_run, error.was_cancelled) == (category, False, True)
    assert paths(server, "PUT") == [f"{JOB}/cancel"]
    assert len(paths(server, "POST")) == 1
    assert len(paths(server, "GET")) == looks


def test_a_picture_that_is_seen_at_last_is_kept() -> None:
    done = Reply(400, {"status": "ALREADY_COMPLETED"})
    with Loopback(Fal(PAGE, cancel=done, then=[OVER])) as server:
        assert draw(server).image == URL
    assert len(paths(server, "POST")) == 1


@pytest.mark.parametrize(
    ("answer", "category"),
    [
        (LOST, "unavailable"),
        (PAGE, "unavailable"),
        (Reply(500, {"detail": "Internal server error"}), "unavailable"),
        (Reply(503, "<html>"), "unavailable"),
        (Reply(504, {"detail": "Gateway timeout"}), "unavailable"),
        (Reply(408), "timeout"),
        (Reply(200, "<html>"), "bad-response"),
        (Reply(200, {"status": "IN_QUEUE"}), "bad-response"),
        (Reply(200, {"request_id": 7}), "bad-response"),
        (Reply(200, {"error": "out of memory"}), "provider"),
        (Reply(302, headers={"location": "/elsewhere"}), "bad-response"),
    ],
)
def test_what_may_have_been_accepted_is_never_sent_again(answer: Reply, category: str) -> None:
    with Loopback(Fal(accepted=answer)) as server:
        error = failing(server)
    assert (error.category, error.did_not_run) == (category, False)
    assert [(request.method, request.path) for request in server.requests] == [
        ("POST", "/fal-ai/flux/schnell")
    ]


def test_an_answer_that_does_not_come_is_a_timeout_and_not_sent_again() -> None:
    with Loopback(Fal(accepted=Reply(delay=5))) as server:
        error = failing(server, timeout=0.5)
    assert (error.category, error.did_not_run) == ("timeout", False)
    assert len(server.requests) == 1


def test_a_server_out_of_reach_has_run_nothing_but_a_job_may_have() -> None:
    with Loopback(Fal()) as server:
        closed = server.url
    with pytest.raises(ProviderError) as raised:
        on_a_loop(lambda: fal.generate(asked(closed)))
    assert (raised.value.category, raised.value.did_not_run) == ("unavailable", True)
    with pytest.raises(ProviderError) as raised:
        on_a_loop(lambda: client.Client(asked(closed)).ask("GET", f"{closed}{JOB}", 1))
    assert (raised.value.category, raised.value.did_not_run) == ("unavailable", False)


def test_no_redirect_takes_the_key_elsewhere() -> None:
    with Loopback(lambda _: Reply(200, OVER)) as evil:
        moved = Reply(307, headers={"location": f"{evil.url}/"})
        for server in (Loopback(Fal(accepted=moved)), Loopback(Fal(moved)), Loopback(Fal(made=moved))):
            with server:
                assert failing(server).category == "bad-response"
    assert evil.requests == []


def test_no_cookie_is_kept() -> None:
    accepted = Reply(200, {"request_id": ID}, {"set-cookie": "visitor=1; Path=/"})
    with Loopback(Fal(accepted=accepted)) as server:
        draw(server)
    assert [request for request in server.requests if "cookie" in request.headers] == []


# What fal refuses and what fails


def detail(type: str, message: str, **more: Any) -> dict[str, Any]:
    return {"detail": [{"loc": ["body", "prompt"], "msg": message, "type": type, **more}]}


FLAGGED = detail(
    "content_policy_violation", "The content was flagged by a content checker.", input="A red fox"
)
WRONG = detail("less_than_equal", "Input should be less than or equal to 12", ctx={"le": 12})


@pytest.mark.parametrize(
    ("status", "said", "category", "did_not_run"),
    [
        (401, {"detail": "No user found for Key ID and Secret"}, "auth", True),
        (403, {"detail": "Forbidden"}, "auth", True),
        (403, {"detail": "User is locked. Reason: Admin lock. Please contact support@fal.ai"}, "auth", True),
        (403, {"detail": "User is locked. Reason: Exhausted balance. Top up your balance."}, "quota", True),
        (403, {"detail": "User is locked. Reason: TOP_UP."}, "quota", True),
        (402, {"detail": "Payment required"}, "quota", True),
        (404, {"detail": "Application 'nope' not found"}, "invalid-request", True),
        (422, WRONG, "invalid-request", True),
        (429, {"detail": "Too many requests"}, "rate-limit", True),
        (500, {"detail": "Internal server error"}, "unavailable", False),
    ],
)
def test_a_refused_submission_has_run_only_where_it_may_have(
    status: int, said: Any, category: str, did_not_run: bool
) -> None:
    with Loopback(Fal(accepted=Reply(status, said, {"Retry-After": "8"}))) as server:
        error = failing(server)
    assert (error.category, error.did_not_run, error.status) == (category, did_not_run, status)
    assert error.retry_after == (8 if category in ("rate-limit", "unavailable") else None)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "said", "category"),
    [
        (422, WRONG, "invalid-request"),
        (422, detail("image_too_large", "Image too large"), "invalid-request"),
        (422, '{"detail": [{"msg": "Image too large", "input": "data:', "invalid-request"),  # cut off
        (404, {"detail": "Path /nope not found"}, "invalid-request"),
        (500, {"detail": "Internal server error", "error_type": "runner_server_error"}, "unavailable"),
        (503, {"detail": "Runner disconnected", "error_type": "runner_disconnected"}, "unavailable"),
        (504, {"detail": "Request timed out", "error_type": "request_timeout"}, "unavailable"),
        (401, {"detail": "The key was deleted"}, "auth"),
        (200, {"images": []}, "bad-response"),
        (200, {}, "bad-response"),
        (200, "<html>", "bad-response"),
        (200, {"error": "CUDA out of memory"}, "provider"),
    ],
)
def test_a_job_that_failed_may_have_run_and_is_over(status: int, said: Any, category: str) -> None:
    with Loopback(Fal(made=Reply(status, said))) as server:
        error = failing(server)
    assert (error.category, error.did_not_run, error.was_cancelled) == (category, False, False)
    assert [request.method for request in server.requests] == ["POST", "GET", "GET"]
    assert paths(server, "PUT") == []


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (Reply(422, FLAGGED), "The content was flagged by a content checker."),
        (Reply(422, json.dumps(FLAGGED | {"input": "x" * 1_100_000})), None),  # cut off where failures are
        (Reply(body=MADE | {"has_nsfw_concepts": [True]}), None),
        (Reply(body={"images": [{"url": URL}], "finish_reason": "CONTENT_FILTERED"}), None),
    ],
)
def test_a_refusal_is_one_wherever_it_stands(made: Reply, words: str | None) -> None:
    with Loopback(Fal(made=made)) as server, pytest.raises(ContentFiltered) as raised:
        draw(server)
    assert raised.value.service_message == words
    assert len(paths(server, "POST")) == 1
    assert paths(server, "PUT") == []


def test_a_refused_submission_is_a_refusal() -> None:
    with Loopback(Fal(accepted=Reply(422, FLAGGED))) as server, pytest.raises(ContentFiltered):
        draw(server)


def test_the_prompt_that_fal_repeats_is_no_refusal() -> None:
    prompt = "a sign that says: blocked by our content policy"
    said = detail("value_error", f"Cannot read {prompt}", input=prompt)
    with Loopback(Fal(made=Reply(422, said))) as server:
        assert failing(server, prompt=prompt).category == "invalid-request"


@pytest.mark.parametrize(
    ("made", "category", "words"),
    [
        (Reply(503, {"detail": "Runner disconnected"}), "unavailable", "Runner disconnected"),
        (Reply(500, {}), "unavailable", "Runner disconnected"),
        (Reply(200, {}), "provider", "Runner disconnected"),
    ],
)
def test_an_error_inside_of_a_status_is_said(made: Reply, category: str, words: str) -> None:
    over = OVER | {"error": "Runner disconnected", "error_type": "runner_disconnected"}
    with Loopback(Fal(over, made=made)) as server:
        error = failing(server)
    assert (error.category, error.service_message, error.did_not_run) == (category, words, False)


@pytest.mark.parametrize("status", ["FAILED", "CANCELED", "ERROR"])
def test_a_status_that_is_not_known_ends_the_wait(status: str) -> None:
    with Loopback(Fal({"status": status}, made=Reply(422, WRONG))) as server:
        assert failing(server).category == "invalid-request"


def test_a_job_that_others_cancelled_is_known_to_be() -> None:
    gone = {"detail": "Request cancelled by the client.", "error_type": "client_cancelled"}
    with Loopback(Fal(CANCELLED, made=Reply(499, gone))) as server:
        error = failing(server)
    assert (error.category, error.was_cancelled) == ("provider", True)


@pytest.mark.parametrize("key", ["a b\n", "ключ"])
def test_a_key_that_no_header_can_carry_is_not_sent(key: str) -> None:
    with Loopback(Fal()) as server:
        error = failing(server, credential=SecretStr(key))
    assert (error.category, error.did_not_run, server.requests) == ("auth", True, [])


def test_without_a_key_none_is_sent() -> None:
    with Loopback(Fal()) as server:
        draw(server, credential=None)
    assert [request for request in server.requests if "authorization" in request.headers] == []


# Stop and the deadline


def stop(server: Loopback, when: Callable[[Loopback], object], **more: Any) -> ImageResult:
    """Cancels a request as soon as the server has seen something; returns what comes of it."""

    async def work() -> ImageResult:
        task = asyncio.ensure_future(fal.generate(asked(server.url, **more)))
        await asyncio.to_thread(server.wait_until, when)
        task.cancel()
        return await task

    return on_a_loop(work)


def looked(server: Loopback) -> bool:
    return len(paths(server, "GET")) > 2


@pytest.mark.parametrize(
    "service",
    [
        partial(Fal, QUEUED, cancel=REMOVED),
        partial(
            Fal,
            DRAWING,
            cancel=REQUESTED,
            then=[DRAWING, CANCELLED],
            made=Reply(499, {"detail": "Cancelled"}),
        ),
        partial(Fal, DRAWING, cancel=REQUESTED, then=[CANCELLED], made=Reply(200, {})),
        partial(
            Fal, DRAWING, cancel=REQUESTED, then=[OVER], made=Reply(499, {"error_type": "client_cancelled"})
        ),
        partial(Fal, DRAWING, cancel=REQUESTED, then=[OVER], made=Reply(499, {"detail": "Cancelled"})),
        partial(Fal, QUEUED, cancel=REQUESTED, then=[Reply(404, {"detail": "Not found"})]),
        partial(Fal, DRAWING, cancel=LOST, then=[CANCELLED], made=Reply(499, {"detail": "Cancelled"})),
    ],
)
def test_stop_cancels_the_job_and_says_that_fal_confirms(service: Callable[[], Fal]) -> None:
    with Loopback(service()) as server, pytest.raises(CancelConfirmed):
        stop(server, looked)
    assert paths(server, "PUT") == [f"{JOB}/cancel"]
    assert len(paths(server, "POST")) == 1


@pytest.mark.parametrize(
    "service",
    [
        partial(Fal, DRAWING, cancel=REQUESTED),
        partial(
            Fal,
            DRAWING,
            cancel=Reply(404, {"status": "NOT_FOUND"}),
            then=[Reply(404, {"detail": "Not found"})],
        ),
        partial(Fal, DRAWING, cancel=Reply(500), then=[PAGE]),
        partial(Fal, DRAWING, cancel=LOST, then=[LOST]),
        partial(Fal, DRAWING, cancel=Reply(401, {"detail": "no"}), then=[Reply(403, FLAGGED)]),
    ],
)
def test_stop_that_fal_does_not_confirm_is_not_said_to_be(service: Callable[[], Fal]) -> None:
    with Loopback(service()) as server, pytest.raises(asyncio.CancelledError) as raised:
        stop(server, looked)
    assert not CancelConfirmed.is_in(raised.value)
    assert paths(server, "PUT") == [f"{JOB}/cancel"]


def test_a_picture_that_was_faster_than_stop_is_kept() -> None:
    service = Fal(DRAWING, cancel=Reply(400, {"status": "ALREADY_COMPLETED"}), then=[OVER])
    with Loopback(service) as server:
        assert stop(server, looked).image == URL
    assert len(paths(server, "POST")) == 1


def test_stop_while_the_picture_is_fetched_still_fetches_it() -> None:
    with Loopback(Fal(made=[Reply(body=MADE, delay=5), MADE])) as server:
        assert stop(server, lambda server: JOB in paths(server, "GET")).image == URL
    assert paths(server, "PUT") == []


class Held:
    """Answers a submission only after the request was stopped."""

    def __init__(self, accepted: dict[str, Any] | Reply) -> None:
        self._service, self._stopped = Fal(accepted=accepted), threading.Event()

    async def __call__(self, request: Request) -> Reply:
        if request.method == "POST":
            await asyncio.to_thread(self._stopped.wait, 10)
        return self._service(request)

    def stop(self, server: Loopback) -> ImageResult:
        async def work() -> ImageResult:
            task = asyncio.ensure_future(fal.generate(asked(server.url)))
            await asyncio.to_thread(server.wait_until, lambda server: server.requests)
            task.cancel()
            await asyncio.sleep(0)  # the cancellation is delivered
            self._stopped.set()
            return await task

        return on_a_loop(work)


def test_stop_while_a_job_is_submitted_cancels_it_once_it_is_known() -> None:
    held = Held({"request_id": ID})
    with Loopback(held) as server, pytest.raises(CancelConfirmed):
        held.stop(server)
    assert [request.method for request in server.requests] == ["POST", "PUT"]


def test_stop_before_a_job_is_refused_cancels_nothing() -> None:
    held = Held(Reply(429, {"detail": "slow"}))
    with Loopback(held) as server, pytest.raises(asyncio.CancelledError) as raised:
        held.stop(server)
    assert not CancelConfirmed.is_in(raised.value)
    assert len(server.requests) == 1


def at_deadline(server: Loopback) -> ImageResult:
    return on_a_loop(lambda: before_deadline(fal.generate(asked(server.url)), TimeLimit(0.1)))


def test_the_deadline_cancels_the_job() -> None:
    with Loopback(Fal(QUEUED)) as server, pytest.raises(DeadlinePassed) as raised:
        at_deadline(server)
    assert raised.value.was_cancelled
    assert paths(server, "PUT") == [f"{JOB}/cancel"]


def test_a_picture_that_is_made_at_the_deadline_is_kept() -> None:
    service = Fal(DRAWING, cancel=Reply(400, {"status": "ALREADY_COMPLETED"}), then=[OVER])
    with Loopback(service) as server:
        assert at_deadline(server).image == URL


@pytest.mark.parametrize(("timeout", "said"), [(299.2, "300"), (0.9, "2")])
def test_fal_does_not_begin_after_the_deadline(timeout: float, said: str) -> None:
    with Loopback(Fal()) as server:
        draw(server, timeout=timeout)
    assert server.requests[0].headers["x-fal-request-timeout"] == said  # it takes no fewer than 2


# What the models take


def given(count: int) -> tuple[InputImage, ...]:
    return tuple(map(input_image, range(count)))


@pytest.mark.parametrize(
    ("model", "count", "masked", "endpoint", "names"),
    [
        ("fal-ai/flux-2", 0, False, "fal-ai/flux-2", ()),
        ("fal-ai/flux-2", 4, False, "fal-ai/flux-2/edit", ("image_urls",)),
        ("fal-ai/flux-2-pro", 2, False, "fal-ai/flux-2-pro/edit", ("image_urls",)),
        ("fal-ai/flux-pro/kontext", 0, False, "fal-ai/flux-pro/kontext/text-to-image", ()),
        ("fal-ai/flux-pro/kontext", 1, False, "fal-ai/flux-pro/kontext", ("image_url",)),
        *(
            (
                f"fal-ai/bytedance/seedream/v4.5/{words}",
                count,
                False,
                f"fal-ai/bytedance/seedream/v4.5/{path}",
                names,
            )
            for words, count, path, names in (
                ("text-to-image", 0, "text-to-image", ()),
                ("text-to-image", 1, "edit", ("image_urls",)),
            )
        ),
        ("fal-ai/qwen-image-edit", 1, False, "fal-ai/qwen-image-edit", ("image_url",)),
        ("fal-ai/qwen-image-edit", 1, True, "fal-ai/qwen-image-edit/inpaint", ("image_url", "mask_url")),
        ("fal-ai/qwen-image-edit-2511", 3, False, "fal-ai/qwen-image-edit-2511", ("image_urls",)),
        ("fal-ai/nano-banana", 3, False, "fal-ai/nano-banana/edit", ("image_urls",)),
        ("fal-ai/nano-banana-pro", 1, False, "fal-ai/nano-banana-pro/edit", ("image_urls",)),
        ("openai/gpt-image-2", 1, False, "openai/gpt-image-2/edit", ("image_urls",)),
        ("openai/gpt-image-2", 2, True, "openai/gpt-image-2/edit", ("image_urls", "mask_url")),
    ],
)
def test_pictures_and_masks_go_where_the_model_takes_them(
    model: str, count: int, masked: bool, endpoint: str, names: tuple[str, ...]
) -> None:
    images = given(count)
    mask = input_mask(images[0].size) if masked else None
    with Loopback(Fal()) as server:
        draw(server, model=model, images=images, mask=mask)
    submitted = server.requests[0]
    assert submitted.path == f"/{endpoint}"
    assert tuple(sorted(name for name in submitted.json if name.endswith(("_url", "_urls")))) == names
    sent = submitted.json.get("image_urls") or list(filter(None, [submitted.json.get("image_url")]))
    assert sent == [image.data_uri for image in images]
    assert submitted.json.get("mask_url") == (mask.data_uri if mask else None)
    assert paths(server, "GET")[1] == f"/{'/'.join(model.split('/')[:2])}/requests/{ID}"


@pytest.mark.parametrize(
    ("model", "size", "said"),
    [
        (SCHNELL, Size(1024, 768), {"image_size": {"width": 1024, "height": 768}}),
        ("fal-ai/recraft/v3/text-to-image", Size.of_ratio("4:3"), {"image_size": "landscape_4_3"}),
        ("fal-ai/ideogram/v3", Size.of_ratio("9:16"), {"image_size": "portrait_16_9"}),
        (
            "fal-ai/ideogram/v3",
            Size(1536, 512),
            {"image_size": {"width": 1536, "height": 512}},
        ),  # by settings
        ("fal-ai/nano-banana", Size.of_ratio("1:1"), {"aspect_ratio": "1:1"}),
        ("fal-ai/flux-pro/kontext", Size.of_ratio("16:9"), {"aspect_ratio": "16:9"}),
        ("someone/app", None, {}),
    ],
)
def test_a_size_is_said_in_the_models_own_words(model: str, size: Size | None, said: dict[str, Any]) -> None:
    with Loopback(Fal()) as server:
        draw(server, model=model, size=size)
    body = server.requests[0].json
    assert {name: body[name] for name in ("image_size", "aspect_ratio") if name in body} == said


def test_every_listed_ratio_is_one_that_fal_names() -> None:
    ratios = {"1:1", "21:9", "16:9", "3:2", "4:3", "5:4", "4:5", "3:4", "2:3", "9:16", "9:21"}
    names = {"square_hd", "landscape_4_3", "landscape_16_9", "portrait_4_3", "portrait_16_9"}
    for model in models.MODELS:
        if isinstance(model.sizes, SizeRange):
            assert not model.ratio_only
            continue
        assert model.ratio_only
        bodies = [models.body_for(asked("", model=model.id, size=size)) for size in model.sizes]
        said = [json.loads(body) for body in bodies]
        told = [body.get("aspect_ratio") or body["image_size"] for body in said]
        assert set(told) <= (ratios if "aspect_ratio" in said[0] else names)
        assert len(set(told)) == len(model.sizes)


def test_every_model_is_asked_with_its_defaults_by_names_that_fal_has() -> None:
    known = {
        *("prompt", "seed", "negative_prompt", "image_size", "aspect_ratio", "image_url", "image_urls"),
        *("num_inference_steps", "guidance_scale", "output_format", "enable_safety_checker", "style"),
        *("safety_tolerance", "enable_prompt_expansion", "enhance_prompt", "expand_prompt", "resolution"),
        *("rendering_speed", "quality", "mask_url"),
    }
    for model in models.MODELS:
        body = json.loads(models.body_for(asked("", model=model.id, images=given(1), seed=1)))
        assert set(body) <= known, model.id


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (SCHNELL, {"num_inference_steps": 13}),
        ("fal-ai/flux/dev", {"guidance_scale": 0.5}),
        ("fal-ai/flux-2", {"num_inference_steps": 3}),
        ("fal-ai/flux-2-pro", {"safety_tolerance": "6"}),
        ("fal-ai/nano-banana", {"output_format": "gif"}),
        ("fal-ai/z-image/turbo", {"num_inference_steps": 9}),
        (SCHNELL, {"num_images": 4}),
    ],
)
def test_an_option_beyond_its_bounds_is_refused(model: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        asked("", model=model, options=options)


def test_another_model_takes_its_input_as_json() -> None:
    own = {"image_size": "square", "num_inference_steps": 9, "prompt": "mine"}
    with Loopback(Fal()) as server:
        result = draw(server, model="someone/their-app/fast", options={"input": own})
    assert server.requests[0].path == "/someone/their-app/fast"
    assert server.requests[0].json == {**own, "prompt": "A red fox"}
    assert [warning.details for warning in result.warnings] == ["Its own prompt was left out."]


def test_another_model_is_asked_for_what_the_settings_say_of_it() -> None:
    class Declared(Options):
        aspect_ratio: str = "21:9"
        raw: bool | None = None

    with Loopback(Fal()) as server:
        request = asked(server.url, model="fal-ai/flux-pro/v1.1-ultra", images=given(1))
        on_a_loop(lambda: fal.generate(request))
        request = replace(request, options=Declared())
        on_a_loop(lambda: fal.generate(request))
    pictures = {"image_urls": [given(1)[0].data_uri]}
    assert server.requests[0].json == {"prompt": "A red fox", **pictures}
    assert paths(server, "POST")[1] == "/fal-ai/flux-pro/v1.1-ultra"
    assert server.requests[3].json == {"prompt": "A red fox", "aspect_ratio": "21:9", **pictures}


@pytest.mark.parametrize(
    "model", ["flux", "../x/y", "a/../b", "a//b", "/a/b", "a/b/", "a/b?c=1", "a/b#c", "a/ b", "ä/b"]
)
def test_a_name_that_is_none_is_not_sent(model: str) -> None:
    with Loopback(Fal()) as server:
        error = failing(server, model=model)
    assert (error.category, error.did_not_run, server.requests) == ("invalid-request", True, [])
    assert error.why == "A model is named as at fal.ai, such as fal-ai/flux/schnell."
