"""The land: what stands behind the horizon in layers of air, and the ground up to the viewer."""

from __future__ import annotations

import numpy as np

from providers.sketch.canvas import WHITE, Array, Canvas, mix, rgb, tint
from providers.sketch.scene import DRY, Scene
from providers.sketch.sky import Light, stained


def paint_distance(canvas: Canvas, scene: Scene, light: Light) -> None:
    """Paints the hills and the city behind the horizon."""
    before_others = scene.ground == "desert" or scene.composed_for.keys() & {"mountains", "forest", "city"}
    if scene.has("hills") or not (before_others or "hills" in scene.absent):
        _hills(canvas, scene, light)
    if scene.has("city"):
        _city(canvas, scene, light)


def paint_ground(canvas: Canvas, scene: Scene, light: Light) -> tuple[Array, Array]:
    """Paints what lies before the horizon; returns by column where large things stand and land ends."""
    stage = shore = np.full(canvas.width, canvas.height)
    if scene.ground in DRY:
        stage = _meadow(canvas, scene, light)
    else:
        _water(canvas, scene, light)
        if scene.has_room_for("lighthouse", "castle", "house", "tree"):
            stage, shore = _cape(canvas, light, -canvas.side if scene.lead == "water" else canvas.side)
        if scene.has_room_for("person", "cat", "fox", "dog", "flowers"):
            bank = canvas.height - canvas.unit * (0.16 + 0.03 * canvas.line("bank", 2))
            canvas.ridge(bank, light.own(light.ground * 0.8), light.own(light.ground * 0.5), 0.1)
            stage = bank if stage is shore else stage
    return stage, shore


def paint_way(canvas: Canvas, scene: Scene, light: Light, way: str) -> None:
    """Paints a river or a road from the horizon to the viewer."""
    unit, first = canvas.unit, int(canvas.horizon + 0.012 * canvas.unit)
    v = np.linspace(0, 1, canvas.height - first, dtype=np.float32)[:, None]
    sway = np.sin(6.1 * (1 - v) ** 1.5 + 0.4) * (0.035 + 0.2 * v) * canvas.random(way).uniform(0.75, 1.15)
    aside = np.abs(canvas.x - mix(light.x, canvas.width / 2, v) - unit * sway * canvas.side)
    half = unit * (0.004 + 0.28 * v**1.55)
    own = light.own(stained(scene, way, rgb("#3f8ba6" if way == "river" else "#c9b08d")))[:, None, None]
    if way == "river":
        own = mix(own, canvas.planes[:, first - len(v) : first][:, ::-1], 0.6)
    canvas.cover(0.5 * np.clip(half * 1.07 + 1.5 - aside, 0, 1), light.own(light.ground * 0.7), first)
    canvas.cover(np.clip(half + 0.5 - aside, 0, 1), own, first)


def _hills(canvas: Canvas, scene: Scene, light: Light) -> None:
    sea, high = scene.ground == "sea", 1.0 if scene.has("hills") else 0.5
    if sea:  # only a far cape
        high = high * np.clip(3 * canvas.side * (0.5 - canvas.x / canvas.width) - 0.1, 0, 1) ** 0.5
    for i, far in enumerate((0.88, 0.66, 0.42)):
        rise = canvas.unit * high * (0.19 - 0.055 * i + 0.085 * canvas.line(f"hills {i}", 1.8 + i, 2))
        colour = rgb("#56607c") if sea else stained(scene, "hills", mix(light.ground, light.leaves[i], 0.5))
        crest = light.own(colour * (0.95 - 0.1 * i), far)
        canvas.ridge(canvas.horizon - rise, crest, mix(crest, light.haze, 0.3), 0.16)


def _city(canvas: Canvas, scene: Scene, light: Light) -> None:
    unit, share = canvas.unit, 0.14 + 0.36 * light.dark
    lamps = np.stack([rgb(text) for text in ("#ffb75e", "#ffd88a", "#ffe9b8", "#ffd88a", "#9fe3ea")], 1)
    canvas.glow(canvas.focus, canvas.horizon, 0.6 * unit, rgb("#ff9e6b"), 0.4 * light.dark)
    for i, (high, far) in enumerate(((0.44, 0.74), (0.36, 0.42), (0.24, 0.12))):
        random, base = canvas.random(f"city {i}"), canvas.horizon + 0.012 * unit * i
        wide = unit * random.uniform(0.04, 0.1, int(canvas.width / (0.04 * unit)) + 4) * (0.85 + 0.2 * i)
        edges = np.cumsum(wide) - 0.12 * unit
        near = np.exp(-(((edges - canvas.focus) / (0.33 * canvas.width)) ** 2))
        tall = unit * high * (0.3 + 0.45 * near + 0.35 * random.random(len(wide)) * (0.4 + near))
        tower = np.searchsorted(edges, canvas.x) - 1
        flat, kind = base - tall[tower], random.random(len(wide))[tower]
        aside = np.abs((canvas.x - edges[tower]) / wide[tower + 1] - 0.5)
        roof = 0.1 * ((kind < 0.3) & (aside < 0.28)) + 0.2 * ((kind < 0.4) & (aside < 0.025))
        wall = light.own(stained(scene, "city", rgb("#5d6a86")) * (1 - 0.22 * i), far)
        first, inside, _ = canvas.ridge(flat - tall[tower] * roof, wall, mix(wall, light.haze, 0.22), high)
        x, y = (at / unit * grid / (1 + 0.25 * i) for at, grid in ((canvas.x, 95), (canvas.y[first:], 65)))
        lit = random.random((int(y[-1, 0]) + 1, int(x[-1]) + 1), np.float32)[y.astype(int), x.astype(int)]
        panes = inside * (x % 1 > 0.42) * (y % 1 > 0.45) * (canvas.y[first:] > flat + 0.01 * unit)
        panes = panes * (lit < share) * (0.45 + 0.5 * lit / share) * (1 - 0.6 * far)
        hues = lamps[:, (lit * 7919 % 5).astype(int)] if light.lamps else 0.5 * light.sky[2]
        canvas.shine(panes, hues, first)


def _meadow(canvas: Canvas, scene: Scene, light: Light) -> Array:
    """Paints three swells of grass, snow or sand; returns the line of the nearest one."""
    stage, bare = canvas.x, scene.season == "winter" or scene.ground == "desert"
    ground = stained(scene, "desert", rgb("#eebd78")) if scene.ground == "desert" else light.ground
    high = scene.composed_for.keys() & {"castle", "lighthouse", "hills"} and "river" not in scene.composed_for
    mound = 0.15 if high else 0.05
    mound = mound * np.exp(-(((canvas.x - canvas.focus) / (0.36 * canvas.width)) ** 2))
    for i, (down, far) in enumerate(((0.0, 0.5), (0.12, 0.22), (0.27, 0.0))):
        swell = (0.06 if scene.ground == "desert" else 0.018) * canvas.line(f"meadow {i}", 2, 3)
        stage = mix(canvas.horizon, canvas.height, down) - canvas.unit * (0.015 + mound * (i == 2) + swell)
        soil = ground if bare else tint(ground, light.leaves[i], 0.3) * (1.03 - 0.1 * i)
        foot = mix(light.own(soil * (1.0 if bare else 0.72)), light.sky[0] * light.ambient, 0.2)
        canvas.ridge(stage, mix(light.own(soil, far), light.colour, 0.12), foot, 0.3)
    return stage


def _water(canvas: Canvas, scene: Scene, light: Light) -> None:
    """Paints the reflection of what stands above, the waves, and the light's path on them."""
    unit, first, rough = canvas.unit, int(canvas.horizon), scene.weather & {"rain", "storm"}
    own = stained(scene, "lake" if scene.has("lake") else "sea", rgb("#2f7f96"))
    own = light.own(tint(own, rgb(scene.colours[-1]), 0.5) if scene.colours else own) * 0.85
    v = np.linspace(0, 1, canvas.height - first, dtype=np.float32)[:, None]
    wider = (359 * v[:, 0] ** 0.6).astype(int)  # waves get wider towards the viewer
    waves, sparks = (canvas.noise(f"waves {cells}", cells, 3, 9, 360)[wider] for cells in (7, 11))
    swell = 1.1 if "storm" in scene.weather else 0.7 if scene.ground == "sea" else 0.35
    above = np.clip(first - 1 - 0.9 * len(v) * v - waves * unit * (0.015 + 0.045 * v) * swell, 0, first - 1)
    across = np.clip(canvas.x + waves * unit * 0.02 * v, 0, canvas.width - 1)
    image = canvas.planes[:, above.astype(int), across.astype(int)]
    if scene.has("city") and rough:  # its lights smear towards the viewer
        total, reach, rows = np.cumsum(image, 1), max(2, int(0.05 * unit)), np.arange(len(v))
        smear = total[:, np.minimum(rows + reach, len(v) - 1)] - total[:, np.maximum(rows - reach, 0)]
        image = mix(image, smear / reach, 0.6)
    image = mix(own[:, None, None], image, 0.77 - 0.42 * v)
    canvas.planes[:, first:] = image * (1 + (0.07 + 0.1 * v) * waves)
    path = np.exp(-(((canvas.x - light.x) / (unit * (0.05 + 0.16 * v))) ** 2)) * (not rough)
    sparks = np.clip((sparks + 0.3 * waves + 0.7 * path - 0.45) * 5, 0, 1)
    canvas.shine((0.75 if light.low else 0.5) * sparks * path * (1 - 0.35 * v), light.colour, first)


def _cape(canvas: Canvas, light: Light, side: int) -> tuple[Array, Array]:
    """Paints a grassy cape, which is at the left for the side 1, with a cliff and foam at its foot."""
    unit, room, rough = canvas.unit, canvas.height - canvas.horizon, canvas.line("cape", 5, 5)
    t = np.clip(1 - (0.5 + side * (canvas.x / canvas.width - 0.5)) / 0.7, 0, 1)
    rise = np.clip(t * 3.2, 0, 1) ** 2 * (3 - 2 * np.clip(t * 3.2, 0, 1)) * (1 + 0.2 * rough * (0.4 + t))
    tops = np.where(t > 0, canvas.horizon + 0.24 * room - unit * (0.125 * rise + 0.04 * t), canvas.height)
    reach = 0.92 * t**1.25 * (1 + 0.12 * rough) + 0.02 * np.minimum(1, t * 12)
    shore = canvas.horizon + room * (0.24 + reach)
    rock, turf = rgb("#6b5a5c"), tint(light.ground, light.leaves[0], 0.4)
    sunlit = mix(light.own(turf, 0.1), light.colour, 0.12)
    first, inside, _ = canvas.ridge(tops, sunlit, light.own(turf * 0.62), 0.3, until=shore)
    above, strokes = (shore - canvas.y[first:]) / unit, canvas.brushwork[first:]
    cliff = np.clip(2.5 * (1 - above / (0.065 + 0.03 * rough) + 0.7 * strokes) - 0.6, 0, 1)
    strata = 0.8 + 0.25 * np.sin(105 * canvas.y[first:] / unit + rough + 6 * strokes)
    canvas.cover(inside * cliff, light.own(rock, 0.1)[:, None, None] * strata, first)
    foam = np.exp(-(((above + 0.003) / (0.0045 * (1.6 + rough))) ** 2)) * (t > 0.004)
    canvas.cover(0.7 * foam * np.clip(0.5 + strokes, 0.1, 1), light.own(WHITE), first)
    return tops, shore
