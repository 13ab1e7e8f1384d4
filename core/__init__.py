"""The engine: from a prompt to a stored picture, without a page."""

from __future__ import annotations

from core.chat.failure import Rejected
from core.plugins.registry import Registry
from core.redaction import hide_variables
from core.settings.schema import Settings, SettingsError
from core.storage.database import StoreError
from core.storage.store import Store
from core.studio import Studio

__all__ = ["Rejected", "SettingsError", "StoreError", "open_studio"]


def open_studio(settings: Settings) -> Studio:
    """Opens the plugins, the store and the studio.

    Raises SettingsError where the default provider is unknown, where no provider at all can be used,
    and where the database cannot be opened. A default provider that is known but broken is listed in
    `studio.registry.broken`.
    """
    registry = Registry(settings)
    names = ", ".join(provider.name for provider in registry)
    fault = registry.fault_of(settings.provider)
    if registry.get(settings.provider) is None and fault is None:
        there = f"it must be one of {names}" if names else "and no other can be used"
        raise SettingsError(f"The setting provider is {settings.provider!r}, which is not here: {there}.")
    for name in settings.fallback:
        if registry.get(name) is None and registry.fault_of(name) is None:
            raise SettingsError(f"The setting fallback names {name!r}, which is not here: there are {names}.")
    if not names and fault is not None:
        raise SettingsError(f"No provider can be used. {fault.name}: {fault.fault}")
    hide_variables(provider.credential_variable for provider in registry)
    try:
        return Studio(settings, registry, Store(settings.data_dir))
    except StoreError as error:
        raise SettingsError(str(error)) from error
