"""The nearest size that a model takes: by proportions first, then by area."""

from __future__ import annotations

import math

from limner import Size, SizeRange


def fit(wanted: Size, sizes: tuple[Size, ...] | SizeRange, *, by_ratio: bool) -> Size:
    """Gives the nearest of a model's sizes, the wanted one itself where the model takes it.

    `by_ratio` says that only the proportions were asked for: the area is then that of the default.
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
    shortest = math.ceil(sizes.shortest / sizes.step) * sizes.step
    longest = sizes.longest // sizes.step * sizes.step
    most_pixels = sizes.most_pixels or longest**2

    # What would be nearest if a side could be any number: first the ratio, then the area for it.
    widest = max(1, min(sizes.widest, longest / shortest, most_pixels / shortest**2))
    ratio = min(max(wanted.ratio, 1 / widest), widest)
    longer_by = max(ratio, 1 / ratio)
    area = sizes.default.pixels if by_ratio else wanted.pixels
    area = max(min(area, most_pixels, longest**2 / longer_by), shortest**2 * longer_by)
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
