"""The settings: `limner.toml`, and over it the variables `LIMNER_*`."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

import platformdirs
from limits import parse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

PREFIX = "LIMNER_"
CONFIG_VARIABLE = "LIMNER_CONFIG"
"""Names another file than ``limner.toml`` in the working directory."""


class SettingsError(Exception):
    """A setting is wrong; the text is one sentence that names it and what it may be."""


class ProviderSettings(BaseModel):
    """One provider as the configuration has it; what Limner does not know goes to the provider."""

    model_config = ConfigDict(frozen=True, extra="allow")

    uses: str | None = None
    """The plugin that answers under this name; the plugin of the same name for None."""
    label: str | None = None
    enabled: bool = True
    base_url: str | None = Field(default=None, pattern=r"^https?://[^\s/]+")
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """The environment variable that holds the credential; the provider's own for None."""
    models: tuple[str, ...] | None = None
    timeout: float | None = Field(default=None, gt=0)

    @property
    def extra(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Settings(BaseSettings):
    """Everything that can be set; a setting's name in the environment is `LIMNER_` and its name."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    provider: str = "sketch"
    """The provider that a new conversation starts with."""
    providers: dict[str, ProviderSettings] = Field(default_factory=dict[str, ProviderSettings])
    allow_plugins: tuple[str, ...] | None = None
    """The only plugins to load, by name; all for None."""
    block_plugins: tuple[str, ...] = ()
    """Plugins not to load, by name."""
    data: Path = Field(default_factory=lambda: platformdirs.user_data_path("limner"))
    """The folder for pictures and conversations."""
    timeout: float = Field(default=300, gt=0, le=3600)
    """Seconds for one picture."""
    shutdown_grace: float = Field(default=30, ge=0, le=600)
    """Seconds that a stopping server waits for the pictures under way."""
    longest_prompt: int = Field(default=8000, ge=1)
    """Characters."""
    rate: str | None = "60/minute"
    """Pictures that one visitor may ask for, such as `60/minute`; no limit for an empty value."""
    budget: str | None = None
    """Pictures of providers that cost money that all visitors together may ask for, such as `200/day`."""
    in_flight: int = Field(default=8, ge=1)
    """Pictures that one visitor may have under way at once."""
    in_flight_total: int = Field(default=200, ge=1)
    """Pictures that all visitors together may have under way at once."""
    workers: int = Field(default=16, ge=1)
    """Worker threads for providers that are not asynchronous."""
    most_bytes: int = Field(default=50_000_000, ge=1000)
    """The largest file that counts as a picture."""
    most_pixels: int = Field(default=40_000_000, ge=1)
    """The largest picture that is decoded."""
    fetch_from: tuple[str, ...] = ()
    """Origins beside the public internet from which pictures may be fetched, such as `http://10.0.0.5:8080`."""
    public_url: str | None = Field(default=None, pattern=r"^https://[^\s?#]+$")
    """The address under which the outside reaches this server; messages then carry links, not data."""
    behind_proxy: bool = Field(default_factory=lambda: "SPACE_ID" in os.environ)
    """A proxy stands in front and names the visitor in `X-Forwarded-For`."""

    @field_validator("rate", "budget", "public_url", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None

    @field_validator("rate", "budget")
    @classmethod
    def _is_a_rate(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                parse(value)
            except ValueError:
                raise ValueError("a number per second, minute, hour or day, such as 60/minute") from None
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = TomlConfigSettingsSource(settings_cls, toml_file=_config_file())
        return init_settings, env_settings, toml


def _config_file() -> Path:
    return Path(os.environ.get(CONFIG_VARIABLE) or "limner.toml")


def load_settings(**overrides: Any) -> Settings:
    """Reads the settings; raises SettingsError with one sentence where one of them is wrong."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named and not Path(named).is_file():
        raise SettingsError(f"{CONFIG_VARIABLE} names {named}, which is not a file.")
    _refuse_unknown_variables()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None
    except ValueError as error:  # malformed TOML, or JSON in a variable
        raise SettingsError(f"The settings cannot be read: {error}.") from None


def _refuse_unknown_variables() -> None:
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    for variable in os.environ:
        name = variable.upper()
        if name.startswith(PREFIX) and name.split("__")[0] not in known:
            raise SettingsError(f"{variable} is not a setting of Limner{_suggestion(name, known)}.")


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    where = ".".join(path)
    if first["type"] == "extra_forbidden":
        return f"{where} is not a setting of Limner{_suggestion(path[0], set(Settings.model_fields))}."
    allowed = first["msg"].removeprefix("Value error, ")
    variable = PREFIX + "__".join(path).upper()
    return f"The setting {where} (in limner.toml, or {variable}) is wrong: {allowed}."


def _suggestion(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(sorted(known))}"
