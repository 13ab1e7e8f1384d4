"""What a visitor can choose from, as plain facts: in one form for every program that asks."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema

import limner
from core.asking import providers_for
from core.generation.visitor import Visitor
from core.plugins import provider as configured
from core.studio import Studio
from limner.options import option_schemas

Size = Annotated[str, Field(json_schema_extra={"examples": ["1024x768", "3:2"]})]


class _Facts(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", use_attribute_docstrings=True
    )


class SizeRange(_Facts):
    """Each side is a multiple of `step` within its bounds."""

    step: int
    min_side: int
    max_side: int
    max_pixels: int | None
    """Of the whole picture."""
    max_ratio: float
    """Of the longer side to the shorter."""
    default: str


class ImageInputs(_Facts):
    """The pictures that a model takes."""

    least: int
    most: int
    mask: bool
    media_types: list[str]
    """Others are converted."""
    most_bytes: int
    """Of each; larger ones are made smaller."""


class Model(_Facts):
    """A model, and what it takes beside a prompt."""

    id: str
    label: str
    sizes: list[Size]
    """Those that it takes, if they can be listed."""
    size_range: SizeRange | None
    """Or the range of them."""
    default_size: Size | None
    seed: bool
    """It takes a seed."""
    negative_prompt: bool
    """It takes a negative prompt."""
    images: ImageInputs | None
    """The pictures that it takes; null if it takes words alone."""
    options: dict[str, dict[str, Any]]
    """The JSON schema of each option, by name."""


class Provider(_Facts):
    """A provider that makes pictures for whoever asks."""

    name: str
    label: str
    paid: bool
    """A picture costs money."""
    models: list[Model]
    """The default first."""
    other_models: bool
    """It takes ids of models that are not listed, too."""


class Providers(_Facts):
    """What there is to choose from."""

    default: str | None
    """The provider of a request that names none."""
    providers: list[Provider]


def offered(studio: Studio, visitor: Visitor) -> dict[str, Any]:
    """Returns the providers that make pictures for a visitor, in the page's order, as `Providers` in JSON."""
    found = providers_for(studio, visitor)
    default = studio.settings.provider
    known = Providers(
        default=default if default in {provider.name for provider in found} else None,
        providers=[_provider(provider, owner=visitor.is_owner) for provider in found],
    )
    return known.model_dump(mode="json", by_alias=True)


def offered_schema(where: str) -> dict[str, Any]:
    """Returns the JSON schema of what `offered` returns; `where` is how it refers to its parts."""
    return Providers.model_json_schema(mode="serialization", ref_template=where, schema_generator=_Untitled)


class _Untitled(GenerateJsonSchema):
    """Schemas without titles, which would be the names of the fields again."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _provider(provider: configured.Provider, *, owner: bool) -> Provider:
    info = provider.info_for(owner=owner)
    return Provider(
        name=provider.name,
        label=provider.label,
        paid=info.paid,
        models=[_model(provider, model) for model in info.models],
        other_models=info.other_models is not None,
    )


def _model(provider: configured.Provider, model: limner.ModelInfo) -> Model:
    listed, within = (None, model.sizes) if isinstance(model.sizes, limner.SizeRange) else (model.sizes, None)
    return Model(
        id=model.id,
        label=model.name,
        sizes=[_size(model, size) for size in listed or ()],
        size_range=SizeRange(**within.model_dump(mode="json")) if within else None,
        default_size=_size(model, model.default_size) if model.default_size else None,
        seed=model.seed,
        negative_prompt=model.negative_prompt,
        images=ImageInputs(**model.images.model_dump(mode="json")) if model.images else None,
        options=option_schemas(provider.info.options_of(model)),
    )


def _size(model: limner.ModelInfo, size: limner.Size) -> str:
    """Returns a size as a request names it; only its ratio counts where the service chooses the pixels."""
    return size.proportions if model.ratio_only else str(size)
