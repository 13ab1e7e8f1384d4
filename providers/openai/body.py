"""The body of a request in the API's terms, without its pictures."""

from __future__ import annotations

import re
from typing import Any

from limner import ImageRequest, ImageWarning, ProviderError
from providers.openai.models import DEFAULT_SIZE
from providers.openai.pictures import goes_as_files
from providers.openai.settings import HOME, Settings


def body_of(request: ImageRequest, settings: Settings) -> tuple[dict[str, Any], list[ImageWarning]]:
    """Returns the body in the API's terms, and a warning for each option that is left out."""
    is_gpt_image = "gpt-image" in request.model
    is_openai = re.match(r"https?://[\w.-]+\.openai\.com(?![\w.-])", request.base_url or HOME)
    may_take_seed = settings.seed is None and not is_gpt_image and not is_openai
    takes_seed = settings.seed == "body" or (may_take_seed and not request.seed_is_drawn)
    body = {name: value for name, value in request.options if value != "auto"}
    body |= {"seed": request.seed, "negative_prompt": request.negative_prompt}
    body |= {"response_format": None if is_gpt_image else settings.response_format}
    body = {name: value for name, value in body.items() if value is not None}
    left_out: dict[str, str] = {}

    if body.get("background") == "transparent" and body.get("output_format") == "jpeg":
        why = "A JPEG cannot be transparent: choose PNG or WebP, or another background."
        raise ProviderError("invalid-request", why=why, did_not_run=True)
    if body.get("output_format") not in ("jpeg", "webp") and body.pop("output_compression", None) is not None:
        left_out["output_compression"] = "Only JPEG and WebP are compressed"
    if request.size and settings.size == "size":
        body["size"] = str(request.size)
    elif request.size and settings.size == "width-height":
        body |= request.size._asdict()
    elif request.size and request.size != DEFAULT_SIZE:  # nobody asked for the default
        left_out["size"] = f"The service chooses the size by itself, not {request.size}"
    if not request.images and body.pop("input_fidelity", None) is not None:
        left_out["input_fidelity"] = "It is about the pictures that go in, and there are none"
    if goes_as_files(request, settings) and body.pop("moderation", None) is not None:
        left_out["moderation"] = "It can be chosen only without pictures that go in"
    if not takes_seed and body.pop("seed", None) is not None and not request.seed_is_drawn:
        left_out["seed"] = "The service takes no seed"
    return body, [ImageWarning(name, f"{why}; it was left out.") for name, why in left_out.items()]
