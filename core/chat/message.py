"""A message: what a person asked for, and every version of the answer."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from core.chat.failure import Failure
from core.chat.picture import Picture, Preview
from core.chat.request import UserRequest
from limner import ImageResult, ImageWarning

Status: TypeAlias = Literal["running", "complete", "incomplete"]
Reason: TypeAlias = Literal["content-filter", "error", "cancelled"]

MAX_VERSIONS = 200
"""Versions of a message."""


class Provenance(BaseModel):
    """How a version came to be: what was sent to the provider, and what the service said about it."""

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
    text: str | None = None
    """What the model said in addition to the picture."""
    request_id: str | None = None
    usage: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    from_pictures: bool = False
    """It was made from pictures that the person sent."""
    signed: bool = False
    """The picture came with a C2PA signature, of which nothing has been verified."""
    warnings: tuple[ImageWarning, ...] = ()
    cost: str | None = None
    """An estimate by the model's price, such as `0.04 USD`."""
    cost_from_usage: bool = False
    """It is not an estimate, but computed from what the service said that it used."""

    def with_result(self, result: ImageResult, *warnings: ImageWarning) -> Provenance:
        """Returns it with what the service said, which the host has made fit to keep, and more warnings."""
        same_model = result.model in (None, self.model)
        return self.model_copy(
            update={
                "model": result.model or self.model,
                "model_label": self.model_label if same_model else result.model,
                "seed": self.seed if result.seed is None and result.seed_sent else result.seed,
                "revised_prompt": result.revised_prompt,
                "text": result.text,
                "request_id": result.request_id,
                "usage": dict(result.usage),
                "metadata": dict(result.metadata),
                "warnings": (*self.warnings, *result.warnings, *warnings),
            }
        )


class Version(BaseModel):
    """One picture of a message, or the attempt at one: running first, then replaced once when it settles."""

    model_config = ConfigDict(frozen=True)

    number: int
    """1, 2, 3, …; a number is never used again."""
    turn: int = 1
    """The number of the first of those that were begun together, which are shown side by side."""
    request: UserRequest | None = None
    """What was asked for this version, if it is not what the message asked for."""
    provenance: Provenance
    status: Status = "running"
    reason: Reason | None = None
    """Why it is incomplete."""
    started: float = Field(default_factory=time.time)
    """Unix time, seconds."""
    duration: float | None = None
    """Seconds from start to settling."""
    picture: Picture | None = None
    failure: Failure | None = None
    deleted: float | None = None
    """When the person deleted it, in Unix seconds; it can be restored for a while."""

    @property
    def rank(self) -> int:
        """How final it is: one with a picture replaces a settled one, and that one that runs; never back."""
        return 2 if self.picture else int(self.status != "running")

    def completed(self, picture: Picture, provenance: Provenance) -> Version:
        """Returns the version settled with a picture."""
        return self.model_copy(
            update={"status": "complete", "picture": picture, "provenance": provenance},
        )

    def failed(self, failure: Failure) -> Version:
        """Returns the version settled with a failure."""
        reason: Reason = "content-filter" if failure.cause == "content-filter" else "error"
        return self.model_copy(update={"status": "incomplete", "reason": reason, "failure": failure})

    def cancelled(self) -> Version:
        """Returns the version settled because the person stopped it."""
        return self.model_copy(update={"status": "incomplete", "reason": "cancelled"})


@dataclass
class Live:
    """How far a running version is, which is shown and never stored."""

    progress: str = ""
    """What it waits for, in the provider's words."""
    share: float | None = None
    """How much of the work is done, from 0 to 1; None if nobody knows."""
    preview: Preview | None = None


@dataclass
class Stored:
    """What the store has of a message, as far as is known: what differs was changed here."""

    rev: int = 0
    chosen: int | None = None
    deleted: float | None = None
    last_number: int = 0
    marks: dict[int, float | None] = field(default_factory=dict[int, float | None])
    """When each version was deleted, by its number."""


@dataclass(eq=False)
class Message:
    """What a person asked for and every version of the answer.

    `rev` grows with each change, `live_rev` with each that only says how far a running version is. The
    page shows the turn of the chosen version, and next to it the latest turn as long as that has no
    picture: a failed attempt never hides a good picture. Deleted versions are in `versions` alone.
    """

    id: str
    request: UserRequest
    created: float
    rev: int = 0
    versions: list[Version] = field(default_factory=list[Version])
    chosen: int | None = None
    """The number of the version whose turn is shown."""
    deleted: float | None = None
    """When the person deleted it, in Unix seconds; it can be restored for a while."""
    last_number: int = 0
    """The highest number that a version has had, also one that is gone for good."""
    live: dict[int, Live] = field(default_factory=dict[int, Live])
    """How far each running version is, by its number."""
    live_rev: int = 0
    unsaved: bool = False
    """The store could not save the last change."""
    stored: Stored | None = None
    """None if the store has nothing of it."""

    @property
    def last_rev(self) -> int:
        """The revision of the last change of either kind."""
        return max(self.rev, self.live_rev)

    @property
    def turns(self) -> list[list[Version]]:
        """The versions that are not deleted, those that were begun together in one list, oldest first."""
        turns: dict[int, list[Version]] = {}
        for version in self.versions:
            if version.deleted is None:
                turns.setdefault(version.turn, []).append(version)
        return list(turns.values())

    @property
    def pictures(self) -> list[Version]:
        """The versions that have a picture, oldest first."""
        return [version for version in self.versions if version.picture and version.deleted is None]

    @property
    def shown(self) -> list[Version]:
        """The turn that is shown: the chosen one, or else the last before it that has a picture.

        Without any picture it is the latest turn.
        """
        turns = self.turns
        with_picture = [turn for turn in turns if any(version.picture for version in turn)]
        chosen = self.version(self.chosen)
        turn_of_it = chosen.turn if chosen else self.chosen or math.inf
        before = [turn for turn in with_picture if turn[0].turn <= turn_of_it]
        return [*before[-1:], *with_picture[:1], *turns[-1:], list[Version]()][0]

    @property
    def main(self) -> Version:
        """The version that represents the message where there is room for only one."""
        shown = self.shown or self.versions[-1:]
        pictures = [version for version in shown if version.picture] or shown
        return next((version for version in pictures if version.number == self.chosen), pictures[0])

    @property
    def attempt(self) -> list[Version]:
        """The latest turn if it has no picture, so that an earlier one is shown: running, failed, stopped."""
        latest = [list[Version](), *self.turns][-1]
        return [] if latest == self.shown or any(version.picture for version in latest) else latest

    @property
    def running(self) -> bool:
        """Whether a version that is not deleted is being made."""
        return any(version.status == "running" and version.deleted is None for version in self.versions)

    def version(self, number: int | None) -> Version | None:
        """Returns the version of that number, deleted or not, if there is one."""
        return next((version for version in self.versions if version.number == number), None)

    def next_number(self) -> int:
        """Returns the number of a version that is about to begin."""
        self.last_number = self.claimed(1)
        return self.last_number

    def replace(self, version: Version) -> Version:
        """Puts a version in the place of the one with its number, and returns it, deleted if that one is."""
        (at,) = [at for at, other in enumerate(self.versions) if other.number == version.number]
        self.versions[at] = version.model_copy(update={"deleted": self.versions[at].deleted})
        return self.versions[at]

    def claimed(self, count: int) -> int:
        """Returns the highest number once so many more versions are begun."""
        return max([self.last_number, *(version.number for version in self.versions)]) + count

    def take_in(self, other: Message) -> None:
        """Takes over what another process has changed, as the store has it; what was changed here stays."""
        known, new = self.stored or Stored(), other.stored or Stored()
        if self.chosen == known.chosen:
            self.chosen = other.chosen
        if self.deleted == known.deleted:
            self.deleted = other.deleted
        self.last_number = max(self.last_number, other.last_number)
        theirs = {version.number: version for version in other.versions}
        for at, own in enumerate(self.versions):
            if version := theirs.pop(own.number, None):
                self.versions[at] = self._newer(own, version, known)
        gone = known.marks.keys() - new.marks.keys()
        kept = [one for one in self.versions if one.number not in gone or one.number in self.live]
        self.versions = sorted([*kept, *theirs.values()], key=lambda version: version.number)
        self.stored = new

    def _newer(self, own: Version, stored: Version, known: Stored) -> Version:
        deleted = stored.deleted if own.deleted == known.marks.get(own.number) else own.deleted
        is_newer = stored.rank > own.rank or (stored.rank == own.rank and own.number not in self.live)
        version = stored if is_newer else own
        if version.status != "running":
            self.live.pop(own.number, None)
        return version if version.deleted == deleted else version.model_copy(update={"deleted": deleted})

    def requested(self, version: Version) -> UserRequest:
        """Returns what was asked for one of the versions."""
        return version.request or self.request
