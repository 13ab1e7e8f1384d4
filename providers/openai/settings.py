"""How a server that is compatible with OpenAI may differ from it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

HOME = "https://api.openai.com/v1"


class Settings(BaseModel, frozen=True, extra="forbid"):
    """How a compatible server differs from OpenAI; set for a provider that `uses` this one."""

    seed: Literal["body", "none"] | None = None
    """Whether a seed is sent; None sends a person's own, except to OpenAI and to GPT image models."""
    size: Literal["size", "width-height", "none"] = "size"
    """``size: "1024x1024"``, two numbers (Together), or nothing (xAI)."""
    edits: Literal["openai", "xai", "together", "ark", "localai", "none"] = "openai"
    """The form in which pictures go to the server: as files (OpenAI, Azure, vLLM-Omni), or in the JSON of
    another service; `none` if it takes no pictures."""
    mask: Literal["mask", "none"] = "mask"
    """Whether a mask goes with files; `none` for a server that ignores it (vLLM-Omni). JSON never has one."""
    response_format: Literal["b64_json", "base64", "url"] | None = None
    """The form to ask for; not sent to GPT image models, which refuse it."""
    api_key_header: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9-]*$")
    """The header that carries the key instead of ``Authorization``, such as ``api-key`` (Azure)."""
    api_version: str | None = None
    """Azure's API version; its `base_url` ends in a deployment's path."""
