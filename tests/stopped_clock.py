"""A clock that stands still, for what counts seconds by `monotonic`."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest


def stop_clock(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> Callable[[float], None]:
    """Stops the clock that a module goes by, and returns what moves it by so many seconds."""
    now = 1_000.0

    def forward(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(module, "monotonic", lambda: now)
    return forward
