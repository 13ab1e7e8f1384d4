"""The providers as the configuration has them, and the call of one of them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any, cast

from core.plugins import Broken, Plugin, Plugins, find_plugins
from core.settings import ProviderSettings, Settings
from core.worker import Workers
from limner import Generate, ImageRequest, ImageResult, LimnerError, ModelInfo, ProviderInfo


class PluginCrashed(Exception):
    """A plugin raised something outside of the contract while it made a picture."""

    def __init__(self, plugin: str) -> None:
        super().__init__(plugin)
        self.plugin = plugin


@dataclass(frozen=True)
class Provider:
    """A provider ready to be called: a plugin under the name and with the settings of the configuration."""

    name: str
    plugin: Plugin
    info: ProviderInfo
    settings: ProviderSettings

    @property
    def label(self) -> str:
        return self.settings.label or self.info.label


class Registry:
    """The usable providers by name, the middlewares in order, and what is broken."""

    def __init__(self, settings: Settings, found: Iterable[EntryPoint] | None = None) -> None:
        self._plugins = Plugins(find_plugins() if found is None else found, settings)
        self._workers = Workers(settings.workers)
        self.broken = self._plugins.broken
        self.middlewares = [plugin for plugin in self._plugins.good.values() if "wrap" in plugin.hooks]
        self._providers = {provider.name: provider for provider in self._configured(settings)}

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._providers.values())

    def get(self, name: str) -> Provider | None:
        """Finds a usable provider by its name."""
        return self._providers.get(name)

    def fault_of(self, name: str) -> Broken | None:
        """Finds what is wrong with a provider that is there but cannot be used."""
        return next((broken for broken in self.broken if broken.name == name), None)

    async def generate(self, provider: Provider, request: ImageRequest) -> ImageResult:
        """Calls one provider, inside every middleware; the first in order is the outermost.

        Raises what the contract allows, and PluginCrashed with the plugin's name for all else.
        """

        async def call_provider(request: ImageRequest) -> ImageResult:
            return await self._call(provider.plugin, request)

        generate = _naming(provider.plugin, call_provider)
        for middleware in reversed(self.middlewares):
            generate = _naming(middleware, self._inside(middleware, generate))
        return await generate(request)

    async def _call(self, plugin: Plugin, request: ImageRequest) -> ImageResult:
        def call() -> Any:
            return self._plugins.call(plugin, "generate", request)

        if inspect.iscoroutinefunction(plugin.hooks["generate"]):
            result = call()
        else:
            result = await self._workers.run(call)
        return cast(ImageResult, await result if inspect.isawaitable(result) else result)

    def _inside(self, middleware: Plugin, generate: Generate) -> Generate:
        async def call(request: ImageRequest) -> ImageResult:
            wrapped = cast(Generate, self._plugins.call(middleware, "wrap", generate))
            return await wrapped(request)

        return call

    def _configured(self, settings: Settings) -> Iterator[Provider]:
        """Those of the configuration in its order, then the other plugins under their own names."""
        plugins = {name: plugin for name, plugin in self._plugins.good.items() if plugin.info}
        configured = dict(settings.providers)
        for name in plugins:
            configured.setdefault(name, ProviderSettings())
        for name, own in configured.items():
            plugin = plugins.get(own.uses or name)
            if not own.enabled:
                continue
            if plugin is not None and plugin.info is not None:
                yield Provider(name, plugin, _with_models(plugin.info, own.models), own)
            elif self.fault_of(name) is None:
                fault = f"It uses {own.uses or name}, which is not installed: there are {', '.join(plugins)}."
                self.broken.append(Broken(name, "the settings", fault))


def _with_models(info: ProviderInfo, ids: tuple[str, ...] | None) -> ProviderInfo:
    if ids is None:
        return info
    return info.model_copy(update={"models": tuple(info.model(id) or ModelInfo(id=id) for id in ids)})


def _naming(plugin: Plugin, generate: Generate) -> Generate:
    """Names the plugin behind an error that the contract does not know."""

    async def call(request: ImageRequest) -> ImageResult:
        try:
            result = await generate(request)
        except (LimnerError, PluginCrashed, asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:  # sys.exit and exception groups among them
            raise PluginCrashed(plugin.name) from error
        if not isinstance(result, ImageResult):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise PluginCrashed(plugin.name) from TypeError(f"{type(result).__name__} is no ImageResult")
        return result

    return call
