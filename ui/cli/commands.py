"""The commands: which function answers each, and what is said of a wrong setting or request."""

from __future__ import annotations

import argparse
import json
import sys

from core import Rejected, SettingsError
from core.logs import log_without_secrets
from core.settings.schema import Settings, load_settings
from limner.proxies import tidy_variables
from ui.cli.doctor import examine, probe
from ui.cli.generate import generate
from ui.cli.keys import print_new_key
from ui.cli.live import answer_live, make_apart
from ui.cli.outcome import DONE, FAILED, code_of_refusal, known_of_refusal
from ui.cli.providers import print_providers
from ui.cli.recipes import about_recipe, add_recipe, read_recipe, recipe_names, what_next
from ui.cli.report import print_report
from ui.cli.results import Results


def run(arguments: argparse.Namespace) -> int:
    """Runs one command and returns its exit code."""
    log_without_secrets("WARNING")
    tidy_variables()
    if arguments.command == "generate":
        return _generate(arguments)
    try:
        return _run(arguments)
    except (SettingsError, Rejected) as problem:
        print(problem, file=sys.stderr)
        return code_of_refusal(problem)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "recipe":
        return _recipe(arguments.name, write=arguments.write)
    if arguments.command == "key":
        print_new_key(arguments.name, write=arguments.write)
        return DONE
    settings = load_settings()
    if arguments.command == "providers":
        return print_providers(settings, as_json=arguments.json)
    if arguments.command == "probe":
        answer_live(settings) if arguments.live else probe(settings)
        return DONE
    return _doctor(settings, arguments)


def _generate(arguments: argparse.Namespace) -> int:
    results = Results()
    try:
        return generate(load_settings(), arguments, results)
    except (SettingsError, Rejected) as problem:
        if arguments.json:
            results.line(json.dumps(known_of_refusal(problem, arguments.prompt)))
        else:
            print(problem, file=sys.stderr)
        return code_of_refusal(problem)


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
        print_report(report, live)
    return DONE if report.sound and (live is None or live["status"] == "complete") else FAILED
