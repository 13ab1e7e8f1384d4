"""The SDK's client, and the failures that its errors stand for."""

from __future__ import annotations

import math
from typing import Any

from limner import (
    ACCEPTED,
    KEEPALIVE,
    ImageRequest,
    LimnerError,
    ProviderError,
    failure_from_response,
    failure_without_answer,
    proxy_for,
    read_bounded,
    shared_async,
)

READ_TIMEOUT = 30.0
"""Seconds that the service may take for an answer."""
ABORTED = "given=aborted"
"""The words of the SDK's error for a prediction that met its deadline, a status that it does not know."""


async def client_for(request: ImageRequest) -> Any:
    """Returns the client for a request's key and address, shared by all requests with the same."""
    key, lifetime = request.key_for_header(), math.ceil(request.timeout) + 10
    base_url = request.base_url or "https://api.replicate.com"
    headers = {"Cancel-After": f"{lifetime}s", **ACCEPTED}  # in case its answer, or this process, is lost
    headers["Authorization"] = f"Bearer {key}" if key else ""  # without it the SDK takes the environment's

    def connect() -> Any:
        import httpx

        from replicate.client import Client

        async def set_timeout(sent: httpx.Request) -> None:
            # the SDK would give up half a second after the wait, and lose a prediction that is billed
            sent.extensions["timeout"] = httpx.Timeout(READ_TIMEOUT, connect=10, pool=None).as_dict()

        # many idle ones are slow
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=KEEPALIVE)
        transport = httpx.AsyncHTTPTransport(limits=limits, proxy=proxy_for(base_url))
        hooks: dict[str, Any] = {"request": [set_timeout], "response": [read_bounded]}
        client: Any = Client(base_url=base_url, transport=transport, headers=headers, event_hooks=hooks)
        client.aclose = transport.aclose
        return client

    return await shared_async(("replicate", base_url, key, lifetime), connect)


def failure(error: Exception, *, did_not_run: bool | None = None, prompt: str | None = None) -> LimnerError:
    """Returns the failure that the SDK's error stands for.

    `did_not_run` replaces what its status tells of that: True before there was a prediction, False after.
    """
    if isinstance(error, ProviderError):
        return error
    if status := getattr(error, "status", None):  # a ReplicateError; the SDK drops the headers
        reply = {name: getattr(error, name, None) for name in ("detail", "title", "type")}
        return failure_from_response(status, reply, prompt=prompt, did_not_run=did_not_run)
    if ABORTED in str(error):
        return ProviderError("timeout", why="Replicate ended the prediction at its deadline.")
    return failure_without_answer(error, did_not_run=did_not_run)
