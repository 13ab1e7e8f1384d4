"""The commands: one picture, the list of providers, the recipes, the doctor."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core import Rejected, SettingsError, open_studio
from core.asking import SentPicture, ask
from core.chat.conversation import Conversation
from core.chat.message import Message, Version
from core.chat.request import UserRequest
from core.generation.visitor import Visitor
from core.logs import log_without_secrets
from core.parts import filename, provenance
from core.plugins.catalog import PluginEntry, catalog
from core.plugins.registry import Registry
from core.settings.schema import Settings, load_settings
from core.studio import Studio
from limner.formats import MEDIA_TYPES
from limner.picture import is_url
from limner.proxies import tidy_variables
from ui.cli.doctor import Report, examine, probe
from ui.cli.hints import hints
from ui.cli.keys import print_new_key
from ui.cli.live import answer_live, make_apart
from ui.cli.recipes import about_recipe, add_recipe, read_recipe, recipe_names, what_next

DONE, FAILED, REJECTED = 0, 1, 2
_OWNER = Visitor("command line", is_owner=True)


def run(arguments: argparse.Namespace) -> int:
    """Runs one command and returns its exit code."""
    log_without_secrets("WARNING")
    tidy_variables()
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except (SettingsError, Rejected) as problem:
        return _reject(problem)
    except BrokenPipeError:  # `limner providers | head`; what is left to print has no reader
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "recipe":
        return _recipe(arguments.name, write=arguments.write)
    if arguments.command == "key":
        print_new_key(arguments.name, write=arguments.write)
        return DONE
    settings = load_settings()
    if arguments.command == "generate":
        if arguments.output is not None:
            _check_output(arguments.output)
        return asyncio.run(_generate(settings, arguments))
    if arguments.command == "providers":
        return _providers(settings, as_json=arguments.json)
    if arguments.command == "probe":
        answer_live(settings, _live) if arguments.live else probe(settings)
        return DONE
    return _doctor(settings, arguments)


def _reject(problem: object) -> int:
    print(problem, file=sys.stderr)
    return REJECTED


async def _generate(settings: Settings, arguments: argparse.Namespace) -> int:
    request = UserRequest(
        prompt=arguments.prompt,
        provider=arguments.provider,
        model=arguments.model,
        size=arguments.size,
        seed=arguments.seed,
        negative_prompt=arguments.negative_prompt,
        options=_options(arguments.option),
    )
    sent = [_read_file(name, settings.max_bytes) for name in arguments.image]
    mask = None if arguments.mask is None else _read_file(arguments.mask, settings.max_bytes)
    studio = open_studio(settings)
    try:
        version = await _settled(studio, request, sent, mask)
        if version.picture is None:
            return _print_failure(version, as_json=arguments.json)
        data = await studio.store.read(version.picture.name) or b""
    finally:
        await studio.close()
    try:
        path = _write(data, arguments.output, filename(version), exact=arguments.exact_name)
    except OSError as error:
        kept = studio.store.find(version.picture.name)
        print(f"The picture could not be written ({error.strerror}): it is kept as {kept}.", file=sys.stderr)
        return FAILED
    if arguments.json:
        print(json.dumps({"file": str(path), **provenance(version)}))
        return DONE
    for warning in version.provenance.warnings:
        print(f"{warning.feature}: {warning.details}", file=sys.stderr)
    print(path)
    return DONE


def _check_output(output: Path) -> None:
    """Raises Rejected if no file of this name can be written, before a picture is made for it."""
    try:
        output.touch(exist_ok=False)
        output.unlink()
    except FileExistsError as error:
        raise Rejected(f"{output} already exists: choose another name.") from error
    except OSError as error:
        raise Rejected(f"{output} cannot be written ({error.strerror}): choose another file.") from error


def _read_file(name: str, max_bytes: int) -> SentPicture:
    """Returns the picture in a file; raises Rejected."""
    if not name:
        raise Rejected("The name of a picture is empty: name a file.")
    if is_url(name):
        raise Rejected(f"Pictures are read from files, not from {name}: save the picture, and name the file.")
    path = Path(name)
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise Rejected(f"{path} cannot be read ({error.strerror}): name another file.") from error
    if len(data) > max_bytes:
        raise Rejected(f"{path} is larger than {max_bytes:,} bytes: send a smaller picture.")
    return SentPicture(data, path.name, called=path.name)


async def _settled(
    studio: Studio,
    request: UserRequest,
    images: Sequence[SentPicture] = (),
    mask: SentPicture | None = None,
) -> Version:
    """Makes one picture; Ctrl-C stops it as Stop does, so that the provider is told."""
    asked = await ask(studio, request, images=images, mask=mask, visitor=_OWNER)
    loop = asyncio.get_running_loop()  # whose add_signal_handler does not exist on Windows
    signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(studio.stop, asked.message))
    printing = asyncio.create_task(_print_progress(asked.conversation, asked.message))
    try:
        return (await asked.settled())[-1]
    finally:
        printing.cancel()


async def _print_progress(conversation: Conversation, message: Message) -> None:
    rev, printed = message.last_rev, ""
    while True:
        await conversation.changes(rev)
        rev = message.last_rev
        for live in message.live.values():
            if live.progress not in ("", printed):
                printed = live.progress
                print(printed, file=sys.stderr)


def _print_failure(version: Version, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(provenance(version)))
    elif version.failure:
        print(version.failure.sentence, file=sys.stderr)
        if version.failure.service_message:
            print(f"The service says: {version.failure.service_message}", file=sys.stderr)
    else:
        print("Stopped.", file=sys.stderr)
    return FAILED


def _options(pairs: list[str]) -> dict[str, Any]:
    """Reads NAME=VALUE; a value that is valid JSON counts as such, any other as text."""
    options: dict[str, Any] = {}
    for option in pairs:
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise Rejected(f"The option {option!r} is not clear: write it as name=value.")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


def _write(data: bytes, output: Path | None, filename: str, *, exact: bool) -> Path:
    """Writes the picture under the first free name: fox.png, fox-2.png, …

    If `output` has the extension of another format, it gets that of the bytes, unless `exact`.
    """
    path = output or Path(filename)
    extension = path.suffix[1:].lower().replace("jpeg", "jpg")
    if not exact and extension in MEDIA_TYPES and not filename.endswith(f".{extension}"):
        path = path.with_suffix(Path(filename).suffix)
    stem, number = path.stem, 1
    while path.exists() and path != output:
        number += 1
        path = path.with_stem(f"{stem}-{number}")
    if output not in (None, path):
        print(f"The picture is a {path.suffix[1:].upper()} file: it is written as {path}.", file=sys.stderr)
    path.write_bytes(data)
    return path


def _providers(settings: Settings, *, as_json: bool) -> int:
    entries = catalog(Registry(settings))
    if as_json:
        print(json.dumps([entry.model_dump() for entry in entries], indent=2))
        return DONE
    for entry in entries:
        print(_line(entry))
        for model in entry.models:
            print(f"    {model.id}  sizes: {model.sizes}  takes: {', '.join(model.takes)}")
    return DONE


def _line(entry: PluginEntry) -> str:
    return f"{entry.name} ({entry.source}): {entry.state}{', costs money' if entry.paid else ''}"


def _recipe(name: str | None, *, write: bool) -> int:
    if name is None:
        for known in recipe_names():
            print(f"{known}: {about_recipe(known)}")
    elif write:
        print(what_next(name, add_recipe(name)))
    else:
        print(read_recipe(name), end="")
    return DONE


def _doctor(settings: Settings, arguments: argparse.Namespace) -> int:
    report = examine(settings)
    live = make_apart(settings, arguments.live, report.deadly) if arguments.live else None
    if arguments.json:
        print(json.dumps({**report.model_dump(), "live": live}, indent=2))
    else:
        _print_report(report, live)
    return DONE if report.sound and (live is None or live["status"] == "complete") else FAILED


async def _live(settings: Settings, name: str) -> dict[str, Any]:
    studio = open_studio(settings)
    try:
        version = await _settled(studio, UserRequest(prompt="a small red circle on white", provider=name))
    finally:
        await studio.close()
    asked, failure = studio.registry.get(name), version.failure
    found = hints(asked, failure, version.provenance.model) if asked and failure else []
    return {"provider": name, "status": version.status, **provenance(version), "hints": found}


def _print_report(report: Report, live: Mapping[str, Any] | None) -> None:
    print("Plugins")
    for entry in report.plugins:
        print(f"  {_line(entry)}")
    order = [entry.name for entry in report.plugins if entry.kind == "middleware"]
    if order:
        print(f"  middlewares, from the outermost: {', '.join(order)}")
    print("Settings")
    for setting in report.settings:
        print(f"  {setting.name} = {setting.value}  ({setting.origin})")
    if report.choices:
        print(f"  {report.choices}")
    print(f"Store\n  {report.store}")
    if live:
        failure = live.get("failure") or {"what": "The picture was stopped."}
        made = "complete" if live["status"] == "complete" else f"no picture. {failure['what']}"
        print(f"Live\n  {live['provider']}: {made}")
        if failure.get("service_message"):
            print(f"  The service says: {failure['service_message']}")
        for hint in live["hints"]:
            print(f"  - {hint}")
    if not report.sound:
        print("Something is broken: see above.")
    elif live and live["status"] != "complete":
        print("Plugins, settings and store are well, but no picture was made: see above.")
    else:
        print("All is well.")
