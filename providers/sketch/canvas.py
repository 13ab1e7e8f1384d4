"""The surface that a scene is painted on, back to front, and its colours."""

from __future__ import annotations

from io import BytesIO
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Array: TypeAlias = NDArray[Any]
Colour: TypeAlias = Any  # three channels, 0 to 1: each a number, or an array over the painted area

WHITE = np.ones(3, np.float32)
BRIGHTNESS = np.array([0.3, 0.59, 0.11], np.float32)


def rgb(text: str) -> Array:
    """Returns the three channels of ``#rrggbb``, from 0 to 1."""
    return np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)


def mix(a: Colour, b: Colour, amount: Any) -> Colour:
    """Returns a mix of two colours (or numbers): `amount` of the second, 0 to 1, perhaps for each pixel."""
    if np.ndim(amount) == 2:
        a, b = (c[:, None, None] if np.ndim(c) == 1 else c for c in (a, b))
    return a + (b - a) * amount


def tint(colour: Array, hue: Array, amount: float) -> Array:
    """Returns a colour moved towards a hue, with most of its brightness kept."""
    bright, own = colour @ BRIGHTNESS, hue @ BRIGHTNESS
    return mix(colour, np.clip(hue * mix(bright, own, 0.35) / max(own, 0.04), 0, 1), amount)


def soft(image: Image.Image, radius: float) -> Array:
    """Returns an 8-bit mask blurred, at a size that fits the radius, as numbers from 0 to 1."""
    shrink = max(1, int(radius / 4))
    small = image.reduce(shrink).filter(ImageFilter.GaussianBlur(radius / shrink))
    return np.asarray(small.resize(image.size, Image.Resampling.BICUBIC), np.float32) / 255


class Canvas:
    """Pixels as three planes of floats, their composition, and the few ways of painting on them.

    `unit` is the length in which everything is measured, whatever the ratio. The main subject stands at
    `focus`, a third from the edge, opposite to the light, which comes from the right if `side` is 1 and from
    the left if it is -1.
    """

    def __init__(self, width: int, height: int, seed: int) -> None:
        self.width, self.height, self.seed = width, height, seed
        self.unit = min(height, 1.2 * width)
        self.planes = np.zeros((3, height, width), np.float32)
        self.x = np.arange(width, dtype=np.float32) + 0.5
        self.y = np.arange(height, dtype=np.float32)[:, None] + 0.5
        self.brushwork = self.noise("brushwork", 14, stretch=2.5)
        random = self.random("composition")
        self.side = int(random.choice((-1, 1)))
        self.focus = width * (0.5 - self.side * random.uniform(0.1, 0.2))
        self.horizon = height * (random.uniform(0.6, 0.65) + 0.05 * (height > 1.3 * width))

    def random(self, topic: str) -> np.random.Generator:
        """Returns the topic's own generator, so that one more word does not move everything else."""
        return np.random.default_rng([self.seed, crc32(topic.encode())])

    def noise(self, topic: str, cells: float, octaves: int = 3, stretch: float = 1, rows: int = 0) -> Array:
        """Returns smooth noise, about -1 to 1: `cells` to a unit across, `stretch` times as many down."""
        rows, random = rows or self.height, self.random(topic)
        size = (self.width // 2 + 1, rows // 2 + 1)  # half is fine enough, and four times as fast
        total = np.zeros(size[::-1], np.float32)
        for octave in range(octaves):
            across = int(cells * 2**octave * self.width / self.unit) + 3
            down = int(cells * 2**octave * stretch * rows / self.unit) + 3 if rows > 1 else 1
            grid = Image.fromarray(random.uniform(-1, 1, (down, across)).astype(np.float32))
            total += np.asarray(grid.resize(size, Image.Resampling.BICUBIC)) / 1.5 / 2**octave
        return np.asarray(Image.fromarray(total).resize((self.width, rows), Image.Resampling.BILINEAR))

    def line(self, topic: str, swells: float, octaves: int = 4) -> Array:
        """Returns a rolling line across the width, about -1 to 1, with `swells` to a unit."""
        return self.noise(topic, swells, octaves, rows=1)[0]

    def cover(self, alpha: Any, colour: Colour, top: int = 0, left: int = 0) -> None:
        """Lays a colour over the pixels, as far as the alpha's array goes from its corner."""
        cut = slice(max(0, -top), max(0, self.height - top)), slice(max(0, -left), max(0, self.width - left))
        for i, plane in enumerate(self.planes):
            part = (alpha[i] if isinstance(alpha, list) else alpha)[cut]
            area = plane[max(0, top) :, max(0, left) :][: part.shape[0], : part.shape[1]]
            area += part * ((colour[i][cut] if np.ndim(colour[i]) else colour[i]) - area)

    def shine(self, light: Array, colour: Colour, top: int = 0, left: int = 0) -> None:
        """Adds light to the pixels without ever passing white."""
        self.cover([light * channel for channel in colour], WHITE, top, left)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """Adds a soft round light."""
        left, top = int(x - 2.6 * radius), int(y - 2.6 * radius)
        reach = np.arange(int(5.2 * radius) + 2, dtype=np.float32) + 0.5
        down, across = (np.exp(-(((at + reach) / radius) ** 2)) for at in (top - y, left - x))
        self.shine(strength * np.outer(down, across), colour, top, left)

    def ridge(
        self, tops: Array, top: Colour, bottom: Colour, fade: float, until: Any = 1e9
    ) -> tuple[int, Array, Array]:
        """Fills from a line down, or to another line, from one colour to the other in gouache strokes.

        Returns its first row and, from that row on, how much it covers each pixel and the units below the
        line.
        """
        first = int(np.clip(tops.min() - 2, 0, self.height - 1))
        below = self.y[first:] - tops.astype(np.float32)
        alpha = np.clip(below / np.maximum(1, np.abs(np.gradient(tops))).astype(np.float32) + 0.5, 0, 1)
        alpha *= np.clip(until + 0.5 - self.y[first:], 0, 1)
        t = np.clip(below / np.float32(fade * self.unit) + 0.13 * self.brushwork[first:], 0, 1)
        self.cover(alpha, mix(top, bottom, t), first)
        return first, alpha, below / np.float32(self.unit)

    def png(self) -> bytes:
        """Returns the picture as a PNG."""
        pixels = (np.clip(self.planes, 0, 1) * 255).astype(np.uint8)
        file = BytesIO()
        Image.merge("RGB", [Image.fromarray(plane) for plane in pixels]).save(file, "PNG", compress_level=2)
        return file.getvalue()
