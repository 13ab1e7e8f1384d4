"""A middleware: asks for every picture in an oak frame, and keeps the last one to show it again."""

from __future__ import annotations

from dataclasses import replace

from limner import ContentFiltered, Generate, ImageRequest, ImageResult, hookimpl

on_the_wall: dict[str, ImageResult] = {}
"""The last picture of each prompt that ends with `, again`."""


@hookimpl
def wrap(generate: Generate) -> Generate:
    async def in_a_frame(request: ImageRequest) -> ImageResult:
        if "mirror" in request.prompt:
            raise ContentFiltered("A mirror does not stay in its frame.")
        if request.prompt in on_the_wall:
            return on_the_wall[request.prompt]
        result = await generate(replace(request, prompt=f"{request.prompt}, in a frame"))
        result = replace(result, metadata={**result.metadata, "frame": "oak"})
        if request.prompt.endswith(", again"):
            on_the_wall[request.prompt] = result
        return result

    return in_a_frame
