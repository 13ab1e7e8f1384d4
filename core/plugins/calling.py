"""Calls the hooks of a provider: in turns, on the event loop or in a thread, within its time."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, cast

from core.plugins.calls import Calls
from core.plugins.loader import Plugins
from core.plugins.provider import Provider
from core.plugins.time_limit import TimeLimit
from core.workers import OnlyHungCalls, Turns, Workers
from limner import ImageRequest, ImageResult, ProviderError
from limner.request import ordinal


class Caller:
    """Calls the hooks of the providers; for any event loop.

    Each provider has turns and worker threads of its own: one whose calls hang takes none from another.
    """

    def __init__(self, plugins: Plugins, providers: Iterable[Provider], workers: int) -> None:
        """Takes the most worker threads that a provider may have."""
        self._plugins = plugins
        self._turns: dict[str, Turns] = {}
        self._workers: dict[str, Workers] = {}
        self._checkers = Workers(workers)
        """The threads of whoever moderates, which wait for no picture."""
        for provider in providers:
            # a turn ends when its caller gives up; a thread that hangs goes on to count in the workers
            most = min(provider.info.most_at_once or workers, workers)
            self._workers[provider.name] = Workers(most)
            if provider.info.most_at_once or not _is_async(provider, "generate"):
                self._turns[provider.name] = Turns(most)

    async def picture(
        self, provider: Provider, request: ImageRequest, calls: Calls, limit: TimeLimit, handle: Any
    ) -> ImageResult:
        """Has a provider make a picture, or with a handle, has it wait for the one that it remembers.

        While it waits for its turn, and while it loads, the time limit stands still. A job that it remembers
        may have run, whatever it says of that later.
        """
        has_begun, has_job, on_handle = False, handle is not None, request.on_handle

        def begin() -> None:
            nonlocal has_begun
            has_begun = True
            calls.begin()

        def remember(handle: Any) -> Awaitable[None]:
            nonlocal has_job
            has_job = True
            return on_handle(handle)

        with limit.call():
            async with self._turn(provider, request, calls, limit):
                if handle is None and "load" in provider.plugin.hooks:
                    await self._load(provider, request, limit)
                if request.cancelled:  # a load, or a check before it, returned all the same
                    raise asyncio.CancelledError
                left = min(request.timeout, limit.left)
                request = replace(request, timeout=left, on_handle=remember)
                hook, more = ("generate", ()) if handle is None else ("resume", (handle,))
                try:
                    return cast(ImageResult, await self.call(provider, hook, request, *more, begin=begin))
                except ProviderError as error:
                    if has_begun and not has_job and getattr(error, "did_not_run", None) is True:
                        calls.take_back()
                    raise

    @asynccontextmanager
    async def _turn(
        self, provider: Provider, request: ImageRequest, calls: Calls, limit: TimeLimit
    ) -> AsyncGenerator[None, None]:
        turns, waits = self._turns.get(provider.name), False
        if turns is None:
            yield
            return

        def say(place: int) -> None:
            nonlocal waits
            waits = True
            request.report(f"waiting, {ordinal(place)} in line")

        with limit.paused(), _said_if_hung():
            turn = await turns.take(say)
        calls.on_leave.append(turn.leave)
        try:
            if waits:
                request.report("")
            yield
        finally:
            turn.end()

    async def _load(self, provider: Provider, request: ImageRequest, limit: TimeLimit) -> None:
        try:
            with limit.paused():
                await self.call(provider, "load", request)
        except ProviderError as error:  # another error, since the plugin may raise this one again
            more: Any = {"why": error.why, "status": error.status, "retry_after": error.retry_after}
            raise ProviderError(error.category, error.service_message, **more, did_not_run=True) from error
        request.report("")  # it is loaded

    async def call(
        self,
        provider: Provider,
        hook: str,
        request: ImageRequest,
        *more: Any,
        begin: Callable[[], None] = lambda: None,
    ) -> Any:
        """Calls a hook, an async function here and a plain one in a thread; `begin` is called just before."""
        plugin = provider.plugin

        def call(request: ImageRequest) -> Any:
            begin()
            return self._plugins.call(plugin, hook, request, *more)

        if _is_async(provider, hook):
            result = call(request)
        else:
            workers = self._checkers if hook == "moderate" else self._workers[provider.name]
            result = await self._in_thread(call, request, workers)
        return await result if inspect.isawaitable(result) else result

    async def _in_thread(
        self, call: Callable[[ImageRequest], Any], request: ImageRequest, workers: Workers
    ) -> Any:
        """Calls a plain function, which learns by its request that it is cancelled, by a middleware too."""
        cancelled = threading.Event()
        told = replace(request, is_cancelled=lambda: cancelled.is_set() or request.cancelled)
        with _said_if_hung():
            result = await workers.run(
                lambda: call(told),
                lambda _: request.report(f"waiting for one of {workers.turns.most} worker threads"),
                cancelled.set,
            )
        if cancelled.is_set() and not isinstance(result, ImageResult):  # only a picture is worth keeping
            if inspect.iscoroutine(result):  # of an async def inside of the plain one
                result.close()
            raise asyncio.CancelledError
        return result


@contextmanager
def _said_if_hung() -> Generator[None, None, None]:
    """Raises a failure for a person where only calls that hang are waited for."""
    try:
        yield
    except OnlyHungCalls as error:
        hung = "an earlier call has" if error.hung == 1 else f"{error.hung} earlier calls have"
        why = f"It takes no more at once: {hung} not ended, and a restart of Limner is needed."
        raise ProviderError("provider", why=why, did_not_run=True) from None


def _is_async(provider: Provider, hook: str) -> bool:
    return inspect.iscoroutinefunction(provider.plugin.hooks[hook].function)
