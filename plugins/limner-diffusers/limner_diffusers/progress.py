"""What the waiting person sees of the work, and where it learns that nobody waits any more."""

from __future__ import annotations

from dataclasses import dataclass

from limner import CancelConfirmed, ImageRequest

POLL = 0.1
"""Seconds between two looks whether somebody still waits."""


@dataclass(frozen=True)
class Step:
    """How far the work is: words, and the share that is done, if that is known."""

    words: str
    share: float | None = None
    preview: bytes | None = None


class Progress:
    """Shows the steps of one request, and ends it when it is cancelled."""

    def __init__(self, request: ImageRequest) -> None:
        self._request = request

    def show(self, step: Step) -> None:
        """Shows a step; raises CancelConfirmed if nobody waits any more."""
        self.end_if_cancelled()
        self._request.report(step.words, step.share)
        if step.preview:
            self._request.preview(step.preview)

    def end_if_cancelled(self) -> None:
        """Raises CancelConfirmed if nobody waits any more: here nothing is billed for what is not made."""
        if self._request.cancelled:
            raise CancelConfirmed
