"""The engine: from a prompt to a stored picture, without a page."""

from __future__ import annotations

from core.failures import Refused
from core.registry import Registry
from core.settings import Settings, SettingsError
from core.store import Store
from core.studio import Studio

__all__ = ["Refused", "SettingsError", "open_studio"]


def open_studio(settings: Settings) -> Studio:
    """Opens the plugins, the store and the studio.

    Raises SettingsError where the default provider is unknown; one that is known but broken is
    listed in `studio.registry.broken`.
    """
    registry = Registry(settings)
    if registry.get(settings.provider) is None and registry.fault_of(settings.provider) is None:
        names = ", ".join(provider.name for provider in registry)
        raise SettingsError(
            f"The setting provider is {settings.provider!r}, which is not installed: there are {names}."
        )
    return Studio(settings, registry, Store(settings.data))
