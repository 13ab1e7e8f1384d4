"""A message: what a person asked for, and every version of the answer."""

from __future__ import annotations

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
    """What the model said beside the picture."""
    request_id: str | None = None
    usage: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    warnings: tuple[ImageWarning, ...] = ()
    cost: str | None = None
    """An estimate from the settings' price, such as `0.04 USD`."""

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


@dataclass(eq=False)
class Message:
    """What a person asked for and every version of the answer.

    `rev` grows with each change. The page shows the chosen complete version, if there is one, and
    next to it the latest attempt as long as it has no picture: a failed attempt never hides a good
    picture.
    """

    id: str
    request: UserRequest
    created: float
    rev: int = 0
    versions: list[Version] = field(default_factory=list[Version])
    chosen: int | None = None
    """The number of the version that is shown."""
    progress: str = ""
    """What the running version waits for, in the provider's words."""
    preview: Preview | None = None
    """How far the running version's picture is."""
    unsaved: bool = False
    """The store could not save the last change."""

    @property
    def pictures(self) -> list[Version]:
        """The versions that have a picture, oldest first."""
        return [version for version in self.versions if version.picture]

    @property
    def shown(self) -> Version | None:
        """The version whose picture is shown; None as long as there is no picture at all."""
        pictures = self.pictures
        chosen = next((version for version in pictures if version.number == self.chosen), None)
        return chosen or (pictures[-1] if pictures else None)

    @property
    def attempt(self) -> Version | None:
        """The latest version if it has no picture: running, refused, failed or stopped."""
        return self.versions[-1] if self.versions and not self.versions[-1].picture else None

    @property
    def running(self) -> bool:
        return bool(self.versions) and self.versions[-1].status == "running"
