"""The subjects, each drawn by a pen in its own units: foot at 0, top at 1, middle at x = 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from providers.sketch.canvas import Colour, mix, rgb
from providers.sketch.pen import Pen


def lighthouse(pen: Pen, colour: Colour) -> None:
    def half(y: float) -> float:
        return 0.118 - 0.055 * y / 0.74 + 0.02 * max(0.0, 0.12 - y) / 0.12

    def band(ink: str | Colour, low: float, high: float) -> None:
        pen.shape(ink, (-half(low), low), (half(low), low), (half(high), high), (-half(high), high))

    shed = -0.31 * pen.side
    pen.box("#efe6d8", shed - 0.12, -0.05, 0.24, 0.15)
    pen.shape(mix(colour, np.zeros(3), 0.2), (shed - 0.145, 0.095), (shed + 0.145, 0.095), (shed + 0.1, 0.185), (shed - 0.1, 0.185))
    pen.box("#8c4a3c", shed + 0.04, 0.17, 0.03, 0.055)
    pen.window(shed - 0.07, 0.0, 0.045, 0.05, 0.1)
    pen.window(shed + 0.025, 0.0, 0.045, 0.05, 0.1)
    for low in np.arange(-0.05, 0.74, 0.01):
        stripe = int((low + 0.05) / 0.158) % 2
        band(colour if stripe else "#f7f1e6", low, low + 0.0105)
    pen.box("#5b3a34", -0.024, -0.04, 0.048, 0.085)
    for y in (0.2, 0.38, 0.56):
        pen.window(-0.012, y, 0.024, 0.04, 0.05)
    pen.tone(0.2, (-pen.side * 0.02, -0.05), (-pen.side * 0.2, -0.05), (-pen.side * 0.2, 0.74), (-pen.side * 0.015, 0.74))
    pen.shape("#39384a", (-0.075, 0.72), (0.075, 0.72), (0.106, 0.755), (-0.106, 0.755))
    for x in np.linspace(-0.1, 0.1, 9):
        pen.line("#39384a", 0.005, (x, 0.755), (x, 0.795))
    pen.line("#39384a", 0.007, (-0.104, 0.795), (0.104, 0.795))
    pen.window(-0.055, 0.757, 0.11, 0.098)
    for x in (-0.056, -0.02, 0.02, 0.056):
        pen.line("#39384a", 0.007, (x, 0.757), (x, 0.855))
    pen.shape(colour, *[(-0.078 * np.cos(a), 0.853 + 0.085 * np.sin(a)) for a in np.linspace(0, np.pi, 20)])
    pen.line("#39384a", 0.008, (0, 0.93), (0, 1.0))
    pen.oval("#39384a", 0, 0.945, 0.014)


def house(pen: Pen, colour: Colour) -> None:
    roof = "#eef3f8" if pen.snowy else "#7a3f39"
    if pen.snowy:
        pen.oval("#eef3f8", 0, 0.0, 0.72, 0.05)
    pen.box("#6d4a44", 0.2, 0.62, 0.11, 0.34)
    pen.shape(colour, (-0.5, -0.03), (0.5, -0.03), (0.5, 0.48), (-0.5, 0.48))
    for y in np.arange(0.06, 0.48, 0.075):
        pen.tone(0.13, (-0.5, y), (0.5, y), (0.5, y + 0.012), (-0.5, y + 0.012))
    pen.shape(mix(colour, np.zeros(3), 0.12), (-0.5, 0.48), (0.02, 0.48), (-0.24, 0.86))
    pen.shape(roof, (-0.26, 0.9), (0.34, 0.9), (0.6, 0.44), (0.0, 0.44))
    pen.shape("#54302f" if not pen.snowy else "#d5e0ea", (-0.26, 0.9), (-0.2, 0.9), (-0.52, 0.42), (-0.58, 0.42))
    pen.box("#4d3027", -0.31, -0.03, 0.14, 0.3)
    for x in (0.08, 0.3):
        pen.box("#e9dfd0", x - 0.02, 0.13, 0.17, 0.22)
        pen.window(x, 0.15, 0.13, 0.18, 0.3)
        pen.line("#e9dfd0", 0.014, (x + 0.065, 0.15), (x + 0.065, 0.33))
    pen.window(-0.29, 0.52, 0.1, 0.11, 0.2)


def castle(pen: Pen, colour: Colour) -> None:
    dark, roof = mix(colour, rgb("#2c2a45"), 0.3), rgb("#5b4a78") if not pen.snowy else rgb("#dfe7f2")

    def tower(x: float, half: float, high: float, cone: float, wall: Colour) -> None:
        pen.box(wall, x - half, -0.04, 2 * half, high + 0.04)
        pen.box(wall, x - half * 1.25, high - 0.05, half * 2.5, 0.06)
        for i in range(4):
            pen.box(wall, x - half * 1.25 + i * half * 0.71, high + 0.005, half * 0.37, 0.03)
        shade = x - pen.side * half * 0.1
        pen.tone(0.22, (shade, -0.04), (x - pen.side * half * 1.3, -0.04), (x - pen.side * half * 1.3, high + 0.04), (shade, high + 0.04))
        if cone:
            pen.shape(roof, (x - half * 1.2, high + 0.01), (x + half * 1.2, high + 0.01), (x, high + cone))
            pen.line("#3a3448", 0.006, (x, high + cone - 0.01), (x, high + cone + 0.07))
            pen.shape("#d8473d", (x, high + cone + 0.07), (x + 0.06, high + cone + 0.052), (x, high + cone + 0.034))
        for y in np.arange(high - 0.14, 0.1, -0.17):
            pen.window(x - half * 0.17, y, half * 0.34, 0.05, 0.09)

    tower(-0.1, 0.075, 0.66, 0.24, dark)
    tower(0.17, 0.06, 0.56, 0.2, dark)
    pen.box(mix(colour, dark, 0.5), -0.36, -0.04, 0.72, 0.38)
    for x in np.arange(-0.36, 0.34, 0.06):
        pen.box(mix(colour, dark, 0.5), float(x), 0.34, 0.034, 0.03)
    tower(0.02, 0.07, 0.5, 0.0, colour)
    tower(-0.4, 0.075, 0.44, 0.2, colour)
    tower(0.4, 0.085, 0.4, 0.2, colour)
    pen.box(colour, -0.14, -0.04, 0.28, 0.25)
    pen.shape("#3a2a2c", (-0.06, -0.04), (0.06, -0.04), *[(0.06 * np.cos(a), 0.09 + 0.07 * np.sin(a)) for a in np.linspace(0, np.pi, 14)])
    for x in (-0.26, 0.25):
        pen.window(x, 0.16, 0.03, 0.06, 0.1)


def windmill(pen: Pen, colour: Colour) -> None:
    pen.shape(colour, (-0.17, -0.04), (0.17, -0.04), (0.1, 0.56), (-0.1, 0.56))
    pen.tone(0.2, (0, -0.04), (-pen.side * 0.2, -0.04), (-pen.side * 0.2, 0.56), (0, 0.56))
    pen.shape("#7c4038", *[(-0.125 * np.cos(a), 0.55 + 0.13 * np.sin(a)) for a in np.linspace(0, np.pi, 16)])
    pen.box("#4d3027", -0.035, -0.04, 0.07, 0.14)
    pen.window(-0.022, 0.25, 0.044, 0.06, 0.1)
    pen.window(-0.02, 0.42, 0.04, 0.05, 0.08)
    turn = pen.random.uniform(0.25, 1.2)
    for i in range(4):
        a = turn + i * np.pi / 2
        along, aside = np.array([np.cos(a), np.sin(a)]), np.array([-np.sin(a), np.cos(a)])
        hub = np.array([0, 0.6])
        vane = [hub + along * r + aside * s for r, s in ((0.09, 0.0), (0.41, 0.0), (0.41, 0.085), (0.09, 0.07))]
        pen.shape("#f3e9d6", *[(float(p[0]), float(p[1])) for p in vane])
        end = hub + along * 0.42
        pen.line("#5a4036", 0.014, (0.0, 0.6), (float(end[0]), float(end[1])))
    pen.oval("#5a4036", 0, 0.6, 0.025)


def boat(pen: Pen, colour: Colour) -> None:
    s = pen.side
    sail, hull = colour, mix(rgb("#8a3b33"), colour, 0.1)
    pen.line("#5a4036", 0.014, (0.02 * s, 0.1), (0.02 * s, 1.0))
    pen.shape(sail, *pen.bow((0.04 * s, 0.95), (0.04 * s, 0.19), (0.36 * s, 0.17), 0.09))
    pen.shape(mix(sail, rgb("#c9805e"), 0.22), *pen.bow((-0.01 * s, 0.88), (-0.01 * s, 0.19), (-0.29 * s, 0.16), 0.06))
    for y in (0.38, 0.58, 0.76):
        pen.tone(0.1, (0.04 * s, y), (0.4 * s, y - 0.02), (0.4 * s, y - 0.008), (0.04 * s, y + 0.012))
    pen.shape("#d8473d", (0.02 * s, 1.0), (0.02 * s, 0.95), (-0.1 * s, 0.975))
    pen.shape(hull, (-0.36 * s, 0.145), (0.38 * s, 0.13), (0.27 * s, -0.01), (-0.2 * s, -0.01))
    pen.shape("#f5efe3", (-0.36 * s, 0.145), (0.38 * s, 0.13), (0.365 * s, 0.105), (-0.335 * s, 0.118))


def tree(pen: Pen, colour: Colour) -> None:
    pen.shape("#5b4334", (-0.05, -0.03), (0.05, -0.03), (0.022, 0.55), (-0.022, 0.55))
    for x, y in ((-0.2, 0.62), (0.2, 0.6), (-0.09, 0.78), (0.1, 0.8), (0.02, 0.86)):
        pen.line("#5b4334", 0.022, (0, 0.36), (x * 0.6, y * 0.86), (x, y))
        if pen.snowy:
            for sway in (-0.12, 0.02, 0.13):
                pen.line("#5b4334", 0.009, (x * 0.6, y * 0.84), (x + sway, y + 0.1))
    if pen.snowy:
        return
    crown = [(0.0, 0.68, 0.24)]
    for a in np.linspace(0, 2 * np.pi, 11)[:-1]:
        out = float(pen.random.uniform(0.8, 1.12))
        crown.append((0.22 * out * np.cos(a), 0.69 + 0.17 * out * np.sin(a), float(pen.random.uniform(0.09, 0.16))))
    for ink, dx, dy, size in (
        (mix(colour, np.zeros(3), 0.3), -0.025, -0.03, 1.0),
        (colour, 0.01, 0.01, 0.88),
        (mix(colour, np.array([1, 0.95, 0.7]), 0.13), 0.025, 0.03, 0.75),
    ):
        for x, y, r in crown if size > 0.8 else crown[1::2]:
            if size < 0.8 and x * pen.side + (y - 0.69) < -0.02:
                continue
            pen.oval(ink, x + dx * pen.side, y + dy, r * size, r * size * 0.9)


def pine(pen: Pen, colour: Colour) -> None:
    pen.box("#4f3b31", -0.03, -0.03, 0.06, 0.2)
    for i in range(6):
        low, half, tall = 0.1 + 0.138 * i, 0.27 - 0.038 * i, 0.3 - 0.022 * i
        ink = mix(colour, np.zeros(3), 0.22 - 0.045 * i)
        teeth = [(half * (1 - 2 * t), low + 0.022 * (j % 2)) for j, t in enumerate(np.linspace(0, 1, 9))]
        pen.shape(ink, *teeth, (0, low + tall))
        if pen.snowy:
            cap = [(half * 0.8 * (1 - 2 * t), low + 0.07 + 0.034 * (j % 2)) for j, t in enumerate(np.linspace(0, 1, 9))]
            pen.shape("#f1f6fb", *cap, (0, low + tall))


def palm(pen: Pen, colour: Colour) -> None:
    lean = 0.16 * pen.side
    trunk = [(lean * t**2, 0.78 * t) for t in np.linspace(0, 1, 9)]
    pen.line("#8a6547", 0.042, (trunk[0][0], -0.03), *trunk)
    for i, a in enumerate((0.1, 3.0, 0.55, 2.6, 1.0, 2.1, -0.3, 3.45)):
        out, up = 0.4 * np.cos(a), 0.2 * np.sin(a)
        spine = [(lean + out * t, 0.78 + up * t + 0.12 * t - 0.24 * t**2.2) for t in np.linspace(0, 1, 8)]
        under = [(x, y - 0.055 * np.sin(np.pi * t) - 0.012 * (j % 2)) for j, (t, (x, y)) in enumerate(zip(np.linspace(0, 1, 8), spine, strict=True))]
        pen.shape(mix(colour, np.zeros(3), 0.3 * (i % 2)), *spine, *under[::-1])
    pen.oval("#6b4a33", lean - 0.02, 0.765, 0.024)
    pen.oval("#7b563b", lean + 0.025, 0.76, 0.024)


def cactus(pen: Pen, colour: Colour) -> None:
    for width, points in ((0.15, ((0, -0.03), (0, 0.93))), (0.1, ((0, 0.34), (0.2, 0.36), (0.23, 0.45), (0.23, 0.7))), (0.1, ((0, 0.46), (-0.19, 0.48), (-0.22, 0.56), (-0.22, 0.78)))):
        pen.line(colour, width, *points)
        pen.oval(colour, *points[-1], width / 2)
    for x in (-0.035, 0.0, 0.035):
        pen.tone(0.18, (x, 0), (x + 0.01, 0), (x + 0.01, 0.95), (x, 0.95))
    pen.oval("#f28fb4", 0, 0.985, 0.04, 0.025)


def bird(pen: Pen, colour: Colour) -> None:
    up = float(pen.random.uniform(0.5, 1.0))
    for s in (-1, 1):
        pen.curve(colour, (0, 0.3), (0.42 * s, 0.35 + 0.4 * up), (0.98 * s, 0.22 + 0.34 * up), (0.45 * s, 0.24 + 0.36 * up), (0.05 * s, 0.17))
        pen.curve(mix(colour, rgb("#30313c"), 0.75), (0.7 * s, 0.29 + 0.4 * up), (0.98 * s, 0.22 + 0.34 * up), (0.72 * s, 0.24 + 0.38 * up))
    pen.curve(colour, (-0.3, 0.2), (0, 0.34), (0.24, 0.29), (0.3, 0.23), (0, 0.14))
    pen.shape("#e8a03a", (0.29, 0.27), (0.37, 0.235), (0.29, 0.225))


def seated(pen: Pen, colour: Colour, kind: str) -> None:
    """Draws the animal that cat, fox and dog share: sitting, its tail laid out to the dark side."""
    s, pale = -pen.side, mix(colour, np.ones(3), 0.82)
    deep = mix(colour, np.zeros(3), 0.35)
    if kind == "fox":
        pen.curve(mix(colour, np.zeros(3), 0.1), (0.1 * s, 0.03), (0.32 * s, -0.03), (0.52 * s, 0.08), (0.58 * s, 0.3), (0.46 * s, 0.44), (0.37 * s, 0.3), (0.24 * s, 0.2))
        pen.curve(pale, (0.47 * s, 0.27), (0.585 * s, 0.27), (0.58 * s, 0.37), (0.46 * s, 0.45), (0.42 * s, 0.35))
    else:
        ink, high = (deep, 0.36) if kind == "cat" else (colour, 0.5)
        tail = [(s * (0.12 + 0.4 * np.sin(2.3 * t)), 0.04 + high * t**2.4) for t in np.linspace(0, 1, 24)]
        pen.line(ink, 0.075, *tail)
        pen.oval(ink, *tail[-1], 0.0375)
    pen.curve(colour, (0, 0.7), (-0.15, 0.58), (-0.2, 0.34), (-0.29, 0.14), (-0.25, -0.01), (0, -0.02), (0.25, -0.01), (0.29, 0.14), (0.2, 0.34), (0.15, 0.58))
    pen.curve(pale if kind != "cat" else mix(colour, np.ones(3), 0.3), (0, 0.64), (-0.1, 0.52), (-0.07, 0.3), (0, 0.2), (0.07, 0.3), (0.1, 0.52))
    for x in (-0.085, 0.085):
        pen.curve(colour if kind != "fox" else deep, (x - 0.045, 0.28), (x - 0.055, 0.02), (x, -0.02), (x + 0.055, 0.02), (x + 0.045, 0.28))
        pen.oval(pale if kind == "dog" else mix(colour, np.zeros(3), 0.2) if kind == "cat" else deep, x, 0.01, 0.062, 0.035)
    if kind == "dog":
        pen.curve(colour, (0, 0.94), (-0.16, 0.86), (-0.15, 0.68), (0, 0.56), (0.15, 0.68), (0.16, 0.86))
        for x in (-1, 1):
            pen.curve(deep, (0.12 * x, 0.93), (0.21 * x, 0.86), (0.25 * x, 0.64), (0.18 * x, 0.6), (0.14 * x, 0.76))
        pen.curve(pale, (0, 0.76), (-0.085, 0.67), (-0.06, 0.58), (0, 0.56), (0.06, 0.58), (0.085, 0.67))
        pen.box("#d8473d", -0.12, 0.525, 0.24, 0.035)
    else:
        tip = 1.0 if kind == "fox" else 0.985
        for x in (-1, 1):
            pen.shape(colour, (0.21 * x, 0.74), (0.2 * x, tip), (0.03 * x, 0.86))
            pen.shape("#2d2730" if kind == "fox" else mix(colour, rgb("#e9a0a0"), 0.5), (0.175 * x, 0.83), (0.185 * x, tip - 0.045), (0.09 * x, 0.865))
        wide = 0.25 if kind == "fox" else 0.2
        low = 0.53 if kind == "fox" else 0.57
        pen.curve(colour, (0, 0.885), (-0.14, 0.85), (-wide, 0.7), (-0.11, low + 0.07), (0, low), (0.11, low + 0.07), (wide, 0.7), (0.14, 0.85))
        if kind == "fox":
            for x in (-1, 1):
                pen.curve(pale, (0.245 * x, 0.7), (0.12 * x, 0.715), (0.03 * x, 0.61), (0.01 * x, 0.535), (0.11 * x, 0.6))
    shine = pen.light.dark > 0.5 and kind != "dog"
    eye = rgb("#ffd36b") if shine else rgb("#231f26")
    for x in (-0.078, 0.078):
        pen.oval(eye if kind != "cat" or shine else "#d9c65a", x, 0.735, 0.027 if kind == "cat" else 0.022, 0.03, lit=shine)
        pen.oval("#17151b", x, 0.735, 0.01 if kind == "cat" else 0.014, 0.026 if kind == "cat" else 0.016)
    pen.oval("#2b2228" if kind != "cat" else "#d98080", 0, 0.655 if kind == "cat" else 0.575 if kind == "fox" else 0.665, 0.03 if kind != "cat" else 0.02, 0.022 if kind != "cat" else 0.014)


def fish(pen: Pen, colour: Colour) -> None:
    s = pen.side
    pen.curve(mix(colour, np.zeros(3), 0.25), (-0.42 * s, 0.28), (-0.7 * s, 0.2), (-0.56 * s, 0.05), (-0.68 * s, -0.06), (-0.42 * s, 0.14))
    pen.curve(mix(colour, np.zeros(3), 0.2), (-0.12 * s, 0.72), (0.02 * s, 0.98), (0.2 * s, 0.83))
    pen.curve(colour, (0.52 * s, 0.42), (0.4 * s, 0.68), (0.12 * s, 0.84), (-0.2 * s, 0.66), (-0.47 * s, 0.2), (-0.2 * s, 0.34), (0.15 * s, 0.44))
    pen.curve(mix(colour, np.ones(3), 0.7), (0.5 * s, 0.42), (0.15 * s, 0.6), (-0.2 * s, 0.48), (-0.46 * s, 0.2), (-0.2 * s, 0.34), (0.15 * s, 0.44))
    pen.curve(mix(colour, np.zeros(3), 0.2), (0.12 * s, 0.55), (-0.06 * s, 0.36), (0.04 * s, 0.34), (0.2 * s, 0.5))
    pen.oval("#17151b", 0.36 * s, 0.58, 0.03)
    for x, y in ((-0.6, -0.04), (-0.42, 0.0), (-0.75, 0.08), (0.3, 0.02), (-0.3, 0.08)):
        pen.oval("#eef7fa", x * s, y, 0.022)


def balloon(pen: Pen, colour: Colour) -> None:
    glow = 0.35 * pen.light.lamps
    cream, warm = rgb("#f8ecd2"), rgb("#ffd79a")
    angles = np.linspace(-1.08, np.pi + 1.08, 40)
    for i, edge in enumerate((1.0, 0.72, 0.4, 0.12)):
        ink = mix(colour if i % 2 == 0 else cream, warm, glow)
        rim = [(0.33 * edge * np.cos(a), 0.66 + 0.33 * np.sin(a)) for a in angles]
        pen.shape(ink, *rim, (-0.055 * edge, 0.24), (0.055 * edge, 0.24))
    pen.tone(0.1, *[(0.33 * np.cos(a), 0.66 + 0.33 * np.sin(a)) for a in np.linspace(-1.08, -0.2, 9)], (-0.33, 0.6), (-0.1, 0.2))
    for x in (-0.045, 0.045):
        pen.line("#5a4036", 0.006, (x * 1.15, 0.25), (x, 0.11))
    pen.box("#8a5a36", -0.058, 0.0, 0.116, 0.115)
    pen.box("#6b4329", -0.064, 0.098, 0.128, 0.022)
    if pen.light.lamps:
        pen.lamps.append((0, 0.5, 0.36))


def person(pen: Pen, colour: Colour) -> None:
    for x in (-0.055, 0.055):
        pen.shape("#2f3140", (x - 0.04, 0.0), (x + 0.045, 0.0), (x + 0.035, 0.42), (x - 0.035, 0.42))
        pen.oval("#27232b", x + 0.012, 0.005, 0.055, 0.022)
    pen.curve(colour, (0, 0.84), (-0.12, 0.8), (-0.155, 0.55), (-0.175, 0.28), (0, 0.25), (0.175, 0.28), (0.155, 0.55), (0.12, 0.8))
    for x in (-1, 1):
        pen.line(mix(colour, np.zeros(3), 0.18), 0.062, (0.12 * x, 0.76), (0.185 * x, 0.57), (0.16 * x, 0.4))
        pen.oval("#e2b08c", 0.16 * x, 0.39, 0.026)
    pen.oval("#e2b08c", 0, 0.9, 0.068, 0.078)
    pen.shape("#4a3328", *[(-0.076 * np.cos(a), 0.905 + 0.09 * np.sin(a)) for a in np.linspace(-0.15, np.pi + 0.15, 16)])
    pen.curve("#e8b64a", (-0.1, 0.83), (0, 0.86), (0.1, 0.83), (0.09, 0.79), (0, 0.8), (-0.09, 0.79))
    pen.shape("#e8b64a", (0.03 * pen.side, 0.82), (-0.24 * pen.side, 0.75), (-0.25 * pen.side, 0.69), (-0.02, 0.79))


def mushroom(pen: Pen, colour: Colour) -> None:
    lean = float(pen.random.uniform(-0.06, 0.06))
    pen.curve("#f1e6d2", (-0.09, -0.03), (-0.065, 0.3), (-0.06 + lean, 0.6), (0.06 + lean, 0.6), (0.065, 0.3), (0.09, -0.03))
    pen.oval("#e3d2b5", lean, 0.545, 0.36, 0.06)
    pen.shape(colour, *[(lean - 0.42 * np.cos(a), 0.52 + 0.43 * np.sin(a) + 0.03 * np.cos(2 * a)) for a in np.linspace(0, np.pi, 26)])
    for x, y, r in ((-0.2, 0.7, 0.05), (0.03, 0.82, 0.065), (0.22, 0.68, 0.048), (-0.03, 0.63, 0.036), (-0.31, 0.6, 0.03), (0.33, 0.58, 0.026)):
        pen.oval("#fbf6ea", lean + x, y, r, r * 0.8)


def bridge(pen: Pen, colour: Colour) -> None:
    end = pen.wide
    deck = [(x, 0.62 + 0.2 * (1 - (x / end) ** 2)) for x in np.linspace(-end, end, int(9 * end))]
    pen.shape(colour, *deck, (end, -0.08), (-end, -0.08))
    for middle in np.arange(-int(end / 1.5), int(end / 1.5) + 1) * 1.5:
        high = 0.62 - 0.16 * (middle / end) ** 2
        ring = [(float(np.cos(a)), float(np.sin(a))) for a in np.linspace(0, np.pi, 24)]
        pen.shape(mix(colour, np.zeros(3), 0.25), *[(middle - 0.65 * x, (high + 0.06) * y) for x, y in ring])
        pen.clear(*[(middle - 0.58 * x, high * y) for x, y in ring], (middle + 0.58, -0.2), (middle - 0.58, -0.2))
    for x, y in deck[:-1]:
        pen.line(mix(colour, np.zeros(3), 0.35), 0.025, (x + 0.12, y), (x + 0.12, y + 0.12))
    pen.line(mix(colour, np.zeros(3), 0.3), 0.04, *[(x, y + 0.12) for x, y in deck])
    if pen.light.lamps:
        for x, y in deck[2::4]:
            pen.window(x - 0.025, y + 0.14, 0.05, 0.07, 0.3)


@dataclass(frozen=True)
class Kind:
    """How a subject is drawn and placed.

    `height` and the half width `wide` are in the canvas' units and the subject's own; `where` is the
    place: on the headland or hill (``stage``), at the viewer's feet (``near``), on ``water``, in the ``air``.
    """

    draw: Callable[[Pen, Colour], None]
    height: float
    wide: float
    where: str
    colour: str = ""
    """Its usual colour; the season's leaves where empty."""


KINDS = {
    "lighthouse": Kind(lighthouse, 0.5, 0.5, "stage", "#cf3f37"),
    "castle": Kind(castle, 0.4, 0.56, "stage", "#b7aeb0"),
    "windmill": Kind(windmill, 0.34, 0.5, "stage", "#efe6d6"),
    "house": Kind(house, 0.17, 0.75, "stage", "#b8794f"),
    "tree": Kind(tree, 0.34, 0.5, "stage"),
    "pine": Kind(pine, 0.36, 0.32, "stage", "#3c6b55"),
    "palm": Kind(palm, 0.42, 0.6, "stage", "#4f9650"),
    "cactus": Kind(cactus, 0.26, 0.4, "stage", "#5d9158"),
    "person": Kind(person, 0.22, 0.32, "near", "#3f6f8f"),
    "cat": Kind(lambda pen, colour: seated(pen, colour, "cat"), 0.24, 0.62, "near", "#4a4550"),
    "fox": Kind(lambda pen, colour: seated(pen, colour, "fox"), 0.27, 0.66, "near", "#e07a33"),
    "dog": Kind(lambda pen, colour: seated(pen, colour, "dog"), 0.26, 0.62, "near", "#b98252"),
    "mushrooms": Kind(mushroom, 0.15, 0.5, "near", "#d6372f"),
    "boat": Kind(boat, 0.24, 0.42, "water", "#fbf5e8"),
    "fish": Kind(fish, 0.15, 0.8, "water", "#e0894a"),
    "balloon": Kind(balloon, 0.3, 0.36, "air", "#d9483f"),
    "birds": Kind(bird, 0.045, 1.05, "air", "#f4f4f2"),
}
