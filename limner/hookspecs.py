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
    """Says what the provider offers: quickly, without a connection and without importing an SDK."""


@hookspec
def generate(request: ImageRequest) -> ImageResult | Awaitable[ImageResult]:  # pyright: ignore[reportReturnType]
    """Makes one picture; raises `ContentFiltered` or `ProviderError` where it cannot.

    An ``async def`` runs on the event loop; a plain ``def`` runs in a worker thread. The host
    cancels an ``async def`` at the deadline or when the person stops it and then waits a few seconds
    for it to clean up.
    """


@hookspec
def wrap(generate: Generate) -> Generate:  # pyright: ignore[reportReturnType]
    """Puts something around every generation: returns a `Generate` that awaits the given one, or not."""
