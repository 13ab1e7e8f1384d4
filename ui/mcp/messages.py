"""A client's messages: each is checked before the protocol's own code, which refuses in many lines."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from mcp import types
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from pydantic import ValidationError

METHODS = {
    "initialize": types.InitializeRequest,
    "ping": types.PingRequest,
    "tools/list": types.ListToolsRequest,
    "tools/call": types.CallToolRequest,
}
_NOTIFICATIONS = ("notifications/initialized", "notifications/cancelled")


@dataclass
class Sent:
    """The arguments of a call, apart from its message.

    The session keeps a message, and copies of it, until it has answered: a picture would stay in memory for
    as long as another is being made of it.
    """

    arguments: dict[str, Any]
    used: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once nothing more is read from them."""

    def drop(self) -> None:
        """Forgets them."""
        self.arguments = {}
        self.used.set()


class Malformed(Exception):
    """A message that is not one of the protocol's, or asks for what there is not; the text is a sentence."""

    def __init__(self, sentence: str, code: int, id: str | int | None = None) -> None:
        super().__init__(sentence)
        self.id = id
        self.answer = {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": sentence}}
        """The JSON-RPC error that says so; without an id, null stands for it."""


def read_message(values: dict[str, Any]) -> SessionMessage | None:
    """Returns a JSON object as the message that it is; None if it needs neither work nor an answer.

    Raises Malformed.
    """
    method, id = values.get("method"), values.get("id")
    if values.get("jsonrpc") != "2.0" or not (isinstance(method, str) or {"result", "error"} & values.keys()):
        raise Malformed(
            'This is not a JSON-RPC 2.0 message: send one such as {"jsonrpc": "2.0", "id": 1, "method": '
            '"tools/list"}.',
            types.INVALID_REQUEST,
        )
    if not isinstance(method, str) or ("id" not in values and method not in _NOTIFICATIONS):
        return None  # an answer, though this server asks for nothing, or news that it has no use for
    if "id" not in values:
        return _read_notification(values)
    if isinstance(id, bool) or not isinstance(id, str | int):
        raise Malformed(
            "The id of a request must be text or a whole number: send one.", types.INVALID_REQUEST
        )
    if method not in METHODS:
        raise Malformed(
            f"There is no method {method[:60]!r}: there are {', '.join(METHODS)}.", types.METHOD_NOT_FOUND, id
        )
    return _read_request(values, method, id)


def _read_notification(values: dict[str, Any]) -> SessionMessage | None:
    try:
        types.ClientNotification.model_validate(values)
        return SessionMessage(types.JSONRPCMessage.model_validate(values))
    except ValidationError:
        return None  # a notification is never answered


def _read_request(values: dict[str, Any], method: str, id: str | int) -> SessionMessage:
    params = values.get("params")
    arguments: object = None
    if method == "tools/call" and isinstance(params, dict):
        named = cast("dict[str, Any]", params)
        arguments = named.pop("arguments", None)
        if not (arguments is None or isinstance(arguments, dict)):
            raise Malformed(
                "The arguments of a tool must be an object: send them by name.", types.INVALID_PARAMS, id
            )
    try:
        METHODS[method].model_validate(values)
        message = types.JSONRPCMessage.model_validate(values)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"][:2]))
        raise Malformed(
            f"The {where} of {method} cannot be read: send what the protocol says.", types.INVALID_PARAMS, id
        ) from None
    sent = Sent(cast("dict[str, Any]", arguments or {}))
    if method != "tools/call":
        sent.used.set()
    return SessionMessage(message, ServerMessageMetadata(request_context=sent))
