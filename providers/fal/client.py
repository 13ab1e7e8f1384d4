"""Requests to fal: one client for everybody, which sends nothing twice and follows no redirect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limner import (
    ACCEPTED,
    KEEPALIVE,
    ImageRequest,
    failure_without_answer,
    parse_reply,
    read_bounded,
    shared_async,
)

HOME = "https://queue.fal.run"


@dataclass(frozen=True)
class Answer:
    """What fal answered: the status, the JSON or text, and the headers."""

    status: int
    said: Any
    headers: Mapping[str, str]

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def get(self, name: str) -> Any:
        """Returns a member of what was said; None if there is none."""
        return self.said.get(name) if isinstance(self.said, dict) else None


class Client:
    """Sends what belongs to one request for a picture, with its key and to its address."""

    def __init__(self, request: ImageRequest) -> None:
        key = request.key_for_header()
        self.base_url = (request.base_url or HOME).rstrip("/")
        self._headers = {"Authorization": f"Key {key}"} if key else {}

    async def ask(self, method: str, url: str, timeout: float, **more: Any) -> Answer:
        """Sends one request and returns the answer, whatever its status; raises if none comes."""
        import httpx2

        http = await shared_async("fal", _connect)
        headers = self._headers | more.pop("headers", {})
        try:
            limits = httpx2.Timeout(timeout, connect=min(10, timeout))
            answer = await http.request(method, url, headers=headers, timeout=limits, **more)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            # after the first request there is a job, which may run
            raise failure_without_answer(error, did_not_run=None if method == "POST" else False) from error
        return Answer(answer.status_code, await parse_reply(answer.content), answer.headers)


def _connect() -> Any:
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import httpx2

    return httpx2.AsyncClient(
        headers=ACCEPTED,
        event_hooks={"response": [read_bounded]},
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=KEEPALIVE),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # everybody shares the client
        follow_redirects=False,  # no other host gets the key
    )
