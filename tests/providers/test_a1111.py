"""A1111's provider, with the real HTTP client, against a server on this machine that answers as those do."""

from __future__ import annotations

import asyncio
import base64
import json
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from pydantic import SecretStr

from limner import ImageRequest, ImageResult, ModelInfo, ProviderError, Size
from limner.testing import Loopback, Reply, Request, picture
from limner.testing.pictures import input_images, input_mask
from limner.testing.runner import on_a_loop as run
from providers import a1111
from providers.a1111 import LOADED, A1111Options
from tests.waiting import until

PNG = picture()
INFO = {"seed": 77, "sd_model_name": "dream", "sampler_name": "Euler", "version": "v1.10.1"}
DREAM, TURBO = "dream.safetensors [6ce0161689]", "xl\\turbo.safetensors"
CHECKPOINTS = [
    {"title": DREAM, "model_name": "dream", "hash": "6ce0161689", "filename": "/m/dream.safetensors"},
    {"title": TURBO, "model_name": "xl_turbo", "hash": None, "filename": "C:\\m\\turbo.safetensors"},
    {"title": "odd", "model_name": "odd", "hash": ["None"], "filename": None},
    {"title": None, "model_name": "None"},
]
MODEL = a1111.describe().models[0]


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(a1111, "POLL", 0.005)


class Server:
    """Plays the server: makes a picture at once, or once `held` is False; says what the test wants."""

    def __init__(self, *, held: bool = False, made: Reply | None = None, progress: Any = None) -> None:
        self.held, self.progress = held, progress
        self.made = made or Reply(
            body={"images": [base64.b64encode(PNG).decode()], "parameters": {}, "info": json.dumps(INFO)}
        )
        self.running: list[str] = []

    async def __call__(self, request: Request) -> Reply:
        if request.path in ("/sdapi/v1/txt2img", "/sdapi/v1/img2img"):
            self.running.append(request.json["force_task_id"])
            while self.held:  # noqa: ASYNC110 (a thread changes it)
                await asyncio.sleep(0.002)
            return self.made
        if request.path == "/sdapi/v1/sd-models":
            return Reply(body=json.dumps(CHECKPOINTS))
        if request.path == "/internal/progress":
            is_its = request.json["id_task"] in self.running
            said = self.progress if self.progress is not None else {"active": is_its}
            return said if isinstance(said, Reply) else Reply(body=said)
        if request.path.startswith("/sdapi/v1/progress"):
            state = {"job": "scripts_txt2img", "sampling_step": 3, "sampling_steps": 8}
            return Reply(body={"progress": 0.4, "state": state, "current_image": None})
        assert request.path == "/sdapi/v1/interrupt"
        self.held = False
        return Reply(body={})


def asked(server: Loopback, word: str) -> list[Request]:
    return [request for request in server.requests if word in request.path]


def ask(server: Loopback | str, **more: Any) -> ImageRequest:
    url = server if isinstance(server, str) else server.url
    given: dict[str, Any] = {"prompt": "A red fox", "model": LOADED, "size": Size(512, 768), "seed": 5}
    given["options"] = A1111Options()
    return ImageRequest(base_url=url, **(given | more))


def make(request: ImageRequest) -> ImageResult:
    return run(lambda: a1111.generate(request))


def failure(request: ImageRequest) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        make(request)
    return raised.value


def test_a_picture_of_words_alone() -> None:
    with Loopback(Server()) as server:
        options = A1111Options(steps=30, cfg_scale=5.5, sampler_name="DPM++ 2M")
        result = make(ask(server, negative_prompt="fog", options=options))
    (sent,) = asked(server, "/sdapi")
    assert sent.path == "/sdapi/v1/txt2img"
    body = sent.json
    assert body.pop("force_task_id").startswith("task(limner-")
    assert body == {
        "prompt": "A red fox",
        "negative_prompt": "fog",
        "seed": 5,
        "steps": 30,
        "cfg_scale": 5.5,
        "sampler_name": "DPM++ 2M",
        "width": 512,
        "height": 768,
    }
    assert base64.b64decode(str(result.image)) == PNG
    assert (result.seed, result.model) == (77, "dream")
    assert result.metadata == {"sampler_name": "Euler", "version": "v1.10.1"}


@pytest.mark.parametrize("info", ["", "no JSON", "[]", '{"seed": -1}', '{"seed": true}', None])
def test_a_reply_whose_info_says_nothing_keeps_the_seed_that_was_sent(info: str | None) -> None:
    made = Reply(body={"images": [base64.b64encode(PNG).decode()], "info": info})
    with Loopback(Server(made=made)) as server:
        assert make(ask(server)).seed == 5


def test_a_picture_is_edited_where_the_mask_is_white() -> None:
    images, mask = input_images(MODEL, 1), input_mask(Size(56, 40), left=True)
    with Loopback(Server()) as server:
        make(ask(server, images=images, mask=mask, options=A1111Options(denoising_strength=0.4)))
    (sent,) = asked(server, "/sdapi")
    assert sent.path == "/sdapi/v1/img2img"
    assert sent.json["init_images"] == [images[0].base64]
    assert (sent.json["denoising_strength"], sent.json["resize_mode"]) == (0.4, 1)
    assert (sent.json["inpainting_mask_invert"], sent.json["inpaint_full_res"]) == (0, False)
    seen = Image.open(BytesIO(base64.b64decode(sent.json["mask"])))
    given = Image.open(BytesIO(mask.data))
    assert seen.mode == "L"  # of a mask with alpha, these servers change what is opaque
    assert seen.size == given.size
    corners = (0, 0), (given.width - 1, given.height - 1)
    assert [seen.getpixel(corner) for corner in corners] == [255, 0]
    assert [given.getchannel("A").getpixel(corner) for corner in corners] == [0, 255]


def test_without_a_picture_nothing_is_said_of_editing() -> None:
    with Loopback(Server()) as server:
        make(ask(server))
    (sent,) = asked(server, "/sdapi")
    assert not {"denoising_strength", "init_images", "mask"} & sent.json.keys()


@pytest.mark.parametrize(
    ("model", "title"),
    [
        ("dream", DREAM),
        ("dream.safetensors", DREAM),
        ("6ce0161689", DREAM),
        (DREAM, DREAM),
        ("turbo.safetensors", TURBO),
        ("xl_turbo", TURBO),
    ],
)
def test_another_checkpoint_is_found_by_any_of_its_names(model: str, title: str) -> None:
    with Loopback(Server()) as server:
        make(ask(server, model=model))
    (sent,) = asked(server, "txt2img")
    assert sent.json["override_settings"] == {"sd_model_checkpoint": title}


def test_a_checkpoint_that_the_server_lacks_is_not_replaced_by_another() -> None:
    with Loopback(Server()) as server:
        error = failure(ask(server, model="None"))
    assert (error.category, error.status, error.did_not_run) == ("invalid-request", 404, True)
    assert error.why == "The server has no checkpoint 'None'; it has dream, xl_turbo, odd."
    assert not asked(server, "txt2img")


def test_the_progress_and_the_preview_are_those_of_this_request() -> None:
    reports: list[str] = []
    shares: list[float | None] = []
    previews: list[bytes] = []
    held = Server(held=True)
    shown = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    held.progress = {"active": True, "progress": 0.25, "live_preview": shown, "id_live_preview": 4}

    async def watch(server: Loopback) -> ImageResult:
        watched = {"on_progress": reports.append, "on_share": shares.append, "on_preview": previews.append}
        making = asyncio.ensure_future(a1111.generate(ask(server, **watched)))
        await until(lambda: len(previews) > 1)
        held.held = False
        return await making

    with Loopback(held) as server:
        run(lambda: watch(server))
    assert (reports[-1], shares[-1]) == ("drawing", 0.25)
    assert previews[0] == PNG
    (task,) = held.running
    looks = [look.json for look in asked(server, "/internal/progress")]
    assert looks[0] == {"id_task": task, "id_live_preview": -1, "live_preview": True}
    assert looks[1]["id_live_preview"] == 4
    assert len(asked(server, "txt2img")) == 1


SHOWN = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
SD_NEXT = {"active": False, "job": "API-TXT", "step": 4, "steps": 9, "live_preview": SHOWN}
NO_PAGE = Reply(404, {"detail": "Not Found"})
ELSEWHERE: list[tuple[Any, str]] = [
    ({"active": False, "queued": True, "textinfo": "In queue: 2/3"}, "waiting in the server's queue, 2 of 3"),
    ({"active": False, "queued": True, "textinfo": None}, "waiting in the server's queue"),
    (SD_NEXT, "the server is at step 4 of 9"),
    (NO_PAGE, "the server is at step 3 of 8"),
    ({"active": True, "progress": 0}, "starting"),
    (Reply(body="[]"), "waiting for the server"),
]


@pytest.mark.parametrize(("progress", "words"), ELSEWHERE)
def test_what_the_server_does_is_said_and_no_preview_of_anothers_is_shown(progress: Any, words: str) -> None:
    reports: list[str] = []
    previews: list[bytes] = []
    shares: list[float | None] = []
    held = Server(held=True, progress=progress)

    async def watch(server: Loopback) -> None:
        watched = {"on_progress": reports.append, "on_share": shares.append, "on_preview": previews.append}
        making = asyncio.ensure_future(a1111.generate(ask(server, **watched)))
        await until(lambda: len(asked(server, "/internal/progress")) > 1 and len(reports) > 2)
        held.held = False
        await making

    with Loopback(held) as server:
        run(lambda: watch(server))
    assert reports[-1] == words
    assert (previews, set(shares)) == ([], {None})


async def stop(server: Loopback, held: Server, **more: Any) -> None:
    making = asyncio.ensure_future(a1111.generate(ask(server, **more)))
    await until(lambda: held.running)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making


def test_stop_interrupts_the_server_while_it_works_on_this_request() -> None:
    held = Server(held=True)
    with Loopback(held) as server:
        run(lambda: stop(server, held))
    assert len(asked(server, "interrupt")) == 1
    assert len(asked(server, "txt2img")) == 1
    assert asked(server, "/internal/progress")[-1].json["id_task"] == held.running[0]


@pytest.mark.parametrize(
    "progress",
    [
        {"active": False, "queued": True, "textinfo": "In queue: 1/1"},
        SD_NEXT,
        NO_PAGE,
        Reply(500, "Internal Server Error"),
    ],
)
def test_stop_never_interrupts_what_may_be_anothers(progress: Any) -> None:
    held = Server(held=True, progress=progress)
    with Loopback(held) as server:
        run(lambda: stop(server, held))
        held.held = False
    assert not asked(server, "interrupt")


def test_an_answer_that_is_lost_ends_the_request_there_and_is_not_asked_for_again() -> None:
    with Loopback(Server(made=Reply(200, "x" * 100, cut_after=0))) as server:
        error = failure(ask(server))
    assert (error.category, error.did_not_run) == ("unavailable", False)
    assert (len(asked(server, "txt2img")), len(asked(server, "interrupt"))) == (1, 1)


def test_an_answer_that_does_not_come_in_time_ends_the_request_there() -> None:
    held = Server(held=True)
    with Loopback(held) as server:
        error = failure(ask(server, timeout=0.2))
    assert error.category == "timeout"
    assert (len(asked(server, "txt2img")), len(asked(server, "interrupt"))) == (1, 1)


def test_requests_take_turns_and_one_that_is_stopped_before_its_turn_is_never_sent() -> None:
    reports: list[str] = []
    held = Server(held=True)

    async def three(server: Loopback) -> list[Any]:
        first = asyncio.ensure_future(a1111.generate(ask(server, prompt="one")))
        await until(lambda: held.running)
        second = asyncio.ensure_future(a1111.generate(ask(server, prompt="two", on_progress=reports.append)))
        third = asyncio.ensure_future(a1111.generate(ask(server, prompt="three")))
        await until(lambda: reports)
        second.cancel()
        await asyncio.wait({second})
        held.held = False
        return [second.cancelled(), await first, await third]

    with Loopback(held) as server:
        cancelled, *made = run(lambda: three(server))
    assert cancelled
    assert len(made) == 2
    assert reports == ["waiting: the server makes one picture at a time"]
    assert [sent.json["prompt"] for sent in asked(server, "txt2img")] == ["one", "three"]
    assert not asked(server, "interrupt")


def test_a_server_that_is_not_running_is_named() -> None:
    with Loopback(Server()) as server:
        address = server.url
    error = failure(ask(address))
    assert (error.category, error.did_not_run, error.status) == ("unavailable", True, None)
    assert error.why
    assert error.why.startswith("No server answers at its address: start it with --api")


def test_a_server_without_its_api_is_told_how_to_switch_it_on() -> None:
    with Loopback(Server(made=Reply(404, {"detail": "Not Found"}))) as server:
        error = failure(ask(server))
    assert (error.category, error.did_not_run) == ("unavailable", True)
    assert error.why == "Its API is off: start the server with the option --api."


def told(detail: str, errors: str = "", error: str = "HTTPException") -> dict[str, Any]:
    """A failure as the server's own handler writes it."""
    return {"error": error, "detail": detail, "body": "", "errors": errors}


WRONG = {"detail": [{"loc": ["body", "seed"], "msg": "not an integer", "input": "iVBOR"}]}
FULL, SAMPLER = "CUDA out of memory. Tried 2 GiB", "Sampler not found"
FAILURES: list[tuple[int, dict[str, Any], str, str | None]] = [
    (500, told("", FULL, "RuntimeError"), "provider", FULL),
    (500, told("", "no memory is left", "OutOfMemoryError"), "provider", "no memory is left"),
    (500, told("", "shapes differ", "RuntimeError"), "unavailable", "shapes differ"),
    (404, told(SAMPLER, f"404: {SAMPLER}"), "invalid-request", SAMPLER),
    (401, told("Incorrect username or password"), "auth", "Incorrect username or password"),
    (422, WRONG, "invalid-request", "not an integer (seed)"),
    (200, {"images": [], "info": ""}, "provider", None),
    (200, {"images": None}, "bad-response", None),
]


@pytest.mark.parametrize(("status", "body", "category", "words"), FAILURES)
def test_failures_are_said_in_the_servers_words(
    status: int, body: dict[str, Any], category: str, words: str | None
) -> None:
    with Loopback(Server(made=Reply(status, body))) as server:
        error = failure(ask(server))
    assert (error.category, error.service_message) == (category, words)
    assert error.status != 404  # which would say that the model is not known
    assert len(asked(server, "/sdapi")) == 1
    if "memory" in str(words):
        assert str(error.why).startswith("Its graphics card ran out of memory: choose a smaller size")


@pytest.mark.parametrize("key", [None, "anna:pass:word"])
def test_the_credential_is_the_user_and_the_password(key: str | None) -> None:
    with Loopback(Server()) as server:
        make(ask(server, credential=SecretStr(key) if key else None))
    (sent,) = asked(server, "/sdapi")
    assert sent.headers.get("authorization") == (
        f"Basic {base64.b64encode(key.encode()).decode()}" if key else None
    )


def test_an_address_may_have_a_path() -> None:
    with Loopback({"/studio/sdapi/v1/txt2img": Server().made}) as server:
        assert make(ask(f"{server.url}/studio/")).seed == 77


def test_every_checkpoint_takes_the_same() -> None:
    info = a1111.describe()
    assert (info.paid, info.needs_base_url) == (False, True)
    assert isinstance(info.other_models, ModelInfo)
    assert info.other_models.model_copy(update={"id": LOADED, "label": "Loaded checkpoint"}) == MODEL
