"""The list of plugins as a page of its own, for the owner."""

from __future__ import annotations

from collections.abc import Sequence

from core.inventory import Entry
from ui.templates import templates


def plugins_html(entries: Sequence[Entry]) -> str:
    """Gives a whole page: each plugin, where it comes from, and whether it can be used."""
    return templates.get_template("plugins.html").render(entries=entries)
