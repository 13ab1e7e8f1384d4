"""How a provider describes itself: plain facts, stated without a connection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from limner.inputs import ImageInputs
from limner.options import Options, field_names
from limner.price import Price, UsagePrice
from limner.request import MAX_SEED
from limner.size import Size, SizeLike, SizeRange


class Credential(BaseModel):
    """The secret that a provider needs, and where to get one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    variable: str
    """The environment variable that holds it, or its first part."""
    others: tuple[str, ...] = ()
    """The variables of its other parts, if it has several; all are needed."""
    optional_others: tuple[str, ...] = ()
    """The variables of parts that are used if they are set, and not needed."""
    optional: bool = False
    """It is used if it is set, and not needed."""
    url: str | None = None
    """The web page where one is issued."""
    hugging_face: bool = False
    """It is a Hugging Face token: a visitor's sign-in can stand for it, and on a Space the owner's is used
    only if the settings name its variable."""

    if TYPE_CHECKING:  # what may be written, where the fields say what is read

        def __init__(
            self,
            *,
            variable: str,
            others: Sequence[str] = (),
            optional_others: Sequence[str] = (),
            optional: bool = False,
            url: str | None = None,
            hugging_face: bool = False,
        ) -> None: ...

    @model_validator(mode="after")
    def _variables_can_be_set(self) -> Credential:
        for name in self.variables:
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
                raise ValueError(f"{name!r} is no name of a variable, such as PAINT_API_KEY")
            if name.startswith("LIMNER_"):
                raise ValueError(f"{name} begins with LIMNER_, as Limner's own settings do")
        if len(set(self.variables)) < len(self.variables):
            raise ValueError("two of its parts have the same variable")
        return self

    @property
    def needed(self) -> tuple[str, ...]:
        """The variables of the parts that belong together."""
        return (self.variable, *self.others)

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables of all parts, the first one first."""
        return (*self.needed, *self.optional_others)


class ModelInfo(BaseModel):
    """One model and what it accepts; what is not declared here is never sent to the provider."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=200)
    label: str = ""
    """Its name in the page; the id if empty."""
    sizes: tuple[Size, ...] | SizeRange = ()
    """A list with the default first, a range, or nothing if the model decides by itself."""
    ratio_only: bool = False
    """Only the ratio of a size counts, because the service chooses the pixels."""
    seed: bool = False
    max_seed: int = Field(default=MAX_SEED, ge=1, le=MAX_SEED)
    """The largest seed that it takes."""
    negative_prompt: bool = False
    images: ImageInputs | None = None
    """The pictures that it takes besides the prompt; None if it takes words alone."""
    options: type[Options] | None = None
    """The model's own options; the provider's if None."""
    prices: tuple[Price, ...] = ()
    """What a picture costs, in one currency: the first price that fits counts. A text such as `0.04 USD` is
    the price of every picture."""
    usage_prices: tuple[UsagePrice, ...] = ()
    """What it has cost by what the service reports as used, if it reports all that is named here."""

    @field_validator("prices", mode="before")
    @classmethod
    def _is_listed(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _have_one_currency(self) -> ModelInfo:
        if len({price.amount.currency for price in (*self.prices, *self.usage_prices)}) > 1:
            raise ValueError("the prices of a model must be in one currency")
        return self

    if TYPE_CHECKING:  # what may be written, where the fields say what is read

        def __init__(
            self,
            *,
            id: str,
            label: str = "",
            sizes: Sequence[SizeLike] | SizeRange = (),
            ratio_only: bool = False,
            seed: bool = False,
            max_seed: int = MAX_SEED,
            negative_prompt: bool = False,
            images: ImageInputs | None = None,
            options: type[Options] | None = None,
            prices: Sequence[Price | str] | str = (),
            usage_prices: Sequence[UsagePrice] = (),
        ) -> None: ...

    @property
    def name(self) -> str:
        return self.label or self.id

    @property
    def default_size(self) -> Size | None:
        """The size that is used if a request has none."""
        if isinstance(self.sizes, SizeRange):
            return self.sizes.default
        return self.sizes[0] if self.sizes else None


class NoSettings(BaseModel):
    """For a provider that takes no settings of its own, so that a wrong key is found at the start."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ProviderInfo(BaseModel):
    """A provider's label, models and credential, and whether it costs money."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str = Field(min_length=1, max_length=80)
    about: str = Field(default="", max_length=200)
    """One sentence for the page: where the pictures come from."""
    models: tuple[ModelInfo, ...] = Field(min_length=1)
    """The first is the default."""
    other_models: ModelInfo | None = None
    """What models outside of the list accept; None if there are no such models."""
    options: type[Options] = Options
    any_options: bool = False
    """The settings may declare other options of a model: `generate` sends on whatever the request's have."""
    settings: type[BaseModel] | None = None
    """What the configuration may say of this provider; None takes anything, unchecked.

    If the class has a method ``offers(info)``, it returns what the provider offers under these settings."""
    credential: Credential | None = None
    paid: bool = False
    """A picture costs money."""
    base_url_variable: str | None = None
    """The environment variable with the base URL, if the settings have none."""
    needs_base_url: bool = False
    """It is for a server that people run themselves: without an address it is listed, but not offered."""
    most_at_once: int | None = Field(default=None, ge=1)
    """How many pictures it makes at once in one process; the others wait, outside of their time limit."""
    imports: tuple[str, ...] = ()
    """The modules that `generate` imports, such as an SDK; the host imports them before the first picture's
    time begins."""

    if TYPE_CHECKING:  # what may be written, where the fields say what is read

        def __init__(
            self,
            *,
            label: str,
            about: str = "",
            models: Sequence[ModelInfo],
            other_models: ModelInfo | None = None,
            options: type[Options] = Options,
            any_options: bool = False,
            settings: type[BaseModel] | None = None,
            credential: Credential | None = None,
            paid: bool = False,
            base_url_variable: str | None = None,
            needs_base_url: bool = False,
            most_at_once: int | None = None,
            imports: Sequence[str] = (),
        ) -> None: ...

    @model_validator(mode="after")
    def _ids_are_unique(self) -> ProviderInfo:
        ids = [model.id for model in self.models]
        if len(ids) != len(set(ids)):
            raise ValueError("two models have the same id")
        return self

    @model_validator(mode="after")
    def _prices_name_options(self) -> ProviderInfo:
        for model in (*self.models, *([self.other_models] if self.other_models else ())):
            if unknown := self.unknown_in_prices(model):
                raise ValueError(f"a price of {model.id} names the option {unknown}, which it does not have")
        return self

    def model(self, model_id: str | None) -> ModelInfo | None:
        """Returns a model by its id, or the default model for None; None if there is no such model."""
        if model_id is None:
            return self.models[0]
        known = next((model for model in self.models if model.id == model_id), None)
        if known is None and self.other_models is not None:
            return self.other_models.model_copy(update={"id": model_id, "label": ""})
        return known

    def unknown_in_prices(self, model: ModelInfo) -> str | None:
        """Returns an option that a price of the model names, and the model does not have, if there is one."""
        known = field_names(self.options_of(model))
        return next((name for price in model.prices for name in price.options if name not in known), None)

    def options_of(self, model: ModelInfo) -> type[Options]:
        """Returns the class of a model's options."""
        return model.options or self.options
