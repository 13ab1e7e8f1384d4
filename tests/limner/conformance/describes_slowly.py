"""Waits when it is asked for the first time, though not in the interpreter that runs the tests."""

import sys
import time

from paint import dots

from limner import ProviderInfo, hookimpl


@hookimpl
def describe() -> ProviderInfo:
    if "pytest" not in sys.modules:
        time.sleep(2.1)
    return dots.describe()


generate = dots.generate
