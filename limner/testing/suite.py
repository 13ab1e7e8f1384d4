"""The class that a plugin's author inherits."""

from __future__ import annotations

from typing import Any

import pytest

from limner.testing.concurrency import ConcurrencyTests
from limner.testing.credentials import CredentialTests
from limner.testing.describe import DescribeTests
from limner.testing.failures import FailureTests
from limner.testing.inputs import InputTests
from limner.testing.resume import ResumeTests


class ProviderSuite(DescribeTests, InputTests, ConcurrencyTests, ResumeTests, CredentialTests, FailureTests):
    """All tests of the contract; `limner.testing.base.SuiteBase` lists what a class may set."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Repeats a test for each model that the provider declares, or each failure of the class."""
        if "model" in metafunc.fixturenames:
            metafunc.parametrize("model", self._models())
        if "editor" in metafunc.fixturenames:
            metafunc.parametrize("editor", self._editors())
        if "failure" in metafunc.fixturenames:
            metafunc.parametrize("failure", self._failures() or [_without_failures()])

    def _models(self) -> list[Any]:
        info = self.info_or_fault
        if isinstance(info, BaseException):
            return [_skipped(f"its models are not known: {info}")]
        models = [pytest.param(model, id=model.id) for model in info.models]
        if info.other_models:
            models.append(pytest.param(info.other_models, id=f"any other, as {info.other_models.id}"))
        return models

    def _editors(self) -> list[Any]:
        """Returns the models that take pictures."""
        models = self._models()
        if isinstance(self.info_or_fault, BaseException):
            return models
        editors = [model for model in models if model.values[0].images]
        return editors or [_skipped("it declares no model that takes pictures")]


def _skipped(reason: str) -> Any:
    return pytest.param(None, id="none", marks=pytest.mark.skip(reason=reason))


def _without_failures() -> Any:
    return _skipped(
        'the class has no failures: define what causes them, as in failures = {"rate-limit": Reply(429)}'
    )
