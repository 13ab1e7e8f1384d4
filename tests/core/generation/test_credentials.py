"""A secret of several parts: each reaches the provider, none reaches a text, and what is missing is named."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from core import SettingsError, open_studio
from core.chat.message import Version
from core.plugins.catalog import catalog
from core.settings.schema import Settings, load_settings
from limner import Credential, ImageRequest, ImageResult, ImageWarning, ProviderError
from tests.core.scripted import PNG, Play, ScriptedProvider, ask, at_once, studio_of
from ui.page.offers import offer

pytestmark = pytest.mark.anyio

PAIR = Credential(variable="PAIR_ACCESS", others=["PAIR_SECRET"], optional_others=["PAIR_SESSION"])
PARTS = {"PAIR_ACCESS": "access-part-4711", "PAIR_SECRET": "secret-part-0815", "PAIR_SESSION": "s5"}


def set_parts(monkeypatch: pytest.MonkeyPatch, parts: Mapping[str, str] = PARTS) -> None:
    for variable, value in parts.items():
        monkeypatch.setenv(variable, value)


async def asked(
    folder: Path, play: Play = at_once, credential: Credential = PAIR, **own: Any
) -> tuple[ScriptedProvider, Version]:
    """Makes one picture with a provider that has the credential; `own` are its settings."""
    provider = ScriptedProvider(play, credential=credential)
    async with studio_of(folder, provider, providers={"scripted": own}) as studio:
        return provider, (await ask(studio))[2]


def given(request: ImageRequest) -> dict[str, str]:
    return {name: part.get_secret_value() for name, part in request.credentials.items()}


async def test_each_part_comes_by_the_variable_that_the_provider_declares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_parts(monkeypatch)
    provider, version = await asked(tmp_path)
    assert version.status == "complete"
    (request,) = provider.requests
    assert given(request) == PARTS
    assert request.credential == request.credentials["PAIR_ACCESS"]
    assert request.key_for_header("PAIR_SECRET") == PARTS["PAIR_SECRET"]
    assert (request.key_for_header(), request.key_for_header("OTHER")) == (PARTS["PAIR_ACCESS"], "")
    assert "PAIR" not in repr(request)


async def test_the_settings_name_other_variables_in_the_same_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_parts(monkeypatch)
    set_parts(monkeypatch, {"STUDIO_A": "access-of-the-studio", "STUDIO_B": "secret-of-the-studio"})
    monkeypatch.setenv("LIMNER_PROVIDERS__SCRIPTED__API_KEY_ENV", "STUDIO_A, STUDIO_B")
    named = load_settings().providers["scripted"].api_key_env
    provider, _ = await asked(tmp_path, api_key_env=named)
    assert given(provider.requests[0]) == {
        "PAIR_ACCESS": "access-of-the-studio",
        "PAIR_SECRET": "secret-of-the-studio",
    }


async def test_a_part_that_is_missing_is_named_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = ScriptedProvider(credential=PAIR)
    async with studio_of(tmp_path, provider) as studio:
        failure = (await ask(studio))[2].failure
        assert failure
        assert (failure.cause, failure.why) == (
            "no-credential",
            "PAIR_ACCESS and PAIR_SECRET are not set on the server.",
        )
        monkeypatch.setenv("PAIR_ACCESS", PARTS["PAIR_ACCESS"])
        failure = (await ask(studio, id="1" * 32))[2].failure
        assert failure
        assert failure.why == "PAIR_SECRET is not set on the server."
        assert "Set PAIR_SECRET and restart" in failure.next
        entry = next(entry for entry in catalog(studio.registry) if entry.name == "scripted")
        assert entry.state == "needs PAIR_SECRET, which is not set"
        assert entry.credentials == ["PAIR_ACCESS", "PAIR_SECRET", "PAIR_SESSION"]
        assert offer(studio, "scripted", owner=True)["key"]["variable"] == "PAIR_SECRET"
        assert offer(studio, "scripted", owner=False)["key"]["variable"] == ""
    assert provider.requests == []


async def test_an_optional_secret_is_used_if_it_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    optional = Credential(variable="PAIR_ACCESS", others=["PAIR_SECRET"], optional=True)
    provider, version = await asked(tmp_path / "without", credential=optional)
    assert (version.status, provider.requests[0].credential) == ("complete", None)
    assert provider.requests[0].credentials == {}
    set_parts(monkeypatch, {"PAIR_ACCESS": PARTS["PAIR_ACCESS"]})
    _, version = await asked(tmp_path / "half", credential=optional)
    assert version.failure
    assert "PAIR_SECRET is not set" in version.failure.why, "half of it is a mistake"
    set_parts(monkeypatch)
    provider, version = await asked(tmp_path / "whole", credential=optional)
    assert (version.status, len(provider.requests[0].credentials)) == ("complete", 2)


async def test_no_part_is_in_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_parts(monkeypatch)
    said = " ".join(PARTS.values())
    reports: list[str] = []

    async def play(request: ImageRequest) -> ImageResult:
        request.report(said)
        reports.append(said)
        return ImageResult(
            PNG,
            revised_prompt=said,
            text=said,
            metadata={"said": [said]},
            warnings=[ImageWarning("steps", said)],
            continuation={"said": PARTS["PAIR_SESSION"]},
        )

    _, version = await asked(tmp_path / "result", play)
    shown = version.model_dump_json()
    assert version.provenance.revised_prompt == "[hidden] [hidden] [hidden]"

    async def fail(_: ImageRequest) -> ImageResult:
        raise ProviderError("provider", said, why=said)

    _, failed = await asked(tmp_path / "failure", fail)
    assert failed.failure
    assert failed.failure.service_message == "[hidden] [hidden] [hidden]"
    for part in PARTS.values():
        assert f'"{part}' not in shown
        assert f" {part}" not in shown
        assert part not in failed.failure.sentence


async def test_no_part_is_in_the_log_whatever_its_variable_is_called(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log_as: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_parts(monkeypatch)
    monkeypatch.setattr("core.plugins.registry.find_plugins", lambda folder: [_entry()])
    monkeypatch.setattr("importlib.metadata.EntryPoint.load", lambda _: ScriptedProvider(credential=PAIR))
    studio = open_studio(Settings(data_dir=tmp_path, provider="scripted"))
    await studio.close()
    log_as()
    logging.getLogger("a plugin").warning("sent %s and %s", PARTS["PAIR_ACCESS"], PARTS["PAIR_SECRET"])
    assert "sent [hidden] and [hidden]" in capsys.readouterr().err


def _entry() -> Any:
    from importlib.metadata import EntryPoint

    return EntryPoint("scripted", "unused", "limner")


@pytest.mark.parametrize("named", [["A"], ["A", "B", "C", "D"], "A"])
async def test_a_wrong_number_of_variables_stops_the_start(
    named: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.plugins.registry.find_plugins", lambda folder: [_entry()])
    monkeypatch.setattr("importlib.metadata.EntryPoint.load", lambda _: ScriptedProvider(credential=PAIR))
    own = {"scripted": {"api_key_env": named}}
    with pytest.raises(SettingsError) as error:
        open_studio(Settings(data_dir=tmp_path, provider="scripted", providers=own))  # pyright: ignore[reportArgumentType]
    assert str(error.value) == (
        "The setting providers.scripted.api_key_env must name the variables that hold PAIR_ACCESS, "
        "PAIR_SECRET and PAIR_SESSION."
    )
