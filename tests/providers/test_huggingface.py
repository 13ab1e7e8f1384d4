"""Hugging Face's provider, with the real SDK, against a server that plays the Hub and its services."""

from __future__ import annotations

import asyncio
import base64
import gc
import gzip
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib.metadata import EntryPoint
from io import BytesIO
from pathlib import Path
from typing import Any, get_args
from urllib.request import urlopen

import httpx2
import huggingface_hub as sdk
import pytest
from huggingface_hub.inference import _providers
from huggingface_hub.inference._providers import _common, fal_ai, hf_inference, wavespeed, zai_org
from huggingface_hub.utils import _detect_agent
from PIL import Image
from pydantic import SecretStr

from core.chat.message import Version
from core.chat.request import UserRequest
from core.generation import fetch
from core.generation.deadline import DeadlinePassed, before_deadline
from core.plugins.registry import Registry
from core.plugins.time_limit import TimeLimit
from core.settings.schema import load_settings
from core.storage.store import Store
from core.studio import Studio
from limner import ContentFiltered, ImageRequest, ImageResult, InputImage, ProviderError, Size, picture
from limner.clients import visitors_secrets
from limner.request import Done
from limner.testing.loopback import Loopback, Reply, Request
from limner.testing.runner import on_a_loop as run
from providers import huggingface
from providers.huggingface import ServiceOptions, client, jobs, offers
from providers.huggingface.offers import Service

pytestmark = pytest.mark.filterwarnings("error")  # a connection left open is a ResourceWarning

KEY = "hf_RequestsOwnToken0123"
MACHINES = "hf_MachinesToken4567890"
MODEL = "black-forest-labs/FLUX.1-dev"
SERVICES = [service for service in get_args(Service) if service != "auto"]
EDITORS = [service for service in SERVICES if "image-to-image" in _providers.PROVIDERS[service]]


def encoded(image: Image.Image, kind: str = "PNG", **more: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


PHOTO = InputImage(encoded(Image.linear_gradient("L"), "JPEG"), "image/jpeg", Size(256, 256), "photo.jpg")
TEAL = Image.new("RGB", (64, 48), "teal")
PNG = encoded(TEAL)
GOOD = Reply(body=PNG, headers={"content-type": "image/png", "x-request-id": "r-1"})


# The other side


def offered(*services: str, task: str = "text-to-image", status: str = "live") -> list[dict[str, str]]:
    """The Hub's list of who offers a model."""
    return [
        {"provider": s, "providerId": _AT.get(s, MODEL), "status": status, "task": task} for s in services
    ]


_AT = {"fal-ai": "fal-ai/flux/dev", "wavespeed": "wavespeed-ai/flux-dev", "replicate": "flux/dev"}
_BASE64 = {"data": [{"b64_json": base64.b64encode(PNG).decode()}]}


class Internet:
    """What stands on the other side: the Hub, the router with all services, and a server of files.

    The first POST gets `answer`, a GET for a job the next of `jobs`. In a body, //HERE/ is this server.
    """

    def __init__(self, answer: Reply, offers: object = None, jobs: Iterable[Reply] = ()) -> None:
        self.answer, self.jobs = answer, list(jobs)
        self.hub = on_hub(offered(*SERVICES) if offers is None else offers)

    def __call__(self, request: Request) -> Reply:
        if request.path.startswith("/api/models/"):
            return self.hub
        if request.path.startswith("/files/"):
            return GOOD
        reply = self.answer if request.method == "POST" else self.jobs.pop(0)
        if isinstance(reply.body, dict):
            text = json.dumps(reply.body).replace("//HERE/", f"//{request.headers['host']}/")
            return replace(reply, body=text)
        return reply


def on_hub(offers: object, task: str = "text-to-image") -> Reply:
    """What the Hub says of a model."""
    body = {"id": MODEL, "pipeline_tag": task, "inferenceProviderMapping": offers}
    return Reply(body=body)


# What each service answers; a job is what is asked for afterwards.
ANSWERS: dict[str, tuple[dict[str, Any] | bytes, list[dict[str, Any]]]] = {
    "hf-inference": (PNG, []),
    "fal-ai": ({"images": [{"url": "http://HERE/files/a.png"}], "has_nsfw_concepts": [False], "seed": 7}, []),
    "nscale": (_BASE64, []),
    "together": (_BASE64, []),
    "replicate": ({"output": ["http://HERE/files/a.png"], "metrics": {"predict_time": 1.5}}, []),
    "wavespeed": (
        {
            "data": {
                "urls": {"get": "https://api.wavespeed.ai/api/v3/predictions/9/result"},
                "status": "created",
            }
        },
        [
            {"data": {"status": "processing", "outputs": []}},
            {"data": {"status": "completed", "outputs": ["http://HERE/files/a.png"]}},
        ],
    ),
    "zai-org": (
        {"id": "z-1", "task_status": "PROCESSING"},
        [{"task_status": "SUCCESS", "image_result": [{"url": "http://HERE/files/a.png"}]}],
    ),
}


def playing(service: str) -> Internet:
    answer, jobs = ANSWERS[service]
    return Internet(Reply(body=answer), jobs=[Reply(body=job) for job in jobs])


# A picture with a picture is made in a queue at fal, which has three addresses for a job.
FAL_JOB = "https://queue.fal.run/fal-ai/flux/requests/9"
QUEUED = {"status": "IN_QUEUE", "request_id": "9", "queue_position": 0, "response_url": FAL_JOB}
QUEUED |= {"status_url": f"{FAL_JOB}/status", "cancel_url": f"{FAL_JOB}/cancel"}
DONE = QUEUED | {"status": "COMPLETED", "logs": None, "metrics": {}}
FAL_EDIT = {"images": [{"url": "http://HERE/files/a.png"}], "has_nsfw_concepts": [False], "seed": 7}
EDITS = ANSWERS | {"fal-ai": (QUEUED, [QUEUED | {"status": "IN_PROGRESS"}, DONE, FAL_EDIT])}


def editing(service: str, answer: Reply | None = None, jobs: Iterable[Reply] | None = None) -> Internet:
    """Plays a service that makes pictures with pictures."""
    usual, later = EDITS[service]
    later = [Reply(body=job) for job in later] if jobs is None else jobs
    internet = Internet(answer or Reply(body=usual), jobs=later)
    internet.hub = on_hub(offered(service, task="image-to-image"), "image-to-image")
    return internet


@pytest.fixture(autouse=True)
def no_way_out(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test in which a name is looked up, and puts a token on this machine that nobody may send."""
    looked_up: list[Any] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *more: Any, **named: Any) -> Any:
        if host not in ("127.0.0.1", "localhost"):
            looked_up.append(host)
            raise socket.gaierror(f"{host} is outside")
        return real(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setenv("HF_TOKEN", MACHINES)
    monkeypatch.setattr(_detect_agent, "_registry", {})
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.01)
    yield
    assert looked_up == []


@contextmanager
def served(handler: Any) -> Iterator[Loopback]:
    """Serves it, and points the SDK there: by the constants that it has for the Hub and the router."""
    with Loopback(handler) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sdk.constants, "ENDPOINT", server.url)
        patch.setattr(sdk.constants, "INFERENCE_PROXY_TEMPLATE", f"{server.url}/{{provider}}")
        for task in ("text-to-image", "image-to-image"):
            helper = _providers.PROVIDERS["hf-inference"][task]
            patch.setattr(helper, "base_url", f"{server.url}/hf-inference")
        yield server
        for request in server.requests:
            assert MACHINES not in str(request)


def posts(server: Loopback) -> list[Request]:
    return [request for request in server.requests if request.method == "POST"]


def ask(**more: Any) -> ImageRequest:
    chosen = {name: more.pop(name) for name in ServiceOptions.model_fields if name in more}
    given: dict[str, Any] = {"prompt": "A red fox", "model": MODEL, "credential": SecretStr(KEY)}
    return ImageRequest(options=ServiceOptions(**chosen), **(given | more))


def make(**more: Any) -> ImageResult:
    return run(lambda: huggingface.generate(ask(**more)))


def answered(handler: Any, **more: Any) -> tuple[ImageResult, Request]:
    """Returns the provider's result, and the one request that cost money."""
    with served(handler) as server:
        result = make(**more)
    (post,) = posts(server)
    return result, post


def refused(handler: Any, paid: int = 1, **more: Any) -> ContentFiltered | ProviderError:
    """Returns the provider's error after so many requests that cost money."""
    with served(handler) as server, pytest.raises((ContentFiltered, ProviderError)) as raised:
        make(**more)
    assert len(posts(server)) == paid
    words = f"{raised.value} {raised.value.service_message} {raised.value.why}"
    assert KEY not in words
    assert "://" not in words
    return raised.value


def direct(reply: Reply, **more: Any) -> ContentFiltered | ProviderError:
    return refused(Internet(reply), inference_provider="hf-inference", **more)


def failure(error: Exception) -> tuple[str, bool, float | None]:
    assert isinstance(error, ProviderError)
    return error.category, error.did_not_run, error.retry_after


# The same as the SDK's own


def _fetched(url: str) -> bytes:
    with urlopen(url) as file:
        return file.read()


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Has the SDK forget what it looked up, and not sleep between two looks at a job."""
    for cached in (_common._fetch_inference_provider_mapping, hf_inference._check_supported_task):
        cached.cache_clear()
    monkeypatch.setattr(zai_org, "_POLLING_INTERVAL", 0)
    monkeypatch.setattr(wavespeed, "_POLLING_INTERVAL", 0)
    monkeypatch.setattr(fal_ai, "_POLLING_INTERVAL", 0)
    yield
    sdk.close_session()


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.usefixtures("forgetful")
def test_what_is_sent_and_read_is_what_the_sdk_sends_and_reads(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    options = {
        "num_inference_steps": 4,
        "guidance_scale": 3.5,
        "scheduler": "Euler",
        "negative_prompt": "blue",
    }
    with served(playing(service)) as server:
        client = sdk.InferenceClient(provider=service, token=KEY, bill_to="house", timeout=5)
        image: Any = client.text_to_image("A fox", model=MODEL, width=1024, height=768, seed=3, **options)
    (theirs,) = posts(server)
    assert image.fp.getvalue() == PNG

    with served(playing(service)) as server:
        own = {"settings": {"bill_to": "house"}, "prompt": "A fox", "size": Size(1024, 768), "seed": 3}
        result = make(inference_provider=service, **own, **options)
        url = isinstance(result.image, str) and picture.is_url(result.image)
        data = _fetched(str(result.image)) if url else picture.read(result.image)
    (ours,) = posts(server)
    assert data == PNG
    assert (ours.path, ours.json) == (theirs.path, theirs.json)
    for name in ("authorization", "x-hf-bill-to", "accept", "content-type", "user-agent", "prefer"):
        assert ours.headers.get(name) == theirs.headers.get(name), name
    assert ours.headers["authorization"] == f"Bearer {KEY}"
    assert result.metadata == {"inference_provider": service}
    assert [w.feature for w in result.warnings] == (["num_inference_steps"] if service == "nscale" else [])


@pytest.mark.usefixtures("forgetful")
def test_why_the_look_up_of_the_sdk_is_not_used() -> None:
    """It sends this machine's token where it was given another; where this fails, the SDK has mended it."""
    with served(playing("together")) as server:
        sdk.InferenceClient(provider="together", token=KEY).text_to_image("A fox", model=MODEL)
        look_up, post = server.requests
        server.requests.clear()
    assert post.headers["authorization"] == f"Bearer {KEY}"
    assert look_up.headers["authorization"] == f"Bearer {MACHINES}"


@pytest.mark.parametrize("service", EDITORS)
@pytest.mark.usefixtures("forgetful")
def test_what_is_sent_with_a_picture_is_what_the_sdk_sends(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK takes every picture for a JPEG, and knows no size at Together, so it is given those."""
    monkeypatch.delenv("HF_TOKEN")
    options = {"num_inference_steps": 4, "guidance_scale": 3.5, "negative_prompt": "blue"}
    size: dict[str, Any] = {"width": 1024, "height": 768}
    sizes = size if service == "together" else {"target_size": size}
    with served(editing(service)) as server:
        client = sdk.InferenceClient(provider=service, token=KEY, bill_to="house", timeout=5)
        given = {"prompt": "A fox", "model": MODEL, "seed": 3, **sizes, **options}
        image: Any = client.image_to_image(PHOTO.data, **given)
    (theirs,) = posts(server)
    assert image.fp.getvalue() == PNG

    with served(editing(service)) as server:
        own = {"settings": {"bill_to": "house"}, "prompt": "A fox", "size": Size(1024, 768), "seed": 3}
        result = make(inference_provider=service, images=(PHOTO,), **own, **options)
        url = isinstance(result.image, str) and picture.is_url(result.image)
        data = _fetched(str(result.image)) if url else picture.read(result.image)
    (ours,) = posts(server)
    assert data == PNG
    assert (ours.path, ours.json) == (theirs.path, theirs.json)
    for name in ("authorization", "x-hf-bill-to", "accept", "content-type", "user-agent", "prefer"):
        assert ours.headers.get(name) == theirs.headers.get(name), name
    assert (result.metadata, result.warnings) == ({"inference_provider": service}, [])


def test_the_services_are_those_of_the_sdk() -> None:
    both = [name for name, tasks in _providers.PROVIDERS.items() if "image-to-image" in tasks]
    assert both == EDITORS == ["fal-ai", "hf-inference", "replicate", "together", "wavespeed"]
    assert [name for name, tasks in _providers.PROVIDERS.items() if "text-to-image" in tasks] == SERVICES


# Who makes the picture


@pytest.mark.parametrize(
    ("offers", "chosen"),
    [
        (offered("together", "fal-ai"), "together"),
        (offered("somebody-new", "nscale"), "nscale"),
        (offered("fal-ai", task="image-to-image") + offered("together"), "together"),
        (offered("fal-ai", status="error") + offered("together"), "together"),
        (offered("together", status="error"), "together"),
        ({"together": {"providerId": "x", "status": "live", "task": "text-to-image"}}, "together"),
    ],
)
def test_auto_takes_the_first_that_can(offers: Any, chosen: str) -> None:
    result, post = answered(Internet(Reply(body=_BASE64), offers))
    assert result.metadata == {"inference_provider": chosen}
    assert post.path.startswith(f"/{chosen}/")


@pytest.mark.parametrize(
    ("option", "setting", "chosen"),
    [("auto", "auto", "hf-inference"), ("auto", "together", "together"), ("nscale", "together", "nscale")],
)
def test_the_option_stands_over_the_setting(option: str, setting: str, chosen: str) -> None:
    offers = offered("hf-inference", *SERVICES)
    internet = Internet(GOOD if chosen == "hf-inference" else Reply(body=_BASE64), offers)
    result, _ = answered(internet, inference_provider=option, settings={"provider": setting})
    assert result.metadata == {"inference_provider": chosen}


@pytest.mark.parametrize(
    ("offers", "named", "words"),
    [
        ([], "auto", "No service that Limner knows offers this model"),
        ({}, "auto", "No service that Limner knows offers this model"),
        (offered("somebody-new"), "auto", "No service that Limner knows offers this model"),
        (offered("fal-ai"), "together", "This model is offered by fal-ai, not by together"),
        (offered("together", task="text-to-video"), "together", "No service that Limner knows"),
    ],
)
def test_a_model_that_nobody_offers(offers: Any, named: str, words: str) -> None:
    error = refused(Internet(GOOD, offers), paid=0, inference_provider=named)
    assert failure(error) == ("invalid-request", True, None)
    assert error.service_message is None
    assert str(error.why).startswith(words)


def test_a_model_without_any_mapping() -> None:
    internet = Internet(GOOD)
    internet.hub = Reply(body={"id": MODEL})
    assert failure(refused(internet, paid=0)) == ("invalid-request", True, None)


@pytest.mark.parametrize(
    "model", ["https://evil.example/v1", "http://127.0.0.1/", "../../whoami", "a/b/c", "a b"]
)
@pytest.mark.parametrize("service", ["auto", "hf-inference"])
def test_a_model_is_never_an_address(model: str, service: str) -> None:
    with served(playing("hf-inference")) as server, pytest.raises(ProviderError) as raised:
        make(model=model, inference_provider=service)
    assert failure(raised.value) == ("invalid-request", True, None)
    assert (raised.value.service_message, bool(raised.value.why)) == (None, True)
    assert server.requests == []


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(404, {"error": "Repository not found"}), ("invalid-request", True, None)),
        (Reply(401, {"error": "x"}, {"X-Error-Code": "RepoNotFound"}), ("invalid-request", True, None)),
        (Reply(401, {"error": "Invalid credentials in Authorization header"}), ("auth", True, None)),
        (Reply(403, {"error": "x"}, {"X-Error-Code": "GatedRepo"}), ("auth", True, None)),
        (Reply(429, {}, {"Retry-After": "9"}), ("rate-limit", True, 9)),
        (Reply(500, "<html><title>Oops</title>"), ("unavailable", True, None)),
        (Reply(200, "<html>"), ("bad-response", True, None)),
        (on_hub([{"provider": 1}]), ("bad-response", True, None)),
        (Reply(200, "[]"), ("bad-response", True, None)),
        (Reply(delay=30), ("timeout", True, None)),
        (Reply(200, "x" * 100, cut_after=5), ("unavailable", True, None)),
    ],
)
def test_a_look_up_that_fails_costs_nothing(
    reply: Reply, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offers, "LOOK_UP_SECONDS", 0.2)
    internet = Internet(GOOD)
    internet.hub = reply
    assert failure(refused(internet, paid=0)) == expected


def test_a_model_that_was_renamed_is_found() -> None:
    internet, old = playing("together"), Reply(307, headers={"location": f"/api/models/{MODEL}"})
    result, _ = answered(
        lambda r: old if "/old/" in r.path else internet(r), model="old/name", inference_provider="together"
    )
    assert picture.read(result.image) == PNG


def test_who_offers_a_model_is_asked_once_for_each_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "KNOWN_SECONDS", 1e12)

    async def work() -> None:
        for token in (KEY, KEY, "hf_another_token", KEY):
            await huggingface.generate(ask(credential=SecretStr(token)))
        monkeypatch.setattr(offers, "KNOWN_SECONDS", 1e-9)
        await huggingface.generate(ask(credential=SecretStr("hf_third")))
        await huggingface.generate(ask(credential=SecretStr("hf_third")))

    with served(Internet(Reply(body=_BASE64), offered("together"))) as server:
        run(work)
    look_ups = [request.headers["authorization"] for request in server.requests if request.method == "GET"]
    assert look_ups == [f"Bearer {token}" for token in (KEY, "hf_another_token", "hf_third", "hf_third")]


# Credentials


def test_without_a_token_nothing_is_asked() -> None:
    with served(playing("together")) as server, pytest.raises(ProviderError) as raised:
        make(credential=None)
    assert failure(raised.value) == ("auth", True, None)
    assert (raised.value.service_message, bool(raised.value.why)) == (None, True)
    assert server.requests == []


@pytest.mark.parametrize(
    ("key", "option", "setting"),
    [
        ("fal-key-0123", "auto", "auto"),
        ("fal-key-0123", "together", "fal-ai"),
        ("fal-key-0123", "hf-inference", "auto"),
    ],
)
def test_the_key_of_one_service_goes_to_no_other(key: str, option: str, setting: str) -> None:
    with served(playing("together")) as server, pytest.raises(ProviderError) as raised:
        make(credential=SecretStr(key), inference_provider=option, settings={"provider": setting})
    assert failure(raised.value) == ("auth", True, None)
    assert (raised.value.service_message, bool(raised.value.why)) == (None, True)
    assert server.requests == []


def test_the_key_of_a_service_goes_straight_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(playing("fal-ai")) as server:
        monkeypatch.setattr(_providers.PROVIDERS["fal-ai"]["text-to-image"], "base_url", server.url)
        make(credential=SecretStr("fal-key-0123"), settings={"provider": "fal-ai", "bill_to": "house"})
    look_up, post = server.requests
    assert "authorization" not in look_up.headers
    assert (post.path, post.headers["authorization"]) == ("/fal-ai/flux/dev", "Key fal-key-0123")
    assert "x-hf-bill-to" not in post.headers


def test_an_organisation_of_the_owners_pays_for_no_visitor() -> None:
    before = visitors_secrets.set(frozenset([KEY]))
    try:
        _, post = answered(playing("together"), settings={"bill_to": "house"})
    finally:
        visitors_secrets.reset(before)
    assert post.headers["authorization"] == f"Bearer {KEY}"
    assert "x-hf-bill-to" not in post.headers


@pytest.mark.parametrize("key", ["hf_ключ", "hf_a\nb"])
def test_a_token_that_no_header_can_carry(key: str) -> None:
    assert failure(refused(Internet(GOOD), paid=0, credential=SecretStr(key))) == ("auth", True, None)


# A server of one's own


def at_base_url(reply: Reply | Callable[[Request], Reply], **more: Any) -> tuple[ImageResult, Request]:
    with served(reply if callable(reply) else lambda _: reply) as server:
        result = make(base_url=f"{server.url}/own/model?x=1", **more)
    (request,) = server.requests
    return result, request


def test_a_base_url_is_the_whole_address() -> None:
    result, request = at_base_url(GOOD, seed=5, guidance_scale=2, size=Size(512, 256))
    assert (request.method, request.path) == ("POST", "/own/model?x=1")
    parameters = {"seed": 5, "guidance_scale": 2.0, "width": 512, "height": 256}
    assert request.json == {"inputs": "A red fox", "parameters": parameters}
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert (result.image, result.request_id, result.warnings) == (PNG, "r-1", [])


def test_a_base_url_without_a_token_gets_none_and_not_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hf_inference, "get_token", lambda: pytest.fail("the SDK looks for a token"))
    _, request = at_base_url(GOOD, credential=None)
    assert "authorization" not in request.headers


def test_a_base_url_leaves_no_choice() -> None:
    result, _ = at_base_url(GOOD, inference_provider="together")
    assert [warning.feature for warning in result.warnings] == ["inference_provider"]


# What comes back


def gradient(kind: str, **more: Any) -> bytes:
    return encoded(Image.linear_gradient("L").convert("RGB"), kind, **more)


@pytest.mark.parametrize(
    "data",
    [
        PNG,
        gradient("JPEG", quality=71, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"),
        gradient("WEBP", quality=50),
        gradient("GIF"),
        encoded(Image.new("RGBA", (9, 9), (0, 0, 0, 0))),
        encoded(Image.new("I;16", (9, 9), 500)),
        encoded(Image.new("RGB", (64, 64), (6, 6, 6))),
        encoded(Image.new("RGB", (64, 64), (0, 0, 20)), "JPEG"),
    ],
    ids=["png", "jpeg", "webp", "gif", "transparent", "16 bits", "dark", "dark blue"],
)
def test_the_bytes_stay_as_they_came(data: bytes) -> None:
    assert at_base_url(Reply(body=data))[0].image == data
    inside = {"data": [{"b64_json": base64.b64encode(data).decode()}]}
    result, _ = answered(Internet(Reply(body=inside), offered("together")))
    assert picture.read(result.image) == data


BLACK = Image.new("RGB", (512, 512))


FAL = {
    "images": [{"url": "http://HERE/files/a.png"}],
    "seed": 7,
    "prompt": "A fox, in oil",
    "timings": {"inference": 0.4},
}


def test_what_fal_says_is_kept() -> None:
    result, _ = answered(Internet(Reply(body=FAL, headers={"x-request-id": "r-2"}), offered("fal-ai")))
    assert (result.seed, result.revised_prompt, result.request_id) == (7, "A fox, in oil", "r-2")
    assert (result.usage, result.metadata) == ({"inference": 0.4}, {"inference_provider": "fal-ai"})


@pytest.mark.parametrize("marks", [[True], [False, True]])
def test_a_picture_that_fal_marks_is_a_refusal(marks: list[bool]) -> None:
    error = refused(Internet(Reply(body=FAL | {"has_nsfw_concepts": marks}), offered("fal-ai")))
    assert isinstance(error, ContentFiltered)
    assert (error.service_message, error.why) == (None, None)


@pytest.mark.parametrize(
    ("service", "body", "category", "words"),
    [
        (
            "replicate",
            {"output": None, "status": "processing", "error": None},
            "provider",
            "not ready in time",
        ),
        ("replicate", {"output": None}, "bad-response", "not ready in time"),
        ("replicate", {"output": [], "status": "succeeded"}, "provider", "failed"),
        (
            "replicate",
            {"output": None, "status": "failed", "error": "CUDA out of memory"},
            "provider",
            "CUDA",
        ),
        (
            "replicate",
            {"output": None, "status": "failed", "error": "NSFW content detected."},
            "filter",
            "NSFW",
        ),
        ("replicate", {"output": None, "error": "flagged as sensitive (E005)"}, "filter", "sensitive"),
        ("wavespeed", {"data": {"status": "failed", "error": "no"}, "message": "success"}, "provider", "no"),
        ("wavespeed", {"data": {"status": "failed", "error": "Content policy"}}, "filter", "Content policy"),
        ("zai-org", {"id": "z", "task_status": "FAIL", "error": {"message": "busy"}}, "provider", "busy"),
        ("zai-org", {"id": "z", "task_status": "FAIL"}, "provider", "failed"),
        ("together", {"data": []}, "bad-response", "No picture"),
        ("together", {"error": {"message": "overloaded"}}, "provider", "overloaded"),
        ("nscale", "<html>", "bad-response", "No picture"),
        ("fal-ai", "[]", "bad-response", "No picture"),
        ("fal-ai", {"images": None}, "bad-response", "No picture"),
        ("together", "null", "bad-response", "No picture"),
        ("hf-inference", "<html><title>Busy</title>", "bad-response", "Busy"),
        ("hf-inference", {"error": "Something"}, "provider", "Something"),
        ("hf-inference", b"", "bad-response", "No picture"),
        ("fal-ai", {"images": {}, "data": None, "output": 7}, "bad-response", "No picture"),
        ("fal-ai", {"images": [[], None, {"url": None}], "error": 7}, "bad-response", "No picture"),
        ("zai-org", {"id": 7, "task_status": {"a": 1}, "error": [None]}, "bad-response", "No picture"),
    ],
)
def test_a_good_answer_without_a_picture(service: str, body: Any, category: str, words: str) -> None:
    error = refused(Internet(Reply(body=body), offered(service)))
    if category == "filter":
        assert isinstance(error, ContentFiltered)
    else:
        assert failure(error) == (category, False, None)
    assert words in str(error.service_message or error.why)
    assert error.service_message is None or error.service_message in str(body)


ODD: list[Any] = [None, 7, True, "", "no", [], ["no"], {}, {"a": None}, [[7]], -1.5, 10**30]


@pytest.mark.parametrize("service", ["hf-inference", "fal-ai", "wavespeed", "zai-org", "replicate"])
@pytest.mark.parametrize("status", [200, 400, 422, 503])
def test_an_answer_of_any_form_is_read(service: Any, status: int) -> None:
    """Whatever stands where a text or an object is expected: it ends as a failure of the contract."""
    names = ("error", "data", "images", "detail", "output", "status", "id", "image_result", "estimated_time")
    bodies = [json.dumps({name: value}) for name in names for value in ODD]
    bodies += [json.dumps({"data": {name: value}}) for name in ("urls", "status", "outputs") for value in ODD]
    bodies += [json.dumps(value) for value in ODD] + ["{", '"', '{"a": ' + "[" * 900 + "]" * 900 + "}"]
    waiting = iter(bodies)

    def handler(request: Request) -> Reply:
        return internet.hub if request.path.startswith("/api/") else Reply(status, next(waiting, "{}"))

    async def each() -> None:
        for body in bodies:
            try:
                await huggingface.generate(ask(inference_provider=service))
            except (ContentFiltered, ProviderError):
                continue
            raise AssertionError(body)

    internet = Internet(GOOD)
    with served(handler):
        run(each)


@pytest.mark.parametrize("offers", [7, "no", [None], [7], {"together": 7}, {"together": {"status": 7}}])
def test_what_the_hub_says_of_a_model_may_be_anything(offers: Any) -> None:
    error = refused(Internet(GOOD, offers), paid=0)
    assert isinstance(error, ProviderError)
    assert error.did_not_run


def test_a_reply_without_end_is_given_up() -> None:
    bomb = gzip.compress(b" " * 200_000_000, 1)
    error = direct(Reply(body=bomb, headers={"content-encoding": "gzip"}))
    assert failure(error) == ("bad-response", False, None)
    assert "larger than" in str(error.why)


# Jobs


def polled(service: str, *replies: Reply, **more: Any) -> tuple[ImageResult, list[str]]:
    answer, _ = ANSWERS[service]
    with served(Internet(Reply(body=answer), offered(service), list(replies))) as server:
        result = make(**more)
    assert len(posts(server)) == 1
    polls = [request for request in server.requests[2:] if request.method == "GET"]
    assert {request.headers["authorization"] for request in polls} == {f"Bearer {KEY}"}
    return result, [request.path for request in polls]


def test_jobs_are_asked_for_through_the_router() -> None:
    _, paths = polled("wavespeed", *(Reply(body=job) for job in ANSWERS["wavespeed"][1]))
    assert paths == ["/wavespeed/api/v3/predictions/9/result"] * 2
    _, paths = polled("zai-org", *(Reply(body=job) for job in ANSWERS["zai-org"][1]))
    assert paths == ["/zai-org/api/paas/v4/async-result/z-1"]


def test_a_look_at_a_job_may_fail() -> None:
    progress: list[str] = []
    replies = (Reply(502), Reply(429), *(Reply(body=job) for job in ANSWERS["wavespeed"][1]))
    result, paths = polled("wavespeed", *replies, on_progress=progress.append)
    assert str(result.image).endswith("/files/a.png")
    assert len(paths) == 4
    assert progress == ["waiting for wavespeed", *["waiting in the service's queue"] * 4]


@pytest.mark.parametrize(
    ("reply", "category"),
    [
        (Reply(401), "auth"),
        (Reply(404), "invalid-request"),
        (Reply(body={"data": {"status": "failed", "error": "out of memory"}}), "provider"),
        (Reply(body={"data": {"status": "processing"}}, delay=30), "timeout"),
    ],
)
def test_a_job_that_fails_may_have_been_billed(reply: Reply, category: str) -> None:
    internet = Internet(Reply(body=ANSWERS["wavespeed"][0]), offered("wavespeed"), [reply])
    assert failure(refused(internet, timeout=1)) == (category, False, None)


def test_a_job_that_never_ends_meets_the_deadline_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.05)

    async def work() -> None:
        with pytest.raises(DeadlinePassed):
            await before_deadline(huggingface.generate(ask()), TimeLimit(0.7))

    running = [Reply(body={"data": {"status": "processing"}})] * 500
    with served(Internet(Reply(body=ANSWERS["wavespeed"][0]), offered("wavespeed"), running)) as server:
        run(work)
    assert len(posts(server)) == 1
    assert 2 < len(server.requests) < 20


# Pictures go in


def _copies(value: Any) -> Iterator[tuple[str, bytes]]:
    """Returns the label and the bytes of every picture in what a service got."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from [("", base64.b64decode(member))] if name == "inputs" else _copies(member)
    elif isinstance(value, list):
        for member in value:
            yield from _copies(member)
    elif isinstance(value, str) and value.startswith("data:"):
        label, _, text = value.removeprefix("data:").partition(";base64,")
        yield label, base64.b64decode(text, validate=True)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("service", "names"),
    [
        ("fal-ai", {"image_url", "image_urls"}),
        ("hf-inference", {"inputs"}),
        ("replicate", {"image", "images", "input_image", "input_images"}),
        ("together", {"reference_images"}),
        ("wavespeed", {"image"}),
    ],
)
def test_a_service_gets_the_bytes_of_the_picture(service: str, names: set[str], kind: str) -> None:
    data = gradient(kind)
    photo = InputImage(data, f"image/{kind.lower()}", Size(256, 256), "photo")
    _, post = answered(editing(service), images=(photo,), inference_provider=service)
    given = post.json.get("input", post.json)
    assert names <= given.keys()
    label = "" if service == "hf-inference" else photo.media_type
    assert [*_copies({name: given[name] for name in names})] == [(label, data)] * len(names)
    assert [*_copies(post.json)] == [(label, data)] * len(names)
    assert given.get("parameters", given)["prompt"] == "A red fox"


def test_the_prompt_and_the_picture_are_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_bytes(b"not yours")
    for service in EDITORS:
        photo = InputImage(b"secret", "image/png", Size(1, 1), "secret")
        _, post = answered(editing(service), prompt="secret", images=(photo,), inference_provider=service)
        assert base64.b64encode(b"not yours") not in post.body
        assert base64.b64encode(b"secret") in post.body


def test_each_task_has_offers_of_its_own() -> None:
    offers = offered("together") + offered("replicate", task="image-to-image")
    words, _ = answered(Internet(Reply(body=_BASE64), offers))
    assert words.metadata == {"inference_provider": "together"}
    internet = Internet(Reply(body=EDITS["replicate"][0]), offers)
    pictures, post = answered(internet, images=(PHOTO,))
    assert pictures.metadata == {"inference_provider": "replicate"}
    assert post.path.startswith("/replicate/")


@pytest.mark.parametrize(
    ("offers", "named", "photos", "words"),
    [
        (offered("together"), "auto", (PHOTO,), "No service edits pictures with this model"),
        (offered("fal-ai", task="image-to-image"), "auto", (), "This model only edits pictures: add one"),
        ([], "auto", (PHOTO,), "No service that Limner knows offers this model"),
        (offered("x-ai", task="image-to-image"), "auto", (PHOTO,), "No service that Limner knows"),
        (
            offered("fal-ai", task="image-to-image") + offered("together"),
            "together",
            (PHOTO,),
            "This model is offered by fal-ai, not by together",
        ),
    ],
)
def test_a_model_that_nobody_offers_for_the_task(
    offers: Any, named: str, photos: tuple[InputImage, ...], words: str
) -> None:
    error = refused(Internet(GOOD, offers), paid=0, inference_provider=named, images=photos)
    assert failure(error) == ("invalid-request", True, None)
    assert str(error.why).startswith(words)


def test_a_server_of_ones_own_gets_the_picture() -> None:
    _, request = at_base_url(GOOD, images=(PHOTO,), seed=5)
    assert request.json == {"inputs": PHOTO.base64, "parameters": {"prompt": "A red fox", "seed": 5}}


def test_a_size_is_told_as_the_service_takes_it() -> None:
    size = {"width": 512, "height": 256}
    for service, told in {"fal-ai": {"image_size": size}, "together": size}.items():
        _, post = answered(editing(service), images=(PHOTO,), size=Size(512, 256), inference_provider=service)
        assert post.json.items() >= told.items()
        assert "target_size" not in post.json


def test_a_large_picture_is_written_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    real = huggingface._prepare

    def noted(*given: Any) -> Any:
        threads.append(threading.get_ident())
        return real(*given)

    monkeypatch.setattr(huggingface, "_prepare", noted)
    answered(editing("together"), images=(PHOTO,))
    answered(playing("together"), inference_provider="together")
    assert threads[0] != threading.get_ident() == threads[1]


@pytest.mark.parametrize("service", EDITORS)
@pytest.mark.parametrize("status", [413, 422])
def test_a_service_that_refuses_the_picture(service: str, status: int) -> None:
    reply = Reply(status, {"detail": [{"loc": ["body", "image_url"], "msg": "too big", "type": "x"}]})
    error = refused(editing(service, reply), images=(PHOTO,), inference_provider=service)
    assert failure(error) == ("invalid-request", True, None)
    assert error.service_message == "too big (image_url)"


def test_a_service_that_repeats_the_picture_shows_none_of_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    for service in EDITORS:
        reply = Reply(422, {"error": f"{PHOTO.data_uri} is no picture"})
        error = refused(editing(service, reply), images=(PHOTO,), inference_provider=service)
        assert PHOTO.base64[:40] not in f"{error!r} {error.service_message} {error.why}"
    assert PHOTO.base64[:40] not in caplog.text


# The queue of fal


def test_fal_is_asked_for_a_job_and_then_for_its_result() -> None:
    progress: list[str] = []
    with served(editing("fal-ai")) as server:
        result = make(images=(PHOTO,), on_progress=progress.append)
    assert str(result.image).endswith("/files/a.png")
    assert (result.seed, result.metadata) == (7, {"inference_provider": "fal-ai"})
    job = "/fal-ai/fal-ai/flux/requests/9"
    assert [(request.method, request.path) for request in server.requests[1:]] == [
        ("POST", "/fal-ai/fal-ai/flux/dev?_subdomain=queue"),
        ("GET", f"{job}/status?_subdomain=queue"),
        ("GET", f"{job}/status?_subdomain=queue"),
        ("GET", f"{job}?_subdomain=queue"),
    ]
    assert progress == ["waiting for fal-ai", *["waiting in the service's queue"] * 2]


def test_a_job_is_found_again_by_its_handle_which_has_no_key() -> None:
    handles: list[Any] = []

    def remember(handle: Any) -> Done:
        handles.append(json.loads(json.dumps(handle)))
        return Done()

    with served(editing("fal-ai", jobs=[Reply(body=DONE), Reply(body=FAL_EDIT)])) as server:
        with pytest.raises(ProviderError):  # this process does not live to see it
            make(images=(PHOTO,), on_handle=remember, on_progress=end_in_queue)
        (handle,) = handles
        assert KEY not in json.dumps(handle)
        before = len(posts(server))
        result = run(lambda: huggingface.resume(ask(), handle))
        assert len(posts(server)) == before
        assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    assert str(result.image).endswith("/files/a.png")
    assert (result.seed, result.metadata) == (7, {"inference_provider": "fal-ai"})


def end_in_queue(progress: str) -> None:
    if "queue" in progress:
        raise ProviderError("provider", why="The process ends.")


def test_a_look_at_the_result_may_fail() -> None:
    jobs = [Reply(502), Reply(body=DONE), Reply(503), Reply(429), Reply(body=FAL_EDIT)]
    result, _ = answered(editing("fal-ai", jobs=jobs), images=(PHOTO,))
    assert str(result.image).endswith("/files/a.png")


def test_a_failure_after_a_look_that_failed_is_final() -> None:
    jobs = [Reply(502), Reply(body=QUEUED | {"status": "FAILED"}), Reply(body=FAL_EDIT)]
    assert failure(refused(editing("fal-ai", jobs=jobs), images=(PHOTO,))) == ("provider", False, None)


def test_a_key_of_fal_goes_to_its_queue_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(editing("fal-ai")) as server:
        monkeypatch.setattr(_providers.PROVIDERS["fal-ai"]["image-to-image"], "base_url", server.url)
        make(images=(PHOTO,), credential=SecretStr("fal-key-0123"), settings={"provider": "fal-ai"})
    asked = [request for request in server.requests if request.path.startswith("/fal-ai/")]
    assert [request.path for request in asked] == [
        "/fal-ai/flux/dev",
        *["/fal-ai/flux/requests/9/status"] * 2,
        "/fal-ai/flux/requests/9",
    ]
    assert {request.headers["authorization"] for request in asked} == {"Key fal-key-0123"}


@pytest.mark.parametrize(
    "link", ["https://evil.example/fal-ai/flux/requests/9", "evil.example/x", "//evil.example/x", "http://[x"]
)
def test_a_job_is_looked_at_nowhere_else(link: str) -> None:
    queued = Reply(body=QUEUED | {"response_url": link})
    result, _ = answered(editing("fal-ai", queued), images=(PHOTO,))
    assert str(result.image).endswith("/files/a.png")


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ([DONE, {"detail": "Something broke"}], ("provider", False, None)),
        ([DONE, DONE], ("provider", False, None)),
        ([QUEUED | {"status": "FAILED", "error": "no"}], ("provider", False, None)),
        ([[]], ("bad-response", False, None)),
    ],
)
def test_a_job_at_fal_that_fails(jobs: list[Any], expected: Any) -> None:
    internet = editing("fal-ai", jobs=[Reply(body=json.dumps(job)) for job in jobs])
    assert failure(refused(internet, images=(PHOTO,))) == expected


def test_a_job_without_an_address_is_not_looked_for() -> None:
    queued = Reply(body={"status": "IN_QUEUE", "request_id": "9"})
    error = refused(editing("fal-ai", queued, [Reply(body=FAL_EDIT)]), images=(PHOTO,))
    assert failure(error) == ("provider", False, None)


@pytest.mark.parametrize(
    ("reply", "category"),
    [
        (Reply(422, {"detail": [{"msg": "Flagged.", "type": "content_policy_violation"}]}), "content-filter"),
        (Reply(422, {"detail": [{"msg": "Image too small", "type": "image_too_small"}]}), "invalid-request"),
        (Reply(body=FAL_EDIT | {"has_nsfw_concepts": [True]}), "content-filter"),
    ],
)
def test_a_result_at_fal_may_have_been_billed(reply: Reply, category: str) -> None:
    error = refused(editing("fal-ai", jobs=[Reply(body=DONE), reply]), images=(PHOTO,))
    if category == "content-filter":
        assert isinstance(error, ContentFiltered)
    else:
        assert failure(error) == (category, False, None)


# What goes wrong


@pytest.mark.parametrize(
    ("reply", "expected", "words"),
    [
        (Reply(401, {"error": "Invalid username or password."}), ("auth", True, None), "Invalid username"),
        (Reply(403, {"error": "not allowed"}), ("auth", True, None), "not allowed"),
        (
            Reply(402, {"error": "You have exceeded your monthly included credits"}),
            ("quota", True, None),
            "credits",
        ),
        (
            Reply(400, {"error": ["bad width", "bad height"]}),
            ("invalid-request", True, None),
            "bad width; bad height",
        ),
        (Reply(404, "Not Found"), ("invalid-request", True, None), "Not Found"),
        (Reply(410, {"error": {"message": "gone"}}), ("invalid-request", True, None), "gone"),
        (
            Reply(422, {"detail": [{"msg": "too big", "type": "x"}]}),
            ("invalid-request", True, None),
            "too big",
        ),
        (Reply(429, {"error": "slow down"}, {"Retry-After": "7"}), ("rate-limit", True, 7), "slow down"),
        (Reply(429, "[1]", {"Retry-After": "soon"}), ("rate-limit", True, None), None),
        (Reply(503, {"error": "loading", "estimated_time": 20.5}), ("unavailable", True, 20.5), "loading"),
        (Reply(503, {"error": "loading", "estimated_time": "nan"}), ("unavailable", False, None), "loading"),
        (Reply(503, {}, {"Retry-After": "3"}), ("unavailable", True, 3), None),
        (Reply(503), ("unavailable", False, None), None),
        (Reply(500, "<html><title>500 Oops</title>"), ("unavailable", False, None), "500 Oops"),
        (Reply(500, "<html>Oops"), ("unavailable", False, None), None),
        (Reply(502), ("unavailable", False, None), None),
        (Reply(504, headers={"X-Error-Message": "too long"}), ("unavailable", False, None), "too long"),
        (Reply(408), ("timeout", False, None), None),
        (Reply(418), ("provider", False, None), None),
        (Reply(307, headers={"location": "/elsewhere"}), ("bad-response", False, None), None),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else "",
)
def test_failures(reply: Reply, expected: Any, words: str | None) -> None:
    error = direct(reply)
    assert failure(error) == expected
    assert error.service_message == words if words is None else words in str(error.service_message)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (
            422,
            {"detail": [{"loc": ["body", "prompt"], "msg": "Flagged.", "type": "content_policy_violation"}]},
        ),
        (400, {"error": {"message": "Input rejected", "code": "nsfw_content"}}),
        (403, {"error": "The safety system rejected this prompt"}),
        (422, {"error": "NSFW content detected"}),
    ],
)
def test_refusals(status: int, body: dict[str, Any]) -> None:
    error = refused(Internet(Reply(status, body), offered("fal-ai")))
    assert isinstance(error, ContentFiltered)
    assert error.service_message


def test_a_refusal_is_not_found_where_the_server_broke() -> None:
    assert failure(direct(Reply(500, {"error": "the safety checker crashed"}))) == (
        "unavailable",
        False,
        None,
    )


@pytest.mark.parametrize(
    ("variable", "value"), [("ALL_PROXY", "socks://127.0.0.1:1"), ("SSL_CERT_FILE", "/no")]
)
def test_a_wrong_environment_is_named(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    error = refused(Internet(GOOD), paid=0)
    assert failure(error) == ("unavailable", True, None)
    assert variable in str(error.why)


def test_the_first_client_is_built_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    real = httpx2.AsyncClient

    def noted(**more: Any) -> Any:
        threads.append(threading.get_ident())
        return real(**more)

    monkeypatch.setattr(httpx2, "AsyncClient", noted)
    with served(Internet(Reply(body=_BASE64), offered("together"))):
        run(lambda: asyncio.gather(*(huggingface.generate(ask(prompt=f"Fox {i}")) for i in range(5))))
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


def test_nobody_listens_there() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening: connecting is refused
        with pytest.raises(ProviderError) as raised:
            make(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert failure(raised.value) == ("unavailable", True, None)


def _hangs_up(_: Request) -> Reply:
    raise ConnectionResetError


@pytest.mark.parametrize("handler", [_hangs_up, lambda _: Reply(body=PNG, cut_after=20)])
def test_a_connection_that_is_cut_may_have_been_billed(handler: Any) -> None:
    with served(handler) as server, pytest.raises(ProviderError) as raised:
        make(base_url=server.url)
    assert failure(raised.value) == ("unavailable", False, None)
    assert len(server.requests) == 1


def test_a_service_that_does_not_answer_in_time() -> None:
    assert failure(direct(Reply(delay=30), timeout=0.3)) == ("timeout", False, None)


def test_the_host_sets_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[dict[str, Any]] = []
    send = httpx2.AsyncClient.send

    async def noted(self: Any, request: Any, **more: Any) -> Any:
        times.append(request.extensions["timeout"])
        return await send(self, request, **more)

    monkeypatch.setattr(httpx2.AsyncClient, "send", noted)
    answered(playing("together"), inference_provider="together", timeout=123.0)
    assert [(time["connect"], time["read"]) for time in times] == [(10, 30.0), (10, 123.0)]


@pytest.mark.parametrize("service", ["together", "wavespeed"])
def test_a_cancelled_request_hangs_up(service: str) -> None:
    slow = Reply(body={"data": {"status": "processing"}}, delay=30)
    answer = Reply(body=ANSWERS["wavespeed"][0]) if service == "wavespeed" else slow

    async def stop_while_it_waits(server: Loopback) -> None:
        task = asyncio.create_task(huggingface.generate(ask()))
        wanted = 3 if service == "wavespeed" else 2
        await asyncio.to_thread(server.wait_until, lambda server: len(server.requests) == wanted)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(server.wait_until, lambda server: server.disconnects)

    with served(Internet(answer, offered(service), [slow])) as server:
        run(lambda: stop_while_it_waits(server))
    assert len(posts(server)) == 1


# Side by side


def test_two_hundred_wait_side_by_side_without_a_thread_each() -> None:
    """The server answers nobody before all have asked, and counts the threads at that moment."""
    most, threads, all_here = 200, [], asyncio.Event()

    async def handler(request: Request) -> Reply:
        if request.method == "POST":
            if len(posts(server)) == most and not all_here.is_set():
                threads.append(threading.active_count())
                all_here.set()
            await all_here.wait()
        return internet(request)

    async def crowd() -> list[ImageResult]:
        await offers.offers_of(MODEL, KEY)
        return await asyncio.gather(*(huggingface.generate(ask(prompt=f"Fox {i}")) for i in range(most)))

    internet, before = playing("fal-ai"), threading.active_count()
    internet.hub = on_hub(offered("fal-ai"))
    with served(handler) as server:
        results = run(crowd)
    assert len({post.json["prompt"] for post in posts(server)}) == len(results) == most
    assert threads == [before + 1]  # the server's own


def test_the_sdk_does_not_ask_the_hub_which_agent_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its headers would, once per process: from the event loop, and also for a server of one's own."""
    monkeypatch.setattr(_detect_agent, "_registry", None)
    monkeypatch.setattr(sdk.constants, "HF_HUB_DISABLE_TELEMETRY", False)
    client.load_sdk.cache_clear()
    with served(playing("together")) as server:
        make(inference_provider="together")
    assert [request.method for request in server.requests] == ["GET", "POST"]
    at_base_url(GOOD)


def test_each_loop_has_a_client_and_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    real = httpx2.AsyncClient
    monkeypatch.setattr(httpx2, "AsyncClient", lambda **more: made.append(real(**more)) or made[-1])

    async def some() -> None:
        await asyncio.gather(*(huggingface.generate(ask(credential=SecretStr(f"hf_{i}"))) for i in range(3)))

    with served(Internet(Reply(body=_BASE64), offered("together"))) as server:
        run(some)
        run(some)
        assert [client.is_closed for client in made] == [True, True]
        made.clear()
        gc.collect()  # says so where a connection was left open
    assert len(posts(server)) == 6


def test_cookies_of_one_visitor_are_not_sent_for_another() -> None:
    reply = Reply(body=_BASE64, headers={"set-cookie": "session=mine; Path=/"})

    async def two() -> None:
        for token in ("hf_first", "hf_second"):
            await huggingface.generate(ask(credential=SecretStr(token)))

    with served(Internet(reply, offered("together"))) as server:
        run(two)
    assert not [request for request in server.requests if "cookie" in request.headers]


# What it says of itself


def test_describe_imports_no_sdk() -> None:
    code = (
        "import sys; from providers import huggingface; huggingface.describe();"
        "print({name.split('.')[0] for name in sys.modules} & {'huggingface_hub', 'httpx2', 'httpx', 'PIL'})"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_describe() -> None:
    info = huggingface.describe()
    assert info.credential is not None
    assert (info.credential.variable, info.credential.hugging_face, info.paid) == ("HF_TOKEN", True, True)
    known = [*info.models, info.model("somebody/any-model")]
    for model in known:
        assert model is not None
        assert (model.seed, model.negative_prompt, info.options_of(model)) == (True, True, ServiceOptions)
        only_edits = "Kontext" in model.id or "Image-Edit" in model.id
        assert model.default_size == (None if only_edits else Size(1024, 1024))
        assert (model.images.least if model.images else 0) == only_edits
    takes = {model.id for model in known if model and model.images}
    assert takes == {
        "black-forest-labs/FLUX.1-Kontext-dev",
        "black-forest-labs/FLUX.2-dev",
        "Qwen/Qwen-Image-Edit",
        "Qwen/Qwen-Image-Edit-2509",
        "Qwen/Qwen-Image-Edit-2511",
        "somebody/any-model",
    }


# From end to end


def through_the_studio(
    handler: Any, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], **settings: Any
) -> tuple[Version, bytes, Loopback]:
    """Asks the whole engine for one picture; gives the settled version, and the picture's stored bytes."""
    monkeypatch.setenv("HOUSE_KEY", KEY)

    async def work(server: Loopback) -> tuple[Version, bytes]:
        general = {name: settings.pop(name) for name in ("max_pixels",) if name in settings}
        house = {"api_key_env": "HOUSE_KEY", **settings}
        own = load_settings(
            provider="huggingface", providers={"huggingface": house}, fetch_from=(server.url,), **general
        )
        found = [EntryPoint("huggingface", "providers.huggingface", "limner")]
        studio = Studio(own, Registry(own, found=found), Store(own.data_dir))
        try:
            conversation = await studio.conversation("t")
            message = await studio.start(
                conversation, UserRequest(prompt="A red fox", model=MODEL, options=options)
            )
            version = await asyncio.wait_for(conversation.settled(message), 30)
            stored = [file.read_bytes() for file in studio.store.folder.rglob("*.png")]
            return version, b"".join(stored)
        finally:
            await studio.close()

    with served(handler) as server:
        version, picture = asyncio.run(work(server))
    assert KEY not in version.model_dump_json()
    return version, picture, server


@pytest.mark.parametrize("service", SERVICES)
def test_from_a_prompt_to_a_stored_picture(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"inference_provider": service}
    version, picture, server = through_the_studio(playing(service), monkeypatch, options)
    assert (version.status, version.failure, picture) == ("complete", None, PNG)
    assert len(posts(server)) == 1
    for request in server.requests:
        assert ("authorization" in request.headers) == (not request.path.startswith("/files/"))


def test_a_file_that_is_gone_is_a_bad_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "PAUSES", (0.0, 0.0))
    internet = playing("fal-ai")
    version, _, _ = through_the_studio(
        lambda r: Reply(403) if r.path.startswith("/files/") else internet(r),
        monkeypatch,
        {"inference_provider": "fal-ai"},
    )
    assert version.failure is not None
    assert version.failure.cause == "bad-image"


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'


@pytest.mark.parametrize(
    ("data", "settled"),
    [
        (encoded(BLACK), "content-filter"),
        (encoded(BLACK, "JPEG", quality=90), "content-filter"),
        (SVG, None),
        (b"<?xml version='1.0'?>\n" + SVG, None),
        (encoded(Image.new("1", (7000, 7000))), "content-filter"),
        (encoded(Image.new("1", (7000, 7000), 1)), None),
        (PNG[:-40], "bad-image"),
        (b"\x89PNG\r\n\x1a\n", "bad-image"),
        (b"BM of another kind", "bad-image"),
    ],
    ids=["black", "black JPEG", "SVG", "SVG with a head", "large and black", "large", "cut", "empty", "BMP"],
)
@pytest.mark.parametrize("form", ["body", "base64"])
def test_the_host_proves_the_picture(
    data: bytes, settled: str | None, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider decodes nothing: the bounds of the settings hold, and any format that the host takes."""
    reply = Reply(body=data, headers={"content-type": "image/png"})
    if form == "base64":
        reply = Reply(body={"data": [{"b64_json": base64.b64encode(data).decode()}]})
    service = "hf-inference" if form == "body" else "together"
    version, _, _ = through_the_studio(
        Internet(reply), monkeypatch, {"inference_provider": service}, max_pixels=50_000_000
    )
    cause = version.failure.cause if version.failure else None
    assert (cause, version.picture is None) == (settled, settled is not None)


def test_a_picture_that_a_service_marks_settles_as_filtered(monkeypatch: pytest.MonkeyPatch) -> None:
    internet = Internet(Reply(body=FAL | {"has_nsfw_concepts": [True]}), offered("fal-ai"))
    version, _, _ = through_the_studio(internet, monkeypatch, {"inference_provider": "fal-ai"})
    assert (version.status, version.reason, version.picture) == ("incomplete", "content-filter", None)


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_service_that_repeats_the_token_does_not_show_it(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {"error": f"Token {KEY} is wrong; see https://user:{KEY}@x.example/?token={KEY}"}
    options = {"inference_provider": "together"}
    version, _, server = through_the_studio(Internet(Reply(status, words)), monkeypatch, options)
    assert version.failure is not None
    assert "is wrong" in (version.failure.service_message or "")
    assert KEY in str(server.requests)


def test_the_deadline_of_the_settings_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    version, _, server = through_the_studio(Internet(Reply(delay=30)), monkeypatch, {}, timeout=1)
    assert version.failure is not None
    assert (version.failure.cause, version.failure.did_not_run) == ("timeout", False)
    assert len(posts(server)) == 1
