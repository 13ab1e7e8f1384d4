"""`limner generate`: one picture, or one for each line of standard input, several at a time."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

from core import Rejected, open_studio
from core.asking import SentPicture, read_picture
from core.plugins.loop import run
from core.settings.schema import Settings
from limner.picture import is_url
from ui.cli import outcome
from ui.cli.making import Making
from ui.cli.output import read_output
from ui.cli.progress import progress
from ui.cli.prompts import Line, PromptLines
from ui.cli.results import Results
from ui.cli.stopping import Stop, stopped_by_signals

STANDARD_INPUT = "-"
_NO_PROMPT = "Standard input has no prompt: send it one, or several with a line each."


def generate(settings: Settings, arguments: argparse.Namespace, results: Results) -> int:
    """Makes the pictures and returns the exit code; raises Rejected, and then none is begun."""
    output = read_output(arguments.output, exact=arguments.exact_name, terminal=results.is_terminal)
    if output.is_standard and arguments.json:
        raise Rejected("The picture and --json are both for standard output: choose one of them.")
    values = {
        "provider": arguments.provider,
        "model": arguments.model,
        "size": arguments.size,
        "seed": _seed(arguments.seed),
        "negative_prompt": arguments.negative_prompt,
        "options": _options(arguments.option),
    }
    images = [_read_file(name, settings.max_bytes) for name in arguments.image]
    mask = None if arguments.mask is None else _read_file(arguments.mask, settings.max_bytes)
    if arguments.prompt is None and sys.stdin.isatty():
        raise Rejected("The prompt is missing: describe the picture that you want.", field="prompt")
    has_lines = arguments.prompt in (None, STANDARD_INPUT)
    output.check()

    async def work() -> int:
        with stopped_by_signals() as stop:
            studio = open_studio(settings)
            making = Making(
                studio=studio,
                values=values,
                images=images,
                mask=mask,
                output=output,
                results=results,
                progress=progress(several=has_lines),
                stop=stop,
                as_json=arguments.json,
                is_one_of_several=has_lines and not output.is_for_one,
            )
            try:
                if not has_lines:
                    await making.make(arguments.prompt)
                elif output.is_for_one:
                    await making.make(await _only(PromptLines(), stop))
                else:
                    jobs = min(arguments.jobs, settings.max_in_flight, settings.max_in_flight_total)
                    await _make_all(making, PromptLines(), jobs)
            finally:
                await studio.close()
        if stop.code is not None:
            print("Stopped.", file=sys.stderr)
            return stop.code
        return outcome.code_of_all(making.codes)

    return run(work())


async def _make_all(making: Making, lines: PromptLines, jobs: int) -> None:
    """Makes the picture of each line, so many at a time."""
    running: set[asyncio.Task[None]] = set()
    line = await _next(lines, making.stop)
    if line is None and not making.stop.event.is_set():
        raise Rejected(_NO_PROMPT, field="prompt")
    try:
        while line and not (making.is_over or making.stop.event.is_set()):
            if line.fault:
                making.refuse(line.prompt, Rejected(line.fault, field="prompt"))
            else:
                running.add(asyncio.create_task(making.make(line.prompt)))
            if len(running) == jobs:
                ended, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for one in ended:
                    one.result()
            line = await _next(lines, making.stop)
    finally:
        await asyncio.gather(*running)
    if line and not making.stop.event.is_set():
        if making.results.is_read:
            print("The other prompts are not begun: they would fail in the same way.", file=sys.stderr)
        else:
            making.codes.add(outcome.FAILED)


async def _only(lines: PromptLines, stop: Stop) -> str:
    """Returns the one prompt of standard input; raises Rejected if there are several."""
    line = await _next(lines, stop)
    if line is None and not stop.event.is_set():
        raise Rejected(_NO_PROMPT, field="prompt")
    if line and line.fault:
        raise Rejected(line.fault, field="prompt")
    if await _next(lines, stop):
        raise Rejected(
            "There are several prompts, and a place for one picture: name a folder, as in -o FOLDER/."
        )
    return line.prompt if line else ""


async def _next(lines: PromptLines, stop: Stop) -> Line | None:
    """Returns the next line; None after the last, or if the process is asked to stop."""
    reading, stopping = asyncio.ensure_future(lines.next()), asyncio.ensure_future(stop.event.wait())
    await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if reading.done():
        return reading.result()
    reading.cancel()
    return None


def _read_file(name: str, max_bytes: int) -> SentPicture:
    """Returns the picture in a file; raises Rejected."""
    if not name:
        raise Rejected("The name of a picture is empty: name a file.")
    if is_url(name):
        raise Rejected(f"Pictures are read from files, not from {name}: save the picture, and name the file.")
    return read_picture(Path(name), max_bytes)


def _seed(text: str | None) -> int | str | None:
    """Reads a seed; what is no whole number is left to the request, which says so."""
    return int(text) if text and re.fullmatch(r"-?[0-9]{1,20}", text) else text


def _options(pairs: list[str]) -> dict[str, Any]:
    """Reads NAME=VALUE; a value that is valid JSON counts as such, any other as text."""
    options: dict[str, Any] = {}
    for option in pairs:
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise Rejected(f"The option {option!r} is not clear: write it as name=value.")
        try:
            options[name] = json.loads(value)
        except (ValueError, RecursionError):
            options[name] = value
    return options
