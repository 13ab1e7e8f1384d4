"""Serves the page and its routes until the process is asked to end."""

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
from typing import Any, Protocol

import gradio as gr
from gradio import http_server
from starlette.middleware import Middleware
from uvicorn.config import HTTP_PROTOCOLS, LOGGING_CONFIG, LOOP_FACTORIES

from core import SettingsError, StoreError
from core.chat.failure import Missing, Rejected
from core.generation.making import LAST_GRACE
from core.logs import log_without_secrets
from core.plugins.loop import loop_factory
from core.studio import Studio
from limner.proxies import tidy_variables
from ui.http.address import FIRST_PORT, asked_address, check_free, root_path
from ui.http.ai_stream import chat_route
from ui.http.api import image_route
from ui.http.archives import ArchiveView, archive_routes
from ui.http.assets import Assets
from ui.http.bodies import Bodies
from ui.http.brand import brand_routes
from ui.http.compression import JSONCompression
from ui.http.connection import Connection, report_once_a_minute
from ui.http.conversations import conversation_routes
from ui.http.gateway.routes import gateway_routes
from ui.http.gradio_routes import gradio_routes
from ui.http.health import health_routes
from ui.http.idempotency import IdempotencyKeys
from ui.http.index import IndexMiddleware, IndexPage
from ui.http.mcp import mcp_route
from ui.http.middleware import SecurityMiddleware
from ui.http.openapi import openapi_routes
from ui.http.pictures import picture_routes
from ui.http.providers import providers_route
from ui.http.refusals import reply_not_found, reply_wrong_method
from ui.http.request_rate import RequestRateMiddleware
from ui.http.requests import reply_rejected, reply_unstored
from ui.http.routes import PageView, page_routes
from ui.http.sign_in import sign_in_routes
from ui.http.streams import Streams
from ui.http.threads import thread_route
from ui.http.visitors import Visitors
from ui.http.zero_gpu import ON_ZERO_GPU, ZeroGPUMiddleware

log = logging.getLogger(__name__)


class ServedPage(PageView, ArchiveView, IndexPage, Protocol):
    """What the server needs from the page."""

    blocks: gr.Blocks


def launch_arguments(
    studio: Studio, page: ServedPage, on_loop: Callable[[Loop], object] = lambda _: None
) -> dict[str, Any]:
    """Returns the arguments of `launch` with which the studio is served, safely, next to the page.

    `on_loop` is called with the event loop that serves.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        report_once_a_minute(loop)
        on_loop(loop)
        preparing = asyncio.create_task(studio.prepare())
        yield
        preparing.cancel()
        await studio.close()

    keys = IdempotencyKeys(studio.store.begun)
    bodies, assets = Bodies(), Assets(page.folder)
    visitors, streams = Visitors(studio), Streams()
    return {
        "app_kwargs": {
            "routes": [
                *health_routes(studio),
                image_route(studio, keys, bodies, visitors),
                *gateway_routes(studio, keys, bodies, visitors),
                mcp_route(studio, bodies, visitors),
                *gradio_routes(studio, bodies, visitors),
                thread_route(studio, visitors),
                providers_route(studio, visitors),
                *openapi_routes(),
                chat_route(studio, bodies, visitors),
                assets.route(),
                *brand_routes(assets),
                *picture_routes(studio),
                *conversation_routes(studio, bodies, visitors),
                *page_routes(studio, page, keys, bodies, visitors, streams),
                *archive_routes(studio, page, keys, bodies, visitors),
                *sign_in_routes(studio.settings, visitors, streams),
            ],
            "exception_handlers": {
                Missing: visitors.reply_missing,
                Rejected: reply_rejected,
                StoreError: reply_unstored,
                404: reply_not_found,
                405: reply_wrong_method,
            },
            "lifespan": lifespan,
            "openapi_url": None,  # gradio's own, of what is closed here
            "redirect_slashes": False,
            "middleware": [
                Middleware(SecurityMiddleware, studio.settings, studio.store.pictures.origin),
                Middleware(RequestRateMiddleware, studio.settings),
                Middleware(JSONCompression),
                Middleware(IndexMiddleware, page, assets, studio.settings),
                *([Middleware(ZeroGPUMiddleware, page.blocks)] if ON_ZERO_GPU else []),
            ],
            # spans would hold the addresses of conversations and pictures, logs what an exception says
            "telemetry": {"tracing": False, "logs": False},
        },
        "root_path": root_path(studio.settings),
        "quiet": studio.settings.log_format == "json",
        "max_threads": 40,
        "state_session_capacity": 1,  # gradio keeps nothing of a visitor: its own routes are closed
        "show_error": False,
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": [],
        "mcp_server": False,  # whatever GRADIO_MCP_SERVER says: only what is meant is a tool
    }


def serve(studio: Studio, page: ServedPage, host: str | None = None, port: int | None = None) -> None:
    """Serves until SIGTERM or Ctrl-C, then lets what is being made settle.

    Where no port is asked for, by an argument or a variable, the first free one is taken.
    Meanwhile new work is rejected, and open pages still see their pictures. A second Ctrl-C ends the
    process at once.
    """
    try:
        address = asked_address(host, port)
        check_free(address)
    except SettingsError as error:
        sys.exit(f"Limner cannot start. {error}")
    log_without_secrets(form=studio.settings.log_format)
    tidy_variables(address.host)  # gradio asks itself there, which no proxy passes on
    LOGGING_CONFIG["loggers"] = {}  # what uvicorn says goes where all else goes
    os.environ["FORWARDED_ALLOW_IPS"] = ""  # uvicorn would believe whatever a local proxy passes on
    HTTP_PROTOCOLS["auto"] = f"{Connection.__module__}:{Connection.__name__}"  # what gradio's uvicorn takes
    LOOP_FACTORIES["auto"] = f"{loop_factory.__module__}:{loop_factory.__name__}"
    if http_server.GRADIO_WATCH_DIRS:  # its reloader would run the app again in a thread, over the same data
        http_server.GRADIO_WATCH_DIRS = []
        os.environ.pop("GRADIO_WATCH_DIRS", None)  # for which the page would wait for edits
        log.warning("The gradio command serves Limner, but does not reload it: start it again after an edit")
    asked_to_end = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: asked_to_end.set())
    loops: list[Loop] = []
    try:
        page.blocks.launch(
            prevent_thread_lock=True,
            server_name=address.host,
            server_port=address.port,
            **launch_arguments(studio, page, loops.append),
        )
    except OSError:  # gradio says so whatever the cause was
        sys.exit(
            "Limner cannot start. The server did not begin to answer: ask for another port, or try again."
        )
    if address.port is None and page.blocks.server_port != FIRST_PORT:
        log.warning("Port %d is taken by another program", FIRST_PORT)
    if studio.store.is_remote or studio.settings.limits:
        counted = "in Redis" if studio.settings.limits else "in this process"
        log.info("%s; limits are counted %s", studio.store.places, counted)
    log.info("Serving at %s", page.blocks.local_url)
    server: Any = page.blocks.server
    while server.thread.is_alive() and not asked_to_end.wait(1):  # Windows tells of Ctrl-C between waits
        pass
    exit_code = 0 if asked_to_end.is_set() else 1  # which tells a supervisor to start it again
    if exit_code:
        log.critical("The server's event loop has ended by itself: a plugin may have cancelled all its tasks")
        loops.clear()  # nothing can be closed on it any more
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    bound = studio.settings.shutdown_grace + LAST_GRACE + 10
    for loop in loops:
        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(studio.close(), loop).result(bound)
    # Not blocks.close(), which waits for five seconds only; and uvicorn would wait for open event streams,
    # which it cuts here, and says a page about each.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    server.config.timeout_graceful_shutdown = 1
    server.should_exit = True
    server.thread.join(10)
    # A plugin's own thread, which nobody can stop, does not hold up the end of the process.
    last = threading.Timer(3, os._exit, (exit_code,))
    last.daemon = True
    last.start()
    if exit_code:
        sys.exit(exit_code)
