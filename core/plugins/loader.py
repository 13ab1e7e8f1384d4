"""Plugins: found, imported and checked one by one, so that a broken one harms nobody."""

from __future__ import annotations

import difflib
import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from pathlib import Path, PurePath
from typing import Any, TypeAlias

import pluggy

from core.plugins.files import PluginFile, find_files
from core.plugins.process_state import ProcessState
from core.settings.schema import Settings
from limner import ProviderInfo, hookspecs
from limner.checks import HOOKS, PluginFault, check_hooks, check_info, check_version

log = logging.getLogger(__name__)

GROUP = "limner"
SLOW_SECONDS = 3.0
"""After which the log says which plugin the start waits for."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
SOURCE_OF_BUILT_IN = "built in"
_PYTHON = PurePath(os.__file__).parent
_OWN = PurePath(__file__).parent
BUILT_IN = {
    name: f"providers.{name}"
    for name in ("sketch", "openai", "gemini", "replicate", "fal", "huggingface", "a1111", "comfyui")
}


@dataclass(frozen=True)
class Broken:
    """Something that was found or configured but cannot be used, and why."""

    name: str
    source: str
    fault: str
    stops_the_start: bool = False
    """It is a mistake in the settings, which only the owner can correct."""


@dataclass(frozen=True, eq=False)
class Plugin:
    """A plugin that passed its checks; a provider has `info`, its description of itself."""

    name: str
    source: str
    module: Any
    """The module, or the object, that has the hooks."""
    hooks: dict[str, pluggy.HookImpl]
    info: ProviderInfo | None = None


Found: TypeAlias = "EntryPoint | PluginFile | Broken"


def find_plugins(folder: Path | None = None) -> list[Found]:
    """Returns the built-in providers, the installed plugins and the files in a folder: not imported."""
    built_in = [EntryPoint(name, module, GROUP) for name, module in BUILT_IN.items()]
    files = find_files(folder) if folder else ()
    return [*built_in, *sorted(_installed(), key=lambda found: found.name), *files]


def _installed() -> Iterator[Found]:
    try:
        found: list[Found] = [*entry_points(group=GROUP)]
    except Exception:  # one distribution's file is malformed, which spoils the list of all of them
        found = [*_installed_one_by_one()]
    yield from found


def _installed_one_by_one() -> Iterator[Found]:
    seen: set[str] = set()
    for distribution in distributions():
        name = _name(distribution)
        if name in seen:  # hidden by another release that comes first on the path
            continue
        seen.add(name)
        try:
            yield from distribution.entry_points.select(group=GROUP)
        except Exception:
            log.warning("The entry points of %s cannot be read", name, exc_info=True)
            if f"[{GROUP}]" in (distribution.read_text("entry_points.txt") or ""):
                yield Broken(name, name, "Its entry_points.txt cannot be read: install it again.")


class Plugins:
    """The good plugins by name, in the order found, and the broken ones with their faults."""

    def __init__(self, found: Iterable[Found], settings: Settings) -> None:
        self.good: dict[str, Plugin] = {}
        self.broken: list[Broken] = []
        self.kept_out: set[str] = set()
        """The names that the settings do not allow."""
        self.changes: dict[str, list[str]] = {}
        """What plugins have changed in this process while they were loaded, by their names."""
        self._pluggy = pluggy.PluginManager(GROUP)
        self._pluggy.add_hookspecs(hookspecs)
        for entry in found:
            if isinstance(entry, Broken):
                self.broken.append(entry)
            elif not _is_wanted(entry.name, settings):
                self.kept_out.add(entry.name)
            else:
                self._take(entry)

    def call(self, plugin: Plugin, hook: str, *values: Any) -> Any:
        """Calls the hook of one plugin alone, through pluggy, and returns the result."""
        others = [other for other in self._pluggy.get_plugins() if other is not plugin.module]
        caller = self._pluggy.subset_hook_caller(hook, others)
        results = caller(**dict(zip(HOOKS[hook].arguments, values, strict=True)))
        return results[0] if results else None  # pluggy leaves a None out

    def _take(self, entry: EntryPoint | PluginFile) -> None:
        source = source_of(entry)
        with self.watched(entry.name):
            try:
                self.good[entry.name] = self._load(entry, source)
            except PluginFault as fault:
                why = fault.__cause__
                log.warning("The plugin %s (%s) cannot be used: %s", entry.name, source, fault, exc_info=why)
                self.broken.append(Broken(entry.name, source, str(fault)))

    @contextmanager
    def watched(self, name: str) -> Generator[None, None, None]:
        """Puts back what a plugin changes for all, and says for which one the start waits."""
        before = ProcessState()
        waiting = threading.Timer(SLOW_SECONDS, log.warning, ("Waiting for the plugin %s to load", name))
        waiting.daemon = True
        waiting.start()
        try:
            yield
        finally:
            waiting.cancel()
            if changes := before.put_back():
                self.changes[name] = changes
                log.warning("The plugin %s changed what all share: %s", name, ", ".join(changes))

    def _load(self, entry: EntryPoint | PluginFile, source: str) -> Plugin:
        if not _NAME.fullmatch(entry.name):
            raise PluginFault(
                "Its name does not fit into settings and commands: write letters and digits, with - and _ "
                "between them, 64 at most."
            )
        if entry.name in self.good:
            raise PluginFault(
                f"The name {entry.name} is already taken by another plugin ({self.good[entry.name].source}): "
                f"uninstall one of the two, or give this one another name."
            )
        module = _import(entry)
        with _as_plugin_fault("Checking it"):
            self._check(module)
            self._pluggy.register(module, entry.name)
        try:
            plugin = Plugin(entry.name, source, module, self._hooks_of(module))
            if "describe" not in plugin.hooks:
                return plugin
            with _as_plugin_fault("Its hook describe"):
                return replace(plugin, info=check_info(lambda: self.call(plugin, "describe")))
        except PluginFault:
            self._pluggy.unregister(module)
            raise

    def _check(self, module: Any) -> None:
        check_version(module)
        check_hooks(self._pluggy, module)
        same = self._pluggy.get_name(module)
        if same is not None:
            raise PluginFault(
                f"It is the same plugin as {same}: remove one of the two entry points; the settings give a "
                f"provider a second name (`uses`)."
            )

    def _hooks_of(self, module: Any) -> dict[str, pluggy.HookImpl]:
        callers = [getattr(self._pluggy.hook, name) for name in HOOKS]
        return {
            caller.name: hook
            for caller in callers
            for hook in caller.get_hookimpls()
            if hook.plugin is module
        }


def _is_wanted(name: str, settings: Settings) -> bool:
    allowed = settings.allow_plugins is None or name in settings.allow_plugins
    return allowed and name not in settings.block_plugins


def source_of(entry: EntryPoint | PluginFile) -> str:
    """Returns the distribution, with its version, or the file that a plugin comes from."""
    if isinstance(entry, PluginFile):
        return entry.source
    return _name(entry.dist, with_version=True) if entry.dist else SOURCE_OF_BUILT_IN


def _name(distribution: Distribution, *, with_version: bool = False) -> str:
    fields: dict[str, str] = {}
    with suppress(Exception):  # there is no metadata, or it cannot be read
        metadata = distribution.metadata
        fields = {field: metadata[field] for field in ("Name", "Version") if field in metadata}
    name = fields.get("Name", "a distribution without a name")
    return f"{name} {fields['Version']}" if with_version and "Version" in fields else name


def _import(entry: EntryPoint | PluginFile) -> Any:
    if isinstance(entry, PluginFile):
        return _imported(entry, entry.path.name)
    if not EntryPoint.pattern.match(entry.value):
        raise PluginFault(
            f"Its entry point {entry.value!r} is not an import path: write module or module:object."
        )
    module, attr = entry.module, entry.attr
    try:
        return _imported(entry, entry.value)
    except PluginFault as fault:
        if isinstance(fault.__cause__, AttributeError) and attr and module in sys.modules:
            raise PluginFault(f"Its entry point names {attr}, which {module} does not have.") from None
        raise


def _imported(entry: EntryPoint | PluginFile, what: str) -> Any:
    try:
        with _as_plugin_fault(f"Importing {what}"):
            return entry.load()
    except PluginFault as fault:
        error = fault.__cause__
        if isinstance(error, ModuleNotFoundError) and error.name:
            if f"{entry.module}.".startswith(f"{error.name}."):
                raise PluginFault(f"Its module {error.name} is missing: install it again.") from None
            if isinstance(entry, PluginFile) and entry.path.with_name(f"{error.name}.py").is_file():
                raise PluginFault(
                    f"It imports {error.name}, the file beside it, which a single file cannot: put both into "
                    f"one file, or make a package of them."
                ) from None
            raise PluginFault(
                f"It needs the module {error.name}, which is not installed: install it."
            ) from None
        if isinstance(error, ImportError) and error.name:
            raise PluginFault(_lacking(entry.module, error, error.name)) from error
        raise


def _lacking(plugin: str, error: ImportError, module: str) -> str:
    """Returns what is wrong if a module does not have what is imported from it."""
    found = re.match(r"cannot import name '(\w+)'", str(error))
    what, place = found[1] if found else "something", _place(error)
    if "partially initialized module" in str(error):
        return f"Its modules import each other in a circle{place}: tell its author."
    close = difflib.get_close_matches(what, dir(sys.modules.get(module)), n=1)
    meant = f": it may mean {close[0]}" if close else ""
    is_own = module.partition(".")[0] == plugin.partition(".")[0]
    if is_own or close:
        whose = "its own " if is_own else ""
        return (
            f"It imports {what} from {whose}{module}, which does not have it{place}{meant}: tell its author."
        )
    lacks = f"It needs {what}, which the installed {module} does not have{place}"
    return f"{lacks}: install releases of the two that fit each other."


@contextmanager
def _as_plugin_fault(doing: str) -> Generator[None, None, None]:
    """Makes a fault of whatever a plugin's code raises."""
    try:
        yield
    except (PluginFault, KeyboardInterrupt):
        raise
    except BaseException as error:  # sys.exit at import among them
        raise PluginFault(
            f"{doing} raised {type(error).__name__}{_place(error)}: tell its author, or keep it out with "
            f"block_plugins."
        ) from error


def _place(error: BaseException) -> str:
    """Returns where an error was raised; the error's own text could contain anything."""
    if isinstance(error, SyntaxError):
        line = f", line {error.lineno}" if error.lineno else ""
        return f" ({PurePath(error.filename).name}{line})" if error.filename else ""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = PurePath(frame.filename)
        is_pythons = path.is_relative_to(_PYTHON) and "site-packages" not in path.parts
        if not is_pythons and not frame.filename.startswith("<") and path.parent != _OWN:
            return f" ({path.name}, line {frame.lineno})"
    return ""
