"""Everything between a prompt and a stored picture; knows no page, no HTTP and no provider's SDK."""

from __future__ import annotations

from core.allocator import reuse_memory
from core.chat.failure import Rejected
from core.plugins.registry import Registry
from core.redaction import hide_variables
from core.settings.schema import Settings
from core.settings.sources import SettingsError, listed
from core.storage.database import StoreError
from core.storage.store import Store
from core.studio import Studio

__all__ = ["Rejected", "SettingsError", "StoreError", "check_choices", "open_studio"]


def open_studio(settings: Settings) -> Studio:
    """Loads the plugins, opens the store, and returns the studio.

    Raises SettingsError if a provider's settings are wrong, if the default provider is unknown, if no
    provider can be used at all, or if the database cannot be opened. A default provider that is known
    but broken is listed in `studio.registry.broken`.
    """
    reuse_memory()
    registry = Registry(settings)
    for broken in registry.broken:
        if broken.stops_the_start:
            raise SettingsError(broken.fault)
    check_choices(settings, registry)
    hide_variables(["LIMNER_DATABASE", "LIMNER_LIMITS"])
    hide_variables(name for provider in registry for name in provider.credential_variables.values())
    try:
        return Studio(settings, registry, Store.of(settings))
    except StoreError as error:
        raise SettingsError(str(error)) from error


def check_choices(settings: Settings, registry: Registry) -> None:
    """Raises SettingsError if the settings choose a provider that does not exist, or cannot be used so."""
    names = ", ".join(provider.name for provider in registry)
    fault = registry.fault_of(settings.provider)
    if registry.get(settings.provider) is None and fault is None:
        advice = f": it must be one of {names}" if names else ", and no other can be used"
        raise SettingsError(f"The setting provider is {settings.provider!r}, which does not exist{advice}.")
    for name in settings.fallback:
        if registry.get(name) is None and registry.fault_of(name) is None:
            raise SettingsError(
                f"The setting fallback names {name!r}, which does not exist: there are {names}."
            )
    for client, own in settings.clients.items():
        for name in own.providers or ():
            if registry.get(name) is None and registry.fault_of(name) is None:
                raise SettingsError(
                    f"The setting clients.{client}.providers names {name!r}, which does not exist: "
                    f"there are {names}."
                )
    if settings.moderation is not None and settings.moderation not in registry.moderators:
        raise SettingsError(
            f"The setting moderation is {settings.moderation!r}, which cannot check what is asked for: it "
            f"must be {' or '.join(registry.moderators) or 'left out'}."
        )
    moderator = registry.get(settings.moderation or "")
    if moderator and moderator.lacks_credential:
        raise SettingsError(
            f"The setting moderation is {settings.moderation!r}, which lacks "
            f"{listed(moderator.missing_variables)}: set that, or leave moderation out."
        )
    if not names and fault is not None:
        raise SettingsError(f"No provider can be used. {fault.name}: {fault.fault}")
