"""The log, and standard output, without secrets and prompts: for people, or as JSON for a collector."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from io import TextIOWrapper
from types import TracebackType
from typing import Any, Literal, TextIO

from core.redaction import SHORTEST_SECRET, held_secrets, hide_known, hide_secrets

_unsaid: ContextVar[tuple[str, ...]] = ContextVar("unsaid", default=())


def _hide(text: str) -> str:
    return hide_secrets(text, *held_secrets())


class _Clean:
    """A text stream that hides secrets in what is written through it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        self.stream.write(_hide(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def uncleaned(stream: TextIO) -> TextIO:
    """Returns a stream as it is, for a secret that somebody is to have."""
    return stream.stream if isinstance(stream, _Clean) else stream


@contextmanager
def unsaid(*texts: str | None) -> Generator[None]:
    """Keeps these texts out of what is logged by the tasks that are begun here, and by their threads.

    That is for what people write, which an error may repeat; what is shorter than a secret stays.
    """
    token = _unsaid.set(tuple(text for text in texts if text and len(text.strip()) >= SHORTEST_SECRET))
    try:
        yield
    finally:
        _unsaid.reset(token)


class _Formatter(logging.Formatter):
    """Leaves out of an exception what is unsaid."""

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        return hide_known(super().formatException(ei), *_unsaid.get())


class _TextFormatter(_Formatter):
    """Writes a record as a line, and after its message the fields of an event."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = (f"{name}={json.dumps(value)}" for name, value in _fields(record).items())
        return " ".join([hide_known(super().formatMessage(record), *_unsaid.get()), *fields])


class _JSONFormatter(_Formatter):
    """Writes a record as one JSON object in a line.

    Secrets are hidden before it is one: what is taken out of the finished line might end it too early.
    """

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        line = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": hide_known(record.getMessage(), *_unsaid.get()),
            **_fields(record),
            **({"exception": self.formatException(record.exc_info)} if record.exc_info else {}),
        }
        clean = {name: _hide(value) if isinstance(value, str) else value for name, value in line.items()}
        return json.dumps(clean)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Returns the fields of an event, which its caller gives as `extra={"fields": …}`."""
    return getattr(record, "fields", {})


def log_without_secrets(level: int | str = logging.INFO, form: Literal["text", "json"] = "text") -> None:
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
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_TextFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    if form == "json" and isinstance(sys.stderr, _Clean):
        handler = logging.StreamHandler(sys.stderr.stream)
        handler.setFormatter(_JSONFormatter())
    logging.captureWarnings(form == "json")
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("httpx", "httpx2", "httpcore", "httpcore2", "mcp"):
        logging.getLogger(chatty).setLevel(max(logging.getLogger().level, logging.WARNING))


def log_apart() -> None:
    """Writes the warnings of Limner's own modules to standard error, without secrets, and nowhere else.

    It is for a program whose own log and standard output are not to be touched.
    """
    handler = logging.StreamHandler(_Clean(sys.stderr))
    handler.setFormatter(_TextFormatter("%(levelname)s %(name)s: %(message)s"))
    handler.setLevel(logging.WARNING)
    for name in ("core", "limner", "providers", "ui"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
