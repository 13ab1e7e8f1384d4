"""Faulty on an event loop: each test class says which test fails, and with which words."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from contextlib import suppress
from urllib.parse import urlsplit

from paint import (
    Answered,
    AsyncDots,
    Client,
    Dots,
    Paint,
    StoppableDots,
)
from paint_suites import AsyncDotsSuite, DotsSuite, PaintSuite

from limner import (
    ImageRequest,
    ImageResult,
    ProviderError,
    hookimpl,
)
from limner.testing import Reply, Request, picture

REQUEST = "The request"


def post_and_block(paint: Paint, request: ImageRequest, timeout: float | None = None) -> Answered:
    connection = http.client.HTTPConnection(urlsplit(request.base_url or "").netloc, timeout=timeout)
    try:
        headers = {"authorization": f"Bearer {paint.key(request)}"}
        connection.request("POST", "/paint", json.dumps(paint.body(request)), headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError from error
    finally:
        connection.close()


class Unstoppable(Paint):
    async def post(self, request: ImageRequest) -> Answered:
        return await asyncio.to_thread(post_and_block, self, request)


class TestUnstoppable(PaintSuite):
    plugin = Unstoppable()
    expected = "test_cancelling_stops_it", "the service still works on the picture", REQUEST


class Stubborn(AsyncDots):
    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        late = request.options.model_dump()["outcome"] == "late"
        for _ in range(2 * late):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(1)
        return Dots.generate(self, request)


class TestStubborn(AsyncDotsSuite):
    plugin = Stubborn()
    expected = "test_cancelling_stops_it", "It still runs 0.3 seconds after it was cancelled", REQUEST


class StubbornInAThread(StoppableDots):
    def end(self, request: ImageRequest) -> None:
        pass  # it looks, and goes on


class TestStubbornInAThread(AsyncDotsSuite):
    plugin = StubbornInAThread()
    expected = "test_cancelling_stops_it", "It still runs 0.3 seconds after it was cancelled: raise", REQUEST


class EndsInAnyWay(StoppableDots):
    def end(self, request: ImageRequest) -> None:
        raise ValueError("stopped")


class TestEndsInAnyWay(AsyncDotsSuite):
    plugin = EndsInAnyWay()
    expected = "test_cancelling_stops_it", "it raised ValueError: raise CancelConfirmed", REQUEST


class LooksTooLate(StoppableDots):
    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:
        _ = request.cancelled
        return Dots.generate(self, request)


class TestLooksTooLate(AsyncDotsSuite):
    plugin = LooksTooLate()
    expected = "test_cancelling_stops_it", "was made before it could be cancelled", "Testing"


class NeverLooks(StoppableDots):
    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:
        time.sleep(0.5 * (request.options.model_dump()["outcome"] == "late"))
        return Dots.generate(self, request)


class TestNeverLooks(AsyncDotsSuite):
    plugin = NeverLooks()
    expected = "test_cancelling_stops_it", "does not look at request.cancelled", REQUEST


class TooQuick(AsyncDots):
    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        return Dots.generate(self, request)


class TestTooQuick(AsyncDotsSuite):
    plugin = TooQuick()
    expected = "test_cancelling_stops_it", "was made before it could be cancelled", "Testing"


class Blocks(Paint):
    async def post(self, request: ImageRequest) -> Answered:
        return post_and_block(self, request)


class TestBlocks(PaintSuite):
    plugin = Blocks()
    expected = "test_it_never_holds_up_the_event_loop", "nothing else runs on the event loop", REQUEST

    def answer_slowly(self, request: Request) -> Reply:
        return Reply(delay=0.5)


class Waits(Paint):
    timeout: float | None = None

    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:  # pyright: ignore[reportIncompatibleMethodOverride]
        timeout = None if self.timeout is None else request.timeout
        try:
            return self.result(*post_and_block(self, request, timeout))
        except TimeoutError as error:
            raise ProviderError("timeout") from error
        except OSError as error:
            raise ProviderError("unavailable") from error


class WaitsInBounds(Waits):
    timeout = 1


class TestWaits(PaintSuite):
    plugin = Waits()
    expected = "test_a_plain_def_gives_up_by_itself", "still holds its thread", REQUEST


class TestWaitsInBounds(PaintSuite):
    plugin = WaitsInBounds()
    expected = None


class MixesUp(Paint):
    async def post(self, request: ImageRequest) -> Answered:
        self.request = request
        await asyncio.sleep(0)
        return await super().post(self.request)


class TestMixesUp(PaintSuite):
    plugin = MixesUp()
    expected = "test_it_may_be_called_concurrently", "3 got mixed up with another", REQUEST


class MixesUpSizes(Dots):
    size, turn = None, threading.Barrier(4)

    def draw(self, request: ImageRequest) -> ImageResult:
        if request.prompt.startswith("lighthouse-") and self.turn.n_waiting < 4:
            self.size = request.size
            try:
                self.turn.wait(0.2)
            except threading.BrokenBarrierError:
                return super().draw(request)
            return ImageResult(picture(*self.size or ()))
        return super().draw(request)


class TestMixesUpSizes(DotsSuite):
    plugin = MixesUpSizes()
    expected = "test_it_may_be_called_concurrently", "2 got mixed up with another", REQUEST


class BoundClient(Client):
    """Waits for something of the loop on which it asked a server first, as the clients of the SDKs do."""

    def __init__(self) -> None:
        super().__init__()
        self.loops: dict[str, asyncio.AbstractEventLoop] = {}

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Answered:
        loop = asyncio.get_running_loop()
        server = urlsplit(url).netloc
        if server in self.loops and self.loops[server].is_closed():  # another server has got its port
            del self.loops[server]
        turn = self.loops.setdefault(server, loop).create_future()
        if turn.get_loop() is loop:
            turn.set_result(None)
        await turn
        return await super().post(url, headers, body)


class OneClient(Paint):
    def __init__(self) -> None:
        self.only = BoundClient()

    def client(self) -> Client:
        return self.only


class TestOneClient(PaintSuite):
    plugin = OneClient()
    expected = "test_it_works_on_another_event_loop", "belongs to another event loop", REQUEST


class NeverEnds(AsyncDots):
    """It takes every cancellation for a reason to go on."""

    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        while request.options.model_dump()["outcome"] == "late":
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)
        return await super().generate(request)


class TestNeverEnds(AsyncDotsSuite):
    plugin = NeverEnds()
    expected = "test_cancelling_stops_it", "It still runs 0.3 seconds after it was cancelled", REQUEST


class BlocksWithoutAService(AsyncDots):
    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        time.sleep(0.4)  # noqa: ASYNC251
        return await super().generate(request)


class TestBlocksWithoutAService(AsyncDotsSuite):
    plugin = BlocksWithoutAService()
    expected = "test_it_never_holds_up_the_event_loop", "nothing else runs on the event loop for 0.4", REQUEST


class SaysLoop(Dots):
    """Its own error has a word in it that those of asyncio have, too."""

    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:
        raise RuntimeError("the colour loop has no end")


class TestSaysLoop(DotsSuite):
    plugin = SaysLoop()
    expected = "test_", "raised RuntimeError, which is not an error", "Failures"
