"""Faulty in what they say of themselves: each test class says which test fails, and with which words."""

from __future__ import annotations

import itertools
from typing import Any

from paint import (
    Dots,
    Paint,
    PaintOptions,
)
from paint_suites import DotsSuite, PaintSuite
from pydantic import Field

from limner import (
    ImageRequest,
    ImageResult,
    Options,
    ProviderInfo,
    hookimpl,
)
from limner.testing import ProviderSuite

DESCRIPTION = "Describing a provider"


class TestNoPlugin(ProviderSuite):
    expected = "test_the_hooks_are_those_of_the_contract", "names no plugin", "Testing"


class TestNotInstalled(ProviderSuite):
    plugin = "limner_nowhere"
    expected = (
        "test_the_hooks_are_those_of_the_contract",
        "Importing it raised ModuleNotFound",
        "A first provider",
    )


class Undecorated(Dots):
    def generate(self, request: ImageRequest) -> ImageResult:
        return self.draw(request)


class TestUndecorated(DotsSuite):
    plugin = Undecorated()
    expected = "test_the_hooks_are_those_of_the_contract", "put @hookimpl from limner", "A first provider"


class AnotherContract(Dots):
    limner_contract = 2


class TestAnotherContract(DotsSuite):
    plugin = AnotherContract()
    expected = "test_the_hooks_are_those_of_the_contract", "needs version 2", "The contract's version"


class SaysNothing(Dots):
    @hookimpl
    def describe(self) -> Any:
        return {"label": "Dots"}


class TestSaysNothing(DotsSuite):
    plugin = SaysNothing()
    expected = "test_describe_gives_facts_that_can_be_shown", "returned a dict", DESCRIPTION


class LeadsNowhere(Paint):
    url = "paint.example/keys"


class TestLeadsNowhere(PaintSuite):
    plugin = LeadsNowhere()
    expected = "test_describe_gives_facts_that_can_be_shown", "'paint.example/keys'", DESCRIPTION


class ChangesItsMind(Dots):
    count = itertools.count()

    @hookimpl
    def describe(self) -> ProviderInfo:
        return super().describe().model_copy(update={"label": f"Dots {next(self.count)}"})


class TestChangesItsMind(DotsSuite):
    plugin = ChangesItsMind()
    expected = "test_describe_gives_the_same_facts_each_time", "different facts the second time", DESCRIPTION


class TestImportsAnSdk(DotsSuite):
    plugin = "imports_an_sdk"
    expected = "test_describe_is_quick_and_imports_no_sdk", "imports PIL", DESCRIPTION


class TestDescribesSlowly(DotsSuite):
    plugin = "describes_slowly"
    expected = "test_describe_is_quick_and_imports_no_sdk", "took 2.1 seconds", DESCRIPTION


class TestAsksInDescribe(DotsSuite):
    plugin = "asks_in_describe"
    expected = "test_describe_opens_no_connection", "connects to models.example", DESCRIPTION


class AnyOptions(PaintOptions, extra="allow"):
    pass


class WrongDefault(PaintOptions):
    steps: int = Field(default=0, ge=1, le=50)


class LyingSchema(PaintOptions):
    style: str = Field(default="oil", pattern="^(oil|ink)$", json_schema_extra={"enum": ["oil", "chalk"]})  # pyright: ignore


class WithOptions(Paint):
    def __init__(self, options: type[Options]) -> None:
        self.options = options


class TestTakesAnything(PaintSuite):
    plugin = WithOptions(AnyOptions)
    expected = "test_the_options_are_what_their_schema_says", "accept what they do not declare", DESCRIPTION


class TestWrongDefault(PaintSuite):
    plugin = WithOptions(WrongDefault)
    expected = (
        "test_the_options_are_what_their_schema_says",
        "steps of its model paint-1 rejects its own",
        DESCRIPTION,
    )


class TestLyingSchema(PaintSuite):
    plugin = WithOptions(LyingSchema)
    expected = (
        "test_the_options_are_what_their_schema_says",
        "rejects 'chalk', which its schema allows",
        DESCRIPTION,
    )
