"""The pictures of an edit in JSON: OpenAI's `images`, each with an `image_url`, and a `mask` like one."""

from __future__ import annotations

from typing import Any, cast

from core import Rejected
from core.asking import TOO_MANY_IMAGES, SentPicture
from ui.http.gateway.errors import Refused

_FORM = (
    'Each image must be an object such as {"image_url": "data:image/png;base64,…"}, or have an https link '
    "there."
)


def take_pictures(values: dict[str, Any]) -> tuple[list[SentPicture], SentPicture | None]:
    """Takes the pictures and the mask out of the fields of an edit; raises Refused, and Rejected."""
    images = [*_pictures(values, "image"), *_pictures(values, "images")]
    masks = _pictures(values, "mask")
    if not images:
        raise Refused(
            "There is no picture to edit: send one as image.", "image", "missing_required_parameter"
        )
    if len(masks) > 1:
        raise Rejected(TOO_MANY_IMAGES)
    return images, next(iter(masks), None)


def _pictures(values: dict[str, Any], field: str) -> list[SentPicture]:
    value = values.pop(field, None)
    listed = cast("list[object]", value if isinstance(value, list) else [] if value is None else [value])
    return [one if isinstance(one, SentPicture) else _picture(one, field) for one in listed]


def _picture(value: object, field: str) -> SentPicture:
    """Reads a picture as clients write it: an object with an address, or the address alone."""
    for name in ("image_url", "url"):  # xAI's clients write the second, and others the one in the other
        if isinstance(value, dict) and name in value:
            value = cast("dict[str, object]", value)[name]
    if picture := SentPicture.of(value):
        return picture
    raise Refused(_FORM, field)
