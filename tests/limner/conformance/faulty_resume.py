"""Faulty where a job is found again: each test class says which test fails, and with which words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from paint import Answered, Paint
from paint_suites import PaintSuite

from limner import CancelConfirmed, ImageRequest, ImageResult, ProviderError, hookimpl
from limner.testing import Loopback, Reply, Request

TEST, QUEUE = "test_a_job_is_found_again", "A provider with a queue"


class Queued(Paint):
    """A provider of a service that may answer with a job, which it is then asked for."""

    async def post(self, request: ImageRequest) -> Answered:
        answered = await super().post(request)
        job = _job_in(answered)
        if job is None:
            return answered
        await request.remember(self.handle(request, job))
        return await self.wait(request, job)

    @hookimpl
    async def resume(self, request: ImageRequest, handle: Any) -> ImageResult:
        return self.result(*await self.wait(request, handle["job"]))

    def handle(self, request: ImageRequest, job: int) -> dict[str, Any]:
        return {"job": job}

    async def wait(self, request: ImageRequest, job: int) -> Answered:
        try:
            while _job_in(answered := await self.ask(request, "look", job)) is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            if not self.is_left(request):
                await self.ask(request, "cancel", job)
                raise CancelConfirmed from None
            raise
        return answered

    def is_left(self, request: ImageRequest) -> bool:
        return request.handed_over

    async def ask(self, request: ImageRequest, what: str, job: int) -> Answered:
        headers = {"authorization": f"Bearer {self.key(request)}"}
        return await self.client().post(f"{request.base_url}/{what}", headers, json.dumps(job).encode())


def _job_in(answered: Answered) -> Any:
    try:
        said = json.loads(answered[2])
    except ValueError:
        return None
    return said.get("job") if isinstance(said, dict) else None


class QueuedSuite(PaintSuite):
    def answer_slowly(self, request: Request) -> Reply:
        return Reply(body={"job": 7})


class TestQueued(QueuedSuite):
    plugin = Queued()
    expected = None


class CancelsWhatIsHandedOver(Queued):
    def is_left(self, request: ImageRequest) -> bool:
        return False


class TestCancelsWhatIsHandedOver(QueuedSuite):
    plugin = CancelsWhatIsHandedOver()
    expected = TEST, "The job was cancelled at the service, although another process goes on", QUEUE


class RemembersTheKey(Queued):
    def handle(self, request: ImageRequest, job: int) -> dict[str, Any]:
        return {"job": job, "key": self.key(request)}


class TestRemembersTheKey(QueuedSuite):
    plugin = RemembersTheKey()
    expected = TEST, "It remembers a secret", QUEUE


class RemembersNoJson(Queued):
    def handle(self, request: ImageRequest, job: int) -> dict[str, Any]:
        return {"job": {job}}


class TestRemembersNoJson(QueuedSuite):
    plugin = RemembersNoJson()
    expected = TEST, "What it remembers is no plain JSON", QUEUE


class RemembersTooMuch(Queued):
    def handle(self, request: ImageRequest, job: int) -> dict[str, Any]:
        return {"job": job, "asked": [request.prompt] * 1_000}


class TestRemembersTooMuch(QueuedSuite):
    plugin = RemembersTooMuch()
    expected = TEST, "What it remembers has more than 10,000 characters", QUEUE


class BeginsAgain(Queued):
    @hookimpl
    async def resume(self, request: ImageRequest, handle: Any) -> ImageResult:
        return await self.generate(request)


class TestBeginsAgain(QueuedSuite):
    plugin = BeginsAgain()
    expected = TEST, "Its hook resume sent the request again", QUEUE


class GivesUp(Queued):
    @hookimpl
    async def resume(self, request: ImageRequest, handle: Any) -> ImageResult:
        raise ProviderError("provider")


class TestGivesUp(QueuedSuite):
    plugin = GivesUp()
    expected = TEST, "Its hook resume ended with provider", None


class RemembersForNobody(Queued):
    resume = None  # type: ignore[assignment]


class TestRemembersForNobody(QueuedSuite):
    plugin = RemembersForNobody()
    expected = TEST, "It remembers a job, and has no hook resume", QUEUE


class CannotCancel(Queued):
    def is_left(self, request: ImageRequest) -> bool:
        return True


class TestCannotCancel(QueuedSuite):
    plugin = CannotCancel()
    expected = None

    def saw_cancellation(self, service: Loopback, earlier: Sequence[Request]) -> bool:
        return True


class NeverRemembers(Queued):
    async def post(self, request: ImageRequest) -> Answered:
        answered = await Paint.post(self, request)
        job = _job_in(answered)
        return answered if job is None else await self.wait(request, job)


class TestNeverRemembers(QueuedSuite):
    plugin = NeverRemembers()
    expected = TEST, "It has a hook resume, and remembers no job", QUEUE
