"""Tests of how a provider describes itself."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from functools import cache
from importlib import metadata
from typing import Any

import pytest

from limner.checks import PluginFault, check_info, check_version
from limner.info import ModelInfo, ProviderInfo
from limner.options import option_schemas
from limner.testing.base import UNUSABLE, SuiteBase
from limner.testing.interpreter import FreshDescription
from limner.testing.report import DESCRIPTION, FIRST_PLUGIN, TESTING, VERSION, fail
from limner.testing.samples import UNKNOWN, accepted_values, options_as_json, rejected_values, rejection

MAX_SECONDS = 2.0
"""A description takes a thousandth of this; more means that it is waiting for something."""
_LIGHT = {"limner", "pluggy", "pydantic", "pydantic_core", "anyio"}


class DescribeTests(SuiteBase):
    """The hooks are those of the contract, and `describe` is fast, pure and correct."""

    def test_the_hooks_are_those_of_the_contract(self) -> None:
        if self.plugin is None:
            fail(f"The class {type(self).__name__} names no plugin: set plugin = your_module.", TESTING)
        try:
            check_version(self.module)
        except PluginFault as fault:
            fail(str(fault), VERSION)
        except UNUSABLE as error:
            fail(
                f"Importing it raised {type(error).__name__}: move what may fail into generate.",
                FIRST_PLUGIN,
                error,
            )
        try:
            _ = self.hooks
        except PluginFault as fault:
            fail(str(fault), FIRST_PLUGIN)

    def test_describe_gives_facts_that_can_be_shown(self) -> None:
        try:
            info = check_info(self._describe)
        except PluginFault as fault:
            fail(str(fault), DESCRIPTION)
        except Exception as error:
            fail(f"Its hook describe raised {type(error).__name__}.", DESCRIPTION, error)
        url = info.credential.url if info.credential else None
        if url and not url.startswith(("https://", "http://")):
            fail(f"Its credential's url is {url!r}: write the address of a web page.", DESCRIPTION)

    def test_describe_gives_the_same_facts_each_time(self) -> None:
        _ = self.info
        if _facts(self._describe()) != _facts(self._describe()):
            fail(
                "Its hook describe returns different facts the second time: state only what does not change.",
                DESCRIPTION,
            )

    def test_describe_is_quick_and_imports_no_sdk(self) -> None:
        fresh = self._fresh_description()
        foreign = [name for name in fresh.imported if name not in {*_LIGHT, *self.light_imports}]
        own = _distributions(re.split("[.:]", self.import_path or "")[0]) if foreign else set[str]()
        heavy = [name for name in foreign if _distributions(name) - own]
        if heavy:
            fail(
                f"Importing it and its hook describe imports {', '.join(heavy)}: import that inside "
                f"generate, or name it in light_imports if it loads fast.",
                DESCRIPTION,
            )
        if fresh.seconds > MAX_SECONDS:
            fail(
                f"Its hook describe took {fresh.seconds:.1f} seconds: state facts, and wait for nothing.",
                DESCRIPTION,
            )

    def test_describe_opens_no_connection(self) -> None:
        if connections := self._fresh_description().connections:
            fail(
                f"Importing it or its hook describe connects to {connections[0]}: state what is known "
                f"without a connection.",
                DESCRIPTION,
            )

    def test_the_options_are_what_their_schema_says(self, model: ModelInfo) -> None:
        options = self.info.options_of(model)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                schemas = option_schemas(options)
                json.dumps(schemas)
            except (UserWarning, TypeError, ValueError) as error:
                fail(f"The schema of {model.id}'s options is not JSON.", DESCRIPTION, error)
        for name, schema in schemas.items():
            about = f"The option {name} of its model {model.id}"
            if "default" in schema and (why := rejection(options, name, schema["default"])):
                fail(f"{about} rejects its own default: {why}.", DESCRIPTION)
            for value in accepted_values(schema):
                if why := rejection(options, name, value):
                    fail(f"{about} rejects {value!r}, which its schema allows: {why}.", DESCRIPTION)
            for value in rejected_values(schema):
                if rejection(options, name, value) is None:
                    fail(f"{about} accepts {value!r}, which its schema does not allow.", DESCRIPTION)
        if rejection(options, UNKNOWN, 1) is None:
            fail(
                f"The options of its model {model.id} accept what they do not declare: keep the model_config "
                f"of limner.Options.",
                DESCRIPTION,
            )

    @property
    def _describe(self) -> Callable[[], Any]:
        """The hook itself; skips the test if there is none, which the test of the hooks reports."""
        try:
            return self.hooks["describe"]
        except UNUSABLE as error:
            pytest.skip(f"its hooks must be fixed first: {error}")

    def _fresh_description(self) -> FreshDescription:
        fresh = self.describe_in_fresh_interpreter()
        if fresh is None or fresh.is_missing:
            pytest.skip("a fresh interpreter cannot import it: set plugin to an import path")
        if fresh.error and not fresh.connections:
            fail(f"In a fresh interpreter it does not describe itself: {fresh.error}.", DESCRIPTION)
        return fresh


def _facts(info: ProviderInfo) -> str:
    """Returns a provider's whole description as JSON; options and settings as schemas, not classes."""
    own = {"options", "settings"}
    classes = dict.fromkeys(own, True) | {"models": {"__all__": {"options"}}, "other_models": {"options"}}
    facts = info.model_dump(mode="json", exclude=classes)
    models = (*info.models, *((info.other_models,) if info.other_models else ()))
    options = [options_as_json(info.options_of(model)) for model in models]
    settings = info.settings.model_json_schema() if info.settings else None
    return json.dumps([facts, options, settings], sort_keys=True)


def _distributions(module: str) -> set[str]:
    """Returns the installed distributions that have this top-level module."""
    return {*_all_distributions().get(module, ())}


_all_distributions = cache(metadata.packages_distributions)
