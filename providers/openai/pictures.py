"""The forms in which pictures go to a server: as files, which OpenAI takes, or in another service's JSON.

Whatever the form, the bytes are those of the request: nothing is decoded, converted or encoded anew.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from typing import Any

from limner import ImageRequest, InputImage, ProviderError
from providers.openai.settings import Settings


def refuse_what_is_not_taken(request: ImageRequest, settings: Settings) -> None:
    """Raises invalid-request for pictures or a mask that the server's form has no place for."""
    why = None
    if request.images and settings.edits == "none":
        why = "This server takes no pictures: remove them, or choose another model."
    elif request.mask and (settings.edits != "openai" or settings.mask == "none"):
        why = "This server takes no mask: remove it, and say in words what may change."
    elif len(request.images) > 1 and settings.edits == "together" and _takes_one(request.model):
        why = "This model takes one picture: remove the others, or choose another model."
    if why:
        raise ProviderError("invalid-request", why=why, did_not_run=True)


def goes_as_files(request: ImageRequest, settings: Settings) -> bool:
    """Whether the request has pictures that go as files."""
    return bool(request.images) and settings.edits == "openai"


def files_of(request: ImageRequest) -> dict[str, Any]:
    """Returns the pictures and the mask as the SDK takes them."""
    files = [_file(image) for image in request.images]
    # the field of a single picture is `image`, which every server knows; that of several `image[]`
    given: dict[str, Any] = {"image": files if len(files) > 1 else files[0]}
    return given | {"mask": _file(request.mask)} if request.mask else given


async def json_of(request: ImageRequest, settings: Settings, body: dict[str, Any]) -> tuple[str, bytes]:
    """Returns the path and the JSON of a request with pictures, written in a thread: it may be long."""
    path, fields_of = _DIALECTS[settings.edits]

    def write() -> bytes:
        whole = {"prompt": request.prompt, "model": request.model} | body | fields_of(request)
        # in parts, because Python runs nothing else while it encodes one, in whatever thread
        return b"".join(part.encode() for part in json.JSONEncoder().iterencode(whole))

    return path, await asyncio.to_thread(write)


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


def _ark(request: ImageRequest) -> dict[str, Any]:
    uris = [image.data_uri for image in request.images]
    return {"image": uris if len(uris) > 1 else uris[0]}


def _localai(request: ImageRequest) -> dict[str, Any]:
    return {"ref_images": [image.base64 for image in request.images]}  # it skips a data: URI in silence


_DIALECTS: dict[str, tuple[str, Callable[[ImageRequest], dict[str, Any]]]] = {
    "xai": ("/images/edits", _xai),
    "together": ("/images/generations", _together),
    "ark": ("/images/generations", _ark),
    "localai": ("/images/generations", _localai),
}
