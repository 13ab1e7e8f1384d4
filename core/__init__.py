"""The engine: from a prompt to a stored picture, without a page."""

from __future__ import annotations

from core.database import StoreError
from core.failures import Refused
from core.generation import credential_variable
from core.redaction import hide_variables
from core.registry import Registry
from core.settings import Settings, SettingsError
from core.store import Store
from core.studio import Studio

__all__ = ["Refused", "SettingsError", "StoreError", "open_studio"]


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
    hide_variables(variable for provider in registry if (variable := credential_variable(provider)))
    try:
        return Studio(settings, registry, Store(settings.data))
    except StoreError as error:
        raise SettingsError(str(error)) from error
