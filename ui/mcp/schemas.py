"""The schemas of what the tools answer, as structured content."""

from __future__ import annotations

from typing import Any

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

_FLAGS = {"seed": {"type": "boolean"}, "negativePrompt": {"type": "boolean"}}
PROVIDERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "default": {**TEXT, "description": "The provider that is used where none is named."},
        "providers": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": TEXT,
                    "label": TEXT,
                    "paid": {"type": "boolean", "description": "Its pictures cost money."},
                    "models": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                **dict.fromkeys(("id", "label", "sizes"), TEXT),
                                **_FLAGS,
                                "images": {"type": "object", "description": "The pictures that it takes."},
                                "options": {"type": "object", "description": "A JSON schema for each."},
                            },
                            "required": ["id", "label", "sizes"],
                        },
                    },
                },
                "required": ["name", "label", "paid", "models"],
            },
        },
    },
    "required": ["providers"],
}
"""What `list_providers` answers."""
