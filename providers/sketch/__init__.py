"""The built-in provider that needs no key: it draws on this machine, from the prompt's words.

No model is behind it. It knows some forty subjects, and hours, seasons, weather, colours and a few
styles; unknown words still shape the palette. Its one option plays every way in which a real service
can answer.
"""

from __future__ import annotations

import os
from typing import Literal

import anyio
import anyio.to_thread

from limner import (
    ContentFiltered,
    ImageRequest,
    ImageResult,
    ModelInfo,
    Options,
    ProviderError,
    ProviderInfo,
    Size,
    SizeRange,
    hookimpl,
    shared,
)
from providers.sketch.words import Scene, read

SLOW_SECONDS = 8
"""How long ``slow-picture`` takes before it draws."""


class SketchOptions(Options):
    """What the sketch plays; the picture itself has no options but the prompt."""

    outcome: Literal[
        "picture",
        "slow-picture",
        "content-filter",
        "auth",
        "quota",
        "rate-limit",
        "invalid-request",
        "timeout",
        "unavailable",
        "bad-image",
        "bad-response",
        "provider",
    ] = "picture"
    """What happens: a picture, a slow one, a refusal, or a failure. It lets anybody see every state
    of a message without a service that is in it."""


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(
        label="Sketch", about="Drawn on this machine from the words of the prompt, without a model.",
        models=(
            ModelInfo(
                id="sketch-1",
                label="Sketch",
                sizes=SizeRange(step=8, shortest=256, longest=2048, widest=3, default=Size(1024, 1024)),
                seed=True,
                negative_prompt=True,
                options=SketchOptions,
            ),
        ),
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    outcome = request.options.outcome if isinstance(request.options, SketchOptions) else "picture"
    if outcome == "slow-picture":
        for second in range(SLOW_SECONDS):
            request.report(f"drawing slowly, {second} of {SLOW_SECONDS} s")
            await anyio.sleep(1)
    elif outcome not in ("picture", "bad-image"):
        raise _failure(outcome)

    scene = read(request.prompt, request.negative_prompt)
    seed = request.seed if request.seed is not None else int.from_bytes(os.urandom(4), "big")
    desks = shared("sketch", lambda: anyio.CapacityLimiter(os.cpu_count() or 1))
    image = await anyio.to_thread.run_sync(_draw, scene, request.size or Size(1024, 1024), seed, limiter=desks)
    if outcome == "bad-image":
        image = image[: len(image) // 2]
    return ImageResult(image, seed=seed, model="sketch-1", metadata=_understood(scene))


def _draw(scene: Scene, size: Size, seed: int) -> bytes:
    from providers.sketch.painting import paint

    return paint(scene, size.width, size.height, seed)


def _understood(scene: Scene) -> dict[str, object]:
    return {
        "drawn": "on this machine, without a model",
        "subjects": [subject.name for subject in scene.subjects],
        "time_of_day": scene.time,
        "season": scene.season,
        "weather": ", ".join(sorted(scene.weather)) or "clear",
        "style": scene.style,
        "unknown_words": list(scene.unknown),
    }


def _failure(outcome: str) -> ContentFiltered | ProviderError:
    match outcome:
        case "content-filter":
            return ContentFiltered("The sketch refused this prompt, because its option asked it to.")
        case "auth":
            return ProviderError("auth", "Invalid credentials (played by the sketch).", did_not_run=True)
        case "quota":
            return ProviderError("quota", "The spending limit is reached (played by the sketch).", did_not_run=True)
        case "rate-limit":
            words = "Too many requests; try again in 8 s (played by the sketch)."
            return ProviderError("rate-limit", words, retry_after=8, did_not_run=True)
        case "invalid-request":
            return ProviderError("invalid-request", "The prompt cannot be drawn (played by the sketch).", did_not_run=True)
        case "timeout":
            return ProviderError("timeout", "No answer in time (played by the sketch).")
        case "unavailable":
            return ProviderError("unavailable", "503: overloaded (played by the sketch).", did_not_run=True)
        case "bad-response":
            return ProviderError("bad-response", "The reply had no picture in it (played by the sketch).")
        case _:
            return ProviderError("provider", "Something went wrong inside (played by the sketch).")
