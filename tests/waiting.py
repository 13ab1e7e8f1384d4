"""Waits in a test for what something else brings about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object]) -> None:
    """Returns once a condition holds; raises TimeoutError if it does not within half a minute."""

    async def wait() -> None:
        while not condition():  # noqa: ASYNC110 (another thread may bring it about)
            await asyncio.sleep(0.001)

    await asyncio.wait_for(wait(), 30)
