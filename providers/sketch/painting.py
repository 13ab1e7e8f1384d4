"""Paints scenes and edits as PNGs; the same arguments give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

import limner
from providers.sketch.scene import DRY, Scene

if TYPE_CHECKING:
    from providers.sketch.canvas import Canvas

PREVIEW_SIDE = 384


@dataclass(frozen=True)
class Edit:
    """What is done besides painting a scene."""

    picture: bytes | None = field(default=None, repr=False)
    """A picture to tint and light, in place of a scene to paint."""
    above: Sequence[tuple[Scene, bytes]] = field(default=(), repr=False)
    """Scenes that show within a mask each, from earlier edits."""
    palette: Sequence[Sequence[float]] | None = None
    """The average and the spread of the colours to use."""
    mask: bytes | None = field(default=None, repr=False)
    around: bytes = field(default=b"", repr=False)
    """The picture that shows where the mask is black."""


def paint(scene: Scene, size: limner.Size, seed: int, edit: Edit | None = None) -> bytes:
    """Paints a scene, or what an edit makes of another picture, as a PNG."""
    from providers.sketch import retouch  # numpy and Pillow come with the first picture
    from providers.sketch.canvas import Canvas

    canvas, edit = Canvas(size.width, size.height, seed), edit or Edit()
    if edit.picture:
        canvas.planes = retouch.opened(edit.picture, size)
        retouch.relight(canvas, scene)
    else:
        _compose(canvas, scene)
    for upper, mask in edit.above:
        below, canvas = canvas.planes, Canvas(size.width, size.height, seed)
        _compose(canvas, upper)
        retouch.keep_outside(canvas, below, mask)
    if edit.palette:
        retouch.recolour(canvas, edit.palette)
    if edit.mask:
        retouch.keep_outside(canvas, retouch.opened(edit.around, size), edit.mask)
    return canvas.png()


def _compose(canvas: Canvas, scene: Scene) -> None:
    """Paints a scene from the sky to the viewer's feet."""
    from providers.sketch import land, sky
    from providers.sketch.figures import Figures

    light = sky.Light(scene, canvas)
    figures = Figures(canvas, scene, light)
    sky.paint_sky(canvas, scene, light)
    figures.paint_range("mountains", 0.2)
    land.paint_distance(canvas, scene, light)
    figures.paint_range("forest", 0.045)
    figures.paint_range("desert", 0.4)
    figures.paint_far()
    stage, shore = land.paint_ground(canvas, scene, light)
    figures.paint_grass(stage, shore)
    for way in ("river", "road") if scene.ground in DRY else ():
        if scene.has(way):
            land.paint_way(canvas, scene, light, way)
    figures.paint_near(stage, shore)
    sky.paint_weather(canvas, scene, light)


def previews(picture: bytes, count: int) -> list[bytes]:
    """Returns small JPEGs of a picture, from a few patches of colour to all of it."""
    from PIL import Image

    image = Image.open(BytesIO(picture)).convert("RGB")
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    steps: list[bytes] = []
    for step in range(count):
        cells = max(2, round(6 * (PREVIEW_SIDE / 12) ** (step / max(1, count - 1))))
        patches = image.resize((cells, max(2, cells * image.height // image.width)), Image.Resampling.BOX)
        file = BytesIO()
        patches.resize(image.size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=80)
        steps.append(file.getvalue())
    return steps
