"""Pictures of every shape, type and length of wait, as the prompt's #tags ask for.

    A boat #jpeg #gate-harbour #revised

`#gate-…` waits until a file of that name is in the folder that the setting `gates` names; what is
written in that name with `.says` is reported as progress meanwhile; `40 %` at its start is the share too.
In that name with `.state` it writes `reached`, and `stopped` if it is cancelled there.
"""

from __future__ import annotations

import asyncio
import base64
import io
import re
from collections.abc import Set
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from limner import (
    ContentFiltered,
    ImageRequest,
    ImageResult,
    ImageWarning,
    ModelInfo,
    ProviderError,
    ProviderInfo,
    Size,
    hookimpl,
)

SIZES = {"tiny": (64, 64), "wide": (1500, 500), "tall": (400, 1200), "huge": (2000, 1250)}
CATEGORIES = ("auth", "quota", "rate-limit", "invalid-request", "timeout", "unavailable", "provider")
FRAMES = (Size(480, 360), Size(300, 900))
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="240">'
    '<rect width="320" height="240" fill="teal"/><text x="20" y="80">100 %, plus+ and "quotes"</text></svg>'
)


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(
        label="Shapes",
        about="Pictures of every shape, for tests.",
        paid=True,
        models=(
            ModelInfo(id="shapes-1", label="Shapes One", seed=True),
            ModelInfo(id="framed", sizes=FRAMES),
        ),
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    tags = set(re.findall(r"#([\w-]+)", request.prompt))
    await wait_at_gates(request, tags)
    if "filtered" in tags:
        raise ContentFiltered("The safety system said no.")
    for category in CATEGORIES:
        if category in tags:
            raise ProviderError(category, "The service's own words.")
    return ImageResult(
        picture(tags, request.seed or 0, request.size),
        revised_prompt="A small boat in a harbour, revised." if "revised" in tags else None,
        warnings=[ImageWarning("size", "The size was rounded.")] if "warned" in tags else (),
    )


async def wait_at_gates(request: ImageRequest, tags: Set[str]) -> None:
    """Waits for each gate that a tag names, and reports what is written beside it."""
    for tag in sorted(tags):
        if tag.startswith("gate-"):
            gate = Path(request.settings["gates"], tag)
            says, state = gate.with_name(f"{tag}.says"), gate.with_name(f"{tag}.state")
            state.write_text("reached")
            try:
                while not gate.exists():  # noqa: ASYNC240
                    progress = says.read_text() if says.exists() else f"at {tag}"
                    share = re.match(r"(\d+) %", progress)
                    request.report(progress, int(share[1]) / 100 if share else None)
                    await asyncio.sleep(0.02)
            except asyncio.CancelledError:
                state.write_text("stopped")
                raise


def picture(tags: Set[str], seed: int = 0, size: Size | None = None) -> bytes | str:
    """Returns a gradient, or what the tags ask for, in one of the shapes that the contract knows."""
    if "svg" in tags:
        return f"data:image/svg+xml,{quote(SVG)}"
    if "svg-base64" in tags:
        return f"data:image/svg+xml;base64,{base64.b64encode(SVG.encode()).decode()}"
    if "svg-unescaped" in tags:
        return f"data:image/svg+xml,{SVG}"
    asked = (size.width, size.height) if size else (320, 240)
    width, height = next((SIZES[tag] for tag in sorted(tags) if tag in SIZES), asked)
    image = Image.merge(
        "RGB",
        (
            Image.linear_gradient("L").resize((width, height)),
            Image.linear_gradient("L").rotate(90).resize((width, height)),
            Image.new("L", (width, height), seed % 256),
        ),
    )
    if "transparent" in tags:
        image.putalpha(Image.radial_gradient("L").resize((width, height)))
    kind = next((tag for tag in ("jpeg", "webp", "gif", "avif") if tag in tags), "png")
    written = io.BytesIO()
    image.save(written, kind)
    if "percent" in tags:
        return f"data:image/{kind},{quote(written.getvalue())}"
    return written.getvalue()
