"""What `limner.toml` may say of the provider."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class DiffusersSettings(BaseModel):
    """The settings beside those that every provider has, such as `models`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    idle: Annotated[float, Field(ge=0)] = 600
    """Seconds after the last picture until the model leaves the memory."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|xpu|cuda(:\d+)?)$")] = "auto"
    """Where it computes: `cuda`, `cuda:1`, `xpu`, `mps`, `cpu`, or `auto` for the best of these."""
