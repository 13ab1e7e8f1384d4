"""Limner, composed: the settings, the studio over them, and the page over it. `python app.py` serves it."""

from __future__ import annotations

import sys

from core import SettingsError, open_studio
from core.settings.schema import load_settings
from ui.http.server import serve
from ui.page.page import Page

try:
    studio = open_studio(load_settings())
except SettingsError as error:
    sys.exit(f"Limner cannot start. {error}")
page = Page(studio)
demo = page.blocks


def main() -> None:
    """Serves the page until the process is asked to end."""
    serve(studio, page)


if __name__ == "__main__":
    main()
