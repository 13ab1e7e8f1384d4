"""The figures as drawings."""

from typing import NamedTuple


class Figure(NamedTuple):
    """Where a subject is, its size and colours, and its drawing.

    `height` is in units, `wide` is half the width in its own heights, `colours` empty means the season's
    leaves. Each stroke of the drawing is a verb, an ink and numbers: hundredths of the height from the middle
    of the foot, to the right (where the light is) and up.

    Inks are ``#rrggbb``, ``own`` (darker or lighter by a percentage), ``shade`` (with its percentage) and, in
    winter, ``snow``. ``shape`` and ``curve`` take points; ``box`` and ``window`` a corner and a size;
    ``oval``, ``eye`` and ``fir`` a centre and radii; ``comb`` two outer centres, a count, a foot and a size.
    A verb that ends in ``2`` is mirrored.
    """

    where: str
    height: float
    wide: float
    colours: str
    drawing: str


BEAST = """curve own 0 70 -15 58 -20 34 -29 14 -25 -1 0 -2 25 -1 29 14 20 34 15 58
    curve own+75 0 64 -10 52 -7 30 0 20 7 30 10 52; curve2 own-30 4 28 3 2 8.5 -2 14 2 13 28"""
FIGURES = {
    "lighthouse": Figure("stage", 0.5, 0.5, "#cf3f37", """
        box #efe6d8 -43 -5 24 15; shape own-20 -45.5 9.5 -16.5 9.5 -21 18.5 -41 18.5; box #8c4a3c -27 17 3 5.5
        window #3d4a5c -38 0 4.5 5 -28.5 0 4.5 5; shape #f7f1e6 -14.5 -5 14.5 -5 6.3 74 -6.3 74
        shape own -11 11 11 11 9.8 27 -9.8 27; shape own -8.6 43 8.6 43 7.5 59 -7.5 59; oval own 0 85 7.8 9
        box #5b3a34 -2.4 -4 4.8 8.5; window #3d4a5c -1.2 17 2.4 4 -1.2 33 2.4 4 -1.2 49 2.4 4 -1.2 64 2.4 4
        shape shade20 -2 -5 -14.5 -5 -6.3 74 -1.5 74; shape #39384a -7.5 72 7.5 72 10.6 75.5 -10.6 75.5
        comb #39384a -10.2 10.2 9 75.5 .5 4; window #3d4a5c -5.5 75.7 11 9.8; box #39384a -10.4 79 20.8 .8
        comb #39384a -5.6 5.6 4 75.7 .7 9.8; box #39384a -.4 93 .8 7"""),
    "castle": Figure("stage", 0.4, 0.56, "#b7aeb0", """
        box own-32 -17.5 -4 15 70 11 -4 12 60; comb own-32 -18 -2 4 66 2.6 3; comb own-32 10 24 4 56 2.2 3
        box own-20 -36 -4 72 38; comb own-20 -34 34 12 34 3.4 3; box own -47.5 -4 15 48 31.5 -4 17 44
        box own -5 -4 14 54; comb own -6 10 4 50 3 3; shape #5b4a78 -20 66 0 66 -10 91; oval own-60 18 2 6 15
        shape #5b4a78 9 56 25 56 17 78; shape #5b4a78 -49 44 -31 44 -40 66; shape #5b4a78 30 40 50 40 40 62
        box #d8473d -10 94 6 4 17 81 6 4 -40 69 6 4 40 65 6 4; box #3a3448 -10 90 .6 8 17 77 .6 8 -40 65 .6 8
        window #3d4a5c -11 52 2.6 5 1 37 2.4 5 16 44 2.4 5 -41 30 2.6 5 -41 14 2.6 5 39 26 3 5 22 16 3 6"""),
    "house": Figure("stage", 0.17, 0.75, "#b8794f", """
        oval snow 0 0 72 5; box #6d4a44 20 62 11 34; box own -50 -3 100 51
        box shade10 -50 6 100 1.2 -50 14 100 1.2 -50 22 100 1.2 -50 30 100 1.2 -50 38 100 1.2
        shape own-12 -50 48 2 48 -24 86; shape #7a3f39 -26 90 34 90 60 44 0 44; box #4d3027 -31 -3 14 30
        shape snow -26 90 34 90 60 44 0 44; shape #54302f -26 90 -20 90 -52 42 -58 42
        box #e9dfd0 6 13 17 22 28 13 17 22; window #3d4a5c 8 15 13 18 30 15 13 18 -29 52 10 11"""),
    "tree": Figure("stage", 0.34, 0.5, "", """
        shape #5b4334 -5 -3 5 -3 2.2 55 -2.2 55; shape2 #5b4334 -1 36 1 34 13 52 21 64 19 64 11 54
        oval own-28 -3 66 26 22 17 74 15 14 6 83 17 14 -12 80 16 14 -22 69 14 13 -17 55 15 12 2 51 17 12
        oval own-28 18 60 15 13; oval own 3 70 22 17 17 71 11 11 8 80 13 11 -9 78 11 10 -13 67 10 10"""),
    "forest": Figure("wood", 0.36, 0.32, "#3c6b55", """
        box #4f3b31 -3 -3 6 20; fir own-24 0 11 28 32; fir snow 0 19 21 25; fir own-18 0 26 24 30
        fir snow 0 34 17 23; fir own-12 0 41 20 28; fir snow 0 48 14 22; fir own-6 0 56 15 27
        fir snow 0 63 10 20; fir own 0 71 10 28; fir snow 0 79 7 20"""),
    "mountains": Figure("far", 0.42, 0.9, "#7d8298 #747a92", """
        shape own -85 -9 -60 14 -47 34 -38 41 -22 74 -11 85 0 100 8 88 17 80 31 55 44 47 60 20 85 -9
        shape #fbfaf7 -22 74 -11 85 0 100 8 88 17 80 27 62 20 68 14 58 6 71 -1 60 -9 72 -16 62
        shape shade40 -85 -9 -60 14 -47 34 -38 41 -22 74 -11 85 0 100 -4 80 4 62 -6 45 3 25 -8 -9"""),
    "desert": Figure("far", 0.17, 3.0, "#eebd78 #e5b06a", """
        curve own -230 -30 -130 10 -70 62 -20 96 0 100 60 82 140 42 220 4 290 -30
        curve shade45 -230 -20 -130 10 -70 62 -20 96 0 100 10 60 -30 30 20 -30"""),
    "bridge": Figure("far", 0.17, 0.8, "#a58f80", """
        shape own -76 -9 -56 -9 -54 24 -40 50 -20 64 0 68 20 64 40 50 54 24 56 -9 76 -9 76 100 -76 100
        box own-35 -76 94 152 6"""),
    "person": Figure("near", 0.22, 0.32, "#3f6f8f", """
        shape2 #2f3140 1.5 0 10 0 9 42 2 42; oval2 #27232b 6.5 .5 5.5 2.2; oval2 #e2b08c 15 40 2.6 2.6
        curve own 0 84 -12 80 -14 55 -15.5 30 0 27 15.5 30 14 55 12 80; oval #4a3328 0 91.5 7.8 8.5
        curve2 own-18 9 79 14 76 20 57 18 40 12 41 13 57; oval #e2b08c 0 88.5 6.4 6.8
        curve #e8b64a -10 83 0 86 10 83 9 79 0 80 -9 79; shape #e8b64a 3 82 -24 75 -25 69 -2 79"""),
    "cat": Figure("near", 0.24, 0.62, "#4a4550", f"""
        curve own-35 -12 0 -30 0 -45 4 -54 12 -57 23 -53 36 -46 41 -43 36 -48 27 -46 16 -38 9 -25 8 -12 8
        {BEAST}; shape2 own 21 74 20 98.5 3 86; shape2 #c98d92 17.5 83 18.5 94 9 86.5
        curve own 0 88.5 -14 85 -20 70 -11 64 0 57 11 64 20 70 14 85; eye2 #d9c65a 7.8 73.5 2.7 3
        oval2 #17151b 7.8 73.5 1 2.6; oval #d98080 0 65.5 2 1.4"""),
    "fox": Figure("near", 0.27, 0.66, "#e07a33", f"""
        curve own-10 -10 3 -32 -3 -52 8 -58 30 -46 44 -37 30 -24 20; {BEAST}
        curve own+82 -47 27 -58 27 -58 37 -46 45 -42 35; shape2 own 21 74 20 100 3 86
        shape2 #2d2730 17.5 83 18.5 95.5 9 86.5; curve own 0 88.5 -14 85 -25 70 -11 60 0 53 11 60 25 70 14 85
        curve2 own+82 24 70 12 71 3 61 1 53 11 60; oval2 #17151b 7.8 73.5 2 3; oval #2b2228 0 57 3 2"""),
    "dog": Figure("near", 0.26, 0.62, "#b98252", f"""
        curve own -12 0 -30 2 -44 10 -52 24 -55 40 -52 55 -47 57 -44 52 -47 40 -44 27 -38 17 -26 10 -12 8
        {BEAST}; curve own 0 94 -16 86 -15 68 0 56 15 68 16 86; box #d8473d -12 52.5 24 3.5
        curve2 own-35 12 93 21 86 25 64 18 60 14 76; curve own+82 0 80 -8.5 67 -6 58 0 56 6 58 8.5 67
        oval2 #231f26 7.8 75 2.2 2.6; oval #2b2228 0 67 3.2 2.3"""),
    "ship": Figure("water", 0.24, 0.42, "#fbf5e8", """
        box #5a4036 1.3 10 1.4 90; curve own 4 95 14 78 26 52 34 22 36 17 20 16 4 19 4 57
        curve own-12 -1 88 -12 70 -23 40 -29 16 -14 17 -1 19 -1 52; shape #d8473d 2 100 2 95 -10 97.5
        shape shade10 4 38 30 36.4 29.5 37.6 4 39.2; shape shade10 4 58 22.5 56.6 22 58 4 59.2
        shape #8a3b33 -36 14.5 38 13 27 -1 -20 -1; shape #f5efe3 -36 14.5 38 13 36.5 10.5 -33.5 11.8"""),
    "fish": Figure("water", 0.15, 0.8, "#e0894a", """
        curve own-25 -42 28 -70 20 -56 5 -68 -6 -42 14; curve own-20 -12 72 2 98 20 83
        curve own 52 42 40 68 12 84 -20 66 -47 20 -20 34 15 44; oval #17151b 36 58 3 3
        curve own+70 50 42 15 60 -20 48 -46 20 -20 34 15 44; curve own-20 12 55 -6 36 4 34 20 50"""),
    "balloon": Figure("air", 0.3, 0.36, "#d9483f #e9a63a #3f8fa8 #8a56a8", """
        curve own 0 99 -23 90 -33 66 -29 50 -17 34 -5.5 24 5.5 24 17 34 29 50 33 66 23 90
        curve #f8ecd2 0 99 -17 90 -24 66 -21 50 -12 34 -4 24 4 24 12 34 21 50 24 66 17 90
        curve own 0 99 -9.5 90 -13 66 -11.5 50 -7 34 -2.3 24 2.3 24 7 34 11.5 50 13 66 9.5 90
        shape2 #5a4036 4.9 25 5.5 25 4.8 11 4.2 11; box #8a5a36 -5.8 0 11.6 11.5 -6.4 9.8 12.8 2.2"""),
    "bird": Figure("air", 0.045, 1.05, "#f4f4f2", """
        curve2 own 0 30 42 66 98 48 45 52 5 17; curve2 #46474f 70 59 98 48 72 52
        curve own -30 20 0 34 24 29 30 23 0 14; shape #e8a03a 29 27 37 23.5 29 22.5"""),
    "grass": Figure("far", 0.06, 0.6, "", "shape own-15 -10 0 -40 60 0 10 0 100 5 10 40 70 10 0"),
    "flowers": Figure("far", 0.06, 0.6, "#e8483f #f6c945 #f3efe6 #c56bd6", """
        shape #4f7a40 -10 0 -40 60 0 10 0 90 5 10 40 70 10 0; oval own 0 90 27 19; oval #2a2530 0 90 9 6"""),
}  # fmt: skip
