"""A provider as the configuration has it: its plugin, its settings, its credential and its address."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError

from core.plugins.loader import Plugin
from core.settings.schema import ProviderSettings, check_web_address
from core.settings.sources import SettingsError, listed
from limner import ModelInfo, Price, ProviderInfo
from limner.checks import PluginFault, check_info
from limner.options import field_names


@dataclass(frozen=True)
class Provider:
    """A provider ready to be called: a plugin under the name and with the settings of the configuration."""

    name: str
    plugin: Plugin
    info: ProviderInfo
    settings: ProviderSettings

    @property
    def label(self) -> str:
        """What people read: a provider under a name of its own is not the plugin's usual service."""
        own = self.settings.label or (self.name if self.name != self.plugin.name else None)
        return own or self.info.label

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
    def credential_variables(self) -> dict[str, str]:
        """The environment variable of each part of the secret, by the variable that the provider declares.

        Another server, configured under a name of its own, gets the secret that the settings name for
        it, and never the one that is meant for the service itself.
        """
        named = self.settings.api_key_env or ()
        declared = self.info.credential.variables if self.info.credential else named
        if named or (self.settings.base_url and self.name != self.plugin.name):
            return dict(zip(declared, named, strict=False))
        return {variable: variable for variable in declared}

    @property
    def credentials(self) -> dict[str, SecretStr]:
        """The parts of the secret that are set, by the variables that the provider declares, the first first.

        On a Space a Hugging Face token is its owner's own, and visitors use it only if the settings
        name it in `api_key_env`.
        """
        declared = self.info.credential
        if declared and declared.hugging_face and not self.settings.api_key_env and "SPACE_ID" in os.environ:
            return {}
        values = {part: os.environ.get(name, "").strip() for part, name in self.credential_variables.items()}
        return {part: SecretStr(value) for part, value in values.items() if value}

    @property
    def credential(self) -> SecretStr | None:
        """The provider's secret, or the first part of it."""
        return self.credentials.get(next(iter(self.credential_variables), ""))

    @property
    def missing_variables(self) -> list[str]:
        """The variables of the secret that it needs and that are not set; another server may need none."""
        declared = self.info.credential
        if declared is None or self.base_url is not None:
            return []
        missing = [part for part in declared.needed if part not in self.credentials]
        if declared.optional and len(missing) == len(declared.needed):
            return []
        return [self.credential_variables.get(part, part) for part in missing]

    @property
    def lacks_credential(self) -> bool:
        """Whether it needs a secret, or a part of one, that is not set."""
        return bool(self.missing_variables)

    @property
    def lacks_base_url(self) -> bool:
        """Whether it is for a server of one's own, whose address is not set."""
        return self.info.needs_base_url and self.base_url is None

    def info_for(self, *, owner: bool) -> ProviderInfo:
        """Returns what the provider offers: to others than the owner, the listed models alone."""
        return self.info if owner else self.info.model_copy(update={"other_models": None})


def configure(name: str, plugin: Plugin, info: ProviderInfo, settings: ProviderSettings) -> Provider:
    """Returns a plugin as a provider with its settings; raises SettingsError if one of them is wrong.

    Raises PluginFault if it cannot do without any.
    """
    if info.settings is not None:
        try:
            info = _offered(info.settings.model_validate(settings.extra), info)
        except ValidationError as error:
            sentence = _sentence(error, name, info.settings)
            if settings.extra:
                raise SettingsError(sentence) from None
            raise PluginFault(sentence) from None  # nobody has set anything, so nothing of theirs is wrong
        except ValueError as error:  # what `offers` has to say of them
            raise SettingsError(f"The settings of {name} are wrong: {str(error)[:500]}") from None
        except BaseException as error:  # a plugin's own validator may raise anything, and call sys.exit
            raise SettingsError(f"The plugin {plugin.name} failed to read the settings of {name}.") from error
    try:
        provider = Provider(name, plugin, _configured(name, plugin, info, settings), settings)
    except ValidationError:
        advice = "must name models by ids of 1 to 200 characters"
        raise SettingsError(f"The setting providers.{name}.models {advice}.") from None
    _check_variables(provider)
    variable = info.base_url_variable
    if variable and not settings.base_url and (url := provider.base_url):
        try:
            check_web_address(url)
        except ValueError as error:
            raise SettingsError(f"The variable {variable} must be {error}.") from None
    return provider


def _offered(own: BaseModel, info: ProviderInfo) -> ProviderInfo:
    """Returns what the provider offers under its own settings, whose class may have a say in that."""
    offers = getattr(own, "offers", None)
    return check_info(lambda: offers(info)) if callable(offers) else info


def _check_variables(provider: Provider) -> None:
    """Raises SettingsError if the settings name too few or too many variables for the parts of a secret."""
    declared, named = provider.info.credential, provider.settings.api_key_env
    if declared and named and not len(declared.needed) <= len(named) <= len(declared.variables):
        order = listed(declared.variables)
        count = "one variable" if len(declared.variables) == 1 else f"the variables that hold {order}"
        raise SettingsError(f"The setting providers.{provider.name}.api_key_env must name {count}.")


def _configured(name: str, plugin: Plugin, info: ProviderInfo, settings: ProviderSettings) -> ProviderInfo:
    """Returns the info as the settings have it: with exactly the models that they name, if they name any."""
    if settings.paid is not None:
        info = info.model_copy(update={"paid": settings.paid})
    prices = None if settings.price is None else (Price(amount=settings.price),)
    if settings.base_url and name != plugin.name:  # what the plugin says of itself is about its usual service
        about = f"Made by the server at {urlsplit(settings.base_url).hostname}."
        info = info.model_copy(update={"about": about[:200]})
        prices = prices or ()
    models = tuple(_priced(model, prices) for model in info.models)
    other = info.other_models and _priced(info.other_models, prices)
    info = info.model_copy(update={"models": models, "other_models": other})
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
    unknown = [_priced(ModelInfo(id=id), prices) for id in ids]  # rejects what is not an id
    models = [info.model(model.id) or model for model in unknown]
    models = [known[model.id].applied_to(model) if model.id in known else model for model in models]
    for model in models:
        if option := info.unknown_in_prices(model):
            takes = ", ".join(field_names(info.options_of(model))) or "none"
            raise SettingsError(
                f"A price in providers.{name}.model names the option {option} of {model.id}, "
                f"which does not exist: its options are {takes}."
            )
    return info.model_copy(update={"models": tuple(models), "other_models": None})


def _priced(model: ModelInfo, prices: tuple[Price, ...] | None) -> ModelInfo:
    """Returns the model with other prices than the provider declares, unless they are None."""
    return model if prices is None else model.model_copy(update={"prices": prices, "usage_prices": ()})


def _sentence(error: ValidationError, provider: str, declared: type[BaseModel]) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])[:80]
    if first["type"] == "extra_forbidden":
        names = [field.alias or name for name, field in declared.model_fields.items()]
        close = difflib.get_close_matches(key, names, n=1)
        advice = f"did you mean {close[0]}?" if close else f"its own are {', '.join(names) or 'none'}."
        return f"The provider {provider} has no setting {key}: {advice}"
    setting = f"The setting providers.{provider}{f'.{key}' if key else ''}"
    if first["type"] == "missing":
        return f"{setting} is not set, and has no default: set it."
    said = first["msg"].replace("Value error, ", "it should be ", 1).replace("a valid dictionary", "a table")
    said = re.sub(r"^[A-Z]\w* should ", "it should ", said)
    return f"{setting} is wrong: {said.removesuffix('.')}."
