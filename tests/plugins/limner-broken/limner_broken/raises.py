"""Every way to fail that the contract does not know, by name."""

from __future__ import annotations

import asyncio
import builtins
import sys
from typing import Any, cast

from limner import LimnerError, ProviderError

SECRET = "sk-secret-in-an-error"


class Unfinished(ProviderError):
    """A subclass that says nothing of what the contract asks."""

    def __init__(self) -> None:
        Exception.__init__(self, SECRET)


class Careless(ProviderError):
    """A subclass that passes on what the service sent."""

    def __init__(self) -> None:
        super().__init__("quota")
        sent: Any = {"message": "no credit"}, "soon", "yes", "out-of-money"
        self.service_message, self.retry_after, self.did_not_run, self.category = sent


def _group() -> BaseException:
    group = getattr(builtins, "BaseExceptionGroup", None)  # Python 3.11
    return group("two failed", [ValueError(SECRET), KeyboardInterrupt()]) if group else ValueError(SECRET)


def throw(how: str) -> Any:
    """Raises, or returns, what its name says."""
    errors: dict[str, Any] = {
        "a bug": lambda: ZeroDivisionError(SECRET),
        "an exception group": _group,
        "a StopIteration": lambda: StopIteration(SECRET),
        "a CancelledError": lambda: asyncio.CancelledError(SECRET),
        "a GeneratorExit": lambda: GeneratorExit(SECRET),
        "a KeyboardInterrupt": lambda: KeyboardInterrupt(SECRET),
        "the root error": lambda: LimnerError(SECRET),
        "an unfinished error": Unfinished,
        "a careless error": Careless,
    }
    if how in errors:
        raise cast(BaseException, errors[how]())
    if how == "sys.exit":
        sys.exit(SECRET)
    returned: dict[str, Any] = {"None": None, "bytes": b"", "a generator": (n for n in range(2))}
    return returned[how]
