"""What the tools answer: pictures with what is known of them, or one sentence that can be acted on."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp.types import CallToolResult, ContentBlock, ImageContent, TextContent

from core import Rejected
from core.chat.message import Version
from core.chat.thread import STOPPED
from core.generation.visitor import Visitor
from core.offered import offered
from core.parts import filename, metadata, picture_path
from core.studio import Studio

MAX_INLINE = 1_000_000
"""Characters of pictures in an answer. Claude Desktop refuses one of more than 1,048,576, after the picture
was made and paid for."""
_CATEGORIES = {409: "conflict", 429: "rate-limit", 503: "unavailable"}


@dataclass(frozen=True)
class Address:
    """Where the pictures of an answer can be had besides."""

    base: str = ""
    """The address of this server, without a slash at its end; empty if nobody knows it."""
    has_files: bool = False
    """The client is on this machine, and its person may open the stored files."""

    async def of(self, version: Version, studio: Studio) -> dict[str, str]:
        """Returns where a version's picture is."""
        found: dict[str, str] = {}
        if version.picture and self.base:
            found["url"] = f"{self.base}/{picture_path(version.picture, filename(version))}"
        if version.picture and self.has_files:
            file = await studio.store.find(version.picture.name)
            found |= {"file": str(file)} if isinstance(file, Path) else {}
        return found


async def made(versions: Sequence[Version], studio: Studio, address: Address) -> CallToolResult:
    """Returns settled versions: each picture as it is stored, and all that is known of it, as JSON.

    One that is too large for most assistants comes as a small copy, if it can be had itself elsewhere.
    """
    content: list[ContentBlock] = []
    pictures: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    room = MAX_INLINE
    for version in versions:
        data = await studio.store.read(version.picture.name) if version.picture else None
        if not version.picture or not data:
            failures.append(_failure(version))
            continue
        where = await address.of(version, studio)
        known: dict[str, Any] = {"id": version.picture.name, "filename": filename(version), **where}
        image, media_type = data, version.picture.media_type
        if where and len(data) * 4 / 3 > room and (small := await _small(version.picture.name, studio)):
            image, media_type = small
            known["preview"] = True
        room -= len(image) * 4 // 3
        content.append(ImageContent(type="image", data=base64.b64encode(image).decode(), mimeType=media_type))
        pictures.append({**known, "metadata": metadata(version)})
    if not pictures:
        return _error(" ".join(dict.fromkeys(one["error"] for one in failures)), failures[0])
    facts = {"pictures": pictures, **({"failures": failures} if failures else {})}
    return CallToolResult(content=[*content, _text(facts)], structuredContent=facts)


async def _small(name: str, studio: Studio) -> tuple[bytes, str] | None:
    """Returns a small copy of a picture, and its type; None if there is none."""
    thumbnail = await studio.store.thumbnails.find(name)
    if thumbnail is None:
        return None
    image = thumbnail.image
    return (image.read_bytes() if isinstance(image, Path) else image), thumbnail.media_type


def providers(studio: Studio, visitor: Visitor) -> CallToolResult:
    """Returns the providers that a visitor may use, and their models."""
    facts = offered(studio, visitor)
    return CallToolResult(content=[_text(facts)], structuredContent=facts)


def refused(error: Rejected) -> CallToolResult:
    """Returns why nothing was made."""
    more: dict[str, Any] = {"category": _CATEGORIES.get(error.status, "invalid-request")}
    if error.retry_after is not None:
        more["retryAfter"] = error.retry_after
    if error.field:
        more["field"] = error.field
    return _error(str(error), more)


def broken() -> CallToolResult:
    """Returns that Limner itself failed."""
    sentence = "Limner failed, which is a bug: try again, and report it with what the server's log says."
    return _error(sentence, {"category": "internal"})


def _failure(version: Version) -> dict[str, Any]:
    """Returns why a version has no picture."""
    failure = version.failure
    if failure is None:
        is_stopped = version.reason == "cancelled"
        what = STOPPED if is_stopped else "The picture is not kept any more."
        return {"error": f"{what} Ask again for another.", "category": "cancelled" if is_stopped else "gone"}
    known: dict[str, Any] = {
        "error": failure.sentence,
        "category": failure.cause,
        "retryAfter": failure.retry_after,
        "serviceMessage": failure.service_message,
    }
    return {name: value for name, value in known.items() if value is not None}


def _error(sentence: str, more: dict[str, Any]) -> CallToolResult:
    facts = {**more, "error": sentence}
    return CallToolResult(
        content=[TextContent(type="text", text=sentence)], structuredContent=facts, isError=True
    )


def _text(facts: dict[str, Any]) -> TextContent:
    """Returns facts for clients that read no structured content."""
    written = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    return TextContent(type="text", text=written)
