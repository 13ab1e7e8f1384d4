"""Limner, composed: settings, plugins, studio, and the face over them. `python app.py` serves it."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

from starlette.middleware import Middleware

from core import SettingsError, open_studio
from core.redaction import log_without_secrets
from core.settings import load_settings
from core.studio import Studio
from ui.guard import Guard
from ui.page import THEME, build_page, head
from ui.routes import routes


def launch_arguments(studio: Studio) -> dict[str, Any]:
    """Gives what `demo.launch` must be told so that the studio is served, safely, beside the page."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        await studio.close()

    return {
        "app_kwargs": {
            "routes": routes(studio),
            "lifespan": lifespan,
            "middleware": [Middleware(Guard)],
        },
        "head": head(),
        "theme": THEME,
        "max_threads": 40,
        "show_error": False,
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": [],
    }


try:
    studio = open_studio(load_settings())
except SettingsError as error:
    sys.exit(f"Limner cannot start. {error}")
demo = build_page(studio)


def main() -> None:
    """Serves the page until the process is asked to end, then lets what runs settle."""
    log_without_secrets()
    asked_to_end = threading.Event()
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, lambda *_: asked_to_end.set())
    demo.launch(prevent_thread_lock=True, **launch_arguments(studio))
    asked_to_end.wait()
    # Not demo.close(): it waits for five seconds only, and uvicorn would wait for the open event streams.
    demo.server.config.timeout_graceful_shutdown = 1
    demo.server.should_exit = True
    demo.server.thread.join(studio.settings.shutdown_grace + 10)


if __name__ == "__main__":
    main()
