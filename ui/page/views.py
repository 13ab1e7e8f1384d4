"""Messages, and the list of plugins, as HTML: the templates escape every foreign text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.chat.message import Message, Version
from core.parts import file_stem, filename, picture_path
from core.plugins.catalog import PluginEntry

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
"""The templates of this folder; everything that is put into them is escaped."""


def message_html(message: Message) -> tuple[str, str]:
    """Returns the prompt, and the answer: the shown picture, and a later attempt that has none."""
    template = _templates.get_template("message.html").make_module(
        {
            "message": message,
            "shown": message.shown,
            "attempt": message.attempt,
            "position": _position(message),
            "details": _details,
            "source": lambda version: picture_path(version.picture, filename(version)),
            "filename": filename,
            "address": lambda picture: picture_path(picture, picture.filename),
            "stem": file_stem,
            "proportions": _proportions,
            "started": lambda version: datetime.fromtimestamp(version.started, timezone.utc).isoformat(),
        }
    )
    return str(template.prompt_html()), str(template.answer_html())  # pyright: ignore[reportAttributeAccessIssue]


def _details(version: Version) -> str:
    """Returns the line under a picture: provider, model, size, seed, seconds, and the estimated cost."""
    origin, picture = version.provenance, version.picture
    parts: list[Any] = [origin.provider_label]
    if origin.model_label != origin.provider_label:
        parts.append(origin.model_label)
    if picture:
        parts.append(f"{picture.width} × {picture.height}")
    if origin.seed is not None:
        parts.append(f"seed {origin.seed}")
    if version.duration is not None:
        parts.append(f"{version.duration:.1f} s")
    if origin.cost and picture:
        parts.append(f"about {origin.cost}")
    return " · ".join(parts)


def _proportions(size: str) -> str:
    """Returns the style that makes a waiting card as large as the picture will be."""
    width, height = map(int, size.split("x"))
    return f"--width: {width}px; --ratio: {width / height}"


def _position(message: Message) -> dict[str, Any] | None:
    """Returns the place of the shown picture among the message's pictures; None if there is only one."""
    pictures, shown = message.pictures, message.shown
    if shown is None or len(pictures) < 2:
        return None
    at = pictures.index(shown)
    return {
        "number": at + 1,
        "count": len(pictures),
        "previous": pictures[at - 1].number if at else None,
        "next": pictures[at + 1].number if at + 1 < len(pictures) else None,
    }


def plugins_html(entries: Sequence[PluginEntry]) -> str:
    """Returns a whole page, for the owner: each plugin, where it comes from, and whether it can be used."""
    return _templates.get_template("plugins.html").render(entries=entries)
