"""Tells a client how far its pictures are, so that its person sees it, and it does not give up waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from core.asking import Asked
from core.chat.message import Message

SILENCE = 10.0
"""Seconds after which a client hears that its picture is still being made; many give up after sixty."""

Report: TypeAlias = Callable[[float, float, str], Awaitable[None]]
"""Takes how much is done, of how much, and in words."""


async def report_progress(asked: Asked, report: Report | None) -> None:
    """Waits until all pictures have settled, and reports how far they are if anybody wants to know."""
    if report is None:
        await asked.settled()
        return
    message, total = asked.message, float(len(asked.message.versions))
    started, reached, said, rev = time.monotonic(), 0.0, "", 0
    while message.running:
        words = _words(message)
        if not words or words == said:
            seconds = round(time.monotonic() - started)
            words = f"Being made for {seconds} second{'' if seconds == 1 else 's'}"
        else:
            said = words
        # the protocol wants each to be more than the last, and a provider may say words alone
        reached = max(min(_done(message), total - 0.01), reached + (total - reached) / 100)
        await report(reached, total, words)
        rev = message.last_rev
        try:
            await asyncio.wait_for(_news(asked, rev), SILENCE)
        except asyncio.TimeoutError:
            continue


async def _news(asked: Asked, rev: int) -> None:
    """Waits until a message has changed, by what it says or by settling."""
    while asked.message.running and asked.message.last_rev <= rev:
        await asked.conversation.changes(rev)


def _done(message: Message) -> float:
    """Returns how many pictures are done, with the shares of those that are being made."""
    shares = [live.share or 0.0 for live in message.live.values()]
    return sum(version.status != "running" for version in message.versions) + sum(shares)


def _words(message: Message) -> str:
    return next((live.progress for live in message.live.values() if live.progress), "")
