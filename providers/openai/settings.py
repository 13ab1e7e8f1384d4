"""How a server that is compatible with OpenAI may differ from it."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

HOME = "https://api.openai.com/v1"
_PATH = re.compile(r"(/([A-Za-z0-9._~:-]+|\{model\}))+")


class Settings(BaseModel):
    """How a compatible server differs from OpenAI; set for a provider that `uses` this one."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    generations_path: str = "/images/generations"
    """Where a prompt goes, below `base_url`; ``{model}`` in it is the model, then not in the body."""
    edits_path: str | None = None
    """Where a request with pictures goes. If not set: /images/edits for files and for xAI, else where a
    prompt goes."""
    body: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Further fields of every request, nested as the service wants them, with the placeholders ``{prompt}``,
    ``{model}``, ``{seed}``, ``{negative_prompt}``, ``{width}``, ``{height}``, ``{ratio}`` (16:9), ``{tier}``
    (1K, 2K, 4K), ``{uri}`` and ``{base64}`` (pictures), and those of options by their names. What is placed
    here is not sent under its usual name."""
    edits_body: dict[str, Any] | None = None
    """The same for requests with pictures, instead of `body`."""
    sd_cpp_extra_args: dict[str, Any] = Field(default_factory=dict[str, Any])
    """What sd-server reads from the end of the prompt, as JSON, with the same placeholders."""
    seed: Literal["body", "none"] | None = None
    """Whether a seed is sent: ``body`` always, ``none`` never. If not set: one that a person chose, but not
    to OpenAI or to GPT image models."""
    size: Literal["size", "width-height", "none"] = "size"
    """How the size is sent: ``size`` as "1024x1024", ``width-height`` as two numbers, `width` and `height`,
    or ``none`` not at all; body can place it in another form."""
    edits: Literal["openai", "xai", "together", "none"] = "openai"
    """How pictures (`image`) are sent that body does not place: ``openai`` as files (also for Azure and
    vLLM-Omni), ``xai`` or ``together`` in the JSON of that service, ``none`` if it takes no pictures."""
    mask: Literal["mask", "none"] = "mask"
    """Whether a mask goes with files; `none` for a server that ignores it. JSON never has one."""
    response_format: Literal["b64_json", "base64", "url"] | None = None
    """The form of the picture to ask for; never sent to GPT image models, which refuse it."""
    api_key_header: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9-]*$")
    """The header that carries the key instead of ``Authorization``, such as ``api-key`` (Azure)."""
    api_version: str | None = None
    """Azure's API version; its `base_url` ends in a deployment's path."""

    @field_validator("generations_path", "edits_path")
    @classmethod
    def _is_a_path(cls, value: str | None) -> str | None:
        if value is not None and (not _PATH.fullmatch(value) or ".." in value):
            raise ValueError("a path below base_url, such as /images/generations")
        return value
