"""The answers: OpenAI's objects, with the pictures in them as base64, or as links to this server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import Any, cast

from starlette.responses import Response, StreamingResponse

from core.chat.failure import Failure
from core.chat.message import Version
from core.parts import metadata
from core.storage.store import Store
from limner.formats import EXTENSIONS
from ui.http.gateway.errors import failure_reply
from ui.http.gateway.fields import Wanted
from ui.http.picture_json import json_with_picture
from ui.http.settling import Forgotten

Link = Callable[[Version], str]


async def answer(versions: list[Version], wanted: Wanted, store: Store, link: Link, event: str) -> Response:
    """Returns what was made, in OpenAI's form, or a failure if there is nothing.

    If some of several failed, those that were made are there: they may have been paid for. Raises Forgotten.
    """
    made = [version for version in versions if version.picture]
    if not made:
        return failure_reply(_failure(versions))
    if not all([await store.has(version.picture.name) for version in made if version.picture]):
        raise Forgotten("The picture is not kept any more: ask for another.")
    data = [_about(version, wanted) for version in made]
    linked = [None if wanted.form == "b64_json" else link(version) for version in made]
    common = _common(versions, made)
    if wanted.is_streamed:
        events = [{"type": event, "created_at": common["created"], **common, **about} for about in data]
        return StreamingResponse(_events(event, events, made, linked, store), media_type="text/event-stream")
    return StreamingResponse(_object(common, data, made, linked, store), media_type="application/json")


def _failure(versions: list[Version]) -> Failure | None:
    """Returns the first failure of something that may have run, which must not be sent again; else the first.

    None is a picture that was stopped, which may have run.
    """
    failures = [version.failure for version in versions]
    return next((one for one in failures if one is None or not one.did_not_run), failures[0])


async def _object(
    common: dict[str, Any],
    data: list[dict[str, Any]],
    made: list[Version],
    links: list[str | None],
    store: Store,
) -> AsyncIterator[bytes]:
    yield _json(common)[:-1] + b',"data":['
    for number, (about, version, link) in enumerate(zip(data, made, links, strict=True)):
        yield b"," if number else b""
        async for piece in _with_picture(about, version, link, store):
            yield piece
    yield b"]}"


async def _events(
    event: str, data: list[dict[str, Any]], made: list[Version], links: list[str | None], store: Store
) -> AsyncIterator[bytes]:
    for about, version, link in zip(data, made, links, strict=True):
        yield f"event: {event}\ndata: ".encode()
        async for piece in _with_picture(about, version, link, store):
            yield piece
        yield b"\n\n"


async def _with_picture(
    about: dict[str, Any], version: Version, link: str | None, store: Store
) -> AsyncIterator[bytes]:
    """Writes an object with its picture, of which no more than a piece is there twice."""
    if link is not None:
        yield _json({"url": link, **about})
        return
    assert version.picture
    async for piece in json_with_picture("b64_json", "", version.picture.name, about, store):
        yield piece


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _about(version: Version, wanted: Wanted) -> dict[str, Any]:
    known = metadata(version)
    if wanted.left_out:
        known["warnings"] = [*known.get("warnings", ()), *map(asdict, wanted.left_out)]
    revised = version.provenance.revised_prompt
    return {**({"revised_prompt": revised} if revised else {}), "metadata": known}


def _common(versions: list[Version], made: list[Version]) -> dict[str, Any]:
    """Returns what OpenAI says of all pictures together: of the first, since they were asked for alike."""
    first = made[0]
    assert first.picture
    failed = [version.failure.sentence for version in versions if version.failure]
    return {
        "created": int(first.started),
        "size": f"{first.picture.width}x{first.picture.height}",
        "output_format": EXTENSIONS[first.picture.media_type].replace("jpg", "jpeg"),
        **{name: used for name in ("quality", "background") if (used := _used(first, name))},
        **({"usage": usage} if (usage := _usage(made)) else {}),
        **({"warnings": failed} if failed else {}),
    }


def _used(version: Version, option: str) -> str | None:
    """Returns what the service says that it used, or else what it was asked for."""
    known = version.provenance
    values = (known.metadata.get(option), known.options.get(option))
    return next((value for value in values if isinstance(value, str) and value not in ("", "auto")), None)


def _usage(made: list[Version]) -> dict[str, Any]:
    """Returns the tokens of all pictures, if the service counts them as OpenAI does."""
    usages = [version.provenance.usage for version in made]
    is_openais = all({"input_tokens", "output_tokens", "total_tokens"} <= usage.keys() for usage in usages)
    return cast("dict[str, Any]", _sum(usages)) if is_openais else {}


def _sum(values: list[Any]) -> Any:
    """Adds numbers, and those of the same name in objects; anything else is that of the first."""
    if all(isinstance(value, dict) for value in values):
        return {name: _sum([value.get(name, 0) for value in values]) for name in values[0]}
    return sum(values) if all(type(value) in (int, float) for value in values) else values[0]
