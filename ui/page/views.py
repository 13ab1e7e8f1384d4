"""Messages, and the list of plugins, as HTML: the templates escape every foreign text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.chat.message import Message, Version
from core.chat.thread import iso_time
from core.parts import file_stem, filename, picture_path, thumbnail_path
from core.plugins.catalog import PluginEntry
from limner import ModelInfo

templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
"""The templates of this folder; everything that is put into them is escaped."""


def in_words(name: str) -> str:
    """Returns what a name of the code is called on the page: `request_id` is Request id."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


templates.filters["in_words"] = in_words


def shell_html(composer: Mapping[str, Any], *, banner: str, owner: bool, asset: Callable[[str], str]) -> str:
    """Returns the page; `asset` gives the address of one of its files."""
    return templates.get_template("shell.html").render(**composer, banner=banner, owner=owner, asset=asset)


def options_html(model: ModelInfo, fields: Sequence[Mapping[str, Any]]) -> str:
    """Returns the controls of a model's options; empty if it has none."""
    if not (model.seed or model.negative_prompt or fields):
        return ""
    return templates.get_template("options.html").render(model=model, fields=fields)


def shown_message(message: Message, usual: Callable[[Version], float | None]) -> dict[str, Any]:
    """Returns a message as the page's script takes it; `usual` gives the seconds such a picture takes."""
    latest = message.turns[-1][-1]
    state = "running" if message.running else latest.reason or latest.status
    prompt, answer = message_html(message, usual)
    return {
        "id": message.id,
        "position": message.created,
        "prompt": prompt,
        "answer": answer,
        "state": state,
        "said": _said(message),
    }


def message_html(
    message: Message, usual: Callable[[Version], float | None] = lambda _: None
) -> tuple[str, str]:
    """Returns the prompt, and the answer: the turn that is shown, and a later one that has no picture."""
    shown = message.shown
    template = templates.get_template("message.html").make_module(
        {
            "message": message,
            "shown": shown,
            "attempt": message.attempt,
            "request": shown[0].request or message.request,
            "label": f"Pictures of: {_short(message.request.prompt)}",
            "position": _position(message),
            "details": _details,
            "asked_of": lambda version: message.requested(version).provider or version.provenance.provider,
            "source": lambda version: picture_path(version.picture, filename(version)),
            "filename": filename,
            "address": lambda picture: picture_path(picture, picture.filename),
            "thumbnail": lambda picture: thumbnail_path(picture.name),
            "stem": file_stem,
            "proportions": _proportions,
            "started": lambda version: iso_time(version.started),
            "usual": lambda version: _seconds(usual(version)),
        }
    )
    return str(template.prompt_html()), str(template.answer_html())  # pyright: ignore[reportAttributeAccessIssue]


def _said(message: Message) -> str:
    """Returns what screen readers say of a message's latest turn."""
    latest, prompt = message.turns[-1], _short(message.request.prompt)
    ready = sum(version.picture is not None for version in latest)
    if len(latest) == 1:
        (version,) = latest
        if version.status == "running":
            return f"Generating image: {prompt}"
        if version.picture:
            return f"The image is ready: {prompt}"
        return f"Stopped: {prompt}" if version.failure is None else f"{version.failure.what} {prompt}"
    if ready == len(latest):
        return f"All {ready} images are ready: {prompt}"
    return f"{ready} of {len(latest)} images are ready: {prompt}"


def _short(prompt: str) -> str:
    words = " ".join(prompt.split())
    return f"{words[:77]}…" if len(words) > 78 else words


def _seconds(seconds: float | None) -> str:
    """Returns how long a picture usually takes, as nobody reads more exactly; empty if that is not known."""
    if seconds is None or seconds < 2:
        return ""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _details(version: Version) -> str:
    """Returns the line under a picture: provider, model, size, seed, seconds, and the cost."""
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
        parts.append(origin.cost if origin.cost_from_usage else f"about {origin.cost}")
    return " · ".join(parts)


def _proportions(size: str) -> str:
    """Returns the style that makes a waiting card as large as the picture will be."""
    width, height = map(int, size.split("x"))
    return f"--width: {width}px; --ratio: {width / height}"


def _position(message: Message) -> dict[str, Any] | None:
    """Returns the place of the shown turn among those with a picture; None if there is only one.

    `previous` and `next` are versions of the turns beside it, to be chosen.
    """
    turns = [turn for turn in message.turns if any(version.picture for version in turn)]
    at = next((n for n, turn in enumerate(turns) if turn[0].turn == message.shown[0].turn), None)
    if at is None or len(turns) < 2:
        return None
    picture_of = [next(version.number for version in turn if version.picture) for turn in turns]
    return {
        "number": at + 1,
        "count": len(turns),
        "previous": picture_of[at - 1] if at else None,
        "next": picture_of[at + 1] if at + 1 < len(turns) else None,
    }


def plugins_html(entries: Sequence[PluginEntry]) -> str:
    """Returns a whole page, for the owner: each plugin, where it comes from, and whether it can be used."""
    return templates.get_template("plugins.html").render(entries=entries)
