"""Memory is lent first come, first served, and none of it is lost."""

from __future__ import annotations

import asyncio

import pytest

from core.generation.memory import Memory

pytestmark = pytest.mark.anyio


async def turn() -> None:
    """Lets everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_is_lent_than_there_is() -> None:
    memory = Memory(10)
    assert await memory.take(6) == 6
    waiting = asyncio.create_task(memory.take(5))
    await turn()
    assert not waiting.done()
    memory.give_back(6)
    assert await waiting == 5
    assert memory.free == 5


async def test_whoever_needs_more_than_there_is_gets_all_of_it_alone() -> None:
    memory = Memory(10)
    assert await memory.take(1) == 1
    waiting = asyncio.create_task(memory.take(1_000))
    await turn()
    assert not waiting.done()
    memory.give_back(1)
    assert await waiting == 10
    assert memory.free == 0


async def test_small_ones_do_not_overtake_a_large_one() -> None:
    memory = Memory(10)
    await memory.take(5)
    served: list[int] = []

    async def take(amount: int) -> None:
        served.append(await memory.take(amount))

    tasks = [asyncio.create_task(take(amount)) for amount in (8, 1, 2, 7)]
    await turn()
    assert served == []
    memory.give_back(5)
    await turn()
    assert served == [8, 1]
    memory.give_back(8)
    await turn()
    assert served == [8, 1, 2, 7]
    await asyncio.gather(*tasks)


async def test_one_that_is_cancelled_lets_those_behind_it_pass() -> None:
    memory = Memory(10)
    await memory.take(5)
    large, small = asyncio.create_task(memory.take(8)), asyncio.create_task(memory.take(3))
    await turn()
    large.cancel()
    await turn()
    assert small.result() == 3
    assert memory.free == 2


async def test_one_that_is_cancelled_as_it_is_served_takes_nothing() -> None:
    memory = Memory(10)
    await memory.take(10)
    first, second = asyncio.create_task(memory.take(8)), asyncio.create_task(memory.take(9))
    await turn()
    memory.give_back(10)
    first.cancel()
    await turn()
    assert first.cancelled()
    assert second.result() == 9
    assert memory.free == 1
