"""A job in fal's queue: accepted once, looked at until it is over, and cancelled if nobody waits for it."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from limner import ImageRequest, LimnerError, ProviderError, failure_from_response, ordinal
from providers.fal.client import Answer, Client

FIRST_POLL, MAX_POLL, MAX_MISSES = 0.1, 3.0, 8
"""Seconds between two looks at a job, at first and at most; the number that may fail in a row."""
READ_TIMEOUT, CANCEL_TIMEOUT = 30.0, 2.0
"""Seconds that fal may take for an answer, and while a job is being cancelled."""
LAST_LOOKS = (0.0, 0.2, 0.4, 0.8, 1.2)
"""The pauses before the looks at a cancelled job, fewer seconds than a clean-up may take."""
_PLACES = ("id", "status", "response", "cancel")
_WAITING = ("IN_QUEUE", "IN_PROGRESS")
_MAY_PASS = ("unavailable", "rate-limit", "timeout")
_NAMESPACES = ("workflows", "comfy")
_PERCENT = re.compile(r"(\d{1,3})%\s*\|")


@dataclass
class Job:
    """Where a job is looked at, fetched and cancelled, and what was seen of it."""

    id: str
    status: str
    response: str
    cancel: str
    is_over: bool = False
    last: dict[str, Any] = field(default_factory=dict[str, Any])
    """The last status that was seen."""

    @classmethod
    def accepted(cls, answer: Answer, base_url: str, endpoint: str, prompt: str) -> Job:
        """Returns the job that an answer accepts; its links count only where the request itself went."""
        id = answer.get("request_id")
        if not answer.is_success or not isinstance(id, str) or not id:
            raise failure_from_response(answer.status, answer.said, answer.headers, prompt=prompt)
        parts = endpoint.split("/")
        app = "/".join(parts[: 3 if parts[0] in _NAMESPACES else 2])  # without the path inside of the app
        job = f"{base_url}/{app}/requests/{quote(id, safe='')}"

        def link(name: str, built: str) -> str:
            said = answer.get(name)
            is_own = isinstance(said, str) and said.isascii() and _origin(said) == _origin(base_url)
            return said if is_own else built

        places = link("status_url", f"{job}/status"), link("response_url", job)
        return cls(id, *places, link("cancel_url", f"{job}/cancel"))

    @property
    def handle(self) -> dict[str, str]:
        """By which another process finds it."""
        return {name: getattr(self, name) for name in _PLACES}

    @classmethod
    def remembered(cls, handle: Any, base_url: str) -> Job:
        """Returns the job of a handle, if it is where the request would go now."""
        id, status, response, cancel = (str(handle[name]) for name in _PLACES)
        job = cls(id, status, response, cancel)
        if any(_origin(link) != _origin(base_url) for link in (job.status, job.response, job.cancel)):
            raise ProviderError("provider", why="The job is at another address than that in the settings.")
        return job

    def was_cancelled(self, answer: Answer) -> bool:
        """Whether fal says at the end that the job was cancelled."""
        said = self.last.get("error_type"), answer.get("error_type")
        return answer.status == 499 or "client_cancelled" in said

    def failure(self, answer: Answer, prompt: str) -> LimnerError:
        """Returns why a job that is over made no picture; it was accepted, so it may have run."""
        error = {name: self.last[name] for name in ("error", "error_type") if self.last.get(name)}
        said = [answer.said, error] if error else answer.said
        known = {"prompt": prompt, "did_not_run": False}
        failure = failure_from_response(answer.status, said, answer.headers, **known)
        if isinstance(failure, ProviderError):
            failure.was_cancelled = self.was_cancelled(answer)
        return failure


def _origin(link: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(link)
    except ValueError:  # brackets that hold no address of IPv6
        return None
    return parts.scheme, parts.netloc


async def settled(client: Client, job: Job, request: ImageRequest) -> Answer:
    """Returns fal's last answer about a job; looks may fail, but only MAX_MISSES in a row."""
    pause, misses = FIRST_POLL, 0
    while True:
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, MAX_POLL)
        try:
            if answer := await _look(client, job, request.prompt):
                return answer
            misses = 0
            _report(job.last, request)
        except ProviderError as error:
            misses += 1
            if misses > MAX_MISSES or error.category not in _MAY_PASS:
                raise
            pause = max(pause, min(error.retry_after or 0, request.timeout))


async def _look(client: Client, job: Job, prompt: str, timeout: float = READ_TIMEOUT) -> Answer | None:
    """Returns fal's last answer about a job, and None if it is not over; raises if that is not known."""
    if not job.is_over:
        logs = f"{'&' if '?' in job.status else '?'}logs=1"
        answer = await client.ask("GET", job.status + logs, timeout)
        if not answer.is_success or not isinstance(answer.get("status"), str):
            raise _unknown(answer, prompt)
        job.last = answer.said
        job.is_over = answer.get("status") not in _WAITING
        if not job.is_over:
            return None
    answer = await client.ask("GET", job.response, timeout)
    is_page = answer.status >= 500 and not isinstance(answer.said, dict)  # a proxy's, not the job's failure
    if is_page or answer.status in (408, 429):
        raise _unknown(answer, prompt)
    return answer


def _unknown(answer: Answer, prompt: str) -> LimnerError:
    """Returns why a look told nothing; the job was accepted, so it may have run."""
    known = {"prompt": prompt, "did_not_run": False}
    return failure_from_response(answer.status, answer.said, answer.headers, **known)


def _report(status: dict[str, Any], request: ImageRequest) -> None:
    place: Any = status.get("queue_position")
    logs: Any = status.get("logs")
    if status.get("status") == "IN_QUEUE":
        is_known = type(place) is int and place >= 0  # the number of those before it
        request.report("waiting in fal's queue" + (f", {ordinal(place + 1)}" if is_known else ""))
        return
    lines = [line.get("message") for line in _objects(logs)[-20:]]
    percent = _PERCENT.findall(" ".join(line for line in lines if isinstance(line, str))[-2000:])
    if percent:
        request.report(f"drawing, {percent[-1]} %", int(percent[-1]) / 100)
    else:
        request.report("drawing")


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


async def ended(client: Client, job: Job, prompt: str) -> tuple[bool, Answer | None]:
    """Cancels a job; returns whether fal confirms that, and its last answer if the job was over before."""
    is_accepted = False
    if not job.is_over:
        with suppress(ProviderError):
            answer = await client.ask("PUT", job.cancel, CANCEL_TIMEOUT)
            if answer.is_success and answer.get("status") == "OK":  # it was waiting, and is removed
                return True, None
            is_accepted = answer.is_success
    for pause in LAST_LOOKS:
        await asyncio.sleep(pause)
        try:
            answer = await _look(client, job, prompt, CANCEL_TIMEOUT)
        except LimnerError as error:
            if is_accepted and getattr(error, "status", None) == 404:  # it was removed
                return True, None
            continue
        if answer:
            return (True, None) if job.was_cancelled(answer) else (False, answer)
    return False, None
