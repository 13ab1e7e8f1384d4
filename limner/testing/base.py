"""What a test class states about its provider, and how the suite calls the provider."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, ClassVar, TypeAlias, TypeVar, cast

import pluggy
import pytest
from pydantic import SecretStr

from limner.checks import PluginFault, check_hooks, check_info, check_version
from limner.info import ModelInfo, ProviderInfo
from limner.request import ImageRequest
from limner.testing.interpreter import FreshDescription, describe_in_fresh_interpreter
from limner.testing.loopback import Handler, Loopback, Reply, Request
from limner.testing.network import only_this_machine
from limner.testing.pictures import input_images
from limner.testing.runner import Outcome, Runner, Work, on_a_loop
from limner.testing.samples import smallest_size

T = TypeVar("T")

Hook: TypeAlias = Callable[..., Any]
Answer: TypeAlias = "Reply | Callable[[Request], Reply] | Mapping[str, Any]"
"""What causes an outcome: the service's answer (the same for each request, or a function), or the options
of a request, as a dict, for a provider that plays the outcome itself."""

SLOW = 10.0
"""Seconds that a slow answer takes; no test waits that long."""
UNUSABLE = (Exception, SystemExit)
"""What importing a plugin, or its `describe`, may raise."""


class SuiteBase:
    """What a test class may set; only `plugin` is needed, and `answer` if there is a service."""

    plugin: ClassVar[Any] = None
    """The module or object with the hooks, or its import path as in the entry point."""
    credential: ClassVar[str] = "test-credential-0123456789"
    """The secret in each request, if `describe` declares that the provider needs one."""
    credentials: ClassVar[Mapping[str, str]] = {}
    """The other parts of the secret by their variables, if those that the suite makes up do not do."""
    settings: ClassVar[Mapping[str, Any]] = {}
    """The provider's own settings, as in the configuration."""
    base_path: ClassVar[str] = ""
    """The path after the address of the service in `base_url`, such as ``/v1``."""
    prompt: ClassVar[str] = "a lighthouse at dusk"
    timeout: ClassVar[float] = 15.0
    """Seconds that a call in the tests may take."""
    failures: ClassVar[Mapping[str, Answer | Sequence[Answer]]] = {}
    """What makes it fail, by the category that must result (``content-filter`` for a refusal)."""
    slow_options: ClassVar[Mapping[str, Any] | None] = None
    """Options that make it take longer than a test waits, for a provider without a service."""
    unsent: ClassVar[Collection[str]] = ()
    """The options that are not sent to the service, on purpose."""
    light_imports: ClassVar[Collection[str]] = ()
    """Modules of other distributions that it may import to describe itself, because they load fast."""

    def answer(self, request: Request) -> Reply:
        """Returns the service's answer to a request that works; left out if there is no service."""
        raise NotImplementedError

    def answer_slowly(self, request: Request) -> Reply:
        """Returns the service's answer to a request that takes longer than a test waits.

        Override it for a service that answers at once and is polled until the picture is ready.
        """
        return replace(self.answer(request), delay=SLOW)

    def saw_cancellation(self, service: Loopback, earlier: Sequence[Request]) -> bool:
        """Whether the service learns of a cancellation: by a closed connection or a new kind of request."""
        known = {(request.method, request.path) for request in earlier}
        later = service.requests[len(earlier) :]
        return service.disconnects > 0 or any(
            (request.method, request.path) not in known for request in later
        )

    # The rest is internal.

    @pytest.fixture(autouse=True)
    def _apart_from_this_machines_settings(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Hides the keys and proxies of the environment, and allows no network."""
        for name in list(os.environ):
            if name.lower().endswith("_proxy"):
                monkeypatch.delenv(name)
        info = self.info_or_fault
        if isinstance(info, ProviderInfo):
            for variable in (*(info.credential.variables if info.credential else ()), info.base_url_variable):
                if variable:
                    monkeypatch.delenv(variable, raising=False)
        with only_this_machine() as self._refused:
            yield

    _refused: list[str]

    @property
    def module(self) -> Any:
        """The plugin itself, imported if the class has its import path."""
        return _module(type(self))

    @property
    def hooks(self) -> dict[str, Callable[..., Any]]:
        """The plugin's hooks; raises PluginFault, or whatever importing the plugin raises."""
        return _hooks(type(self))

    @property
    def info_or_fault(self) -> ProviderInfo | BaseException:
        """The provider's description, or the error that prevents it."""
        return _info_or_fault(type(self))

    @property
    def info(self) -> ProviderInfo:
        """The provider's description; skips the test if there is none, which the tests of describe report."""
        if isinstance(self.info_or_fault, BaseException):
            pytest.skip(f"the provider cannot be called until this is fixed: {self.info_or_fault}")
        return self.info_or_fault

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """The models that it lists, and what stands for all others."""
        others = self.info.other_models
        return (*self.info.models, *((others,) if others else ()))

    @property
    def import_path(self) -> str | None:
        """The path by which another interpreter can import the plugin; None if there is none."""
        if isinstance(self.plugin, str):
            return self.plugin
        if isinstance(self.plugin, ModuleType):
            return self.plugin.__name__ if self.plugin.__spec__ else None
        module = inspect.getmodule(cast(Any, type(self.plugin)))
        names = [name for name, value in vars(module).items() if value is self.plugin] if module else []
        return f"{module.__name__}:{names[0]}" if module and names else None

    def describe_in_fresh_interpreter(self) -> FreshDescription | None:
        """Calls `describe` in a fresh interpreter; None if the plugin has no import path."""
        _ = self.info
        return describe_in_fresh_interpreter(self.import_path) if self.import_path else None

    @property
    def is_async(self) -> bool:
        _ = self.info
        return inspect.iscoroutinefunction(self.hooks["generate"])

    @property
    def has_service(self) -> bool:
        return type(self).answer is not SuiteBase.answer

    def need_service(self) -> None:
        """Skips the test of a provider that has no service."""
        _ = self.info
        if not self.has_service:
            pytest.skip("it has no service: if it does, override answer(request) to answer for it")

    @property
    def secrets(self) -> dict[str, str]:
        """Every part of the secret by its variable; the made-up ones differ, and none is part of another."""
        declared = self.info.credential
        parts = declared.variables if declared else ()
        made_up = {part: f"test-part-{number}-0123456789" for number, part in enumerate(parts, 1)}
        return made_up | dict.fromkeys(parts[:1], self.credential) | dict(self.credentials)

    def request(self, model: ModelInfo | None = None, **more: Any) -> ImageRequest:
        """Returns the request that the host would make to a model, at the smallest size.

        It has as many pictures as the model needs at least.
        """
        model = model or self.info.models[0]
        secrets = {part: SecretStr(secret) for part, secret in self.secrets.items()}
        options = self.info.options_of(model).model_validate(more.pop("options", {}))
        fields: dict[str, Any] = {
            "prompt": self.prompt,
            "model": model.id,
            "size": smallest_size(model),
            "seed": 20_011 if model.seed else None,
            "images": input_images(model, model.images.least) if model.images else (),
            "options": options,
            "credential": next(iter(secrets.values()), None),
            "credentials": secrets,
            "settings": dict(self.settings),
            "timeout": self.timeout,
        }
        return ImageRequest(**(fields | more))

    def run(self, work: Work[T], answer: Handler | None = None) -> T:
        """Runs work on a new event loop with a new service; `answer` replaces the class's own answers."""

        async def main() -> T:
            hooks = self.hooks["generate"], self.hooks.get("load")
            if not self.has_service:
                return await work(self._runner(*hooks, None))
            with Loopback(answer or self.answer) as service:
                return await work(self._runner(*hooks, service))

        return on_a_loop(main)

    def _runner(self, hook: Hook, load: Hook | None, service: Loopback | None) -> Runner:
        base_url = service.url + self.base_path if service else None
        return Runner(hook, service, base_url, self._refused, load, self.info.most_at_once)

    def ask(self, *requests: ImageRequest, answer: Handler | None = None) -> list[Outcome]:
        """Makes the calls one after another on one event loop."""

        async def one_by_one(runner: Runner) -> list[Outcome]:
            return [await runner.ask(request) for request in requests]

        return self.run(one_by_one, answer)

    def request_for(self, answer: Answer, **more: Any) -> tuple[ImageRequest, Handler | None]:
        """Returns the request that causes an outcome, and the service's answer to it."""
        if isinstance(answer, Mapping):
            return self.request(options=answer, **more), None
        return self.request(**more), (lambda _: answer) if isinstance(answer, Reply) else answer


# Computed once for each class.


@cache
def _module(suite: type[SuiteBase]) -> Any:
    return (
        EntryPoint("plugin", suite.plugin, "limner").load() if isinstance(suite.plugin, str) else suite.plugin
    )


@cache
def _hooks(suite: type[SuiteBase]) -> dict[str, Callable[..., Any]]:
    module = _module(suite)
    check_version(module)
    hooks = check_hooks(pluggy.PluginManager("limner"), module)
    if "generate" not in hooks:
        raise PluginFault(
            "It is a middleware, and the suite is for providers: call it in a test of your own."
        )
    return hooks


@cache
def _info_or_fault(suite: type[SuiteBase]) -> ProviderInfo | BaseException:
    try:
        with only_this_machine():
            return check_info(_hooks(suite)["describe"])
    except UNUSABLE as error:
        return error
