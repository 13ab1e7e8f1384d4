"""What providers there are, as plain facts: for the command line, the page, and other programs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from core.plugins.files import OF_A_FILE
from core.plugins.imports import not_installed
from core.plugins.loader import SOURCE_OF_BUILT_IN, Plugin
from core.plugins.provider import Provider
from core.plugins.registry import Registry
from core.settings.sources import listed
from limner import ImageInputs, ModelInfo, SizeRange
from limner.options import option_schemas


class Model(BaseModel):
    """A model as it is shown to people."""

    id: str
    label: str
    sizes: str
    seed: bool
    negative_prompt: bool
    images: ImageInputs | None = None
    """The pictures that it takes."""
    options: dict[str, Any]
    """The JSON schema of each option, by name."""

    @property
    def takes(self) -> list[str]:
        """Returns what the model takes in addition to a prompt and a size."""
        flags = {"seed": self.seed, "negative prompt": self.negative_prompt, **self._images}
        return [name for name, taken in flags.items() if taken] + list(self.options) or ["a prompt only"]

    @property
    def _images(self) -> dict[str, bool]:
        if self.images is None:
            return {}
        least, most = self.images.least, self.images.most
        count = f"{most}" if least == most else f"{least} to {most}" if least else f"up to {most}"
        return {f"{count} picture{'' if most == 1 else 's'}": True, "mask": self.images.mask}


class PluginEntry(BaseModel):
    """One plugin, or one provider that the settings configure, and whether it can be used."""

    name: str
    source: str
    """The distribution and its version, or another origin."""
    kind: Literal["provider", "middleware", "broken"]
    label: str = ""
    fault: str | None = None
    """What is wrong with it and how to fix it."""
    paid: bool = False
    credentials: list[str] = []
    """The environment variables that hold its secret."""
    credential_url: str | None = None
    """The web page where one is issued."""
    missing_variables: list[str] = []
    """Those that it needs and that are not set."""
    unset_variables: list[str] = []
    """Those that the settings name for a server that may need none, if none of them is set."""
    base_url_variable: str | None = None
    """The environment variable that holds the address of its server."""
    lacks_base_url: bool = False
    """It is for a server of one's own, and is not offered before its address is set."""
    missing_modules: list[str] = []
    """The modules that it needs and that are not installed."""
    install: str = ""
    """The command that installs them, if there are any, and one does."""
    models: list[Model] = []

    @property
    def lacks(self) -> list[str]:
        """Returns what it needs before it can make a picture, and does not have."""
        lacking: list[str] = []
        if self.lacks_base_url:
            lacking.append(f"{self.base_url_variable or 'base_url in its settings'}, which is not set")
        elif self.missing_variables:
            is_or_are = "is" if len(self.missing_variables) == 1 else "are"
            lacking.append(f"{listed(self.missing_variables)}, which {is_or_are} not set")
        if self.missing_modules:
            modules, are = ("module", "is") if len(self.missing_modules) == 1 else ("modules", "are")
            what = f"the {modules} {listed(self.missing_modules)}, which {are} not installed"
            lacking.append(f"{what}: {self.install}" if self.install else what)
        return lacking

    @property
    def state(self) -> str:
        """Returns in a few words whether it can be used."""
        if self.fault:
            return f"cannot be used: {self.fault}"
        if self.kind == "middleware":
            return "middleware"
        if lacking := self.lacks:
            return f"needs {', and '.join(lacking)}"
        unset = listed(self.unset_variables) if self.unset_variables else ""
        return f"ready, if it needs no {unset}, which is not set" if unset else "ready"


def catalog(registry: Registry) -> list[PluginEntry]:
    """Lists the providers in the page's order, the middlewares from the outermost, and what is broken."""
    return [
        *(_provider(provider) for provider in (*registry, *registry.unaddressed)),
        *(
            PluginEntry(name=plugin.name, source=plugin.source, kind="middleware")
            for plugin in registry.middlewares
        ),
        *(PluginEntry(name=b.name, source=b.source, kind="broken", fault=b.fault) for b in registry.broken),
    ]


def changes(registry: Registry) -> list[str]:
    """Returns a sentence about each plugin that changes what all share, while it is loaded."""
    return [
        f"{name} changes what all plugins share when it is loaded: {listed(what)}. Tell its author."
        for name, what in registry.changes.items()
    ]


def _provider(provider: Provider) -> PluginEntry:
    missing_modules = not_installed(provider.info.imports)
    return PluginEntry(
        name=provider.name,
        source=provider.plugin.source,
        kind="provider",
        label=provider.label,
        paid=provider.info.paid,
        credentials=[*provider.credential_variables.values()],
        credential_url=provider.info.credential.url if provider.info.credential else None,
        missing_variables=provider.missing_variables,
        unset_variables=_unset(provider),
        base_url_variable=provider.info.base_url_variable,
        lacks_base_url=provider.lacks_base_url,
        missing_modules=missing_modules,
        install=_installing(provider.plugin) if missing_modules else "",
        models=[_model(provider, model) for model in provider.info.models],
    )


def _installing(plugin: Plugin) -> str:
    """Returns the command that installs what a plugin needs, if one does: for a built-in one its extra."""
    if plugin.source.startswith(OF_A_FILE):
        return ""
    what = f"'limner[{plugin.name}]'" if plugin.source == SOURCE_OF_BUILT_IN else plugin.source.split(" ")[0]
    return f"pip install {what}"


def _unset(provider: Provider) -> list[str]:
    is_named = provider.base_url is not None and provider.settings.api_key_env and not provider.credentials
    return [*provider.credential_variables.values()] if is_named else []


def _model(provider: Provider, model: ModelInfo) -> Model:
    return Model(
        id=model.id,
        label=model.name,
        sizes=_sizes(model),
        seed=model.seed,
        negative_prompt=model.negative_prompt,
        images=model.images,
        options=option_schemas(provider.info.options_of(model)),
    )


def _sizes(model: ModelInfo) -> str:
    if isinstance(model.sizes, SizeRange):
        return f"{model.sizes.min_side} to {model.sizes.max_side} a side, in steps of {model.sizes.step}"
    names = (size.proportions if model.ratio_only else str(size) for size in model.sizes)
    return ", ".join(names) or "its own"
