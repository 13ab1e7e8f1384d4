"""The light of a scene, and what is in the air: sun, moon, stars, clouds and weather."""

from __future__ import annotations

from colorsys import hls_to_rgb

import numpy as np
from PIL import Image, ImageDraw

from providers.sketch.canvas import BRIGHTNESS, WHITE, Array, Canvas, Colour, mix, rgb, soft, tint
from providers.sketch.scene import DRY, Scene, Subject

HOURS = {
    "dawn": ("#5f86bd #b9a9cf #f4b9a6 #ffe0ac #ffe3b0", (0.90, 0.83, 0.84), 0.07, 0.35),
    "morning": ("#4c98d8 #86c0e8 #bfe0ee #f6f0d8 #fff6dc", (1.0, 0.98, 0.94), 0.42, 0.0),
    "noon": ("#2a7fd0 #5aa8e2 #94cdee #dff1f2 #fffbe8", (1.05, 1.05, 1.02), 0.78, 0.0),
    "dusk": ("#26305f #6d4688 #d9637a #ffb45e #ffcf8a", (0.66, 0.50, 0.58), 0.05, 0.6),
    "night": ("#070c22 #101d44 #203a6b #3f6391 #e8efff", (0.29, 0.33, 0.50), 0.66, 1.0),
}
"""Colours of the sky, zenith first, and of the light; how it changes others; its height; the darkness."""
SEASONS = {
    "spring": "#8fbf58 #8cc152 #f3b3c6 #a9d06b",
    "summer": "#6f9f4c #4f8a3f #3f7a46 #6c9d45",
    "autumn": "#a99448 #d9772b #b8432f #e0a83a",
    "winter": "#e1e8f0 #5b6d73 #dfe8ef #8a9aa3",
}
"""The colours of the ground and of the leaves."""
GLOOM = {"storm": (0.66, 0.7), "fog": (0.6, 1), "rain": (0.5, 0.86), "snow": (0.4, 1), "clouds": (0.25, 1)}
"""How grey each weather makes the air, the worst first, and how much light it leaves."""


def mood_hues(mood: int) -> list[tuple[Array, float]]:
    """Returns the hues that unknown words give to the sky and to the land, and how much of each."""
    turns = mood % 997 / 997, mood % 997 / 997 + 0.4
    return [(np.array(hls_to_rgb(turn % 1, 0.56, 0.55), np.float32), 0.3) for turn in turns]


def stained(scene: Scene, name: str, usual: Array) -> Array:
    """Returns the colour that the prompt gives a subject, or the usual one."""
    colour = scene.subjects.get(name, Subject(name)).colour
    return tint(usual, rgb(colour), 0.85) if colour else usual


class Light:
    """The colours of air and light, where the sun or the moon is, and whether it is `low`."""

    def __init__(self, scene: Scene, canvas: Canvas) -> None:
        colours, ambient, height, self.dark = HOURS[scene.time]
        random, ambient = canvas.random("light"), np.array(ambient, np.float32)
        *sky, self.colour = map(rgb, colours.split())
        self.ground, *self.leaves = map(rgb, SEASONS[scene.season].split())
        hues = [(rgb(text), 0.62) for text in scene.colours[:2]]
        hues += mood_hues(scene.mood) if scene.mood else []
        hues += [(rgb(s.colour), much) for s in scene.subjects.values() if s.colour for much in (0.18, 0.05)]
        if hues:
            (above, much), (below, less) = hues[0], hues[min(1, len(hues) - 1)]
            sky = [*(tint(row, above, much) for row in sky[:3]), tint(sky[3], below, less)]
            self.ground, ambient = tint(self.ground, below, less * 0.8), tint(ambient, below, less * 0.3)
            self.leaves = [tint(leaf, below, less * 0.6) for leaf in self.leaves]
        grave = next((word for word in GLOOM if word in scene.weather), "")
        grey, dim = GLOOM.get(grave, (0.0, 1.0))
        sky = [mix(row, row @ BRIGHTNESS * np.array([0.95, 1.0, 1.08]), grey) * dim for row in sky]
        self.sky = np.clip(sky + random.uniform(-0.04, 0.04, 3), 0, 1).astype(np.float32)
        self.haze = mix(self.sky[3], self.sky[2], 0.25)
        self.thick = 1.0 if grave == "fog" else 0.86 if grave else 0.72
        self.colour, self.ambient = mix(self.colour, self.sky[3], grey * 0.5), ambient * (0.7 * dim + 0.3)
        self.low, self.lamps = scene.time in ("dawn", "dusk"), self.dark > 0.3 or grave == "storm"
        self.x = canvas.width * (0.5 + canvas.side * random.uniform(0.08, 0.23))
        height += 0.08 * (self.low and scene.ground in DRY)  # or hills would hide the sun
        self.y = canvas.horizon - height * min(canvas.horizon, canvas.unit * 0.75) - 0.01 * canvas.unit

    def own(self, colour: Colour, far: float = 0.0) -> Colour:
        """Returns a colour as it looks in this light, through an amount of air from 0 to 1."""
        return mix(np.clip(colour * self.ambient, 0, 1), self.haze, far * self.thick)


def paint_sky(canvas: Canvas, scene: Scene, light: Light) -> None:
    """Paints the sky with its lights and clouds, down to the horizon."""
    night, clear, unit = scene.time == "night", scene.weather <= {"clear", "clouds", "snow"}, canvas.unit
    for plane, channel in zip(canvas.planes, light.sky.T, strict=True):
        plane += np.interp(canvas.y / canvas.horizon, (0, 0.45, 0.8, 1), channel) + 0.012 * canvas.brushwork
    if scene.has("stars") or (night and clear and "stars" not in scene.absent):
        for across, down, size in canvas.random("stars").random((450 if scene.has("stars") else 200, 3)):
            x, y, big = across * canvas.width, down**1.25 * canvas.horizon, size**5
            canvas.glow(x, y, (0.9 + 3.5 * big) * unit / 1000, WHITE, (0.4 + 0.6 * big) * (1 - 0.7 * down))
    radius, disc, halo = 0.0, mix(light.colour, WHITE, 0.6), light.colour * (1.0 if clear else 0.3)
    if scene.has("moon") or (night and clear and "moon" not in scene.absent):
        pale, radius = stained(scene, "moon", rgb("#fdf6df")), unit * (0.11 if scene.has("moon") else 0.05)
        seas = 0.3 * np.clip(4 * canvas.noise("seas of the moon", 0.4 * unit / radius) - 0.6, 0, 1)
        disc, halo = mix(pale, light.sky[2], seas), 0.7 * pale
    elif not night and "sun" not in scene.absent:
        down, across = (canvas.y - canvas.horizon) / unit, (canvas.x - light.x) / canvas.width
        canvas.shine(0.4 * light.low * clear * np.exp(-20 * down**2 - 4 * across**2), light.colour)
        radius = unit * (0.085 if scene.has("sun") else 0.058 * clear)
    if not night or radius:
        canvas.glow(light.x, light.y, 0.4 * unit, halo, 0.38)
        canvas.glow(light.x, light.y, 0.13 * unit, halo, 0.5)
        canvas.cover(np.clip(radius - np.hypot(canvas.x - light.x, canvas.y - light.y) + 0.5, 0, 1), disc)
    if "clouds" not in scene.absent and not scene.weather & {"clear", "fog"}:
        _clouds(canvas, scene, light)


def _clouds(canvas: Canvas, scene: Scene, light: Light) -> None:
    rows, dim = int(canvas.horizon) + 1, 0.35 if light.dark == 1 else 0.6 if "storm" in scene.weather else 1
    y, noise = canvas.y[:rows] / canvas.horizon, canvas.noise("clouds", 3, 5, 4.5, rows)
    thick = np.clip((noise - (0.02 if scene.weather else 0.22) - 0.25 * np.abs(y - 0.55)) * 4.5, 0, 1)
    thick = thick * thick * (3 - 2 * thick) * (0.9 if scene.weather else 0.62) * np.clip((1.02 - y) * 5, 0, 1)
    lit = np.clip(0.5 + (2.2 if light.low else -2.2) * (noise - np.roll(noise, -max(2, rows // 40), 0)), 0, 1)
    near = np.exp(-(((canvas.x - light.x) / (0.4 * canvas.width)) ** 2))
    warm = mix(light.sky[3] if light.low else WHITE, light.colour, 0.5) * dim
    cool = mix(light.sky[0], light.sky[2], 0.55) * (0.92 if dim == 1 else 0.7)
    canvas.cover(thick, mix(cool, warm, np.clip(lit * (0.45 + 0.55 * near) + 0.25 * near, 0, 1)))


def paint_weather(canvas: Canvas, scene: Scene, light: Light) -> None:
    """Paints what is in the air in front of everything: mist, rain, snow; then darker corners and grain."""
    random, unit = canvas.random("weather"), canvas.unit
    for y, reach in ((canvas.horizon, 0.25), (canvas.height, 0.16)) if "fog" in scene.weather else ():
        wisps = canvas.line(f"mist {reach}", 3) * 0.3 + 0.16 * canvas.brushwork
        canvas.cover(0.65 * np.exp(-(((canvas.y - y) / (reach * unit) + wisps) ** 2)), light.haze)
    if scene.weather & {"rain", "storm", "snow"}:
        sheet, lean = Image.new("L", (canvas.width, canvas.height)), 0.45 if "storm" in scene.weather else 0.2
        pen, snow = ImageDraw.Draw(sheet), not scene.weather & {"rain", "storm"}
        for x, y, size in random.random((900, 3)) * (canvas.width * 1.3, canvas.height, 1):
            drop, flake = unit * 0.05 * (0.2 + size), max(0.8, unit * (0.0012 + 0.006 * size**8))
            if snow:
                pen.ellipse((x - flake, y - flake, x + flake, y + flake), 210)
            else:
                pen.line((x, y, x - lean * drop, y + drop), int(40 + 60 * size), 1 + int(size * unit / 600))
        canvas.cover(soft(sheet, 0.6), mix(WHITE, light.haze, 0.3))
    corner = ((canvas.x / canvas.width - 0.5) ** 2 + (canvas.y / canvas.height - 0.5) ** 2) * 2
    canvas.planes *= 1 - 0.2 * corner * corner
    canvas.planes += 0.005 * random.standard_normal(corner.shape, np.float32) + 0.01 * canvas.brushwork
