"""Pictures that go into requests to OpenAI and compatible servers, byte for byte as a server gets them."""

from __future__ import annotations

import asyncio
import base64
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from limner import ContentFiltered, ImageInputs, ImageRequest, ImageResult, InputImage, ProviderError, Size
from limner.clients import close_shared
from limner.testing import Loopback, Reply, Request, picture
from providers import openai
from providers.openai.models import FidelityOptions, FinerOptions, GptImageOptions

KEY = "sk-test-0123456789abcdef"
MADE = base64.b64encode(picture()).decode()
GOOD = Reply(body={"data": [{"b64_json": MADE}]}, headers={"x-request-id": "req-7"})
EDITS, GENERATIONS = "/v1/images/edits", "/v1/images/generations"


def image(name: str, media_type: str) -> InputImage:
    """Returns a picture whose bytes change in any hands that decode, strip or convert them."""
    data = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) + f"\r\n\n--{name}--\0\r\n \r".encode()
    return InputImage(data, media_type, Size(8, 8), name)


FOX, TREE, HILL = (
    image("fox.png", "image/png"),
    image("a tree.jpg", "image/jpeg"),
    image("hügel.webp", "image/webp"),
)
MASK = image("mask.png", "image/png")


def ask(base_url: str | None, **more: Any) -> ImageRequest:
    given: dict[str, Any] = {"prompt": "In autumn", "model": "gpt-image-2", "images": (FOX,)}
    given |= {"credential": SecretStr(KEY), **more}
    return ImageRequest(base_url=base_url, **given)


def make(request: ImageRequest) -> ImageResult:
    async def whole() -> ImageResult:
        try:
            return await openai.generate(request)
        finally:
            await close_shared()

    return asyncio.run(whole())


def answered(reply: Reply = GOOD, **more: Any) -> tuple[ImageResult, Request]:
    """Returns what the provider makes of a reply, and the one request that the service saw."""
    with Loopback(lambda _: reply) as server:
        result = make(ask(f"{server.url}/v1", **more))
    (request,) = server.requests
    return result, request


def refused_before_the_call(**more: Any) -> str:
    """Returns the sentence with which the provider refuses a request that it does not send."""
    with Loopback(lambda _: GOOD) as server, pytest.raises(ProviderError) as raised:
        make(ask(f"{server.url}/v1", **more))
    assert server.requests == []
    assert (raised.value.category, raised.value.did_not_run) == ("invalid-request", True)
    assert raised.value.service_message is None
    return str(raised.value.why)


@dataclass(frozen=True)
class Part:
    """One part of a form."""

    name: str
    data: bytes
    filename: str | None = None
    media_type: str | None = None


def parts(request: Request) -> list[Part]:
    """Reads a form as it is: between two boundaries, a head, an empty line and the bytes."""
    kind, _, boundary = request.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    first, *inner, last = (b"\r\n" + request.body).split(f"\r\n--{boundary}".encode())
    assert (first, last) == (b"", b"--\r\n")
    return [_part(part) for part in inner]


def _part(part: bytes) -> Part:
    head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    said = dict(one.split("=") for one in lines["Content-Disposition"].split("; ")[1:])
    name, filename = said["name"].strip('"'), said.get("filename")
    return Part(name, data, filename and filename.strip('"'), lines.get("Content-Type"))


def part(name: str, image: InputImage) -> Part:
    return Part(name, image.data, image.filename, image.media_type)


def sent(**more: Any) -> list[Part]:
    """Returns the form that the service got, without the prompt and the model."""
    _, request = answered(**more)
    assert (request.method, request.path) == ("POST", EDITS)
    prompt, model, *rest = sorted(parts(request), key=lambda one: one.name not in ("prompt", "model"))
    assert {prompt.data, model.data} == {b"In autumn", more.get("model", "gpt-image-2").encode()}
    return rest


# As files


def test_one_picture_is_a_file() -> None:
    assert sent() == [part("image", FOX)]


def test_several_pictures_keep_their_order() -> None:
    assert sent(images=(HILL, FOX, TREE)) == [part("image[]", one) for one in (HILL, FOX, TREE)]
    sixteen = (FOX, TREE) * 8
    assert sent(images=sixteen) == [part("image[]", one) for one in sixteen]


def test_a_mask_is_one_more_file() -> None:
    assert sent(mask=MASK) == [part("image", FOX), part("mask", MASK)]
    assert sent(images=(FOX, TREE), mask=MASK)[-1] == part("mask", MASK)


def test_the_rest_of_the_request_stands_beside_the_files() -> None:
    options = FinerOptions(quality="max", output_format="webp", output_compression=0)
    form = sent(
        model="flux",
        options=options,
        size=Size(768, 512),
        seed=0,
        negative_prompt="fog",
        settings={"response_format": "b64_json"},
    )
    assert {one.name: one.data.decode() for one in form if not one.filename} == {
        "quality": "max",
        "output_format": "webp",
        "output_compression": "0",
        "size": "768x512",
        "seed": "0",
        "negative_prompt": "fog",
        "response_format": "b64_json",
    }
    assert [one for one in form if one.filename] == [part("image", FOX)]


@pytest.mark.parametrize("value", ["low", "high"])
def test_the_fidelity_goes_with_pictures(value: Any) -> None:
    asked: dict[str, Any] = {
        "model": "gpt-image-1.5",
        "options": FidelityOptions(input_fidelity=value),
    }
    assert sent(**asked)[0] == Part("input_fidelity", value.encode())
    result, request = answered(**asked, images=())
    assert (request.path, "input_fidelity" in request.json) == (GENERATIONS, False)
    assert [warning.feature for warning in result.warnings] == ["input_fidelity"]


def test_only_the_model_that_takes_a_fidelity_declares_it() -> None:
    info = openai.describe()
    models = [*info.models, openai.describe().other_models]
    taking = [one.id for one in models if one and "input_fidelity" in info.options_of(one).model_fields]
    assert taking == ["gpt-image-1.5"]


def test_the_moderation_that_edits_do_not_know_is_left_out_and_said() -> None:
    options = GptImageOptions(moderation="low")
    result, request = answered(options=options)
    assert [one.name for one in parts(request)] == ["prompt", "model", "image"]
    assert [warning.feature for warning in result.warnings] == ["moderation"]
    result, request = answered(options=options, images=())
    assert (request.json["moderation"], result.warnings) == ("low", [])


@pytest.mark.parametrize("edits", ["openai", "xai"])
def test_the_path_the_version_and_the_header_of_the_settings_hold(edits: str) -> None:
    settings = {"api_key_header": "api-key", "api_version": "2026-04-01", "edits": edits}
    with Loopback(lambda _: GOOD) as server:
        make(ask(f"{server.url}/openai/deployments/fox", settings=settings))
    (request,) = server.requests
    assert request.path == "/openai/deployments/fox/images/edits?api-version=2026-04-01"
    assert (request.headers["api-key"], "authorization" in request.headers) == (KEY, False)


# In the JSON of other services

KONTEXT, FLUX = "black-forest-labs/FLUX.1-Kontext-pro", "black-forest-labs/FLUX.2-pro"


def uri(image: InputImage) -> str:
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"


def link(image: InputImage) -> dict[str, str]:
    return {"url": uri(image), "type": "image_url"}


ARK = {"body": {"image": ["{uri}"]}}
LOCALAI = {"body": {"ref_images": ["{base64}"]}}
ONE = {"edits_body": {"init": {"image": "{uri}", "strength": 0.5}}}


@pytest.mark.parametrize(
    ("form", "model", "images", "path", "fields"),
    [
        ({"edits": "xai"}, "grok", (FOX,), EDITS, {"image": link(FOX)}),
        ({"edits": "xai"}, "grok", (TREE, FOX), EDITS, {"images": [link(TREE), link(FOX)]}),
        ({"edits": "together"}, KONTEXT, (FOX,), GENERATIONS, {"image_url": uri(FOX)}),
        ({"edits": "together"}, FLUX, (FOX,), GENERATIONS, {"reference_images": [uri(FOX)]}),
        ({"edits": "together"}, FLUX, (TREE, FOX), GENERATIONS, {"reference_images": [uri(TREE), uri(FOX)]}),
        (ARK, "seedream", (FOX,), GENERATIONS, {"image": [uri(FOX)]}),
        (ARK, "seedream", (TREE, FOX), GENERATIONS, {"image": [uri(TREE), uri(FOX)]}),
        (ONE, "flux", (FOX,), GENERATIONS, {"init": {"image": uri(FOX), "strength": 0.5}}),
        (
            LOCALAI,
            "flux",
            (TREE, FOX),
            GENERATIONS,
            {"ref_images": [base64.b64encode(one.data).decode() for one in (TREE, FOX)]},
        ),
    ],
)
def test_dialects(
    form: dict[str, Any], model: str, images: tuple[InputImage, ...], path: str, fields: dict[str, Any]
) -> None:
    settings = {**form, "response_format": "b64_json"}
    result, request = answered(model=model, images=images, settings=settings, size=Size(768, 512), seed=3)
    assert (request.method, request.path) == ("POST", path)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    usual = {"prompt": "In autumn", "model": model, "size": "768x512", "seed": 3}
    assert request.json == {**usual, "response_format": "b64_json", **fields}
    assert (result.request_id, result.warnings) == ("req-7", [])


@pytest.mark.parametrize(
    "form", [*({"edits": edits} for edits in ("openai", "xai", "together", "none")), ARK, LOCALAI, ONE]
)
def test_without_pictures_the_form_makes_no_difference(form: dict[str, Any]) -> None:
    _, request = answered(images=(), settings={**form, "mask": "none"})
    assert (request.path, request.json) == (GENERATIONS, {"prompt": "In autumn", "model": "gpt-image-2"})


@pytest.mark.parametrize("edits", ["openai", "xai"])
@pytest.mark.parametrize("credential", [None, SecretStr(KEY)])
def test_the_environment_changes_nothing(
    edits: str, credential: SecretStr | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID"):
        monkeypatch.setenv(f"OPENAI_{name}", "of-the-environment")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer of-the-environment")
    _, request = answered(settings={"edits": edits}, credential=credential)
    assert "of-the-environment" not in str(request.headers)
    assert ("authorization" in request.headers) is (credential is not None)


def test_json_is_written_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures as base64 are many megabytes, and writing them would stop every page for a while."""
    writing: list[bool] = []
    real = InputImage.base64.fget
    assert real is not None

    def noted(image: InputImage) -> str:
        writing.append(threading.current_thread() is threading.main_thread())
        return real(image)

    monkeypatch.setattr(InputImage, "base64", property(noted))
    answered(settings=ARK, images=(FOX, TREE))
    assert writing == [False, False]


@pytest.mark.parametrize("edits", ["openai", "xai"])
def test_a_long_picture_arrives_whole(edits: str) -> None:
    long = InputImage(bytes(range(251)) * 8_000, "image/png", Size(8, 8), "long.png")
    _, request = answered(images=(long, FOX), settings={"edits": edits})
    assert "transfer-encoding" not in request.headers
    if edits == "openai":
        assert parts(request)[-2:] == [part("image[]", long), part("image[]", FOX)]
    else:
        assert request.json["images"] == [link(long), link(FOX)]


# What a server has no place for


@pytest.mark.parametrize(
    "settings",
    [{"mask": "none"}, {"edits": "xai"}, {"edits": "together"}, ARK, LOCALAI],
)
def test_a_mask_without_a_place_is_refused_before_the_call(settings: dict[str, Any]) -> None:
    assert "mask" in refused_before_the_call(model="flux", mask=MASK, settings=settings)


def test_a_server_that_takes_no_pictures_gets_none() -> None:
    assert "takes no pictures" in refused_before_the_call(settings={"edits": "none"})
    assert "takes no pictures" in refused_before_the_call(settings={"edits": "none"}, mask=MASK)


def test_a_model_with_one_place_gets_no_second_picture() -> None:
    given: dict[str, Any] = {"model": KONTEXT, "images": (FOX, TREE), "settings": {"edits": "together"}}
    assert "one picture" in refused_before_the_call(**given)
    assert "one picture" in refused_before_the_call(images=(FOX, TREE), settings=ONE)


# What goes wrong, in both forms

FORMS = pytest.mark.parametrize("edits", ["openai", "xai"])


def failed(reply: Reply | Callable[[Request], Reply], edits: str, **more: Any) -> Any:
    """Returns the error that comes of a reply, after exactly one request."""
    handler = reply if callable(reply) else lambda _: reply
    with Loopback(handler) as server, pytest.raises((ContentFiltered, ProviderError)) as raised:
        make(ask(f"{server.url}/v1", settings={"edits": edits}, **more))
    assert len(server.requests) == 1
    said = f"{raised.value!r} {raised.value} {raised.value.__cause__!r}"
    assert KEY not in said
    assert "fox.png" not in said
    assert uri(FOX)[40:80] not in said
    return raised.value


@FORMS
def test_a_refused_picture_is_a_refusal(edits: str) -> None:
    reply = Reply(400, {"error": {"code": "moderation_blocked", "message": "Your picture was rejected."}})
    assert isinstance(failed(reply, edits), ContentFiltered)


@FORMS
@pytest.mark.parametrize(
    ("reply", "category", "did_not_run"),
    [
        (Reply(400, {"error": {"code": "invalid_image_file", "message": "No."}}), "invalid-request", True),
        (Reply(413, "<html><title>Request Entity Too Large</title>"), "invalid-request", True),
        (Reply(429, {"error": {"code": "rate_limit_exceeded"}}), "rate-limit", True),
        (Reply(500), "unavailable", False),
        (Reply(200, {"data": []}), "bad-response", False),
        (Reply(307, headers={"location": "/v2"}), "bad-response", False),
        (Reply(body="x" * 100, cut_after=10), "unavailable", False),
        (Reply(200, headers={"content-length": "999999999"}), "bad-response", False),
    ],
)
def test_a_failure_is_read_as_without_pictures(
    reply: Reply, category: str, did_not_run: bool, edits: str
) -> None:
    failure = failed(reply, edits)
    assert (failure.category, failure.did_not_run) == (category, did_not_run)


@FORMS
def test_a_service_that_does_not_answer_in_time(edits: str) -> None:
    failure = failed(Reply(delay=30), edits, timeout=0.2)
    assert (failure.category, failure.did_not_run) == ("timeout", False)


@pytest.mark.parametrize("form", [{}, {"edits": "xai"}, LOCALAI])
def test_no_byte_of_a_picture_stands_in_a_log(
    form: dict[str, Any], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    answered(settings=form, prompt="A word of the prompt")
    written = caplog.text + "".join(capfd.readouterr())
    assert caplog.records
    for mark in (uri(FOX)[40:80], repr(FOX.data[:8])[2:-1], "fox.png", "A word of the prompt"):
        assert mark not in written


# What it says of itself


def test_every_model_takes_pictures() -> None:
    info = openai.describe()
    inputs = ImageInputs(least=0, most=16, mask=True, most_bytes=49_999_999)
    assert [model.images for model in info.models] == [inputs] * len(info.models)
    assert {*inputs.media_types} == {"image/png", "image/jpeg", "image/webp"}
    assert info.other_models is not None
    assert info.other_models.images == ImageInputs(most=16, mask=True)
