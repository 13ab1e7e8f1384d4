"""The page of an exported conversation, for whoever opens the zip."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from core.chat.message import Message, Version
from core.parts import provenance
from ui.page.views import in_words, templates

_SHOWN_ELSEWHERE = {"provider_label", "model_label", "text", "warnings", "failure", "prompt", "paid", "bytes"}


def draw_archive(messages: Sequence[Message], paths: Mapping[str, str]) -> Iterator[str]:
    """Yields the pieces of the page; `paths` has the path of each picture that is in the zip, by its name."""
    facts: dict[str, Any] = {"messages": messages, "paths": paths, "iso": _iso, "details": _details}
    yield from templates.get_template("archive.html").generate(facts)


def _details(version: Version) -> Iterator[tuple[str, str]]:
    """Yields everything else that is known of a version, in words."""
    for name, value in provenance(version).items():
        if name not in _SHOWN_ELSEWHERE and value is not False:
            written = "yes" if value is True else value
            text = written if isinstance(written, str) else json.dumps(written, ensure_ascii=False, indent=1)
            yield in_words(name), f"{text} s" if name == "duration" else text


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="seconds")
