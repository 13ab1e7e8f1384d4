"""A message as `ThreadMessageLike`, which is what assistant-ui takes; and how one of ours is read again.

What assistant-ui has no field for is under ``metadata.custom``: everything about a message and its versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, TypeAlias

from core.chat.message import Message, Version
from core.chat.picture import Picture, with_pictures

FORMAT = 1
"""The value of ``metadata.custom.limner``; it changes with the format."""

STOPPED = "The picture was stopped."

ImagePart: TypeAlias = dict[str, str]


def thread_messages(
    message: Message, parts: Mapping[str, ImagePart | None], names: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Returns the prompt as a message of the user, and each version as one of the assistant, unless deleted.

    `parts` has the image part of each picture that is still there, by the picture's name. `names` has
    other names for the pictures than those in the store; one that is missing there gets an empty name.
    """

    def renamed(picture: Picture) -> Picture:
        return picture if names is None else picture.model_copy(update={"name": names.get(picture.name, "")})

    request = with_pictures(message.request, renamed)
    asked: dict[str, Any] = {
        "id": f"{message.id}-asked",
        "role": "user",
        "createdAt": iso_time(message.created),
        "content": [
            {"type": "text", "text": message.request.prompt},
            *filter(None, (parts.get(picture.name) for picture in message.request.images)),
        ],
        "metadata": {
            "custom": {
                "limner": FORMAT,
                "created": message.created,
                "chosen": message.chosen,
                "request": request.model_dump(mode="json", exclude_defaults=True),
            }
        },
    }
    kept = [version for version in message.versions if version.deleted is None]
    return [asked, *(_answer(message, version, parts, renamed) for version in kept)]


def _answer(
    message: Message, version: Version, parts: Mapping[str, ImagePart | None], renamed: Any
) -> dict[str, Any]:
    texts = [text for text in (version.provenance.text, _outcome(version)) if text]
    part = parts.get(version.picture.name) if version.picture else None
    known = with_pictures(version, renamed).model_dump(mode="json", exclude_defaults=True)
    return {
        "id": f"{message.id}-{version.number}",
        "role": "assistant",
        "createdAt": iso_time(version.started),
        "content": [*({"type": "text", "text": text} for text in texts), *([part] if part else [])],
        "status": _status(version),
        "metadata": {"custom": {"limner": FORMAT, **known}},
    }


def _outcome(version: Version) -> str:
    """Returns why there is no picture: assistant-ui draws only the parts of what has ended."""
    if version.failure:
        return version.failure.sentence
    return STOPPED if version.reason == "cancelled" else ""


def _status(version: Version) -> dict[str, Any]:
    if version.status == "running":
        return {"type": "running"}
    if version.status == "complete":
        return {"type": "complete", "reason": "stop"}
    status: dict[str, Any] = {"type": "incomplete", "reason": version.reason}
    if version.reason == "error" and version.failure:
        status["error"] = version.failure.what
    return status


def iso_time(time: float) -> str:
    """Returns a Unix time as JavaScript writes a date in JSON."""
    at = datetime.fromtimestamp(time, timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
