"""Puts the page into a server that somebody has already, beside its own routes."""

from __future__ import annotations

import logging
from typing import Any, cast

import gradio as gr
from starlette.applications import Starlette
from starlette.routing import Mount

from core.logs import log_without_secrets
from core.studio import Studio
from ui.http.connection import around
from ui.http.server import ServedPage, launch_arguments

_OF_LAUNCH_ALONE = ("max_threads", "quiet", "state_session_capacity")


def mount(server: Starlette, studio: Studio, page: ServedPage, path: str) -> None:
    """Serves the page below a path, with its routes and all that stands in front of them.

    The studio is closed with the server. A log that is set up already stays as it is.
    """
    if not logging.getLogger().handlers:
        log_without_secrets(form=studio.settings.log_format)
    arguments: dict[str, Any] = launch_arguments(studio, page)
    for name in _OF_LAUNCH_ALONE:
        del arguments[name]
    gr.mount_gradio_app(cast("Any", server), page.blocks, path, **arguments)
    mounted = server.router.routes[-1]
    assert isinstance(mounted, Mount)
    mounted.app = around(mounted.app)
