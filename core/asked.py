"""What a person asks for, as they asked it: kept unchanged, so that Regenerate asks the same again."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

MOST_SEED = 2**32 - 1


class Asked(BaseModel):
    """One request in the person's terms; `core.resolve` checks it against the chosen model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str
    provider: str | None = None
    """A provider's name; the default one for None."""
    model: str | None = None
    """A model's id; the provider's default for None."""
    size: str | None = None
    """``1024x768``, a ratio such as ``3:2``, or None for the model's default."""
    seed: int | None = None
    """None asks for a new one with each version."""
    negative_prompt: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
