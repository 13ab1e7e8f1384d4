"""The providers as the configuration has them, and the call of one of them alone."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest

from core.chat.failure import Rejected
from core.chat.request import UserRequest
from core.generation.resolve import resolve
from core.plugins.registry import PluginCrashed, Registry
from core.settings.schema import ProviderSettings, Settings
from limner import ImageRequest, ImageResult, Size, hookimpl
from providers import sketch
from tests.core.scripted import ScriptedProvider
from tests.plugins.calls import working_threads
from tests.plugins.installing import site_of
from tests.plugins.objects import ask, registry_of

site = site_of("limner-async-echo", "limner-sync-echo", "limner-frame", "limner-broken")
ECHOES = ["async-echo", "sync-echo"]
OF_3_11 = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="Python 3.10 has no groups and does not count cancellations"
)


def open_registry(**settings: Any) -> Registry:
    return Registry(Settings(**{"allow_plugins": ECHOES, **settings}))


# What the configuration makes of the plugins


def test_plugins_are_providers_under_their_own_names_after_those_of_the_settings() -> None:
    registry = open_registry(
        providers={
            "slow": {"uses": "sync-echo", "label": "Slow", "base_url": "http://slow.internal"},
            "async-echo": {"enabled": False},
        }
    )
    assert [provider.name for provider in registry] == ["slow", "sync-echo"]
    slow = registry.get("slow")
    assert slow
    assert (slow.label, slow.plugin.name, slow.settings.base_url) == (
        "Slow",
        "sync-echo",
        "http://slow.internal",
    )
    assert registry.broken == []


def test_the_models_of_the_settings_are_all_there_are() -> None:
    registry = open_registry(providers={"async-echo": {"models": ["echo-2", "echo-1", "echo-2"]}})
    echo = registry.get("async-echo")
    assert echo
    assert [model.id for model in echo.info.models] == ["echo-2", "echo-1"]
    assert [model.seed for model in echo.info.models] == [True, True]
    assert echo.plugin.info
    assert echo.plugin.info.model("echo-3")
    assert echo.info.model("echo-3") is None
    none = open_registry(providers={"async-echo": {"models": []}}).get("async-echo")
    assert none
    assert none.info.model(None)


OWN_SERVER = {"needs_base_url": True, "base_url_variable": "SCRIPTED_BASE_URL"}


def test_a_provider_for_a_server_of_ones_own_is_offered_once_its_address_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugin = ScriptedProvider(**OWN_SERVER)
    second = ProviderSettings(uses="own", base_url="http://127.0.0.1:9")
    settings = Settings(providers={"second": second})
    registry = registry_of(settings=settings, own=plugin, sketch=sketch)
    assert [provider.name for provider in registry] == ["second", "sketch"]
    assert registry.get("own") is None
    assert registry.broken == []
    fault = registry.fault_of("own")
    assert fault
    assert not fault.stops_the_start
    assert fault.fault == (
        "The address of its server is not set: set SCRIPTED_BASE_URL, or base_url in its settings, and start "
        "Limner again."
    )
    with pytest.raises(Rejected, match=r"cannot be used\. The address"):
        resolve(UserRequest(prompt="a fox", provider="own"), registry, settings)
    monkeypatch.setenv("SCRIPTED_BASE_URL", "http://127.0.0.1:9")
    assert registry_of(own=plugin).get("own")


@pytest.mark.parametrize(
    ("uses", "fault"),
    [
        ("lies", "It uses lies, which cannot be used. Its hook describe returned a dict"),
        ("frame", "The plugin frame is a middleware and makes no pictures"),
        ("misspelt", "The settings block the plugin misspelt"),
        ("nobody", "The plugin nobody is not installed: install it, or let `uses` name one of sketch"),
    ],
)
def test_a_configured_provider_without_a_usable_plugin_says_why(uses: str, fault: str) -> None:
    registry = open_registry(allow_plugins=("sketch", "lies", "frame"), providers={"mine": {"uses": uses}})
    broken = registry.fault_of("mine")
    assert broken
    assert broken.source == "the settings"
    assert broken.fault.startswith(fault)
    assert registry.get("mine") is None
    assert registry.get("sketch")


def test_a_broken_plugin_that_is_configured_under_its_own_name_is_listed_once() -> None:
    registry = open_registry(allow_plugins=("lies",), providers={"lies": {"timeout": 9}})
    assert [(broken.name, broken.source) for broken in registry.broken] == [("lies", "limner-broken 0.1.0")]


def test_a_second_plugin_of_a_name_is_no_fault_of_the_first() -> None:
    registry = open_registry(allow_plugins=("sketch",))
    assert [broken.name for broken in registry.broken] == ["sketch"]
    assert registry.get("sketch")
    assert registry.fault_of("sketch") is None


@pytest.mark.parametrize("name", ECHOES)
@pytest.mark.parametrize("model", ["", "x" * 201])
def test_what_is_no_id_of_a_model_is_a_fault_of_the_settings(name: str, model: str) -> None:
    fault = open_registry(providers={name: {"models": ["echo-1", model]}}).fault_of(name)
    assert fault
    assert fault.source == "the settings"
    assert (
        fault.fault == f"The setting providers.{name}.models must name models by ids of 1 to 200 characters."
    )


# The call of one provider


@pytest.mark.parametrize("name", ECHOES)
def test_only_the_chosen_provider_is_called(name: str) -> None:
    registry = open_registry()
    result = asyncio.run(ask(registry, name))
    heard = {
        "async-echo": len(sys.modules["limner_async_echo"].clients),
        "sync-echo": len(sys.modules["limner_sync_echo"].heard),
    }
    assert result.metadata == {"heard": "a boat"}
    assert heard == {other: int(other == name) for other in ECHOES}


def test_a_hundred_slow_pictures_at_once_wait_for_none_of_the_others_and_take_no_thread_each() -> None:
    open_registry()
    echo = sys.modules["limner_async_echo"]
    asked, threads, all_here = 0, [], asyncio.Event()

    class Crowded:
        """Draws nothing before a hundred have asked."""

        @hookimpl
        def describe(self) -> Any:
            return echo.describe()

        @hookimpl
        async def generate(self, request: ImageRequest) -> Any:
            nonlocal asked
            asked += 1
            if asked == 100:
                threads.append(threading.active_count())
                all_here.set()
            await asyncio.wait_for(all_here.wait(), 30)
            return await echo.generate(request)

    registry = registry_of(crowded=Crowded())

    async def main() -> list[ImageResult]:
        return await asyncio.gather(*(ask(registry, "crowded") for _ in range(100)))

    before = threading.active_count()
    assert [result.model for result in asyncio.run(main())] == ["echo-1"] * 100
    assert threads[0] <= before
    assert len(echo.clients) == 1


def test_plain_functions_run_beside_each_other_up_to_the_number_of_workers() -> None:
    registry = open_registry(workers=2)
    echo = sys.modules["limner_sync_echo"]
    provider = registry.get("sync-echo")
    assert provider
    said: list[str] = []
    all_said = asyncio.Event()

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def say(words: str) -> None:
            said.append(words)
            if len(said) == 3:
                loop.call_soon_threadsafe(all_said.set)

        def request(number: int) -> ImageRequest:
            return ImageRequest(
                prompt=str(number),
                model="echo-1",
                size=Size(64, 48),
                options=echo.EchoOptions(seconds=120),
                on_progress=lambda words: say(f"{number}: {words}"),
            )

        calls = [asyncio.ensure_future(registry.generate(provider, request(n))) for n in range(3)]
        await asyncio.wait_for(all_said.wait(), 30)
        assert working_threads(registry) == 2
        assert sorted(said) == ["0: echoing", "1: echoing", "2: waiting, 1st in line"]
        echo.let_go.set()
        await asyncio.gather(*calls)
        assert working_threads(registry) == 0

    asyncio.run(main())
    assert said[3:] == ["2: ", "2: echoing"]


def test_an_async_def_needs_no_thread_at_all() -> None:
    registry = open_registry(workers=1)
    echo = sys.modules["limner_sync_echo"]

    async def main() -> ImageResult:
        holding = asyncio.ensure_future(ask(registry, "sync-echo", seconds=120))
        await asyncio.sleep(0)
        assert working_threads(registry) == 1
        result = await asyncio.wait_for(ask(registry, "async-echo"), 30)
        echo.let_go.set()
        await holding
        return result

    assert asyncio.run(main()).metadata == {"heard": "a boat"}


@pytest.mark.parametrize("name", ["raises-async", "raises-sync"])
@pytest.mark.parametrize(
    ("tantrum", "cause"),
    [
        ("a bug", "ZeroDivisionError"),
        ("sys.exit", "SystemExit"),
        pytest.param("an exception group", "BaseExceptionGroup", marks=OF_3_11),
        ("a StopIteration", "RuntimeError"),
        pytest.param("a CancelledError", "CancelledError", marks=OF_3_11),
        ("a KeyboardInterrupt", "KeyboardInterrupt"),
        ("the root error", "LimnerError"),
        ("None", "WrongResult: It returned a NoneType, and not an ImageResult."),
        ("bytes", "WrongResult: It returned a bytes, and not an ImageResult."),
        ("a generator", "WrongResult: It returned a generator, and not an ImageResult."),
    ],
)
def test_what_a_provider_does_beside_the_contract_is_a_crash_with_its_name(
    name: str, tantrum: str, cause: str
) -> None:
    registry = open_registry(allow_plugins=(name,))
    with pytest.raises(PluginCrashed) as crash:
        asyncio.run(ask(registry, name, tantrum))
    assert crash.value.plugin == name
    causes = [crash.value.__cause__, crash.value.__cause__ and crash.value.__cause__.__cause__]
    assert any(f"{type(error).__name__}: {error}".startswith(cause) for error in causes)


def test_what_wraps_an_async_def_may_be_a_plain_def() -> None:
    class Traced:
        @hookimpl
        def describe(self) -> Any:
            return sys.modules["limner_async_echo"].describe()

        @hookimpl
        def generate(self, request: ImageRequest) -> Any:
            return sys.modules["limner_async_echo"].generate(request)

    registry = registry_of("async-echo", traced=Traced())
    assert asyncio.run(ask(registry, "traced")).metadata == {"heard": "a boat"}
