"""Every answer in the table stands for what it stands for at the service that sends it."""

from __future__ import annotations

import json

import pytest

from limner import ContentFiltered, ProviderError, failure_from_response
from tests.limner.answers import ANSWERS, FILTER, PROMPT, Answer


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.name)
def test_an_answer_has_its_category(answer: Answer) -> None:
    failure = failure_from_response(answer.status, answer.body, answer.headers, prompt=PROMPT)
    if answer.category == FILTER:
        assert isinstance(failure, ContentFiltered), failure
        return
    assert isinstance(failure, ProviderError), failure
    assert (failure.category, failure.did_not_run) == (answer.category, answer.did_not_run)
    if answer.wait is not None:
        assert failure.retry_after is not None
        assert abs(failure.retry_after - answer.wait) < 1e-6


def test_the_table_is_large_and_has_both_halves() -> None:
    assert len(ANSWERS) >= 150
    assert min(sum(answer.half == half for answer in ANSWERS) for half in (1, 2)) >= 75
    assert len({json.dumps(answer.body) + str(answer.status) for answer in ANSWERS}) > 0.9 * len(ANSWERS)
