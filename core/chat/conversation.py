"""A conversation in memory: its messages, and a way to wait for what changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator

from core.chat.message import Message, Version


class Conversation:
    """A conversation in memory: its messages in order, and a way to wait for changes.

    It belongs to one event loop. Revisions are microseconds of the clock and only grow, so that a
    browser's last revision stays meaningful when the server restarts.
    """

    def __init__(self, id: str, messages: Iterable[Message] = ()) -> None:
        self.id = id
        self._messages = {message.id: message for message in messages}
        self._rev = max((message.rev for message in self), default=0)
        self._changed = asyncio.Event()

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages.values())

    def __len__(self) -> int:
        return len(self._messages)

    def get(self, message_id: str) -> Message | None:
        """Returns the message of that id, if there is one."""
        return self._messages.get(message_id)

    def forget(self, message_id: str) -> None:
        """Drops a message that the store has forgotten."""
        self._messages.pop(message_id, None)

    def add(self, message: Message) -> None:
        """Appends a message, if it is new, and wakes those who wait."""
        self._messages[message.id] = message
        self.touch(message)

    def touch(self, message: Message) -> None:
        """Gives a changed message its new revision and wakes those who wait."""
        self.revise(message)
        self.announce()

    def revise(self, message: Message) -> None:
        """Gives a changed message its new revision, to be stored before `announce`."""
        self._rev = message.rev = max(self._rev + 1, time.time_ns() // 1000)

    def announce(self) -> None:
        """Wakes those who wait for changes."""
        self._changed.set()
        self._changed = asyncio.Event()

    def since(self, rev: int) -> list[Message]:
        """Returns the messages that changed after a revision, in their order.

        For a revision that this conversation has not reached, these are all messages: whoever has it knows
        another past, such as one that a disk has lost.
        """
        if rev > self._rev:
            return list(self)
        return [message for message in self if message.rev > rev]

    async def changes(self, rev: int) -> list[Message]:
        """Waits until messages are newer than a revision, and returns them."""
        while not (changed := self.since(rev)):
            await self._changed.wait()
        return changed

    async def settled(self, message: Message) -> Version:
        """Waits until a message's latest version has settled, and returns it."""
        while message.running:
            await self._changed.wait()
        return message.versions[-1]
