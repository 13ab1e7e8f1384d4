"""The nearest size that a model takes: by proportions first, then by area."""

from __future__ import annotations

import math

from limner import Size, SizeRange


def nearest_size(wanted: Size, sizes: tuple[Size, ...] | SizeRange, *, by_ratio: bool) -> Size:
    """Returns the nearest of a model's sizes: the wanted one itself if the model takes it.

    With `by_ratio` only the proportions count: the area is then that of the model's default.
    """
    if isinstance(sizes, SizeRange):
        return _fit_range(wanted, sizes, by_ratio=by_ratio)
    area = sizes[0].pixels if by_ratio else wanted.pixels

    def distance(size: Size) -> tuple[float, int]:
        proportions = max(size.ratio, wanted.ratio) / min(size.ratio, wanted.ratio)
        return (round(proportions, 3), abs(size.pixels - area))

    return min(sizes, key=distance)


def _fit_range(wanted: Size, sizes: SizeRange, *, by_ratio: bool) -> Size:
    if not by_ratio and sizes.takes(wanted):
        return wanted
    min_side = math.ceil(sizes.min_side / sizes.step) * sizes.step
    max_side = sizes.max_side // sizes.step * sizes.step
    max_pixels = sizes.max_pixels or max_side**2

    # What would be nearest if a side could be any number: first the ratio, then the area for it.
    max_ratio = max(1, min(sizes.max_ratio, max_side / min_side, max_pixels / min_side**2))
    ratio = min(max(wanted.ratio, 1 / max_ratio), max_ratio)
    longer_by = max(ratio, 1 / ratio)
    area = sizes.default.pixels if by_ratio else wanted.pixels
    area = max(min(area, max_pixels, max_side**2 / longer_by), min_side**2 * longer_by)
    width, height = math.sqrt(area * ratio), math.sqrt(area / ratio)

    def off(size: Size) -> float:
        return abs(math.log(size.ratio / ratio)) * 4 + abs(math.log(size.pixels / area))

    nearby = [
        Size(across, down)
        for across in _steps_near(width, sizes.step)
        for down in _steps_near(height, sizes.step)
        if sizes.takes(Size(across, down))
    ]
    return min(nearby, key=off, default=sizes.default)


def _steps_near(side: float, step: int) -> list[int]:
    nearest = round(side / step)
    return [count * step for count in range(max(1, nearest - 3), nearest + 4)]
