"""The hooks: a provider has the first two and may have the next three, a middleware has the last."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pluggy

from limner.info import ProviderInfo
from limner.request import ImageRequest
from limner.result import ImageResult

CONTRACT = 1
"""The version of this contract; a plugin may state the version that it needs as ``limner_contract = 1``."""

hookspec = pluggy.HookspecMarker("limner")
hookimpl = pluggy.HookimplMarker("limner")

Generate: TypeAlias = Callable[[ImageRequest], Awaitable[ImageResult]]


@hookspec
def describe() -> ProviderInfo:  # pyright: ignore[reportReturnType]
    """Returns what the provider offers: quickly, without a connection and without importing an SDK.

    It is a plain ``def``, called once, when the host starts.
    """


@hookspec
def generate(request: ImageRequest) -> ImageResult | Awaitable[ImageResult]:  # pyright: ignore[reportReturnType]
    """Makes one picture; raises `ContentFiltered` or `ProviderError` if it cannot.

    An ``async def`` runs on the event loop. The host cancels it at the deadline, or when the user
    stops it, and then waits a few seconds for it to clean up; a result that it returns during this
    time is kept. A plain ``def`` runs in a worker thread, which nothing can interrupt: it looks at
    ``request.cancelled``, and the host waits as long for it. One that goes on is left to itself, and its
    thread counts until it ends.
    """


@hookspec
def load(request: ImageRequest) -> Awaitable[None] | None:
    """Gets ready what the picture needs, such as a model in memory; returns at once if it is there.

    The host calls it before each `generate`, in the same turn, and the time limit begins after it. It reports
    what it does, and is cancelled, as `generate` is; the host waits for an hour at most. If it fails, the
    picture was not begun.
    """


@hookspec
def resume(request: ImageRequest, handle: Any) -> ImageResult | Awaitable[ImageResult]:  # pyright: ignore[reportReturnType]
    """Waits for a job that `generate` has remembered, and returns its picture; never begins another.

    The host calls it when the process that called `generate` has ended: after a restart, or in another
    process. `handle` is what `request.remember` was given, read from JSON. The request is the same, but for
    ``images``, ``mask`` and ``continuation``, which were sent already. All else is as for `generate`.
    """


@hookspec
def moderate(request: ImageRequest) -> Awaitable[None] | None:
    """Raises `ContentFiltered` for a request that its service finds harmful, whoever will make the picture.

    The host calls it before each picture if the setting ``moderation`` names this provider, with this
    provider's own credential, address and settings; the model and the options are those of the provider
    that will be asked. If it fails in any other way, no picture is made.
    """


@hookspec
def wrap(generate: Generate) -> Generate:  # pyright: ignore[reportReturnType]
    """Returns an async function that runs instead of `generate`, and may await it, for every picture.

    It is a plain ``def``, called for each request, so anything that it remembers between requests must
    be kept outside of it. Middlewares are nested in the order of their entry points' names, the first
    outermost; one marked ``@hookimpl(tryfirst=True)`` comes before all others, one marked
    ``trylast=True`` after them. To refuse a request, it raises an error of the contract; if it fails
    in any other way, the request fails and the error names the middleware.
    """
