"""The body of a request: what a server gets under which name."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from limner import ImageRequest, ImageWarning, ProviderError, Size
from providers.openai.models import DEFAULT_SIZE
from providers.openai.pictures import goes_as_files, template_of
from providers.openai.settings import HOME, Settings
from providers.openai.templates import OF_A_PICTURE, filled, merged, placeholders_in

_OF_A_SIZE = {"width", "height", "ratio", "tier"}
_IN_A_PATH = re.compile(r"(?!.*(^|/)\.{1,2}(/|$))[A-Za-z0-9._:@-]+(/[A-Za-z0-9._:@-]+)*")
_SD_CPP = "sd_cpp_extra_args"


def fields_of(request: ImageRequest, settings: Settings) -> tuple[dict[str, Any], list[ImageWarning]]:
    """Returns what is sent by its usual name, and a warning for each option that is left out."""
    is_gpt_image = "gpt-image" in request.model
    is_openai = re.match(r"https?://[\w.-]+\.openai\.com(?![\w.-])", request.base_url or HOME)
    placed = placed_in(request, settings)
    may_take_seed = settings.seed is None and not is_gpt_image and not is_openai
    takes_seed = settings.seed == "body" or "seed" in placed or (may_take_seed and not request.seed_is_drawn)
    fields = {name: value for name, value in request.options if value != "auto"}
    fields |= {"seed": request.seed, "negative_prompt": request.negative_prompt}
    fields |= {"response_format": None if is_gpt_image else settings.response_format}
    fields = {name: value for name, value in fields.items() if value is not None}
    left_out: dict[str, str] = {}

    if fields.get("background") == "transparent" and fields.get("output_format") == "jpeg":
        why = "A JPEG cannot be transparent: choose PNG or WebP, or another background."
        raise ProviderError("invalid-request", why=why, did_not_run=True)
    if (
        fields.get("output_format") not in ("jpeg", "webp")
        and fields.pop("output_compression", None) is not None
    ):
        left_out["output_compression"] = "Only JPEG and WebP are compressed"
    if request.size and not placed & _OF_A_SIZE:
        if settings.size == "size":
            fields["size"] = str(request.size)
        elif settings.size == "width-height":
            fields |= request.size._asdict()
        elif request.size != DEFAULT_SIZE and not request.images:  # else it may be a choice of nobody's
            left_out["size"] = f"The service chooses the size by itself, not {request.size}"
    if not request.images and fields.pop("input_fidelity", None) is not None:
        left_out["input_fidelity"] = "It is about the pictures that go in, and there are none"
    if goes_as_files(request, settings) and fields.pop("moderation", None) is not None:
        left_out["moderation"] = "It can be chosen only without pictures that go in"
    if not takes_seed and fields.pop("seed", None) is not None and not request.seed_is_drawn:
        left_out["seed"] = "The service takes no seed"
    return fields, [ImageWarning(name, f"{why}; it was left out.") for name, why in left_out.items()]


def placed_in(request: ImageRequest, settings: Settings) -> frozenset[str]:
    """Returns the names of what the settings place; raises invalid-request if there is no such thing."""
    placed = placeholders_in(template_of(request, settings)) | placeholders_in(settings.sd_cpp_extra_args)
    known = {"prompt", "model", "seed", "negative_prompt", *_OF_A_SIZE, *OF_A_PICTURE}
    if unknown := placed - known - {name for name, _ in request.options}:
        why = (
            f"The setting body places {{{min(unknown)}}}, which the model {request.model} has no option for."
        )
        raise ProviderError("invalid-request", why=why, did_not_run=True)
    return placed


def body_of(request: ImageRequest, settings: Settings, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the body with each field where the settings place it, or else under its usual name.

    Pictures that the settings place are in it as base64, which takes a while if they are large.
    """
    usual = {"prompt": request.prompt, "model": request.model, **fields}
    values = {**_size_values(request.size), **usual}
    placed = placed_in(request, settings)
    if settings.sd_cpp_extra_args:
        extra = filled(settings.sd_cpp_extra_args, values)
        usual["prompt"] = values["prompt"] = _with_extra(request.prompt, extra)
    rest = {name: value for name, value in usual.items() if name not in placed}
    if "{model}" in path_of(request, settings, is_filled=False):
        rest.pop("model", None)
    return merged(filled(template_of(request, settings), values, request.images), rest)


def path_of(request: ImageRequest, settings: Settings, *, is_filled: bool = True) -> str:
    """Returns the path of a request below the base URL."""
    path = settings.generations_path
    if request.images:
        as_files = goes_as_files(request, settings) or settings.edits == "xai"
        path = settings.edits_path or ("/images/edits" if as_files else path)
    if is_filled and "{model}" in path and not _IN_A_PATH.fullmatch(request.model):
        why = f"The model {request.model!r} cannot be part of an address: choose another one."
        raise ProviderError("invalid-request", why=why, did_not_run=True)
    return path.replace("{model}", request.model) if is_filled else path


def _size_values(size: Size | None) -> dict[str, Any]:
    if size is None:
        return {}
    doubled = round(math.log2(math.sqrt(size.pixels) / 1024))
    return {**size._asdict(), "ratio": size.proportions, "tier": f"{2 ** min(max(doubled, 0), 2)}K"}


def _with_extra(prompt: str, extra: dict[str, Any]) -> str:
    """Returns a prompt with extra arguments; what somebody wrote into it as such is made plain text."""
    clean = re.sub(rf"<(?=/?{_SD_CPP}>)", "‹", prompt)
    text = json.dumps(extra).replace("<", "\\u003c")  # or a text among them could end them
    return f"{clean} <{_SD_CPP}>{text}</{_SD_CPP}>" if extra else clean
