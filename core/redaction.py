"""Keeps secrets out of every text that leaves the program: errors, pages, logs."""

from __future__ import annotations

import logging
import os
import re

HIDDEN = "[hidden]"
LONGEST = 500
"""Characters kept of a service's own words."""

_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL)S?$")
_PATTERNS = [
    re.compile(r"(?i)\b(bearer|basic|token)\s+[\w.~+/=-]{8,}"),
    re.compile(r"\b(?:sk|rk|pk|r8|hf|gsk|xai|fal|key)[-_][\w*-]{6,}"),
    re.compile(
        r"""(?i)\b(?:api[-_]?key|authorization|access[-_]?token|x-api-key)["']?\s*[:=]\s*["']?[^\s"',}]+"""
    ),
    re.compile(r"(?i)(?<=://)[^/\s@]+@"),
    re.compile(r"(?i)(?<=[?&])(?:sig|signature|token|key|x-amz-[\w-]+|policy|expires)=[^&\s\"']+"),
]


def _environment_secrets() -> list[str]:
    return [value for name, value in os.environ.items() if len(value) >= 8 and _SECRET_NAME.search(name)]


def hide_secrets(text: str, *known: str) -> str:
    """Replaces the known secrets, those of the environment, and whatever looks like one."""
    for secret in sorted({*known, *_environment_secrets()}, key=len, reverse=True):
        if secret:
            text = text.replace(secret, HIDDEN)
    for pattern in _PATTERNS:
        text = pattern.sub(HIDDEN, text)
    return text


def clean_words(text: str | None, *known: str) -> str | None:
    """Makes a service's own words fit to be shown: no secrets, no control characters, not too long."""
    if not text:
        return None
    text = hide_secrets(text, *known)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return (text[: LONGEST - 1] + "…" if len(text) > LONGEST else text) or None


class SecretsHidden(logging.Formatter):
    """A log format that hides secrets in messages and tracebacks alike."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return hide_secrets(super().format(record))


def log_without_secrets(level: int = logging.INFO) -> None:
    """Sets up logging to standard error with secrets hidden."""
    handler = logging.StreamHandler()
    handler.setFormatter(SecretsHidden())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("httpx", "httpx2", "httpcore", "httpcore2"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
