"""What is known of the calls for one picture: how many may have run, who is at work, and who gave what."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Calls:
    """The calls of a provider that may have run; for any thread.

    A middleware may call it several times, and what that says itself does not change the count.
    """

    def __init__(self) -> None:
        self.working: list[str] = []
        """The names of the plugins that have been called and have not answered, the last one last."""
        self.image_from = ""
        """The plugin that the picture of the result comes from."""
        self.on_leave: list[Callable[[], None]] = []
        """Called when nobody waits any more, whether or not they have answered."""
        self._lock = threading.Lock()
        self._count = 0
        self._given: list[tuple[str, object]] = []

    @property
    def may_have_run(self) -> bool:
        """Whether one of them may have been carried out, and so billed."""
        return self._count > 0

    @property
    def at_work(self) -> str:
        """The plugin whom a deadline meets; empty if there is none."""
        return self.working[-1] if self.working else ""

    def note(self, plugin: str, given: object) -> None:
        """Keeps what a plugin returned or raised, which a middleware around it may pass on or change."""
        self._given.append((plugin, given))

    def source_of(self, given: object, field: str = "") -> str | None:
        """Returns the plugin that gave a result or an error, or a field of one: the innermost that did."""
        for plugin, one in self._given:
            if (getattr(one, field, None) if field else one) is given:
                return plugin
        return None

    def leave(self) -> None:
        """Tells whoever counts the calls that nobody waits for them any more, and forgets what they gave."""
        while self.on_leave:
            self.on_leave.pop()()
        self._given.clear()

    def begin(self) -> None:
        """Counts a call, just before it."""
        with self._lock:
            self._count += 1

    def take_back(self) -> None:
        """Leaves out a call of which the provider says that it certainly did not run."""
        with self._lock:
            self._count -= 1
