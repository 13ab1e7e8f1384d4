"""Calls a provider as the host does, with a service that is played on this machine."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from limner.clients import close_shared, owning_loop
from limner.errors import ContentFiltered, ProviderError
from limner.loops import run_on
from limner.picture import ImageInfo
from limner.request import ImageRequest
from limner.result import ImageResult
from limner.testing.loopback import Loopback
from limner.testing.pictures import picture_of
from limner.testing.report import FAILS, REQUEST, RESULT, TESTING, fail
from limner.threads import call_in_thread

T = TypeVar("T")

_OF_ANOTHER_LOOP = ("bound to a different event loop", "attached to a different loop", "Event loop is closed")
"""What asyncio says of what belongs to another loop."""
CLEANUP = 5.0
"""Seconds that a cancelled provider has to clean up, as in the host."""


@dataclass(frozen=True)
class Outcome:
    """How one call ended: with a result, or with an error of the contract.

    If the result's picture is not one, `error` is what the host would raise for it.
    """

    request: ImageRequest
    result: ImageResult | None = None
    picture: ImageInfo | None = None
    """None if there is no picture, or if it is an https URL elsewhere."""
    data: bytes = field(default=b"", repr=False)
    """The bytes of the picture."""
    error: ContentFiltered | ProviderError | None = None
    progress: list[str] = field(default_factory=list[str])
    previews: list[Any] = field(default_factory=list[Any])

    @property
    def category(self) -> str:
        """The category of the failure, or ``a picture``."""
        if isinstance(self.error, ProviderError):
            return self.error.category
        return "content-filter" if self.error else "a picture"


@dataclass(frozen=True)
class Call:
    """A call in progress."""

    request: ImageRequest
    task: asyncio.Task[tuple[Any, BaseException | None]]
    progress: list[str]
    previews: list[Any]
    cancelled: threading.Event
    """What `request.cancelled` says."""
    looks: list[bool]
    """What it said each time that the provider looked."""

    def cancel(self, is_async: bool) -> None:
        """Cancels the call as the host does: a plain def learns of it by the request alone."""
        self.cancelled.set()
        if is_async:
            self.task.cancel()


class Runner:
    """Calls a provider on an event loop, with its service, if it has one."""

    def __init__(
        self,
        generate: Callable[[ImageRequest], Any],
        service: Loopback | None,
        base_url: str | None,
        refused: list[str],
        load: Callable[[ImageRequest], Any] | None = None,
        most_at_once: int | None = None,
    ) -> None:
        self.generate = generate
        self._load = load
        self._turns = asyncio.Semaphore(most_at_once) if most_at_once else nullcontext()
        self.is_async = inspect.iscoroutinefunction(generate)
        self.base_url = base_url
        self._service = service
        self._refused = refused
        """The connections to other machines that were refused."""

    @property
    def service(self) -> Loopback:
        """The played service; only for a provider that has one."""
        assert self._service is not None
        return self._service

    def begin(self, request: ImageRequest) -> Call:
        """Starts a call, with the service's address in the request."""
        progress, previews, looks, cancelled = list[str](), list[Any](), list[bool](), threading.Event()

        def look() -> bool:
            looks.append(cancelled.is_set())
            return looks[-1]

        told = {"on_progress": progress.append, "on_preview": previews.append, "is_cancelled": look}
        request = replace(request, base_url=self.base_url, **told)
        task = asyncio.ensure_future(self._call(request))
        return Call(request, task, progress, previews, cancelled, looks)

    async def ask(self, request: ImageRequest) -> Outcome:
        """Makes one call and waits for its end."""
        return await self.end(self.begin(request))

    async def end(self, call: Call) -> Outcome:
        """Waits for the end of a call; fails the test for an end that the contract does not allow."""
        done, _ = await asyncio.wait({call.task}, timeout=call.request.timeout)
        if not done:
            call.task.cancel()
            await asyncio.wait({call.task}, timeout=CLEANUP)
            self._check_network()
            fail(
                f"Its hook generate did not end within the {call.request.timeout:g} seconds of the request's "
                f"timeout.",
                REQUEST,
            )
        return await self.outcome_of(call)

    async def outcome_of(self, call: Call) -> Outcome:
        """Returns the outcome of a call that has ended; fails the test as `end` does."""
        try:
            result, error = call.task.result()
        except asyncio.CancelledError as cancelled:  # by the provider itself
            result, error = None, cancelled
        self._check_network(error)
        if isinstance(error, ContentFiltered | ProviderError):
            return Outcome(call.request, error=error, progress=call.progress, previews=call.previews)
        if isinstance(error, RuntimeError) and any(words in str(error) for words in _OF_ANOTHER_LOOP):
            fail(
                "It keeps something that belongs to another event loop: get asynchronous clients from "
                "limner.shared, which has one for each loop.",
                REQUEST,
                error,
            )
        if error is not None:
            fail(
                f"Its hook generate raised {type(error).__name__}, which is not an error of the contract: "
                f"raise ContentFiltered or ProviderError.",
                FAILS,
                error,
            )
        if not isinstance(result, ImageResult):
            fail(
                f"Its hook generate returned a {type(result).__name__}: write it so that it returns an "
                f"ImageResult.",
                RESULT,
            )
        try:
            url = self._service.url if self._service else None
            data, picture = await asyncio.to_thread(picture_of, result, url) or (b"", None)
        except ProviderError as error:
            return Outcome(call.request, result, None, b"", error, call.progress, call.previews)
        return Outcome(call.request, result, picture, data, None, call.progress, call.previews)

    async def wait_until(self, condition: Callable[[], object], seconds: float) -> bool:
        """Waits until a condition holds; returns whether it did in time."""
        give_up = asyncio.get_running_loop().time() + seconds
        while not condition():
            if asyncio.get_running_loop().time() > give_up:
                return False
            await asyncio.sleep(0.005)
        return True

    async def _call(self, request: ImageRequest) -> tuple[Any, BaseException | None]:
        async with self._turns:
            if self._load:
                _, error = await self._call_hook(self._load, request)
                if error:
                    return None, error
                if request.cancelled:
                    raise asyncio.CancelledError
            return await self._call_hook(self.generate, request)

    async def _call_hook(
        self, hook: Callable[[ImageRequest], Any], request: ImageRequest
    ) -> tuple[Any, BaseException | None]:
        def call() -> tuple[Any, BaseException | None]:
            try:
                return hook(request), None
            except Exception as error:
                return None, error

        try:
            result, error = call() if inspect.iscoroutinefunction(hook) else await in_thread(call)
            return await result if inspect.isawaitable(result) else result, error
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise
        except BaseException as error:  # a SystemExit would end the event loop
            return None, error

    def _check_network(self, error: BaseException | None = None) -> None:
        if self._refused:
            fail(
                f"It connects to {self._refused[0]}: use the request's base_url; if the test class does not "
                f"have the service's answers, override answer(request).",
                TESTING,
                error,
            )


async def in_thread(function: Callable[[], T]) -> T:
    """Calls a function in a thread and raises what it raises, pytest's own exceptions included."""

    def attempt() -> tuple[Any, BaseException | None]:
        try:
            return function(), None
        except BaseException as error:
            return None, error

    result, error = await call_in_thread(attempt, "limner-testing")
    if error is not None:
        raise error
    return result


def on_a_loop(work: Callable[[], Awaitable[T]]) -> T:
    """Runs work on a new event loop, and closes the shared clients at its end, as the host does.

    A task that does not end when it is cancelled is left behind; `asyncio.run` would wait for it for ever.
    """

    async def whole() -> T:
        owning_loop.set(asyncio.get_running_loop())
        try:
            return await work()
        finally:
            await close_shared()

    return run_on(asyncio.new_event_loop(), whole(), CLEANUP)


Work = Callable[[Runner], Awaitable[T]]
