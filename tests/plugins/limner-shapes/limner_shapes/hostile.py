"""A provider whose every text tries to become something else than text."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from limner import (
    ContentFiltered,
    ImageRequest,
    ImageResult,
    ImageWarning,
    ModelInfo,
    Options,
    ProviderError,
    ProviderInfo,
    hookimpl,
)
from limner_shapes.shapes import picture, wait_at_gates

NASTY = '"\'><img src=x onerror="hacked=1">${hacked=2}{{hacked}}**b**<b>i</b>![m](x)[l](javascript:hacked=3)'
"""Markup, both of gradio's template languages and Markdown in one text; `hacked` is what they would set."""


class HostileOptions(Options):
    mood: Literal["plain", f"{NASTY}"] = Field(  # pyright: ignore[reportInvalidTypeForm]
        "plain", title=f"title {NASTY}", description=f"description {NASTY}"
    )
    words: str = Field("", title=f"words {NASTY}")


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(
        label=NASTY[:80],
        about=NASTY,
        models=(ModelInfo(id=f"model {NASTY}", label=f"model {NASTY}"), ModelInfo(id="other")),
        options=HostileOptions,
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    tags = {word[1:] for word in request.prompt.split() if word.startswith("#")}
    request.report(f"progress {NASTY}")
    await wait_at_gates(request, {tag for tag in tags if tag.startswith("gate-")})
    if "filtered" in tags:
        raise ContentFiltered(f"refusal {NASTY}")
    if "failed" in tags:
        raise ProviderError("provider", f"failure {NASTY}")
    return ImageResult(
        picture(tags, 0),
        revised_prompt=f"revised {NASTY}",
        model=f"used {NASTY}",
        warnings=[ImageWarning(f"feature {NASTY}", f"details {NASTY}")],
    )
