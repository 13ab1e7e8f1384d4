"""The providers that the settings configure, and the call of one of them inside the middlewares."""

from __future__ import annotations

import asyncio
import decimal
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from core.plugins.blocking import Spent
from core.plugins.calling import Caller
from core.plugins.calls import Calls
from core.plugins.guard import Call, PluginCrashed, WrongResult, guarded, passed_on, watched
from core.plugins.loader import Broken, Found, Plugin, Plugins, find_plugins
from core.plugins.loop import asked
from core.plugins.moderation import Moderation
from core.plugins.provider import Provider, configure
from core.plugins.time_limit import TimeLimit
from core.settings.schema import ProviderSettings, Settings
from core.settings.sources import SettingsError
from limner import (
    Generate,
    ImageRequest,
    ImageResult,
    ProviderError,
)
from limner.checks import PluginFault
from limner.clients import owning_loop

log = logging.getLogger(__name__)


class Registry:
    """The usable providers by name, the middlewares in order, and what is broken; for any event loop.

    Middlewares are in the order of their names; one whose hook is marked `tryfirst` comes before all
    others, one marked `trylast` after them.
    """

    def __init__(
        self,
        settings: Settings,
        found: Iterable[Found] | None = None,
        on_configure: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Tells `on_configure` a plugin's name just before that is given its settings."""
        self._plugins = Plugins(find_plugins(settings.plugins_dir) if found is None else found, settings)
        self.broken = self._plugins.broken
        self.changes = self._plugins.changes
        self.middlewares = sorted(
            (plugin for plugin in self._plugins.good.values() if "wrap" in plugin.hooks),
            key=lambda plugin: plugin.hooks["wrap"].trylast - plugin.hooks["wrap"].tryfirst,
        )
        self._providers: dict[str, Provider] = {}
        self.unaddressed: list[Provider] = []
        """The providers for servers of one's own whose address is not set: listed, but not offered."""
        for provider in self._configured(settings, on_configure):
            if provider.lacks_base_url:
                self.unaddressed.append(provider)
            else:
                self._providers[provider.name] = provider
        self.moderators = [one.name for one in self if "moderate" in one.plugin.hooks]
        """The providers that can check what is asked for."""
        moderator = self.get(settings.moderation) if settings.moderation in self.moderators else None
        self._moderation = Moderation(settings, moderator, self._moderate)
        self._caller = Caller(self._plugins, self, settings.workers)

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._providers.values())

    def get(self, name: str) -> Provider | None:
        """Returns the usable provider of that name, if there is one."""
        return self._providers.get(name)

    def fault_of(self, name: str) -> Broken | None:
        """Returns what is wrong with a provider that is installed or configured but cannot be used."""
        if name in self._providers:  # what is broken then is another plugin of that name
            return None
        waiting = (_without_address(one) for one in self.unaddressed if one.name == name)
        return next((broken for broken in self.broken if broken.name == name), next(waiting, None))

    @property
    def resumers(self) -> set[str]:
        """The names of the providers that can be asked for what they have remembered."""
        return {one.name for one in self if "resume" in one.plugin.hooks and not one.lacks_credential}

    async def generate(
        self,
        provider: Provider,
        request: ImageRequest,
        calls: Calls | None = None,
        handle: Any = None,
        limit: TimeLimit | None = None,
    ) -> ImageResult:
        """Calls one provider, inside every middleware; the first in order is the outermost.

        `calls` counts those of the provider itself. With a handle it is asked for what it has remembered.
        `limit` stands still while the provider waits for its turn, and while it loads.
        Passes ContentFiltered and ProviderError on, and raises PluginCrashed with the plugin's name for
        everything else.
        """
        owning_loop.set(asyncio.get_running_loop())
        asked.set(provider.name)
        decimal.setcontext(decimal.Context())  # a plugin may change it, and the host counts money in its own
        spent, calls, limit = Spent(), calls or Calls(), limit or TimeLimit(request.timeout)
        settled = asyncio.Event()

        async def call_provider(request: ImageRequest) -> ImageResult:
            return await self._caller.picture(provider, request, calls, limit, handle)

        generate = guarded(provider.plugin.name, call_provider, spent, calls)
        for middleware in reversed(self.middlewares):
            generate = guarded(middleware.name, self._inside(middleware, generate, settled), spent, calls)
        if handle is None:
            await self._moderation.check(request, calls)
        try:
            return await generate(request)
        finally:
            settled.set()

    async def _moderate(self, moderator: Provider, request: ImageRequest, calls: Calls) -> None:
        """Calls the hook `moderate` of a provider; raises as `generate` does."""
        plugin = moderator.plugin
        try:
            await watched(plugin.name, self._caller.call(moderator, "moderate", request), Spent(), calls)
        except PluginCrashed as error:
            log.error("The plugin %s failed while checking", plugin.name, exc_info=error.__cause__)
            raise ProviderError("provider") from error

    def _inside(self, middleware: Plugin, generate: Generate, settled: asyncio.Event) -> Call:
        async def call(given: ImageRequest) -> ImageResult:
            async def call_inner(request: ImageRequest) -> ImageResult:
                if settled.is_set():  # in a task of its own: nobody would count what this costs
                    raise RuntimeError("The picture is settled already: call on before you return or raise.")
                return await generate(passed_on(middleware.name, request, given))

            wrapped = self._plugins.call(middleware, "wrap", call_inner)
            if not callable(wrapped):
                raise WrongResult("returned from wrap", wrapped, "a function")
            return await cast(Generate, wrapped)(given)

        return call

    def _configured(self, settings: Settings, on_configure: Callable[[str], None]) -> Iterator[Provider]:
        """Yields the providers of the settings in their order, then the other plugins."""
        configured = dict(settings.providers)
        for name, plugin in self._plugins.good.items():
            if plugin.info:
                configured.setdefault(name, ProviderSettings())
        for name, own in configured.items():
            if not own.enabled:
                continue
            plugin = self._plugins.good.get(own.uses or name)
            if plugin is None or plugin.info is None:
                self._list_unusable(name, own.uses or name)
                continue
            on_configure(plugin.name)
            try:
                with self._plugins.watched(plugin.name):  # its settings' class may do anything
                    provider = configure(name, plugin, plugin.info, own)
                yield provider
            except SettingsError as error:
                self.broken.append(Broken(name, "the settings", str(error), stops_the_start=True))
            except PluginFault as fault:
                self.broken.append(Broken(name, plugin.source, str(fault)))

    def _list_unusable(self, name: str, used: str) -> None:
        """Lists a configured provider whose plugin cannot be used, unless the plugin itself is listed."""
        broken = self.fault_of(used)
        if broken and name == used:
            return
        if broken:
            fault = f"It uses {used}, which cannot be used. {broken.fault}"
        elif used in self._plugins.kept_out:
            fault = f"The settings block the plugin {used}: see block_plugins and allow_plugins."
        elif used in self._plugins.good:
            fault = f"The plugin {used} is a middleware and makes no pictures: let `uses` name a provider."
        else:
            known = ", ".join(name for name, plugin in self._plugins.good.items() if plugin.info)
            fault = f"The plugin {used} is not installed: install it, or let `uses` name one of {known}."
        self.broken.append(Broken(name, "the settings", fault))


def _without_address(provider: Provider) -> Broken:
    variable = provider.info.base_url_variable
    way = f"{variable}, or base_url in its settings," if variable else "base_url in its settings"
    fault = f"The address of its server is not set: set {way} and start Limner again."
    return Broken(provider.name, provider.plugin.source, fault)
