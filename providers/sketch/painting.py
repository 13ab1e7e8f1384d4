"""One picture: the scene's parts in their order, from the sky to the viewer's feet."""

from __future__ import annotations

import secrets
from dataclasses import replace

import numpy as np

from providers.sketch import land
from providers.sketch.canvas import Array, Canvas, as_array, mix, rgb
from providers.sketch.light import Light, light_of, luminance, tint
from providers.sketch.pen import GLASS, Pen, cast, mirror
from providers.sketch.sky import paint_lightning, paint_sky, paint_weather, veil
from providers.sketch.subjects import KINDS, Kind, bridge
from providers.sketch.words import Scene, Subject

SAND, ROCK, SEA = rgb("#ecd09a"), rgb("#6b5a5c"), rgb("#2f7f96")


DREAMS = (
    ("mountains", "lake", "birds"),
    ("hills", "tree", "river"),
    ("sea", "island", "palm", "boat"),
    ("mountains", "hills", "balloon"),
    ("desert", "moon", "birds"),
    ("forest", "lake", "mountains"),
    ("flowers", "windmill", "hills"),
)
"""What a prompt shows that names no subject."""


def paint(scene: Scene, width: int, height: int, seed: int) -> bytes:
    """Paints a scene as a PNG; the same arguments give the same bytes."""
    if not scene.subjects:
        dream = DREAMS[scene.mood // 7 % len(DREAMS)]
        scene = replace(scene, subjects=tuple(Subject(name) for name in dream if name not in scene.absent))
    canvas = Canvas(width, height, seed)
    light = light_of(scene, canvas)
    _Painter(scene, canvas, light).all()
    return canvas.png()


class _Painter:
    def __init__(self, scene: Scene, canvas: Canvas, light: Light) -> None:
        self.scene, self.canvas, self.light = scene, canvas, light
        self.unit, self.room = canvas.unit, canvas.height - light.horizon
        self.left = light.focus < canvas.width / 2
        self.floats = scene.has("sea", "island", "beach") or (
            scene.has("boat", "fish", "lighthouse") and not scene.has("river", "lake", "desert", "city", "hills", "forest")
        )
        self.wet = scene.has("city") and bool(scene.weather & {"rain", "storm"})
        inland = scene.has("road", "river", "forest", "hills", "flowers", "desert", "rooftop", "tree", "village")
        self.basin = scene.has("lake") or (scene.has("city") and not inland)
        self.shore = np.full(canvas.width, canvas.height, np.float32)
        """Where the stage's land ends and water begins again, for each column."""

    def all(self) -> None:
        scene, canvas, light = self.scene, self.canvas, self.light
        paint_sky(canvas, scene, light)
        if "storm" in scene.weather:
            paint_lightning(canvas, light)
        self.distance()
        self.air()
        stage = self.ground()
        self.bridge()
        self.on_stage(stage)
        self.on_water()
        self.near()
        paint_weather(canvas, scene, light)
        finish(canvas, scene)

    def distance(self) -> None:
        scene, canvas, light = self.scene, self.canvas, self.light
        asked = scene.has("mountains", "hills", "forest", "city")
        if scene.has("mountains"):
            land.mountains(canvas, scene, light)
        if scene.has("hills") or not (asked or self.floats or scene.has("desert")):
            land.far_hills(canvas, scene, light)
        if self.floats and not asked:
            edge = canvas.x / canvas.width if not self.left else 1 - canvas.x / canvas.width
            rise = np.clip((edge - 0.55) * 2.2, 0, 1) ** 0.7 * (0.75 + 0.5 * canvas.profile("cape", 3))
            tops = (light.horizon + 2 - self.unit * 0.075 * rise).astype(np.float32)
            canvas.ridge(tops, light.own(rgb("#56607c"), 0.75), light.own(rgb("#56607c"), 0.95), 0.08)
        if "fog" in scene.weather:
            veil(canvas, scene, light, light.horizon - 0.12 * self.unit, 0.14 * self.unit, 0.6, "far mist")
        if scene.has("forest"):
            land.forest(canvas, scene, light)
        if scene.has("city"):
            land.city(canvas, scene, light)

    def ground(self) -> Array:
        """Paints what lies before the horizon; gives the line that large subjects stand on."""
        scene, canvas, light, unit = self.scene, self.canvas, self.light, self.unit
        low = light.horizon + 0.2 * self.room
        if scene.has("rooftop") and not scene.has("forest", "sea", "lake", "village"):
            land.roofs(canvas, light)
            return np.full(canvas.width, low, np.float32)
        if scene.has("desert"):
            land.dunes(canvas, scene, light)
            return np.full(canvas.width, light.horizon + 0.3 * self.room, np.float32)
        if self.floats or self.basin:
            subject = scene.subject("sea") or scene.subject("lake")
            own = land.stained(SEA if not self.wet else rgb("#3b4152"), subject)
            if scene.colours and not (subject and subject.colour):
                own = tint(own, rgb(scene.colours[-1]), 0.5)
            rough = 0.1 if scene.weather & {"storm", "wind"} else 0.5 if self.floats else 0.85
            land.water(canvas, scene, light, light.horizon, own, rough, self.wet)
            if scene.has("beach"):
                return self.beach()
            if scene.has(*(name for name, kind in KINDS.items() if kind.where == "stage"), "island", "village"):
                return self.headland()
            return np.full(canvas.width, low, np.float32)
        colour = rgb("#dfe6ee") if scene.season == "winter" else light.ground
        land.plain(canvas, light, colour)
        mound = 0.15 if scene.has("castle", "lighthouse") or (scene.has("hills") and not scene.has("river")) else 0.05
        bump = np.exp(-(((canvas.x - light.focus) / (0.36 * canvas.width)) ** 2))
        roll = canvas.profile("stage", 2.5, 3)
        stage = (low - unit * (mound * bump + 0.018 * roll)).astype(np.float32)
        white = luminance(colour) > 0.8
        near = colour if white else tint(colour, light.leaves[0], 0.3)
        foot = light.own(near * 0.72) if not white else mix(light.own(near), light.sky[0] * light.ambient, 0.22)
        canvas.ridge(stage, mix(light.own(near, 0.16), light.colour, 0.1), foot, 0.3)
        self.ways(stage)
        if not scene.has("river", "road", "city"):
            self.grass(stage, tint(near, light.leaves[0], 0.4) * 0.8, 1100 if scene.has("flowers") else 110 if white else 420, scene.subject("flowers"))
        return stage

    def ways(self, stage: Array) -> None:
        canvas, light, scene = self.canvas, self.light, self.scene
        if scene.has("river"):
            top, centre, half = land.winding(canvas, light, "river", 0.3)
            subject = scene.subject("river")
            rows = np.arange(canvas.height - top)
            up = np.clip(top - 1 - rows * 0.9, 0, None).astype(np.intp)
            sway = (canvas.x + 4 * canvas.brushwork[top:]).clip(0, canvas.width - 1).astype(np.intp)
            image = canvas.planes[:, up[:, None], sway]
            own = light.own(land.stained(rgb("#3f8ba6"), subject))
            canvas.ribbon(top, centre, half * 1.07 + 1, light.own(light.ground * 0.7), 0.5)
            canvas.ribbon(top, centre, half, mix(own[:, None, None], image, 0.6))
            streaks = np.clip(canvas.noise("stream", 4, 3, 9, len(rows)) * 2.4 - 0.7, 0, 1)
            canvas.ribbon(top, centre, half * 0.94, mix(light.colour, light.sky[-1], 0.4), 0.4 * streaks)
        if scene.has("road"):
            top, centre, half = land.winding(canvas, light, "road", 0.26)
            own = land.stained(rgb("#d2b48a") if scene.season != "winter" else rgb("#b7bfcb"), scene.subject("road"))
            canvas.ribbon(top, centre, half * 1.05 + 1, light.own(light.ground * 0.7), 0.6)
            canvas.ribbon(top, centre, half, light.own(own))
            canvas.ribbon(top, centre - half * 0.45, half * 0.12, light.own(own * 0.8), 0.6)
            canvas.ribbon(top, centre + half * 0.45, half * 0.12, light.own(own * 0.8), 0.6)

    def beach(self) -> Array:
        canvas, light = self.canvas, self.light
        line = light.horizon + self.room * 0.5 - self.unit * 0.05 * canvas.profile("beach", 1.5, 2)
        slant = (canvas.x / canvas.width - 0.5) * self.room * (-0.35 if not self.left else 0.35)
        line = (line + slant).astype(np.float32)
        sand = land.stained(SAND, self.scene.subject("beach"))
        canvas.ridge(line - 0.008 * self.unit, light.own(np.ones(3) * 0.97), light.own(sand * 0.9), 0.01, 0.9)
        canvas.ridge(line + 0.01 * self.unit * (1.4 + canvas.profile("foam", 8)), light.own(sand * 0.74), light.own(sand * 0.9), 0.07)
        canvas.ridge(line + 0.055 * self.unit * (1.2 + 0.4 * canvas.profile("tide", 4)), mix(light.own(sand), light.colour, 0.15), light.own(sand * 0.86), 0.3)
        return line + 0.1 * self.unit

    def headland(self) -> Array:
        scene, canvas, light, unit = self.scene, self.canvas, self.light, self.unit
        x = canvas.x / canvas.width if self.left else 1 - canvas.x / canvas.width
        tip = 0.7
        if scene.has("island"):
            x, tip = np.abs(canvas.x - light.focus) / canvas.width, 0.33
        t = np.clip((tip - x) / tip, 0, 1)
        rough = canvas.profile("headland", 5, 5, 0.55)
        foot = light.horizon + 0.24 * self.room
        rise = np.clip(t * 3.2, 0, 1)
        rise = rise * rise * (3 - 2 * rise)
        if scene.has("island"):
            rise = np.sin(t * 1.57) ** 0.8
        tops = foot - unit * 0.125 * rise * (1 + 0.2 * rough * (0.4 + t)) - unit * 0.04 * t
        reach, bulge = (0.92, t**1.25) if not scene.has("island") else (0.3, np.sqrt(1 - (1 - t) ** 2))
        shore = foot + self.room * reach * bulge * (1 + 0.12 * rough) + unit * 0.012 * np.minimum(1, t * 12)
        tops, self.shore = tops.astype(np.float32), shore.astype(np.float32)
        y = canvas.y
        inside = np.clip(y - tops + 0.5, 0, 1) * np.clip(shore - y + 0.5, 0, 1) * (t > 0)
        dark = light.own(ROCK * 0.5)
        below = np.clip((y - shore) / (0.09 * unit), 0, 1)
        canvas.cover(0.6 * (1 - below) ** 2 * (y >= shore - 1) * np.clip(t * 8, 0, 1), dark)
        ground = rgb("#e3eaf1") if scene.season == "winter" else tint(light.ground, light.leaves[0], 0.4)
        cliff = np.clip(1 - (shore - y) / (unit * (0.035 + 0.03 * (1 + rough))) + 0.7 * canvas.brushwork, 0, 1)
        down = np.clip((y - tops) / (0.3 * unit) + 0.25 * canvas.brushwork, 0, 1)
        turf = mix(mix(light.own(ground, 0.1), light.colour, 0.12), light.own(ground * 0.62), down)
        canvas.cover(inside, turf)
        strata = 0.8 + 0.25 * np.sin((y + 9 * rough) * 50 / unit * 6.28 / 3 + 6 * canvas.brushwork)
        stone = [channel * strata for channel in light.own(ROCK, 0.1)]
        canvas.cover(inside * np.clip(cliff * 2.5 - 0.6, 0, 1), stone)
        foam = np.exp(-(((y - shore - 0.003 * unit) / (0.0045 * unit * (1.6 + rough))) ** 2)) * (t > 0.004)
        canvas.cover(0.7 * foam * np.clip(0.5 + canvas.brushwork, 0.1, 1), light.own(np.ones(3)))
        self.grass(np.where(t > 0.03, tops, canvas.height).astype(np.float32), ground * 0.78, 900, scene.subject("flowers"))
        return tops

    def pen(self, kind: Kind, subject: Subject, height: float, i: int) -> tuple[Pen, Array]:
        seed = [self.canvas.seed, len(subject.name), ord(subject.name[0]), i]
        pen = Pen(self.light, max(8.0, height), kind.wide, seed, self.scene.season == "winter")
        usual = rgb(kind.colour) if kind.colour else self.light.leaves[i % 3]
        # A red fox is not the red of paint.
        beast = subject.name in ("cat", "fox", "dog")
        return pen, mix(usual, rgb(subject.colour), 0.6 if beast else 1.0) if subject.colour else usual

    def put(self, subject: Subject, x: float, y: float, height: float, i: int = 0, far: float = 0.0) -> None:
        """Draws one thing with its shadow or reflection, its lamps and, for a lighthouse, its beam."""
        kind, canvas, light = KINDS[subject.name], self.canvas, self.light
        pen, colour = self.pen(kind, subject, height, i)
        kind.draw(pen, colour)
        stamp = pen.done(far, 0.05 if kind.where != "air" else 0.03)
        lit = "fog" not in self.scene.weather and not (self.scene.weather & {"rain", "storm"})
        if kind.where == "water":
            mirror(canvas, stamp, x, y)
        elif kind.where != "air" and lit:
            length = 0.8 if light.low else 0.45 if light.dark > 0.9 else 0.35
            cast(canvas, light, stamp, x, y - 0.01 * height, length, self.shore)
        if subject.name == "lighthouse" and light.lamps:
            self.beam(x, y - 0.806 * height)
        canvas.stamp(stamp, x, y)
        for right, up, reach in stamp.lamps:
            canvas.glow(x + right, y - up, reach * 0.5, rgb(GLASS), 0.5 * light.dark)
        if subject.name == "lighthouse" and light.lamps:
            canvas.glow(x, y - 0.806 * height, 0.04 * height, rgb("#fff3c4"), 1.0)
            canvas.glow(x, y - 0.806 * height, 0.16 * height, rgb("#ffd27a"), 0.6)

    def beam(self, x: float, y: float) -> None:
        canvas, unit = self.canvas, self.unit
        tilt = canvas.random("beam").uniform(-0.08, -0.02)
        for way in (1, -1):
            right, down = canvas.x - x, canvas.y - y
            along = way * right + tilt * -down
            across = down - tilt * way * right
            wide = 0.01 * unit + 0.085 * np.abs(along)
            ray = np.exp(-((across / wide) ** 2)) * np.exp(-along / (0.8 * unit)) * (along > 0)
            canvas.shine(0.75 * self.light.dark**0.5 * ray, rgb("#ffe9b0"))

    def crowd(self, *places: str) -> list[Subject]:
        return [s for s in self.scene.subjects if s.name in KINDS and KINDS[s.name].where in places]

    def on_stage(self, stage: Array) -> None:
        scene, canvas, light, unit = self.scene, self.canvas, self.light, self.unit
        if scene.has("lighthouse") and "birds" not in scene.absent and not scene.has("birds"):
            self.flock(Subject("birds", 4), 0.75)
        random = canvas.random("stage")
        if scene.has("village"):
            asked = scene.subject("village")
            houses = Subject("house", 7, asked.colour if asked else None)
            for i in range(houses.count):
                x = light.focus + unit * (0.125 * (i - 3) + random.uniform(-0.03, 0.03))
                self.set(houses, stage, x, 0.1 + 0.02 * (i % 2), i, 0.02 * (i % 2))
        crowd = self.crowd("stage")
        if scene.has("house") and "tree" not in scene.absent and not scene.has("tree", "pine", "palm", "desert", "village"):
            crowd.append(Subject("pine", 3))
        edges = [light.focus, light.focus]
        first = True
        for subject in crowd:
            kind, count = KINDS[subject.name], subject.count
            shrink = 1.0 if count == 1 else max(0.45, 1.1 - 0.08 * count)
            for i in range(count):
                high = kind.height * shrink * (1.0 if first or count == 1 else random.uniform(0.72, 1.0))
                half = 0.72 * kind.wide * high * unit
                if first:
                    x, edges = light.focus, [light.focus - half, light.focus + half]
                else:
                    rooms = (edges[0], canvas.width - edges[1])
                    go_left = rooms[0] > rooms[1] if not self.floats or scene.has("beach") else self.left
                    x = edges[0] - half if go_left else edges[1] + half
                    if not -half < x < canvas.width + half:
                        x = random.uniform(0.05, 0.95) * (light.focus if self.floats and self.left else canvas.width)
                    edges = [min(edges[0], x - half), max(edges[1], x + half)]
                first = False
                self.set(subject, stage, x, high, i, random.uniform(0.0, 0.03))

    def set(self, subject: Subject, stage: Array, x: float, high: float, i: int, nearer: float) -> None:
        column = int(np.clip(x, 0, self.canvas.width - 1))
        high *= self.canvas.random(subject.name).uniform(0.92, 1.06)
        self.put(subject, x, stage[column] + self.unit * (0.012 + nearer), high * self.unit, i, 0.06)

    def on_water(self) -> None:
        light, canvas, unit = self.light, self.canvas, self.unit
        random = canvas.random("water")
        alone = not self.crowd("stage")
        for subject in self.crowd("water"):
            count = subject.count
            order = sorted(range(count), key=lambda i: -i)
            for i in order:
                t = 0.42 - 0.3 * i / max(1, count) + random.uniform(-0.03, 0.03)
                if not alone or self.scene.has("beach"):
                    t *= 0.6
                if subject.name == "fish":
                    t += 0.3
                aside = 0.0 if alone else 0.46 if self.scene.has("island") else 0.3
                spread = light.focus / canvas.width + (aside if self.left else -aside)
                step = (0.84 - spread if spread < 0.5 else 0.16 - spread) / max(1, count - 1)
                x = canvas.width * (spread + (i * step if alone else 0.1 * i) + random.uniform(-0.02, 0.02))
                size = KINDS[subject.name].height * unit * (0.42 + 1.6 * t) * (1.6 if count == 1 and alone else 1.15)
                self.put(subject, x, light.horizon + self.room * t, size, i, 0.35 * (0.5 - t))

    def near(self) -> None:
        scene, canvas, light, unit = self.scene, self.canvas, self.light, self.unit
        crowd = self.crowd("near")
        dry = not self.floats and not self.basin
        base = canvas.height - (0.16 if light.low else 0.085) * unit
        roof = scene.has("rooftop")
        if roof:
            base = self.roof()
        elif crowd and not dry and not scene.has("beach"):
            line = (canvas.height - unit * (0.13 + 0.03 * canvas.profile("bank", 2))).astype(np.float32)
            canvas.ridge(line, light.own(light.ground * 0.8), light.own(light.ground * 0.5), 0.12)
        if scene.has("forest") and not roof:
            for i, (x, y, high) in enumerate(((0.03, 0.9, 0.85), (0.95, 0.86, 0.7), (0.17, 0.78, 0.5))):
                tall = canvas.random("frame").uniform(0.92, 1.08) * high
                name = "tree" if scene.season in ("autumn", "spring") else "pine"
                forest = scene.subject("forest")
                self.put(Subject(name, 1, forest.colour if forest else None), x * canvas.width, y * canvas.height, tall * unit, i)
        random = canvas.random("near")
        alone = len(crowd) == 1 and not self.crowd("stage")
        taken = 0
        for subject in crowd:
            kind = KINDS[subject.name]
            for i in range(subject.count):
                scale = (1.45 if alone else 1.0) * max(0.5, 1.05 - 0.09 * (subject.count - 1))
                slot = (taken + 1) // 2 * (1 if taken % 2 else -1) * (1 if self.left else -1)
                x = light.focus + slot * unit * 0.62 * kind.height * scale * 1.15
                if self.crowd("stage") and not roof:
                    x += (light.x - light.focus) * 0.8
                size = kind.height * unit * scale * random.uniform(0.86, 1.0)
                y = base - (0 if roof else unit * random.uniform(0.0, 0.05) * (taken > 0))
                self.put(subject, float(np.clip(x, 0.08 * canvas.width, 0.92 * canvas.width)), y, size, i)
                taken += 1

    def roof(self) -> float:
        canvas, light, unit = self.canvas, self.light, self.unit
        ridge = canvas.height - 0.2 * unit
        tile = light.own(land.stained(rgb("#8c4a41"), self.scene.subject("rooftop")))
        tops = np.full(canvas.width, ridge, np.float32)
        chimney = slice(int(light.x - 0.05 * unit), int(light.x + 0.05 * unit))
        bricks = np.full(canvas.width, canvas.height + 4, np.float32)
        bricks[chimney] = ridge - 0.13 * unit
        canvas.ridge(bricks, tile * 0.75, tile * 0.5, 0.2)
        canvas.ridge(tops, mix(tile, light.colour, 0.15), tile * 0.5, 0.2)
        y = canvas.y[int(ridge) :]
        row = (y - ridge) / (0.04 * unit)
        scallop = (canvas.x / (0.05 * unit) + 0.5 * (row.astype(int) % 2)) % 1.0
        seam = np.clip(1.4 - 7 * np.abs(row % 1.0 - 0.25 - 0.5 * np.sqrt(np.clip(1 - (2 * scallop - 1) ** 2, 0, 1))), 0, 1)
        canvas.cover(0.35 * seam, tile * 0.3, int(ridge))
        canvas.cover(np.clip(1 - np.abs(canvas.y - ridge) / (0.008 * unit), 0, 1) + 0 * canvas.x, mix(tile, light.colour, 0.35))
        return ridge + 0.006 * unit

    def grass(self, tops: Array, colour: Array, count: int, flowers: Subject | None = None) -> None:
        """Scatters blades, and flowers where there are any, from a line down to the viewer or the shore."""
        canvas, light, random = self.canvas, self.light, self.canvas.random("grass")
        high = canvas.height - float(tops.min()) + 0.01 * self.unit
        pen = Pen(light, high, canvas.width / 2 / high, 1, fine=2)
        usual = ("#e8483f", "#f6c945", "#f3efe6", "#c56bd6")
        hues = [rgb(c) for c in ((flowers.colour,) if flowers and flowers.colour else usual)]
        columns = random.integers(0, canvas.width, count)
        depths = np.where(random.random(count) < 0.2, 0, random.random(count))
        feet = tops[columns] + depths * (canvas.height - tops[columns])
        for i in np.argsort(feet):
            if feet[i] > self.shore[columns[i]] - 0.03 * self.unit:
                continue
            near = (feet[i] - light.horizon) / self.room
            size = self.unit * (0.012 + 0.05 * max(near, 0)) * random.uniform(0.6, 1.1) / high
            x, y = columns[i] / high - pen.wide, (canvas.height - feet[i]) / high
            lean, shade = random.uniform(-0.4, 0.4), random.uniform(0.8, 1.3) * (1.05 - 0.25 * near)
            for sway in (-0.35, 0.0, 0.3):
                tip = (x + (lean + sway) * size, y + size * (1 - abs(sway)))
                pen.shape(colour * shade, (x - 0.05 * size, y), (x + 0.05 * size, y), tip)
            if flowers:
                hue = hues[int(random.integers(len(hues)))] * random.uniform(0.86, 1.08)
                pen.oval(hue, x + lean * size, y + size, 0.3 * size, 0.22 * size)
                pen.oval(hue * 0.6, x + lean * size, y + 0.97 * size, 0.1 * size, 0.07 * size)
        canvas.stamp(pen.done(0, 0), canvas.width / 2, canvas.height)

    def bridge(self) -> None:
        subject, light, canvas = self.scene.subject("bridge"), self.light, self.canvas
        if subject:
            high = 0.17 * self.unit
            pen = Pen(light, high, canvas.width / 2 / high + 0.1, 1)
            bridge(pen, rgb(subject.colour or "#a58f80"))
            stamp = pen.done(0.1)
            x, y = canvas.width * 0.5, light.horizon + 0.34 * self.room
            if self.floats or self.basin:
                mirror(canvas, stamp, x, y, 0.4)
            canvas.stamp(stamp, x, y)
            for right, up, reach in stamp.lamps:
                canvas.glow(x + right, y - up, 0.5 * reach, rgb(GLASS), 0.6)

    def flock(self, subject: Subject, small: float = 1.0) -> None:
        canvas, light = self.canvas, self.light
        random = canvas.random("birds")
        middle = mix(light.focus, light.x, 0.55), light.horizon * 0.42
        for i in range(subject.count):
            x = middle[0] + self.unit * random.uniform(-0.24, 0.24)
            y = middle[1] + self.unit * random.uniform(-0.16, 0.14)
            size = KINDS["birds"].height * self.unit * small * random.uniform(0.5, 1.0) * (2.2 if subject.count == 1 else 1.15)
            self.put(subject, x, y, size, i, 0.12)

    def air(self) -> None:
        canvas, light, unit = self.canvas, self.light, self.unit
        random = canvas.random("air")
        for subject in self.crowd("air"):
            if subject.name == "birds":
                self.flock(subject)
                continue
            for i in range(subject.count)[::-1]:
                big = (1.5 if subject.count == 1 else 1.15) * (1.0, 0.62, 0.45, 0.34)[min(i, 3)]
                aside = (0, 0.42, 0.2, -0.24, 0.54, 0.31)[i % 6] * (1 if self.left else -1)
                x = light.focus + canvas.width * aside
                y = light.horizon * (0.62 if i == 0 else random.uniform(0.3, 0.6))
                self.put(replace(subject, colour=subject.colour or ("#d9483f", "#e9a63a", "#3f8fa8", "#8a56a8")[i % 4]), x, y, KINDS["balloon"].height * unit * big, i, 0.25 * i / subject.count)


def finish(canvas: Canvas, scene: Scene) -> None:
    """Gives the whole its style, darker corners and a little grain."""
    planes = canvas.planes
    grey = 0.3 * planes[0] + 0.59 * planes[1] + 0.11 * planes[2]
    if scene.style == "monochrome":
        tone = np.clip((grey - 0.45) * 1.35 + 0.48, 0, 1)
        planes[:] = tone * np.array([1.0, 0.99, 0.96], np.float32)[:, None, None]
    elif scene.style == "sepia":
        planes[:] = mix(planes, (0.1 + 0.9 * grey) * np.array([1.04, 0.88, 0.66], np.float32)[:, None, None], 0.82)
    elif scene.style == "vivid":
        planes[:] = grey + (planes - grey) * 1.5
    elif scene.style == "pastel":
        planes[:] = mix(grey + (planes - grey) * 0.85, np.float32(1), 0.3)
    elif scene.style == "watercolour":
        pool = np.clip(0.55 + 0.8 * canvas.noise("pool", 5, 5), 0, 1)
        edge = np.clip(1.35 - 2.6 * np.maximum(np.abs(canvas.x / canvas.width - 0.5), np.abs(canvas.y / canvas.height - 0.5)) + 0.14 * pool, 0, 0.16) / 0.16
        paper = rgb("#faf5ea")[:, None, None]
        planes[:] = mix(paper, planes, edge * (0.72 + 0.2 * pool))
    corner = ((canvas.x / canvas.width - 0.5) ** 2 + (canvas.y / canvas.height - 0.5) ** 2) * 2
    planes *= 1 - 0.2 * corner * corner * (scene.style != "watercolour")
    grain = canvas.random("grain").standard_normal((canvas.height, canvas.width), np.float32)
    planes += 0.006 * grain + 0.01 * canvas.brushwork
    np.clip(planes, 0, 1, out=planes)
