"""The three hooks of a plugin; a provider has the first two, a middleware has the third."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pluggy

from limner.info import ProviderInfo
from limner.request import ImageRequest
from limner.result import ImageResult

CONTRACT = 1
"""The version of this contract; a plugin may say which one it needs as ``limner_contract = 1``."""

hookspec = pluggy.HookspecMarker("limner")
hookimpl = pluggy.HookimplMarker("limner")

Generate: TypeAlias = Callable[[ImageRequest], Awaitable[ImageResult]]


@hookspec
def describe() -> ProviderInfo:  # pyright: ignore[reportReturnType]
    """Says what the provider offers: quickly, without a connection and without importing an SDK.

    It is called once, when the host starts; a plain ``def``.
    """


@hookspec
def generate(request: ImageRequest) -> ImageResult | Awaitable[ImageResult]:  # pyright: ignore[reportReturnType]
    """Makes one picture; raises `ContentFiltered` or `ProviderError` where it cannot.

    An ``async def`` runs on the event loop. The host cancels it at the deadline, or when the person
    stops it, and then waits a few seconds for it to clean up; a result that it gives meanwhile is
    kept. A plain ``def`` runs in a worker thread, which nothing can interrupt: the host no longer
    waits for it, but counts its thread until it ends.
    """


@hookspec
def wrap(generate: Generate) -> Generate:  # pyright: ignore[reportReturnType]
    """Puts something around every picture: gives an async function that awaits `generate`, or does not.

    It is called for each request, so what it remembers between them lives outside of it; a plain
    ``def``. Middlewares stand around each other in the order of their entry points' names, the first
    outermost; one marked ``@hookimpl(tryfirst=True)`` stands before all others, one marked
    ``trylast=True`` after them. To refuse, it raises an error of the contract; where it fails in any
    other way, the request fails and the middleware is named.
    """
