"""The gateway in the OpenAPI document: its addresses, and what they take and answer."""

from __future__ import annotations

from typing import Any

from core.chat.request import MAX_IMAGES
from limner.request import MAX_SEED
from ui.http.gateway.fields import MOST
from ui.http.gateway.form import FORM

_TEXT: dict[str, Any] = {"type": "string"}
_PICTURE = {
    "description": "A `data:` URI or an `https` link.",
    "anyOf": [
        {"type": "string", "pattern": "^(data:image/|https://)"},
        {
            "type": "object",
            "required": ["image_url"],
            "properties": {"image_url": {"type": "string", "pattern": "^(data:image/|https://)"}},
        },
    ],
}
_FIELDS: dict[str, Any] = {
    "prompt": {
        "type": "string",
        "description": "What the picture shows.",
        "pattern": r"\S",
        "examples": ["a red fox in the snow"],
    },
    "model": {
        "type": ["string", "null"],
        "description": "An id of `/v1/models`; the default provider's if left out.",
    },
    "n": {
        "type": ["integer", "null"],
        "description": "How many pictures.",
        "minimum": 1,
        "maximum": MOST,
    },
    "size": {
        "type": ["string", "null"],
        "description": "In pixels, as a ratio, or `auto`.",
        "maxLength": 40,
        "examples": ["1024x1024"],
    },
    "response_format": {
        "description": "`b64_json` if left out; a link needs no key.",
        "enum": ["b64_json", "url", None],
    },
    "stream": {"type": ["boolean", "null"], "description": "Answer with events, one for each picture."},
    "seed": {"type": ["integer", "null"], "minimum": 0, "maximum": MAX_SEED},
    "negative_prompt": {"type": ["string", "null"], "description": "What the picture must not show."},
    "keys": {
        "type": ["object", "null"],
        "description": "Keys of your own: by provider, each by the variable that it would be set in.",
    },
    "options": {"type": ["object", "null"], "description": "The model's own; each may be a field, too."},
}
_ABOUT_OPTIONS = (
    "Each option of the model is a field, such as `quality` or `background`. Those of OpenAI's that it does "
    "not have are left out, with a warning."
)


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _fields(required: list[str], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "description": _ABOUT_OPTIONS,
        "required": required,
        "properties": {**_FIELDS, **more},
    }


_PICTURES = {"type": "array", "items": _PICTURE, "minItems": 1, "maxItems": MAX_IMAGES}
SCHEMAS: dict[str, dict[str, Any]] = {
    "GenerationRequest": _fields(["prompt"]),
    "EditRequest": _fields(
        ["prompt", "images"],
        images={**_PICTURES, "description": "The pictures to start from."},
        mask={**_PICTURE, "description": "Transparent, or white, where the first of the images may change."},
    ),
    "EditForm": _fields(
        ["prompt", "image"],
        image={"type": "array", "items": {"type": "string", "format": "binary"}, "maxItems": MAX_IMAGES},
        mask={"type": "string", "format": "binary"},
    ),
    "GeneratedImages": {
        "type": "object",
        "required": ["created", "data"],
        "properties": {
            "created": {"type": "integer", "description": "Unix time."},
            "data": {
                "type": "array",
                "minItems": 1,
                "items": _ref("GeneratedImage"),
            },
            "size": _TEXT,
            "output_format": _TEXT,
            "usage": {"type": "object", "description": "Tokens, if the service counts them."},
            "warnings": {"type": "array", "items": _TEXT, "description": "Why pictures are missing."},
        },
    },
    "GeneratedImage": {
        "type": "object",
        "required": ["metadata"],
        "properties": {
            "b64_json": {"type": "string", "description": "The very bytes of the provider."},
            "url": {"type": "string", "description": "A link to this server."},
            "revised_prompt": _TEXT,
            "metadata": {"type": "object", "description": "How the picture came to be."},
        },
    },
    "ModelList": {
        "type": "object",
        "required": ["object", "data"],
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": _ref("ModelName")},
        },
    },
    "ModelName": {
        "type": "object",
        "required": ["id", "object", "created", "owned_by"],
        "properties": {
            "id": {"type": "string", "description": "`provider/model`, or the model's own id alone."},
            "object": {"const": "model"},
            "created": {"const": 0},
            "owned_by": {"type": "string", "description": "The provider."},
        },
    },
    "OpenAIError": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "param", "code"],
                "properties": {
                    "message": {"type": "string", "description": "For people.", "minLength": 1},
                    "type": _TEXT,
                    "param": {"type": ["string", "null"], "description": "The field that is wrong."},
                    "code": {"type": ["string", "null"], "examples": ["moderation_blocked"]},
                },
            }
        },
    },
}
_ERRORS = {
    400: "The request is wrong, or was refused by a content filter.",
    401: "The key, here or at the service, is wrong.",
    403: "The request comes from another site, or under another name.",
    404: "There is no such model.",
    409: "The picture was stopped.",
    410: "The picture is not kept any more.",
    413: "The body is too large.",
    415: "The body is of another type.",
    422: "The `Idempotency-Key` came with another request before.",
    429: "A limit is reached, here or at the service.",
    500: "The server failed.",
    502: "The service failed.",
    503: "Not at the moment.",
    504: "The service did not answer in time.",
}


def _answers(schema: str, *errors: int, streams: bool = False) -> dict[str, Any]:
    """Returns the answers of an operation: what it answers if all is well, and the errors that it may."""
    content: dict[str, Any] = {"application/json": {"schema": _ref(schema)}}
    if streams:
        content["text/event-stream"] = {"schema": {"type": "object"}}  # of each event
    error = {"application/json": {"schema": _ref("OpenAIError")}}
    told = {str(status): {"description": _ERRORS[status], "content": error} for status in errors}
    return {"200": {"description": "What was asked for.", "content": content}, **told}


def _body(json: str, form: str | None = None) -> dict[str, Any]:
    content = {"application/json": {"schema": _ref(json)}}
    if form:
        content[FORM] = {"schema": _ref(form)}
    return {"required": True, "content": content}


_OF_PICTURES = (400, 401, 403, 404, 409, 410, 413, 415, 422, 429, 500, 502, 503, 504)
_OF_MODELS = (401, 403, 429, 503)
_TAGS = ["OpenAI's API"]
PATHS: dict[str, dict[str, Any]] = {
    "/v1/images/generations": {
        "post": {
            "operationId": "createImage",
            "summary": "Make pictures, as OpenAI's API does",
            "description": "For every client of that API: its base URL is this server's address and `/v1`.",
            "tags": _TAGS,
            "requestBody": _body("GenerationRequest"),
            "responses": _answers("GeneratedImages", *_OF_PICTURES, streams=True),
        }
    },
    "/v1/images/edits": {
        "post": {
            "operationId": "createImageEdit",
            "summary": "Make pictures from others, as OpenAI's API does",
            "tags": _TAGS,
            "requestBody": _body("EditRequest", "EditForm"),
            "responses": _answers("GeneratedImages", *_OF_PICTURES, streams=True),
        }
    },
    "/v1/models": {
        "get": {
            "operationId": "listModels",
            "summary": "List the models",
            "tags": _TAGS,
            "responses": _answers("ModelList", *_OF_MODELS),
        }
    },
    "/v1/models/{model}": {
        "get": {
            "operationId": "retrieveModel",
            "summary": "Read one of the models",
            "tags": _TAGS,
            "parameters": [
                {
                    "name": "model",
                    "in": "path",
                    "required": True,
                    "description": "An id of `/v1/models`, with its slashes as they are.",
                    "schema": {"type": "string", "minLength": 1},
                }
            ],
            "responses": _answers("ModelName", 404, *_OF_MODELS),
        }
    },
}
