"""Keeps secrets out of every text that leaves the program."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from urllib.parse import quote

HIDDEN = "[hidden]"
MAX_LENGTH = 500
"""Characters kept of a service's own words."""
SHORTEST_SECRET = 8
"""A shorter value of the environment is more likely an ordinary word."""

_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL)S?$", re.IGNORECASE)
_named: set[str] = set()

# Every repetition is bounded, so that no text, however long, takes more than linear time.
_RANDOM = r"(?=[\w.~+/*=-]{0,64}?(?:\d|\*\*|[a-z][A-Z]|==))"
"""What tells a token from a word: a digit, stars, a capital within."""
_NAME = (
    r"(?:x-)?(?:api[-_ ]?key|authorization|(?:access|auth|api|refresh)[-_]?token|client[-_]?secret)"
    r"""["']?\s{0,4}[:=]"""
)
_SHORT_NAME = r"""(?:key|token|secret|password|passwd|pwd)(?:["']\s{0,4}:\s{0,4}(?=["'])|=)"""
_VALUE = r"""\s{0,4}["']?(?:(?:bearer|basic|token|key)\s{1,4})?[^\s"',;&)}\]]{1,4000}"""
_PATTERNS = [
    re.compile(rf"(?i)\b{_NAME}{_VALUE}"),
    re.compile(rf"(?i)\b{_SHORT_NAME}{_VALUE}"),
    re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:[0-9a-f]{16,200}\b"),
    re.compile(rf"(?i)\b(?:bearer|basic|token|key)\s{{1,4}}(?-i:{_RANDOM})[\w.~+/*=-]{{8,4000}}"),
    re.compile(rf"\b(?:sk|rk|pk|r8|hf|gsk|xai|ghp|pat|nvapi)[-_]{_RANDOM}[\w*-]{{12,4000}}"),
    re.compile(r"\b(?:AIza[\w-]{30,60}|AKIA[A-Z0-9]{16})"),
    re.compile(r"\beyJ[\w-]{8,4000}\.[\w-]{8,4000}(?:\.[\w-]{0,4000})?"),
    re.compile(r"(?<=://)[^/\s@]{1,500}@"),
    re.compile(r"(?i)(?<=[?&])(?:sig|signature|x-amz-[\w-]{1,40}|policy|expires)=[^&\s\"']{1,4000}"),
]


def hide_variables(names: Iterable[str | None]) -> None:
    """Hides the values of these environment variables too, whatever they are called."""
    _named.update(name for name in names if name)


def _environment_secrets() -> list[str]:
    variables = os.environ.items()
    values = [value.strip() for name, value in variables if name in _named or _SECRET_NAME.search(name)]
    return [value for value in values if len(value) >= SHORTEST_SECRET]


def hide_secrets(text: str, *known: str) -> str:
    """Replaces the known secrets, those of the environment, and whatever looks like one."""
    secrets = {*known, *_environment_secrets()} - {""}
    for secret in sorted({*secrets, *(quote(secret, safe="") for secret in secrets)}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for pattern in _PATTERNS:
        text = pattern.sub(HIDDEN, text)
    return text


def clean_words(text: str | None, *known: str) -> str | None:
    """Returns a service's own words ready to be shown: without secrets and control characters, shortened."""
    if not text:
        return None
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    text = hide_secrets(text[: 20 * MAX_LENGTH], *known)
    return (text[: MAX_LENGTH - 1] + "…" if len(text) > MAX_LENGTH else text) or None
