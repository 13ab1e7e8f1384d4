"""Checks a plugin before it is called for the first time: in the host and in tests."""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pluggy
from pydantic import ValidationError

from limner.hookspecs import CONTRACT
from limner.info import ProviderInfo
from limner.options import Options, option_schemas


class PluginFault(Exception):
    """A plugin that cannot be used; the text states what is wrong and how to fix it."""


@dataclass(frozen=True)
class Hook:
    """The expected signature of one hook of `limner.hookspecs`."""

    arguments: tuple[str, ...]
    returns: str
    may_be_async: bool = False


HOOKS = {
    "describe": Hook((), "a ProviderInfo"),
    "generate": Hook(("request",), "an ImageResult", may_be_async=True),
    "load": Hook(("request",), "nothing", may_be_async=True),
    "resume": Hook(("request", "handle"), "an ImageResult", may_be_async=True),
    "moderate": Hook(("request",), "nothing", may_be_async=True),
    "wrap": Hook(("generate",), "an async function"),
}


def check_version(plugin: Any) -> None:
    """Raises PluginFault for a plugin that was written for another version of the contract."""
    needed = getattr(plugin, "limner_contract", CONTRACT)
    if needed != CONTRACT:
        raise PluginFault(
            f"It needs version {str(needed)[:20]} of the contract, and this Limner has version {CONTRACT}: "
            f"install a release of one of them that fits the other."
        )


def check_hooks(manager: pluggy.PluginManager, plugin: Any) -> dict[str, Callable[..., Any]]:
    """Returns a plugin's hooks; raises PluginFault for those that pluggy would reject or call wrongly."""
    if inspect.isclass(plugin):
        raise PluginFault(f"Its entry point names the class {plugin.__name__}: name an object of that class.")
    try:
        hash(plugin)
    except TypeError:
        raise PluginFault("Its object cannot be hashed: make its class a @dataclass(eq=False).") from None
    hooks: dict[str, Callable[..., Any]] = {}
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is None:
            continue
        hook = options.get("specname") or attribute
        if hook in HOOKS:
            if hook in hooks:
                raise PluginFault(f"It has two functions for the hook {hook}: keep one of them.")
            if options.get("wrapper") or options.get("hookwrapper"):
                raise PluginFault(
                    f"Its hook {hook} is one of pluggy's wrappers: write a plain one; the hook wrap is what "
                    f"runs around every picture."
                )
            hooks[hook] = getattr(plugin, attribute)
            _check_form(hook, hooks[hook])
        elif not options.get("optionalhook"):
            raise PluginFault(f"It has a hook {hook}, which does not exist{_suggestion(hook)}")
    _check_decorators(plugin, hooks)
    _check_complete(plugin, hooks)
    return hooks


def _check_form(name: str, function: Callable[..., Any]) -> None:
    hook = HOOKS[name]
    if _arguments(function) != hook.arguments:
        raise PluginFault(
            f"Its hook {name} has the wrong signature: write it as {name}({', '.join(hook.arguments)})."
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise PluginFault(f"Its hook {name} yields: write it so that it returns {hook.returns}.")
    if inspect.iscoroutinefunction(function) and not hook.may_be_async:
        raise PluginFault(
            f"Its hook {name} is an async def: write it as a plain def that returns {hook.returns}."
        )


def _arguments(function: Callable[..., Any]) -> tuple[str, ...]:
    """Returns the arguments that a call must pass, those that pluggy cannot pass (keyword-only) with =."""
    return tuple(
        f"{parameter.name}=" if parameter.kind is parameter.KEYWORD_ONLY else parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    )


def _check_decorators(plugin: Any, hooks: Collection[str]) -> None:
    """Raises PluginFault for a hook without its decorator, which would silently do nothing."""
    for name in HOOKS.keys() - set(hooks):
        function = getattr(plugin, name, None)
        if not inspect.isroutine(function) or _arguments(function) != HOOKS[name].arguments:
            continue
        if not isinstance(plugin, ModuleType) or function.__module__ == plugin.__name__:
            raise PluginFault(f"Its function {name} is not a hook yet: put @hookimpl from limner above it.")


def _class_with_hooks(module: ModuleType) -> str | None:
    """Returns the name of a class of the module that has hooks, if there is one."""
    kinds = [
        one for one in vars(module).values() if inspect.isclass(one) and one.__module__ == module.__name__
    ]
    return next((kind.__name__ for kind in kinds if HOOKS.keys() & vars(kind).keys()), None)


def _check_complete(plugin: Any, hooks: Collection[str]) -> None:
    if not hooks and inspect.ismodule(plugin) and (kind := _class_with_hooks(plugin)):
        raise PluginFault(
            f"Its hooks are in the class {kind}: make an object of it, and name that in the entry point."
        )
    if not hooks:
        raise PluginFault(
            "It has no hooks: a provider has describe and generate, a middleware has wrap, each with "
            "@hookimpl from limner above it."
        )
    needs = {
        "describe": "generate",
        "generate": "describe",
        "load": "generate",
        "resume": "generate",
        "moderate": "describe",
    }
    for one, other in needs.items():
        if one in hooks and other not in hooks:
            raise PluginFault(f"It has the hook {one} but not {other}: a provider has both.")


def _suggestion(hook: str) -> str:
    close = difflib.get_close_matches(hook, HOOKS, n=1)
    return f": did you mean {close[0]}?" if close else f": the hooks are {', '.join(HOOKS)}."


def check_info(describe: Callable[[], Any]) -> ProviderInfo:
    """Calls a provider's `describe`, and raises PluginFault for an answer that the page could not show."""
    try:
        info = describe()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = [str(part) for part in first["loc"]]  # besides names and numbers it holds pydantic's own words
        field = ".".join([error.title, *(part for part in path if part.isidentifier() or part.isdigit())])
        reason = first["msg"].removeprefix("Value error, ")
        raise PluginFault(f"Its hook describe returns a wrong {field}: {reason}.") from error
    if not isinstance(info, ProviderInfo):
        raise PluginFault(
            f"Its hook describe returned a {type(info).__name__}: write it so that it returns a ProviderInfo."
        )
    first_with: dict[type[Options], str] = {}  # many models share a class
    for model in (*info.models, *((info.other_models,) if info.other_models else ())):
        first_with.setdefault(info.options_of(model), model.id)
    for options, model_id in first_with.items():
        _check_options(options, model_id)
    return info


def _check_options(options: type[Any], model: str) -> None:
    required = [name for name, field in options.model_fields.items() if field.is_required()]
    if required:
        raise PluginFault(f"The option {required[0]} of its model {model} has no default: give it one.")
    try:
        options()
        schemas = option_schemas(options)
    except Exception as error:
        raise PluginFault(
            f"The options of its model {model} cannot be drawn ({type(error).__name__}): give each a type "
            f"that has a JSON schema, and a default that fits it."
        ) from error
    for name, schema in schemas.items():
        if '"format": "password"' in json.dumps(schema):
            raise PluginFault(
                f"The option {name} of its model {model} is a secret, and options are stored and shown: "
                f"describe a Credential for it."
            )
