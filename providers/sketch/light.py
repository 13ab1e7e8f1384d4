"""The light of a scene: where it comes from, and what it does to every colour."""

from __future__ import annotations

from colorsys import hls_to_rgb
from dataclasses import dataclass

import numpy as np

from providers.sketch.canvas import Array, Canvas, Colour, mix, rgb
from providers.sketch.words import Scene

SKIES = {
    "dawn": ("#5f86bd", "#b9a9cf", "#f4b9a6", "#ffe0ac"),
    "morning": ("#4c98d8", "#86c0e8", "#bfe0ee", "#f6f0d8"),
    "noon": ("#2a7fd0", "#5aa8e2", "#94cdee", "#dff1f2"),
    "dusk": ("#26305f", "#6d4688", "#d9637a", "#ffb45e"),
    "night": ("#070c22", "#101d44", "#203a6b", "#3f6391"),
}
"""From the zenith to the horizon."""
LIGHTS = {
    "dawn": ("#ffe3b0", (0.90, 0.83, 0.84)),
    "morning": ("#fff6dc", (1.0, 0.98, 0.94)),
    "noon": ("#fffbe8", (1.05, 1.05, 1.02)),
    "dusk": ("#ffcf8a", (0.66, 0.50, 0.58)),
    "night": ("#e8efff", (0.29, 0.33, 0.50)),
}
"""The colour of the light itself, and what it leaves of a thing's own colour."""
GROUNDS = {"spring": "#8fbf58", "summer": "#6f9f4c", "autumn": "#a99448", "winter": "#e9eff6"}
LEAVES = {
    "spring": ("#8cc152", "#f3b3c6", "#a9d06b"),
    "summer": ("#4f8a3f", "#3f7a46", "#6c9d45"),
    "autumn": ("#d9772b", "#b8432f", "#e0a83a"),
    "winter": ("#5b6d73", "#dfe8ef", "#8a9aa3"),
}


def luminance(colour: Colour) -> float:
    """Gives how bright a colour looks."""
    return float(0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2])


def tint(colour: Array, hue: Array, amount: float) -> Array:
    """Moves a colour towards a hue and keeps most of its brightness."""
    bright, own = luminance(colour), luminance(hue)
    matched = np.clip(hue * mix(bright, own, 0.35) / max(own, 0.04), 0, 1)
    return mix(colour, matched.astype(np.float32), amount)


@dataclass(frozen=True)
class Light:
    """The colours of air and light, and where the sun or the moon stands."""

    sky: Array
    """Rows of colours, from the zenith to the horizon."""
    haze: Array
    colour: Array
    ambient: Array
    ground: Array
    leaves: list[Array]
    thick: float
    """How much the air veils what is far, 0 to 1."""
    dark: float
    """1 at night; windows and lamps shine where it passes a third."""
    low: bool
    """The light comes from the side, and shadows are long."""
    x: float
    y: float
    horizon: float
    focus: float
    """Where the main subject stands: on the third across from the light."""

    def own(self, colour: Colour, far: float = 0.0) -> Array:
        """Gives a thing's colour as this light and so much air (0 to 1) show it."""
        return mix(np.clip(colour * self.ambient, 0, 1), self.haze, far * self.thick)

    @property
    def lamps(self) -> bool:
        return self.dark > 0.3


def light_of(scene: Scene, canvas: Canvas) -> Light:
    """Derives the light from a scene's hour, season, weather and colours."""
    random, time, weather = canvas.random("light"), scene.time, scene.weather
    sky = np.stack([rgb(colour) for colour in SKIES[time]])
    lamp, ambient = LIGHTS[time]
    colour, ambient = rgb(lamp), np.array(ambient, np.float32)
    ground = rgb(GROUNDS[scene.season])
    leaves = [rgb(leaf) for leaf in LEAVES[scene.season]]
    nuance = random.uniform(-0.05, 0.05, 3).astype(np.float32)
    sky = np.clip(sky + nuance * np.linspace(1, 0.3, 4)[:, None], 0, 1).astype(np.float32)

    hues = [(rgb(text), 0.62) for text in scene.colours[:2]]
    accents = [rgb(subject.colour) for subject in scene.subjects if subject.colour]
    if scene.unknown:
        turn = scene.mood % 997 / 997
        amount = 0.2 if scene.subjects or hues else 0.5
        hues += [(rgb_of_hue(turn), amount), (rgb_of_hue(turn + 0.3 + scene.mood % 5 * 0.1), amount)]
    hues = hues or [(accent, 0.16) for accent in accents[:1]]
    if hues:
        (above, much), (below, less) = hues[0], hues[1 if len(hues) > 1 else 0]
        sky = np.stack([*(tint(row, above, much) for row in sky[:3]), tint(sky[3], below, less)])
        ground, ambient = tint(ground, below, less * 0.8), tint(ambient, below, less * 0.3)
        leaves = [tint(leaf, below, less * 0.6) for leaf in leaves]
    if weather & {"rain", "storm", "fog", "clouds", "snow"}:
        dull = {"storm": 0.66, "rain": 0.5, "fog": 0.6, "snow": 0.4, "clouds": 0.25}
        amount = max(dull[word] for word in weather & dull.keys())
        gloom = 0.7 if "storm" in weather else 0.86 if "rain" in weather else 1.0
        grey = np.stack([luminance(row) * np.array([0.95, 1.0, 1.08], np.float32) for row in sky])
        sky, ambient = mix(sky, grey, amount) * gloom, ambient * mix(gloom, 1.0, 0.3)
        colour = mix(colour, sky[-1], amount * 0.5)
    low = scene.long_shadows or time in ("dawn", "dusk")
    side = 0.64 + random.uniform(-0.06, 0.09)
    side = side if random.random() < 0.5 else 1 - side
    horizon = canvas.height * (0.62 + random.uniform(-0.025, 0.03) + 0.05 * (canvas.height > canvas.width * 1.3))
    heights = {"dawn": 0.07, "dusk": 0.05, "morning": 0.42, "noon": 0.78, "night": 0.66}
    if not scene.has("sea", "lake", "boat", "lighthouse", "beach", "island"):
        heights |= {"dawn": 0.15, "dusk": 0.13}  # else hills would hide the sun
    lift = 0.1 if scene.long_shadows and time not in ("dawn", "dusk") else heights[time]
    return Light(
        sky=sky,
        haze=mix(sky[-1], sky[-2], 0.25),
        colour=colour,
        ambient=ambient.astype(np.float32),
        ground=ground,
        leaves=leaves,
        thick=1.0 if "fog" in weather else 0.86 if weather & {"rain", "snow", "storm"} else 0.72,
        dark={"night": 1.0, "dusk": 0.6, "dawn": 0.35}.get(time, 0.4 if "storm" in weather else 0.0),
        low=low,
        x=canvas.width * side,
        y=horizon - lift * min(horizon, canvas.unit * 0.75) - 0.01 * canvas.unit,
        horizon=horizon,
        focus=canvas.width * (1 - side) + canvas.width * random.uniform(-0.03, 0.03),
    )


def rgb_of_hue(turn: float) -> Array:
    """Gives a pleasant colour at a turn of the colour wheel."""
    return np.array(hls_to_rgb(turn % 1, 0.56, 0.55), np.float32)
