"""The figures: each drawn on a sheet of its own, and put in its place with a shadow or a reflection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw

from providers.sketch.canvas import Array, Canvas, mix, rgb, soft
from providers.sketch.drawings import FIGURES, Figure
from providers.sketch.scene import Scene, Subject
from providers.sketch.sky import Light

GLASS = rgb("#ffd27a")
FORMS = {
    "box": np.array([(0, 0), (1, 0), (1, 1), (0, 1)]),
    "oval": np.array([(np.cos(turn), np.sin(turn)) for turn in np.linspace(0, 6.28, 28)]),
    "fir": np.array([(1, 0), (0.7, -0.06), (0.4, 0.05), (0, -0.04), (-0.4, 0.05), (-0.8, -0.06), (0, 1)]),
}
FORMS |= {"window": FORMS["box"], "eye": FORMS["oval"]}


def _inked(ink: str, own: Array) -> Array:
    if ink.startswith("own"):
        return mix(own, np.full(3, "+" in ink), abs(float(ink[3:] or 0)) / 100)
    shade = ink.startswith("shade")
    return np.array([0.1, 0.09, 0.19, float(ink[5:]) / 100]) if shade else rgb(ink.replace("snow", "#eef3f8"))


def _outlines(verb: str, numbers: Array) -> Iterator[Array]:
    points = numbers.reshape(-1, 2)
    for _ in range(3 * (verb == "curve")):  # adds a point between any two, on the cubic through four
        after, outer = np.roll(points, -1, 0), np.roll(points, 1, 0) + np.roll(points, -2, 0)
        points = np.stack([points, (9 * (points + after) - outer) / 16], 1).reshape(-1, 2)
    if verb == "comb":
        first, last, count, *box = numbers
        xs = np.linspace(first, last, int(count)) - box[1] / 2
        verb, numbers = "box", np.array([(x, *box) for x in xs])
    if verb in FORMS:
        yield from (FORMS[verb] * (wide, high) + (x, y) for x, y, wide, high in numbers.reshape(-1, 4))
    else:
        yield points


class Figures:
    """Puts a scene's subjects on the canvas, each where it belongs."""

    def __init__(self, canvas: Canvas, scene: Scene, light: Light) -> None:
        self.canvas, self.scene, self.light, self.unit = canvas, scene, light, canvas.unit
        self.shore = np.full(canvas.width, canvas.height)
        self.cut: dict[tuple[Subject, int, float], Sequence[Array]] = {}

    def paint_range(self, name: str, step: float) -> None:
        """Draws rows of peaks or trees along the horizon, the far ones first."""
        random = self.canvas.random(name)
        for i, far in enumerate((0.85, 0.6, 0.3)) if self.scene.has(name) else ():
            for x in np.arange(-step, self.canvas.width / self.unit + step, step * (1 + 0.5 * i)):
                big = (0.5 + 0.15 * i) * random.choice((0.75, 1.0, 1.25))
                y = self.canvas.horizon + self.unit * (0.02 * i + 0.015 * random.random())
                self._put(self.scene.subjects[name], self.unit * x, y, big, i, far)

    def paint_far(self) -> None:
        """Draws bridges, balloons and birds; a lighthouse has gulls."""
        canvas, scene, unit = self.canvas, self.scene, self.unit
        for x in np.arange(0.13, canvas.width / unit + 0.2, 0.258) if scene.has("bridge") else ():
            self._put(scene.subjects["bridge"], unit * x, canvas.horizon, 1.0, 0, 0.2)
        gulls = scene.has("lighthouse") and not scene.has("bird") and "bird" not in scene.absent
        flying = [(i, i, Subject("bird", 4)) for i in range(4 * gulls)] + scene.crowd("air")
        for _, i, subject in reversed(flying):
            aside = canvas.random(f"{subject.name} {i}").uniform(-0.05, 0.05)
            x = 0.38 * (i + (subject.name == "bird")) % 0.63 + aside
            y = canvas.horizon * (0.75, 0.5, 0.62, 0.4)[i % 4]
            self._put(subject, canvas.focus + canvas.side * unit * x, y, 1.4 / (1 + 0.35 * i), i, 0.05 * i)

    def paint_grass(self, stage: Array, shore: Array) -> None:
        """Scatters tufts, or flowers if the prompt names them, from the stage to the viewer or the shore."""
        canvas, flowers = self.canvas, self.scene.subjects.get("flowers")
        tufts = canvas.random("grass").random(
            (800 if flowers else 110 if self.scene.season == "winter" else 450, 2)
        )
        for i, (down, across) in enumerate(tufts[np.argsort(tufts[:, 0])]):
            column = int(across * canvas.width)
            foot = mix(float(stage[column]), canvas.height, down)
            if foot < shore[column] - 0.03 * self.unit and self.scene.ground != "desert":
                big = 0.2 + 0.2 * round(4 * (foot - canvas.horizon) / (canvas.height - canvas.horizon))
                self._put(flowers or Subject("grass"), column, foot, big, i % 4 if flowers else 0)

    def paint_near(self, stage: Array, shore: Array) -> None:
        """Draws what stands on the hill or the cape, on the water, and near the viewer."""
        canvas, scene, unit, self.shore = self.canvas, self.scene, self.unit, shore
        dry, leads = np.flatnonzero(shore - stage > 0.1 * unit), scene.lead == "stage"
        cape, first = len(dry) < canvas.width, scene.composed_for
        for slot, i, subject in scene.crowd("stage"):  # on both sides of its place, but inland on a cape
            random, side = canvas.random(f"{subject.name} {i}"), canvas.side if leads else -canvas.side
            way = -side * slot if cape else (slot + 1) // 2 * (-1) ** slot
            x = canvas.focus - 0.22 * unit * canvas.side if cape else self.light.x
            x = (canvas.focus if leads else x) + (0.34 if subject.name == "castle" else 0.22) * unit * way
            x = dry[0] + (x - dry[0]) % (dry[-1] - dry[0])
            big = max(0.45, 1.1 - 0.1 * first.get(subject.name, subject.count)) * random.uniform(0.9, 1.0)
            self._put(subject, x, stage[int(x)] + unit * random.uniform(0.012, 0.042), big, i, 0.06)
        alone = scene.lead == "water"
        for _, i, subject in reversed(scene.crowd("water")):  # in a line towards the viewer
            count = first.get(subject.name, subject.count)
            t = (0.42 if alone else 0.25) * (1 - 0.7 * i / max(count, i + 1)) + 0.3 * (subject.name == "fish")
            aside = 0.48 * (i / max(1, count - 1) if i < count else (0.5 + 0.37 * (i - count)) % 1)
            aside = (-0.12 * i if scene.crowd("stage") else aside) if alone else 0.3 + 0.1 * i
            big = (0.42 + 1.6 * t) * (1.6 if count == 1 and alone else 1.15)
            x, y = canvas.focus + canvas.width * canvas.side * aside, mix(canvas.horizon, canvas.height, t)
            self._put(subject, x, y, big, i, 0.35 * (0.5 - t))
        if forest := scene.subjects.get("forest"):  # frames what stands in it
            for x, y, big in ((0.03, 0.9, 2.4), (0.95, 0.86, 2.0), (0.17, 0.78, 1.4)):
                self._put(forest, x * canvas.width, y * canvas.height, big)
        small, beasts = "person" in first, first.keys() & {"cat", "fox", "dog"}
        for slot, i, subject in scene.crowd("near"):
            big = (1.5 if scene.lead == "near" else 1.1) - 0.12 * min(
                first.get(subject.name, subject.count), 5
            )
            if subject.name == "person":  # whoever comes later is drawn to the scale of the first
                big *= 1.9 if beasts and not small else 1.0
            elif small or (scene.has("person") and not beasts):
                big *= 0.5
            aside = (slot + 1) // 2 * (-1) ** slot * 0.2 * unit * canvas.side
            y = unit * (0.12 + 0.05 * canvas.random(f"{subject.name} {i}").random() * (slot > 0))
            x = canvas.focus if scene.lead == "near" else self.light.x
            self._put(subject, x - aside, canvas.height - y, big, i)

    def _put(self, subject: Subject, x: float, y: float, big: float, i: int = 0, far: float = 0.0) -> None:
        """Draws one figure with its shadow or reflection, and a lighthouse with its beam."""
        canvas, light, leafy = self.canvas, self.light, self.scene.season in ("autumn", "spring")
        figure = FIGURES["tree" if leafy and subject.name == "forest" else subject.name]
        height, x, y = max(8.0, float(big) * figure.height * self.unit), float(x), float(y)
        if (subject, i, height) not in self.cut:
            colours = [rgb(text) for text in figure.colours.split()] or light.leaves
            own = colours[i % len(colours)]
            if subject.colour:  # a red fox is not as red as paint
                own = mix(own, rgb(subject.colour), 0.6 if subject.name == "fox" else 1.0)
            self.cut[subject, i, height] = self._cut_out(figure, height, own, far)
        planes, alpha, glow = self.cut[subject, i, height]
        if figure.where == "water":
            self._lay_down(planes * 0.8, alpha, x, y, 0.5, 0.0)
        elif figure.where not in ("air", "far") and far < 0.2 and light.thick < 0.8:
            dark = np.zeros_like(planes) + (light.ambient * 0.32 + light.sky[0] * 0.22)[:, None, None]
            aside = float(np.clip((x - light.x) / (0.45 * canvas.width), -1, 1))
            long, lean = (0.8, 1.1 * aside) if light.low else (0.4, 0.6 * aside)
            self._lay_down(dark, alpha, x, y - 0.01 * height, long, lean)
        top, left = round(y - 1.1 * height), round(x - figure.wide * height)
        canvas.cover(alpha, planes, top, left)
        if light.lamps:
            canvas.shine(0.7 * glow, GLASS, top, left)
            if subject.name == "lighthouse":
                self._beam(x, y - 0.806 * height, height)

    def _cut_out(self, figure: Figure, height: float, own: Array, far: float) -> Sequence[Array]:
        """Draws a figure on a sheet of its own, lit and shaded; returns its colours, outline and glow."""
        light, side, winter = self.light, self.canvas.side, self.scene.season == "winter"
        fine = 3 if height * figure.wide < 256 else 2
        size = (round(2 * figure.wide * height) * fine, round(1.18 * height) * fine)
        sheets = [Image.new(mode, size) for mode in ("RGB", "L", "L")]  # colours, outline, what shines
        pens = [ImageDraw.Draw(sheets[0], "RGBA"), *map(ImageDraw.Draw, sheets[1:])]
        for verb, ink, *numbers in map(str.split, figure.drawing.strip().replace("\n", ";").split(";")):
            lit = verb in ("window", "eye2") and light.lamps
            colour = tuple((np.clip(GLASS if lit else _inked(ink, own), 0, 1) * 255).astype(int).tolist())
            for flip in (1, -1)[: (1 + verb.endswith("2")) * (winter or ink != "snow")]:
                for points in _outlines(verb.rstrip("2"), np.array(numbers, float)):
                    at = (points * (flip * side, -1) / 100 + (figure.wide, 1.1)) * height * fine
                    for pen, fill in zip(pens, (colour, 255, 255 * lit), strict=True):
                        pen.polygon(at.ravel().tolist(), fill)
        sheets, deep = [sheet.reduce(fine) for sheet in sheets], max(1.0, 0.05 * height)
        own, alpha, shining = (np.asarray(sheet, np.float32) / 255 for sheet in sheets)
        own = own.transpose(2, 0, 1) / np.maximum(alpha, 0.02)
        rim = np.clip(alpha - np.roll(alpha, -side * max(1, int(deep * 0.16)), 1), 0, 1)
        shade = np.clip(alpha - np.roll(soft(sheets[1], deep), side * int(deep), 1), 0, 1)
        planes = own * light.ambient[:, None, None] * (1 - (0.5 if light.low else 0.34) * shade)
        planes = mix(planes, light.colour[:, None, None], rim * (0.2 if light.dark == 0 else 0.5))
        planes = mix(mix(planes, own, shining), light.haze[:, None, None], far * light.thick)
        return planes, alpha, soft(sheets[2], 0.03 * height) if light.lamps else shining

    def _lay_down(self, planes: Array, alpha: Array, x: float, y: float, long: float, lean: float) -> None:
        """Lays a figure upside down in front of its foot, as a leaning shadow or a rippling reflection."""
        foot, wide = len(alpha) * 110 / 118, alpha.shape[1]
        rows = np.arange(max(2, int(foot * long)))[:, None]
        extra, t = int(abs(lean) * len(rows)) + 2, rows / len(rows)
        ripple = 0 if lean else np.sin(40 * t + 30 * t**0.7) * t**0.5 * 0.035 * len(rows)
        across, left = np.arange(-extra, wide + extra), round(x - wide / 2)
        columns = (across - lean * rows + ripple).astype(int)
        at = np.clip(foot - 1 - rows / long, 0, None).astype(int), np.clip(columns, 0, wide - 1)
        ends = self.shore[np.clip(across + left, 0, self.canvas.width - 1)]
        inside = (columns == at[1]) * np.clip(ends - rows - y, 0, 1) * (0.6 - 0.5 * t)
        self.canvas.cover(alpha[at] * inside, planes[:, at[0], at[1]], round(y), left - extra)

    def _beam(self, x: float, y: float, height: float) -> None:
        right, down, unit = self.canvas.x - x, self.canvas.y - y, self.unit
        along, across = np.abs(right + 0.05 * down), down - 0.05 * right
        ray = np.exp(-((across / (0.01 * unit + 0.085 * along)) ** 2) - along / (0.8 * unit))
        self.canvas.shine(0.75 * self.light.dark**0.5 * ray, rgb("#ffe9b0"))
        self.canvas.glow(x, y, 0.1 * height, rgb("#ffe6a0"), 1.0)
