"""A middleware of contract 1, as an object; this file is never changed either."""

from dataclasses import replace

from limner import Generate, ImageRequest, ImageResult, hookimpl

limner_contract = 1


class Frame:
    """Asks for each picture in a frame, answers `a blank wall` itself, and counts."""

    def __init__(self) -> None:
        self.asked = 0
        self.blank: ImageResult | None = None

    @hookimpl(tryfirst=True)
    def wrap(self, generate: Generate) -> Generate:
        async def framed(request: ImageRequest) -> ImageResult:
            self.asked += 1
            if request.prompt == "a blank wall" and self.blank:
                return self.blank
            result = await generate(replace(request, prompt=f"{request.prompt}, framed"))
            if request.prompt == "a blank wall":
                self.blank = result
            return replace(result, metadata={**result.metadata, "frame": "oak"})

        return framed


frame = Frame()
