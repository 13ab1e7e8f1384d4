"""A provider that edits: it keeps what it got, and turns the first picture's colours into their opposites.

    Make it blue #kept-harbour #says #steps

`#kept-…` writes the pictures and the mask beside the gates, under that name; `#says` adds
the model's words, and `#steps` shows two of the picture's beginnings, the second after `#gate-…-24`.
"""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

from PIL import Image, ImageOps

from limner import (
    ContentFiltered,
    ImageInputs,
    ImageRequest,
    ImageResult,
    ModelInfo,
    ProviderInfo,
    Size,
    hookimpl,
)
from limner_shapes.shapes import picture, wait_at_gates

SIZES = (Size(320, 320), Size(480, 320), Size(320, 480))


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(
        label="Retouch",
        about="Pictures from pictures, for tests.",
        models=(
            ModelInfo(id="pair", label="Pair", sizes=SIZES, images=ImageInputs(most=2, mask=True)),
            ModelInfo(id="single", label="Single", images=ImageInputs(least=1)),
        ),
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    tags = set(re.findall(r"#([\w-]+)", request.prompt))
    for tag in tags:
        if tag.startswith("kept-"):
            _keep(request, Path(request.settings["gates"], tag))
    if "steps" in tags:
        for side in (24, 48):
            request.preview(_png(_made(request).resize((side, side)).resize((side * 10, side * 10))))
            await wait_at_gates(request, {tag for tag in tags if tag.endswith(f"-{side}")})
    await wait_at_gates(request, tags)
    if "filtered" in tags:
        raise ContentFiltered("The safety system said no.")
    made = _png(_made(request)) if request.images else picture(tags, 0, request.size)
    words = "Here is the picture, with <b>what you asked for</b>.\nIt is a little darker now."
    return ImageResult(made, text=words if "says" in tags else None)


def _made(request: ImageRequest) -> Image.Image:
    if not request.images:
        return Image.new("RGB", (320, 320), "teal")
    with Image.open(io.BytesIO(request.images[0].data)) as given:
        return ImageOps.invert(given.convert("RGB"))


def _keep(request: ImageRequest, place: Path) -> None:
    """Writes each picture as it came, and last what tells a test that all are there."""
    for number, image in enumerate(request.images, 1):
        place.with_name(f"{place.name}-{number}").write_bytes(image.data)
    if request.mask:
        place.with_name(f"{place.name}-mask").write_bytes(request.mask.data)
    about = {
        "images": [image.filename for image in request.images],
        "size": str(request.size) if request.size else None,
    }
    place.with_name(f"{place.name}.json").write_text(json.dumps(about))


def _png(image: Image.Image) -> bytes:
    written = io.BytesIO()
    image.save(written, "png")
    return written.getvalue()
