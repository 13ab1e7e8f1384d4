"""What the answer of a web service says of a failure: its category, the service's words, and a wait.

    reply = read_reply(response.content)
    if response.status_code != 200:
        raise failure_from_response(response.status_code, reply, response.headers)

The signs of a refusal differ from service to service: a provider looks for those of its own before.
Nothing here raises an error of its own, whatever a service sends.
"""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any, cast

from limner.errors import Category, ProviderError

MAX_WAIT = 366 * 86_400.0
"""Seconds; a longer wait is taken for a mistake of the service."""

_MAX_WORDS, _MAX_HEAD, _MAX_DEPTH, _MAX_PARTS = 1_000, 10_000, 6, 9
# The category of a status, and whether the request certainly did not run; 4 and 5 are all other 4xx and 5xx.
_CATEGORIES: dict[int, tuple[Category, bool]] = {
    **dict.fromkeys((400, 404, 405, 410, 413, 415, 422), ("invalid-request", True)),
    401: ("auth", True),
    402: ("quota", True),
    403: ("auth", True),
    408: ("timeout", False),
    429: ("rate-limit", True),
    4: ("provider", False),
    5: ("unavailable", False),
}
_NAMES = ("message", "msg", "error_description", "error", "detail", "errors", "title")
_OVERLOAD = re.compile(r"overload|capacity", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
_BINARY = re.compile(r"[\0-\x08\x0e-\x1f]")


def failure_from_response(
    status: int,
    reply: object = None,
    headers: Mapping[str, str] | None = None,
    *,
    did_not_run: bool | None = None,
) -> ProviderError:
    """Returns the failure that an HTTP answer stands for, with the service's words and the wait it asks for.

    `reply` is what `read_reply` returned, or the body as it came. 401 and 403 are auth, 402 quota, 408
    timeout, 429 rate-limit, 5xx unavailable; 400, 404, 405, 410, 413, 415 and 422 invalid-request; any other
    4xx provider. Other statuses are bad-response, and so is a 403 with a web page, a challenge in front of
    the service.

    The request certainly did not run if the category is auth, quota, rate-limit or invalid-request, and if a
    503 asks for a wait or names an overload in JSON. `did_not_run` replaces this if the caller knows better:
    False when it asks for a job that was accepted before.
    """
    reply = read_reply(reply) if isinstance(reply, bytes | str) else reply
    words, wait = service_words(reply), retry_after(headers or {})
    category, certain = _CATEGORIES.get(status) or _CATEGORIES.get(status // 100, ("bad-response", False))
    if status == 403 and isinstance(reply, str) and reply.lstrip().startswith("<"):
        category, certain = "bad-response", False
    if status == 503:  # one of a proxy's own may come after the request was passed on
        names_overload = not isinstance(reply, str) and _OVERLOAD.search(words or "")
        certain = wait is not None or bool(names_overload)
    return ProviderError(
        category,
        words,
        retry_after=wait if category in ("rate-limit", "unavailable") else None,
        did_not_run=certain if did_not_run is None else did_not_run,
    )


def read_reply(body: bytes | str) -> Any:
    """Returns the JSON in a body, or its text if it is not JSON, or None if it is no text either.

    A whole number of 20 digits or more is read as a float.
    """
    try:
        text = body if isinstance(body, str) else body.decode("utf-8-sig")
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 20 else float(digits))
    except (ValueError, RecursionError):
        text = body if isinstance(body, str) else body[:_MAX_HEAD].decode(errors="replace")
        return None if _BINARY.search(text[:_MAX_HEAD]) else text


def service_words(reply: object) -> str | None:
    """Returns what a reply says to a person, at most 1,000 characters; None if it says nothing.

    That is a text itself, the title of a web page, in an object the first of `message`, `msg`,
    `error_description`, `error`, `detail`, `errors` and `title` that has words at any depth, and in a list
    the words of all its parts. `reply` is what `read_reply` returned, or the body as it came.
    """
    return _words(read_reply(reply) if isinstance(reply, bytes | str) else reply, _MAX_DEPTH)


def _words(said: object, depth: int) -> str | None:
    found: list[str | None] = []
    if isinstance(said, str):
        title = _TITLE.search(said[:_MAX_HEAD])
        text = html.unescape(title[1][:_MAX_WORDS]) if title else "" if said.lstrip()[:1] == "<" else said
        return text.strip()[:_MAX_WORDS] if any(map(str.isalpha, text[:_MAX_HEAD])) else None
    if isinstance(said, dict) and depth:
        members = cast("dict[object, object]", said)
        found = [next(filter(None, (_words(members.get(name), depth - 1) for name in _NAMES)), None)]
    elif isinstance(said, list) and depth:
        found = [_words(part, depth - 1) for part in cast("list[object]", said)[:_MAX_PARTS]]
    return "; ".join(dict.fromkeys(filter(None, found)))[:_MAX_WORDS] or None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds, 0 to `MAX_WAIT`, that a service asks to wait; None if it asks for no such wait.

    They come as `retry-after-ms` (milliseconds; OpenAI and Azure send it) or as `Retry-After` (seconds or a
    date; RFC 9110, 10.2.3); the case of the names does not matter.
    """
    named = {name.lower(): value for name, value in headers.items()}
    readers = (("retry-after-ms", _milliseconds), ("retry-after", float), ("retry-after", _seconds_until))
    for name, read in readers:
        with suppress(ValueError, TypeError, OverflowError, LookupError):
            if (seconds := read(named[name])) <= MAX_WAIT:
                return max(0.0, seconds)
    return None


def _milliseconds(text: str) -> float:
    return float(text) / 1000


def _seconds_until(date: str) -> float:
    when = parsedate_to_datetime(date[:100])
    return (when if when.tzinfo else when.replace(tzinfo=timezone.utc)).timestamp() - time.time()
