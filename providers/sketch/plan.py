"""What is painted for a request, what is told about it, and what is remembered for the next edit."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import Any

import limner
from providers.sketch.painting import Edit
from providers.sketch.past import MOST_LAYERS, Layer, Past
from providers.sketch.scene import DRY, Scene

SIZES = limner.SizeRange(step=8, min_side=256, max_side=2048, max_pixels=2048 * 1536, max_ratio=3)
CUT = 0.03
"""The part of a picture that may be cut off without a word."""


@dataclass(frozen=True)
class Plan:
    """The scene to paint, and all that comes with it; of a picture of its own, the `past` to remember."""

    scene: Scene
    size: limner.Size
    seed: int
    past: Past | None
    edit: Edit | None = None
    warnings: tuple[limner.ImageWarning, ...] = field(default=())

    @property
    def painting(self) -> tuple[Scene, limner.Size, int, Edit | None]:
        """What `paint` is called with."""
        return self.scene, self.size, self.seed, self.edit

    @property
    def above(self) -> list[Scene]:
        """The scenes that show within masks of earlier edits."""
        return [scene for scene, _ in self.edit.above] if self.edit else []

    @property
    def remembered(self) -> Any:
        """The past of the new picture as plain JSON; None if it cannot be painted again from words."""
        return self.past.model_dump(mode="json") if self.past else None

    @property
    def understood(self) -> dict[str, Any]:
        """What was understood of the words: of another's picture only what changed in it."""
        scene, said = self.scene, self.scene.said
        subjects = dict.fromkeys(name for upper in [scene, *self.above] for name in upper.subjects)
        if self.edit and self.edit.picture:
            told: dict[str, Any] = {
                "drawn": "on this machine, without a model, over the picture that was given",
                "time_of_day": scene.time if said.time or said.implied else None,
                "season": scene.season if said.season else None,
                "weather": ", ".join(sorted(scene.weather)) or None,
            }
            told = {name: value for name, value in told.items() if value}
        else:
            ways = () if scene.ground in DRY else ("river", "road")  # they are not drawn on water
            told = {
                "drawn": "on this machine, without a model",
                "subjects": [name for name in subjects if name not in ways],
                "time_of_day": scene.time,
                "season": scene.season,
                "weather": ", ".join(sorted(scene.weather)) or "clear",
            }
        return {**told, "unknown_words": scene.unknown}

    def with_pictures(self, request: limner.ImageRequest) -> Plan:
        """Reads the mask and the second picture's colours, which takes a worker thread."""
        from providers.sketch import retouch

        assert self.edit
        first, others = request.images[0], request.images[1:]
        edit, past, warnings = self.edit, self.past, list(self.warnings)
        if others:
            edit = replace(edit, palette=retouch.palette_of(others[0].data))
            warnings.append(_told("images", "Of the second picture only the colours are used."))
        elif past and not self.scene.said.colours:
            edit = replace(edit, palette=past.palette)
        if request.mask:
            edit = replace(edit, mask=retouch.packed(request.mask.data), around=first.data, above=())
        if edit.mask and others:
            past = None  # its colours are not those of one picture any more
        if past:
            saying = (request.prompt, request.negative_prompt)
            layers: tuple[Layer, ...]
            if edit.mask:
                layers = (*past.layers, past.layers[-1].then(saying, edit.mask))
            else:
                layers = tuple(layer.then(saying) for layer in past.layers)
                edit = replace(edit, above=past.model_copy(update={"layers": layers}).above)
            palette = [[*numbers] for numbers in edit.palette] if edit.palette else None
            past = (
                Past(seed=self.seed, size=self.size, layers=layers, palette=palette)
                if len(layers) <= MOST_LAYERS
                else None
            )
        return replace(self, edit=edit, past=past, warnings=tuple(warnings))


def plan_for(request: limner.ImageRequest) -> Plan:
    """Returns what a request's words ask for, before its pictures are read."""
    saying, size = (request.prompt, request.negative_prompt), request.size
    past = Past.read(request.continuation) if request.images else None
    seed = request.seed if request.seed is not None else secrets.randbits(32)
    if past:
        top = past.layers[-1 if request.mask else 0]
        kept = _told("seed", "The picture keeps its own seed, so that everything stays where it is.")
        another = not request.seed_is_drawn and request.seed not in (None, past.seed)
        size, told = _whole(request, size or past.size) if request.mask else (size or past.size, ())
        scene = top.then(saying).scene
        warnings = (*([kept] if another else []), *told, *_not_understood(scene))
        return Plan(scene, size, past.seed, past, Edit(), warnings)
    scene, size = Scene(*saying), size or SIZES.default
    if not request.images:
        return Plan(scene, size, seed, Past(seed=seed, size=size, layers=(Layer(said=(saying,)),)))
    size, told = _whole(request, size) if request.mask else (size, _cut_off(request, size))
    warnings = told + _not_understood(scene)
    if scene.said.mentions or scene.said.absent:
        why = "Nothing is drawn into a picture from elsewhere or taken out of it: only its light changes."
        warnings += (_told("prompt", why),)
    return Plan(scene, size, seed, None, Edit(picture=request.images[0].data), warnings)


def _whole(
    request: limner.ImageRequest, size: limner.Size
) -> tuple[limner.Size, tuple[limner.ImageWarning, ...]]:
    """Returns a size with the first picture's own shape, so that nothing that is marked is cut off."""
    own = request.images[0].size
    scale = min(size.width / own.width, size.height / own.height)
    # its very size, if that is near, moves no pixel
    whole = own if abs(scale - 1) <= CUT else limner.Size(*(max(1, round(side * scale)) for side in own))
    if 1 - min(size.ratio / own.ratio, own.ratio / size.ratio) <= CUT:
        return whole, ()
    why = f"{whole.text} instead of {size.text}: with a mask the picture keeps its shape."
    return whole, (_told("size", why),)


def _cut_off(request: limner.ImageRequest, size: limner.Size) -> tuple[limner.ImageWarning, ...]:
    ratio = request.images[0].size.ratio / size.ratio
    if (share := 1 - min(ratio, 1 / ratio)) <= CUT:
        return ()
    edges = "left and right" if ratio > 1 else "at the top and the bottom"
    return (_told("size", f"{share:.0%} of the picture is cut off {edges}, to make it {size.text}."),)


def _not_understood(scene: Scene) -> tuple[limner.ImageWarning, ...]:
    if scene.said.is_understood or not scene.unknown:
        return ()
    return (_told("prompt", "None of these words is known here, so they only shift the colours."),)


def _told(feature: str, details: str) -> limner.ImageWarning:
    return limner.ImageWarning(feature, details, "other")
