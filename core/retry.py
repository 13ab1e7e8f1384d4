"""Decides what is sent again: only what certainly did not run, and only after the wait that is asked for."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from core.failures import Cause, Failure

_RETRIED: dict[Cause, str] = {"rate-limit": "rate limited", "unavailable": "out of reach"}
FIRST_WAIT = 1.0
"""Seconds before the first retry where the service names no wait; each further one waits twice as long."""


def wait_before_retry(failure: Failure, retries: int) -> float | None:
    """Gives the seconds to wait before the next try, or None where there must be none."""
    if not failure.did_not_run or failure.cause not in _RETRIED:
        return None
    return FIRST_WAIT * 2**retries if failure.retry_after is None else failure.retry_after


async def wait_visibly(failure: Failure, seconds: float, report: Callable[[str], None]) -> None:
    """Waits, and says each second why and how much longer; a Stop ends it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (left := end - loop.time()) > 0:
        report(f"{_RETRIED[failure.cause]}, trying again in {math.ceil(left)} s")
        await asyncio.sleep(min(left, 1))
    report("trying again")
