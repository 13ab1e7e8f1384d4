"""A key is claimed once by all processes, which then know what was begun with it."""

from __future__ import annotations

import asyncio
import time

import pytest

from core.storage import begun
from core.storage.begun import Claimed
from tests.core.storage.conftest import Open

pytestmark = pytest.mark.anyio


async def test_one_process_claims_a_key_and_the_others_learn_what_it_began(open_store: Open) -> None:
    one, other = open_store().begun, open_store().begun
    assert await one.claim("key", "request") is None
    assert await other.claim("key", "request") == Claimed("request", None)
    await one.keep("key", "a message")
    assert await other.claim("key", "another request") == Claimed("request", "a message")
    assert await other.claim("another key", "request") is None


async def test_of_many_that_claim_a_key_at_once_one_has_it(open_store: Open) -> None:
    stores = [open_store().begun for _ in range(3)]
    claims = [store.claim("key", "request") for store in stores for _ in range(5)]
    assert (await asyncio.gather(*claims)).count(None) == 1


async def test_a_key_that_began_nothing_or_is_old_can_be_claimed_again(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = open_store().begun
    assert await keys.claim("key", "request") is None
    await keys.forget("key")
    assert await keys.claim("key", "request") is None
    at = time.time() + begun.KEPT_SECONDS + 1
    monkeypatch.setattr(begun.time, "time", lambda: at)
    assert await keys.claim("key", "request") is None
