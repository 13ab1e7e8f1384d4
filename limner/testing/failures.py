"""Tests of how a provider fails."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any, cast

import pytest

from limner.errors import CATEGORIES, ProviderError
from limner.testing.base import Answer, SuiteBase
from limner.testing.loopback import Reply
from limner.testing.report import FAILS, TESTING, fail
from limner.testing.runner import Outcome, Runner

FAILURES = ("content-filter", *CATEGORIES)
_PAGE = "<!doctype html><title>Bad gateway</title><h1>Bad gateway</h1>"
_HTML = {"content-type": "text/html"}
_JSON = {"content-type": "application/json"}
_OTHER_FORM = ("bad-response", "bad-image")
STRANGE: dict[str, tuple[Reply, tuple[str, ...]]] = {
    "a web page": (Reply(200, _PAGE, _HTML), _OTHER_FORM),
    "nothing": (Reply(200), _OTHER_FORM),
    "null": (Reply(200, "null", _JSON), _OTHER_FORM),
    "an empty list": (Reply(200, "[]", _JSON), _OTHER_FORM),
    "another object": (Reply(200, {"unexpected": []}), _OTHER_FORM),
    "half an object": (Reply(200, '{"images": [', _JSON), _OTHER_FORM),
    "an error page": (Reply(500, _PAGE, _HTML), ("unavailable", "provider")),
    "an overload": (Reply(503, _PAGE, _HTML), ("unavailable", "rate-limit")),
}
"""What any service may answer one day, and the categories that may result."""
LOST = {"is cut off": Reply(200, "x" * 100, cut_after=0), "is an error 500": Reply(500, _PAGE, _HTML)}
"""Answers after which nobody can know whether the request was carried out."""


class FailureTests(SuiteBase):
    """Refusals and failures are reported as what they are, and nothing is sent twice."""

    def test_each_failure_has_its_category(self, failure: tuple[str, Answer]) -> None:
        category, answer = failure
        _ = self.info
        if category not in FAILURES:
            fail(
                f"The test class has a failure {category!r}: the categories are {', '.join(FAILURES)}.",
                TESTING,
            )
        if not self.has_service and (isinstance(answer, Reply) or callable(answer)):
            fail(
                f"The test class has a service's answer in failures[{category!r}], but none for a request "
                f"that works: override answer(request), or use options.",
                TESTING,
            )
        request, handler = self.request_for(answer)
        (outcome,) = self.ask(request, answer=handler)
        if outcome.category != category:
            raised = (
                "ContentFiltered(…)" if category == "content-filter" else f'ProviderError("{category}", …)'
            )
            fail(
                f"The failure {category} was reported as {outcome.category}: raise {raised} for it.",
                FAILS,
                outcome.error,
            )
        if category == "rate-limit" and isinstance(answer, Reply):
            _check_wait(outcome, answer)

    @pytest.mark.parametrize("what", STRANGE)
    def test_a_strange_answer_is_a_failure_of_the_contract(self, what: str) -> None:
        self.need_service()
        reply, categories = STRANGE[what]
        (outcome,) = self.ask(self.request(), answer=lambda _: reply)
        if outcome.category not in categories:
            fail(
                f"The service answered with {what} (HTTP {reply.status}), which was reported as "
                f"{outcome.category}: raise ProviderError with the category {' or '.join(categories)}.",
                FAILS,
                outcome.error,
            )

    def test_a_service_out_of_reach_is_unavailable(self) -> None:
        self.need_service()
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]

        async def ask(runner: Runner) -> Outcome:
            runner.base_url = f"http://127.0.0.1:{port}{self.base_path}"
            return await runner.ask(self.request())

        outcome = self.run(ask)
        if outcome.category != "unavailable":
            fail(
                f"A service that refuses the connection was reported as {outcome.category}: raise "
                f'ProviderError("unavailable", …), and use the request\'s base_url.',
                FAILS,
                outcome.error,
            )

    @pytest.mark.parametrize("what", LOST)
    def test_what_may_have_run_is_not_sent_again(self, what: str) -> None:
        self.need_service()

        async def ask(runner: Runner) -> tuple[Outcome, list[tuple[str, str, bytes]]]:
            outcome = await runner.ask(self.request())
            return outcome, [(sent.method, sent.path, sent.body) for sent in runner.service.requests]

        outcome, sent = self.run(ask, lambda _: LOST[what])
        made = [request for request in sent if request[0] != "GET"]
        if len(made) != len(set(made)):
            fail(
                f"A request whose answer {what} was sent {len(made)} times, and may be billed as often: "
                f"turn off the SDK's own retries.",
                FAILS,
            )
        if (
            made
            and what == "is cut off"
            and isinstance(outcome.error, ProviderError)
            and outcome.error.did_not_run
        ):
            fail(
                f"For a request whose answer {what} the error has did_not_run=True, which nobody can know: "
                f"leave it False.",
                FAILS,
                outcome.error,
            )

    def _failures(self) -> list[Any]:
        """Returns each failure of the class as a parameter of a test."""
        return [
            pytest.param((category, answer), id=category if number == 0 else f"{category}-{number + 1}")
            for category, answers in self.failures.items()
            for number, answer in enumerate(_listed(answers))
        ]

    def echoes(self) -> list[Reply]:
        """Returns failures in which the service repeats the credential: the class's own, and common ones."""
        key = " ".join(self.secrets.values())
        words = {"message": f"Incorrect API key provided: {key}.", "type": "invalid_request_error"}
        own = [
            reply
            for answers in self.failures.values()
            for reply in _listed(answers)
            if isinstance(reply, Reply)
        ]
        return [
            *(replace(reply, body=_with_key(reply.body, key)) for reply in own),
            Reply(401, {"error": words, "detail": words["message"], "message": words["message"]}),
            Reply(
                500, f"<title>Request with {key} failed</title>", {**_HTML, "x-request-id": "7", "x-key": key}
            ),
            Reply(200, {"unexpected": f"The key was {key}."}),
        ]


def _listed(answers: object) -> list[Any]:
    return list(cast(list[Any], answers)) if isinstance(answers, (list, tuple)) else [answers]


def _with_key(body: Any, key: str) -> Any:
    """Returns an answer with the key after every sentence; a single word may be a code, and stays."""
    if isinstance(body, dict):
        return {name: _with_key(value, key) for name, value in cast(dict[str, Any], body).items()}
    if isinstance(body, list):
        return [_with_key(value, key) for value in cast(list[Any], body)]
    return f"{body} (with {key})" if isinstance(body, str) and " " in body else body


def _check_wait(outcome: Outcome, reply: Reply) -> None:
    seconds = {name.lower(): value for name, value in reply.headers.items()}.get("retry-after", "")
    wait = outcome.error.retry_after if isinstance(outcome.error, ProviderError) else None
    if seconds.isdecimal() and wait != float(seconds):
        fail(
            f"The service requests a wait of {seconds} seconds (its header Retry-After), but the error's "
            f"retry_after is {wait}: pass it on.",
            FAILS,
        )
