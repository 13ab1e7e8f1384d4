"""One real picture, made in a process of its own, so that the doctor goes on whatever becomes of that."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from queue import Empty
from typing import Any

from core import Rejected, SettingsError
from core.settings.schema import Settings
from ui.cli.process import START_TIMEOUT, Process, answering, environment

BESIDES = 120.0
"""Seconds beside the provider's own timeout: to load the plugins and modules, to clean up and to store."""

_REPORT = "tell its author; `limner doctor` without --live makes no picture."


def make_apart(settings: Settings, provider: str, faults: Mapping[str, str]) -> dict[str, Any]:
    """Has another process make a picture with a provider, and returns what became of it.

    `faults` are those of the plugins that end or hold up a process, by their names: they are not loaded.
    Raises Rejected if there is nothing to make it with.
    """
    if provider in faults:
        return _lost(provider, faults[provider])
    own = settings.providers.get(provider)
    patience = ((own and own.timeout) or settings.timeout) + BESIDES
    given = {"provider": provider, "without": [*faults]}
    with Process("probe", "--live", given=given, environment=environment()) as process, _ctrl_c(process):
        try:
            answer = process.answer(START_TIMEOUT) and process.answer(patience)
        except Empty:
            return _lost(provider, f"It did not end within {patience:g} seconds: {_REPORT}")
        if answer is None:
            code = process.exit_code()
            return _lost(
                provider, f"It ended the process that made the picture (exit code {code}): {_REPORT}"
            )
    if "rejected" in answer:
        raise Rejected(answer["rejected"])
    return answer


def answer_live(
    settings: Settings, make: Callable[[Settings, str], Coroutine[Any, Any, dict[str, Any]]]
) -> None:
    """Makes the picture in this process, and answers to the one that started it."""
    given = json.load(sys.stdin)
    blocked: Sequence[str] = (*settings.block_plugins, *given["without"])
    chosen = settings.model_copy(update={"block_plugins": blocked, "fallback": ()})
    with answering() as answer:
        try:
            answer(asyncio.run(make(chosen, given["provider"])))
        except (SettingsError, Rejected) as problem:
            answer({"rejected": str(problem)})


def _lost(provider: str, what: str) -> dict[str, Any]:
    return {"provider": provider, "status": "incomplete", "failure": {"what": what}, "hints": []}


@contextmanager
def _ctrl_c(process: Process) -> Generator[None, None, None]:
    """Has Ctrl-C stop the picture as Stop does, so that the service is told, and not the doctor."""
    before = signal.signal(signal.SIGINT, lambda number, _: process.pass_on(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
