"""The models of the gateway, under the names that clients send."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.asking import providers_for
from core.chat.failure import Rejected
from core.generation.visitor import OWNER, Visitor
from core.settings.schema import Settings
from core.storage.store import Store
from core.studio import Studio
from limner import ModelInfo, ProviderInfo, hookimpl
from providers import sketch
from tests.core.scripted import NEEDS_KEY, ScriptedProvider
from tests.plugins.objects import registry_of
from tests.ui.http.gateway.sdk import open_sdk, refused
from ui.http.gateway.models import find_offer, offers

pytestmark = pytest.mark.anyio
STRANGER = "203.0.113.7"


class Several:
    """A provider with models of these ids; any other only if it says so."""

    def __init__(self, *ids: str, **about: Any) -> None:
        models = tuple(ModelInfo(id=id) for id in ids)
        self._info = ProviderInfo(label="Several", models=models, **about)

    @hookimpl
    def describe(self) -> ProviderInfo:
        return self._info

    @hookimpl
    async def generate(self, request: Any) -> Any:
        raise AssertionError("nobody asks it")


def studio_with(folder: Path, default: str, **providers: Any) -> Studio:
    settings = Settings(data_dir=folder, provider=default)
    return Studio(settings, registry_of(settings=settings, **providers), Store(folder))


def test_a_model_has_its_own_id_where_one_provider_alone_has_it(tmp_path: Path) -> None:
    studio = studio_with(
        tmp_path, "c", a=Several("one", "both/x"), b=Several("both/x", "two"), c=Several("three")
    )
    found = {name: offer.id for name, offer in offers(studio, OWNER).items()}
    assert found == {
        **{name: name for name in ("a/one", "a/both/x", "b/both/x", "b/two", "c/three")},
        **{"one": "a/one", "two": "b/two", "three": "c/three"},
    }
    assert [*found][:5] == ["a/one", "a/both/x", "b/both/x", "b/two", "c/three"]


def test_the_default_providers_models_have_their_own_ids_in_any_case(tmp_path: Path) -> None:
    studio = studio_with(tmp_path, "b", a=Several("same"), b=Several("same"))
    assert find_offer(studio, OWNER, "same").id == "b/same"
    assert find_offer(studio, OWNER, "a/same").id == "a/same"


def test_a_whole_name_counts_before_an_id_that_looks_like_one(tmp_path: Path) -> None:
    studio = studio_with(tmp_path, "b", a=Several("c"), b=Several("a/c"))
    assert find_offer(studio, OWNER, "a/c").provider.name == "a"
    assert find_offer(studio, OWNER, "b/a/c").provider.name == "b"


@pytest.mark.parametrize("name", [None, ""])
def test_without_a_name_it_is_the_default(tmp_path: Path, name: str | None) -> None:
    studio = studio_with(tmp_path, "b", a=Several("one"), b=Several("two", "three"))
    assert find_offer(studio, OWNER, name).id == "b/two"
    assert find_offer(studio, Visitor("v", providers=frozenset({"a"})), name).id == "a/one"


def test_models_in_no_list_are_the_owners_alone(tmp_path: Path) -> None:
    any_model = ModelInfo(id="any")
    studio = studio_with(tmp_path, "a", a=Several("one", other_models=any_model), b=Several("two"))
    assert find_offer(studio, OWNER, "a/maker/new").model.id == "maker/new"
    assert find_offer(studio, OWNER, "maker/new").id == "a/maker/new"
    for name in ("a/maker/new", "maker/new", "b/maker/new", "b/", "/", "c/two"):
        with pytest.raises(Rejected, match="no provider with a model"):
            find_offer(studio, Visitor("v"), name)


def test_a_visitor_finds_what_they_may_use(tmp_path: Path) -> None:
    studio = studio_with(tmp_path, "sketch", sketch=sketch, paid=Several("p", paid=True))
    visitor = Visitor("v")
    assert [one.name for one in providers_for(studio, visitor)] == ["sketch"]
    assert [*offers(studio, visitor)] == ["sketch/sketch-1", "sketch-1"]
    with pytest.raises(Rejected):
        find_offer(studio, visitor, "paid/p")


async def test_clients_list_them_and_look_one_up(tmp_path: Path) -> None:
    async with open_sdk(tmp_path, ScriptedProvider()) as (sdk, _):
        listed = [model async for model in sdk.models.list()]
        assert [(model.id, model.owned_by, model.object) for model in listed] == [
            ("scripted/p-1", "scripted", "model"),
            ("sketch/sketch-1", "sketch", "model"),
            ("p-1", "scripted", "model"),
            ("sketch-1", "sketch", "model"),
        ]
        for name in ("sketch/sketch-1", "sketch-1"):
            assert (await sdk.models.retrieve(name)).owned_by == "sketch"
        error = await refused(sdk.models.retrieve("sketch/gone"))
        assert (error.status_code, error.code, error.param) == (404, "model_not_found", "model")
        assert "sketch/sketch-1" in str(error)


async def test_the_owner_is_told_what_a_provider_lacks(tmp_path: Path) -> None:
    async with open_sdk(tmp_path, ScriptedProvider(**NEEDS_KEY), provider="sketch") as (sdk, _):
        error = await refused(sdk.images.generate(prompt="a fox", model="scripted/p-1"))
    assert (error.status_code, error.code) == (401, "invalid_api_key")
    assert "is not set" in str(error)


async def test_a_stranger_is_told_of_no_model_for_which_nobody_pays(tmp_path: Path) -> None:
    async with open_sdk(tmp_path, ScriptedProvider(**NEEDS_KEY), STRANGER, provider="sketch") as (sdk, _):
        assert [model.id async for model in sdk.models.list()] == ["sketch/sketch-1", "sketch-1"]
        error = await refused(sdk.images.generate(prompt="a fox", model="scripted/p-1"))
        assert (error.status_code, error.code) == (404, "model_not_found")
