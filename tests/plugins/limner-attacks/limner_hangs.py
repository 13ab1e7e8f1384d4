"""A provider whose plain function never ends, whoever asks it to, but for one prompt."""

from __future__ import annotations

import threading

from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(label="Hangs", models=(ModelInfo(id="h-1"),))


@hookimpl
def generate(request: ImageRequest) -> ImageResult:
    threading.Event().wait()
    raise AssertionError("never reached")
