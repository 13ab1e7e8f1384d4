"""The land: ranges, woods, dunes and cities in layers of air, and the water that mirrors them."""

from __future__ import annotations

import numpy as np

from providers.sketch.canvas import Array, Canvas, Colour, mix, rgb
from providers.sketch.light import Light, luminance, tint
from providers.sketch.words import Scene, Subject


def stained(colour: Array, subject: Subject | None, amount: float = 0.85) -> Array:
    """Gives the colour that the prompt asks for a subject, or the usual one."""
    return tint(colour, rgb(subject.colour), amount) if subject and subject.colour else colour


def faces(canvas: Canvas, tops: Array, light: Light, lean: float, jag: float) -> tuple[int, Array]:
    """Says how much each pixel under a crest is turned from the light, from a first row on."""
    first = int(np.clip(tops.min(), 0, canvas.height - 1))
    reach = max(3, canvas.width // 70)
    even = np.convolve(np.pad(tops, reach, "edge"), np.ones(2 * reach + 1) / (2 * reach + 1), "valid")
    toward = 1 if light.x > light.focus else -1
    away = np.clip(0.5 - np.gradient(even) * toward * 2.2, 0, 1).astype(np.float32)
    y = canvas.y[first:]
    at = canvas.x + toward * lean * (y - tops) + jag * canvas.brushwork[first:] * np.clip(y - tops, 0, jag * 4) / 4
    return first, away[np.clip(at.astype(np.intp), 0, canvas.width - 1)]


def mountains(canvas: Canvas, scene: Scene, light: Light) -> None:
    """Paints two or three ranges, with faces and snow."""
    subject, unit = scene.subject("mountains"), canvas.unit
    toward = 1 if light.x > light.focus else -1
    rock = stained(rgb("#6d7389"), subject)
    snowy = rgb("#fbfaf7") if not (subject and subject.colour) else mix(rock, np.ones(3), 0.62)
    for i, (high, far) in enumerate(((0.36, 0.78), (0.27, 0.5), (0.15, 0.28))):
        random, rise = canvas.random(f"peaks {i}"), np.full(canvas.width, 0.02 * unit, np.float32)
        summit = np.zeros(canvas.width, np.float32)
        bend = canvas.x + 0.02 * unit * canvas.profile(f"bend {i}", 6, 4, 0.6)
        step = unit * high * 0.55
        for x in np.arange(-step, canvas.width + 2 * step, step):
            at = x + random.uniform(-0.4, 0.4) * step
            main = np.exp(-(((at - light.focus) / (0.3 * canvas.width)) ** 2)) * (i == 1)
            tall = unit * high * (random.uniform(0.45, 1.05) + 0.4 * main)
            slope = np.abs(bend - at) / (tall * random.uniform(0.75, 1.05))
            face = tall * (1 - slope**0.9)
            summit = np.where(face > rise, at, summit)
            rise = np.maximum(rise, face)
        tops = (light.horizon + 2 - rise + 0.005 * unit * canvas.profile(f"crag {i}", 30, 3, 0.6)).astype(np.float32)
        crest, foot = light.own(rock, far), mix(light.own(rock, far), light.haze, 0.55 * light.thick)
        canvas.ridge(tops, crest, foot, 0.3)
        first = int(max(0, tops.min()))
        y = canvas.y[first:]
        inside = np.clip(y - tops + 0.5, 0, 1)
        # From each summit an edge wanders down, between the lit side and the dark one.
        wander = unit * (0.03 * canvas.brushwork[first:] + 0.05 * np.sin((y - tops) / unit * 17 + i))
        away = np.clip(((summit - canvas.x) * toward - wander * np.clip((y - tops) / (0.08 * unit), 0, 1)) / 2.5 + 0.5, 0, 1)
        dark = mix(light.own(rock * 0.55, far * 0.85), light.sky[1], 0.2)
        canvas.cover(0.6 * away * inside * np.clip(1.2 - (y - tops) / (high * unit), 0, 1), dark, first)
        if scene.season == "winter" or i < 2:
            line = unit * high * (0.75 if scene.season == "winter" else 0.42)
            depth = (y - light.horizon) + unit * high * 1.05 + 0.5 * (y - tops)
            teeth = np.abs((canvas.x / (0.03 * unit) + 1.5 * canvas.profile(f"teeth {i}", 8)) % 2 - 1)
            cap = np.clip((line * (0.75 + 0.5 * teeth) - depth) / 2 + 0.5, 0, 1)
            snow = mix(light.own(snowy, far * 0.6), mix(light.own(snowy, far), dark, 0.45), away)
            canvas.cover(0.95 * cap * inside, snow, first)


def far_hills(canvas: Canvas, scene: Scene, light: Light) -> None:
    """Paints rolling hills behind the horizon, from pale to near."""
    subject = scene.subject("hills")
    high = 1.0 if subject else 0.5
    wooded = "tree" not in scene.absent
    for i, far in enumerate((0.88, 0.66, 0.42)):
        roll = canvas.profile(f"hills {i}", 1.8 + i, 3, 0.35)
        tops = light.horizon - canvas.unit * high * (0.19 - 0.055 * i + 0.085 * roll)
        colour = stained(mix(light.ground, light.leaves[i], 0.5), subject)
        if wooded:
            size = canvas.unit * (0.011 + 0.008 * i)
            crowns = np.abs(np.sin(canvas.x / size + 2.5 * canvas.profile(f"crowns {i}", 9))) ** 0.55
            clumps = np.clip(3 * canvas.profile(f"copse {i}", 6) - 0.2, 0, 1) ** 0.6
            copse = light.own(stained(light.leaves[i] * 0.62, subject), far)
            canvas.ridge((tops + 2 - 1.5 * size * crowns * clumps).astype(np.float32), copse, copse, 0.1)
        canvas.ridge(tops, light.own(colour * (0.95 - 0.1 * i), far), light.own(mix(colour, light.haze, 0.3), far), 0.16)


def forest(canvas: Canvas, scene: Scene, light: Light) -> None:
    """Paints three rows of trees, round in autumn, pointed else."""
    subject, unit = scene.subject("forest"), canvas.unit
    for i, (high, far) in enumerate(((0.2, 0.8), (0.27, 0.5), (0.36, 0.2))):
        random = canvas.random(f"forest {i}")
        base = light.horizon + unit * (0.0 + 0.018 * i) - 0.03 * unit * canvas.profile(f"floor {i}", 2)
        round_ = scene.season in ("autumn", "spring")
        tops, step = base.copy(), unit * high * (0.22 if round_ else 0.1)
        for x in np.arange(-step, canvas.width + step, step):
            tall = unit * high * (0.42 + 0.5 * random.random() ** 1.5 + 0.16 * np.sin(x / unit * 9 + i * 2))
            at, half = x + random.uniform(-0.5, 0.5) * step, tall * random.uniform(0.17, 0.25) * (1.4 if round_ else 1)
            left, right = max(0, int(at - half)), min(canvas.width, int(at + half) + 2)
            if left >= right:
                continue
            t = np.clip(np.abs(canvas.x[left:right] - at) / half, 0, 1)
            if round_:
                crown = (0.5 + 0.42 * np.sqrt(1 - t * t)) * (t < 1)
            else:
                crown = np.clip(1 - t - 0.11 * ((t * 5 + 0.3) % 1.0), 0, 1)
            tops[left:right] = np.minimum(tops[left:right], base[left:right] - tall * crown)
        leaf = rgb("#33503f") if scene.season == "summer" else light.leaves[2 - i] * 0.85
        if scene.season == "winter":
            leaf = rgb("#44636d")
        leaf = stained(leaf * (1.0 - 0.13 * i), subject)
        canvas.ridge(tops.astype(np.float32), light.own(leaf, far), mix(light.own(leaf, far), light.haze, 0.5 * light.thick), high * 0.8)
        if scene.season == "winter":
            first = int(max(0, tops.min()))
            y = canvas.y[first:]
            dust = np.clip(1.3 - np.abs(y - tops - 2) / (0.016 * unit), 0, 1) * (y > tops - 1)
            canvas.cover(0.6 * dust, light.own(rgb("#f4f8fc"), far), first)


def dunes(canvas: Canvas, scene: Scene, light: Light) -> None:
    """Paints waves of sand, each with a lit and a shaded side, down to the viewer."""
    subject, unit = scene.subject("desert"), canvas.unit
    sand = stained(rgb("#eebd78"), subject)
    toward = 1 if light.x > light.focus else -1
    room = canvas.height - light.horizon
    for i, far in enumerate((0.72, 0.45, 0.22, 0.06, 0.0)):
        random = canvas.random(f"dunes {i}")
        t = np.linspace(0, 1, canvas.width) * (1.5 - 0.16 * i) * max(1, canvas.width / canvas.height) + random.random()
        t = t + 0.12 * canvas.profile(f"bend {i}", 2, 2)
        wave = t % 1.0
        crest = np.where(wave < 0.66, np.sin(wave / 0.66 * 1.57) ** 1.5, (1 - wave) / 0.34)
        crest = crest if toward < 0 else crest[::-1]
        y = light.horizon + room * (-0.06 + 0.1 * i + 0.085 * i**1.4 / 2)
        tops = (y - unit * (0.075 + 0.035 * i) * crest - 0.012 * unit * canvas.profile(f"sand {i}", 3)).astype(np.float32)
        lit = light.own(sand * (1.0 - 0.03 * i), far)
        canvas.ridge(tops, mix(lit, light.colour, 0.2), mix(lit, light.haze, 0.2), 0.25)
        first, away = faces(canvas, tops, light, -1.5, 0.008 * unit)
        ys = canvas.y[first:]
        inside = np.clip(ys - tops + 0.5, 0, 1) * np.clip(1 - (ys - tops) / (0.27 * unit), 0, 1) ** 0.6
        shade = light.own(tint(sand, light.sky[1], 0.4) * 0.6, far * 0.8)
        canvas.cover((0.72 if light.low else 0.5) * away * inside, shade, first)
        ripples = np.sin((ys - tops) * (44 / unit) * 6.28 / (1 + i * 0.35) + 5 * canvas.brushwork[first:])
        canvas.cover(0.035 * i**0.5 * np.clip(ripples, 0, 1) * inside, shade, first)


def city(canvas: Canvas, scene: Scene, light: Light) -> None:
    """Paints three rows of towers, with windows that light up after dark."""
    subject, unit = scene.subject("city"), canvas.unit
    wall = stained(rgb("#5d6a86"), subject)
    if light.lamps:
        canvas.glow(light.focus, light.horizon, 0.6 * unit, rgb("#ff9e6b"), 0.4 * light.dark)
    for i, (high, far) in enumerate(((0.44, 0.74), (0.36, 0.42), (0.24, 0.12))):
        random = canvas.random(f"city {i}")
        base = light.horizon + 0.012 * unit * i
        tops = np.full(canvas.width, base, np.float32)
        x = -0.03 * unit
        while x < canvas.width:
            wide = unit * random.uniform(0.045, 0.1) * (0.85 + 0.2 * i)
            near = np.exp(-(((x - light.focus) / (0.33 * canvas.width)) ** 2))
            tall = unit * high * (0.3 + 0.45 * near + 0.35 * random.random() * (0.4 + near))
            left, right = max(0, int(x)), max(0, int(x + wide))
            tops[left:right] = base - tall
            kind, middle = random.random(), int(x + wide / 2)
            if kind < 0.22:
                inset = int(wide * 0.22)
                tops[left + inset : max(0, right - inset)] = base - tall * 1.1
            if kind < 0.36 and middle > 0:
                tops[middle - 1 : middle + max(1, int(unit / 500))] = base - tall * 1.28
            elif kind > 0.82 and right > left:
                slope = np.linspace(0, 0.1 if kind < 0.91 else -0.1, right - left, dtype=np.float32)
                tops[left:right][: canvas.width - left] -= (tall * slope)[: canvas.width - left]
            x += wide + unit * random.choice([0.0, 0.0, 0.006, 0.02])
        colour = light.own(wall * (1 - 0.22 * i), far)
        foot = mix(colour, light.own(light.haze, 0.6), 0.4) if not light.lamps else mix(colour, light.haze, 0.22)
        canvas.ridge(tops, colour, foot, high)
        _windows(canvas, light, tops, base, i, far)


def roofs(canvas: Canvas, light: Light) -> None:
    """Paints three rows of gables down from the horizon, their windows lit after dark."""
    room = canvas.height - light.horizon
    for i, far in enumerate((0.7, 0.4, 0.15)):
        random = canvas.random(f"roofs {i}")
        base, size = light.horizon + room * (0.16 + 0.25 * i), canvas.unit * (0.1 + 0.04 * i)
        tops = np.full(canvas.width, base - 0.4 * size, np.float32)
        x = -size * random.random()
        while x < canvas.width:
            wide, tall = size * random.uniform(0.8, 1.5), size * random.uniform(1.0, 1.5)
            left, right = max(0, int(x)), max(0, int(x + wide))
            t = np.abs((canvas.x[left:right] - x) / wide - 0.5) * 2
            tops[left:right] = np.minimum(tops[left:right], base - tall * (1 - 0.55 * t))
            flue = int(x + wide * 0.72)
            tops[max(0, flue) : max(0, int(flue + 0.1 * size))] = base - tall * 0.98
            x += wide * random.uniform(0.8, 1.0)
        colour = light.own(rgb("#5f5566") * (1 - 0.15 * i), far)
        canvas.ridge(tops, colour, colour * 0.8, 0.2)
        _windows(canvas, light, tops + 0.5 * size, base + 0.2 * size, i + 1, far)


def _windows(canvas: Canvas, light: Light, tops: Array, base: float, row: int, far: float) -> None:
    cell_w, cell_h = canvas.unit * 0.0105 * (1 + 0.25 * row), canvas.unit * 0.0155 * (1 + 0.25 * row)
    first, last = int(max(0, tops.min())), int(base)
    y = canvas.y[first:last]
    column, line = (canvas.x / cell_w).astype(np.intp), (y / cell_h).astype(np.intp)
    random = canvas.random(f"windows {row}")
    size = (int(canvas.height / cell_h) + 2, int(canvas.width / cell_w) + 2)
    share = 0.14 + 0.36 * light.dark if light.lamps else 0.45
    lit = ((random.random(size) < share) * random.uniform(0.45, 1.0, size)).astype(np.float32)[line, column]
    pane = (canvas.x / cell_w % 1 > 0.42) & (y / cell_h % 1 > 0.45)
    mask = lit * pane * (y > tops + 0.7 * cell_h) * (y < base - cell_h)
    if light.lamps:
        hues = np.stack([rgb(c) for c in ("#ffb75e", "#ffd88a", "#ffe9b8", "#9fe3ea", "#ff9ec4")], 1)
        tone = random.choice(5, size, p=(0.3, 0.36, 0.22, 0.08, 0.04))[line, column]
        canvas.shine(mask * (1 - 0.55 * far), hues[:, tone], first)
    else:
        canvas.cover(0.5 * mask * (1 - far), mix(light.sky[1], np.ones(3), 0.35), first)


def water(canvas: Canvas, scene: Scene, light: Light, top: float, own: Colour, calm: float = 0.5, wet: bool = False) -> None:
    """Paints water from a row down: the mirror of what stands above, waves, and the light's path."""
    first, unit = int(top), canvas.unit
    rows = canvas.height - first
    v = (np.arange(rows, dtype=np.float32) / max(1, rows))[:, None]
    # Rows of waves get wider towards the viewer, as perspective has it.
    waves, sparks = (
        canvas.noise(topic, cells, 3, 9.0, 360)[(359 * v[:, 0] ** 0.6).astype(int)]
        for topic, cells in (("waves", 7), ("sparks", 11))
    )
    depth = np.arange(rows)[:, None] * 0.9 + waves * unit * (0.015 + 0.045 * v) * (1.2 - calm)
    above = np.clip(first - 1 - depth, 0, first - 1).astype(np.intp)
    # Far columns are mirrored as they stand; near ones sway.
    at = np.clip(canvas.x + waves * unit * 0.02 * v, 0, canvas.width - 1).astype(np.intp)
    image = canvas.planes[:, above, at]
    if wet:  # a wet street smears its lights towards the viewer
        reach = max(2, int(0.05 * unit))
        total = np.cumsum(np.pad(image, ((0, 0), (reach, reach), (0, 0)), "edge"), axis=1, dtype=np.float32)
        image = mix(image, (total[:, 2 * reach :] - total[:, : -2 * reach]) / (2 * reach) * 1.5, 0.75)
    deep = light.own(own) * (0.9 if wet else 0.8)
    keep = (0.8 if wet else 0.76) - 0.42 * v
    for plane, mirrored, channel in zip(canvas.planes[:, first:], image, deep, strict=True):
        plane[:] = mix(channel, mirrored, keep) * (1 + (0.07 + 0.1 * v) * waves)
    crest = np.clip((waves - 0.5 + 0.25 * calm) * 5, 0, 1)
    canvas.cover(0.2 * crest * (0.3 + v) * (1 - 0.5 * calm), mix(light.sky[-1], light.colour, 0.3), first)
    if not (scene.weather & {"rain", "storm", "fog"}) and not wet:
        width = unit * (0.05 + 0.16 * v)
        path = np.exp(-(((canvas.x - light.x) / width) ** 2))
        sparks = np.clip((sparks + 0.3 * waves + 0.7 * path - 0.45) * 5, 0, 1)
        strength = 0.75 if light.low else 0.55 if light.dark else 0.4
        canvas.shine(strength * sparks * path * (1 - 0.35 * v), light.colour, first)
    canvas.cover(0.5 * np.exp(-v * 40), light.haze, first)


def plain(canvas: Canvas, light: Light, colour: Array) -> None:
    """Paints the ground from the horizon to the viewer, in three soft swells."""
    room = canvas.height - light.horizon
    white = luminance(colour) > 0.8
    for i, far in enumerate((0.5, 0.22, 0.0)):
        swell = canvas.profile(f"ground {i}", 1.6, 3, 0.35)
        tops = light.horizon + room * (0.0, 0.22, 0.56)[i] - canvas.unit * (0.012 + 0.022 * i) * (1 + swell)
        shade = colour * (1.03 - 0.03 * i) if white else tint(colour, light.leaves[i], 0.25) * (1.03, 0.94, 0.8)[i]
        near = mix(light.own(shade, far), light.sky[0] * light.ambient, 0.14 + 0.1 * light.low)
        canvas.ridge(tops.astype(np.float32), mix(light.own(shade, far), light.colour, 0.16), near, 0.2)


def winding(canvas: Canvas, light: Light, topic: str, wide: float) -> tuple[int, Array, Array]:
    """Gives a way from the horizon to the viewer: its first row, and its middle and half width by row."""
    first = int(light.horizon + 0.012 * canvas.unit)
    v = (np.arange(canvas.height - first) / max(1, canvas.height - first)).astype(np.float32)
    turn = canvas.random(topic).uniform(0.75, 1.15) * (1 if light.x > light.focus else -1)
    sway = np.sin(6.1 * (1 - v) ** 1.5 + 0.4) * (0.035 + 0.2 * v) * turn
    centre = mix(light.x, canvas.width * 0.5, v) + canvas.unit * sway
    return first, centre, canvas.unit * (0.004 + wide * v**1.55)
