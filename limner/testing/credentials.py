"""Tests of where the credential may go, and of what a provider prints."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from pydantic import SecretStr

from limner.errors import ProviderError
from limner.responses import NOT_SENT
from limner.testing.failures import FailureTests
from limner.testing.loopback import Loopback, Reply, Request
from limner.testing.report import FAILS, REQUEST, fail
from limner.testing.runner import Runner
from limner.testing.texts import SERVICE_MESSAGE, texts_of

ENVIRONMENT_KEY = "key-of-the-environment-0123456789"


class CredentialTests(FailureTests):
    """The credential goes only to the service, and nothing is printed to standard output."""

    def test_the_credential_is_in_no_text(
        self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self._need_credential()
        caplog.set_level(logging.INFO)
        outcomes = self.ask(self.request())
        for reply in self.echoes() if self.has_service else []:
            outcomes += self.ask(self.request(), answer=lambda _, reply=reply: reply)
        for where, text in texts_of(outcomes, caplog, capfd):
            if self._has_secret(text) and where != SERVICE_MESSAGE:
                fail(
                    f"The credential is in {where}: put the service's own words into service_message only.",
                    FAILS,
                )

    def test_the_credential_goes_to_the_service_alone(self) -> None:
        self._need_credential()
        self.need_service()
        for status in (302, 307):
            with Loopback(self.answer) as elsewhere:
                reply = Reply(status, headers={"location": f"{elsewhere.url}/elsewhere"})
                self.ask(self.request(), answer=lambda _, reply=reply: reply)
            if any(self._has_secret(_whole(request)) for request in elsewhere.requests):
                fail(
                    f"It follows a redirect ({status}) to another host and sends the credential along: "
                    f"follow none.",
                    REQUEST,
                )

    def test_each_request_has_its_own_credential(self) -> None:
        self._need_credential()
        self.need_service()
        theirs = {part: SecretStr(secret[::-1]) for part, secret in self.secrets.items()}
        visitors = self.request(credential=next(iter(theirs.values())), credentials=theirs)

        async def ask(runner: Runner) -> list[Request]:
            await runner.ask(self.request())
            before = len(runner.service.requests)
            await runner.ask(visitors)
            return runner.service.requests[before:]

        if any(self._has_secret(_whole(request)) for request in self.run(ask)):
            fail(
                "It makes a visitor's picture with the key of an earlier request: put the credential, and "
                "each of its other parts, into the key of limner.shared.",
                REQUEST,
            )

    def test_an_address_without_a_key_is_asked_without_one(self) -> None:
        self._need_credential()
        self.need_service()
        (outcome,) = self.ask(self.request(credential=None, credentials={}))
        if isinstance(outcome.error, ProviderError) and outcome.error.why == NOT_SENT:
            fail(
                "Without a credential, as for a server of one's own that needs none, it makes a request that "
                "the client refuses to send: leave the header out.",
                REQUEST,
                outcome.error,
            )

    def test_it_takes_no_key_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._need_credential()
        self.need_service()
        assert self.info.credential
        for variable in self.info.credential.variables:
            monkeypatch.setenv(variable, ENVIRONMENT_KEY)

        async def ask(runner: Runner) -> list[Request]:
            await runner.ask(self.request())
            await runner.ask(self.request(credential=None, credentials={}))  # it may fail
            return runner.service.requests

        if any(ENVIRONMENT_KEY in _whole(request) for request in self.run(ask)):
            fail(
                f"It sends what is in {' or '.join(self.info.credential.variables)}: use the request's "
                f"credential, and none if that is None.",
                REQUEST,
            )

    def test_it_works_without_what_is_optional(self) -> None:
        declared = self.info.credential
        if declared is None or not (declared.optional or declared.optional_others):
            pytest.skip("it declares no credential that is optional")
        request = self.request()
        kept = {} if declared.optional else {part: request.credentials[part] for part in declared.needed}
        first = next(iter(kept.values()), None)
        (outcome,) = self.ask(replace(request, credential=first, credentials=kept))
        if outcome.error:
            fail(
                f"Without {' and '.join(declared.variables[len(kept) :])}, which it declares as optional, it "
                f"makes no picture: send what there is.",
                REQUEST,
                outcome.error,
            )

    def test_it_writes_nothing_to_standard_output(self, capfd: pytest.CaptureFixture[str]) -> None:
        requests = [self.request()]
        self.ask(*requests)
        if self.has_service:
            self.ask(*requests, answer=lambda _: Reply(500, "out of order"))
        self.hooks["describe"]()
        fresh = self.describe_in_fresh_interpreter()  # which shows what importing it prints
        written = capfd.readouterr().out or (fresh.written if fresh else "")
        if written:
            fail(f"It prints to standard output: {written[:60]!r}; use logging.", REQUEST)

    def _has_secret(self, text: str) -> bool:
        return any(secret in text for secret in self.secrets.values())

    def _need_credential(self) -> None:
        if self.info.credential is None:
            pytest.skip("it declares no credential")


def _whole(request: Request) -> str:
    return f"{request.path} {request.headers} {request.body!r}"
