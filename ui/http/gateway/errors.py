"""Why something is not answered, as OpenAI says it, and whether OpenAI's clients may ask again by themselves.

They ask again after 408, 409, 429 and from 500 on, unless the header `x-should-retry` says otherwise. What
may have run must not be asked again: it may have been paid for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from starlette.responses import JSONResponse, Response

from core.chat.causes import Cause
from core.chat.failure import BudgetReached, Failure, LimitReached, Rejected, Unavailable
from ui.http.requests import A_MOMENT


class Kind(NamedTuple):
    """What OpenAI's `type` and `code` say of an error."""

    type: str = "invalid_request_error"
    code: str | None = None


RATE = Kind("requests", "rate_limit_exceeded")
QUOTA = Kind("insufficient_quota", "insufficient_quota")
BAD_KEY = Kind(code="invalid_api_key")
INVALID = Kind(code="invalid_value")
FAILED = Kind("server_error", "server_error")

_BY_STATUS: dict[int, Kind] = {
    401: BAD_KEY,
    403: Kind("request_forbidden"),
    405: Kind(code="method_not_supported"),
    410: Kind("idempotency_error", "idempotency_key_expired"),
    413: Kind(code="request_too_large"),
    415: Kind(code="unsupported_content_type"),
    422: Kind("idempotency_error", "idempotency_key_reused"),
    429: RATE,
}
_BY_CAUSE: dict[Cause, tuple[int, Kind]] = {
    "content-filter": (400, Kind("image_generation_user_error", "moderation_blocked")),
    "auth": (401, BAD_KEY),
    "no-credential": (401, BAD_KEY),
    "quota": (429, QUOTA),
    "rate-limit": (429, RATE),
    "invalid-request": (400, INVALID),
    "bad-input": (400, Kind(code="invalid_image_file")),
    "timeout": (504, Kind("server_error", "timeout")),
    "unavailable": (503, Kind("server_error", "service_unavailable")),
    "not-installed": (500, FAILED),
    "internal": (500, FAILED),
}


class Refused(Rejected):
    """A request that is rejected with one of OpenAI's codes."""

    def __init__(self, sentence: str, field: str | None = None, code: str = "invalid_value") -> None:
        super().__init__(sentence, field=field)
        self.code = code


class ModelNotFound(Refused):
    """A request for a model that does not exist, or not for this visitor."""

    status = 404


def error_reply(
    sentence: str,
    status: int,
    kind: Kind | None = None,
    *,
    param: str | None = None,
    retry_after: float | None = None,
    may_retry: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Returns an error in OpenAI's form; `retry_after` is in seconds."""
    kind = kind or _BY_STATUS.get(status) or (FAILED if status >= 500 else Kind())
    sent = {**(headers or {}), "x-should-retry": "true" if may_retry else "false"}
    if retry_after:
        sent["Retry-After"] = str(math.ceil(retry_after))
    if status == 401:
        sent["WWW-Authenticate"] = "Bearer"
    error = {"message": sentence, "type": kind.type, "param": param, "code": kind.code}
    return JSONResponse({"error": error}, status, sent)


def rejected_reply(error: Rejected) -> Response:
    """Returns the reply to a request that was not started: it may be sent again once a limit allows it."""
    kind, param, wait = None, error.field, error.retry_after
    if isinstance(error, Refused):
        kind = Kind(code=error.code)
    elif isinstance(error, BudgetReached):
        kind = QUOTA
    elif error.status == 400:
        kind = INVALID if param else Kind()
    may_retry = isinstance(error, LimitReached | Unavailable) and not isinstance(error, BudgetReached)
    if may_retry:
        wait = wait or A_MOMENT
    return error_reply(str(error), error.status, kind, param=param, retry_after=wait, may_retry=may_retry)


def failure_reply(failure: Failure | None) -> Response:
    """Returns the reply to a request whose picture failed, or was stopped if there is no failure.

    A status that says "not now, ask again" is only for what certainly did not run.
    """
    if failure is None:
        return error_reply("The picture was stopped.", 409, Kind(code="cancelled"))
    status, kind = _BY_CAUSE.get(failure.cause, (502, FAILED))
    if status in (429, 503) and not failure.did_not_run:
        status = 502
    may_retry = bool(failure.while_waiting)
    wait = failure.retry_after or A_MOMENT if may_retry else None
    said = f" The service said: {failure.service_message}" if failure.service_message else ""
    return error_reply(failure.sentence + said, status, kind, retry_after=wait, may_retry=may_retry)
