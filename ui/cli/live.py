"""One real picture, made in a process of its own, so that the doctor goes on whatever becomes of that."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from queue import Empty
from typing import Any

from core import Rejected, SettingsError, open_studio
from core.asking import ask
from core.chat.request import UserRequest
from core.generation.visitor import LOCAL
from core.parts import provenance
from core.plugins.loop import run
from core.settings.schema import Settings
from ui.cli.hints import hints
from ui.cli.process import START_TIMEOUT, Process, answering, environment
from ui.cli.progress import Progress, follow
from ui.cli.stopping import settled, stopped_by_signals

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


async def make_live(settings: Settings, name: str) -> dict[str, Any]:
    """Makes the picture, and returns what became of it, and of a failure what may be behind it."""
    with stopped_by_signals() as stop:
        studio = open_studio(settings)
        try:
            request = UserRequest(prompt="a small red circle on white", provider=name)
            asked = await ask(studio, request, visitor=LOCAL)
            following = asyncio.create_task(follow(asked, Progress(several=False), 0))
            version = await settled(studio, asked, stop)
            following.cancel()
        finally:
            await studio.close()
    provider, failure = studio.registry.get(name), version.failure
    found = hints(provider, failure, version.provenance.model) if provider and failure else []
    return {"provider": name, "status": version.status, **provenance(version), "hints": found}


def answer_live(settings: Settings) -> None:
    """Makes the picture in this process, and answers to the one that started it."""
    given = json.load(sys.stdin)
    blocked: Sequence[str] = (*settings.block_plugins, *given["without"])
    chosen = settings.model_copy(update={"block_plugins": blocked, "fallback": ()})
    with answering() as answer:
        try:
            answer(run(make_live(chosen, given["provider"])))
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
