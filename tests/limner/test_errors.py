"""The two ways in which a provider fails."""

from __future__ import annotations

import pickle

import pytest

from limner import ContentFiltered, LimnerError, ProviderError
from limner.bounds import NoPicture
from limner.errors import CATEGORIES


def test_the_tree() -> None:
    assert issubclass(ContentFiltered, LimnerError)
    assert issubclass(ProviderError, LimnerError)
    assert not issubclass(ContentFiltered, ProviderError)


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_category_and_the_services_words(category: str) -> None:
    error = ProviderError(category, "its words", retry_after=3, did_not_run=True)  # pyright: ignore[reportArgumentType]
    assert str(error) == f"{category}: its words"
    assert (error.service_message, error.retry_after, error.did_not_run) == ("its words", 3, True)
    assert str(ProviderError(category)) == category  # pyright: ignore[reportArgumentType]


def test_nothing_is_claimed_that_was_not_said() -> None:
    error = ProviderError("timeout")
    assert (error.service_message, error.retry_after, error.did_not_run) == (None, None, False)
    assert ContentFiltered().service_message is None
    assert str(ContentFiltered("no")) == "no"


def test_a_category_that_does_not_exist_is_the_authors_mistake() -> None:
    with pytest.raises(ValueError, match="'oops' is none of the categories: auth, quota"):
        ProviderError("oops")  # pyright: ignore[reportArgumentType]


def test_errors_survive_a_process_boundary() -> None:
    error = pickle.loads(pickle.dumps(ProviderError("quota", "its words", retry_after=3)))
    assert (error.category, error.service_message, error.retry_after) == ("quota", "its words", 3)
    assert str(pickle.loads(pickle.dumps(NoPicture("A page.")))) == "bad-image: A page."
    refusal = pickle.loads(pickle.dumps(ContentFiltered(why="Not safe.")))
    assert (refusal.service_message, refusal.why) == (None, "Not safe.")
