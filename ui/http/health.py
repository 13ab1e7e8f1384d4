"""What an orchestrator asks: whether the process serves, and whether it can take work."""

from __future__ import annotations

import asyncio
import logging

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from core.storage.database import StoreError
from core.studio import CLOSING, Studio
from ui.http.requests import problem

log = logging.getLogger(__name__)

CHECK_EVERY = 1.0
"""Seconds between two writes to the disk, however often somebody asks."""
ASK_AGAIN = 5.0
"""Seconds."""


def health_routes(studio: Studio) -> list[Route]:
    """Returns `/healthz`, which always says ok, and `/readyz`, which says what is in the way of work."""
    readiness = _Readiness(studio)

    async def alive(_: Request) -> Response:
        return _fresh(PlainTextResponse("ok"))

    async def ready(_: Request) -> Response:
        fault = await readiness.fault()
        return _fresh(problem(fault, 503, ASK_AGAIN) if fault else PlainTextResponse("ok"))

    return [Route("/healthz", alive), Route("/readyz", ready)]


def _fresh(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


class _Readiness:
    """Tries the disk once for all who ask within a second."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._check: asyncio.Task[str] | None = None
        self._next = 0.0

    async def fault(self) -> str:
        """Returns in a sentence why the studio cannot take work; empty if it can."""
        if self._studio.is_closing:
            return CLOSING
        now = asyncio.get_running_loop().time()
        if self._check is None or (self._check.done() and now >= self._next):
            self._next = now + CHECK_EVERY
            self._check = asyncio.create_task(self._look())
        return await asyncio.shield(self._check)  # one who goes away does not end it for the others

    async def _look(self) -> str:
        if self._studio.store.is_temporary:
            return (
                "The data folder cannot be written to, so that pictures are lost on restart: let data_dir "
                "(LIMNER_DATA_DIR) name another one."
            )
        try:
            await self._studio.store.check()
        except StoreError as error:
            log.warning("Not ready: %s", error)
            if self._studio.store.is_remote:
                return "What is made cannot be stored at the moment: the server's log says why."
            return "The data folder cannot be written to at the moment: the server's log says why."
        return ""
