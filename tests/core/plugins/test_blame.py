"""Whoever is at fault is named, and nobody else, whichever way it fails."""

from __future__ import annotations

import asyncio
import decimal
import importlib
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.generation import deadline
from core.plugins.guard import MOST_FRAMES, PluginCrashed
from core.plugins.registry import Registry
from limner import Generate, ImageRequest, ImageResult, ProviderError, hookimpl
from tests.core.scripted import PNG
from tests.plugins.calls import Calls, Studying, cancel_itself, key
from tests.plugins.objects import ask, registry_of

__all__ = ["key"]
pytestmark = pytest.mark.usefixtures("key")


async def draw(request: ImageRequest) -> ImageResult:
    return ImageResult(PNG)


class Around:
    """A middleware that does something before it calls on, or after."""

    def __init__(self, before: Any = None, after: Any = None) -> None:
        self._before, self._after = before, after

    @hookimpl
    def wrap(self, generate: Generate) -> Generate:
        async def call(request: ImageRequest) -> ImageResult:
            if self._before:
                await self._before()
            result = await generate(request)
            if self._after:
                await self._after()
            return result

        return call


async def hang() -> None:
    await asyncio.sleep(120)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_middleware_that_does_not_end_is_named_and_not_the_provider(when: str) -> None:
    desk = Calls(answer=draw, middleware=Around(**{when: hang}), timeout=0.05)
    failure = asyncio.run(desk.fail("study"))
    assert (failure.cause, failure.did_not_run) == ("crash", when == "before")
    assert failure.what == "The plugin around failed."
    assert failure.why.startswith("It did not end within 0 seconds.")
    assert ("billed" in failure.why) == (when == "after")


def test_a_provider_that_does_not_end_inside_of_a_middleware_is_late_itself() -> None:
    async def wait(request: ImageRequest) -> ImageResult:
        await hang()
        return ImageResult(PNG)

    desk = Calls(answer=wait, middleware=Around(), timeout=0.05)
    failure = asyncio.run(desk.fail("study"))
    assert failure.cause == "timeout"
    assert "Studio Study" in failure.what


def test_a_wrong_result_has_raised_nothing() -> None:
    async def answer(request: ImageRequest) -> Any:
        return {"image": PNG}

    failure = asyncio.run(Calls(answer=answer).fail("study"))
    assert failure.what == "The plugin study failed."
    assert failure.why == (
        "It returned a dict, and not an ImageResult. The picture may still have been made, and billed."
    )


def test_an_error_while_it_cleans_up_is_a_line_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    async def answer(request: ImageRequest) -> ImageResult:
        try:
            await hang()
        finally:
            raise RuntimeError("the connection is gone")

    asyncio.run(Calls(answer=answer, timeout=0.05).fail("study"))
    lines = [record.getMessage() for record in caplog.records if record.name == deadline.__name__]
    assert lines == ["The plugin study was cancelled, and failed while it cleaned up"]


def test_what_is_dropped_of_a_result_is_a_line_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    async def answer(request: ImageRequest) -> ImageResult:
        wrong: Any = {"usage": 3, "metadata": {"x": "y" * 1_000_000}, "continuation": object()}
        return ImageResult(PNG, **wrong)

    asyncio.run(main_of(Calls(answer=answer)))
    lines = [record.getMessage() for record in caplog.records if record.name == "core.generation.sanitize"]
    assert lines == [
        "The usage of the plugin study was left out: TypeError",
        "The metadata of the plugin study was left out: ValueError",
        "The continuation of the plugin study was left out: TypeError",
    ]


class Answering:
    """A middleware that changes the answer, whether it is a result or an error."""

    def __init__(self, change: Callable[[Any], Any]) -> None:
        self._change = change

    @hookimpl
    def wrap(self, generate: Generate) -> Generate:
        async def changed(request: ImageRequest) -> ImageResult:
            try:
                return self._change(await generate(request))
            except ProviderError as error:
                raise self._change(error) from error

        return changed


def test_what_is_dropped_of_a_middlewares_result_is_a_line_with_its_own_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def answer(request: ImageRequest) -> ImageResult:
        wrong: Any = {"usage": 3}
        return ImageResult(PNG, **wrong)

    around = Answering(lambda result: replace(result, metadata=3))
    asyncio.run(main_of(Calls(answer=answer, middleware=around)))
    lines = [record.getMessage() for record in caplog.records if record.name == "core.generation.sanitize"]
    assert lines == [
        "The usage of the plugin study was left out: TypeError",
        "The metadata of the plugin around was left out: TypeError",
    ]


class Unreadable(ProviderError):
    @property
    def status(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        raise RuntimeError("nobody reads this")

    @status.setter
    def status(self, value: object) -> None: ...


@pytest.mark.parametrize("culprit", ["study", "around"])
def test_whose_error_cannot_be_read_has_failed_itself(culprit: str) -> None:
    async def answer(request: ImageRequest) -> ImageResult:
        raise Unreadable("provider") if culprit == "study" else ProviderError("provider")

    around = Answering(lambda error: error if culprit == "study" else Unreadable("provider"))
    failure = asyncio.run(Calls(answer=answer, middleware=around).fail("study"))
    assert failure.what == f"The plugin {culprit} failed."


async def main_of(desk: Calls) -> None:
    await desk.ask("study")


class Passing:
    """A middleware that passes on a request which it has changed, or needs a module."""

    def __init__(self, change: Callable[[ImageRequest], ImageRequest]) -> None:
        self._change = change

    @hookimpl
    def wrap(self, generate: Generate) -> Generate:
        async def changed(request: ImageRequest) -> ImageResult:
            return await generate(self._change(request))

        return changed


def _needs_a_module(request: ImageRequest) -> ImageRequest:
    importlib.import_module("a_module_that_nobody_installed")
    return request


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda request: replace(request, prompt=None),
            "It passed on a NoneType, and not the request's prompt.",
        ),
        (
            lambda request: replace(request, images=[]),
            "It passed on a list, and not the request's images.",
        ),
        (lambda request: replace(request, images=("x",)), "It passed on a str, and not an InputImage."),
        (lambda request: replace(request, size="big"), "It passed on a str, and not the request's size."),
        (
            lambda request: replace(request, credentials=None),
            "It passed on a NoneType, and not the request's credentials.",
        ),
        (_needs_a_module, "It needs the module a_module_that_nobody_installed, which is not installed."),
    ],
)
def test_what_a_middleware_spoils_is_not_the_providers_fault(
    change: Callable[[ImageRequest], ImageRequest], why: str
) -> None:
    async def main() -> None:
        failure = await Calls(answer=draw, middleware=Passing(change)).fail("study")
        assert (failure.what, failure.why) == ("The plugin around failed.", why)
        assert failure.did_not_run

    asyncio.run(main())


def _fails(_: object = None) -> Any:
    raise ValueError("from a middleware")


@pytest.mark.parametrize(
    ("function", "use"),
    [
        ("on_progress", lambda request: request.report("drawing")),
        ("on_share", lambda request: request.report("drawing", 0.5)),
        ("on_preview", lambda request: request.preview(PNG)),
        ("on_handle", lambda request: request.remember("job 7")),
        ("is_cancelled", lambda request: request.cancelled),
        ("is_handed_over", lambda request: request.handed_over),
    ],
)
def test_the_functions_that_a_middleware_puts_into_a_request_are_its_own(
    function: str, use: Callable[[ImageRequest], object]
) -> None:
    async def using(request: ImageRequest) -> ImageResult:
        use(request)
        return ImageResult(PNG)

    def change(request: ImageRequest) -> ImageRequest:
        changed: dict[str, Any] = {function: _fails}
        return replace(request, **changed)

    async def main() -> None:
        desk = Calls(answer=using, middleware=Passing(change))
        assert (await desk.fail("study")).what == "The plugin around failed."

    asyncio.run(main())


def test_a_function_of_a_middleware_is_its_own_also_within_that_of_another() -> None:
    class Failing:
        @hookimpl
        def wrap(self, generate: Generate) -> Generate:
            async def call(request: ImageRequest) -> ImageResult:
                return await generate(replace(request, on_progress=_fails))

            return call

    class Wrapping:
        @hookimpl
        def wrap(self, generate: Generate) -> Generate:
            async def call(request: ImageRequest) -> ImageResult:
                return await generate(
                    replace(request, on_progress=lambda words: request.on_progress(f"> {words}"))
                )

            return call

    async def reporting(request: ImageRequest) -> ImageResult:
        request.report("drawing")
        return ImageResult(PNG)

    registry = registry_of(a_failing=Failing(), b_wrapping=Wrapping(), study=Studying(reporting))
    with pytest.raises(PluginCrashed, match="a_failing"):
        asyncio.run(_asked(registry))


def test_what_a_middleware_awaits_to_remember_is_its_own() -> None:
    async def forget(_: object) -> None:
        raise ValueError("from a middleware")

    async def remembering(request: ImageRequest) -> ImageResult:
        await request.remember("job 7")
        return ImageResult(PNG)

    async def main() -> None:
        around = Passing(lambda request: replace(request, on_handle=forget))
        assert (await Calls(answer=remembering, middleware=around).fail("study")).what == (
            "The plugin around failed."
        )

    asyncio.run(main())


@pytest.mark.parametrize("is_async", [True, False])
def test_the_decimal_context_that_a_provider_changes_is_its_own(is_async: bool) -> None:
    def change(request: ImageRequest) -> ImageResult:
        decimal.getcontext().prec = 1
        return ImageResult(PNG)

    async def change_it(request: ImageRequest) -> ImageResult:
        return change(request)

    async def main() -> int:
        await Calls(answer=change_it if is_async else change).ask("study")
        return decimal.getcontext().prec

    assert asyncio.run(main()) == decimal.DefaultContext.prec


async def _asked(registry: Registry) -> None:
    await ask(registry, "study")


async def end() -> None:
    raise GeneratorExit


@pytest.mark.parametrize("how", [cancel_itself, end])
def test_a_middleware_that_ends_its_own_task_is_named(how: Any) -> None:
    failure = asyncio.run(Calls(answer=draw, middleware=Around(how)).fail("study"))
    assert failure.what == "The plugin around failed."


def test_a_middleware_cannot_call_on_once_the_picture_is_settled() -> None:
    late: list[asyncio.Task[ImageResult]] = []
    drawn: list[str] = []

    async def draw_one(request: ImageRequest) -> ImageResult:
        drawn.append(request.prompt)
        return ImageResult(PNG)

    class Late:
        @hookimpl
        def wrap(self, generate: Generate) -> Generate:
            async def call_later(request: ImageRequest) -> ImageResult:
                await asyncio.sleep(0.02)
                return await generate(request)

            async def call(request: ImageRequest) -> ImageResult:
                late.append(asyncio.create_task(call_later(request)))
                raise ProviderError("quota", did_not_run=True)

            return call

    async def main() -> None:
        failure = await Calls(answer=draw_one, middleware=Late()).fail("study")
        assert failure.did_not_run
        with pytest.raises(RuntimeError, match="settled already"):
            await late[0]

    asyncio.run(main())
    assert drawn == []


def test_an_error_that_is_raised_again_and_again_keeps_no_more_than_one_traceback() -> None:
    always = RuntimeError("one for all")

    async def fail(request: ImageRequest) -> ImageResult:
        raise always

    async def main() -> None:
        desk = Calls(answer=fail)
        for _ in range(50):
            await desk.fail("study")

    asyncio.run(main())
    assert len([*traceback.walk_tb(always.__traceback__)]) <= MOST_FRAMES + 20


class _Exits:
    def __str__(self) -> str:
        sys.exit("from a text")


class _Text(str):
    def __getitem__(self, key: object) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        sys.exit("from a piece of a text")


def test_whatever_a_results_own_methods_raise_the_picture_is_kept() -> None:
    async def answer(request: ImageRequest) -> ImageResult:
        usage: Any = {"a": _Exits()}
        return ImageResult(PNG, usage=usage, metadata=usage, text=_Text("words"), seed=10**5000)

    result = asyncio.run(_made(Calls(answer=answer)))
    assert result.image == PNG
    assert (result.usage, result.metadata, result.text, result.seed) == ({}, {}, "words", None)


def test_a_result_of_a_plugins_own_class_becomes_a_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_API_KEY", "another-key-of-the-test")

    class Link(str):
        def strip(self, *_: object) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
            sys.exit("from a link")

    class Own(ImageResult):
        def __init__(self) -> None:
            super().__init__(Link("https://example.org/a.png"))
            object.__setattr__(self, "metadata", {"key": os.environ["OTHER_API_KEY"]})

    async def answer(request: ImageRequest) -> ImageResult:
        return Own()

    result = asyncio.run(_made(Calls(answer=answer)))
    assert (type(result), type(result.image)) == (ImageResult, str)
    assert result.metadata == {"key": "[hidden]"}


def test_whatever_an_errors_own_methods_raise_its_plugin_is_named() -> None:
    async def answer(request: ImageRequest) -> ImageResult:
        error = ProviderError("unavailable", retry_after=10**400)
        why: Any = _Exits()
        error.why = why
        raise error

    failure = asyncio.run(Calls(answer=answer).fail("study"))
    assert failure.what == "The plugin study failed."
    assert not failure.did_not_run


async def _made(desk: Calls) -> ImageResult:
    return await desk.ask("study")
