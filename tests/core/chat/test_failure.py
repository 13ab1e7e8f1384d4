"""Every failure says what happened, why, and what to do next, and claims nothing that is not so."""

from __future__ import annotations

from typing import get_args

import pytest

from core.chat.causes import Cause
from core.chat.failure import failure
from limner.errors import Category

MAY_HAVE_RUN = (
    "timeout",
    "unavailable",
    "interrupted",
    "internal",
    "bad-image",
    "bad-response",
    "provider",
    "crash",
)
CAUSES = [cause for part in get_args(Cause) for cause in (get_args(part) or [part])]


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("paid", [True, False])
def test_every_cause_has_three_whole_sentences(cause: Cause, paid: bool) -> None:
    said = failure(cause, label="Some {label}", culprit="some-plugin", paid=paid)
    for text in (said.what, said.why, said.next):
        assert text == text.strip()
        assert text.endswith(".")
        assert "  " not in text
        assert "{" not in text.replace("{label}", "")
    assert ("billed" in said.why) is (paid and cause in MAY_HAVE_RUN)


def test_every_category_of_the_contract_has_a_text() -> None:
    assert set(get_args(Category)) <= set(CAUSES)


def test_a_reason_of_the_plugin_does_not_hide_that_it_may_be_billed() -> None:
    own = failure("timeout", label="S", why="It took an hour.", paid=True).why
    assert own == "It took an hour. The picture may still have been made, and billed."
    assert (
        failure("auth", label="S", why="No key looks like this.", paid=True).why == "No key looks like this."
    )


@pytest.mark.parametrize("cause", MAY_HAVE_RUN)
def test_what_did_not_run_or_was_cancelled_was_not_billed(cause: Cause) -> None:
    assert "billed" not in failure(cause, label="S", paid=True, did_not_run=True).why
    assert "billed" not in failure(cause, label="S", paid=True, was_cancelled=True).why
    own = failure(cause, label="S", why="It was cancelled there.", paid=True, was_cancelled=True).why
    assert own == "It was cancelled there."


def test_a_service_that_answered_was_reached() -> None:
    lost = failure("unavailable", label="S")
    assert lost.what == "S cannot be reached."
    assert "connection" in lost.why + lost.next
    for answered in (
        failure("unavailable", label="S", status=502),
        failure("unavailable", label="S", service_message="Out of memory", paid=True),
    ):
        assert answered.what == "S answered with an error."
        assert "connection" not in answered.sentence.lower()
        assert answered.next == "Try again in a moment."
    assert failure("unavailable", label="S", status=503, retry_after=20).next == "Try again in 20 seconds."


@pytest.mark.parametrize("status", [404, 405, 410])
def test_a_wrong_address_is_not_mended_by_another_prompt(status: int) -> None:
    said = failure("invalid-request", label="S", status=status, service_message="404 page not found")
    assert "prompt" not in said.sentence
    assert "address" in said.next
    assert "prompt" in failure("invalid-request", label="S", status=422, service_message="Bad").next


def test_what_the_plugin_explains_is_not_mended_by_another_prompt() -> None:
    said = failure("invalid-request", label="S", why="The setting seed is wrong.")
    assert (
        said.sentence
        == "S did not accept this request. The setting seed is wrong. Change that and send it again."
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "a minute"),
        (0, "a second"),
        (0.2, "a second"),
        (8, "8 seconds"),
        (119, "119 seconds"),
        (300, "5 minutes"),
        (86_400, "24 hours"),
    ],
)
def test_how_long_to_wait(seconds: float | None, words: str) -> None:
    assert failure("rate-limit", label="S", retry_after=seconds).next == f"Wait {words} and try again."


def test_a_missing_key_names_the_variable_and_where_to_get_one() -> None:
    said = failure("no-credential", label="S", variables=["S_KEY"], get_one_at="https://s.example/keys")
    assert said.why == "S_KEY is not set on the server."
    assert said.next.startswith("Get a key at https://s.example/keys. Set S_KEY and restart Limner")


def test_what_would_fail_again_offers_no_second_try() -> None:
    assert [cause for cause in CAUSES if not failure(cause, label="S").can_try_again] == [
        "auth",
        "invalid-request",
        "content-filter",
        "no-credential",
        "bad-input",
        "not-installed",
    ]
