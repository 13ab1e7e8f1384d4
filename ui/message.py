"""A message as HTML for the Chatbot: every foreign text is escaped by the template."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import escape

from core.part import file_stem, filename, picture_path
from core.thread import Message, Version

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


def prompt_html(message: Message) -> str:
    """Gives what the person asked, as literal text."""
    return f'<p class="limner-prompt">{escape(message.asked.prompt)}</p>'


def answer_html(message: Message) -> str:
    """Gives the picture that is shown, its actions and details, and the latest attempt where it is no picture."""
    return _templates.get_template("message.html").render(
        message=message,
        shown=message.shown,
        attempt=message.attempt,
        position=_position(message),
        details=details,
        download=lambda version: f"{picture_path(version)}?download",
        source=picture_path,
        filename=filename,
        stem=file_stem,
        started=lambda version: datetime.fromtimestamp(version.started, timezone.utc).isoformat(),
    )


def details(version: Version) -> str:
    """Gives the line under a picture: provider, model, size, seed and seconds."""
    applied, picture = version.applied, version.picture
    said: list[Any] = [applied.provider_label]
    if applied.model_label != applied.provider_label:
        said.append(applied.model_label)
    if picture:
        said.append(f"{picture.width} × {picture.height}")
    if applied.seed is not None:
        said.append(f"seed {applied.seed}")
    if version.duration is not None:
        said.append(f"{version.duration:.1f} s")
    return " · ".join(said)


def _position(message: Message) -> dict[str, Any] | None:
    """Where the shown picture stands among the message's pictures; None where there is only one."""
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
