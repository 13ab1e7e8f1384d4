"""Tests of how a provider makes pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from limner.errors import ProviderError
from limner.info import ModelInfo
from limner.options import field_names, option_schemas
from limner.picture import identify
from limner.request import MAX_PREVIEW, MAX_PREVIEW_PIXELS, ImageRequest
from limner.result import MAX_CONTINUATION, ImageResult, ImageWarning
from limner.testing.base import SuiteBase
from limner.testing.loopback import Request
from limner.testing.report import DESCRIPTION, REQUEST, RESULT, fail
from limner.testing.runner import Outcome, Runner
from limner.testing.samples import accepted_values, accepts, rejection, sizes_of


class GenerateTests(SuiteBase):
    """Every request that the description allows becomes a picture, and the service receives all of it."""

    def test_each_model_makes_a_picture(self, model: ModelInfo) -> None:
        request = self.request(model)
        requests = [replace(request, size=model.default_size)]
        if model.seed:
            requests += [replace(request, seed=0), replace(request, seed=model.max_seed)]
        if model.negative_prompt:
            requests.append(replace(request, negative_prompt="fog"))
        outcomes = self.ask(*requests)
        for outcome in outcomes:
            self._check_picture(outcome)
        alike = len({outcome.data for outcome in outcomes[1:3]}) == 1
        if model.seed and alike and outcomes[1].data and not self.has_service:
            fail(
                f"Two seeds have made the same picture with its model {model.id}: draw by request.seed, or "
                "do not declare it.",
                DESCRIPTION,
            )

    def test_each_size_makes_a_picture(self, model: ModelInfo) -> None:
        sizes = [size for size in sizes_of(model) if size != model.default_size]
        if not sizes:
            pytest.skip("it declares no size besides the default")
        for outcome in self.ask(*(self.request(model, size=size) for size in sizes)):
            self._check_picture(outcome)

    def test_each_option_makes_a_picture(self, model: ModelInfo) -> None:
        chosen = [options for options in self._options(model) if not self._plays(options)]
        if not chosen:
            pytest.skip("it declares no options, or none that lead to a picture")
        for outcome in self.ask(*(self.request(model, options=options) for options in chosen)):
            self._check_picture(outcome)

    def test_what_it_declares_it_sends(self, model: ModelInfo) -> None:
        self.need_service()
        features = self._features(model)

        async def compare(runner: Runner) -> str | None:
            usual, _ = await sent_for(runner, self.request(model))
            for feature, requests in features.items():
                for request in requests:
                    sent, outcome = await sent_for(runner, request)
                    if sent != usual or outcome.error or (outcome.result and outcome.result.warnings):
                        break
                else:
                    return feature
            return None

        if feature := self.run(compare):
            fail(
                f"The {feature} of its model {model.id} changes nothing in what the service receives, and "
                f"there is no warning: send it, warn, do not declare it, or list it in unsent.",
                DESCRIPTION,
            )

    def test_the_rest_of_the_result_has_its_types(self) -> None:
        (outcome,) = self.ask(self.request())
        if outcome.result is None:
            pytest.skip("it makes no picture: see the tests of its models")
        if wrong := wrong_type(outcome.result):
            fail(f"The result's {wrong}.", RESULT)

    def test_its_previews_are_pictures(self) -> None:
        outcomes = self.ask(*(self.request(model) for model in self.models))
        previews = [preview for outcome in outcomes for preview in outcome.previews]
        if not previews:
            pytest.skip("it has shown no preview")
        for preview in previews:
            if not isinstance(preview, bytes):
                fail(f"It passes a {type(preview).__name__} to request.preview: pass bytes.", REQUEST)
            if len(preview) > MAX_PREVIEW:
                fail(f"A preview has {len(preview):,} bytes: pass {MAX_PREVIEW:,} at most.", REQUEST)
            try:
                identify(preview, MAX_PREVIEW_PIXELS)
            except ProviderError as error:
                words = error.service_message or error.why
                fail(f"What it passes to request.preview is not shown: {words}", REQUEST)

    def _check_picture(self, outcome: Outcome) -> None:
        """Fails the test if a request did not become a picture, or became one of another size."""
        request, error = outcome.request, outcome.error
        about = f"For {_words(request)}"
        if outcome.result is None:
            fail(
                f"{about} there was no picture, but the failure {outcome.category}.",
                REQUEST,
                error,
            )
        if isinstance(error, ProviderError):
            words = error.service_message or error.why
            fail(f"{about} the result's image is not a picture: {words}", RESULT)
        if self.has_service or outcome.picture is None or request.size is None:
            return
        made = (outcome.picture.width, outcome.picture.height)
        if made != request.size and not any(warning.feature == "size" for warning in outcome.result.warnings):
            fail(
                f"{about} the picture has the size {made[0]}x{made[1]}: make the requested size, or warn.",
                RESULT,
            )

    def _options(self, model: ModelInfo) -> list[dict[str, Any]]:
        """Returns the options to try, one at a time, with the values that their schemas allow."""
        options = self.info.options_of(model)
        return [
            {name: value}
            for name, schema in option_schemas(options).items()
            for value in accepted_values(schema)
            if rejection(options, name, value) is None and accepts(options, {name: value})
        ]

    def _plays(self, options: dict[str, Any]) -> bool:
        """Whether these are the options of a failure or of a slow picture."""
        played: list[Any] = [self.slow_options]
        for answers in self.failures.values():
            played += answers if isinstance(answers, (list, tuple)) else [answers]
        return any(isinstance(part, Mapping) and options.items() <= part.items() for part in played)

    def _features(self, model: ModelInfo) -> dict[str, list[ImageRequest]]:
        """Returns each feature that should change what the service receives, and requests that show it."""
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


async def sent_for(runner: Runner, request: ImageRequest) -> tuple[list[tuple[str, str, bytes]], Outcome]:
    """Makes a picture; returns what the service received for it, and the outcome."""
    already = len(runner.service.requests)
    outcome = await runner.ask(request)
    later = runner.service.requests[already:]
    return [(sent.method, sent.path, _without_boundary(sent)) for sent in later], outcome


def _without_boundary(request: Request) -> bytes:
    """Returns a body without what stands between the parts of a form, which is another text each time."""
    found = re.search(r'boundary="?([^";]+)', request.headers.get("content-type", ""))
    return request.body.replace(found[1].encode(), b"") if found else request.body


def _words(request: ImageRequest) -> str:
    words = [f"the model {request.model}"]
    words += [f"the size {request.size}"] if request.size else []
    words += [f"the seed {request.seed}"] if request.seed is not None else []
    types = ", ".join(dict.fromkeys(image.media_type for image in request.images))
    count = len(request.images)
    words += [f"{count} picture{'s' if count > 1 else ''} ({types})"] if count else []
    words += ["a mask"] if request.mask else []
    words += ["a continuation"] if request.continuation is not None else []
    chosen = request.options.model_dump(mode="json", exclude_unset=True)
    names = field_names(type(request.options)).items()
    words += [f"{name} = {chosen[field]!r}" for name, field in names if field in chosen]
    return ", ".join(words)


def wrong_type(result: ImageResult) -> str | None:
    """Returns what is wrong with a result's fields other than the picture; None if nothing is."""
    checked: Any = result
    for name in ("revised_prompt", "model", "request_id", "text"):
        if not isinstance(getattr(checked, name), str | None):
            return f"{name} is a {type(getattr(checked, name)).__name__}: use a text or None"
    if isinstance(checked.seed, bool) or not isinstance(checked.seed, int | None):
        return f"seed is a {type(checked.seed).__name__}: use a whole number or None"
    for name in ("usage", "metadata"):
        try:
            json.dumps(dict(getattr(checked, name)))
        except (TypeError, ValueError):
            return f"{name} holds more than plain JSON values: use a dict of texts, numbers, lists and dicts"
    try:
        size = len(json.dumps(checked.continuation, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return "continuation holds more than plain JSON values: write bytes as base64, and objects as dicts"
    if size > MAX_CONTINUATION:
        return f"continuation takes {size:,} characters as JSON: keep it within {MAX_CONTINUATION:,}"
    if not all(isinstance(warning, ImageWarning) for warning in checked.warnings):
        return "warnings holds something other than ImageWarning"
    return None
