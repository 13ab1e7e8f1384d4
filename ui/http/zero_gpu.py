"""ZeroGPU, the hardware of a Hugging Face Space that lends a graphics card to one function for one call.

The platform's package must be there before torch, and a Space without a function for a card does not start.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

ON_ZERO_GPU = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def mark_function() -> None:
    """Marks a function that does nothing for ZeroGPU: services need no card, and a plugin marks its own."""
    if ON_ZERO_GPU:
        with contextlib.suppress(ImportError):
            importlib.import_module("spaces").GPU(lambda: None)


class ZeroGPUMiddleware:
    """Tells ZeroGPU for whom a card is lent, whose share of time that takes, and by which server.

    The process that is lent is a copy of this one, and closes the server's connections only if it knows them.
    """

    def __init__(self, app: ASGIApp, blocks: Any) -> None:
        self._app = app
        self._blocks = blocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sets for a request, and for the tasks that it begins, what gradio sets for its own events."""
        if scope["type"] == "http":
            from gradio.context import LocalContext

            context: Any = LocalContext
            context.blocks.set(self._blocks)
            context.request.set(Request(scope))
        await self._app(scope, receive, send)
