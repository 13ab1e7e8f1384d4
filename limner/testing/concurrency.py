"""Tests of how a provider behaves on an event loop: cancelled, alone, and together with others."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

import pytest

from limner.errors import ContentFiltered, ProviderError
from limner.testing.base import SuiteBase
from limner.testing.loopback import Reply, Request
from limner.testing.report import REQUEST, TESTING, fail
from limner.testing.runner import CLEANUP, Call, Outcome, Runner, in_thread, on_a_loop
from limner.testing.samples import sizes_of

AT_ONCE = 4
HELD = 1.5
"""Seconds for which an answer is held back if the event loop is blocked meanwhile."""
READING = 0.1
"""Seconds for a provider to read the service's first answer before it is cancelled."""


class ConcurrencyTests(SuiteBase):
    """Cancelling stops the provider, and it may be called concurrently and on any event loop."""

    def test_cancelling_stops_it(self) -> None:
        request = self.request(options=self.slow_options or {})
        is_slow = self.has_service or self.slow_options is not None
        if not (self.is_async or is_slow):
            pytest.skip("it is a plain def: set slow_options to show that it ends when it is cancelled")

        async def cancel(runner: Runner) -> None:
            call, begun = runner.begin(request), time.monotonic()
            if self.has_service:
                await runner.wait_until(lambda: runner.service.requests or call.task.done(), 10)
            await asyncio.sleep(READING if is_slow else 0)
            if is_slow and call.task.done():
                await self._fail_as_too_quick(runner, call, time.monotonic() - begun)
            earlier = list(runner.service.requests) if self.has_service else []
            await self._cancel(call)
            if self.has_service and not await runner.wait_until(
                lambda: self.saw_cancellation(runner.service, earlier), 1
            ):
                fail(
                    "It was cancelled, but the service still works on the picture: close the connection, or "
                    "cancel the job at the service; if the service cannot tell, override saw_cancellation.",
                    REQUEST,
                )

        self.run(cancel, self.answer_slowly)

    async def _fail_as_too_quick(self, runner: Runner, call: Call, seconds: float) -> None:
        """Fails or skips the test of a call that ended although it should have been slow."""
        self._skip_if_it_never_looks(call.looks)
        if self.has_service and seconds > HELD:
            pytest.skip("it blocks the event loop, so nothing can cancel it: fix that first")
        await runner.outcome_of(call)
        fail(
            "The picture was made before it could be cancelled: override answer_slowly(request), or set "
            "slow_options.",
            TESTING,
        )

    async def _cancel(self, call: Call) -> None:
        call.cancel(self.is_async)
        ended, _ = await asyncio.wait({call.task}, timeout=CLEANUP)
        self._skip_if_it_never_looks([look for look in call.looks if look])
        instead = "let the CancelledError pass" if self.is_async else "raise CancelConfirmed"
        if not ended:
            fail(
                f"It still runs {CLEANUP:g} seconds after it was cancelled: {instead}; if the service is "
                f"polled for the picture, override answer_slowly.",
                REQUEST,
            )
        _, error = (None, None) if call.task.cancelled() else call.task.result()
        if error is not None and not isinstance(error, ContentFiltered | ProviderError):
            fail(f"Cancelled, it raised {type(error).__name__}: {instead}.", REQUEST, error)

    def _skip_if_it_never_looks(self, looks: list[bool]) -> None:
        """Ends the test of a plain def that does not look at `request.cancelled`, as a quick one need not."""
        if not (self.is_async or looks):
            if self.slow_options is not None:
                fail(
                    "It takes long and does not look at request.cancelled, so nothing can stop it: look "
                    "between its steps, and raise CancelConfirmed.",
                    REQUEST,
                )
            pytest.skip("it is a plain def that does not look at request.cancelled, so nothing can stop it")

    def test_a_plain_def_gives_up_by_itself(self) -> None:
        self.need_service()
        if self.is_async:
            pytest.skip("an async def is cancelled by the host")

        async def ask(runner: Runner) -> Outcome | None:
            call = runner.begin(self.request(timeout=0.5))
            ended, _ = await asyncio.wait({call.task}, timeout=0.5 + HELD)
            return await runner.outcome_of(call) if ended else None

        outcome = self.run(ask, self.answer_slowly)
        if outcome is None or outcome.category not in ("timeout", "unavailable"):
            result = f"ended as {outcome.category}" if outcome else "still holds its thread"
            fail(
                f"A request with timeout=0.5, to a service that does not answer, {result}: give your client "
                f'the request\'s timeout, and raise ProviderError("timeout") when it expires.',
                REQUEST,
                outcome.error if outcome else None,
            )

    def test_it_never_holds_up_the_event_loop(self) -> None:
        if not self.is_async:
            pytest.skip("it is a plain def, which runs in a thread of its own")
        if not self.has_service:
            self._find_long_step()
            return
        turns, held_up = 0.0, False

        async def answer(request: Request) -> Reply:
            nonlocal held_up
            turned, give_up = turns, time.monotonic() + HELD
            while turns < turned + 2 and not held_up:
                held_up = time.monotonic() > give_up
                await asyncio.sleep(0.002)
            return self.answer(request)

        async def ask(runner: Runner) -> None:
            nonlocal turns
            call = runner.begin(self.request())
            while not call.task.done():
                turns += 1
                await asyncio.sleep(0.002)
            turns = math.inf  # the picture may be fetched from the service now, of which nobody waits here
            await runner.outcome_of(call)

        self.run(ask, answer)
        if held_up:
            fail(
                "While it waits for the service, nothing else runs on the event loop: use an asynchronous "
                "client, or write generate as a plain def.",
                REQUEST,
            )

    def _find_long_step(self) -> None:
        """Fails the test if the event loop has once stood still while a provider without a service worked."""

        async def ask(runner: Runner) -> float:
            await runner.ask(self.request())  # imports, which the host has done before
            call, turned, longest = runner.begin(self.request()), time.monotonic(), 0.0
            while not call.task.done():
                await asyncio.sleep(0.002)
                longest, turned = max(longest, time.monotonic() - turned), time.monotonic()
            await runner.outcome_of(call)
            return longest

        if (longest := self.run(ask)) > HELD:
            fail(
                f"While it works, nothing else runs on the event loop for {longest:.1f} s: leave that to "
                "a thread (asyncio.to_thread), or write generate as a plain def.",
                REQUEST,
            )

    def test_it_may_be_called_concurrently(self) -> None:
        model = self.info.models[0]
        sizes: list[Any] = sorted(sizes_of(model), key=lambda size: size.pixels)[:2] or [None]
        prompts = [f"lighthouse-{number}-of-{AT_ONCE}" for number in range(AT_ONCE)]
        requests = [
            self.request(prompt=prompt, size=sizes[number % len(sizes)])
            for number, prompt in enumerate(prompts)
        ]

        async def at_once(runner: Runner) -> tuple[list[Outcome], list[str]]:
            calls = [runner.begin(request) for request in requests]
            outcomes = [await runner.end(call) for call in calls]
            sent = (
                [f"{sent.path} {sent.body!r}" for sent in runner.service.requests] if self.has_service else []
            )
            return outcomes, sent

        outcomes, sent = self.run(at_once)
        for outcome in outcomes:
            if outcome.result is None:
                fail(
                    f"Of {AT_ONCE} concurrent calls, one failed as {outcome.category}: keep the data of a "
                    f"request inside the function.",
                    REQUEST,
                    outcome.error,
                )
        if self.has_service:
            mixed = [prompt for prompt in prompts if not any(prompt in text for text in sent)]
        else:
            alone = self.ask(*requests)
            mixed = [one for one, other in zip(outcomes, alone, strict=True) if one.picture != other.picture]
        if mixed:
            fail(
                f"Of {AT_ONCE} concurrent calls, {len(mixed)} got mixed up with another: keep the data of a "
                f"request inside the function.",
                REQUEST,
            )

    def test_it_works_on_another_event_loop(self) -> None:
        request = self.request()

        async def beside_another(runner: Runner) -> list[Outcome]:
            async def ask() -> Outcome:
                return await runner.ask(request)

            return [await ask(), await in_thread(lambda: on_a_loop(ask)), await ask()]

        outcomes = [*self.run(beside_another), *self.ask(request)]
        for outcome in outcomes:
            if outcome.result is None:
                fail(
                    f"A call on a second event loop ended as {outcome.category}: keep asynchronous "
                    f"clients with limner.shared, which has one for each loop.",
                    REQUEST,
                    outcome.error,
                )
