"""What is done to finished pixels: another's picture is tinted and lit, and a mask limits a change."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from providers.sketch.canvas import BRIGHTNESS, WHITE, Array, Canvas, mix, rgb
from providers.sketch.scene import Scene
from providers.sketch.sky import GLOOM, HOURS, Light, mood_hues, paint_weather

LEAVES = {"spring": "#a9d06b", "summer": "#4f8a3f", "autumn": "#d9772b", "winter": "#dfe6ee"}
"""What the green of a picture becomes."""
AIR = {"spring": "#ffe4ee", "summer": "#fff3c4", "autumn": "#ffc98a", "winter": "#dbe8ff"}
"""The hue that a season gives to everything else."""


def opened(data: bytes, size: tuple[int, int]) -> Array:
    """Returns the planes of a picture that covers the size, cut evenly at the sides that are too long."""
    image = Image.open(BytesIO(data))
    image.draft("RGB", size)  # a large JPEG is read at a fraction of its size
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image, np.float32) / 257).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    fitted = ImageOps.fit(image.convert("RGB"), size, Image.Resampling.LANCZOS)
    return np.asarray(fitted, np.float32).transpose(2, 0, 1) / 255


def relight(canvas: Canvas, scene: Scene) -> None:
    """Gives the picture on the canvas the season, colours, hour and weather that a scene's words name."""
    said, light = scene.said, Light(scene, canvas)
    if said.season:
        _season(canvas, scene.season)
    hues = [(rgb(colour), 0.75) for colour in said.colours[:2]]
    for hue, much in hues or ([] if said.is_understood else mood_hues(scene.mood)[:1]):
        shaded = _in_shades_of(hue, canvas.planes)
        canvas.planes = mix(canvas.planes, shaded, much / len(hues or [0]))
    if said.time or said.implied:
        _hour(canvas, scene.time)
    elif said.weather:  # the air has the picture's own brightness
        light.haze = mix(canvas.planes.mean((1, 2)), WHITE, 0.45)
    if said.weather:
        grave = next((word for word in GLOOM if word in scene.weather), "")
        grey, dim = GLOOM.get(grave, (0.0, 1.1))
        bright = np.tensordot(BRIGHTNESS, canvas.planes, 1)
        canvas.planes = mix(canvas.planes, bright * light.haze[:, None, None] ** 0.3, 0.8 * grey) * dim
        if grave == "fog":
            canvas.cover(np.full(bright.shape, 0.3, np.float32), light.haze)
        paint_weather(canvas, scene, light)


def _season(canvas: Canvas, season: str) -> None:
    red, green, blue = canvas.planes
    leafy = np.clip(9 * (green - np.maximum(blue, 0.96 * red)), 0, 1)
    canvas.planes = mix(canvas.planes, _in_shades_of(rgb(LEAVES[season]), canvas.planes), 0.85 * leafy)
    if season == "winter":
        bright = np.tensordot(BRIGHTNESS, canvas.planes, 1)
        pale = np.clip(0.12 + 1.05 * bright, 0, 1)
        canvas.planes = mix(canvas.planes, pale, 0.55)
        canvas.planes = mix(canvas.planes, rgb("#eef2f6")[:, None, None] * (0.7 + 0.3 * bright), 0.65 * leafy)
    much = {"winter": 0.9, "autumn": 0.65}.get(season, 0.5)
    canvas.planes = canvas.planes * mix(WHITE, rgb(AIR[season]), much)[:, None, None]


def _hour(canvas: Canvas, time: str) -> None:
    colours, ambient, _, dark = HOURS[time]
    sky = np.stack([rgb(text) for text in colours.split()[:4]], 1)
    bright = np.tensordot(BRIGHTNESS, canvas.planes, 1)
    canvas.planes = np.clip(canvas.planes, 0, 1) ** (1 + 0.35 * dark - 0.25 * (dark == 0))
    canvas.planes *= np.array(ambient, np.float32)[:, None, None]
    down = np.clip(canvas.y / canvas.horizon, 0, 1)[:, 0]
    air = np.stack([np.interp(down, (0, 0.45, 0.8, 1), channel) for channel in sky])[:, :, None]
    canvas.planes = mix(canvas.planes, air * (0.55 + 0.45 * bright), (0.15 + 0.5 * bright) * (dark > 0))


def _in_shades_of(hue: Array, planes: Array) -> Array:
    """Returns planes of the same brightness in one hue, from black over the hue to white."""
    bright, own = np.tensordot(BRIGHTNESS, planes, 1), float(np.clip(hue @ BRIGHTNESS, 0.15, 0.85))
    below, above = np.clip(bright / own, 0, 1), np.clip((bright - own) / (1 - own), 0, 1)
    return mix(hue[:, None, None] * below, np.ones_like(planes), above)


def palette_of(data: bytes) -> list[list[float]]:
    """Returns the average and the spread of each channel of a picture."""
    planes = opened(data, (96, 96)).reshape(3, -1)
    return [[round(float(x), 4) for x in numbers] for numbers in (planes.mean(1), planes.std(1))]


def recolour(canvas: Canvas, palette: Sequence[Sequence[float]]) -> None:
    """Gives the pixels the average and the spread of a palette."""
    mean, spread = (np.array(numbers, np.float32)[:, None, None] for numbers in palette)
    own = canvas.planes.std((1, 2), keepdims=True)
    level = (canvas.planes - canvas.planes.mean((1, 2), keepdims=True)) / np.maximum(own, 0.02)
    canvas.planes = mix(canvas.planes, np.clip(level * spread + mean, 0, 1), 0.85)


def packed(mask: bytes) -> bytes:
    """Returns a mask with one bit for each pixel, which is short enough to remember."""
    file = BytesIO()
    white = Image.open(BytesIO(mask)).convert("RGBA").getchannel(0)
    white.convert("1", dither=Image.Dither.NONE).save(file, "PNG")
    return file.getvalue()


def keep_outside(canvas: Canvas, planes: Array, mask: bytes) -> None:
    """Puts other planes back where a mask is black; the edge is soft on its white side only."""
    size = (canvas.width, canvas.height)
    white = ImageOps.fit(Image.open(BytesIO(mask)).convert("RGBA").getchannel(0), size)
    blurred = white.filter(ImageFilter.GaussianBlur(canvas.unit / 128))
    change = np.clip(np.asarray(blurred, np.float32) / 127.5 - 1, 0, 1) * (np.asarray(white) > 127)
    canvas.planes = mix(planes, np.clip(canvas.planes, 0, 1), change / max(0.01, float(change.max())))
