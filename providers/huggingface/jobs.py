"""What a service says in the end: some accept a job, and are asked for it until there is a picture."""

from __future__ import annotations

import asyncio
import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from limner import (
    ContentFiltered,
    ImageRequest,
    ProviderError,
    failure_from_response,
    find_pictures,
    service_words,
)
from providers.huggingface.client import ask

POLL_SECONDS = 1.0
_WAITING = re.compile("created|queued|processing|in_queue|in_progress", re.IGNORECASE)
_DONE = re.compile("completed", re.IGNORECASE)


class Job(NamedTuple):
    """Where a job is looked at and where its result is, both at the service that was asked."""

    address: str
    """That of the request, and of the two others too if there is no job."""
    look: str
    result: str
    headers: dict[str, str]

    @classmethod
    def remembered(cls, handle: Any, key: str) -> Job:
        """Returns the job of a handle."""
        headers = {"authorization": f"{handle['scheme']} {key}"} if key else {}
        return cls(handle["address"], handle["look"], handle["result"], headers)

    @property
    def handle(self) -> dict[str, str]:
        """By which another process finds it: without the key, but with how that is sent."""
        scheme = self.headers.get("authorization", "Bearer").partition(" ")[0]
        return {"address": self.address, "look": self.look, "result": self.result, "scheme": scheme}


async def settled(said: Any, job: Job, request: ImageRequest) -> tuple[Any, list[Any]]:
    """Returns what a service says in the end, and its pictures."""
    look, missed = job.look, False
    while not (images := find_pictures(said, job.address)):
        status = find(said, str, "data.status", "task_status", "status") or ""
        is_done = look != job.result and _DONE.match(status)
        if not missed and (look == job.address or not (is_done or _WAITING.match(status))):
            raise _failure(said, status, request)
        if is_done:
            look = job.result
        else:
            request.report("waiting in the service's queue")
            await asyncio.sleep(POLL_SECONDS)
        try:
            _, said = await ask("GET", look, request.timeout, did_not_run=False, headers=job.headers)
            missed = False
        except ProviderError as error:
            if error.category not in ("unavailable", "rate-limit"):
                raise  # after these two the next look may succeed, and the picture is paid for
            missed = True
    return said, images


def job_of(said: Any, sent: Any) -> Job:
    """Returns the job that an answer names; `sent` is the SDK's RequestParameters."""
    return Job(sent.url, *_places(said, sent), sent.headers)


def _places(said: Any, sent: Any) -> tuple[str, str]:
    address, mark, query = sent.url.partition("?")
    base = address.removesuffix(f"/{sent.model}").removesuffix("/api/v3")
    if link := find(said, str, "response_url"):  # fal
        job = f"{base}/{_path(link)}"
        return f"{job}/status{mark}{query}", f"{job}{mark}{query}"
    job = sent.url.replace("/async/images/generations", f"/async-result/{find(said, str, 'id')}")  # zai
    if link := find(said, str, "data.urls.get"):  # wavespeed
        job = f"{base}/{_path(link)}"
    return job, job


def _path(link: str) -> str:
    try:
        return urlsplit(link).path.lstrip("/")
    except ValueError:  # brackets that hold no address of IPv6
        return ""


def _failure(said: Any, status: str, request: ImageRequest) -> Exception:
    """Returns why an answer without a picture has none."""
    told = isinstance(said, dict)
    words = service_words(find(said, object, "data.error", "error", "detail") if told else said)
    failure = failure_from_response(200, said, prompt=request.prompt)
    if not isinstance(failure, ProviderError):
        return ContentFiltered(words or failure.service_message)
    if failure.category not in ("provider", "bad-response"):
        return failure
    why = None if words else "No picture came: it was refused, failed, or was not ready in time."
    is_form = told and (words or status)
    return ProviderError("provider" if is_form else "bad-response", words, why=why)


def find(said: Any, kind: type, *places: str) -> Any:
    """Returns the first value of that kind at one of the places; a list stands for its first part."""
    for place in places:
        value = said
        for name in place.split("."):
            value = value[0] if isinstance(value, list) and value else value
            value = value.get(name) if isinstance(value, dict) else None
        value = value[0] if isinstance(value, list) and value and kind is str else value
        if value and isinstance(value, kind):
            return value
    return None
