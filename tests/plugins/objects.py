"""Plugins that a test makes of its own objects."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points
from types import SimpleNamespace
from typing import Any

import pytest

from core.plugins.registry import Registry
from core.settings.schema import Settings
from limner import ImageRequest, Size


def registry_of(*names: str, settings: Settings | None = None, **plugins: Any) -> Registry:
    """Opens a registry of installed plugins, then of objects by the names they shall have; all are good."""
    of_a_test = "limner_of_a_test"
    found = [entry for name in names for entry in entry_points(group="limner", name=name)]
    found += [EntryPoint(name, f"{of_a_test}:{name}", "limner") for name in plugins]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, of_a_test, SimpleNamespace(**plugins))  # pyright: ignore[reportArgumentType]
        registry = Registry(settings or Settings(), found)
    assert registry.broken == []
    return registry


def ask(registry: Registry, name: str, prompt: str = "a boat", **options: Any) -> Any:
    """A call of a provider, to be awaited."""
    provider = registry.get(name)
    assert provider
    model = provider.info.models[0]
    request = ImageRequest(
        prompt=prompt, model=model.id, size=Size(64, 48), options=provider.info.options_of(model)(**options)
    )
    return registry.generate(provider, request)
