"""A provider whose plain function never ends, but for one prompt."""

from __future__ import annotations

import threading

from limner_attacks import PNG

from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(label="Hangs", models=(ModelInfo(id="h-1"),))


@hookimpl
def generate(request: ImageRequest) -> ImageResult:
    if request.prompt != "behave":
        print("It hangs.", flush=True)
        threading.Event().wait()
    return ImageResult(PNG)
