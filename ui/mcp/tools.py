"""What a client is told of the tools: what each does and takes, for this visitor, and what it answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcp.types import Tool, ToolAnnotations

from core.asking import providers_for
from core.chat.request import MAX_IMAGES
from core.generation.visitor import Visitor
from core.plugins.provider import Provider
from core.studio import Studio
from limner.request import MAX_SEED
from ui.mcp.schemas import PICTURES, PROVIDERS, TEXT

MAX_COUNT = 4
"""Pictures of one call."""
_MODELS_NAMED = 8
"""Models of each provider that a schema names; an assistant reads it with every question."""


def tools(studio: Studio, visitor: Visitor) -> list[Tool]:
    """Returns the tools, with the providers that the visitor may use."""
    offered = providers_for(studio, visitor)
    editing = [one for one in offered if any(model.images for model in one.info.models)]
    making = ToolAnnotations(
        readOnlyHint=False, destructiveHint=False, idempotentHint=False, openWorldHint=True
    )
    return [
        Tool(
            name="generate_image",
            title="Generate an image",
            description=(
                "Makes a picture, or several, from a prompt, and returns them with how they were made. Say "
                "in the prompt all that matters: subject, style, light, composition, words to be shown."
            ),
            inputSchema=_schema(_making(studio, offered), offered, studio),
            outputSchema=PICTURES,
            annotations=making,
        ),
        Tool(
            name="edit_image",
            title="Edit an image",
            description=(
                "Makes a picture from pictures and a prompt that says what is to change, or how to combine "
                "them. A picture that was made here before is named by its id."
            ),
            inputSchema=_schema({**_making(studio, editing), **_IMAGES}, editing, studio, "images"),
            outputSchema=PICTURES,
            annotations=making,
        ),
        Tool(
            name="list_providers",
            title="List the providers",
            description=(
                "Lists the providers of pictures, their models, and for each model its sizes, whether it "
                "takes a seed, a negative prompt or pictures, and the JSON schema of each of its options."
            ),
            inputSchema={"type": "object", "properties": {}, "additionalProperties": False},
            outputSchema=PROVIDERS,
            annotations=ToolAnnotations(readOnlyHint=True, openWorldHint=False),
        ),
    ]


def takes(tool: str) -> list[str]:
    """Returns the names of a tool's arguments."""
    if tool == "list_providers":
        return []
    return [*_ALWAYS, *(_IMAGES if tool == "edit_image" else ())]


def _schema(
    properties: dict[str, Any], offered: list[Provider], studio: Studio, *required: str
) -> dict[str, Any]:
    """Returns the schema of arguments; a provider must be named where the default one is not offered."""
    if offered and studio.settings.provider not in {provider.name for provider in offered}:
        required = (*required, "provider")
    return {
        "type": "object",
        "properties": properties,
        "required": ["prompt", *required],
        "additionalProperties": False,
    }


_ALWAYS = ("prompt", "provider", "model", "size", "seed", "negative_prompt", "options", "count")


def _making(studio: Studio, offered: list[Provider]) -> dict[str, Any]:
    names, default = [provider.name for provider in offered], studio.settings.provider
    otherwise = f" {default} if left out." if default in names else ""
    return {
        "prompt": {
            **TEXT,
            "minLength": 1,
            "maxLength": studio.settings.max_prompt_length,
            "description": "What the picture shows, or what is to change.",
        },
        "provider": {
            **TEXT,
            **({"enum": names} if names else {}),
            "description": f"Which provider makes it.{otherwise}" if names else "There is none right now.",
        },
        "model": {
            **TEXT,
            "maxLength": 200,
            "description": f"One of the provider's models; its first if left out. {_models(offered)}".strip(),
        },
        "size": {
            **TEXT,
            "pattern": "^[1-9][0-9]{0,4}[x:][1-9][0-9]{0,4}$",
            "examples": ["1024x768", "3:2"],
            "description": ("Width x height in pixels, or a ratio; the nearest that the model has is made."),
        },
        "seed": {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_SEED,
            "description": "The same seed and request give the same picture, with models that take a seed.",
        },
        "negative_prompt": {
            **TEXT,
            "description": "What the picture must not show, for models that take one.",
        },
        "options": {
            "type": "object",
            "examples": [{}],
            "description": "Options of the model by name, as list_providers describes them.",
        },
        "count": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_COUNT,
            "default": 1,
            "description": "How many pictures to make; each may cost money.",
        },
    }


def _models(offered: Iterable[Provider]) -> str:
    """Names the models of each provider."""
    known: list[str] = []
    for provider in offered:
        ids = [model.id for model in provider.info.models]
        more = f" and {len(ids) - _MODELS_NAMED} more" if len(ids) > _MODELS_NAMED else ""
        known.append(f"{provider.name}: {', '.join(ids[:_MODELS_NAMED])}{more}")
    return f"{'; '.join(known)}." if known else ""


_PICTURE = (
    "a data: URI of a PNG, JPEG, WebP, GIF or AVIF image, an https link to one, or the id of a picture that "
    "an earlier call made here"
)
_IMAGES = {
    "images": {
        "type": "array",
        "items": TEXT,
        "minItems": 1,
        "maxItems": MAX_IMAGES,
        "description": f"The pictures to edit or to go by, in order, each {_PICTURE}.",
    },
    "mask": {
        **TEXT,
        "description": f"White, or transparent, where the first picture may change: {_PICTURE}.",
    },
}
