"""What the sketch remembers of a picture that it made, so that an edit paints the same scene again."""

from __future__ import annotations

import base64
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import limner
from providers.sketch.scene import Scene

Saying: TypeAlias = "tuple[str, str | None]"
"""A prompt and its negative prompt."""
MOST_LAYERS = 4


class Layer(BaseModel):
    """One painting of the scene: all that was said of it, and the mask through which it shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    said: tuple[Saying, ...] = Field(min_length=1)
    mask: str | None = None
    """A PNG in base64; None for the lowest layer, which shows everywhere."""

    @property
    def scene(self) -> Scene:
        """The scene that the words make, each of them a change of the one before."""
        scene: Scene | None = None
        for prompt, negative_prompt in self.said:
            scene = Scene(prompt, negative_prompt, scene)
        assert scene
        return scene

    def then(self, saying: Saying, mask: bytes | None = None) -> Layer:
        """Returns this layer after one more change, perhaps behind another mask."""
        own = base64.b64encode(mask).decode() if mask else self.mask
        return Layer(said=(*self.said, saying), mask=own)


class Past(BaseModel):
    """The `continuation` of a picture of the sketch's own, which the host keeps as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int
    size: limner.Size
    layers: tuple[Layer, ...] = Field(min_length=1, max_length=MOST_LAYERS)
    palette: list[list[float]] | None = None

    @classmethod
    def read(cls, continuation: Any) -> Past | None:
        """Returns what an earlier result remembers; None if it is of another form, or none."""
        try:
            return cls.model_validate(continuation)
        except ValidationError:
            return None

    @property
    def above(self) -> list[tuple[Scene, bytes]]:
        """The scenes of the upper layers, and their masks."""
        return [(layer.scene, base64.b64decode(layer.mask or "")) for layer in self.layers[1:]]
