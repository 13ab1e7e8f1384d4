"""What is answered instead of a door that was not reached, in the form of that door."""

from __future__ import annotations

from starlette._utils import get_route_path
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from ui.http.gateway.errors import error_reply
from ui.http.requests import problem, sentence_alone

NOTHING_HERE = "There is nothing here: /docs lists the addresses for other programs."


def refusal(scope: Scope, sentence: str, status: int, retry_after: float | None = None) -> Response:
    """Returns why a request does not reach its door: OpenAI's error, a sentence alone, or a problem.

    What is to come back later has not run, and may be sent again as it is.
    """
    path = get_route_path(scope)
    if path == "/v1" or path.startswith("/v1/"):
        return error_reply(sentence, status, retry_after=retry_after, may_retry=retry_after is not None)
    if path == "/api/chat":
        return sentence_alone(sentence, status, retry_after)
    return problem(sentence, status, retry_after)


async def reply_not_found(request: Request, error: Exception) -> Response:
    """Answers for an address at which there is nothing: the server's exception handler."""
    assert isinstance(error, HTTPException)
    return refusal(request.scope, NOTHING_HERE, 404)


async def reply_wrong_method(request: Request, error: Exception) -> Response:
    """Answers for a method that an address does not take: the server's exception handler."""
    assert isinstance(error, HTTPException)
    allowed = (error.headers or {}).get("Allow", "")
    methods = sorted({*allowed.replace(" ", "").split(",")} - {"HEAD", ""})
    sentence = f"This address takes {' or '.join(methods)}, not {request.method[:20]}."
    reply = refusal(request.scope, sentence, 405)
    reply.headers["Allow"] = allowed
    return reply
