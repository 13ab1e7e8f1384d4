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


def picture_path(version: Version) -> str:
    """Returns the address of a version's picture, relative to the page's."""
    assert version.picture is not None
    return f"limner/pictures/{version.picture.name}/{quote(filename(version))}"


async def image_part(version: Version, store: Store, settings: Settings) -> dict[str, str] | None:
    """Returns a version's `ImageMessagePart`: an https link if `public_url` is set, else a `data:` URI.

    None if it has no picture, or if the store has lost it: a part never has an empty image.
    """
    if version.picture is None or store.find(version.picture.name) is None:
        return None
    if settings.public_url:
        image = f"{settings.public_url.rstrip('/')}/{picture_path(version)}"
    else:
        data = await store.read(version.picture.name)
        if not data:
            return None
        image = f"data:{version.picture.media_type};base64,{base64.b64encode(data).decode()}"
    return {"type": "image", "image": image, "filename": filename(version)}


async def thread_messages(message: Message, store: Store, settings: Settings) -> list[dict[str, Any]]:
    """Returns a message as two `ThreadMessageLike`: the prompt, and the answer.

    The answer is the version that is shown, or the latest while there is none to show.
    """
    created = datetime.fromtimestamp(message.created, timezone.utc).isoformat()
    version = message.shown or message.versions[-1]
    part = await image_part(version, store, settings)
    question: dict[str, Any] = {
        "id": f"{message.id}-asked",
        "role": "user",
        "createdAt": created,
        "content": [{"type": "text", "text": message.request.prompt}],
        "metadata": {"custom": message.request.model_dump(mode="json", exclude_defaults=True)},
    }
    answer: dict[str, Any] = {
        "id": message.id,
        "role": "assistant",
        "createdAt": created,
        "content": [part] if part else [],
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
