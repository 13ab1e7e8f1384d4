"""Limner, composed: settings, plugins, studio, and the face over them. `python app.py` serves it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from asyncio import AbstractEventLoop as Loop
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.middleware import Middleware
from uvicorn.config import HTTP_PROTOCOLS

from core import SettingsError, open_studio
from core.redaction import log_without_secrets
from core.settings import load_settings
from core.studio import LAST_GRACE, Studio
from ui.connection import Connection, report_once_a_minute
from ui.guard import Guard
from ui.page import THEME, build_page, head
from ui.routes import routes


def launch_arguments(studio: Studio, tell_loop: Callable[[Loop], object] = lambda _: None) -> dict[str, Any]:
    """Gives what `demo.launch` must be told so that the studio is served, safely, beside the page.

    `tell_loop` is told the event loop that serves.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        report_once_a_minute(loop)
        tell_loop(loop)
        yield
        await studio.close()

    return {
        "app_kwargs": {
            "routes": routes(studio),
            "lifespan": lifespan,
            "middleware": [Middleware(Guard, studio.settings)],
        },
        "head": head(),
        "theme": THEME,
        "max_threads": 40,
        "state_session_capacity": 1,  # gradio keeps nothing of a visitor: its own routes are closed
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
    """Serves the page until the process is asked to end, then lets what runs settle.

    Meanwhile new work is refused, and open pages still see their pictures. A second Ctrl-C ends it at
    once.
    """
    log_without_secrets()
    os.environ["FORWARDED_ALLOW_IPS"] = ""  # uvicorn would believe whatever a local proxy passes on
    HTTP_PROTOCOLS["auto"] = f"{Connection.__module__}:{Connection.__name__}"  # what gradio's uvicorn takes
    asked_to_end = threading.Event()
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, lambda *_: asked_to_end.set())
    loops: list[Loop] = []
    try:
        demo.launch(prevent_thread_lock=True, **launch_arguments(studio, loops.append))
    except OSError as error:  # the port is taken
        sys.exit(f"Limner cannot start. {error}")
    server = demo.server
    while server.thread.is_alive() and not asked_to_end.wait(1):  # Windows tells of Ctrl-C between waits
        pass
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    bound = studio.settings.shutdown_grace + LAST_GRACE + 10
    for loop in loops:
        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(studio.close(), loop).result(bound)
    # Not demo.close(), which waits for five seconds only; and uvicorn would wait for open event streams,
    # which it cuts here, and says a page about each.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    server.config.timeout_graceful_shutdown = 1
    server.should_exit = True
    server.thread.join(10)
    # A plugin's own thread, which nobody can stop, does not hold up the end of the process.
    last = threading.Timer(3, os._exit, (0,))
    last.daemon = True
    last.start()


if __name__ == "__main__":
    main()
