"""The table of answers, sent to the whole engine: what may have run is sent once, and nowhere else."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from core import open_studio
from core.chat.request import UserRequest
from core.generation.call import LEAST_LEFT
from core.settings.schema import load_settings
from core.studio import Studio
from limner.testing.loopback import Loopback, Reply, Request
from tests.limner.answers import ANSWERS, FILTER, PROMPT, Answer

pytestmark = pytest.mark.anyio

KEY = "sk-test-0123456789abcdef"
TIMEOUT = 20
IS_RETRIED = ("rate-limit", "unavailable")


class Service:
    """Answers as the table says; the fallback is another provider at the same server."""

    def __init__(self) -> None:
        self.answer = ANSWERS[0]
        self.asked: list[str] = []

    def __call__(self, request: Request) -> Reply:
        self.asked.append("fallback" if request.path.startswith("/fallback") else "first")
        body = self.answer.body
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "application/json" if text != body else "text/html" if text[:1] == "<" else "text/plain"
        headers = {"content-type": kind, **self.answer.headers}
        if self.asked[-1] == "fallback":
            return Reply(401, {"error": {"code": "invalid_api_key"}})
        return Reply(self.answer.status, text, headers)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def _studio(url: str, folder: Path) -> Studio:
    servers = {
        name: {
            "uses": "openai",
            "base_url": f"{url}/{name}/v1",
            "api_key_env": "TABLE_API_KEY",
            "models": ["m"],
        }
        for name in ("first", "fallback")
    }
    return open_studio(
        load_settings(
            provider="first",
            providers=servers,
            fallback=["fallback"],
            max_retries=2,
            data_dir=folder,
            timeout=TIMEOUT,
            rate_limit="100000/minute",
        )
    )


async def test_each_answer_through_the_whole_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLE_API_KEY", KEY)
    monkeypatch.setattr("core.generation.call.FIRST_WAIT", 0.0)

    async def at_once(failure: object, seconds: float, report: object) -> None:
        """Does not wait: how long is asked for is tested elsewhere."""

    monkeypatch.setattr("core.generation.call._wait_visibly", at_once)
    wrong: list[str] = []
    service = Service()
    async with AsyncExitStack() as stack:
        server = stack.enter_context(Loopback(service))
        studio = _studio(server.url, tmp_path)
        stack.push_async_callback(studio.close)
        for number, answer in enumerate(ANSWERS):
            service.answer, service.asked = answer, []
            conversation = await studio.conversation(f"{number:032x}")
            version = await conversation.settled(await studio.start(conversation, UserRequest(prompt=PROMPT)))
            assert version.failure is not None
            expected, asked = _expected(answer), service.asked
            said = version.failure.cause if "fallback" not in asked else answer.category
            if (said, asked) != (answer.category, expected):
                wrong.append(f"{answer.name}: {said}, {asked} instead of {expected}")
    assert not wrong, "\n".join(wrong)


def _expected(answer: Answer) -> list[str]:
    """Returns who is asked: the first again and then the other only for what certainly did not run."""
    if answer.category == FILTER or not answer.did_not_run:
        return ["first"]
    if answer.category not in IS_RETRIED or (answer.wait or 0) >= TIMEOUT * (1 - LEAST_LEFT):
        return ["first", "fallback"]
    return ["first", "first", "first", "fallback"]
