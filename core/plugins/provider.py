"""A provider as the configuration has it: its plugin, its settings, its credential and its address."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pydantic import SecretStr

from core.plugins.loader import Plugin
from core.settings.schema import ProviderSettings
from limner import ProviderInfo


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
