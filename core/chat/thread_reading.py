"""Messages read from `ThreadMessageLike` of any origin: ours as they were, others' as far as it goes.

A picture's name is that of a file in the same zip, or ``#`` and a number for one in the text itself, or
empty for one that is gone.
"""

from __future__ import annotations

import re
import secrets
import time
from datetime import datetime
from typing import Any, cast

from pydantic_core import to_json

from core.chat.conversation import MAX_MESSAGES
from core.chat.failure import Failure, Rejected, failure
from core.chat.message import MAX_VERSIONS, Message, Provenance, Version
from core.chat.picture import InputPicture, Picture, with_pictures
from core.chat.request import MAX_IMAGES, UserRequest, limit_nesting
from core.chat.thread import FORMAT
from limner.formats import EXTENSIONS

ELSEWHERE = "Another program"
"""What made a picture that came without a word on how it was made."""
ADVICE = "export the conversation again, and choose the zip that comes"
_PATH = re.compile(r"pictures/[^/\\]{1,250}")
_SIZE = re.compile(r"[1-9]\d{0,5}x[1-9]\d{0,5}")
MAX_ITEM = 500_000
"""Bytes of a message as JSON: the longest prompt a few times over, and what services say of a picture."""
_AHEAD = 86_400.0
"""Seconds that another machine's clock may be ahead."""


def read_thread(thread: Any) -> list[Message]:
    """Returns the messages of a list of `ThreadMessageLike`, with new ids; raises Rejected."""
    messages: list[Message] = []
    items = cast("list[Any]", thread) if isinstance(thread, list) else []
    for number, item in enumerate(items, 1):
        try:
            _require(len(to_json(item)) <= MAX_ITEM)
            _add(messages, limit_nesting(item))
        except _Newer:
            raise
        except (Rejected, ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
            raise Rejected(f"Message {number} in thread.json cannot be read: {ADVICE}.") from error
    if len(messages) > MAX_MESSAGES:
        raise Rejected(f"This zip has more than {MAX_MESSAGES:,} messages: a conversation takes no more.")
    if not messages:
        raise Rejected("The thread.json in this zip is no list of messages: choose another zip.")
    earliest = 0.0
    for message in messages:
        _finish(message)
        message.created = max(message.created, earliest)  # their order is that of the list
        earliest = message.created + 1e-6
    return messages


class _Newer(Rejected):
    """The thread has a format that this version does not know."""


def _add(messages: list[Message], item: dict[str, Any]) -> None:
    metadata: dict[str, Any] = item.get("metadata") or {}
    known: dict[str, Any] = metadata.get("custom") or {}
    is_ours = "limner" in known
    if is_ours and known["limner"] != FORMAT:
        raise _Newer("This zip is in another form, that of a newer version: update this server to import it.")
    match item["role"]:
        case "user":
            messages.append(_message(known) if is_ours else _foreign_message(item))
        case "assistant" if messages:
            message = messages[-1]
            message.versions += [_version(known, message)] if is_ours else _foreign_versions(message, item)
            _require(len(message.versions) <= MAX_VERSIONS)
        case _:
            pass  # what a program was told, which nobody has asked or seen


def _finish(message: Message) -> None:
    """Numbers the versions and their turns anew, since deleted ones are left out; there is always one."""
    if not message.versions:
        message.versions.append(_without_picture(message, None))
    if message.chosen is not None:
        message.chosen = message.versions.index(message.main) + 1
    turns: dict[int, int] = {}
    message.versions = [
        version.model_copy(update={"number": number, "turn": turns.setdefault(version.turn, number)})
        for number, version in enumerate(message.versions, 1)
    ]
    message.last_number = len(message.versions)


def _message(known: dict[str, Any]) -> Message:
    request = with_pictures(UserRequest.model_validate(known["request"]), _checked)
    _require(len(request.images) <= MAX_IMAGES)
    chosen = known.get("chosen")
    _require(chosen is None or type(chosen) is int)
    return Message(secrets.token_hex(8), request, _past(known["created"]), chosen=chosen)


def _version(known: dict[str, Any], message: Message) -> Version:
    version = with_pictures(Version.model_validate(known), _checked)
    if version.request:  # all versions are made from the message's own pictures
        sent = {"images": message.request.images, "mask": message.request.mask}
        version = version.model_copy(update={"request": version.request.model_copy(update=sent)})
    made = version.provenance
    _past(version.started)
    _require(version.deleted is None)
    _require(version.duration is None or 0 <= version.duration < 1e7)
    _require(made.size is None or _SIZE.fullmatch(made.size))
    _require(all(warning.feature for warning in made.warnings))
    _require((version.picture is not None) == (version.status == "complete"))
    _require(version.status != "incomplete" or version.failure or version.reason == "cancelled")
    if version.status == "running":  # nobody here works on it
        return version.failed(failure("interrupted", label=made.provider_label, paid=made.paid))
    return version


def _checked(picture: Picture) -> Picture:
    _require(not picture.name or _PATH.fullmatch(picture.name))
    _require(picture.media_type in EXTENSIONS)
    _require(all(0 < number < 1e9 for number in (picture.width, picture.height, picture.size)))
    return picture


def _past(at: float) -> float:
    _require(0 <= at < time.time() + _AHEAD)
    return float(at)


def _require(condition: object) -> None:
    if not condition:
        raise ValueError("not what is written here")


def _foreign_message(item: dict[str, Any]) -> Message:
    attachments: list[dict[str, Any]] = item.get("attachments") or []
    attached = [part for one in attachments for part in _content(one)]
    texts, images = _read_parts([*_content(item), *attached])
    request = UserRequest(prompt="\n".join(texts), images=tuple(images[:MAX_IMAGES]))
    return Message(secrets.token_hex(8), request, _created(item))


def _foreign_versions(message: Message, item: dict[str, Any]) -> list[Version]:
    texts, images = _read_parts(_content(item))
    version = _without_picture(message, "\n".join(texts) or None)
    version = version.model_copy(update={"started": _created(item), "turn": len(message.versions) + 1})
    complete = {"status": "complete", "reason": None, "failure": None}
    pictures = [Picture(**image.model_dump(exclude={"filename"})) for image in images]
    return [version.model_copy(update={**complete, "picture": picture}) for picture in pictures] or [version]


def _without_picture(message: Message, text: str | None) -> Version:
    made = Provenance(
        prompt=message.request.prompt,
        provider="",
        provider_label=ELSEWHERE,
        model="",
        model_label=ELSEWHERE,
        text=text,
    )
    nothing = Failure(
        cause="bad-response",
        what="There is no picture here.",
        why=text or "This conversation came from another program, without a picture in its place.",
        next="Send the prompt again to make one.",
    )
    return Version(number=0, provenance=made, started=message.created).failed(nothing)


def _content(item: dict[str, Any]) -> list[dict[str, Any]]:
    content: str | list[dict[str, Any]] = item.get("content") or []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _read_parts(parts: list[dict[str, Any]]) -> tuple[list[str], list[InputPicture]]:
    """Returns the texts, and the pictures that came along: a link elsewhere is left out."""
    texts = [str(part["text"]) for part in parts if part["type"] == "text" and part["text"]]
    images: list[InputPicture] = []
    for part in parts:
        image = part.get("image") if part["type"] == "image" else None
        name = f"#{image}" if type(image) is int else image
        if isinstance(name, str) and (type(image) is int or _PATH.fullmatch(name)):
            facts: dict[str, Any] = {"media_type": "", "width": 0, "height": 0, "size": 0}
            images.append(InputPicture(name=name, filename=str(part.get("filename") or ""), **facts))
    return texts, images


def _created(item: dict[str, Any]) -> float:
    try:
        return _past(datetime.fromisoformat(str(item["createdAt"]).replace("Z", "+00:00")).timestamp())
    except (KeyError, ValueError, OverflowError):
        return time.time()
