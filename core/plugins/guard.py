"""What a plugin's call may return, raise and pass on; whatever else it does has its name."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from pydantic import SecretStr

from core.plugins.blocking import SlowStepWatch, Spent
from core.plugins.calls import Calls
from core.plugins.loop import at_work
from limner import (
    ContentFiltered,
    Generate,
    ImageRequest,
    ImageResult,
    InputImage,
    Options,
    ProviderError,
    Size,
)

_NONE = type(None)
_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("prompt", "model", "provider"), str),
    **dict.fromkeys(("negative_prompt", "base_url"), (str, _NONE)),
    **dict.fromkeys(("credentials", "settings"), Mapping),
    "size": (Size, _NONE),
    "seed": (int, _NONE),
    "images": tuple,
    "mask": (InputImage, _NONE),
    "options": Options,
    "credential": (SecretStr, _NONE),
    "timeout": (int, float),
}
"""What a middleware may change, and the kinds that it must be."""
_FUNCTIONS = ("on_progress", "on_share", "on_preview", "on_handle", "is_cancelled", "is_handed_over")
"""The fields of a request that a provider calls."""
MOST_FRAMES = 200
"""Of a traceback that are kept, each with all that its variables refer to."""
Call: TypeAlias = Callable[[ImageRequest], Coroutine[Any, Any, ImageResult]]


class PluginCrashed(Exception):
    """A plugin raised or returned something outside of the contract while it made a picture."""

    def __init__(self, plugin: str) -> None:
        super().__init__(plugin)
        self.plugin = plugin


class WrongResult(TypeError):
    """A plugin gave back something else than the contract says; the text is a sentence about it."""

    def __init__(self, did: str, result: object, instead: str) -> None:
        super().__init__(f"It {did} a {type(result).__name__}, and not {instead}.")


async def watched(plugin: str, work: Coroutine[Any, Any, Any], spent: Spent, calls: Calls) -> Any:
    """Awaits a plugin's work; what the contract does not allow it to raise is PluginCrashed with its name.

    One that holds up the event loop is named in the log, and one that does not end in `calls`.
    """
    caller, watch = at_work.get(), SlowStepWatch(work, plugin, spent)
    at_work.set(plugin)
    calls.working.append(plugin)
    try:
        return await watch
    except PluginCrashed:
        raise
    except BaseException as error:  # sys.exit and exception groups among them
        _shorten_traceback(error)
        calls.note(plugin, error)
        is_cancel = isinstance(error, asyncio.CancelledError) and _is_cancelled()
        if is_cancel or error is watch.thrown or isinstance(error, ContentFiltered | ProviderError):
            raise
        raise PluginCrashed(plugin) from error
    finally:
        at_work.set(caller)
        last = len(calls.working) - 1 - calls.working[::-1].index(plugin)
        del calls.working[last]  # of several at once another may be the last


def guarded(plugin: str, generate: Call, spent: Spent, calls: Calls) -> Generate:
    """Wraps a plugin's call so that it returns an ImageResult, and raises nothing but what is allowed."""

    async def call(request: ImageRequest) -> ImageResult:
        result = await watched(plugin, generate(request), spent, calls)
        if not isinstance(result, ImageResult):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise PluginCrashed(plugin) from WrongResult("returned", result, "an ImageResult")
        calls.note(plugin, result)
        return result

    return call


def passed_on(middleware: str, request: object, given: ImageRequest) -> ImageRequest:
    """Returns the request that a middleware passes on in place of the one that it was given.

    A function that it has put into it raises in its name. Raises WrongResult.
    """
    if not isinstance(request, ImageRequest):
        raise WrongResult("passed on", request, "an ImageRequest")
    for field, kind in _FIELDS.items():
        if not isinstance(getattr(request, field), kind):
            raise WrongResult("passed on", getattr(request, field), f"the request's {field}")
    for image in request.images:
        if not isinstance(image, InputImage):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise WrongResult("passed on", image, "an InputImage")
    functions = {name: getattr(request, name) for name in _FUNCTIONS}
    own = {name: one for name, one in functions.items() if one is not getattr(given, name)}
    return replace(request, **{name: _named(middleware, one) for name, one in own.items()})


def _named(plugin: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        try:
            result = function(*arguments)
        except PluginCrashed:  # an outer middleware's own
            raise
        except BaseException as error:
            raise PluginCrashed(plugin) from error
        return awaited(result) if inspect.iscoroutine(result) else result

    async def awaited(result: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await result
        except (PluginCrashed, asyncio.CancelledError):
            raise
        except BaseException as error:
            raise PluginCrashed(plugin) from error

    return call


def _shorten_traceback(error: BaseException) -> None:
    """Cuts what is left of the times before where a plugin raises one object again and again."""
    last = error.__traceback__
    for _ in range(MOST_FRAMES):
        last = last and last.tb_next
    if last:
        last.tb_next = None


def _is_cancelled() -> bool:
    """Whether the running task was cancelled; Python 3.10 cannot tell, and this returns True."""
    cancelling = getattr(asyncio.current_task(), "cancelling", None)
    return cancelling is None or cancelling() > 0
