"""What the answer of a web service says of a failure: its category, the service's words, and a wait.

    reply = read_reply(response.content)
    if response.status_code != 200:
        raise failure_from_response(response.status_code, reply, response.headers)

It knows the codes and the wordings of many services, so that a provider need not look for them itself.
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

from limner import wordings
from limner.errors import Category, ContentFiltered, LimnerError, ProviderError
from limner.long_json import parse_json
from limner.signs import MAX_WAIT, Signs, phrase, read_signs

_MAX_WORDS, _MAX_HEAD, _MAX_DEPTH, _MAX_PARTS, _MAX_NAMES = 1_000, 10_000, 6, 9, 1_000
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
_NAMES = (
    *("message", "msg", "error_description", "error", "detail", "errors", "error_message", "error_msg"),
    *("status_msg", "failure", "fail_reason", "failure_reason", "title", "response", "base_resp"),
)
_FIELD = re.compile(r"(?!prompt$)[A-Za-z_][\w.\[\]-]{0,60}")
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
_BINARY = re.compile(r"[\0-\x08\x0e-\x1f]")
_ENCODED = re.compile(r"data:\w{1,20}/|[A-Za-z0-9+/_=-]{100}|\bb[\"']\\x|(\\x[0-9a-f]{2}){3}")
_HALF_JSON = re.compile(r"""[\[{]\s{0,9}["'\[{]""")
_TRACE = re.compile(r"Traceback \(most recent call last\)|\n\s{1,9}(at |File \")")


def failure_from_response(
    status: int,
    reply: object = None,
    headers: Mapping[str, str] | None = None,
    *,
    prompt: str | None = None,
    did_not_run: bool | None = None,
) -> LimnerError:
    """Returns the failure that an HTTP answer stands for, with the service's words and the wait it asks for.

    `reply` is what `read_reply` returned, or the body as it came. Its codes, at any depth, and its words
    decide first: a refusal is a `ContentFiltered`, whatever the status, and anything else a `ProviderError`:
    quota if the account is empty, then auth if the key is wrong. Else the status decides: 401 and 403 are
    auth, 402 quota, 408 timeout, 429 rate-limit, 5xx unavailable; 400, 404, 405, 410, 413, 415 and 422
    invalid-request; any other 4xx provider. Below 400 it is provider if the service names an error, and else
    bad-response; so is a 403 with a web page, a challenge in front of the service. `prompt` is what the
    request asked for: a service may repeat it, and its words do not count.

    The request certainly did not run if the category is auth, quota, rate-limit or invalid-request, with a
    status of 400 to 499 and nothing in the answer that could be a refusal, or if a 503 asks for a wait or
    names an overload in JSON. `did_not_run` replaces this if the caller knows better: False when it asks for
    a job that was accepted before.
    """
    reply = read_reply(reply) if isinstance(reply, bytes | str) else reply
    words, signs = service_words(reply), read_signs(reply, prompt)
    if status == 451 or signs.refuses():
        return ContentFiltered(words)
    is_page = isinstance(reply, str) and reply.lstrip()[:1] == "<"
    category, certain = _category(status, signs, words, is_page)
    wait, stated = retry_after(headers or {}), None if isinstance(reply, str) else signs.wait
    wait = wait if wait is not None else stated
    if status == 503 and category == "unavailable":  # one of a proxy's may come after it was passed on
        certain = wait is not None or (not isinstance(reply, str) and signs.says_overload())
    meant = signs.status if status < 400 and signs.status else status
    return ProviderError(
        category,
        words,
        why=_NO_PICTURE if category == "bad-response" and signs.has_empty_list and not words else None,
        status=404 if category == "invalid-request" and signs.lacks_model() else meant,
        retry_after=(signs.wait_in_words if wait is None else wait) if category in _PASSING else None,
        did_not_run=certain if did_not_run is None else did_not_run,
    )


_PASSING = ("rate-limit", "unavailable")
_NO_PICTURE = "There is no picture in its answer, and no reason. It may have refused the prompt."


def _category(status: int, signs: Signs, words: str | None, is_page: bool) -> tuple[Category, bool]:
    """Returns the category, and whether the request certainly did not run."""
    refused_at_once = 400 <= status < 500  # anything else may have begun to run
    if is_page and status == 403:
        return "bad-response", False
    if signs.lacks_credit() and (status < 500 or signs.says(wordings.NO_CREDIT)):
        return "quota", refused_at_once
    if signs.has_bad_key() and status < 500:
        return "auth", refused_at_once
    if signs.says(wordings.RATE_LIMIT) and status in (200, 400, 403):
        return "rate-limit", refused_at_once
    if status < 400:
        meant = signs.status or (404 if signs.lacks_model() else 0)
        other: Category = "provider" if words and not is_page else "bad-response"
        return _by_status(meant, other)[0] if meant else other, False
    category, certain = _by_status(status, "bad-response")
    return category, certain and not (category in ("invalid-request", "auth") and signs.may_refuse())


def _by_status(status: int, other: Category) -> tuple[Category, bool]:
    return _CATEGORIES.get(status) or _CATEGORIES.get(status // 100, (other, False))


def refusal_in(reply: object) -> ContentFiltered | None:
    """Returns the refusal that a successful answer marks, with a picture or without one.

    That is a field such as ``has_nsfw_concepts: [true]``, ``respect_moderation: false`` or
    ``finish_reason: "content_filter"``. Words are not read: the picture may be one that they describe.
    """
    reply = read_reply(reply) if isinstance(reply, bytes | str) else reply
    return ContentFiltered(service_words(reply)) if read_signs(reply).marks_refusal() else None


NOT_SENT = "The request could not be sent as the plugin made it, possibly for want of a key: set one."
_NO_CONNECTION = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "InvalidURL"}


def failure_without_answer(
    error: Exception, *, why: str | None = None, did_not_run: bool | None = None
) -> ProviderError:
    """Returns the failure of a request to which no answer came, by the error of `httpx` or `httpx2`.

    It is invalid-request for one that the client itself refuses to send; unavailable where there was no
    connection, and then the request certainly did not run, or the connection was lost; timeout, or
    bad-response for an answer that cannot be read. `why` is for one without a connection. `did_not_run`
    replaces what the error tells: True for what may be asked again anyway, False when it asks for a job that
    was accepted before.
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "LocalProtocolError" in kinds:
        return ProviderError("invalid-request", why=NOT_SENT, did_not_run=did_not_run is not False)
    if kinds & _NO_CONNECTION:
        return ProviderError("unavailable", why=why, did_not_run=did_not_run is not False)
    lost = "timeout" if "TimeoutException" in kinds else "unavailable"
    return ProviderError(
        lost if "TransportError" in kinds else "bad-response", did_not_run=did_not_run is True
    )


def read_reply(body: bytes | str) -> Any:
    """Returns the JSON in a body, or its text if it is not JSON, or None if it is no text either.

    A whole number of 20 digits or more is read as a float.
    """
    try:
        return parse_json(body)
    except (ValueError, RecursionError):
        text = body if isinstance(body, str) else body[:_MAX_HEAD].decode(errors="replace")
        return None if _BINARY.search(text[:_MAX_HEAD]) else text


def service_words(reply: object) -> str | None:
    """Returns what a reply says to a person, at most 1,000 characters; None if it says nothing.

    That is a text itself, the title of a web page, in an object the first of `message`, `msg`,
    `error_description`, `error`, `detail`, `errors`, their variants such as `status_msg` and `failReason`,
    and `title` that has words at any depth, and in a list the words of all its parts. The field that an error
    names beside its words, as OpenAI's `param` or FastAPI's `loc`, stands after them in brackets. Bytes,
    base64, half JSON and tracebacks are no words. `reply` is what `read_reply` returned, or the body as it
    came.
    """
    return _words(read_reply(reply) if isinstance(reply, bytes | str) else reply, _MAX_DEPTH)


def _words(said: object, depth: int) -> str | None:
    found: list[str | None] = []
    if isinstance(said, str):
        return _sentence(said, depth)
    if isinstance(said, dict) and depth:
        items = list(cast("dict[object, object]", said).items())[:_MAX_NAMES]
        members = {phrase(name[:30]).replace(" ", "_"): part for name, part in items if isinstance(name, str)}
        words = next(filter(None, (_words(members.get(name), depth - 1) for name in _NAMES)), None)
        field = _field(members)
        found = [f"{words} ({field})" if words and field and field not in words else words]
    elif isinstance(said, list) and depth:
        found = [_words(part, depth - 1) for part in cast("list[object]", said)[:_MAX_PARTS]]
    return "; ".join(dict.fromkeys(filter(None, found)))[:_MAX_WORDS] or None


def _field(members: Mapping[str, object]) -> str | None:
    """Returns the field that an error is about: OpenAI's `param`, or the end of FastAPI's `loc`.

    Of the prompt it says nothing: whoever reads the words has written it.
    """
    place = members.get("param") or members.get("loc")
    named = cast("list[object]", place)[1:][-1:] if isinstance(place, list) else [place]
    return next((name for name in named if isinstance(name, str) and _FIELD.fullmatch(name)), None)


def _sentence(text: str, depth: int) -> str | None:
    """Returns what a person can read of a text."""
    text = text[:_MAX_HEAD].lstrip()
    if text[:1] == "<":
        title = _TITLE.search(text)
        text = html.unescape(title[1][:_MAX_WORDS]) if title else ""
    elif text[:1] in "{[" and depth:  # JSON within JSON
        with suppress(ValueError, RecursionError):
            return _words(json.loads(text), depth - 1)
    for unreadable in (_HALF_JSON, _TRACE, _ENCODED):
        if found := unreadable.search(text):
            text = text[: found.start()].rstrip(" \t\n:-=('\"")
    strange = sum(
        not (letter.isprintable() or letter.isspace()) or letter == "\ufffd" for letter in text[:500]
    )
    if strange > 3 or text[:2] in ("b'", 'b"') or not any(map(str.isalpha, text)):
        return None
    return text.strip()[:_MAX_WORDS]


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
