"""Sky and weather: what is behind everything, and what falls in front of it."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from providers.sketch.canvas import Array, Canvas, as_array, mix, rgb, soft
from providers.sketch.light import Light, luminance
from providers.sketch.words import Scene


def paint_sky(canvas: Canvas, scene: Scene, light: Light) -> None:
    """Paints the air with its lights and clouds, down to behind the horizon."""
    stops = np.array([0, 0.45, 0.8, 1.0]) * light.horizon
    rows = canvas.y[:, 0]
    for plane, channel in zip(canvas.planes, light.sky.T, strict=True):
        plane += np.interp(rows, stops, channel)[:, None]
        plane += 0.012 * canvas.brushwork
    unit, wide, gloomy = canvas.unit, canvas.width, bool(scene.weather & {"rain", "storm"})
    if scene.time == "night":
        if scene.has("stars") or not (scene.weather & {"rain", "storm", "fog", "clouds", "snow"} or "stars" in scene.absent):
            _stars(canvas, light, many=scene.has("stars"))
        if "aurora" in scene.weather:
            _aurora(canvas, light)
        if scene.has("moon") or not ("moon" in scene.absent or gloomy or scene.has("stars")):
            _moon(canvas, scene, light)
    elif scene.has("moon"):
        _moon(canvas, scene, light)
    if scene.time != "night" and "sun" not in scene.absent:
        strength = 0.3 if gloomy or "fog" in scene.weather else 1.0
        squat = np.exp(-(((canvas.y - light.horizon) / (0.22 * unit)) ** 2)) * np.exp(
            -(((canvas.x - light.x) / (0.5 * wide)) ** 2)
        )
        canvas.shine(0.4 * strength * squat * light.low, light.colour)
        canvas.glow(light.x, light.y, 0.42 * unit, light.colour, 0.38 * strength)
        canvas.glow(light.x, light.y, 0.13 * unit, light.colour, 0.5 * strength)
        if strength == 1.0 or scene.has("sun"):
            radius = unit * (0.085 if scene.has("sun") else 0.058)
            _disc(canvas, light.x, light.y, radius, mix(light.colour, np.ones(3), 0.6))
    if "clouds" not in scene.absent and not scene.weather & {"clear", "fog"}:
        _clouds(canvas, scene, light)
    if "rainbow" in scene.weather:
        _rainbow(canvas, light)


def _disc(canvas: Canvas, x: float, y: float, radius: float, colour: Array, opacity: float = 1.0) -> None:
    distance = np.hypot(canvas.x - x, canvas.y - y)
    canvas.cover(np.clip(radius - distance + 0.5, 0, 1) * opacity, colour)


def _moon(canvas: Canvas, scene: Scene, light: Light) -> None:
    asked = scene.has("moon")
    radius = canvas.unit * (0.135 if scene.full_moon else 0.085 if asked else 0.05)
    subject, pale = scene.subject("moon"), rgb("#fdf6df")
    if subject and subject.colour:
        pale = mix(pale, rgb(subject.colour), 0.75)
    x, y = light.x, light.y
    if scene.time != "night":
        x, y = light.focus, light.horizon * 0.3
    elif scene.full_moon and scene.has("rooftop", "cat", "fox", "dog", "person"):  # an outline before it
        x, radius = mix(light.focus, light.x, 0.1), radius * 1.25
    canvas.glow(x, y, radius * 4.5, mix(light.sky[-1], pale, 0.4), 0.34)
    canvas.glow(x, y, radius * 1.7, pale, 0.35)
    _disc(canvas, x, y, radius, pale)
    random, shade = canvas.random("moon"), mix(pale, light.sky[2], 0.5)
    left, top = int(max(0, x - radius)), int(max(0, y - radius))
    ys, xs = canvas.y[top : int(y + radius) + 1] - y, canvas.x[left : int(x + radius) + 1] - x
    inside = np.clip(radius - np.hypot(xs, ys) + 0.5, 0, 1)
    seas = np.zeros_like(inside)
    for _ in range(9):
        turn, out, size = random.uniform(0, 6.3), random.uniform(0, 0.75) * radius, random.uniform(0.1, 0.34) * radius
        seas = np.maximum(seas, np.clip((size - np.hypot(xs - out * np.cos(turn), ys - out * np.sin(turn))) / (0.2 * radius), 0, 1))
    canvas.cover(0.3 * seas * inside, shade, top, left)
    if asked and not scene.full_moon:
        bite = np.clip(np.hypot(xs + 0.42 * radius, ys + 0.22 * radius) - radius * 0.98, 0, 1)
        canvas.cover((1 - bite) * inside * 0.93, light.sky[0] * 0.65 + light.sky[1] * 0.35, top, left)


def _stars(canvas: Canvas, light: Light, many: bool) -> None:
    random = canvas.random("stars")
    if many:
        drift = (canvas.x / canvas.width - 0.5) * 0.9 * light.horizon * (1 if light.x > light.focus else -1)
        band = np.exp(-(((canvas.y - 0.42 * light.horizon - drift) / (0.17 * canvas.height)) ** 2))
        dust = np.clip(0.55 + 0.8 * canvas.noise("dust", 6, 4, 1.5), 0, 1)
        canvas.shine(0.42 * band * dust, mix(light.sky[-1], rgb("#ffd9e6"), 0.45))
    count = int((520 if many else 190) * max(1.0, canvas.width / canvas.height) ** 0.5)
    unit = canvas.unit / 1024
    for x, y, size in zip(random.random(count), random.random(count) ** 1.25, random.random(count) ** 5, strict=True):
        fade = 1 - 0.7 * y
        canvas.glow(x * canvas.width, y * light.horizon, max(0.75, (1.0 + 2.0 * size) * unit), np.ones(3), (0.35 + 0.65 * size) * fade)
        if size > 0.55:
            canvas.glow(x * canvas.width, y * light.horizon, 9 * unit, rgb("#cfe0ff"), 0.3 * fade)


def _aurora(canvas: Canvas, light: Light) -> None:
    for i, hue in enumerate((rgb("#59f0a8"), rgb("#58c8f2"), rgb("#b07bf5"))):
        foot = light.horizon * (0.52 - 0.13 * i + 0.11 * canvas.profile(f"aurora {i}", 2))
        rays = 0.55 + 0.45 * canvas.profile(f"rays {i}", 26, 3, 0.7)
        above = (foot - canvas.y) / (0.42 * light.horizon)
        canvas.shine(0.85 * rays * np.exp(-2.6 * np.clip(above, 0, 9)) * np.clip(1 + 9 * above, 0, 1), hue)


def _rainbow(canvas: Canvas, light: Light) -> None:
    radius, width = 0.62 * min(canvas.width, 1.5 * light.horizon), 0.055 * canvas.unit
    distance = np.hypot(canvas.x - light.focus, canvas.y - light.horizon * 1.04)
    t = np.clip((radius - distance) / width, 0, 1)
    bands = [rgb(c) for c in ("#e5483f", "#f2933a", "#f6dc4e", "#56b45c", "#3b86d6", "#7a4fb5")]
    colour = [np.interp(t, np.linspace(0, 1, 6), channel) for channel in np.stack(bands, 1)]
    canvas.cover(0.62 * np.clip(4 * t, 0, 1) * np.clip(4 - 4 * t, 0, 1) * np.clip(distance / radius, 0, 1), colour)


def _clouds(canvas: Canvas, scene: Scene, light: Light) -> None:
    heavy = bool(scene.weather & {"storm", "rain", "clouds", "snow"})
    storm = "storm" in scene.weather
    rows = int(light.horizon) + 1
    y = canvas.y[:rows] / light.horizon
    noise = canvas.noise("clouds", 3, 5, 4.5, rows)
    level = 0.02 if heavy else 0.3 if scene.time == "night" else 0.22
    alpha = np.clip((noise - level - 0.25 * np.abs(y - 0.55)) * 4.5, 0, 1)
    alpha = alpha * alpha * (3 - 2 * alpha) * (0.9 if heavy else 0.62)
    under = np.roll(noise, -max(2, rows // 40), 0)
    lit = np.clip(0.5 + 2.2 * (noise - under if light.low else under - noise), 0, 1)
    near = np.exp(-(((canvas.x - light.x) / (0.4 * canvas.width)) ** 2))
    warm = mix(light.sky[-1], light.colour, 0.5) if light.low else mix(light.colour, np.ones(3), 0.5)
    warm = warm * (0.35 if scene.time == "night" else 0.6 if storm else 1.0)
    cool = mix(light.sky[0], light.sky[2], 0.55) * (0.55 if storm else 0.92)
    t = np.clip(lit * (0.45 + 0.55 * near) + 0.25 * near - 0.1 * storm, 0, 1)
    canvas.cover(alpha * np.clip((1.02 - y) * 5, 0, 1), mix(cool, warm, t))
    if not light.low and scene.time != "night" and not scene.weather & {"storm", "fog"}:
        _cumulus(canvas, scene, light)


def _cumulus(canvas: Canvas, scene: Scene, light: Light) -> None:
    random, unit = canvas.random("cumulus"), canvas.unit
    count = (3 if "clouds" not in scene.weather else 7) * max(1.0, canvas.width / canvas.height) ** 0.7
    for i in range(round(count)):
        t = (i + random.random()) / count
        y = light.horizon * random.uniform(0.14, 0.72)
        size = unit * random.uniform(0.16, 0.3) * (1.1 - 0.65 * y / light.horizon)
        wide, high = int(size * 3.2), int(size * 1.1)
        puffs = Image.new("L", (wide, high))
        pen = ImageDraw.Draw(puffs)
        for _ in range(11):
            out = random.uniform(-1, 1)
            r = high * random.uniform(0.16, 0.34) * (1.15 - abs(out))
            x = wide * (0.5 + 0.36 * out)
            pen.ellipse((x - 1.35 * r, high * 0.72 - r * 1.9, x + 1.35 * r, high * 0.72 + 0.2 * r), fill=255)
        puffs.paste(0, (0, int(high * 0.73), wide, high))
        mask = as_array(soft(puffs, max(1.0, size * 0.025)))
        down = np.linspace(0, 1, high, dtype=np.float32)[:, None]
        shape = as_array(soft(puffs, max(1.5, size * 0.09)))
        lit = np.clip(1.25 - 0.9 * down - 0.35 * (shape - mask * 0.6), 0, 1)
        white = mix(light.colour, np.ones(3), 0.6) * (0.82 if luminance(light.sky[1]) < 0.55 else 1.0)
        colour = mix(mix(light.sky[1], light.sky[3], 0.55), white, lit)
        left, top = int(t * canvas.width - wide / 2), int(y - high / 2)
        cut, skip = max(0, -left), max(0, -top)
        mask, colour = mask[skip:, cut:], [c[skip:, cut:] for c in colour]
        room = canvas.width - max(0, left)
        if room > 0 and mask.size:
            canvas.cover(0.9 * mask[:, :room], [c[:, :room] for c in colour], max(0, top), max(0, left))


def veil(canvas: Canvas, scene: Scene, light: Light, y: float, reach: float, strength: float, topic: str) -> None:
    """Lays a bank of mist around a height of the picture."""
    noise = canvas.profile(topic, 3) * 0.3 + 0.16 * canvas.brushwork
    band = np.exp(-(((canvas.y - y) / reach + noise) ** 2))
    canvas.cover(strength * band, mix(light.haze, light.sky[-1], 0.5))


def paint_weather(canvas: Canvas, scene: Scene, light: Light) -> None:
    """Paints what is in the air before everything: mist, rain, snow, lightning."""
    random, weather, unit = canvas.random("weather"), scene.weather, canvas.unit
    wide, high = canvas.width, canvas.height
    if "fog" in weather:
        thick = np.clip(canvas.y / light.horizon, 0, 1) ** 1.5 * np.clip(1.6 - canvas.y / light.horizon, 0.4, 1)
        canvas.cover(0.42 * thick + 0.05 * canvas.brushwork, light.haze)
        veil(canvas, scene, light, light.horizon + 0.06 * unit, 0.17 * unit, 0.5, "mist")
        veil(canvas, scene, light, high * 0.93, 0.13 * unit, 0.4, "ground mist")
    if weather & {"rain", "storm"}:
        for layer, (length, opacity) in enumerate(((0.025, 0.2), (0.05, 0.3))):
            sheet = Image.new("L", (wide, high))
            pen, lean = ImageDraw.Draw(sheet), 0.45 if weather & {"wind", "storm"} else 0.2
            for x, y, r in zip(random.random(420), random.random(420), random.random(420), strict=True):
                x0, y0, drop = (1.3 * x - 0.1) * wide, y * high, length * unit * (0.6 + r)
                pen.line((x0, y0, x0 - lean * drop, y0 + drop), int(90 + 120 * r), max(1, int((1 + layer) * unit / 900)))
            canvas.shine(opacity * as_array(sheet), mix(light.haze, np.ones(3), 0.5))
    if "snow" in weather:
        for size, count, opacity in ((0.0018, 420, 0.7), (0.0032, 200, 0.85), (0.007, 46, 0.65)):
            sheet = Image.new("L", (wide, high))
            pen = ImageDraw.Draw(sheet)
            for x, y, r in zip(random.random(count), random.random(count), random.random(count), strict=True):
                r = max(0.8, size * unit * (0.6 + 0.8 * r))
                pen.ellipse((x * wide - r, y * high - r, x * wide + r, y * high + r), 255)
            flakes = soft(sheet, max(0.6, size * unit * 0.35))
            canvas.cover(opacity * as_array(flakes), mix(np.ones(3), light.haze, 0.25 * (1 - light.dark)))


def paint_lightning(canvas: Canvas, light: Light) -> None:
    """Paints a bolt from the clouds down to the horizon."""
    random = canvas.random("lightning")
    sheet = Image.new("L", (canvas.width, canvas.height))
    pen, unit = ImageDraw.Draw(sheet), canvas.unit

    def bolt(x: float, y: float, end: float, thick: float) -> None:
        while y < end:
            to = (x + random.uniform(-0.05, 0.05) * unit, y + random.uniform(0.02, 0.06) * unit)
            pen.line((x, y, *to), 255, max(1, round(thick)))
            if thick > 2 * unit / 1024 and random.random() < 0.3:
                bolt(*to, to[1] + 0.16 * unit, thick * 0.45)
            x, y = to

    bolt(light.x, 0.0, light.horizon, 4.5 * unit / 1024)
    canvas.shine(0.8 * as_array(soft(sheet, 0.022 * unit)) * 2.2, rgb("#b9b4ff"))
    canvas.shine(as_array(soft(sheet, 0.8)), np.ones(3))
