"""A provider as the configuration has it: its plugin, its settings, its credential and its address."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError

from core.plugins.loader import Plugin
from core.settings.schema import ProviderSettings, check_web_address
from core.settings.sources import SettingsError
from limner import ModelInfo, ProviderInfo


@dataclass(frozen=True)
class Provider:
    """A provider ready to be called: a plugin under the name and with the settings of the configuration."""

    name: str
    plugin: Plugin
    info: ProviderInfo
    settings: ProviderSettings

    @property
    def label(self) -> str:
        return self.settings.label or self.info.label

    @property
    def base_url(self) -> str | None:
        """The address that the settings, or the provider's own variable, name; None for its usual one."""
        variable = self.info.base_url_variable
        return self.settings.base_url or (os.environ.get(variable) or None if variable else None)

    @property
    def is_service(self) -> bool:
        """Whether a service makes its pictures, rather than the plugin itself."""
        return self.info.paid or self.info.credential is not None or self.base_url is not None

    @property
    def credential_variable(self) -> str | None:
        """The environment variable that holds the provider's secret.

        Another server, configured under a name of its own, gets the secret that the settings name for
        it, and never the one that is meant for the service itself.
        """
        if self.settings.api_key_env or (self.settings.base_url and self.name != self.plugin.name):
            return self.settings.api_key_env
        return self.info.credential.variable if self.info.credential else None

    @property
    def credential(self) -> SecretStr | None:
        """The provider's secret, from the environment variable that the settings or it itself names.

        On a Space a Hugging Face token is its owner's own, and visitors use it only if the settings
        name it in `api_key_env`.
        """
        declared, variable = self.info.credential, self.credential_variable
        if declared and declared.hugging_face and not self.settings.api_key_env and "SPACE_ID" in os.environ:
            return None
        value = os.environ.get(variable, "").strip() if variable else ""
        return SecretStr(value) if value else None

    @property
    def lacks_credential(self) -> bool:
        """Whether it needs a secret that is not set; a server other than its own may need none."""
        return self.info.credential is not None and self.base_url is None and self.credential is None

    def info_for(self, *, owner: bool) -> ProviderInfo:
        """Returns what the provider offers: to others than the owner, the listed models alone."""
        return self.info if owner else self.info.model_copy(update={"other_models": None})


def configure(name: str, plugin: Plugin, info: ProviderInfo, settings: ProviderSettings) -> Provider:
    """Returns a plugin as a provider with its settings; raises SettingsError if one of them is wrong."""
    try:
        provider = Provider(name, plugin, _configured(name, plugin, info, settings), settings)
    except ValidationError:
        advice = "must name models by ids of 1 to 200 characters"
        raise SettingsError(f"The setting providers.{name}.models {advice}.") from None
    variable = info.base_url_variable
    if variable and not settings.base_url and (url := provider.base_url):
        try:
            check_web_address(url)
        except ValueError as error:
            raise SettingsError(f"The variable {variable} must be {error}.") from None
    if info.settings is not None:
        try:
            info.settings.model_validate(settings.extra)
        except ValidationError as error:
            raise SettingsError(_sentence(error, name, info.settings)) from None
        except Exception as error:  # a plugin's own validator may raise anything
            raise SettingsError(f"The plugin {plugin.name} failed to read the settings of {name}.") from error
    return provider


def _configured(name: str, plugin: Plugin, info: ProviderInfo, settings: ProviderSettings) -> ProviderInfo:
    """Returns the info as the settings have it: with exactly the models that they name, if they name any."""
    if settings.paid is not None:
        info = info.model_copy(update={"paid": settings.paid})
    if settings.base_url and name != plugin.name:  # what the plugin says of itself is about its usual service
        about = f"Made by the server at {urlsplit(settings.base_url).hostname}."
        info = info.model_copy(update={"about": about[:200]})
    known = {model.id: model for model in settings.model}
    ids = dict.fromkeys((*(settings.models or ()), *known))
    if not ids:
        return info
    if len(known) < len(settings.model):
        raise SettingsError(f"Two tables of providers.{name}.model have the same id: keep one of them.")
    if not info.any_options and any(model.options for model in settings.model):
        raise SettingsError(
            f"The provider {name} has options of its own: remove those of providers.{name}.model."
        )
    unknown = [ModelInfo(id=id) for id in ids]  # rejects what is not an id
    models = [info.model(model.id) or model for model in unknown]
    models = [known[model.id].applied_to(model) if model.id in known else model for model in models]
    return info.model_copy(update={"models": tuple(models), "other_models": None})


def _sentence(error: ValidationError, provider: str, declared: type[BaseModel]) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])[:80]
    if first["type"] == "extra_forbidden":
        names = [field.alias or name for name, field in declared.model_fields.items()]
        close = difflib.get_close_matches(key, names, n=1)
        advice = f"did you mean {close[0]}?" if close else f"its own are {', '.join(names) or 'none'}."
        return f"The provider {provider} has no setting {key}: {advice}"
    allowed = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"The setting providers.{provider}{f'.{key}' if key else ''} is wrong: it should be {allowed}."
