"""The log, and standard output, without secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from io import TextIOWrapper
from typing import Any, TextIO

from core.redaction import held_secrets, hide_secrets


class _Clean:
    """A text stream that hides secrets in what is written through it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(hide_secrets(text, *held_secrets()))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def log_without_secrets(level: int | str = logging.INFO) -> None:
    """Sets up logging to standard error, and what the program prints: without secrets, on any console.

    That covers what others print past the log: gradio its tracebacks, uvicorn its own, a plugin
    anything.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a console that lacks a letter shows its number
            stream.reconfigure(errors="backslashreplace")
    for name in ("stdout", "stderr"):
        if not isinstance(getattr(sys, name), _Clean):
            setattr(sys, name, _Clean(getattr(sys, name)))
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=level, format=form, stream=sys.stderr, force=True)
    for chatty in ("httpx", "httpx2", "httpcore", "httpcore2"):
        logging.getLogger(chatty).setLevel(max(logging.getLogger().level, logging.WARNING))
