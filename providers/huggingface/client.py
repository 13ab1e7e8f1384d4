"""Calls to the Hub and to the services behind it: one client for everybody, which sends nothing twice."""

from __future__ import annotations

from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

from limner import (
    ACCEPTED,
    KEEPALIVE,
    failure_from_response,
    failure_without_answer,
    parse_reply,
    read_bounded,
    service_words,
    shared_async,
)


@cache
def load_sdk() -> Any:
    """Imports the SDK, and keeps it from asking the Hub for a list of agents, which would block the loop."""
    import huggingface_hub.inference._providers

    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
    return huggingface_hub


async def shared_client() -> Any:
    def connect() -> Any:
        import httpx2

        load_sdk()
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # everybody shares the client
        bounds: dict[str, Any] = {"event_hooks": {"response": [read_bounded]}, "headers": ACCEPTED}
        limits = httpx2.Limits(keepalive_expiry=KEEPALIVE)
        return httpx2.AsyncClient(limits=limits, cookies=no_cookies, **bounds)

    return await shared_async("huggingface", connect)


async def ask(method: str, url: str, timeout: float, **more: Any) -> Any:
    """Sends one request, and returns the answer with its JSON or text; raises what a failure says."""
    import httpx2

    did_not_run, prompt = more.pop("did_not_run", None), more.pop("prompt", None)
    client = await shared_client()
    try:
        answer = await client.request(method, url, timeout=httpx2.Timeout(timeout, connect=10), **more)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise failure_without_answer(error, did_not_run=did_not_run) from error
    reply = await parse_reply(answer.content)
    if not answer.is_success:
        raise _failure(answer.status_code, reply, answer.headers, did_not_run, prompt)
    return answer, reply


def _failure(
    status: int, reply: Any, headers: Any, did_not_run: bool | None, prompt: str | None
) -> Exception:
    """Returns the failure that an answer stands for; `did_not_run` replaces what its status tells of that."""
    if not service_words(reply) and (words := headers.get("x-error-message")):
        reply = [reply, words]
    if headers.get("x-error-code") == "RepoNotFound":  # comes with a 401
        status = 404
    return failure_from_response(status, reply, headers, prompt=prompt, did_not_run=did_not_run)
