"""The pictures that go in: what each model takes, and the part of the composer that holds them."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from core.generation.images import model_and_provider, usable_models
from core.plugins.registry import Provider, Registry
from limner import ModelInfo
from limner.formats import FORMATS
from limner.prepare import reads_heif

_ADD_BUTTON = """<button type="button" class="limner-icon limner-add" aria-label="Add pictures" \
title="Add pictures"></button>
<input type="file" multiple hidden accept="{accept}">"""
_HEIF = ("image/heic", "image/heif", ".heic", ".heif")
_INPUTS = """<div data-takes="{takes}" data-models="{models}" data-most-bytes="{most_bytes}">
<ul class="limner-chips" role="list" aria-label="Pictures to go in"></ul>
<ul class="limner-failures" role="list" aria-label="Pictures that could not be added"></ul>
<p role="status"></p>
<div class="limner-others" role="group" aria-label="Models that fit"></div>
</div>"""


def takes(provider: Provider, model: ModelInfo) -> dict[str, Any]:
    """Returns how many pictures a model takes, and whether a mask, as the page's script reads it."""
    images = model.images
    return {
        "provider": provider.name,
        "model": model.id,
        "name": model.name,
        "label": model_and_provider(provider, model),
        "least": images.least if images else 0,
        "most": images.most if images else 0,
        "mask": bool(images and images.mask),
    }


def add_button_html() -> str:
    """Returns the button that opens the browser's choice of files, as HTML.

    An iPhone turns its HEIC photographs into JPEG by itself where HEIC is not among the choices.
    """
    types = [format.media_type for format in FORMATS] + [*(_HEIF if reads_heif() else ())]
    return _ADD_BUTTON.format(accept=",".join(types))


def inputs_html(registry: Registry, provider: Provider, model: ModelInfo, most_bytes: int) -> str:
    """Returns the place for the chips, with what the chosen model takes, and all others that can be used.

    `most_bytes` is the most that a file may have.
    """
    usable = [takes(*one) for one in usable_models(registry)]
    return _INPUTS.format(
        takes=escape(json.dumps(takes(provider, model))),
        models=escape(json.dumps(usable)),
        most_bytes=most_bytes,
    )
