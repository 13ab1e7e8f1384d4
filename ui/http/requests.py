"""What a request says: its JSON body, read within bounds; and the reply that says why one is rejected."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from typing import Any, cast

from pydantic_core import from_json
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from core import Rejected

log = logging.getLogger(__name__)

_JSON_OR_NOTHING = ("application/json", "application/x-www-form-urlencoded", "")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
THREAD_ID = re.compile(r"[0-9a-f]{32}")
"""What a page makes up as the id of a conversation."""
MAX_BRACKETS = 50_000
"""Lists and objects in a body, counted before it is parsed; those in a prompt count too."""
MAX_NAME = 100
"""Characters of a picture's name, which the server gave it."""
MAX_VALUES = 5_000
"""Values in a body, at any depth: the page sends one for each option of each model."""


A_MOMENT = 5.0
"""Seconds to come back in after what is over soon, where nobody knows when."""
CATEGORIES = {
    400: "invalid-request",
    401: "auth",
    403: "forbidden",
    404: "not-found",
    405: "invalid-request",
    409: "conflict",
    410: "not-found",
    413: "invalid-request",
    415: "invalid-request",
    422: "invalid-request",
    429: "rate-limit",
    503: "unavailable",
}
"""The category of what is refused, for programs, by its status; a picture that failed has its cause."""


class NotFound(Rejected):
    """A request for something that does not exist here."""

    status = 404


class TooLarge(Rejected):
    """A request whose body has more bytes than any that could be meant."""

    status = 413


class NotJSON(Rejected):
    """A request whose headers say that its body is something else."""

    status = 415


def check_is_json(headers: Headers) -> None:
    """Raises NotJSON if a body is said to be something else; what says nothing is read as JSON.

    `curl -d` and Python's urllib call everything a form unless they are told otherwise: that says nothing.
    """
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _JSON_OR_NOTHING and not media_type.endswith("+json"):
        raise NotJSON(
            f"A body of the type {media_type[:100]!r} is not read here: send JSON, with the header "
            "Content-Type: application/json."
        )


def parse_object(parts: list[bytes]) -> dict[str, Any]:
    """Parses a JSON object and empties the list; raises Rejected if it is none, or has too many values."""
    body = b"".join(parts)
    parts.clear()
    if body.count(b"[") + body.count(b"{") > MAX_BRACKETS:
        raise Rejected(_TOO_MANY)
    try:
        values = from_json(body, allow_inf_nan=False)  # refuses what is nested deeper than 200
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise Rejected("The request is not a valid JSON object: send one.")
    if _count(values) > MAX_VALUES:
        raise Rejected(_TOO_MANY)
    return cast("dict[str, Any]", values)


def thread_id(request: Request) -> str:
    """Returns the id of the conversation that a path names; raises NotFound if it cannot be one."""
    if not THREAD_ID.fullmatch(name := request.path_params["thread"]):
        raise NotFound("There is no such conversation: reload the page.")
    return name


def picture_names(values: Mapping[str, Any]) -> tuple[list[str], str | None]:
    """Takes the names of the pictures, and of the mask, that a prompt is sent with; raises Rejected."""
    images, mask = values.get("images") or [], values.get("mask") or None
    names = cast("list[object]", images if isinstance(images, list) else [None])
    if not all(isinstance(name, str) and len(name) <= MAX_NAME for name in (*names, mask or "")):
        raise Rejected("The images must be a list of names, and the mask a name, as the server gave them.")
    return cast("list[str]", names), cast("str | None", mask)


def whole_number(text: str) -> int:
    """Reads a revision or the number of a version from a link or a header; 0 for anything else."""
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else 0


def problem(sentence: str, status: int, retry_after: float | None = None, **more: object) -> JSONResponse:
    """Returns the reply to a request that fails: one sentence, and in how many seconds to come back."""
    about = {"error": sentence, "category": CATEGORIES.get(status), **more}
    return JSONResponse(about, status, _headers(status, retry_after))


def sentence_alone(sentence: str, status: int, retry_after: float | None = None) -> PlainTextResponse:
    """Returns the same reply as plain text, for clients that show people whatever they get."""
    return PlainTextResponse(sentence, status, _headers(status, retry_after))


def _headers(status: int, retry_after: float | None) -> dict[str, str]:
    """Returns what the headers say of a failure; whoever may come back is always told when."""
    if status in (429, 503):
        retry_after = retry_after or A_MOMENT
    headers = {"Retry-After": str(math.ceil(retry_after))} if retry_after else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


async def reply_rejected(_: Request, error: Exception) -> Response:
    """Answers for whatever route raised Rejected: the server's exception handler."""
    assert isinstance(error, Rejected)
    more = {"field": error.field} if error.field else {}
    return problem(str(error), error.status, error.retry_after, **more)


async def reply_unstored(_: Request, error: Exception) -> Response:
    """Answers where a database or a store of pictures cannot be reached: the server's exception handler."""
    log.error("A request failed: %s", error)
    advice = "try again in a moment, or tell whoever runs this server"
    return problem(f"What is stored cannot be reached right now: {advice}.", 503)


_TOO_MANY = f"The request holds more than {MAX_VALUES:,} values: leave out what no model takes."


def _count(value: object) -> int:
    """Counts the values within a JSON value, up to one more than are allowed."""
    count, unread = 0, [value]
    while unread and count <= MAX_VALUES:
        value = unread.pop()
        inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        count += 1
        unread += cast("list[object]", list(inner))
    return count
