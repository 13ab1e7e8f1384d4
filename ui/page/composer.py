"""The composer at first: the providers, and all that the default one offers."""

from __future__ import annotations

import json
from typing import Any

from core.generation.credentials import needs_own, takes_sign_in
from core.studio import Studio
from limner.formats import FORMATS
from limner.prepare import reads_heif
from ui.page.offers import offer, takes

_HEIF = ("image/heic", "image/heif", ".heic", ".heif")
EXAMPLES = {
    "lighthouse": "A lighthouse at dusk, long shadows",
    "fox": "A red fox in a snowy forest",
    "sailboats": "Three sailboats on a calm teal sea at dawn",
    "skyline": "City skyline at night in the rain",
}
"""What an empty page suggests, by the names of their thumbnails."""


def composer(studio: Studio, *, owner: bool) -> dict[str, Any]:
    """Returns what the template of the page needs to draw the composer."""
    registry = studio.registry
    default = registry.get(studio.settings.provider) or next(iter(registry))
    # An iPhone turns its HEIC photographs into JPEG by itself where HEIC is not among the choices.
    accept = [format.media_type for format in FORMATS] + [*(_HEIF if reads_heif() else ())]
    return {
        "providers": [
            {
                "name": provider.name,
                "label": provider.label,
                "needs_key": needs_own(provider, studio.settings, may_spend=owner),
                "takes_sign_in": takes_sign_in(provider),
            }
            for provider in registry
        ],
        "offer": offer(studio, default.name, owner=owner),
        "models": json.dumps(
            [takes(provider, model) for provider in registry for model in provider.info.models]
        ),
        "most_bytes": studio.settings.max_bytes,
        "accept": ",".join(accept),
        "examples": EXAMPLES,
    }
