"""Tests of what a provider does when it is asked for a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from limner.errors import ProviderError
from limner.info import ModelInfo
from limner.options import field_names, option_schemas
from limner.request import ImageRequest
from limner.result import ImageResult, ImageWarning
from limner.testing.base import SuiteBase
from limner.testing.report import DESCRIPTION, REQUEST, RESULT, fail
from limner.testing.runner import Outcome, Runner
from limner.testing.samples import accepted_values, accepts, rejection, sizes_of


class GenerateTests(SuiteBase):
    """Every request that the declaration allows becomes a picture, and the service hears all of it."""

    def test_each_model_makes_a_picture(self, model: ModelInfo) -> None:
        request = self.request(model)
        requests = [replace(request, size=model.default_size)]
        if model.seed:
            requests += [replace(request, seed=0), replace(request, seed=2**32 - 1)]
        if model.negative_prompt:
            requests.append(replace(request, negative_prompt="fog"))
        for outcome in self.ask(*requests):
            self._check_picture(outcome)

    def test_each_size_makes_a_picture(self, model: ModelInfo) -> None:
        sizes = [size for size in sizes_of(model) if size != model.default_size]
        if not sizes:
            pytest.skip("it declares no other size than the default")
        for outcome in self.ask(*(self.request(model, size=size) for size in sizes)):
            self._check_picture(outcome)

    def test_each_option_makes_a_picture(self, model: ModelInfo) -> None:
        asked = [options for options in self._options(model) if not self._plays(options)]
        if not asked:
            pytest.skip("it declares no options, or none that makes a picture")
        for outcome in self.ask(*(self.request(model, options=options) for options in asked)):
            self._check_picture(outcome)

    def test_what_it_declares_it_sends(self, model: ModelInfo) -> None:
        self.need_service()
        features = self._features(model)

        async def compare(runner: Runner) -> str | None:
            usual, _ = await _sent(runner, self.request(model))
            for feature, requests in features.items():
                for request in requests:
                    sent, warned = await _sent(runner, request)
                    if sent != usual or warned:
                        break
                else:
                    return feature
            return None

        if feature := self.run(compare):
            fail(
                f"The {feature} of its model {model.id} changes nothing that the service is sent, and no "
                f"warning says so: send it, warn, do not declare it, or name it in unsent.",
                DESCRIPTION,
            )

    def test_what_stands_beside_the_picture_has_its_type(self) -> None:
        (outcome,) = self.ask(self.request())
        if outcome.result is None:
            pytest.skip("it makes no picture: see the tests of its models")
        if wrong := _wrong_beside(outcome.result):
            fail(f"The result's {wrong}.", RESULT)

    def _check_picture(self, outcome: Outcome) -> None:
        """Blames the provider for a request that did not become a picture, or one of another size."""
        request, error = outcome.request, outcome.error
        about = f"For {_words(request)}"
        if outcome.result is None:
            fail(
                f"{about} there was no picture but the failure {outcome.category}.",
                REQUEST,
                error,
            )
        if isinstance(error, ProviderError):
            words = error.service_message
            fail(f"{about} the result's image is no picture: {words}", RESULT)
        if self.has_service or outcome.picture is None or request.size is None:
            return
        made = (outcome.picture.width, outcome.picture.height)
        if made != request.size and not any(warning.feature == "size" for warning in outcome.result.warnings):
            fail(
                f"{about} the picture has the size {made[0]}x{made[1]}: make the size asked for, or warn.",
                RESULT,
            )

    def _options(self, model: ModelInfo) -> list[dict[str, Any]]:
        """Lists options to ask for, one at a time, over the values of their schemas."""
        options = self.info.options_of(model)
        return [
            {name: value}
            for name, schema in option_schemas(options).items()
            for value in accepted_values(schema)
            if rejection(options, name, value) is None and accepts(options, {name: value})
        ]

    def _plays(self, options: dict[str, Any]) -> bool:
        """Says whether these are the options of a failure or of a slow picture."""
        played: list[Any] = [self.slow_options]
        for answers in self.failures.values():
            played += answers if isinstance(answers, (list, tuple)) else [answers]
        return any(isinstance(part, Mapping) and options.items() <= part.items() for part in played)

    def _features(self, model: ModelInfo) -> dict[str, list[ImageRequest]]:
        """Lists what should make a difference to the service, and the requests of which one has to."""
        request = self.request(model)
        features = {"prompt": [replace(request, prompt="something else")]}
        if model.seed:
            features["seed"] = [replace(request, seed=20_012)]
        if model.negative_prompt:
            features["negative prompt"] = [replace(request, negative_prompt="fog")]
        if len(sizes := sizes_of(model)) > 1:
            features["size"] = [replace(request, size=size) for size in sizes if size != request.size]
        fields, defaults = field_names(type(request.options)), request.options.model_dump(mode="json")
        for options in self._options(model):
            ((name, value),) = options.items()
            if name not in self.unsent and value != defaults[fields[name]]:
                features.setdefault(f"option {name}", []).append(self.request(model, options=options))
        return features


async def _sent(runner: Runner, request: ImageRequest) -> tuple[list[tuple[str, str, bytes]], bool]:
    """Asks for a picture; gives what the service was sent, and whether there was a warning."""
    already = len(runner.service.requests)
    outcome = await runner.ask(request)
    sent = [(request.method, request.path, request.body) for request in runner.service.requests[already:]]
    return sent, bool(outcome.error or (outcome.result and outcome.result.warnings))


def _words(request: ImageRequest) -> str:
    asked = [f"the model {request.model}"]
    asked += [f"the size {request.size}"] if request.size else []
    asked += [f"the seed {request.seed}"] if request.seed is not None else []
    chosen = request.options.model_dump(mode="json", exclude_unset=True)
    names = field_names(type(request.options)).items()
    asked += [f"{name} = {chosen[field]!r}" for name, field in names if field in chosen]
    return ", ".join(asked)


def _wrong_beside(result: ImageResult) -> str | None:
    said: Any = result
    for name in ("revised_prompt", "model", "request_id"):
        if not isinstance(getattr(said, name), str | None):
            return f"{name} is a {type(getattr(said, name)).__name__}: give a text or None"
    if isinstance(said.seed, bool) or not isinstance(said.seed, int | None):
        return f"seed is a {type(said.seed).__name__}: give a whole number or None"
    for name in ("usage", "metadata"):
        try:
            json.dumps(dict(getattr(said, name)))
        except (TypeError, ValueError):
            return f"{name} holds more than plain JSON values: give a dict of texts, numbers, lists and dicts"
    if not all(isinstance(warning, ImageWarning) for warning in said.warnings):
        return "warnings holds something else than ImageWarning"
    return None
