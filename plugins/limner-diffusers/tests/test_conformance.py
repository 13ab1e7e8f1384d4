"""The conformance suite, on the tiny pipeline."""

from __future__ import annotations

from typing import ClassVar

from limner.testing import ProviderSuite


class TestDiffusers(ProviderSuite):
    plugin = "tiny_provider:tiny_alone"
    slow_options: ClassVar = {"steps": 100}
    light_imports: ClassVar = {"limner_diffusers"}  # itself: the plugin of the suite stands beside it
    timeout = 60
