"""Tests of what a provider says of itself."""

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
from limner.testing.interpreter import Probed
from limner.testing.report import DESCRIBED, FIRST, TESTING, VERSION, blame
from limner.testing.samples import NO_SUCH, facts, refusal, refused_values, taken_values

MAX_SECONDS = 2.0
"""A description takes a thousandth of this; more means that it waits for something."""
_LIGHT = {"limner", "pluggy", "pydantic", "pydantic_core", "anyio"}


class DescribeTests(SuiteBase):
    """The hooks are those of the contract, and `describe` is quick, pure and true."""

    def test_the_hooks_are_those_of_the_contract(self) -> None:
        if self.plugin is None:
            blame(f"The class {type(self).__name__} names no plugin: say plugin = your_module.", TESTING)
        try:
            check_version(self.module)
        except PluginFault as fault:
            blame(str(fault), VERSION)
        except UNUSABLE as error:
            blame(
                f"Importing it raised {type(error).__name__}: leave what may fail to generate.", FIRST, error
            )
        try:
            _ = self.hooks
        except PluginFault as fault:
            blame(str(fault), FIRST)

    def test_describe_gives_facts_that_can_be_shown(self) -> None:
        try:
            info = check_info(self._describe)
        except PluginFault as fault:
            blame(str(fault), DESCRIBED)
        except Exception as error:
            blame(f"Its hook describe raised {type(error).__name__}.", DESCRIBED, error)
        url = info.credential.url if info.credential else None
        if url and not url.startswith(("https://", "http://")):
            blame(f"Its credential's url is {url!r}: write the address of a web page.", DESCRIBED)

    def test_describe_gives_the_same_facts_each_time(self) -> None:
        _ = self.info
        if _facts(self._describe()) != _facts(self._describe()):
            blame(
                "Its hook describe gives other facts the second time: state what does not change.",
                DESCRIBED,
            )

    def test_describe_is_quick_and_imports_no_sdk(self) -> None:
        probed = self._probed()
        foreign = [name for name in probed.imported if name not in {*_LIGHT, *self.light_imports}]
        own = _distributions(re.split("[.:]", self.import_path or "")[0]) if foreign else set[str]()
        heavy = [name for name in foreign if _distributions(name) - own]
        if heavy:
            blame(
                f"Importing it and its hook describe imports {', '.join(heavy)}: import that inside of "
                f"generate, or name it in light_imports where it costs next to nothing.",
                DESCRIBED,
            )
        if probed.seconds > MAX_SECONDS:
            blame(
                f"Its hook describe took {probed.seconds:.1f} seconds: state facts, and wait for nothing.",
                DESCRIBED,
            )

    def test_describe_opens_no_connection(self) -> None:
        if connections := self._probed().connections:
            blame(
                f"Importing it or its hook describe connects to {connections[0]}: state what is known "
                f"without asking.",
                DESCRIBED,
            )

    def test_the_options_are_what_their_schema_says(self, model: ModelInfo) -> None:
        options = self.info.options_of(model)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                schemas = option_schemas(options)
                json.dumps(schemas)
            except (UserWarning, TypeError, ValueError) as error:
                blame(f"The schema of {model.id}'s options is no JSON.", DESCRIBED, error)
        for name, schema in schemas.items():
            about = f"The option {name} of its model {model.id}"
            if "default" in schema and (why := refusal(options, name, schema["default"])):
                blame(f"{about} refuses its own default: {why}.", DESCRIBED)
            for value in taken_values(schema):
                if why := refusal(options, name, value):
                    blame(f"{about} refuses {value!r}, which its schema allows: {why}.", DESCRIBED)
            for value in refused_values(schema):
                if refusal(options, name, value) is None:
                    blame(f"{about} takes {value!r}, which its schema does not allow.", DESCRIBED)
        if refusal(options, NO_SUCH, 1) is None:
            blame(
                f"The options of its model {model.id} take what they do not declare: leave model_config as "
                f"limner.Options has it.",
                DESCRIBED,
            )

    @property
    def _describe(self) -> Callable[[], Any]:
        """The hook itself; skips the test where the test of the hooks fails."""
        try:
            return self.hooks["describe"]
        except UNUSABLE as error:
            pytest.skip(f"its hooks come first: {error}")

    def _probed(self) -> Probed:
        probed = self.probe()
        if probed is None or probed.is_missing:
            pytest.skip("a fresh interpreter cannot import it: give plugin as an import path")
        if probed.error and not probed.connections:
            blame(f"In a fresh interpreter it does not describe itself: {probed.error}.", DESCRIBED)
        return probed


def _facts(info: ProviderInfo) -> str:
    """Writes all that a provider says of itself as JSON; its options by their schema, not their class."""
    classes = {"options": True, "models": {"__all__": {"options"}}, "other_models": {"options"}}
    said = info.model_dump(mode="json", exclude=classes)
    models = (*info.models, *((info.other_models,) if info.other_models else ()))
    return json.dumps([said, [facts(info.options_of(model)) for model in models]], sort_keys=True)


def _distributions(module: str) -> set[str]:
    """Names the installed distributions that a top-level module comes from."""
    return {*_all_distributions().get(module, ())}


_all_distributions = cache(metadata.packages_distributions)
