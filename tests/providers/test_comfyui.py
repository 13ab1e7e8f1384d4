"""ComfyUI's provider, with the real HTTP client, against a server on this machine that answers as it does."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from core import SettingsError, open_studio
from core.chat.request import UserRequest
from core.settings.schema import load_settings
from limner import ImageRequest, ImageResult, ProviderError, Size
from limner.testing import Loopback, Reply, Request, picture
from limner.testing.pictures import input_images, input_mask
from limner.testing.runner import on_a_loop as run
from providers import comfyui
from providers.comfyui.workflow import BUILT_IN, WORKFLOW, Settings
from tests.test_documents import blocks
from tests.waiting import until

PNG = picture()
MODEL = comfyui.describe().models[0]
IMAGE = {"filename": "ComfyUI_00001_.png", "subfolder": "a b", "type": "output"}
DONE = {"outputs": {"9": {"images": [IMAGE]}}, "status": {"status_str": "success", "messages": []}}
NAMES = ["dream.safetensors", "turbo.safetensors"]

FLOW = {
    "3": {
        "class_type": "KSampler",
        "inputs": {"seed": 1, "steps": 8, "model": ["4", 0], "latent_image": ["5", 0]},
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "flow.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "theirs", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "their blur", "clip": ["4", 1]}},
    "10": {"class_type": "LoadImage", "inputs": {"image": "left.png"}},
    "11": {"class_type": "LoadImage", "inputs": {"image": "right.png"}},
    "12": {"class_type": "LoadImageMask", "inputs": {"image": "mask.png", "channel": "alpha"}},
}


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfyui, "FIRST_POLL", 0.005)
    monkeypatch.setattr(comfyui, "MAX_POLL", 0.01)


@pytest.fixture
def flow(tmp_path: Path) -> str:
    """The path of a workflow as a person exports it."""
    path = tmp_path / "flow.json"
    path.write_text(json.dumps(FLOW))
    return str(path)


class Comfy:
    """Plays ComfyUI: one job, that goes through `states`, the next at each look at the queue."""

    def __init__(
        self, *states: str, entry: Any = DONE, prompt: Reply | None = None, gives: str | None = None
    ) -> None:
        self.states = list(states) or ["running"]
        self.entry, self.prompt, self.gives = entry, prompt, gives
        self.job = ""
        self.uploads: list[str] = []
        self.ended = False

    def __call__(self, request: Request) -> Reply:
        kind = request.path.split("?")[0].split("/")[1]
        return getattr(self, f"{request.method.lower()}_{kind}")(request)

    def post_prompt(self, request: Request) -> Reply:
        self.job = self.gives or request.json["prompt_id"]
        return self.prompt or Reply(body={"prompt_id": self.job, "number": 4, "node_errors": {}})

    def get_history(self, request: Request) -> Reply:
        assert request.path == f"/history/{self.job}"
        return Reply(body={self.job: self.entry} if self.ended else {})

    def get_queue(self, request: Request) -> Reply:
        state = self.states[0]
        if self.states[1:]:
            self.states.pop(0)
        elif state == "running":
            self.ended = True
        others = [[7, "d"], [1, "a"], [3, "b"]]
        pending = [*others, [4, self.job, {"its": "workflow"}]] if state == "pending" else others
        running = [[4, self.job]] if state in ("running", "stays") else [[0, "another"]]
        return Reply(body={"queue_running": running, "queue_pending": pending})

    def post_queue(self, request: Request) -> Reply:
        return Reply(200)

    def post_interrupt(self, request: Request) -> Reply:
        return Reply(200)

    def post_upload(self, request: Request) -> Reply:
        name = re.search(rb'name="image"; filename="([^"]+)"', request.body)
        assert name
        self.uploads.append(name[1].decode())
        return Reply(body={"name": f"kept-{len(self.uploads)}.png", "subfolder": "", "type": "input"})

    def get_object_info(self, request: Request) -> Reply:
        names: Any = [NAMES, {"tooltip": "x"}]
        return Reply(body={"CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": names}}}})

    def get_view(self, request: Request) -> Reply:
        return Reply(200, PNG, {"content-type": "image/png"})


def asked(server: Loopback, method: str, word: str) -> list[Request]:
    return [sent for sent in server.requests if sent.method == method and sent.path.startswith(f"/{word}")]


def sent_flow(server: Loopback) -> dict[str, Any]:
    """The workflow that was sent, once."""
    (sent,) = asked(server, "POST", "prompt")
    return sent.json["prompt"]


def ask(server: Loopback | str, **more: Any) -> ImageRequest:
    url = server if isinstance(server, str) else server.url
    given: dict[str, Any] = {"prompt": "A red fox", "model": BUILT_IN, "size": Size(512, 768), "seed": 5}
    return ImageRequest(base_url=url, **(given | more))


def own(server: Loopback, flow: str, places: dict[str, Any], **more: Any) -> ImageRequest:
    return ask(server, settings={"workflow": flow, "places": places}, **({"model": WORKFLOW} | more))


def make(request: ImageRequest) -> ImageResult:
    return run(lambda: comfyui.generate(request))


def failure(request: ImageRequest) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        make(request)
    return raised.value


# The built-in workflow


def test_a_picture_of_words_alone() -> None:
    with Loopback(Comfy()) as server:
        result = make(ask(server, negative_prompt="fog"))
    flow = sent_flow(server)
    assert flow["prompt"]["inputs"]["text"] == "A red fox"
    assert flow["negative"]["inputs"]["text"] == "fog"
    assert flow["checkpoint"]["inputs"]["ckpt_name"] == "dream.safetensors"
    assert flow["latent"]["inputs"] == {"width": 512, "height": 768, "batch_size": 1}
    sampler = flow["sampler"]["inputs"]
    assert (sampler["seed"], sampler["denoise"], sampler["latent_image"]) == (5, 1.0, ["latent", 0])
    (sent,) = asked(server, "POST", "prompt")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", sent.json["prompt_id"])
    assert sent.json["client_id"]
    assert result.image == f"{server.url}/view?filename=ComfyUI_00001_.png&subfolder=a+b&type=output"
    assert (result.seed, result.model) == (5, "dream.safetensors")
    assert result.request_id == sent.json["prompt_id"]


def test_every_link_of_the_built_in_workflow_leads_to_a_node() -> None:
    images, mask = input_images(MODEL, 1), input_mask(Size(56, 40), left=True)
    for more in ({}, {"images": images}, {"images": images, "mask": mask}):
        with Loopback(Comfy()) as server:
            make(ask(server, **more))
        flow = sent_flow(server)
        inputs = [value for node in flow.values() for value in node["inputs"].values()]
        assert {link[0] for link in inputs if isinstance(link, list)} <= flow.keys()
        assert "" not in [value for value in inputs if value != flow["negative"]["inputs"]["text"]]


def test_a_picture_is_edited_where_the_mask_says() -> None:
    images, mask = input_images(MODEL, 1), input_mask(Size(56, 40), left=True)
    comfy = Comfy()
    with Loopback(comfy) as server:
        make(ask(server, images=images, mask=mask))
    uploads = asked(server, "POST", "upload/image")
    assert [image.data in sent.body for image, sent in zip((*images, mask), uploads, strict=True)] == [
        True
    ] * 2
    assert all(b'name="type"\r\n\r\ninput' in sent.body for sent in uploads)
    assert all(re.fullmatch(r"limner-[0-9a-f]{32}\.png", name) for name in comfy.uploads)
    assert len(set(comfy.uploads)) == 2
    flow = sent_flow(server)
    assert flow["image"]["inputs"]["image"] == "kept-1.png"
    assert flow["mask"]["inputs"]["image"] == "kept-2.png"
    assert flow["scaled"]["inputs"]["width"] == flow["scaled-mask"]["inputs"]["width"] == 512
    assert flow["area"]["inputs"]["channel"] == "red"  # which is white where the picture may change
    assert flow["sampler"]["inputs"]["latent_image"] == ["masked", 0]
    assert flow["sampler"]["inputs"]["denoise"] < 1


def test_a_checkpoint_is_taken_by_its_name_and_not_looked_up() -> None:
    with Loopback(Comfy()) as server:
        assert make(ask(server, model="turbo.safetensors")).model == "turbo.safetensors"
    assert sent_flow(server)["checkpoint"]["inputs"]["ckpt_name"] == "turbo.safetensors"
    assert not asked(server, "GET", "object_info")


def test_the_checkpoints_are_found_in_the_newer_form_of_their_list(monkeypatch: pytest.MonkeyPatch) -> None:
    listed: Any = ["COMBO", {"options": ["new.safetensors"]}]
    info = {"CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": listed}}}}
    monkeypatch.setattr(Comfy, "get_object_info", lambda *_: Reply(body=info))
    with Loopback(Comfy()) as server:
        assert make(ask(server)).model == "new.safetensors"
        listed[1]["options"].clear()
        error = failure(ask(server))
    assert (error.category, error.did_not_run) == ("invalid-request", True)
    assert error.why == "ComfyUI has no checkpoint: put one into its folder models/checkpoints."


@pytest.mark.anyio
async def test_the_host_fetches_the_picture_from_the_address_of_the_settings(tmp_path: Path) -> None:
    with Loopback(Comfy()) as server:
        settings = load_settings(
            provider="comfyui", data_dir=tmp_path, providers={"comfyui": {"base_url": server.url}}
        )
        studio = open_studio(settings)
        conversation = await studio.conversation("0" * 32)
        version = await conversation.settled(await studio.start(conversation, UserRequest(prompt="a fox")))
        assert version.picture, version.failure
        assert await studio.store.read(version.picture.name) == PNG
        await studio.close()
    assert len(asked(server, "POST", "prompt")) == 1


# A workflow of one's own


PLACES: dict[str, Any] = {"prompt": ["6.text"], "seed": "3.seed", "width": "5.width", "height": "5.height"}


def test_a_workflow_is_filled_at_its_places_and_nowhere_else(flow: str) -> None:
    places = PLACES | {"negative_prompt": "7.text", "checkpoint": "4.ckpt_name"}
    with Loopback(Comfy()) as server:
        make(own(server, flow, places, negative_prompt="fog", model="turbo.safetensors"))
    assert sent_flow(server)["7"]["inputs"]["text"] == "fog"
    assert sent_flow(server)["4"]["inputs"]["ckpt_name"] == "turbo.safetensors"
    with Loopback(Comfy()) as server:
        assert make(own(server, flow, places)).model is None
    sent = sent_flow(server)
    assert sent["6"]["inputs"] == {"text": "A red fox", "clip": ["4", 1]}
    assert sent["5"]["inputs"] == {"width": 512, "height": 768, "batch_size": 1}
    assert sent["3"]["inputs"]["seed"] == 5
    assert {node: sent[node] for node in ("4", "7", "10")} == {node: FLOW[node] for node in ("4", "7", "10")}


def test_pictures_and_mask_go_to_their_nodes_in_order(flow: str) -> None:
    places = {"prompt": "6.text", "images": ["11.image", "10.image"], "mask": "12.image"}
    images, mask = input_images(MODEL, 2), input_mask(Size(56, 40), left=True)
    with Loopback(Comfy()) as server:
        make(own(server, flow, places, images=images, mask=mask, seed=None, size=None))
    sent = sent_flow(server)
    assert [sent[node]["inputs"]["image"] for node in ("11", "10", "12")] == [
        *("kept-1.png", "kept-2.png", "kept-3.png")
    ]
    with Loopback(Comfy()) as server:
        error = failure(own(server, flow, places, images=images, seed=None, size=None))
    assert error.why == "This workflow needs a mask: mark where the picture may change."
    assert not server.requests


def test_a_workflow_offers_what_it_has_places_for(flow: str, tmp_path: Path) -> None:
    def model_of(**places: Any) -> Any:
        one = {"uses": "comfyui", "base_url": "http://127.0.0.1:1", "workflow": flow, "places": places}
        studio = open_studio(load_settings(data_dir=tmp_path, providers={"mine": one}))
        provider = studio.registry.get("mine")
        assert provider
        return provider.info

    plain = model_of(prompt="6.text")
    (model,) = plain.models
    assert (model.id, model.seed, model.negative_prompt, model.images) == (WORKFLOW, False, False, None)
    assert (model.default_size, plain.other_models) == (None, None)
    rich = model_of(**PLACES, images=["10.image", "11.image"], checkpoint="4.ckpt_name")
    (model,) = rich.models
    assert model.seed
    assert model.default_size == Size(1024, 1024)
    assert model.images
    assert (model.images.least, model.images.most, model.images.mask) == (2, 2, False)
    assert rich.other_models
    assert rich.other_models.images == model.images


def test_the_readmes_workflow_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = [block for block in blocks("README.md", "toml") if 'uses = "comfyui"' in block]
    both = {"8": FLOW["6"]}
    (tmp_path / "portraits.json").write_text(json.dumps(FLOW | both))
    (tmp_path / "limner.toml").write_text(example)
    monkeypatch.chdir(tmp_path)
    provider = open_studio(load_settings(data_dir=tmp_path / "data")).registry.get("portraits")
    assert provider
    assert provider.info.models[0].images
    assert provider.info.models[0].images.mask


def test_a_checkpoint_without_a_place_is_refused(flow: str) -> None:
    with Loopback(Comfy()) as server:
        error = failure(own(server, flow, PLACES, model="turbo.safetensors"))
    assert (error.category, error.did_not_run) == ("invalid-request", True)
    assert not server.requests


def test_a_file_is_read_once(flow: str) -> None:
    before = Settings.model_validate({"workflow": flow, "places": PLACES})
    Path(flow).unlink()
    assert Settings.model_validate({"workflow": flow, "places": PLACES}) == before


FORM = "workflow is wrong: it should be the path of a workflow in API form"
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"workflow": 3}, f"{FORM}."),
    ({"workflow": "nowhere.json"}, f"{FORM}, and there is no file nowhere.json."),
    ({"workflow": "."}, f"{FORM}, and . cannot be read (Is a directory)."),
    ({"workflow": "half.json"}, f"{FORM}, and half.json is not JSON."),
    ({"workflow": "list.json"}, f"{FORM}, and list.json holds something else."),
    (
        {"workflow": "editor.json"},
        f"{FORM}, and editor.json is in the form of the editor: export it with Workflow > Export (API).",
    ),
    ({"workflow": "flow.json"}, "places is wrong: it should be a table that names at least the place of the"),
    ({"places": {"prompt": "6.text"}}, "places is wrong: it should be left out, or workflow set, which it"),
    ({"workflow": "flow.json", "places": {}}, "places.prompt is not set, and has no default"),
    ({"workflow": "flow.json", "places": {"prompt": "6.text", "sed": "3.seed"}}, "has no setting places.sed"),
    *(
        ({"workflow": "flow.json", "places": {"prompt": "6.text", **places}}, f"places is wrong: {words}")
        for places, words in [
            (
                {"seed": "3"},
                "it should be made of nodes and inputs, such as seed = \"6.text\", and seed is '3'.",
            ),
            ({"seed": "8.seed"}, "it should be inputs of the workflow, and it has no node '8' for seed."),
            (
                {"seed": "3.sed"},
                "it should be inputs of the workflow, and its node '3' has no 'sed' for seed; it has seed,",
            ),
            (
                {"seed": "3.model"},
                "it should be inputs with a value of their own, and 3.model for seed comes",
            ),
            ({"width": "5.width"}, "it should be with width and height together"),
            (
                {"mask": "12.image"},
                "it should be with width and height together, and mask only beside images.",
            ),
        ]
    ),
]


@pytest.mark.parametrize(("own", "words"), WRONG)
def test_a_wrong_workflow_or_place_stops_the_start_with_a_sentence(
    own: dict[str, Any], words: str, flow: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {"half": '{"3": {', "list": "[1]", "editor": '{"nodes": [], "links": []}'}.items():
        (tmp_path / f"{name}.json").write_text(text)
    with pytest.raises(SettingsError) as error:
        open_studio(load_settings(data_dir=tmp_path, providers={"comfyui": own}))
    assert words in str(error.value)


# The queue


def test_the_place_in_the_queue_is_said() -> None:
    reports: list[str] = []
    with Loopback(Comfy("pending", "pending", "running")) as server:
        make(ask(server, on_progress=reports.append))
    assert reports[-2:] == ["waiting in ComfyUI's queue, 3rd", "drawing"] or reports[-3:] == [
        *("waiting in ComfyUI's queue, 3rd", "waiting in ComfyUI's queue, 3rd", "drawing")
    ]


def test_the_id_that_an_older_comfyui_gives_is_the_one_that_counts() -> None:
    with Loopback(Comfy(gives="4711-of-its-own")) as server:
        assert make(ask(server)).request_id == "4711-of-its-own"


def test_a_job_that_is_gone_from_comfyui_is_not_waited_for() -> None:
    with Loopback(Comfy("running", "gone")) as server:
        error = failure(ask(server))
    assert error.category == "provider"
    assert error.why
    assert error.why.startswith("The job is not in ComfyUI any more")
    assert len(asked(server, "POST", "prompt")) == 1


def test_looks_may_fail_but_only_a_few_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    comfy, looks = Comfy(), [Reply(502)] * 3 + [Reply(200, "x" * 9, cut_after=0)]
    show = comfy.get_history
    monkeypatch.setattr(comfy, "get_history", lambda request: looks.pop() if looks else show(request))
    with Loopback(comfy) as server:
        make(ask(server))
    assert len(asked(server, "POST", "prompt")) == 1
    monkeypatch.setattr(comfy, "get_history", lambda _: Reply(502))
    with Loopback(comfy) as server:
        error = failure(ask(server))
    assert (error.category, error.did_not_run) == ("unavailable", False)
    assert len(asked(server, "GET", "history")) == comfyui.MAX_MISSES + 1
    assert len(asked(server, "POST", "prompt")) == 1


def test_a_refused_look_does_not_say_that_the_job_did_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    comfy = Comfy()
    monkeypatch.setattr(comfy, "get_history", lambda _: Reply(401))
    with Loopback(comfy) as server:
        error = failure(ask(server))
    assert (error.category, error.did_not_run) == ("auth", False)


async def stop(server: Loopback, method: str, word: str) -> None:
    making = asyncio.ensure_future(comfyui.generate(ask(server)))
    await until(lambda: asked(server, method, word))
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making


def test_stop_takes_a_waiting_job_out_of_the_queue_and_interrupts_nobody() -> None:
    comfy = Comfy("pending")
    with Loopback(comfy) as server:
        run(lambda: stop(server, "GET", "queue"))
    (deleted,) = asked(server, "POST", "queue")
    assert deleted.json == {"delete": [comfy.job]}
    assert not asked(server, "POST", "interrupt")


def test_stop_interrupts_the_job_that_runs() -> None:
    comfy = Comfy("stays")
    with Loopback(comfy) as server:
        run(lambda: stop(server, "GET", "queue"))
    (interrupted,) = asked(server, "POST", "interrupt")
    assert interrupted.json == {"prompt_id": comfy.job}


def test_a_job_that_is_stopped_while_it_is_sent_is_ended_too() -> None:
    comfy = Comfy("stays", gives="of-its-own")
    comfy.prompt = Reply(body={"prompt_id": "of-its-own"}, delay=0.1)
    with Loopback(comfy) as server:
        run(lambda: stop(server, "POST", "prompt"))
    (interrupted,) = asked(server, "POST", "interrupt")
    assert interrupted.json == {"prompt_id": "of-its-own"}


def test_a_job_whose_answer_is_lost_is_ended_under_its_own_id_and_not_sent_again() -> None:
    comfy = Comfy("stays", prompt=Reply(200, "x" * 9, cut_after=0))
    with Loopback(comfy) as server:
        error = failure(ask(server))
    assert (error.category, error.did_not_run) == ("unavailable", False)
    assert len(asked(server, "POST", "prompt")) == 1
    (interrupted,) = asked(server, "POST", "interrupt")
    assert interrupted.json == {"prompt_id": comfy.job}


# What goes wrong


def test_a_server_that_is_not_running_is_named() -> None:
    with Loopback(Comfy()) as server:
        address = server.url
    for model in (BUILT_IN, "dream.safetensors"):
        error = failure(ask(address, model=model))
        assert (error.category, error.did_not_run, error.status) == ("unavailable", True, None)
        assert error.why
        assert error.why.startswith("ComfyUI does not answer at its address: start it")


def refusal(node: str, kind: str, **error: Any) -> Reply:
    told = {"errors": [error], "dependent_outputs": ["9"], "class_type": kind}
    message = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"}
    return Reply(400, {"error": message, "node_errors": {node: told}})


MISSING = {"type": "missing_node_type", "message": "Node 'Upscale' not found.", "details": "Node ID '#5'"}
REFUSED: list[tuple[Reply, int, str]] = [
    (
        refusal(
            *("4", "CheckpointLoaderSimple"),
            type="value_not_in_list",
            message="Value not in list",
            details="ckpt_name: 'x' not in []",
            extra_info={"input_name": "ckpt_name", "received_value": "x"},
        ),
        404,
        "CheckpointLoaderSimple (node 4), input ckpt_name: Value not in list (ckpt_name: 'x' not in [])",
    ),
    (
        refusal("3", "KSampler", type="value_bigger_than_max", message="Value too big", details="steps"),
        400,
        "KSampler (node 3): Value too big (steps)",
    ),
    *(
        (
            Reply(400, {"error": MISSING, "node_errors": garbage}),
            400,
            "Node 'Upscale' not found. Node ID '#5'",
        )
        for garbage in ([], {"4": 1}, {"4": {"errors": 5}}, {"4": {"errors": [None]}})
    ),
]


@pytest.mark.parametrize(("reply", "status", "words"), REFUSED)
def test_a_workflow_that_is_not_taken_says_which_node_is_wrong(reply: Reply, status: int, words: str) -> None:
    with Loopback(Comfy(prompt=reply)) as server:
        error = failure(ask(server, model="x"))
    assert (error.category, error.status, error.did_not_run) == ("invalid-request", status, True)
    assert error.service_message == words
    assert [sent.path for sent in server.requests] == ["/prompt"]


def ended(event: str, **told: Any) -> dict[str, Any]:
    messages = [["execution_start", {"prompt_id": "x"}], [event, told]]
    return {"outputs": {}, "status": {"status_str": "error", "completed": False, "messages": messages}}


OOM = "torch.OutOfMemoryError"
ENDED: list[tuple[Any, str | None, str | None, bool]] = [
    (
        ended(
            "execution_error", node_type="KSampler", exception_message="bad shape\n", traceback=["/home/x"]
        ),
        *("KSampler: bad shape", None, False),
    ),
    (
        ended("execution_error", node_type="KSampler", exception_type=OOM, exception_message="no room"),
        *("KSampler: no room", "Its graphics card ran out of memory: choose a smaller size", False),
    ),
    (
        ended("execution_error", node_type="VAEDecode", exception_message="Allocation on device 0 failed"),
        *("VAEDecode: Allocation on device 0 failed", "Its graphics card ran out of memory", False),
    ),
    (ended("execution_interrupted", node_id="3"), None, "It was stopped in ComfyUI.", True),
    (
        {"outputs": {"9": {"text": ["a"]}}},
        None,
        "The workflow ended without a picture: it needs a node",
        False,
    ),
]


@pytest.mark.parametrize(("entry", "words", "why", "cancelled"), ENDED)
def test_a_job_that_ends_badly_says_so_in_its_words(
    entry: Any, words: str | None, why: str | None, cancelled: bool
) -> None:
    with Loopback(Comfy(entry=entry)) as server:
        error = failure(ask(server))
    assert (error.category, error.did_not_run) == ("provider", False)
    assert (error.service_message, error.was_cancelled) == (words, cancelled)
    assert (error.why or "").startswith(why or "")
    assert bool(error.why) == bool(why)
    assert len(asked(server, "POST", "prompt")) == 1


def test_of_several_pictures_the_first_that_is_kept_there_is_taken() -> None:
    temporary = {"filename": "preview.png", "subfolder": "", "type": "temp"}
    outputs = {"8": {"images": [temporary]}, "9": {"images": [IMAGE, {"filename": ""}, "x"]}, "10": []}
    with Loopback(Comfy(entry={"outputs": outputs})) as server:
        result = make(ask(server))
    assert "filename=ComfyUI_00001_.png" in str(result.image)
    assert [warning.details for warning in result.warnings] == ["The first of 2 pictures was kept."]


@pytest.mark.parametrize("body", ["[]", "null", "<html>", '{"prompt_id": "../x"}', '{"prompt_id": 3}'])
def test_an_answer_without_a_job_is_none(body: str) -> None:
    with Loopback(Comfy(prompt=Reply(200, body))) as server:
        assert failure(ask(server)).category == "bad-response"
    assert len(asked(server, "POST", "prompt")) == 1
    assert not asked(server, "GET", "history")
