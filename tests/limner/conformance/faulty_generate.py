"""Faulty in what becomes of a good request: each test class says which test fails, and with which words."""

from __future__ import annotations

import asyncio
from typing import Any

from paint import (
    Answered,
    AsyncDots,
    Client,
    Dots,
    DotsOptions,
    Paint,
)
from paint_suites import AsyncDotsSuite, DotsSuite, PaintSuite

from limner import (
    ImageRequest,
    ImageResult,
    ProviderInfo,
    hookimpl,
)
from limner.testing import Reply, Request, picture

DESCRIPTION = "Describing a provider"
REQUEST = "The request"
RESULT = "The result"
FAILS = "Failures"


class NoPicture(Paint):
    def result(self, *answered: Any) -> ImageResult:
        return ImageResult(super().result(*answered).metadata)  # pyright: ignore[reportArgumentType]


class TestNoPicture(PaintSuite):
    plugin = NoPicture()
    expected = "test_.+_(makes_a_picture|make_one)", "not a picture: The provider gave no picture", RESULT


class NoResult(Dots):
    def draw(self, request: ImageRequest) -> Any:
        return picture()


class TestNoResult(DotsSuite):
    plugin = NoResult()
    expected = "", "returned a bytes: write it so that it returns an ImageResult", RESULT


class IgnoresTheSeed(Dots):
    @hookimpl
    def describe(self) -> ProviderInfo:
        info = super().describe()
        return info.model_copy(update={"models": (info.models[0].model_copy(update={"seed": True}),)})


class TestIgnoresTheSeed(DotsSuite):
    plugin = IgnoresTheSeed()
    expected = "test_each_model_makes_a_picture", "Two seeds have made the same picture", DESCRIPTION


class Crashes(Dots):
    def draw(self, request: ImageRequest) -> Any:
        raise SystemExit("no paint left")


class TestCrashes(DotsSuite):
    plugin = Crashes()
    expected = "", "raised SystemExit, which is not an error of the contract", FAILS


class NeverEnds(AsyncDots):
    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        if request.options == DotsOptions():
            await asyncio.sleep(60)
        return await super().generate(request)


class TestNeverEnds(AsyncDotsSuite):
    plugin = NeverEnds()
    timeout = 0.1
    expected = "", "did not end within the 0.1 seconds", REQUEST


class DislikesInk(Paint):
    def body(self, request: ImageRequest) -> dict[str, Any]:
        body = super().body(request)
        return {**body, "oil": {"oil": 1}[body["style"]]}


class TestDislikesInk(PaintSuite):
    plugin = DislikesInk()
    expected = "test_(each_option_makes_a_picture|what_it_declares_it_sends)", "raised KeyError", FAILS


class OneSize(Dots):
    def draw(self, request: ImageRequest) -> ImageResult:
        return ImageResult(picture(32, 32))


class TestOneSize(DotsSuite):
    plugin = OneSize()
    expected = "test_each_(model|size|option)_makes_a_picture", "the picture has the size 32x32", RESULT


class ForgetsSteps(Paint):
    def body(self, request: ImageRequest) -> dict[str, Any]:
        return {**super().body(request), "steps": 20}


class TestForgetsSteps(PaintSuite):
    plugin = ForgetsSteps()
    expected = (
        "test_what_it_declares_it_sends",
        "The option steps of its model paint-1 changes nothing",
        DESCRIPTION,
    )


class ForgetsTheSeed(Paint):
    def body(self, request: ImageRequest) -> dict[str, Any]:
        return {**super().body(request), "seed": 1}


class TestForgetsTheSeed(PaintSuite):
    plugin = ForgetsTheSeed()
    expected = "test_what_it_declares_it_sends", "The seed of its model", DESCRIPTION


class KeepsAnObject(Dots):
    def draw(self, request: ImageRequest) -> ImageResult:
        return ImageResult(picture(*request.size or ()), metadata={"asked": request})


class TestKeepsAnObject(DotsSuite):
    plugin = KeepsAnObject()
    expected = (
        "test_the_rest_of_the_result_has_its_types",
        "metadata holds more than plain JSON",
        RESULT,
    )


class AsksElsewhere(Paint):
    async def post(self, request: ImageRequest) -> Answered:
        return await Client().post("https://api.paint.example/paint", {}, b"")


class TestAsksElsewhere(PaintSuite):
    plugin = AsksElsewhere()
    expected = "", "It connects to api.paint.example:443", "Testing"


class TestBrokenAnswer(PaintSuite):
    plugin = Paint()
    expected = "", "ZeroDivisionError", ""

    def answer(self, request: Request) -> Reply:
        return Reply(1 // 0)
