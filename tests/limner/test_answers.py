"""Every answer in the table stands for what it stands for at the service that sends it."""

from __future__ import annotations

import pytest

from limner import ContentFiltered, ProviderError, failure_from_response
from tests.limner.answers import FILTER, FIRST, PROMPT, SECOND, Answer


@pytest.mark.parametrize("answer", FIRST + SECOND, ids=lambda answer: f"{answer.status} {answer.about}")
def test_an_answer_has_its_category(answer: Answer) -> None:
    failure = failure_from_response(answer.status, answer.body, answer.headers, prompt=PROMPT)
    if answer.category == FILTER:
        assert isinstance(failure, ContentFiltered), failure
        return
    assert isinstance(failure, ProviderError), failure
    assert (failure.category, failure.did_not_run) == (answer.category, answer.did_not_run)
    if answer.wait is not None:
        assert failure.retry_after == pytest.approx(answer.wait)  # pyright: ignore[reportUnknownMemberType]
