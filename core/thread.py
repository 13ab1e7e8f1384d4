"""A conversation: a thread of messages, each with the versions of its picture."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from core.asked import Asked
from core.failures import Failure

Status: TypeAlias = Literal["running", "complete", "incomplete"]
Reason: TypeAlias = Literal["content-filter", "error", "cancelled"]


class Notice(BaseModel):
    """An option that was dropped, rounded or set by itself; `details` is a sentence."""

    model_config = ConfigDict(frozen=True)

    feature: str
    details: str
    type: Literal["unsupported", "other"] = "unsupported"


class Picture(BaseModel):
    """A stored picture: where its bytes are and what they are, found by decoding them."""

    model_config = ConfigDict(frozen=True)

    name: str
    """The name in the store, such as ``3f…9c.png``: unguessable, made by the server."""
    media_type: str
    width: int
    height: int
    size: int
    """Bytes."""


class Applied(BaseModel):
    """What was really asked of the provider, and what the service said of it."""

    model_config = ConfigDict(frozen=True)

    prompt: str
    provider: str
    provider_label: str
    model: str
    model_label: str
    size: str | None = None
    seed: int | None = None
    negative_prompt: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    paid: bool = False
    """The provider's pictures cost money."""
    revised_prompt: str | None = None
    request_id: str | None = None
    usage: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    warnings: tuple[Notice, ...] = ()
    cost: str | None = None
    """An estimate from the settings' price, such as `0.04 USD`."""


class Version(BaseModel):
    """One attempt at a message's picture: running first, then replaced once by how it settled."""

    model_config = ConfigDict(frozen=True)

    number: int
    applied: Applied
    status: Status = "running"
    reason: Reason | None = None
    started: float = Field(default_factory=time.time)
    """Unix time, seconds."""
    duration: float | None = None
    """Seconds from start to settling."""
    picture: Picture | None = None
    failure: Failure | None = None
    refusal: str | None = None
    """The service's own words on a content-filter, cleaned."""


@dataclass(eq=False)
class Message:
    """What a person asked for and every version of the answer.

    `rev` grows with each change. The page shows the chosen complete version, if there is one, and
    beside it the latest attempt as long as that is no picture: so a failed attempt never hides a
    good picture.
    """

    id: str
    asked: Asked
    created: float
    rev: int = 0
    versions: list[Version] = field(default_factory=list[Version])
    chosen: int | None = None
    """The number of the version that is shown."""
    progress: str = ""
    """What the running version waits for, in the provider's words."""
    unsaved: bool = False
    """The store did not take the last change."""

    @property
    def pictures(self) -> list[Version]:
        """The versions that have a picture, oldest first."""
        return [version for version in self.versions if version.picture]

    @property
    def shown(self) -> Version | None:
        """The version whose picture is shown, or None while there is no picture at all."""
        pictures = self.pictures
        chosen = next((version for version in pictures if version.number == self.chosen), None)
        return chosen or (pictures[-1] if pictures else None)

    @property
    def attempt(self) -> Version | None:
        """The latest version where it is no picture: running, refused, failed or stopped."""
        return self.versions[-1] if self.versions and not self.versions[-1].picture else None

    @property
    def running(self) -> bool:
        return bool(self.versions) and self.versions[-1].status == "running"


class Thread:
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
        """Finds a message of this thread by its id."""
        return self._messages.get(message_id)

    def forget(self, message_id: str) -> None:
        """Drops a message that the store has forgotten."""
        self._messages.pop(message_id, None)

    def add(self, message: Message) -> None:
        """Appends a message, where it is new, and wakes those who wait."""
        self._messages[message.id] = message
        self.touch(message)

    def touch(self, message: Message) -> None:
        """Gives a changed message its new revision and wakes those who wait."""
        self.revise(message)
        self.announce()

    def revise(self, message: Message) -> None:
        """Gives a changed message its new revision, which is stored before anybody is told."""
        self._rev = message.rev = max(self._rev + 1, time.time_ns() // 1000)

    def announce(self) -> None:
        """Wakes those who wait for changes."""
        self._changed.set()
        self._changed = asyncio.Event()

    def since(self, rev: int) -> list[Message]:
        """The messages that changed after a revision, in the thread's order.

        They are all of them for a revision that this thread has not reached: whoever has it knows
        another past, such as one that a disk has lost.
        """
        if rev > self._rev:
            return list(self)
        return [message for message in self if message.rev > rev]

    async def changes(self, rev: int) -> list[Message]:
        """Waits until something is newer than a revision, and gives it."""
        while not (changed := self.since(rev)):
            await self._changed.wait()
        return changed

    async def settled(self, message: Message) -> Version:
        """Waits until a message's latest version has settled, and gives it."""
        while message.running:
            await self._changed.wait()
        return message.versions[-1]
