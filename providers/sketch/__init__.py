"""The built-in provider that needs no key: it draws on this machine, from the prompt's words.

There is no model behind it. It knows about two dozen subjects, and times of day, seasons, weather and
colours; unknown words change the palette. A picture of its own it paints again with what the words change,
and any other it tints and lights. Its one option plays every way in which a service can answer.
"""

from __future__ import annotations

import os
from typing import Literal

import anyio
import anyio.to_thread

import limner
from providers.sketch.painting import paint, previews
from providers.sketch.plan import SIZES, plan_for

SLOW_SECONDS = 8
IMAGES = limner.ImageInputs(
    most=2, mask=True, media_types=("image/png", "image/jpeg", "image/webp", "image/gif")
)
FAILURES: dict[str, tuple[str, bool]] = {
    "auth": ("401: the credential is not valid.", True),
    "quota": ("402: the spending limit is reached.", True),
    "rate-limit": ("429: too many requests, try again in 8 s.", True),
    "invalid-request": ("400: this prompt cannot be drawn.", True),
    "timeout": ("504: no answer in time.", False),
    "unavailable": ("503: the service is overloaded.", True),
    "bad-response": ("The reply had no picture in it.", False),
}
"""What a service says in some categories, and whether the request certainly did not run."""
ANY_FAILURE = ("500: something went wrong.", False)
"""The same for every other category."""


class SketchOptions(limner.Options):
    """What the sketch plays; the picture itself depends on the prompt only."""

    outcome: Literal["picture", "slow-picture", "content-filter", limner.Category] = "picture"
    """The result to play: a picture, a slow one, a refusal, or one of the failures."""


@limner.hookimpl
def describe() -> limner.ProviderInfo:
    about = "Drawn on this machine from the words of the prompt, without a model."
    model = limner.ModelInfo(
        id="sketch-1",
        label="Sketch",
        sizes=SIZES,
        seed=True,
        negative_prompt=True,
        images=IMAGES,
        options=SketchOptions,
    )
    return limner.ProviderInfo(label="Sketch", about=about, models=(model,), settings=limner.NoSettings)


@limner.hookimpl
async def generate(request: limner.ImageRequest) -> limner.ImageResult:
    outcome = request.options.outcome if isinstance(request.options, SketchOptions) else "picture"
    if outcome == "content-filter":
        raise limner.ContentFiltered("This prompt is refused. (Played by the sketch.)")
    if outcome not in ("picture", "slow-picture", "bad-image"):  # a bad image is half of a picture
        words, did_not_run = FAILURES.get(outcome, ANY_FAILURE)
        wait = 8 if outcome == "rate-limit" else None
        words = f"{words} (Played by the sketch.)"
        raise limner.ProviderError(outcome, words, retry_after=wait, did_not_run=did_not_run)

    desks = limner.shared("sketch", lambda: anyio.CapacityLimiter(os.cpu_count() or 1))
    plan = plan_for(request)
    if request.images:
        plan = await anyio.to_thread.run_sync(plan.with_pictures, request, limiter=desks)
    image = await anyio.to_thread.run_sync(paint, *plan.painting, limiter=desks)
    if outcome == "slow-picture":
        shown = await anyio.to_thread.run_sync(previews, image, SLOW_SECONDS, limiter=desks)
        for second, preview in enumerate(shown):
            request.report(f"drawing slowly, {second} of {SLOW_SECONDS} s")
            request.preview(preview)
            await anyio.sleep(1)
    image = image[: len(image) // 2] if outcome == "bad-image" else image
    return limner.ImageResult(
        image,
        seed=plan.seed,
        model="sketch-1",
        metadata=plan.understood,
        warnings=plan.warnings,
        continuation=plan.remembered,
    )
