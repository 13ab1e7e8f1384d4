"""The forms in which pictures go to a server: as files, which OpenAI takes, or in another service's JSON.

Whatever the form, the bytes are those of the request: nothing is decoded, converted or encoded anew.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from io import BytesIO
from typing import Any

from limner import ImageRequest, InputImage, ProviderError
from providers.openai.settings import Settings
from providers.openai.templates import OF_A_PICTURE, placeholders_in, takes_several


def template_of(request: ImageRequest, settings: Settings) -> dict[str, Any]:
    """Returns the table of the settings that a request's body is made of."""
    has_its_own = request.images and settings.edits_body is not None
    return (settings.edits_body or {}) if has_its_own else settings.body


def goes_as_files(request: ImageRequest, settings: Settings) -> bool:
    """Whether the request has pictures that go as files."""
    return bool(request.images) and settings.edits == "openai" and not _places_them(request, settings)


def _places_them(request: ImageRequest, settings: Settings) -> bool:
    return bool(OF_A_PICTURE & placeholders_in(template_of(request, settings)))


def refuse_what_is_not_taken(request: ImageRequest, settings: Settings) -> None:
    """Raises invalid-request for pictures or a mask that the server's form has no place for."""
    why, places_them = None, _places_them(request, settings)
    takes_one = settings.edits == "together" and _takes_one(request.model)
    if places_them:
        takes_one = not takes_several(template_of(request, settings))
    if request.images and settings.edits == "none" and not places_them:
        why = "This server takes no pictures: remove them, or choose another model."
    elif request.mask and (not goes_as_files(request, settings) or settings.mask == "none"):
        why = "This server takes no mask: remove it, and say in words what may change."
    elif len(request.images) > 1 and takes_one:
        why = "This model takes one picture: remove the others, or choose another model."
    if why:
        raise ProviderError("invalid-request", why=why, did_not_run=True)


def files_of(request: ImageRequest) -> list[tuple[str, tuple[str, BytesIO, str]]]:
    """Returns the pictures and the mask as the fields of a form."""
    # the field of a single picture is `image`, which every server knows; that of several `image[]`
    name = "image[]" if len(request.images) > 1 else "image"
    files = [(name, _file(image)) for image in request.images]
    return [*files, ("mask", _file(request.mask))] if request.mask else files


async def json_of(
    request: ImageRequest, settings: Settings, body_of: Callable[[], Mapping[str, Any]]
) -> bytes:
    """Returns the JSON of a request with pictures, made in a thread: it may be long."""

    def write() -> bytes:
        fields_of = None if _places_them(request, settings) else _DIALECTS.get(settings.edits)
        whole = {**body_of(), **(fields_of(request) if fields_of else {})}
        # in parts, because Python runs nothing else while it encodes one, in whatever thread
        return b"".join(part.encode() for part in json.JSONEncoder().iterencode(whole))

    return await asyncio.to_thread(write)


async def in_pieces(content: bytes) -> AsyncIterator[bytes]:
    """Returns a body bit by bit: sent at once, a long one would hold up everything else on the event loop."""
    for start in range(0, len(content), _PIECE):
        yield content[start : start + _PIECE]


_PIECE = 256 * 1024


def _file(image: InputImage) -> tuple[str, BytesIO, str]:
    return image.filename, BytesIO(image.data), image.media_type  # the SDK sends a file bit by bit, too


def _xai(request: ImageRequest) -> dict[str, Any]:
    parts = [{"url": image.data_uri, "type": "image_url"} for image in request.images]
    return {"images": parts} if len(parts) > 1 else {"image": parts[0]}


def _takes_one(model: str) -> bool:
    """Whether it is one of Together's models that know `image_url` alone; all others list their pictures."""
    return "kontext" in model.lower()


def _together(request: ImageRequest) -> dict[str, Any]:
    uris = [image.data_uri for image in request.images]
    return {"image_url": uris[0]} if _takes_one(request.model) else {"reference_images": uris}


_DIALECTS: dict[str, Callable[[ImageRequest], dict[str, Any]]] = {"xai": _xai, "together": _together}
