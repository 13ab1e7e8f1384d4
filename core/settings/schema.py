"""The settings: every name, type, default and meaning."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from core.settings.addresses import (
    check_database,
    check_hosts,
    check_limits,
    check_origins,
    check_pictures,
    check_public_url,
    check_web_address,
    check_web_addresses,
)
from core.settings.budget import Budget, Rate, check_currency
from core.settings.clients import ClientSettings, read_clients
from core.settings.models import ModelSettings
from core.settings.sources import (
    PREFIX,
    SECRET_NAME,
    WHERE_SECRETS_GO,
    SettingsError,
    names_in,
    not_json,
    read_list,
    read_toml,
    sentence,
    warn_of_unknown_variables,
)
from limner.price import Money


def _variables(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or not all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) for name in names):
        raise ValueError("the name of an environment variable, not the key itself")
    if any(name.upper().startswith(PREFIX) for name in names):
        raise ValueError(f"the name of a variable that does not begin with {PREFIX}, as Limner's settings do")
    return names


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(read_list)]


class ProviderSettings(BaseModel):
    """The settings of one provider; keys that Limner does not know are passed to the provider."""

    model_config = ConfigDict(frozen=True, extra="allow", coerce_numbers_to_str=True)

    uses: str | None = None
    """The plugin that answers under this name; None is the plugin of the same name."""
    label: str | None = Field(default=None, max_length=80)
    enabled: bool = True
    base_url: Annotated[str, AfterValidator(check_web_address)] | None = None
    api_key_env: Annotated[tuple[str, ...], BeforeValidator(read_list), AfterValidator(_variables)] | None = (
        None
    )
    """The environment variable that holds the credential, or a list if that has several parts; None is the
    provider's own."""
    models: Annotated[tuple[str, ...], BeforeValidator(read_list)] | None = None
    model: tuple[ModelSettings, ...] = ()
    """What is known of single models; without `models` they are all there are."""
    timeout: float | None = Field(default=None, gt=0, le=3600)
    paid: bool | None = None
    """Whether a picture costs money, where that is not as the plugin says: a server at home is free."""
    price: Money | None = None
    """What one picture costs, such as `0.04 USD`, whatever the provider declares."""

    @model_validator(mode="before")
    @classmethod
    def _has_no_secret(cls, values: object) -> object:
        for name in names_in(values):
            if SECRET_NAME.search(name):
                raise ValueError(f"without {name}, a secret. Instead {WHERE_SECRETS_GO}")
        return values

    @property
    def extra(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Settings(BaseSettings):
    """Everything that can be set; the environment variable of a setting is `LIMNER_` and its name."""

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
    allow_plugins: Names | None = None
    """The only plugins to load, by name; None loads all."""
    block_plugins: Names = ()
    """Plugins not to load, by name."""
    plugins_dir: Path | None = None
    """A folder whose `*.py` files are plugins, each under the file's name; None is none."""
    data_dir: Path = Field(default_factory=lambda: platformdirs.user_data_path("limner"))
    """The folder for pictures and conversations.

    A relative path starts at the working directory, or if it is in the file, at that file's folder.
    """
    database: Annotated[SecretStr, AfterValidator(check_database)] | None = None
    """The PostgreSQL database for conversations, such as `postgresql://limner@db/limner`.

    Several processes may share it; None is a SQLite file in `data_dir`.
    """
    limits: Annotated[SecretStr, AfterValidator(check_limits)] | None = None
    """The Redis server that counts for several processes together, such as `redis://cache`.

    None counts in each process.
    """
    pictures: Annotated[str | None, AfterValidator(check_pictures)] = None
    """The object store for pictures, such as `s3://bucket/prefix`; None is a folder in `data_dir`."""
    picture_links: bool = False
    """Browsers get pictures by signed links from the object store itself, and not through this server."""
    bucket_dir: Path | None = None
    """A mounted bucket, in which all that is in `data_dir` is kept a second time, for when that is lost."""
    keep_days: float | None = Field(default=None, gt=0)
    """Days after which messages and their pictures are deleted; None keeps them."""
    keep_bytes: int | None = Field(
        default_factory=lambda: 5_000_000_000 if "SPACE_ID" in os.environ else None, ge=0
    )
    """Bytes of pictures and rows above which the oldest messages are deleted; None sets no limit."""
    timeout: float = Field(default=300, gt=0, le=3600)
    """Seconds for one picture."""
    max_retries: int = Field(default=1, ge=0, le=5)
    """How often a request that certainly did not run is sent again."""
    fallback: Names = ()
    """Providers to try in turn if one fails and its request certainly did not run."""
    shutdown_grace: float = Field(default=30, ge=0, le=600)
    """Seconds that a stopping server waits for pictures that are being made."""
    log_format: Literal["text", "json"] = "text"
    """The form of the log: lines for people, or a JSON object in each for a collector."""
    max_prompt_length: int = Field(default=8000, ge=1, le=100_000)
    """Characters."""
    blocked_words: Names = ()
    """Words and phrases that nobody may ask for, whole and in any case."""
    moderation: str | None = None
    """The provider that checks what is asked for before a picture is made, such as `openai`."""
    rate_limit: Rate = "60/minute"
    """Pictures that one visitor may ask for, such as `60/minute, 500/day`; `none` sets no limit."""
    rate_limit_total: Rate = None
    """Pictures that all visitors together may ask for."""
    budget: Budget = None
    """What all visitors together may spend: pictures that cost money, such as `200/day`, or `20 USD/day`."""
    visitor_budget: Budget = None
    """What each visitor may spend of it."""
    max_in_flight: int = Field(default=8, ge=1)
    """Pictures that may be made at once for one visitor."""
    max_in_flight_total: int = Field(default=200, ge=1)
    """Pictures that may be made at once for all visitors together."""
    clients: dict[str, ClientSettings] = Field(default_factory=dict[str, ClientSettings])
    """Programs that come with a key of their own, which have limits of their own."""
    workers: int = Field(default=16, ge=1)
    """Worker threads for each provider that is not asynchronous."""
    max_bytes: int = Field(default=50_000_000, ge=1000)
    """The largest file that counts as a picture."""
    max_pixels: int = Field(default=40_000_000, ge=1)
    """The largest picture that is decoded."""
    fetch_from: Annotated[Names, AfterValidator(check_web_addresses)] = ()
    """Origins besides the public internet from which pictures may be fetched, such as `http://10.0.0.5:8080`."""
    public_url: Annotated[str | None, AfterValidator(check_public_url)] = None
    """The address under which the outside reaches this server; messages then carry links, not data."""
    hosts: Annotated[Names, AfterValidator(check_hosts)] = ()
    """Further names under which this server may be reached, such as `pictures.example`."""
    origins: Annotated[Names, AfterValidator(check_origins)] = ()
    """Other sites whose pages may call the API from a browser, such as `https://app.example`; `*` is all."""
    behind_proxy: bool = Field(default_factory=lambda: "SPACE_ID" in os.environ)
    """A proxy in front names the visitor in `X-Forwarded-For`."""

    @field_validator("visitor_budget")
    @classmethod
    def _is_part_of_the_budget(cls, value: str | None, info: ValidationInfo) -> str | None:
        whole = info.data.get("budget")
        if value and "budget" in info.data and not whole:
            raise ValueError("set together with budget, which is for all visitors together")
        check_currency(value, whole)
        return value

    @field_validator("clients")
    @classmethod
    def _have_keys_of_their_own(
        cls, value: dict[str, ClientSettings], info: ValidationInfo
    ) -> dict[str, ClientSettings]:
        return read_clients(value, info.data)

    @field_validator("picture_links")
    @classmethod
    def _check_links(cls, value: bool, info: ValidationInfo) -> bool:
        if value and not info.data.get("pictures"):
            raise ValueError("false where pictures is not set: only an object store has links")
        return value

    @field_validator("plugins_dir")
    @classmethod
    def _is_a_folder(cls, value: Path | None) -> Path | None:
        absolute = Path(os.path.abspath(value.expanduser())) if value else None
        if absolute and not absolute.is_dir():
            raise ValueError("a folder that exists, with a file for each plugin")
        return absolute

    @field_validator("data_dir", "bucket_dir")
    @classmethod
    def _is_absolute(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        absolute = Path(os.path.abspath(value.expanduser())) if value else None
        if info.field_name == "bucket_dir" and absolute == info.data.get("data_dir"):
            raise ValueError("another folder than data_dir, which is on this machine's own disk")
        if info.field_name == "bucket_dir" and absolute and info.data.get("database"):
            raise ValueError("left out where database is set: it is a copy of a SQLite file")
        if info.field_name == "bucket_dir" and absolute and info.data.get("pictures"):
            raise ValueError("left out where pictures is set: it is a copy of a folder")
        return absolute

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        assert isinstance(env_settings, EnvSettingsSource)
        variables = env_settings.env_vars.items()
        env_settings.env_vars = {name: value for name, value in variables if (value or "").strip()}
        return init_settings, env_settings, InitSettingsSource(settings_cls, read_toml())


def load_settings(**overrides: Any) -> Settings:
    """Reads the settings; raises SettingsError with one sentence if one of them is wrong."""
    warn_of_unknown_variables(Settings.model_fields)
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(sentence(error, Settings)) from None
    except ValueError as error:  # of one that a variable holds as JSON
        raise SettingsError(not_json(error)) from None
