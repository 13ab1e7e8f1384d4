"""What the composer's controls mean: from the values that the page sends to the requests of a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError

from core import Rejected
from core.chat.request import UserRequest
from core.plugins.registry import Registry
from ui.page.controls import read_options

MOST_AT_ONCE = 4
"""Pictures that one message may begin with."""
_OLD_PAGE = "This page is older than the server: reload it."


def read_requests(registry: Registry, values: Mapping[str, Any]) -> list[UserRequest]:
    """Reads the controls' values by name: one request for each picture, the first of which is the message's.

    `count` asks for so many of the same, with seeds that follow each other if one is fixed; `compare` lists
    other models that get the same prompt. Raises Rejected if a value makes no sense.
    """
    first = _read(registry, values)
    others = [_of_another(first, other) for other in _objects(values.get("compare"))]
    count = values.get("count") or 1
    if not isinstance(count, int) or count < 1 or count * (1 + len(others)) > MOST_AT_ONCE:
        raise Rejected(f"Up to {MOST_AT_ONCE} pictures can be made at once: ask for fewer.")
    return [request.numbered(n) for request in (first, *others) for n in range(count)]


def _of_another(request: UserRequest, other: Mapping[str, Any]) -> UserRequest:
    """Returns the same request for another model, without the options, which are the model's own."""
    return UserRequest(
        **{
            **request.model_dump(exclude={"options", "images", "mask"}),
            "provider": other.get("provider"),
            "model": other.get("model"),
        }
    )


def _objects(value: object) -> list[dict[str, Any]]:
    listed = cast("list[object]", value if isinstance(value, list) else [])
    if not all(isinstance(one, dict) for one in listed):
        raise Rejected(_OLD_PAGE)
    return cast("list[dict[str, Any]]", listed)


def _read(registry: Registry, values: Mapping[str, Any]) -> UserRequest:
    provider = registry.get(str(values.get("provider")))
    model = provider and provider.info.model(values.get("model"))
    given = values.get("options") or {}
    if not isinstance(given, dict):
        raise Rejected(_OLD_PAGE)
    options = read_options(provider.info.options_of(model), given) if provider and model else {}
    try:
        return UserRequest(
            prompt=values["prompt"],
            provider=values.get("provider"),
            model=values.get("model"),
            size=values.get("size") or None,
            seed=_read_seed(values.get("seed")),
            negative_prompt=values.get("negative_prompt") or None,
            options=options,
        )
    except (KeyError, ValidationError):
        raise Rejected(_OLD_PAGE) from None


def _read_seed(text: object) -> int | None:
    text = str(text if text is not None else "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        sentence = "is not a whole number: correct it, or empty it for a new one each time."
        raise Rejected(f"The seed {text[:20]!r} {sentence}", field="seed")
    return int(text[:20])
