"""The schemas of what the tools answer, as structured content."""

from __future__ import annotations

from typing import Any

from core.offered import offered_schema

TEXT = {"type": "string"}
INTEGER = {"type": "integer"}
_FACTS = {
    "type": "object",
    "description": "How the picture was made, and what it is.",
    "properties": {
        **dict.fromkeys(("prompt", "provider", "model", "size", "mediaType", "cost", "revisedPrompt"), TEXT),
        **dict.fromkeys(("seed", "width", "height", "bytes"), INTEGER),
        "duration": {"type": "number", "description": "Seconds."},
        "warnings": {
            "type": "array",
            "items": {"type": "object", "properties": {"feature": TEXT, "details": TEXT}},
            "description": "Where the picture is not quite what was asked for.",
        },
    },
}
PICTURES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "pictures": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {**TEXT, "description": "Names the picture in a later edit_image."},
                    "filename": TEXT,
                    "url": {**TEXT, "description": "Where the picture itself is."},
                    "file": {**TEXT, "description": "Where the picture itself is on this machine."},
                    "preview": {
                        "type": "boolean",
                        "description": "The image beside is a smaller copy, since the picture is large.",
                    },
                    "metadata": _FACTS,
                },
                "required": ["id", "filename", "metadata"],
            },
        },
        "failures": {
            "type": "array",
            "description": "What became of the pictures that are not there.",
            "items": {
                "type": "object",
                "properties": {"error": TEXT, "category": TEXT, "retryAfter": {"type": "number"}},
                "required": ["error", "category"],
            },
        },
    },
    "required": ["pictures"],
}
"""What a call that made a picture answers."""

PROVIDERS = offered_schema("#/$defs/{model}")
"""What `list_providers` answers, which is what `GET /api/providers` does."""
