"""Every failure says what happened, why, and what to do next, and claims nothing that is not so."""

from __future__ import annotations

from typing import get_args

import pytest

from core.chat.failure import Cause, failure
from limner.errors import Category

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
    assert ("billed" in said.why) is (paid and cause in ("timeout", "unavailable", "interrupted", "internal"))


def test_every_category_of_the_contract_has_a_text() -> None:
    assert set(get_args(Category)) <= set(CAUSES)


def test_a_reason_of_the_plugin_does_not_hide_that_it_may_be_billed() -> None:
    own = failure("timeout", label="S", why="It took an hour.", paid=True).why
    assert own == "It took an hour. The picture may still have been made, and billed."
    assert (
        failure("auth", label="S", why="No key looks like this.", paid=True).why == "No key looks like this."
    )


def test_what_did_not_run_was_not_billed() -> None:
    assert "billed" not in failure("unavailable", label="S", paid=True, did_not_run=True).why


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "a minute"),
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
    said = failure("no-credential", label="S", variable="S_KEY", get_one_at="https://s.example/keys")
    assert said.why == "S_KEY is not set on the server."
    assert said.next.startswith("Get a key at https://s.example/keys. Set S_KEY and restart Limner")


def test_what_would_fail_again_offers_no_second_try() -> None:
    assert [cause for cause in CAUSES if not failure(cause, label="S").can_try_again] == [
        "auth",
        "invalid-request",
        "content-filter",
        "no-credential",
        "not-installed",
    ]
