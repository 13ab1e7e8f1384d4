"""Keeps secrets out of every text that leaves the program."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from html.entities import html5
from typing import NamedTuple
from weakref import WeakValueDictionary

from pydantic import SecretStr

HIDDEN = "[hidden]"
MAX_LENGTH = 500
"""Characters kept of a service's own words."""
MAX_READ = 1_000_000
"""Characters of them that are looked at: a service may send anything."""
SHORTEST_SECRET = 8
"""A shorter value of the environment is more likely an ordinary word, and a shorter key is only hidden
as it is."""

_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL)S?$", re.IGNORECASE)
_named: set[str] = set()
_held: WeakValueDictionary[int, SecretStr] = WeakValueDictionary()
"""Secrets of visitors, as long as anything holds them."""

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
    re.compile(rf"(?i)\b(?:bearer|basic)\s{{1,4}}(?-i:{_RANDOM})[\w.~+/*=-]{{8,4000}}"),
    re.compile(rf"(?i)\b(?:token|key)\s{{1,4}}(?-i:{_RANDOM})[\w.~+/*=-]{{16,4000}}"),  # else it is a name
    re.compile(rf"\b(?:sk|rk|pk|r8|hf|gsk|xai|ghp|pat|nvapi)[-_]{_RANDOM}[\w*-]{{12,4000}}"),
    re.compile(r"\blimner_[\w*-]{40,4000}"),  # the key of a client
    re.compile(r"\b(?:AIza[\w-]{30,60}|AKIA[A-Z0-9]{16})"),
    re.compile(r"\beyJ[\w-]{8,4000}\.[\w-]{8,4000}(?:\.[\w-]{0,4000})?"),
    re.compile(r"(?<=://)[^/\s@]{1,500}@"),
    re.compile(r"(?i)(?<=[?&])(?:sig|signature|x-amz-[\w-]{1,40}|policy|expires)=[^&\s\"']{1,4000}"),
]


def hide_variables(names: Iterable[str | None]) -> None:
    """Hides the values of these environment variables too, whatever they are called."""
    _named.update(name for name in names if name)


def hold(secret: SecretStr) -> None:
    """Keeps a visitor's secret out of the log as long as this object lives."""
    _held[id(secret)] = secret


def held_secrets() -> list[str]:
    """Returns the secrets of visitors that are in use; no short one, which may be a word of the log's own."""
    values = [secret.get_secret_value() for secret in [*_held.values()]]
    return [value for value in values if len(value) >= 2 * SHORTEST_SECRET]


@lru_cache(1000)
def _names_a_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _environment_secrets() -> list[str]:
    names = [name for name in os.environ if name in _named or _names_a_secret(name)]
    values = [os.environ.get(name, "").strip() for name in names]
    return [value for value in values if len(value) >= SHORTEST_SECRET]


def hide_secrets(text: str, *known: str) -> str:
    """Replaces the known secrets, those of the environment, and whatever looks like one."""
    text = hide_known(text, *known)
    for pattern in _PATTERNS:
        text = pattern.sub(HIDDEN, text)
    return text


def hide_known(text: str, *known: str) -> str:
    """Replaces the known secrets and those of the environment, in every form that `_Forms` lists.

    The time it takes grows with the length of the text, whatever is in it: 0.2 s for a megabyte.
    """
    lasting = {*_environment_secrets()}
    whole = [*known, *lasting]
    passwords = [secret.partition(":")[2] for secret in whole]  # of a user, or the secret of a key's id
    passwords = [password for password in passwords if len(password) >= SHORTEST_SECRET]
    secrets = sorted({*whole, *passwords} - {""}, key=len, reverse=True)
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    # what a visitor has entered is not to stay in a cache
    long = [
        (_forms if secret in lasting else _forms.__wrapped__)(secret)
        for secret in secrets
        if len(secret) >= SHORTEST_SECRET
    ]
    plain = _JUNK.sub("", _ESCAPE.sub(_decoded, text)) if long else ""
    lowered, digits = plain.translate(_LOWER), plain.translate(_STANDARD_BASE64)
    found = [span for forms in long for form in forms.lowered for span in _find(form, lowered)]
    for form, before, after in (form for forms in long for form in forms.base64):
        for start, end in _find(form, digits):
            padding = digits[end + after : end + after + 2]
            padded = end + after + len(padding) - len(padding.lstrip("="))
            found.append((max(0, start - before), min(padded, len(digits))))
    return _replace(text, found) if found else text


_LOWER = {capital: capital + 32 for capital in range(65, 91)}
_STANDARD_BASE64 = {ord("-"): "+", ord("_"): "/"}
_IGNORED = "\\s\\x00-\\x1f\\x7f-\\x9f\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_JUNK = re.compile(f"[{_IGNORED}]+")
"""What may stand between the characters of a secret without being seen."""
_ESCAPE = re.compile(
    r"%(?:25){0,3}([0-9a-f]{2})"
    r"|\\{1,4}(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(u\{[0-9a-f]{1,6}\})|([nrt\"'/]))"
    r"|&(?:amp;){0,3}(?:\#([0-9]{1,7});|\#x([0-9a-f]{1,6});|([a-z]{2,31};))",
    re.IGNORECASE,
)
"""One character as addresses, JSON, source code and HTML write it, which may have been escaped again."""
_ESCAPE_OR_JUNK = re.compile(f"{_ESCAPE.pattern}|{_JUNK.pattern}", re.IGNORECASE)


def _decoded(escape: re.Match[str]) -> str:
    """Returns the character that an escape stands for; none for white space."""
    percent, unicode, byte, braced, single, decimal, hexadecimal, name = escape.groups()
    if single:
        return "" if single in "nrt" else single
    if name:
        return html5.get(name) or html5.get(name.lower()) or escape[0]
    number = int(decimal) if decimal else int(percent or unicode or byte or hexadecimal or braced[2:-1], 16)
    return chr(number) if number < 0x110000 else ""


class _Forms(NamedTuple):
    """The forms in which a secret is found in a text without escapes and white space."""

    lowered: tuple[str, ...]
    """In any case: the secret and its bytes, forwards and backwards, with plus signs for spaces,
    with doubled backslashes, and in hexadecimal."""
    base64: tuple[tuple[str, int, int], ...]
    """The digits that the secret alone decides, for each place in a group of three bytes, and the number of
    digits before and after these that it decides in part."""


@lru_cache(512)
def _forms(secret: str) -> _Forms:
    coded = secret.encode(errors="replace")
    written = {secret, coded.decode("latin-1"), secret.replace(" ", "+"), secret.replace("\\", "\\\\")}
    plain = {_JUNK.sub("", _ESCAPE.sub(_decoded, text)) for text in written}
    lowered = {form.translate(_LOWER) for text in (*plain, *written) for form in (text, text[::-1])}
    lowered = {_JUNK.sub("", form) for form in lowered} | {coded.hex()}
    base64: list[tuple[str, int, int]] = []
    for place in range(3):
        end, rest = divmod(8 * (place + len(coded)), 6)
        digits = b64encode(bytes(place) + coded)[(8 * place + 5) // 6 : end].decode()
        base64.append((digits, min(place, 1), min(rest, 1)))
    return _Forms(tuple(form for form in lowered if len(form) >= SHORTEST_SECRET), tuple(base64))


def _find(form: str, text: str) -> Iterator[tuple[int, int]]:
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = text.find(form, at + len(form))


def _replace(text: str, found: Iterable[tuple[int, int]]) -> str:
    """Hides in the text what was found in the same text without escapes and white space."""
    place = _places(text)
    spans = sorted(place(*span) for span in found)
    kept, at = list[str](), 0
    for start, end in spans:
        if end > at:
            kept += [text[at:start], HIDDEN] if start >= at else []
            at = end
    return "".join([*kept, text[at:]])


def _places(text: str) -> Callable[[int, int], tuple[int, int]]:
    """Returns the function from a span of the text without escapes and white space to that of the text."""
    plain, original, ends = [0], [0], [0]
    for token in _ESCAPE_OR_JUNK.finditer(text):
        at = plain[-1] + token.start() - original[-1]
        decoded = _JUNK.sub("", _decoded(token)) if token.lastindex else ""
        if decoded != token[0]:
            plain += [*range(at, at + len(decoded) + 1)]
            original += [token.start()] * len(decoded) + [token.end()]
            ends += [token.end()] * len(decoded) + [0]

    def place(start: int, end: int) -> tuple[int, int]:
        first, last = bisect_right(plain, start) - 1, bisect_right(plain, end - 1) - 1
        return (
            original[first] + start - plain[first],
            ends[last] or original[last] + end - plain[last],
        )

    return place


def clean_words(text: str | None, *known: str) -> str | None:
    """Returns a service's own words ready to be shown: without secrets and control characters, shortened."""
    if not text:
        return None
    text = text[:MAX_READ]
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    text = hide_secrets(text[: 20 * MAX_LENGTH], *known)
    return (text[: MAX_LENGTH - 1] + "…" if len(text) > MAX_LENGTH else text) or None
