"""Faulty in what they tell: each test class says which test fails, and with which words."""

from __future__ import annotations

import logging
import os
from typing import Any

from paint import (
    Answered,
    Dots,
    Paint,
    Signed,
)
from paint_suites import DotsSuite, PaintSuite

from limner import (
    ImageRequest,
    ImageResult,
    ProviderError,
    failure_without_answer,
)

REQUEST = "The request"
FAILS = "Failures"
IN_NO_TEXT = "test_the_(credential_is|pictures_are)_in_no_text"


class Gossips(Paint):
    async def post(self, request: ImageRequest) -> Answered:
        self.last = self.key(request)
        return await super().post(request)

    def result(self, *answered: Any) -> ImageResult:
        return ImageResult(super().result(*answered).image, metadata={"authorization": self.last})


class TestGossips(PaintSuite):
    plugin = Gossips()
    expected = "test_the_credential_is_in_no_text", "is in the result's metadata", FAILS


class Remembers(Gossips):
    def result(self, *answered: Any) -> ImageResult:
        return ImageResult(super().result(*answered).image, continuation={"key": self.last})


class TestRemembers(PaintSuite):
    plugin = Remembers()
    expected = "test_the_credential_is_in_no_text", "is in the result's continuation", FAILS


class Reports(Paint):
    async def post(self, request: ImageRequest) -> Answered:
        request.report(f"asking with {self.key(request)}")
        return await super().post(request)


class TestReports(PaintSuite):
    plugin = Reports()
    expected = "test_the_credential_is_in_no_text", "is in a progress report", FAILS


class Logs(Paint):
    def result(self, status: int, headers: dict[str, str], content: bytes) -> ImageResult:
        logging.getLogger("paint").info("answered %s %s", status, content[:200])
        return super().result(status, headers, content)


class TestLogs(PaintSuite):
    plugin = Logs()
    expected = IN_NO_TEXT, "is in a line of its log", FAILS


class Speaks(ProviderError):
    def __str__(self) -> str:
        return f"{self.category}: {self.__cause__}"


class Quotes(Paint):
    def result(self, status: int, headers: dict[str, str], content: bytes) -> ImageResult:
        try:
            return super().result(status, headers, content)
        except ProviderError as error:
            raise Speaks(error.category, retry_after=error.retry_after) from ValueError(content)


class TestQuotes(PaintSuite):
    plugin = Quotes()
    expected = IN_NO_TEXT, "is in the error's text", FAILS


class Follows(Paint):
    async def post(self, request: ImageRequest) -> Answered:
        status, headers, content = await super().post(request)
        if "location" in headers:
            return await self.client().post(headers["location"], {"x-api-key": self.key(request)}, b"")
        return status, headers, content


class TestFollows(PaintSuite):
    plugin = Follows()
    expected = "test_the_credential_goes_to_the_service_alone", "sends the credential along", REQUEST


class ReadsTheEnvironment(Paint):
    def key(self, request: ImageRequest) -> str:
        return super().key(request) or os.environ.get("PAINT_API_KEY", "")


class TestReadsTheEnvironment(PaintSuite):
    plugin = ReadsTheEnvironment()
    expected = "test_it_takes_no_key_from_the_environment", "It sends what is in PAINT_API_KEY", REQUEST


class TellsItsSecondPart(Signed):
    async def post(self, request: ImageRequest) -> Answered:
        self.last = request.key_for_header("PAINT_SECRET_KEY")
        return await super().post(request)

    def result(self, *answered: Any) -> ImageResult:
        return ImageResult(super().result(*answered).image, metadata={"signed": f"with {self.last}"})


class TestTellsItsSecondPart(PaintSuite):
    plugin = TellsItsSecondPart()
    expected = "test_the_credential_is_in_no_text", "is in the result's metadata", FAILS


class ReadsItsSecondPart(Signed):
    def key(self, request: ImageRequest) -> str:
        return f"{super().key(request)}:{os.environ.get('PAINT_SECRET_KEY', '')}"


class TestReadsItsSecondPart(PaintSuite):
    plugin = ReadsItsSecondPart()
    expected = "test_it_takes_no_key_from_the_environment", "PAINT_ACCESS_KEY or PAINT_SECRET_KEY", REQUEST


class NeedsWhatIsOptional(Signed):
    def key(self, request: ImageRequest) -> str:
        if "PAINT_SESSION" not in request.credentials:
            raise ProviderError("auth", did_not_run=True)
        return super().key(request)


class TestNeedsWhatIsOptional(PaintSuite):
    plugin = NeedsWhatIsOptional()
    expected = "test_it_works_without_what_is_optional", "Without PAINT_SESSION, which it declares", REQUEST


class Prints(Dots):
    def draw(self, request: ImageRequest) -> ImageResult:
        print("drawing", request.prompt)
        return super().draw(request)


class TestPrints(DotsSuite):
    plugin = Prints()
    expected = "test_it_writes_nothing_to_standard_output", "'drawing a lighthouse at dusk", REQUEST


class TestGreets(DotsSuite):
    plugin = "greets"
    expected = "test_it_writes_nothing_to_standard_output", "'Welcome to Dots!", REQUEST


class KeepsTheFirstKey(Paint):
    """It has one client for everybody, made with the key of whoever came first."""

    first: str | None = None

    def key(self, request: ImageRequest) -> str:
        self.first = self.first or super().key(request)
        return self.first


class TestKeepsTheFirstKey(PaintSuite):
    plugin = KeepsTheFirstKey()
    expected = "test_each_request_has_its_own_credential", "with the key of an earlier request", REQUEST


class LocalProtocolError(Exception):
    """As that of httpx, for a header with nothing after its word."""


class SendsAnEmptyKey(Paint):
    async def post(self, request: ImageRequest) -> Answered:
        if not self.key(request):
            raise failure_without_answer(LocalProtocolError("Illegal header value b'Bearer '"))
        return await super().post(request)


class TestSendsAnEmptyKey(PaintSuite):
    plugin = SendsAnEmptyKey()
    expected = "test_an_address_without_a_key", "leave the header out", REQUEST
