"""Forms with files, as OpenAI's clients send pictures to be edited: `multipart/form-data`."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from pydantic_core import from_json
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from core import Rejected
from core.asking import MAX_BODY, TOO_MANY_IMAGES, SentPicture
from core.chat.request import MAX_IMAGES
from ui.http.gateway.errors import Refused

FORM = "multipart/form-data"
MAX_FIELDS = 100
_UNREADABLE = "The form cannot be read: send valid multipart/form-data."
_BOUNDARY = re.compile(r"[\w'()+,./:=? -]{1,200}")
_OF_PICTURES = re.compile(r"(image|mask)(\[\d*\])?")
_OF_OPTIONS = re.compile(r"options\[([^\[\]]{1,100})\]")
_NUMBERS = ("n", "seed", "partial_images", "output_compression", "frame_count", "frame_duration_ms")
_WHOLE = re.compile(r"-?[0-9]{1,20}")


def is_form(headers: Headers) -> bool:
    """Whether a request says that its body is such a form."""
    return headers.get("content-type", "").lower().startswith(FORM)


async def read_form(headers: Headers, parts: list[bytes]) -> dict[str, Any]:
    """Parses a form and empties the list; its pictures are `image`, a list, and `mask`. Raises Rejected.

    Each part is dropped once it is parsed, so that a picture is not held twice for long.
    """
    parser = MultiPartParser(
        _in_utf_8(headers),
        _taken(parts),
        max_files=MAX_IMAGES + 1,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_BODY,
    )
    parser.spool_max_size = sys.maxsize  # what a visitor's bodies may hold is in memory, and counted
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise Rejected(TOO_MANY_IMAGES) from None
        raise Refused(_UNREADABLE, code="invalid_form") from None
    values: dict[str, Any] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            _add_picture(values, name, await _picture(value))
        else:
            _add_field(values, name, value)
    return values


def _in_utf_8(headers: Headers) -> Headers:
    """Returns the header of a form without its charset; raises Refused if that is another than UTF-8.

    Python knows charsets that take a minute to decode, or make other texts of what was sent.
    """
    _, options = parse_options_header(headers["content-type"])
    if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise Refused("A form must be in UTF-8: leave out its charset.", code="invalid_form")
    boundary = options.get(b"boundary", b"").decode("latin-1")
    if not _BOUNDARY.fullmatch(boundary):
        raise Refused(_UNREADABLE, code="invalid_form")
    return Headers({"content-type": f'{FORM}; boundary="{boundary}"'})


async def _taken(parts: list[bytes]) -> AsyncGenerator[bytes, None]:
    parts.reverse()
    while parts:
        yield parts.pop()
        await asyncio.sleep(0)  # a large form holds up nobody else


async def _picture(file: UploadFile) -> SentPicture:
    data = await file.read()
    await file.close()
    return SentPicture(data, (file.filename or "")[:400])


def _add_picture(values: dict[str, Any], name: str, picture: SentPicture) -> None:
    field = _OF_PICTURES.fullmatch(name)
    if field is None:
        raise Refused(f"There is no field {name[:100]!r} for a file.", name[:100], "unknown_parameter")
    values.setdefault(field[1], []).append(picture)


def _add_field(values: dict[str, Any], name: str, text: str) -> None:
    """Adds a field: a form has texts alone, of which some are something else in JSON."""
    if option := _OF_OPTIONS.fullmatch(name):
        options = values.setdefault("options", {})
        if isinstance(options, dict):
            options[option[1]] = text
    elif name in values:
        raise Refused(f"The field {name[:100]!r} is there twice: send it once.", name[:100])
    elif name in _NUMBERS and _WHOLE.fullmatch(text):
        values[name] = int(text)
    elif name == "stream":
        values[name] = {"true": True, "false": False}.get(text.lower(), text)
    elif name == "options":
        values[name] = _read_json(text)
    else:
        values[name] = text


def _read_json(text: str) -> Mapping[str, Any] | str:
    try:
        return from_json(text, allow_inf_nan=False)  # refuses what is nested deeper than 200
    except ValueError:
        return text
