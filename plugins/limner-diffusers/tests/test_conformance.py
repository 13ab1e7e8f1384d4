"""The conformance suite, on the tiny pipeline."""

from __future__ import annotations

import os
from typing import ClassVar

import limner_diffusers
from limner import ImageRequest, ImageResult, ProviderInfo, Size, SizeRange, hookimpl
from limner.testing import ProviderSuite


class TinyAlone:
    """The provider as the settings make it with `models = ["/path/to/tiny"]`, and small pictures."""

    @hookimpl
    def describe(self) -> ProviderInfo:
        info = limner_diffusers.describe()
        sizes = SizeRange(step=16, min_side=32, max_side=96, default=Size(64, 64))
        tiny = info.model(os.environ["TINY_PIPELINE"])
        assert tiny
        return info.model_copy(
            update={"models": (tiny.model_copy(update={"sizes": sizes}),), "other_models": None}
        )

    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:
        options = request.options.model_copy(update={"steps": request.options.model_dump()["steps"] or 1})
        from dataclasses import replace

        return limner_diffusers.generate(replace(request, options=options))


tiny_alone = TinyAlone()


class TestDiffusers(ProviderSuite):
    plugin = "test_conformance:tiny_alone"
    slow_options: ClassVar = {"steps": 100}
    timeout = 60
