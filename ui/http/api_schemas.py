"""What other programs send and get, as JSON schemas: the components of the OpenAPI document."""

from __future__ import annotations

from typing import Any, get_args

from core.chat.causes import ROWS
from core.chat.message import Reason
from core.chat.request import MAX_IMAGES
from core.chat.thread import FORMAT
from core.offered import offered_schema
from limner.request import MAX_SEED
from ui.http.requests import CATEGORIES

_ID = {"type": "string", "pattern": "^[0-9a-f]{16,32}$"}
_KEY = {"type": "string", "pattern": r"^\s*[!-~]{1,1000}\s*$"}
_SIZE = {"type": "string", "examples": ["1024x768", "3:2"]}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: str, **properties: Any) -> dict[str, Any]:
    """Returns the schema of an object with these properties and no others, of which some are always there."""
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
    }


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


def _of_providers() -> dict[str, dict[str, Any]]:
    schema = offered_schema("#/components/schemas/{model}")
    return {"Providers": schema, **schema.pop("$defs")}


_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "integer"}

SCHEMAS: dict[str, dict[str, Any]] = {
    "ImagePart": {
        **_object(
            "image",
            type={"const": "image"},
            image={
                **_TEXT,
                "description": "A `data:image/…` URI, or an `https` link.",
                "pattern": "^(data:image/|https://)",
            },
            filename=_TEXT,
        ),
        "description": "assistant-ui's `ImageMessagePart`.",
    },
    "ImageRequest": _object(
        "prompt",
        prompt={
            **_TEXT,
            "description": "What the picture shows.",
            "pattern": r"\S",
            "examples": ["a red fox in the snow"],
        },
        provider={
            **_or_null(_TEXT),
            "description": "A name from `/api/providers`; the default if left out.",
            "maxLength": 200,
        },
        model={
            **_or_null(_TEXT),
            "description": "A model's id; the provider's first if left out.",
            "maxLength": 200,
        },
        size={
            **_or_null(_SIZE),
            "description": "In pixels, or as a ratio; the model's own if left out.",
            "maxLength": 40,
        },
        seed={
            **_or_null(_NUMBER),
            "description": "The same seed draws the same picture, where a model takes one.",
            "minimum": 0,
            "maximum": MAX_SEED,
        },
        negativePrompt={**_or_null(_TEXT), "description": "What the picture must not show."},
        options={
            "type": "object",
            "description": "The model's own, by the schemas that `/api/providers` has of them.",
        },
        images={
            "description": "Pictures to start from.",
            "anyOf": [
                {"type": "array", "items": _ref("ImagePart"), "maxItems": MAX_IMAGES},
                _ref("ImagePart"),
                {"type": "null"},
            ],
        },
        mask={
            "description": "White, or transparent, where the first of the images may change.",
            "anyOf": [_ref("ImagePart"), {"type": "null"}],
        },
        keys={
            "type": ["object", "null"],
            "description": "Keys of your own: by provider, each by the variable that it would be set in.",
            "additionalProperties": {"type": "object", "additionalProperties": _KEY},
        },
    ),
    "ChatRequest": {
        "type": "object",
        "description": "What `useChat` sends, and beside it any field of an `ImageRequest` but the pictures.",
        "required": ["messages"],
        "properties": {
            "messages": {
                "type": "array",
                "description": "The prompt is the text of the user's last, and its files are the pictures.",
                "items": {"type": "object"},
                "minItems": 1,
            }
        },
    },
    "ImageReply": _object(
        "type image mimeType filename metadata thread message",
        type={"const": "image"},
        image={**_TEXT, "description": "A `data:` URI, or a link if this server has a public address."},
        mimeType={**_TEXT, "pattern": "^image/"},
        filename=_TEXT,
        revisedPrompt={**_TEXT, "description": "The prompt as the service changed it."},
        metadata={
            "type": "object",
            "description": "How the picture came to be.",
            "required": ["prompt", "provider", "model", "width", "height", "bytes"],
            "propertyNames": {"pattern": "^[a-zA-Z0-9]+$"},
        },
        thread={**_ID, "description": "The id of the conversation: see `/api/threads/{thread}`."},
        message={**_ID, "description": "The id of the message in it."},
    ),
    "Problem": _object(
        "error category",
        error={**_TEXT, "description": "What happened, why, and what to do, for people.", "minLength": 1},
        category={
            **_TEXT,
            "description": "The same for programs.",
            "enum": sorted({*ROWS, *CATEGORIES.values(), "cancelled"}),
        },
        field={**_TEXT, "description": "The field, or the option, that is wrong."},
        reason={"description": "Why a picture that was begun is not there.", "enum": [*get_args(Reason)]},
        thread=_ID,
        message=_ID,
        metadata=_object(
            "provider model", provider=_TEXT, model=_TEXT, requestId=_TEXT, serviceMessage=_TEXT
        ),
    ),
    **_of_providers(),
    "ThreadMessage": {
        **_object(
            "id role createdAt content metadata",
            id=_TEXT,
            role={"enum": ["user", "assistant"]},
            createdAt={**_TEXT, "format": "date-time"},
            content={"type": "array", "items": {"oneOf": [_ref("TextPart"), _ref("ImagePart")]}},
            status={
                "type": "object",
                "required": ["type"],
                "properties": {"type": {"enum": ["running", "complete", "incomplete"]}, "error": _TEXT},
            },
            metadata=_object(
                "custom",
                custom={
                    "type": "object",
                    "description": "Everything that is known of it.",
                    "required": ["limner"],
                    "properties": {"limner": {"const": FORMAT}},
                },
            ),
        ),
        "description": "assistant-ui's `ThreadMessageLike`: what was asked, or one version of the answer.",
    },
    "TextPart": _object("type text", type={"const": "text"}, text=_TEXT),
}
