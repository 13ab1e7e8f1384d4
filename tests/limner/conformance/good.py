"""Test classes that have to pass."""

from paint import async_dots, dots, one_at_a_time, stoppable_dots
from paint_suites import AsyncDotsSuite, DotsSuite, PaintSuite


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


class TestOneAtATime(DotsSuite):
    plugin = one_at_a_time
