"""Swapping providers by configuration is true: what comes out has one form, whoever makes the picture.

The real SDKs ask one server on this machine, which answers as each service does.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import huggingface_hub
import pytest
from huggingface_hub.utils import _detect_agent
from PIL import Image

from core import open_studio
from core.chat.message import Message
from core.chat.request import UserRequest
from core.settings.schema import load_settings
from core.storage.store import Store
from core.studio import Studio
from limner.testing.loopback import Loopback, Reply, Request
from providers import openai
from tests.core.threads import thread_messages
from tests.plugins.installing import site_of
from tests.test_documents import blocks
from ui.page.views import message_html

PROMPT = "A red fox"
THREAD = "0" * 32
KEYS = {
    "openai": "not-quite/openai+key-4711",
    "gemini": "not-quite/gemini+key-4715",
    "replicate": "not-quite/replicate+key-4712",
    "fal": "not-quite/fal+key-4716",
    "huggingface": "hf_not/quite+key-4713",
    "studio-flux": "not-quite/flux+key-4714",
}
VARIABLES = {
    "openai": "OPENAI_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "replicate": "REPLICATE_API_TOKEN",
    "fal": "FAL_KEY",
    "huggingface": "HF_TOKEN",
    "studio-flux": "STUDIO_KEY",
}
NAMES = ["sketch", *KEYS]
TOML = """
provider = "sketch"
fetch_from = ["{url}"]

[providers.sketch]
[providers.openai]
base_url = "{url}/openai/v1"
models = ["gpt-image-2"]

[providers.gemini]
base_url = "{url}/gemini"

[providers.replicate]
base_url = "{url}/replicate"

[providers.fal]
base_url = "{url}/fal"

[providers.huggingface]
models = ["Qwen/Qwen-Image"]

[providers.studio-flux]
uses = "openai"
label = "Flux at the studio"
base_url = "{url}/studio-flux/v1"
api_key_env = "STUDIO_KEY"
models = ["flux.1-schnell"]
"""


def png(size: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", (size, size), "teal").save(file, "PNG")
    return file.getvalue()


class Services:
    """Plays every service, each under a path of its own; their pictures come from there, too."""

    def __init__(self, size: int = 1024) -> None:
        self.png = png(size)

    def __call__(self, request: Request) -> Reply:
        if request.path.startswith("/files/"):
            return Reply(body=self.png)
        picture = f"http://{request.headers['host']}/files/1.png"
        service = request.path.split("/")[1]
        if service == "replicate":
            return Reply(201, prediction("succeeded", picture))
        if service == "fal":
            return fal_job(request, picture)
        if service == "huggingface" and request.method == "GET":  # the Hub is asked who makes pictures
            offer = {
                "provider": "fal-ai",
                "providerId": "fal-ai/qwen",
                "status": "live",
                "task": "text-to-image",
            }
            return Reply(body={"id": "Qwen/Qwen-Image", "inferenceProviderMapping": [offer]})
        if service == "huggingface":
            return Reply(body={"images": [{"url": picture}], "seed": 7, "has_nsfw_concepts": [False]})
        data = base64.b64encode(self.png).decode()
        if service == "gemini":
            parts = [{"inlineData": {"mimeType": "image/png", "data": data}}]
            return Reply(body={"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]})
        return Reply(body={"created": 1, "data": [{"b64_json": data}]})


def fal_job(request: Request, picture: str) -> Reply:
    """A job in fal's queue, which is over when it is first looked at."""
    if request.method == "POST":
        return Reply(body={"request_id": "80e732af", "status": "IN_QUEUE", "queue_position": 0})
    if "/status" in request.path:
        return Reply(body={"status": "COMPLETED", "metrics": {"inference_time": 0.5}})
    return Reply(body={"images": [{"url": picture}], "seed": 7, "has_nsfw_concepts": [False]})


def prediction(status: str, output: str | None = None, error: str | None = None) -> dict[str, Any]:
    """A prediction as Replicate sends it."""
    return {
        "id": "rrr4z55ocneqzikepnug6xezpe",
        "model": "black-forest-labs/flux-schnell",
        "version": "hidden",
        "input": {"prompt": PROMPT},
        "logs": "Using seed: 7",
        "output": output,
        "error": error,
        "status": status,
        "metrics": {"predict_time": 0.5},
        "urls": {"web": "https://replicate.com/p/rrr4z55ocneqzikepnug6xezpe"},
    }


@dataclass(frozen=True)
class World:
    """A server for all services, and the folder with the one limner.toml."""

    server: Loopback
    folder: Path

    @property
    def asked(self) -> list[Request]:
        """The requests for a picture, each of which costs money."""
        return [request for request in self.server.requests if request.method == "POST"]

    def write(self, toml: str = TOML) -> None:
        (self.folder / "limner.toml").write_text(toml.replace("{url}", self.server.url), "utf-8")


@pytest.fixture
def enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Starts the services, points the SDKs there, and goes to a folder with a limner.toml."""
    servers: list[Loopback] = []

    def enter(server: Loopback) -> World:
        servers.append(server.__enter__())
        world = World(server, tmp_path)
        for name, key in KEYS.items():
            monkeypatch.setenv(VARIABLES[name], key)
        hub = f"{world.server.url}/huggingface"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub)
        monkeypatch.setattr(huggingface_hub.constants, "INFERENCE_PROXY_TEMPLATE", f"{hub}/{{provider}}")
        monkeypatch.setattr(_detect_agent, "_registry", {})  # which the SDK would ask of the real Hub
        monkeypatch.chdir(tmp_path)
        world.write()
        return world

    yield enter
    for server in servers:
        server.__exit__()


@pytest.fixture
def world(enter: Callable[..., World]) -> World:
    return enter(Loopback(Services()))


async def ask(studio: Studio, **asked: Any) -> Message:
    conversation = await studio.conversation(THREAD)
    message = await studio.start(conversation, UserRequest(prompt=PROMPT, **asked))
    await asyncio.wait_for(conversation.settled(message), 20)
    return message


def draw(*names: str, **settings: Any) -> dict[str, Message]:
    """Has the studio of the settings draw with each provider; with the default one where none is named."""

    async def work() -> dict[str, Message]:
        studio = open_studio(load_settings(**settings))
        try:
            return {name: await ask(studio, provider=name or None) for name in names or ("",)}
        finally:
            await studio.close()

    return asyncio.run(work())


# One form


@dataclass
class Outcome:
    """One answered prompt as it is stored, as others read it, and as the page shows it."""

    stored: dict[str, Any]
    parts: list[dict[str, Any]]
    html: tuple[str, str]
    picture: bytes


def stored_json(message: Message) -> dict[str, Any]:
    return {
        **vars(message),
        "stored": None,
        "request": message.request.model_dump(mode="json"),
        "versions": [version.model_dump(mode="json") for version in message.versions],
    }


@pytest.fixture
def outcomes(world: World) -> dict[str, Outcome]:
    """Asks every provider for the same, and reads from the disk what has become of it."""

    async def read() -> dict[str, Outcome]:
        settings = load_settings()
        store = Store(settings.data_dir)
        outcomes: dict[str, Outcome] = {}
        for message in await store.load(THREAD):
            (version,) = message.versions
            assert version.picture, version
            outcomes[version.provenance.provider] = Outcome(
                json.loads(json.dumps(stored_json(message))),
                await thread_messages(message, store, settings),
                message_html(message),
                await store.read(version.picture.name) or b"",
            )
        await store.close()
        return outcomes

    draw(*NAMES)
    outcomes = asyncio.run(read())
    assert list(outcomes) == NAMES
    assert [request.path.split("/")[1] for request in world.asked] == NAMES[1:]
    return outcomes


FREE = ("options", "usage", "metadata")
"""What every model or service has words of its own for: any plain object."""


def types(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Returns where each value stands, and its type; the objects in FREE count as one value."""
    yield at, "number" if type(value) in (int, float) else type(value).__name__
    if isinstance(value, dict) and at.rpartition(".")[2] not in FREE:
        for name, inner in value.items():
            yield from types(inner, f"{at}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from types(inner, f"{at}[]")


def agree(values: dict[str, Any], optional: tuple[str, ...] = ()) -> None:
    """Asserts that all have the same places, but for optional ones, and one type at each that is not null."""
    forms = {name: dict(types(value)) for name, value in values.items()}
    places = {
        name: {place for place in form if place.rpartition(".")[2] not in optional}
        for name, form in forms.items()
    }
    for name in NAMES:
        assert places[name] == places["sketch"], name
    for place in set[str]().union(*forms.values()):
        found = {form[place] for form in forms.values() if form.get(place, "NoneType") != "NoneType"}
        assert len(found) <= 1, (place, found)


class Skeleton(HTMLParser):
    """Keeps the tags with their classes and the names of their attributes, and nothing of what they say."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.bones: list[tuple[str, str | None, list[str]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.bones.append((tag, dict(attrs).get("class"), sorted(name for name, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.bones.append((f"/{tag}", None, []))


def test_what_every_provider_makes_has_one_form(outcomes: dict[str, Outcome]) -> None:
    agree({name: outcome.stored for name, outcome in outcomes.items()})
    optional = (*FREE, "seed", "request_id", "paid")
    agree({name: outcome.parts for name, outcome in outcomes.items()}, optional)
    skeletons = {name: [Skeleton(html).bones for html in o.html] for name, o in outcomes.items()}
    for name, outcome in outcomes.items():
        assert skeletons[name] == skeletons["sketch"], name
        (version,) = outcome.stored["versions"]
        assert (version["status"], version["reason"], version["failure"]) == ("complete", None, None)
        assert version["provenance"]["prompt"] == PROMPT
        assert version["provenance"]["warnings"] == []
        size = version["picture"]["width"], version["picture"]["height"], version["picture"]["media_type"]
        assert size == (1024, 1024, "image/png")
        assert Image.open(BytesIO(outcome.picture)).size == (1024, 1024)
        asked, answer = outcome.parts
        (part,) = answer["content"]
        assert asked["content"] == [{"type": "text", "text": PROMPT}]
        assert part["type"] == "image"
        assert part["filename"] == "a-red-fox.png"
        assert base64.b64decode(part["image"].removeprefix("data:image/png;base64,")) == outcome.picture
        assert answer["status"] == {"type": "complete", "reason": "stop"}
    assert any(tag == "img" for tag, _, _ in skeletons["sketch"][1])


def test_every_key_goes_to_its_own_service_and_nowhere_else(world: World) -> None:
    draw(*NAMES)
    for request in world.server.requests:
        service = request.path.split("/")[1]
        seen = {name for name, key in KEYS.items() if key in str(request)}
        assert seen == ({service} - {"files"}), request


# One line


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["line", "variable"])
def test_one_line_or_one_variable_swaps_the_provider(
    name: str, how: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "line":
        world.write(TOML.replace('provider = "sketch"', f'provider = "{name}"', 1))
    else:
        monkeypatch.setenv("LIMNER_PROVIDER", name)
    (version,) = draw()[""].versions
    assert version.picture
    assert (version.status, version.provenance.provider) == ("complete", name)
    assert [request.path.split("/")[1] for request in world.asked] == [name][name == "sketch" :]


def opened(toml: str, world: World) -> list[Any]:
    world.write(toml)

    async def work() -> list[Any]:
        studio = open_studio(load_settings())
        await studio.close()
        assert studio.registry.broken == []
        return list(studio.registry)

    return asyncio.run(work())


def test_the_file_says_which_providers_there_are_in_which_order_and_what_they_are_called(
    world: World,
) -> None:
    toml = """
    provider = "ours"
    [providers.replicate]
    models = ["recraft-ai/recraft-v3", "someone/else"]
    [providers.ours]
    uses = "openai"
    label = "Our own"
    models = ["flux", "gpt-image-2"]
    [providers.sketch]
    label = "By hand"
    [providers.openai]
    enabled = false
    """
    first, second, third, *rest = opened(toml, world)
    assert [first.name, second.name, third.name] == ["replicate", "ours", "sketch"]
    assert [first.label, second.label, third.label] == ["Replicate", "Our own", "By hand"]
    assert [model.id for model in first.info.models] == ["recraft-ai/recraft-v3", "someone/else"]
    assert [model.id for model in second.info.models] == ["flux", "gpt-image-2"]
    assert "openai" not in [provider.name for provider in rest]
    first, second, *_ = opened("[providers.sketch]\n[providers.replicate]\nenabled = true", world)
    assert [first.name, second.name] == ["sketch", "replicate"]


echo = site_of("limner-async-echo", autouse=False)


@pytest.mark.usefixtures("echo")
def test_a_plugin_of_others_stands_there_twice_under_other_names(world: World) -> None:
    world.write("""
    provider = "loud"
    [providers.loud]
    uses = "async-echo"
    label = "Loud"
    models = ["echo-9"]
    [providers.quiet]
    uses = "async-echo"
    label = "Quiet"
    [providers.async-echo]
    enabled = false
    """)
    drawn = draw("", "loud", "quiet")
    settled = [message.versions[-1] for message in drawn.values()]
    assert [version.status for version in settled] == ["complete"] * 3
    assert [version.provenance.provider for version in settled] == ["loud", "loud", "quiet"]
    assert [version.provenance.provider_label for version in settled] == ["Loud", "Loud", "Quiet"]
    assert "Quiet" in message_html(drawn["quiet"])[1]
    names = [provider.name for provider in opened((world.folder / "limner.toml").read_text(), world)]
    assert names[:2] == ["loud", "quiet"]
    assert "async-echo" not in names


# The compatible servers of the README


COMPATIBLE = [
    toml for toml in blocks("README.md", "toml") if "base_url" in toml and 'uses = "openai"' in toml
]


@pytest.mark.parametrize("toml", COMPATIBLE)
def test_the_servers_of_the_readme_are_asked_in_their_own_words(
    toml: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write(toml)
    settings = load_settings()
    (name,) = settings.providers
    own = settings.providers[name]
    dialect = openai.Settings.model_validate(own.extra)
    assert own.api_key_env  # else the server would get the key for OpenAI
    monkeypatch.setenv(own.api_key_env[0], "its-key-4715")
    here = own.model_copy(update={"base_url": f"{world.server.url}/v1"})
    (message,) = draw(name, providers={name: here.model_dump(exclude_none=True)}).values()
    assert message.versions[0].picture
    (request,) = world.asked
    assert request.path == f"/v1{dialect.generations_path}"
    assert request.headers["authorization"] == "Bearer its-key-4715"
    body = request.json
    if name == "studio":
        assert isinstance(body["sampling"].pop("seed"), int)
        usual = {"prompt": body["prompt"], "model": "fox-2"}
        assert body == {**usual, "aspect_ratio": "1:1", "sampling": {"steps": 20}}
    else:
        assert own.models
        assert (body["model"], body["size"]) == (own.models[0], "1024x1024")


# Secrets


def echoing(request: Request) -> Reply:
    """Refuses with an error that repeats the key, plainly and as it stands in a URL."""
    service = request.path.split("/")[1]
    if request.method == "GET":
        return Services()(request)
    key = KEYS[service]
    words = f"What you sent, {key}, as in https://user:{key}@host/?{quote(key, safe='')} is wrong."
    if service == "replicate":
        return Reply(401, {"title": words, "detail": words, "status": 401})
    return Reply(401, {"error": words if service == "huggingface" else {"message": words, "code": None}})


@pytest.mark.parametrize("name", KEYS)
def test_a_key_that_a_server_repeats_is_nowhere(
    name: str, enter: Callable[..., World], caplog: pytest.LogCaptureFixture
) -> None:
    world = enter(Loopback(echoing))
    caplog.set_level(logging.DEBUG)

    async def work() -> tuple[Message, list[dict[str, Any]], bytes]:
        studio = open_studio(load_settings())
        try:
            message = await ask(studio, provider=name)
            parts = await thread_messages(message, studio.store, studio.settings)
            written = [file.read_bytes() for file in studio.settings.data_dir.rglob("*") if file.is_file()]
            return message, parts, b"".join(written)
        finally:
            await studio.close()

    message, parts, disk = asyncio.run(work())
    (version,) = message.versions
    assert version.failure
    assert "is wrong" in (version.failure.service_message or "")
    assert "is wrong" in message_html(message)[1]
    assert b"is wrong" in disk
    assert KEYS[name] in str(world.asked)
    after = b"".join(file.read_bytes() for file in (world.folder / "data").rglob("*") if file.is_file())
    assert b"is wrong" in after
    left = [json.dumps(stored_json(message)), json.dumps(parts), *message_html(message), caplog.text]
    for place in (*left, disk.decode("latin-1"), after.decode("latin-1"), repr(version)):
        for form in (KEYS[name], quote(KEYS[name], safe=""), KEYS[name][-16:]):
            assert form not in place
