"""The built-in provider that needs no key: it draws on this machine, from the prompt's words.

There is no model behind it. It knows about two dozen subjects, and times of day, seasons, weather and
colours; unknown words change the palette. Its one option plays every way in which a service can answer.
"""

from __future__ import annotations

import os
import secrets
from typing import Literal

import anyio
import anyio.to_thread

import limner
from providers.sketch.words import Scene

SLOW_SECONDS = 8
SIZES = limner.SizeRange(step=8, min_side=256, max_side=2048, max_pixels=2048 * 1536, max_ratio=3)
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
        id="sketch-1", label="Sketch", sizes=SIZES, seed=True, negative_prompt=True, options=SketchOptions
    )
    return limner.ProviderInfo(label="Sketch", about=about, models=(model,), settings=limner.NoSettings)


@limner.hookimpl
async def generate(request: limner.ImageRequest) -> limner.ImageResult:
    outcome = request.options.outcome if isinstance(request.options, SketchOptions) else "picture"
    if outcome == "slow-picture":
        for second in range(SLOW_SECONDS):
            request.report(f"drawing slowly, {second} of {SLOW_SECONDS} s")
            await anyio.sleep(1)
    elif outcome == "content-filter":
        raise limner.ContentFiltered("This prompt is refused. (Played by the sketch.)")
    elif outcome not in ("picture", "bad-image"):  # a bad image is half of a picture
        words, did_not_run = FAILURES.get(outcome, ANY_FAILURE)
        wait = 8 if outcome == "rate-limit" else None
        words = f"{words} (Played by the sketch.)"
        raise limner.ProviderError(outcome, words, retry_after=wait, did_not_run=did_not_run)

    scene = Scene(request.prompt, request.negative_prompt)
    seed = request.seed if request.seed is not None else secrets.randbits(32)
    desks = limner.shared("sketch", lambda: anyio.CapacityLimiter(os.cpu_count() or 1))
    image = await anyio.to_thread.run_sync(paint, scene, request.size or SIZES.default, seed, limiter=desks)
    understood = {
        "drawn": "on this machine, without a model",
        "subjects": list(scene.subjects),
        "time_of_day": scene.time,
        "season": scene.season,
        "weather": ", ".join(sorted(scene.weather)) or "clear",
        "unknown_words": scene.unknown,
    }
    image = image[: len(image) // 2] if outcome == "bad-image" else image
    return limner.ImageResult(image, seed=seed, model="sketch-1", metadata=understood)


def paint(scene: Scene, size: limner.Size, seed: int) -> bytes:
    """Paints a scene as a PNG, from the sky to the viewer's feet; the same arguments give the same bytes."""
    from providers.sketch import land, sky  # numpy and Pillow come with the first picture
    from providers.sketch.canvas import Canvas
    from providers.sketch.figures import Figures

    canvas = Canvas(size.width, size.height, seed)
    light = sky.Light(scene, canvas)
    figures = Figures(canvas, scene, light)
    sky.paint_sky(canvas, scene, light)
    figures.paint_range("mountains", 0.2)
    land.paint_distance(canvas, scene, light)
    figures.paint_range("forest", 0.045)
    figures.paint_range("desert", 0.4)
    figures.paint_far()
    stage, shore = land.paint_ground(canvas, scene, light)
    figures.paint_grass(stage, shore)
    for way in ("river", "road") if scene.ground in ("land", "desert") else ():
        if scene.has(way):
            land.paint_way(canvas, scene, light, way)
    figures.paint_near(stage, shore)
    sky.paint_weather(canvas, scene, light)
    return canvas.png()
