"""Faulty in how they fail: each test class says which test fails, and with which words."""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar

from paint import (
    Answered,
    Dots,
    Paint,
)
from paint_suites import DotsSuite, PaintSuite

from limner import (
    ImageRequest,
    ImageResult,
    ProviderError,
    hookimpl,
)
from limner.testing import Reply

FAILS = "Failures"


class NoRateLimit(Paint):
    def result(self, status: int, *answered: Any) -> ImageResult:
        return super().result(400 if status == 429 else status, *answered)


class TestNoRateLimit(PaintSuite):
    plugin = NoRateLimit()
    expected = "test_each_failure_has_its_category", "rate-limit was reported as bad-response", FAILS


class NoWait(Paint):
    def result(self, status: int, headers: dict[str, str], content: bytes) -> ImageResult:
        return super().result(status, {}, content)


class TestNoWait(PaintSuite):
    plugin = NoWait()
    expected = "test_each_failure_has_its_category", "retry_after is 0.0", FAILS


class TestMisspeltFailure(DotsSuite):
    plugin = Dots()
    failures: ClassVar = {"ratelimit": {"outcome": "quota"}}
    expected = "test_each_failure_has_its_category", "has a failure 'ratelimit'", "Testing"


class TestNoAnswer(DotsSuite):
    plugin = Dots()
    failures: ClassVar = {"quota": {"outcome": "quota"}, "rate-limit": Reply(429)}
    expected = "test_each_failure_has_its_category", "override answer", "Testing"


class TrustsTheForm(Paint):
    def result(self, status: int, headers: dict[str, str], content: bytes) -> ImageResult:
        json.loads(content or b"{}")
        return super().result(status, headers, content)


class TestTrustsTheForm(PaintSuite):
    plugin = TrustsTheForm()
    expected = (
        "test_(a_strange_answer|the_.+_in_no_text|what_may|it_writes)",
        "raised JSONDecode",
        FAILS,
    )


class WrongCategory(Paint):
    def result(self, *answered: Any) -> ImageResult:
        try:
            return super().result(*answered)
        except ProviderError as error:
            raise ProviderError("provider" if error.category == "bad-response" else error.category) from error


class TestWrongCategory(PaintSuite):
    plugin = WrongCategory()
    failures: ClassVar = {}
    expected = "test_a_strange_answer_is_a_failure_of_the_contract", "was reported as provider", FAILS


class Unreachable(Paint):
    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        return self.result(*await self.post(request))


class TestUnreachable(PaintSuite):
    plugin = Unreachable()
    expected = (
        "test_(a_service_out_of_reach|what_may_have_run)",
        "raised (ConnectionRefused|IncompleteRead)Error",
        FAILS,
    )


class Impatient(Paint):
    async def post(self, request: ImageRequest) -> Answered:
        for attempt in range(3):
            try:
                answered = await super().post(request)
                if answered[0] != 500 or attempt == 2:
                    return answered
            except (OSError, asyncio.IncompleteReadError):
                if attempt == 2:
                    raise
        raise AssertionError


class TestImpatient(PaintSuite):
    plugin = Impatient()
    expected = "test_what_may_have_run_is_not_sent_again", "was sent 3 times", FAILS


class Certain(Paint):
    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        try:
            return await super().generate(request)
        except ProviderError as error:
            error.did_not_run = True
            raise


class TestCertain(PaintSuite):
    plugin = Certain()
    expected = "test_what_may_have_run_is_not_sent_again", "has did_not_run=True", FAILS
