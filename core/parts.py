"""What other programs read: image message parts, and messages in the form that assistant-ui takes.

The forms are those of assistant-ui's `ImageMessagePart` and `ThreadMessageLike`.
"""

from __future__ import annotations

import base64
import unicodedata
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from core.chat.message import Message, Version
from core.chat.picture import InputPicture, Picture
from core.settings.schema import Settings
from core.storage.store import Store

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
"""Names that Windows keeps for devices."""


def filename(version: Version) -> str:
    """Returns a file name made from the prompt, safe on every system, with the extension of the bytes."""
    stem = file_stem(version.provenance.prompt)
    return f"{stem}.{version.picture.name.rsplit('.', 1)[1]}" if version.picture else stem


def file_stem(prompt: str) -> str:
    """Returns the prompt's words in lower case, joined by hyphens: at most 60 characters, never empty."""
    plain = unicodedata.normalize("NFKC", prompt[:400]).lower()
    kept = "".join(c if unicodedata.category(c)[0] in "LNM" else "-" for c in plain)
    words = [word for part in kept.split("-") if (word := _without_leading_marks(part))]
    stem = "-".join(words)
    if len(stem) > 60:
        stem = stem[:61].rpartition("-")[0] or stem[:60]
    stem = stem.encode()[:180].decode(errors="ignore").strip("-")
    return "picture" if not stem or stem in _RESERVED else stem


def _without_leading_marks(word: str) -> str:
    """Drops marks that belong to no letter, such as what chooses an emoji's look."""
    while word and unicodedata.category(word[0])[0] == "M":
        word = word[1:]
    return word


def picture_path(picture: Picture, saved_as: str) -> str:
    """Returns the address of a stored picture, relative to the page's."""
    return f"limner/pictures/{picture.name}/{quote(saved_as)}"


async def image_part(version: Version, store: Store, settings: Settings) -> dict[str, str] | None:
    """Returns a version's `ImageMessagePart`: an https link if `public_url` is set, else a `data:` URI.

    None if it has no picture, or if the store has lost it: a part never has an empty image.
    """
    return await _part(version.picture, filename(version), store, settings) if version.picture else None


async def input_part(picture: InputPicture, store: Store, settings: Settings) -> dict[str, str] | None:
    """Returns the same of a picture that a person sent."""
    return await _part(picture, picture.filename, store, settings)


async def _part(picture: Picture, saved_as: str, store: Store, settings: Settings) -> dict[str, str] | None:
    if store.find(picture.name) is None:
        return None
    if settings.public_url:
        image = f"{settings.public_url.rstrip('/')}/{picture_path(picture, saved_as)}"
    else:
        data = await store.read(picture.name)
        if not data:
            return None
        image = f"data:{picture.media_type};base64,{base64.b64encode(data).decode()}"
    return {"type": "image", "image": image, "filename": saved_as}


async def thread_messages(message: Message, store: Store, settings: Settings) -> list[dict[str, Any]]:
    """Returns a message as two `ThreadMessageLike`: the prompt, and the answer.

    The answer is the version that is shown, or the latest while there is none to show.
    """
    created = datetime.fromtimestamp(message.created, timezone.utc).isoformat()
    version = message.shown or message.versions[-1]
    said = version.provenance.text
    part = await image_part(version, store, settings)
    sent = [await input_part(picture, store, settings) for picture in message.request.images]
    question: dict[str, Any] = {
        "id": f"{message.id}-asked",
        "role": "user",
        "createdAt": created,
        "content": [{"type": "text", "text": message.request.prompt}, *filter(None, sent)],
        "metadata": {"custom": message.request.model_dump(mode="json", exclude_defaults=True)},
    }
    answer: dict[str, Any] = {
        "id": message.id,
        "role": "assistant",
        "createdAt": created,
        "content": [*([{"type": "text", "text": said}] if said else []), *([part] if part else [])],
        "status": _status(version),
        "metadata": {"custom": provenance(version)},
    }
    return [question, answer]


def _status(version: Version) -> dict[str, Any]:
    if version.status == "running":
        return {"type": "running"}
    if version.status == "complete":
        return {"type": "complete", "reason": "stop"}
    status: dict[str, Any] = {"type": "incomplete", "reason": version.reason}
    if version.reason == "error" and version.failure:
        status["error"] = version.failure.what
    return status


def provenance(version: Version) -> dict[str, Any]:
    """Returns everything known about how a version came to be, as plain JSON without empty values."""
    known: dict[str, Any] = {
        **version.provenance.model_dump(mode="json"),
        "version": version.number,
        "duration": version.duration,
        "failure": version.failure.model_dump(mode="json") if version.failure else None,
    }
    if version.picture:
        known |= {
            "media_type": version.picture.media_type,
            "width": version.picture.width,
            "height": version.picture.height,
            "bytes": version.picture.size,
        }
    return {name: value for name, value in known.items() if value not in (None, "", [], {})}
