"""Limner, composed: the settings, the studio over them, and the page over it. `python app.py` serves it."""

from __future__ import annotations

import os
import sys

from core import SettingsError, open_studio
from core.settings.schema import load_settings
from limner.proxies import tidy_variables
from ui.http.address import asked_address
from ui.http.zero_gpu import mark_function

# gradio reads them when it is imported, and then sends a request to itself
tidy_variables(os.environ.get("GRADIO_SERVER_NAME"))
mark_function()  # before a plugin imports torch

try:
    asked_address()  # gradio would end in a traceback if a variable holds no port
    studio = open_studio(load_settings())
except SettingsError as error:
    sys.exit(f"Limner cannot start. {error}")

# after the studio: plugins load faster without gradio's modules, and a wrong setting is told at once
from ui.http.server import serve  # noqa: E402
from ui.page.page import Page  # noqa: E402

page = Page(studio)
demo = page.blocks


def main(host: str | None = None, port: int | None = None) -> None:
    """Serves the page until the process is asked to end, at an address that comes before the variables'."""
    serve(studio, page, host, port)


if __name__ == "__main__":
    main()
