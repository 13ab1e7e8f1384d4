"""Counts how often a provider was called for one picture, but for the calls that certainly did not run."""

from __future__ import annotations

import threading


class Calls:
    """The calls of a provider that may have run; for any thread.

    A middleware may call it several times, and what that says itself does not change the count.
    """

    at_work = ""
    """The name of the plugin that has been called last and has not answered: whom a deadline meets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    @property
    def may_have_run(self) -> bool:
        """Whether one of them may have been carried out, and so billed."""
        return self._count > 0

    def begin(self) -> None:
        """Counts a call, just before it."""
        with self._lock:
            self._count += 1

    def take_back(self) -> None:
        """Leaves out a call of which the provider says that it certainly did not run."""
        with self._lock:
            self._count -= 1
