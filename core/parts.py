"""What other programs read of a picture: assistant-ui's `ImageMessagePart`, and how it came to be."""

from __future__ import annotations

import base64
import unicodedata
from typing import Any
from urllib.parse import quote

from pydantic.alias_generators import to_camel

from core.chat.message import Message, Version
from core.chat.picture import Picture
from core.chat.thread import iso_time
from core.settings.schema import Settings
from core.storage.store import Store
from limner.formats import EXTENSIONS

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
"""Names that Windows keeps for devices."""


def filename(version: Version) -> str:
    """Returns a file name made from the prompt, safe on every system, with the extension of the bytes."""
    stem = file_stem(version.provenance.prompt)
    return f"{stem}.{version.picture.name.rsplit('.', 1)[1]}" if version.picture else stem


def safe_filename(given: str, media_type: str) -> str:
    """Returns a file's name made safe on every system, with the extension of its media type."""
    return f"{file_stem(given.rpartition('.')[0] or given)}.{EXTENSIONS[media_type]}"


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


def thumbnail_path(name: str) -> str:
    """Returns the address of a stored picture's thumbnail, relative to the page's."""
    return f"limner/thumbnails/{name}"


async def image_part(version: Version, store: Store, settings: Settings) -> dict[str, str] | None:
    """Returns a version's `ImageMessagePart`: an https link if `public_url` is set, else a `data:` URI.

    None if it has no picture, or if the store has lost it: a part never has an empty image.
    """
    picture, saved_as = version.picture, filename(version)
    if picture is None or not await store.has(picture.name):
        return None
    image = public_link(version, settings)
    if image is None:
        data = await store.read(picture.name)
        if not data:
            return None
        image = f"data:{picture.media_type};base64,{base64.b64encode(data).decode()}"
    return {"type": "image", "image": image, "filename": saved_as}


def public_link(version: Version, settings: Settings) -> str | None:
    """Returns the https link to a version's picture; None without one, or without a `public_url`."""
    if version.picture is None or settings.public_url is None:
        return None
    return f"{settings.public_url.rstrip('/')}/{picture_path(version.picture, filename(version))}"


def details(message: Message, version: Version) -> dict[str, Any]:
    """Returns everything known about a version: how it came to be, its state, and what was asked for it."""
    requested = message.requested(version).model_dump(mode="json", exclude_defaults=True)
    return {
        **provenance(version),
        "message": message.id,
        "turn": version.turn,
        "status": version.reason or version.status,
        "started": iso_time(version.started),
        "requested": requested,
    }


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


def metadata(version: Version) -> dict[str, Any]:
    """Returns the same under the names of the wire, which are in camel case."""
    known = {to_camel(name): value for name, value in provenance(version).items()}
    if "failure" in known:
        known["failure"] = {to_camel(name): value for name, value in known["failure"].items()}
    return known
