"""Test classes that have to pass."""

from paint import Dots, async_dots, dots, stoppable_dots
from paint_suites import AsyncDotsSuite, DotsSuite, PaintSuite

from limner import ImageRequest, ImageResult, ProviderInfo, hookimpl


class TestPaint(PaintSuite):
    plugin = "paint:paint"


class TestSigned(PaintSuite):
    plugin = "paint:signed"


class TestNamed(PaintSuite):
    plugin = "paint:named"


class TestRetouch(PaintSuite):
    plugin = "paint:retouch"


class TestDots(DotsSuite):
    plugin = dots


class TestStoppableDots(AsyncDotsSuite):
    plugin = stoppable_dots


class TestAsyncDots(AsyncDotsSuite):
    plugin = async_dots


class OneAtATime(Dots):
    """It relies on the host for its turns, and for its load step before each picture."""

    def __init__(self) -> None:
        self._loaded: str | None = None

    @hookimpl
    def describe(self) -> ProviderInfo:
        return super().describe().model_copy(update={"most_at_once": 1})

    @hookimpl
    def load(self, request: ImageRequest) -> None:
        assert self._loaded is None, "another is at work"
        self._loaded = request.prompt

    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:
        loaded, self._loaded = self._loaded, None
        assert loaded == request.prompt
        return super().generate(request)


one_at_a_time = OneAtATime()


class TestOneAtATime(DotsSuite):
    plugin = one_at_a_time
