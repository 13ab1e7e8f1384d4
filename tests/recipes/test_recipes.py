"""Every recipe through the whole host, against a server that answers as its service does."""

from __future__ import annotations

import math
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import starmap
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from core import open_studio
from core.chat.causes import Cause
from core.chat.message import Version
from core.chat.request import UserRequest
from core.settings.schema import load_settings
from core.settings.sources import SECRET_NAME
from core.studio import Studio
from limner import ModelInfo, Size, SizeRange
from limner.options import listed_values, option_schemas
from limner.testing import Loopback, Reply, Request
from limner.testing.pictures import input_image, input_mask
from tests.recipes.hosted_services import HOSTED
from tests.recipes.local_servers import LOCAL
from tests.recipes.service import Asked, Service
from tests.serving import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

pytestmark = pytest.mark.anyio

SERVICES: dict[str, type[Service]] = {service.recipe: service for service in (*HOSTED, *LOCAL)}
FILES = {file.stem: file.read_text("utf-8") for file in sorted((ROOT / "recipes").glob("*.toml"))}
TABLES: dict[str, dict[str, Any]] = {name: tomllib.loads(text) for name, text in FILES.items()}
PROMPT = 'A red fox, {uri} {prompt} {ratio} "quoted"\nunder a tree'
"""With what a template may hold: it is the person's own text, and goes to the service as it is."""
WHAT: dict[Cause, str] = {
    "content-filter": "Image could not be generated.",
    "quota": "There is no credit left at {label}.",
    "auth": "{label} rejected the API key.",
    "rate-limit": "{label} accepts no more requests right now.",
    "invalid-request": "{label} did not accept this request.",
    "unavailable": "{label} answered with an error.",
    "bad-response": "{label} sent an answer that Limner does not understand.",
    "provider": "{label} could not make this picture.",
}
NO_MODEL = "{label} does not know this model."


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


class House(NamedTuple):
    """The host with a recipe in its settings, and the service that answers it."""

    studio: Studio
    name: str
    service: Service
    server: Loopback

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        provider = self.studio.registry.get(self.name)
        assert provider is not None
        return provider.info.models

    @property
    def label(self) -> str:
        provider = self.studio.registry.get(self.name)
        assert provider is not None
        return provider.label

    def options_of(self, model: ModelInfo) -> dict[str, dict[str, Any]]:
        provider = self.studio.registry.get(self.name)
        assert provider is not None
        return option_schemas(provider.info.options_of(model))

    def least(self, model: str) -> int:
        """Returns the pictures without which a model makes none."""
        inputs = next(one.images for one in self.models if one.id == model)
        return inputs.least if inputs else 0

    async def ask(self, number: int = 0, **request: Any) -> Version:
        """Returns the picture, or the failure, of a request with that many pictures, and maybe a mask."""
        images, mask = request.pop("images", 0), request.pop("mask", False)
        conversation = await self.studio.conversation(f"{number:032x}")
        sent = [await self.studio.add_picture(conversation, one.data) for one in _pictures(images)]
        hole = (
            await self.studio.add_picture(conversation, input_mask(_pictures(1)[0].size).data)
            if mask
            else None
        )
        message = await self.studio.start(
            conversation,
            UserRequest(**{"prompt": PROMPT, "provider": self.name, **request}),
            images=[picture.name for picture in sent],
            mask=hole and hole.name,
        )
        return await conversation.settled(message)

    async def made(self, **request: Any) -> Asked:
        """Returns what the service understood of a request that must succeed, without a warning."""
        before = len(self.server.requests)
        request.setdefault("images", self.least(request["model"]))
        version = await self.ask(**request)
        failure = version.failure and (version.failure.sentence, version.failure.service_message)
        assert version.status == "complete", (request, failure, self.service.refused)
        # the service answers with one small picture, whatever was asked
        said = [one.details for one in version.provenance.warnings]
        assert not [words for words in said if not words.startswith(("64 × 64 instead", "PNG instead"))]
        posts = [one for one in self.server.requests[before:] if one.method == "POST"]
        assert len(posts) == 1
        asked = self.service.asked[-1]
        assert (asked.prompt, asked.seed) == (PROMPT, version.provenance.seed)
        return asked


def _pictures(count: int) -> list[Any]:
    return [input_image(number) for number in range(count)]


@asynccontextmanager
async def house(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """Opens the host with a recipe's file as its settings, at whose address the service answers."""
    service = SERVICES[name]()
    with Loopback(service.answer) as server:
        studio = open_with(name, server.url, folder, monkeypatch)
        try:
            yield House(studio, name, service, server)
        finally:
            await studio.close()


def open_with(name: str, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    table: dict[str, Any] = TABLES[name]["providers"][name]
    base_url = table["base_url"]
    file = folder / "limner.toml"
    settings = f'provider = "{name}"\nrate_limit = "none"\nmax_retries = 2\n\n'
    file.write_text(settings + FILES[name].replace(base_url, url + urlsplit(base_url).path), "utf-8")
    monkeypatch.setenv("LIMNER_CONFIG", str(file))
    if variable := table.get("api_key_env"):
        monkeypatch.setenv(variable, SERVICES[name].key)

    async def at_once(failure: object, seconds: float, report: object) -> None:
        """Does not wait: how long is asked for is tested elsewhere."""

    monkeypatch.setattr("core.generation.call._wait_visibly", at_once)
    return open_studio(load_settings(data_dir=folder / "data"))


def values_of(schema: Mapping[str, Any]) -> list[Any]:
    """Returns values of an option: each one that is listed, or the bounds of a number."""
    if listed := listed_values(dict(schema)):
        return listed
    if schema["type"] == "boolean":
        return [True, False]
    if schema["type"] in ("integer", "number"):
        return [schema[bound] for bound in ("minimum", "maximum")]
    return ["in the style of a woodcut"]


def sizes_of(name: str, model: ModelInfo) -> list[str]:
    """Returns the sizes of a model as the recipe writes them; of a range its default and its bounds."""
    facts = TABLES[name]["providers"][name].get("model", [])
    written = next((one.get("sizes") for one in facts if one["id"] == model.id), None)
    if isinstance(written, list):
        return [*written]
    if isinstance(model.sizes, SizeRange):
        (width, height), step = model.sizes.default, model.sizes.step
        least, most = math.ceil(model.sizes.min_side / step) * step, model.sizes.max_side // step * step
        sizes = [(width, height), (width + step, height), (least, least), (most, least), (most, most)]
        return [str(size) for size in starmap(Size, sizes) if model.sizes.takes(size)]
    return [str(size) for size in model.sizes]


def test_every_recipe_has_a_service() -> None:
    assert SERVICES.keys() == FILES.keys()


@pytest.mark.parametrize("name", FILES)
def test_a_recipe_can_be_appended_to_any_settings(name: str) -> None:
    """It has tables alone, of one provider, says what it is, and holds no secret."""
    assert FILES[name].startswith("# ")
    assert TABLES[name].keys() == {"providers"}
    assert [*TABLES[name]["providers"]] == [name]
    keys = [line.partition("=")[0].strip() for line in FILES[name].splitlines() if "=" in line]
    assert not [
        key for key in keys if SECRET_NAME.search(key) and key not in ("api_key_env", "api_key_header")
    ]


@pytest.mark.parametrize("name", SERVICES)
async def test_each_model_makes_pictures_in_each_size(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(name, tmp_path, monkeypatch) as at:
        for model in at.models:
            asked = await at.made(model=model.id)
            assert (asked.model, len(asked.images), asked.mask) == (model.id, at.least(model.id), None)
            for size in sizes_of(name, model):
                assert (await at.made(model=model.id, size=size)).size == size, model.id


@pytest.mark.parametrize("name", SERVICES)
async def test_each_model_gets_its_options_its_seed_and_what_to_avoid(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(name, tmp_path, monkeypatch) as at:
        for model in at.models:
            for option, schema in at.options_of(model).items():
                for value in values_of(schema):
                    options = {**at.service.companions_of(option), option: value}
                    asked = await at.made(model=model.id, options=options)
                    usual = "auto" if value == "auto" else schema.get("default")
                    assert asked.options.get(option, usual) == value, (model.id, option)
            if model.seed:
                drawn = await at.made(model=model.id)
                assert drawn.seed is not None, model.id  # or nobody could make it again
                assert (await at.made(model=model.id, seed=7)).seed == 7, model.id
            if model.negative_prompt:
                asked = await at.made(model=model.id, negative_prompt="rain")
                assert asked.negative_prompt == "rain", model.id


@pytest.mark.parametrize("name", SERVICES)
async def test_each_model_gets_pictures(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(name, tmp_path, monkeypatch) as at:
        for model in at.models:
            for count in sorted({1, model.images.most}) if model.images else ():
                asked = await at.made(model=model.id, images=count)
                assert asked.images == tuple(picture.data for picture in _pictures(count)), model.id
                assert asked.mask is None
            if model.images and model.images.mask:
                asked = await at.made(model=model.id, images=1, mask=True)
                assert asked.images == (_pictures(1)[0].data,), model.id
                assert asked.mask is not None


@pytest.mark.parametrize("name", SERVICES)
async def test_each_trouble_is_told_as_what_it_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request is sent again only if it certainly did not run, and another time may go well."""
    async with house(name, tmp_path, monkeypatch) as at:
        for number, (about, trouble) in enumerate(at.service.troubles.items()):
            at.service.trouble, before = trouble.reply, len(at.server.requests)
            failure = (await at.ask(number)).failure
            assert failure is not None, about
            what = (NO_MODEL if trouble.has_no_model else WHAT[trouble.cause]).format(label=at.label)
            assert (failure.cause, failure.what) == (trouble.cause, what), about
            assert trouble.did_not_run in (None, failure.did_not_run), about
            may_go_well = trouble.cause in ("rate-limit", "unavailable") and failure.did_not_run
            assert len(at.server.requests) - before == (3 if may_go_well else 1), about


@pytest.mark.parametrize("name", SERVICES)
async def test_a_lost_answer_is_never_asked_for_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(name, tmp_path, monkeypatch) as at:
        at.service.trouble = Reply(body={"data": []}, cut_after=3)
        failure = (await at.ask()).failure
        assert failure is not None
        assert (failure.cause, failure.did_not_run) == ("unavailable", False)
        assert len(at.server.requests) == 1


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_that_is_not_there_has_not_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Loopback(lambda _: Reply()) as gone:
        pass
    studio = open_with(name, gone.url, tmp_path, monkeypatch)
    try:
        failure = (await House(studio, name, SERVICES[name](), gone).ask()).failure
    finally:
        await studio.close()
    assert failure is not None
    assert (failure.cause, failure.did_not_run) == ("unavailable", True)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_refuses_what_it_does_not_know(name: str) -> None:
    """Else the tests above would prove nothing."""
    service = SERVICES[name]()
    base = urlsplit(TABLES[name]["providers"][name]["base_url"]).path
    for path in (base, f"{base}/images/generations", f"{base}/images/edits"):
        for body in (b"{}", b'{"surprise": 1}'):
            assert service.answer(Request("POST", path, {}, body)).status >= 400
    assert service.asked == []
