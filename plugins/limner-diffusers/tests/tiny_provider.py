"""The provider as the settings make it with the tiny model alone, and with small pictures."""

from __future__ import annotations

import os
from dataclasses import replace

import limner_diffusers

from limner import ImageRequest, ImageResult, ProviderInfo, Size, SizeRange, hookimpl


class TinyAlone:
    """Draws in one step unless it is told how many, since the pipeline's own default is fifty."""

    @hookimpl
    def describe(self) -> ProviderInfo:
        info = limner_diffusers.describe()
        sizes = SizeRange(step=16, min_side=32, max_side=96, default=Size(64, 64))
        tiny = info.model(os.environ["TINY_PIPELINE"])
        assert tiny
        models = (tiny.model_copy(update={"sizes": sizes}),)
        return info.model_copy(update={"models": models, "other_models": None})

    @hookimpl
    def load(self, request: ImageRequest) -> None:
        limner_diffusers.load(request)

    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:
        steps = request.options.model_dump()["steps"] or 1
        options = request.options.model_copy(update={"steps": steps})
        return limner_diffusers.generate(replace(request, options=options))


tiny_alone = TinyAlone()
