"""Parses JSON that has a picture's base64 in it, which is copied once instead of three times."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any, cast

_LONG = 100_000
"""Bytes of a string that is cut out before the rest is parsed, and put back afterwards."""
_MOST_STRINGS = 1_000
"""Strings that are looked at: JSON with a picture has few others."""
_MOST_QUOTES, _MOST_BACKSLASHES = 100, 20
"""Quotes within a string, and backslashes before one; where there are more, nothing else is cut out."""
_NAME_ENDS = re.compile(rb"[ \t\r\n]*:")


def parse_json(body: bytes | str) -> Any:
    """Returns what JSON says; a whole number of 20 digits or more is read as a float.

    Control characters in a string of more than 100,000 bytes are taken for what they are.

    Raises ValueError for what is no JSON, and RecursionError for what is nested too deeply.
    """
    if isinstance(body, str):
        return json.loads(body, parse_int=_number)
    short, long = _without_long_strings(body)
    parsed = json.loads(short.decode("utf-8-sig"), parse_int=_number)
    return _put_back(parsed, long) if long else parsed


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < 20 else float(digits)


def _without_long_strings(body: bytes) -> tuple[bytes, dict[str, str]]:
    """Returns JSON with a short string in the place of each long one, and the long ones by the short ones."""
    parts: list[bytes] = []
    long: dict[str, str] = {}
    mark = secrets.token_hex(8)  # no string of the JSON is the same
    copied = at = 0
    for _ in range(_MOST_STRINGS if len(body) > _LONG else 0):
        start = body.find(b'"', at) + 1
        end = _end_of_string(body, start)
        if not start or end < 0:
            break
        is_plain = end - start > _LONG and body.find(b"\\", start, end) < 0
        if is_plain and not _NAME_ENDS.match(body, end + 1):  # a name stays
            name = f"{mark}-{len(long)}"
            parts += [body[copied:start], name.encode()]
            long[name], copied = body[start:end].decode(), end
        at = end + 1
    return (b"".join([*parts, body[copied:]]), long) if long else (body, long)


def _end_of_string(body: bytes, start: int) -> int:
    """Returns where the quote is that ends a string; -1 if none does, or if that takes long to find."""
    end = start - 1
    for _ in range(_MOST_QUOTES):
        end = body.find(b'"', end + 1)
        if end < 0:
            break
        before = body[max(start, end - _MOST_BACKSLASHES) : end]
        backslashes = len(before) - len(before.rstrip(b"\\"))
        if backslashes == _MOST_BACKSLASHES:
            break
        if backslashes % 2 == 0:
            return end
    return -1


def _put_back(parsed: Any, long: dict[str, str]) -> Any:
    """Returns what was parsed, with each long string where it was."""
    whole = [parsed]
    waiting: list[dict[Any, Any] | list[Any]] = [whole]
    for value in waiting:
        for key, member in [*value.items()] if isinstance(value, dict) else enumerate(value):
            if isinstance(member, str):
                value[key] = long.get(member, member)
            elif isinstance(member, dict | list):
                waiting.append(cast("dict[Any, Any] | list[Any]", member))
    return whole[0]
