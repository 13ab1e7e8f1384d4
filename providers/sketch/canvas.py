"""The surface that a scene is painted on, back to front."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from providers.sketch.pen import Stamp

Array: TypeAlias = NDArray[np.float32]
Colour: TypeAlias = Any
"""Three channels, 0 to 1: each a number, or an array over the area that is painted."""


def rgb(text: str) -> Array:
    """Reads ``#rrggbb`` into three channels from 0 to 1."""
    return np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)


def mix(a: Colour, b: Colour, amount: Any) -> Colour:
    """Goes from one colour (or number) to another by an amount from 0 to 1, which may differ by pixel."""
    if np.ndim(amount) == 2:
        a, b = (c[:, None, None] if np.ndim(c) == 1 else c for c in (a, b))
    return a + (b - a) * amount


def soft(image: Image.Image, radius: float) -> Image.Image:
    """Blurs at a size that fits the radius, which is quick for wide blurs too."""
    shrink = max(1, int(radius / 4))
    small = image.reduce(shrink).filter(ImageFilter.GaussianBlur(radius / shrink))
    return small.resize(image.size, Image.Resampling.BICUBIC) if shrink > 1 else small


def as_array(image: Image.Image) -> Array:
    """Gives an 8-bit mask as numbers from 0 to 1."""
    return np.asarray(image, np.float32) / 255


class Canvas:
    """Pixels as three planes of floats, and the few ways in which everything is painted.

    `unit` is the length that subjects are measured in: it fits the frame at any ratio.
    """

    def __init__(self, width: int, height: int, seed: int) -> None:
        self.width, self.height, self.seed = width, height, seed
        self.unit = min(height, 1.2 * width)
        self.planes = np.zeros((3, height, width), np.float32)
        self.x = np.arange(width, dtype=np.float32) + 0.5
        self.y = np.arange(height, dtype=np.float32)[:, None] + 0.5
        self.brushwork = self.noise("brushwork", 14, octaves=3, stretch=2.5)

    def random(self, topic: str) -> np.random.Generator:
        """Gives each topic its own numbers, so that one more word does not move everything else."""
        return np.random.default_rng([self.seed, crc32(topic.encode())])

    def noise(self, topic: str, cells: int, octaves: int = 3, stretch: float = 1.0, rows: int = 0) -> Array:
        """Makes smooth noise from -1 to 1 over the width and `rows` (the height where 0)."""
        rows, random = rows or self.height, self.random(topic)
        size = (self.width // 2 + 1, rows // 2 + 1)
        total = np.zeros(size[::-1], np.float32)
        for octave in range(octaves):
            across = int(cells * 2**octave) + 3
            down = int(cells * 2**octave * stretch * rows / self.width) + 3
            grid = Image.fromarray(random.uniform(-1, 1, (down, across)).astype(np.float32))
            total += np.asarray(grid.resize(size, Image.Resampling.BICUBIC)) / 2**octave
        whole = Image.fromarray(total / 1.5).resize((self.width, rows), Image.Resampling.BILINEAR)
        return np.asarray(whole)

    def profile(self, topic: str, cells: float, octaves: int = 4, rough: float = 0.5) -> Array:
        """Makes a rolling line across the width, -1 to 1, with about that many swells."""
        random, total = self.random(topic), np.zeros(self.width, np.float32)
        for octave in range(octaves):
            knots = int(cells * 2**octave * max(1.0, self.width / self.height) ** 0.5) + 4
            at = np.linspace(1 + random.random(), knots - 2, self.width)
            i = at.astype(int)
            f = (at - i) ** 2 * (3 - 2 * (at - i))
            values = random.uniform(-1, 1, knots)
            total += (values[i] * (1 - f) + values[i + 1] * f) * rough**octave
        return (total * (1 - rough)).astype(np.float32) * 1.3

    def cover(self, alpha: Any, colour: Colour, top: int = 0, left: int = 0) -> None:
        """Lays a colour over the pixels, from a corner on, as far as the alpha's array goes."""
        rows, columns = np.shape(alpha)
        area = self.planes[:, top : top + rows, left : left + columns]
        for plane, channel in zip(area, colour, strict=True):
            plane += alpha * (channel - plane)

    def shine(self, light: Any, colour: Colour, top: int = 0, left: int = 0) -> None:
        """Adds light to the pixels without ever passing white."""
        rows, columns = np.shape(light)
        area = self.planes[:, top : top + rows, left : left + columns]
        for plane, channel in zip(area, colour, strict=True):
            plane += light * channel * (1 - plane)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """Adds a soft round light."""
        top, left = max(0, int(y - 2.6 * radius)), max(0, int(x - 2.6 * radius))
        ys, xs = self.y[top : int(y + 2.6 * radius) + 1], self.x[left : int(x + 2.6 * radius) + 1]
        if len(ys) and len(xs):
            down, across = np.exp(-(((ys - y) / radius) ** 2)), np.exp(-(((xs - x) / radius) ** 2))
            self.shine(strength * down * across, colour, top, left)

    def ridge(self, tops: Array, top: Colour, bottom: Colour, fade: float = 0.3, opacity: Any = 1.0) -> None:
        """Fills everything below a line, from one colour at the crest to another, by gouache strokes."""
        first = int(np.clip(tops.min() - 2, 0, self.height - 1))
        y = self.y[first:]
        steep = np.maximum(1, np.abs(np.gradient(tops)))
        alpha = np.clip((y - tops) / steep + 0.5, 0, 1) * opacity
        t = np.clip((y - tops) / (fade * self.height) + 0.13 * self.brushwork[first:], 0, 1)
        self.cover(alpha, mix(top, bottom, t), first)

    def ribbon(self, top: int, centre: Array, half: Array, colour: Colour, opacity: Any = 1.0) -> None:
        """Fills a band that winds down the picture: its centre and half its width for each row."""
        side = np.clip(half[:, None] - np.abs(self.x - centre[:, None]) + 0.5, 0, 1)
        self.cover(side * opacity, colour, top)

    def stamp(self, stamp: Stamp, x: float, y: float, opacity: float = 1.0) -> None:
        """Puts a drawn subject with the middle of its foot at a point."""
        left, top = round(x - stamp.foot_x), round(y - stamp.foot_y)
        rows, columns = stamp.alpha.shape
        up, over = max(0, -top), max(0, -left)
        down, across = min(rows, self.height - top), min(columns, self.width - left)
        if up < down and over < across:
            area = (slice(up, down), slice(over, across))
            self.cover(stamp.alpha[area] * opacity, stamp.planes[(slice(None), *area)], top + up, left + over)

    def png(self) -> bytes:
        """Encodes the picture."""
        pixels = (np.clip(self.planes, 0, 1) * 255).astype(np.uint8)
        image = Image.merge("RGB", [Image.fromarray(plane) for plane in pixels])
        file = BytesIO()
        image.save(file, "PNG", compress_level=2)
        return file.getvalue()
