"""A mistake in a provider's settings stops the start with a sentence, and never reaches a visitor."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from core import SettingsError, open_studio
from core.plugins import registry
from core.settings.schema import Settings
from limner import ModelInfo, ProviderInfo
from tests.core.scripted import ScriptedProvider


class Own(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: Literal["size", "none"] = "size"
    api_version: str | None = Field(default=None, max_length=20)
    weight: int = 1

    @field_validator("weight")
    @classmethod
    def _is_odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("an odd number")
        if value == 13:
            raise RuntimeError("not prepared for this")
        if value == 15:
            sys.exit("nor for this")
        return value

    def offers(self, info: ProviderInfo) -> Any:
        """Has one model for each weight; no description at all for 5."""
        models = tuple(ModelInfo(id=f"p-{number}", seed=True) for number in range(1, self.weight + 1))
        return info.model_copy(update={"models": models}) if self.weight != 5 else None


Start = Callable[..., Any]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Start:
    """Opens a studio whose only plugin declares its settings."""

    def start(**settings: Any) -> Any:
        plugin = ScriptedProvider(settings=Own, base_url_variable="SCRIPTED_BASE_URL")
        entry = EntryPoint("scripted", "unused", "limner")
        monkeypatch.setattr(registry, "find_plugins", lambda folder: [entry])
        monkeypatch.setattr(EntryPoint, "load", lambda _: plugin)
        return open_studio(Settings(data_dir=tmp_path, provider="scripted", **settings))

    return start


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ({"sise": "none"}, "The provider mine has no setting sise: did you mean size?"),
        (
            {"colour": 1},
            "The provider mine has no setting colour: its own are size, api_version, weight.",
        ),
        ({"size": "large"}, "The setting providers.mine.size is wrong: it should be 'size' or 'none'."),
        ({"weight": 2}, "The setting providers.mine.weight is wrong: it should be an odd number."),
        ({"weight": 13}, "The plugin scripted failed to read the settings of mine."),
        ({"weight": 15}, "The plugin scripted failed to read the settings of mine."),
        ({"weight": 5}, "The plugin scripted failed to read the settings of mine."),
        (
            {"models": [""]},
            "The setting providers.mine.models must name models by ids of 1 to 200 characters.",
        ),
    ],
)
def test_a_wrong_setting_stops_the_start(own: dict[str, Any], sentence: str, start: Start) -> None:
    with pytest.raises(SettingsError) as error:
        start(providers={"mine": {"uses": "scripted", **own}})
    assert str(error.value) == sentence


@pytest.mark.anyio
async def test_right_settings_reach_the_provider_as_they_were_written(start: Start) -> None:
    studio = start(providers={"scripted": {"size": "none", "weight": 3}})
    assert studio.registry.get("scripted").settings.extra == {"size": "none", "weight": 3}
    await studio.close()


@pytest.mark.anyio
async def test_the_settings_may_say_what_is_offered(start: Start) -> None:
    three = {"uses": "scripted", "weight": 3}
    studio = start(providers={"three": three, "chosen": three | {"models": ["p-2", "p-4"]}})
    assert [model.id for model in studio.registry.get("three").info.models] == ["p-1", "p-2", "p-3"]
    assert [model.id for model in studio.registry.get("scripted").info.models] == ["p-1"]
    assert [(model.id, model.seed) for model in studio.registry.get("chosen").info.models] == [
        *(("p-2", True), ("p-4", False))
    ]
    await studio.close()


@pytest.mark.parametrize(
    "address", ['"http://127.0.0.1:1/v1"', "127.0.0.1:1", "ftp://x", "http://", "http://a b", "http:///v1"]
)
def test_a_wrong_address_in_a_variable_stops_the_start(
    address: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_BASE_URL", address)
    sentence = "The variable SCRIPTED_BASE_URL must be an address that begins with http:// or https://."
    with pytest.raises(SettingsError) as error:
        start()
    assert str(error.value) == sentence


@pytest.mark.anyio
async def test_an_address_in_the_settings_stands_over_the_variable(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_BASE_URL", "nonsense")
    studio = start(providers={"scripted": {"base_url": "http://127.0.0.1:1/v1"}})
    assert studio.registry.get("scripted").base_url == "http://127.0.0.1:1/v1"
    await studio.close()
