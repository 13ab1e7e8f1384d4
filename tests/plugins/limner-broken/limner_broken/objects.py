"""Plugins that are objects: a good one, and what can be wrong with one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from limner import Generate, ImageRequest, ImageResult, ModelInfo, Options, ProviderInfo, hookimpl


class Good:
    @hookimpl
    def describe(self) -> ProviderInfo:
        return ProviderInfo(label=type(self).__name__, models=(ModelInfo(id="one"),))

    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        return ImageResult(b"", metadata={"made by": type(self).__name__})


class AnotherContract(Good):
    limner_contract = 2


class AsyncDescribe(Good):
    @hookimpl
    async def describe(self) -> ProviderInfo:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().describe()


class AsyncWrap:
    @hookimpl
    async def wrap(self, generate: Generate) -> Generate:
        return generate


class CrashesWhenRead(Good):
    @property
    def limner_contract(self) -> int:
        raise RuntimeError("sk-secret")


class Half:
    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        return ImageResult(b"")


class NoHooks:
    def draw(self) -> None: ...


class SaysNone(Good):
    @hookimpl
    def describe(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return None


class Twice(Good):
    @hookimpl(specname="generate")
    async def paint(self, request: ImageRequest) -> ImageResult:
        return ImageResult(b"")


class UndecoratedOverride(Good):
    async def generate(self, request: ImageRequest) -> ImageResult:
        return ImageResult(b"")


class UndecoratedWrap(Good):
    def wrap(self, generate: Generate) -> Generate:
        return generate


@dataclass
class Unhashable(Good):
    speed: int = 1


class WithOptions(Good):
    def __init__(self, options: type[Options]) -> None:
        self.options = options

    @hookimpl
    def describe(self) -> ProviderInfo:
        return super().describe().model_copy(update={"options": self.options})


class NoDefault(Options):
    steps: int


class NoSchema(Options):
    steps: Callable[[], int] = int


class SecretOption(Options):
    key: SecretStr | None = None


class WrongFacts(Good):
    @hookimpl
    def describe(self) -> ProviderInfo:
        sizes: Any = ["large"]
        return ProviderInfo(label="Wrong facts", models=(ModelInfo(id="one", sizes=sizes),))


class Yields(Good):
    @hookimpl
    async def generate(self, request: ImageRequest) -> AsyncIterator[ImageResult]:  # pyright: ignore[reportIncompatibleMethodOverride]
        yield ImageResult(b"")


an_object = Good()
another_contract = AnotherContract()
async_describe = AsyncDescribe()
async_wrap = AsyncWrap()
crashes_when_read = CrashesWhenRead()
half = Half()
no_default = WithOptions(NoDefault)
no_hooks = NoHooks()
no_schema = WithOptions(NoSchema)
nothing = None
secret_option = WithOptions(SecretOption)
says_none = SaysNone()
twice = Twice()
undecorated_override = UndecoratedOverride()
undecorated_wrap = UndecoratedWrap()
unhashable = Unhashable()
wrong_facts = WrongFacts()
yields = Yields()
