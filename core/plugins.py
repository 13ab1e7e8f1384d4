"""Plugins: found, imported and checked one by one, so that a broken one harms nobody."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import pluggy

from core.settings import Settings
from limner import CONTRACT, ProviderInfo, hookspecs

log = logging.getLogger(__name__)

GROUP = "limner"
BUILT_IN = {name: f"providers.{name}" for name in ("sketch",)}
HOOKS: dict[str, tuple[str, ...]] = {"describe": (), "generate": ("request",), "wrap": ("generate",)}


class PluginFault(Exception):
    """A plugin that cannot be used; the text says what is wrong and how to mend it."""


@dataclass(frozen=True)
class Broken:
    """Something that was found or configured but cannot be used, and why."""

    name: str
    source: str
    fault: str


@dataclass(frozen=True)
class Plugin:
    """A plugin that passed its checks; `info` is what it says of itself where it is a provider."""

    name: str
    source: str
    module: Any
    hooks: dict[str, Callable[..., Any]]
    """The plugin's own implementations, as pluggy holds them."""
    info: ProviderInfo | None


def find_plugins() -> list[EntryPoint]:
    """The built-in providers and the installed plugins, all as entry points."""
    built_in = [EntryPoint(name, module, GROUP) for name, module in BUILT_IN.items()]
    return [*built_in, *sorted(entry_points(group=GROUP), key=lambda entry: entry.name)]


class Plugins:
    """The good plugins by name, in the order found, and the broken ones with their faults."""

    def __init__(self, found: Iterable[EntryPoint], settings: Settings) -> None:
        self.good: dict[str, Plugin] = {}
        self.broken: list[Broken] = []
        self._pluggy = pluggy.PluginManager("limner")
        self._pluggy.add_hookspecs(hookspecs)
        for entry in found:
            if _is_wanted(entry.name, settings):
                try:
                    self.good[entry.name] = self._load(entry)
                except PluginFault as fault:
                    log.warning("The plugin %s (%s) cannot be used: %s", entry.name, _source(entry), fault)
                    self.broken.append(Broken(entry.name, _source(entry), str(fault)))

    def call(self, plugin: Plugin, hook: str, *values: Any) -> Any:
        """Calls the hook of one plugin alone, through pluggy, and gives what it returned."""
        others = [other for other in self._pluggy.get_plugins() if other is not plugin.module]
        caller = self._pluggy.subset_hook_caller(hook, others)
        (result,) = caller(**dict(zip(HOOKS[hook], values, strict=True)))
        return result

    def _load(self, entry: EntryPoint) -> Plugin:
        name = entry.name
        if name in self.good:
            raise PluginFault(
                f"The name {name} is already taken by {self.good[name].source}: uninstall one of the two, or give "
                f"the entry point another name."
            )
        module = _import(entry)
        needed = getattr(module, "limner_contract", CONTRACT)
        if needed != CONTRACT:
            raise PluginFault(
                f"It needs version {needed} of the contract, and this Limner has version {CONTRACT}: install "
                f"a release of one of them that fits the other."
            )
        try:
            self._pluggy.register(module, name)
            hooks = _check_hooks(self._pluggy, module)
            plugin = Plugin(name, _source(entry), module, hooks, None)
            if "describe" not in hooks:
                return plugin
            return Plugin(
                name, plugin.source, module, hooks, _check_info(lambda: self.call(plugin, "describe"))
            )
        except BaseException as error:
            if self._pluggy.is_registered(module):
                self._pluggy.unregister(module)
            if isinstance(error, pluggy.PluginValidationError | ValueError):
                raise PluginFault(f"Its hooks are not those of the contract: {error}.") from error
            raise


def _is_wanted(name: str, settings: Settings) -> bool:
    allowed = settings.allow_plugins is None or name in settings.allow_plugins
    return allowed and name not in settings.block_plugins


def _source(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "built in"


def _import(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except KeyboardInterrupt:
        raise
    except ModuleNotFoundError as error:
        raise PluginFault(f"It needs the module {error.name}, which is not installed: install it.") from error
    except BaseException as error:
        log.debug("The plugin %s failed at import", entry.name, exc_info=True)
        raise PluginFault(
            f"Importing {entry.value} raised {type(error).__name__}: tell its author, or block it with block_plugins."
        ) from error


def _check_hooks(manager: pluggy.PluginManager, module: Any) -> dict[str, Callable[..., Any]]:
    callers = {caller.name: caller for caller in manager.get_hookcallers(module) or []}
    hooks: dict[str, Callable[..., Any]] = {}
    for name, caller in callers.items():
        if name not in HOOKS:
            raise PluginFault(
                f"It has a hook {name}, which does not exist: the hooks are {', '.join(HOOKS)}."
            )
        mine = next(impl for impl in caller.get_hookimpls() if impl.plugin is module)
        if mine.hookwrapper or mine.wrapper:
            raise PluginFault(f"Its hook {name} is a pluggy wrapper: use the hook wrap instead.")
        if tuple(mine.argnames) != HOOKS[name]:
            raise PluginFault(
                f"Its hook {name} has the wrong signature: it is {name}({', '.join(HOOKS[name])})."
            )
        hooks[name] = mine.function
    unmarked = [
        name for name in HOOKS if name not in hooks and inspect.isroutine(getattr(module, name, None))
    ]
    if unmarked and (isinstance(module, ModuleType) or not hooks):
        raise PluginFault(f"Its function {unmarked[0]} is no hook yet: put @hookimpl from limner above it.")
    if not hooks:
        raise PluginFault("It has no hooks: a provider has describe and generate, a middleware has wrap.")
    for one, other in (("describe", "generate"), ("generate", "describe")):
        if one in hooks and other not in hooks:
            raise PluginFault(f"It has the hook {one} but not {other}: a provider has both.")
    return hooks


def _check_info(describe: Callable[[], Any]) -> ProviderInfo:
    try:
        info = describe()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        log.debug("describe failed", exc_info=True)
        raise PluginFault(
            f"Its hook describe raised {type(error).__name__}: it only states facts."
        ) from error
    if not isinstance(info, ProviderInfo):
        raise PluginFault(f"Its hook describe returned {type(info).__name__}: it returns a ProviderInfo.")
    return info
