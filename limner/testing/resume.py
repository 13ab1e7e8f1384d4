"""Tests of what a provider remembers: another process finds the job again, and begins no other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from limner.request import MAX_HANDLE, Done
from limner.testing.base import SuiteBase
from limner.testing.loopback import Reply, Request
from limner.testing.report import QUEUE, TESTING, fail
from limner.testing.runner import CLEANUP, Runner

READING = 1.0
"""Seconds for a provider to look at its job before the process ends."""
PATIENCE = 5.0
"""Seconds for a provider to remember its job."""


class ResumeTests(SuiteBase):
    """A provider with the hook `resume` finds the job that `generate` has begun in a process that ended."""

    def test_a_job_is_found_again_and_not_begun_again(self) -> None:
        self.need_service()
        if "resume" not in self.hooks:
            self._find_no_handle()
            pytest.skip("it has no hook resume, which is for services that accept a job and are asked for it")
        handles: list[Any] = []
        is_slow = [True]

        def answer(request: Request) -> Reply:
            return self.answer_slowly(request) if is_slow[0] else self.answer(request)

        async def in_two_processes(runner: Runner) -> None:
            begun: list[Request] = []

            def remember(handle: Any) -> Awaitable[None]:
                begun[:] = (one for one in runner.service.requests if one.method == "POST")
                handles.append(handle)
                return Done()

            asked = self.request()
            call = runner.begin(replace(asked, on_handle=remember, is_handed_over=lambda: bool(handles)))
            await runner.wait_until(lambda: handles or call.task.done(), PATIENCE)
            if not handles:
                call.task.cancel()
                await asyncio.wait({call.task}, timeout=CLEANUP)
                if type(self).answer_slowly is not SuiteBase.answer_slowly:
                    fail(
                        "It has a hook resume, and remembers no job: call request.remember as soon as the "
                        "service has accepted it.",
                        QUEUE,
                    )
                pytest.skip(
                    "it remembered nothing: if the service accepts jobs, let answer_slowly accept one, and "
                    "call request.remember as soon as it has"
                )
            handle = self._as_kept(handles[-1])
            looked = len(runner.service.requests)
            await runner.wait_until(lambda: len(runner.service.requests) > looked, READING)
            earlier = list(runner.service.requests)
            call.task.cancel()
            await asyncio.wait({call.task}, timeout=CLEANUP)
            if (
                self.is_async
                and SuiteBase.saw_cancellation(self, runner.service, earlier)
                and self.saw_cancellation(runner.service, earlier)
                and runner.service.disconnects == 0
            ):
                fail(
                    "The job was cancelled at the service, although another process goes on with it: look at "
                    "request.handed_over before that.",
                    QUEUE,
                )
            is_slow[0], before = False, len(runner.service.requests)
            again = self._runner(partial(self._resume, handle), None, runner.service)
            outcome = await again.ask(asked)
            if outcome.category != "a picture":
                fail(
                    f"Its hook resume ended with {outcome.category}: {outcome.error}.", TESTING, outcome.error
                )
            sent = [(one.method, one.path) for one in runner.service.requests[before:]]
            if any((one.method, one.path) in sent for one in begun):
                fail("Its hook resume sent the request again: ask for the job alone.", QUEUE)

        self.run(in_two_processes, answer)

    def _find_no_handle(self) -> None:
        handles: list[Any] = []

        def remember(handle: Any) -> Awaitable[None]:
            handles.append(handle)
            return Done()

        async def ask(runner: Runner) -> None:
            call = runner.begin(replace(self.request(), on_handle=remember))
            await runner.wait_until(lambda: handles or call.task.done(), READING)
            call.task.cancel()
            await asyncio.wait({call.task}, timeout=CLEANUP)

        if type(self).answer_slowly is not SuiteBase.answer_slowly:  # else it accepts no jobs
            self.run(ask, self.answer_slowly)
        if handles:
            fail("It remembers a job, and has no hook resume that finds it again: add the hook.", QUEUE)

    async def _resume(self, handle: Any, request: Any) -> Any:
        made = self.hooks["resume"](request, handle)
        return await made if hasattr(made, "__await__") else made

    def _as_kept(self, handle: Any) -> Any:
        """Returns a handle as another process reads it."""
        try:
            kept = json.dumps(handle, allow_nan=False)
        except (TypeError, ValueError) as error:
            fail(
                "What it remembers is no plain JSON: remember texts, numbers, lists and dicts.",
                QUEUE,
                error,
            )
        if len(kept) > MAX_HANDLE:
            fail(f"What it remembers has more than {MAX_HANDLE:,} characters as JSON: an id will do.", QUEUE)
        if any(secret in kept for secret in self.secrets.values()):
            fail("It remembers a secret, which would be kept in the database: leave it out.", QUEUE)
        return json.loads(kept)
