"""A conversation in memory: its messages, and a way to wait for what changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.chat.message import Message, Version

MAX_MESSAGES = 2_000
"""Messages in a conversation, all of which are in memory while it is open."""
UNDO_SECONDS = 60.0
"""How long what a person has deleted can be restored."""
NOBODY = "nobody"
"""The owner of what a program has asked for: whoever knows its id may read it, and it stays nobody's."""
MAX_TITLE = 80
"""Characters."""


@dataclass(frozen=True)
class ConversationEntry:
    """A conversation as a list shows it."""

    id: str
    owner: str | None
    """A hash of the owner's key; None if it has no owner, and then no list shows it."""
    title: str
    created: float
    updated: float
    """When something was last asked in it, or made, in Unix seconds."""
    deleted: float | None
    purged: int
    """The latest revision among the messages that are gone for good."""
    thumbnail: str | None
    """The name of a picture from it."""


def title_of(prompt: str) -> str:
    """Returns a prompt as a title: on one line, and not in the middle of a word if it must be cut."""
    title = " ".join(prompt.split())
    if len(title) <= MAX_TITLE:
        return title
    cut = title[:MAX_TITLE]
    return f"{cut[: MAX_TITLE - 1].rpartition(' ')[0] or cut[: MAX_TITLE - 1]}…"


class Conversation:
    """A conversation in memory: its messages in order, and a way to wait for changes.

    It belongs to one event loop. Revisions are microseconds of the clock and only grow, so that a
    browser's last revision stays meaningful when the server restarts.
    """

    def __init__(
        self,
        id: str,
        messages: Iterable[Message] = (),
        *,
        owner: str | None = None,
        deleted: float | None = None,
        purged: int = 0,
    ) -> None:
        self.id = id
        self.owner = owner
        self.deleted = deleted
        self.purged = purged
        """The latest revision among the messages that are gone for good."""
        self._messages = {message.id: message for message in messages}
        self._rev = max((message.rev for message in self), default=0)
        self._changed = asyncio.Event()
        self.beginning = asyncio.Lock()
        """Held while versions begin, so that what was checked before is still so."""

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages.values())

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def rev(self) -> int:
        """The revision of the latest change."""
        return self._rev

    @property
    def last_created(self) -> float:
        """When the newest message was added, in Unix seconds; 0 if there is none."""
        return max((message.created for message in self), default=0)

    def get(self, message_id: str) -> Message | None:
        """Returns the message of that id, if there is one."""
        return self._messages.get(message_id)

    def forget(self, message_id: str) -> None:
        """Drops a message that the store has forgotten."""
        if message := self._messages.pop(message_id, None):
            self.purged = max(self.purged, message.rev)

    def take_in(self, stored: Message) -> None:
        """Takes over a message as another process has changed it; `announce` follows."""
        own = self._messages.get(stored.id)
        if own:
            own.take_in(stored)
        else:
            is_last = stored.created >= self.last_created
            self._messages[stored.id] = stored
            if not is_last:
                in_order = sorted(self, key=lambda message: message.created)
                self._messages = {message.id: message for message in in_order}
        self.revise(own or stored)

    def add(self, message: Message) -> None:
        """Appends a message, if it is new, and wakes those who wait."""
        self._messages[message.id] = message
        self.touch(message)

    def touch(self, message: Message) -> None:
        """Marks a message as changed, by a new revision, and wakes those who wait."""
        self.revise(message)
        self.announce()

    def revise(self, message: Message) -> None:
        """Marks a message as changed, by a new revision, which is stored before `announce`."""
        message.rev = self._next_rev()

    def touch_live(self, message: Message) -> None:
        """Marks a message as changed in its live parts alone, and wakes those who wait."""
        message.live_rev = self._next_rev()
        self.announce()

    def announce(self) -> None:
        """Wakes those who wait for changes."""
        self._changed.set()
        self._changed = asyncio.Event()

    def since(self, rev: int) -> list[Message]:
        """Returns the messages that changed after a revision, or are further on, in their order.

        For a revision that has lost touch these are all messages.
        """
        if self.has_lost(rev):
            return list(self)
        return [message for message in self if message.last_rev > rev]

    def has_lost(self, rev: int) -> bool:
        """Whether a page with this revision must forget what it shows.

        It may show a message that is gone for good, or knows another past, such as one that a disk has lost.
        """
        return rev > self._rev or 0 < rev < self.purged

    async def changes(self, rev: int) -> list[Message]:
        """Waits until messages are newer than a revision, and returns them."""
        while not (changed := self.since(rev)):
            await self._changed.wait()
        return changed

    async def settled(self, message: Message) -> Version:
        """Waits until all versions of a message have settled, and returns the latest."""
        while message.running:
            await self._changed.wait()
        return message.versions[-1]

    def _next_rev(self) -> int:
        self._rev = max(self._rev + 1, time.time_ns() // 1000)
        return self._rev
