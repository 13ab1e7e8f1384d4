"""Subjects are drawn by a pen on a sheet of their own, and come out as stamps for the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from providers.sketch.canvas import Array, Canvas, Colour, as_array, mix, rgb, soft
from providers.sketch.light import Light

GLASS = "#ffd27a"
Point = tuple[float, float]


@dataclass
class Stamp:
    """A subject with its outline, in pixels of the canvas; the foot is where it stands."""

    planes: Array
    alpha: Array
    foot_x: float
    foot_y: float
    lamps: list[tuple[float, float, float]]
    """What shines in it: right of and above the foot, and how far."""


class Pen:
    """Draws one subject: x from the middle, y up from the foot, in units of the subject's height."""

    def __init__(
        self, light: Light, height: float, wide: float, seed: Any, snowy: bool = False, fine: int = 3
    ) -> None:
        self.light, self.height, self.wide = light, height, wide
        self.side = 1 if light.x > light.focus else -1
        self.random, self.snowy, self.fine = np.random.default_rng(seed), snowy, fine
        self.scale = height * fine
        size = (int(2 * wide * self.scale) + fine, int(1.18 * self.scale) + fine)
        self.sheet, self.mask, self.shining = (Image.new(mode, size) for mode in ("RGB", "L", "L"))
        self._sheet = ImageDraw.Draw(self.sheet, "RGBA")
        self._masks = [ImageDraw.Draw(self.mask), ImageDraw.Draw(self.shining)][: 1 + light.lamps]
        self.lamps: list[tuple[float, float, float]] = []

    def _at(self, points: Sequence[Point]) -> list[Point]:
        return [((x + self.wide) * self.scale, (1.1 - y) * self.scale) for x, y in points]

    def _ink(self, colour: str | Colour, opacity: float = 1.0) -> tuple[int, ...]:
        channels = rgb(colour) if isinstance(colour, str) else colour
        return (*(int(min(max(c, 0), 1) * 255) for c in channels), int(opacity * 255))

    def shape(self, colour: str | Colour, *points: Point, lit: bool = False) -> None:
        """Fills a polygon; what is lit shines by itself and takes no shade."""
        at = self._at(points)
        self._sheet.polygon(at, self._ink(colour))
        for mask, value in zip(self._masks, (255, 255 * lit), strict=False):
            mask.polygon(at, value)

    def curve(self, colour: str | Colour, *points: Point) -> None:
        """Fills a closed smooth line through the points."""
        self.shape(colour, *smooth(points))

    def box(self, colour: str | Colour, x: float, y: float, wide: float, high: float) -> None:
        """Fills a rectangle from its lower left corner."""
        self.shape(colour, (x, y), (x + wide, y), (x + wide, y + high), (x, y + high))

    def oval(
        self, colour: str | Colour, x: float, y: float, rx: float, ry: float | None = None, lit: bool = False
    ) -> None:
        """Fills an ellipse around its middle."""
        (a, b), (c, d) = self._at([(x - rx, y + (ry or rx)), (x + rx, y - (ry or rx))])
        self._sheet.ellipse((a, b, c, d), self._ink(colour))
        for mask, value in zip(self._masks, (255, 255 * lit), strict=False):
            mask.ellipse((a, b, c, d), value)

    def line(self, colour: str | Colour, width: float, *points: Point) -> None:
        """Draws a line of a width in the subject's units."""
        at, pixels = self._at(points), max(2, round(width * self.scale))
        self._sheet.line(at, self._ink(colour), pixels, "curve")
        for mask, value in zip(self._masks, (255, 0), strict=False):
            mask.line(at, value, pixels, "curve")

    def clear(self, *points: Point) -> None:
        """Cuts a hole."""
        self._masks[0].polygon(self._at(points), 0)

    def tone(self, opacity: float, *points: Point, colour: str | Colour = "#1a1830") -> None:
        """Lays a veil over what is drawn already, within its outline."""
        self._sheet.polygon(self._at(points), self._ink(colour, opacity))

    def window(self, x: float, y: float, wide: float, high: float, reach: float = 0.0) -> None:
        """Draws a pane, lit after dark; with a reach, it glows around."""
        pane = ((x, y), (x + wide, y), (x + wide, y + high), (x, y + high))
        self.shape(GLASS if self.light.lamps else "#3d4a5c", *pane, lit=True)
        if self.light.lamps and reach:
            self.lamps.append((x + wide / 2, y + high / 2, reach))

    def done(self, far: float = 0.0, relief: float = 0.05) -> Stamp:
        """Gives the stamp: lit from the light's side, shaded on the other, veiled by the air."""
        self.sheet.putalpha(self.mask)
        image = self.sheet.reduce(self.fine)
        red, green, blue, mask = image.split()
        alpha = as_array(mask)
        own = np.stack([as_array(plane) for plane in (red, green, blue)])
        light = self.light
        planes = np.clip(own * light.ambient[:, None, None], 0, 1)
        if relief:
            deep = max(1.0, relief * self.height)
            step, rim = max(1, int(deep)), max(1, int(deep * 0.16))
            blurred = as_array(soft(mask, deep))
            shade = np.clip(alpha - np.roll(blurred, self.side * step, 1), 0, 1)
            edge = np.clip(alpha - np.roll(alpha, -self.side * rim, 1), 0, 1)
            planes = planes * (1 - (0.5 if light.low else 0.34) * shade)
            warm = 0.55 if light.low or light.dark > 0.9 else 0.22
            planes += edge * warm * light.colour[:, None, None] * (1 - planes)
        if self.light.lamps:
            planes = mix(planes, own, as_array(self.shining.reduce(self.fine)))
        planes = mix(planes, light.haze[:, None, None], far * light.thick)
        foot_y = 1.1 * self.height
        lamps = [(x * self.height, y * self.height, reach * self.height) for x, y, reach in self.lamps]
        return Stamp(planes.astype(np.float32), alpha, self.wide * self.height, foot_y, lamps)


    @staticmethod
    def bow(top: Point, foot: Point, corner: Point, belly: float) -> list[Point]:
        """Gives the outline of a sail: a triangle whose long side is blown out."""
        out = belly if corner[0] > top[0] else -belly
        t = np.linspace(0, 1, 12)
        edge = [(mix(corner[0], top[0], i) + out * np.sin(np.pi * i), mix(corner[1], top[1], i)) for i in t]
        return [top, foot, *((float(x), float(y)) for x, y in edge)]


def smooth(points: Sequence[Point], steps: int = 7) -> list[Point]:
    """Gives a closed Catmull-Rom line through the points."""
    p = np.array(points, float)
    before, after, later = np.roll(p, 1, 0), np.roll(p, -1, 0), np.roll(p, -2, 0)
    line: list[Point] = []
    for i in range(len(p)):
        for t in np.arange(steps) / steps:
            x, y = 0.5 * (
                2 * p[i]
                + (after[i] - before[i]) * t
                + (2 * before[i] - 5 * p[i] + 4 * after[i] - later[i]) * t**2
                + (3 * p[i] - before[i] - 3 * after[i] + later[i]) * t**3
            )
            line.append((float(x), float(y)))
    return line


def cast(canvas: Canvas, light: Light, stamp: Stamp, x: float, y: float, length: float, shore: Array) -> None:
    """Lays the shadow of a stamp on the ground: away from the light, towards the viewer."""
    rows, columns = stamp.alpha.shape
    lean = float(np.clip((x - light.x) / (canvas.width * 0.45), -1.2, 1.2)) * (1.1 if light.low else 0.6)
    high = int(min(stamp.foot_y * length, canvas.height - y))
    if high < 2:
        return
    extra = int(abs(lean) * high) + 2
    # An affine map from the shadow's pixels to the outline's, upside down and sheared.
    shear = (1, -lean, -extra, 0, -1 / length, stamp.foot_y)
    outline = Image.fromarray((stamp.alpha * 255).astype(np.uint8))
    flat = outline.transform((columns + 2 * extra, high), Image.Transform.AFFINE, shear)
    alpha = as_array(soft(flat, max(1.0, 0.012 * stamp.foot_y)))
    alpha = alpha * np.linspace(0.62, 0.12, high, dtype=np.float32)[:, None]
    left, top = round(x - stamp.foot_x - extra), round(y)
    column = np.clip(np.arange(left, left + alpha.shape[1]), 0, canvas.width - 1)
    alpha = alpha * np.clip(shore[column] - np.arange(top, top + high)[:, None], 0, 1)
    dark = light.ambient * 0.32 + light.sky[0] * 0.22
    canvas.stamp(Stamp(np.broadcast_to(dark[:, None, None], (3, *alpha.shape)), alpha, stamp.foot_x + extra, 0, []), x, y)


def mirror(canvas: Canvas, stamp: Stamp, x: float, y: float, strength: float = 0.5) -> None:
    """Lays the reflection of a stamp on water, broken by ripples."""
    foot = int(stamp.foot_y)
    planes, alpha = stamp.planes[:, :foot][:, ::-2], stamp.alpha[:foot][::-2]
    rows = np.arange(len(alpha))
    t = rows / max(1, len(alpha))
    shift = (np.sin(40 * t + 30 * t**0.7) * t**0.5 * 0.035 * len(alpha)).astype(int)
    at = (np.arange(alpha.shape[1]) + shift[:, None]) % alpha.shape[1]
    alpha = np.take_along_axis(alpha, at, 1) * np.linspace(strength, 0.05, len(rows), dtype=np.float32)[:, None]
    planes = np.stack([np.take_along_axis(plane, at, 1) for plane in planes])
    canvas.stamp(Stamp(planes * 0.8, alpha, stamp.foot_x, 0, []), x, y)
