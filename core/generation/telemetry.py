"""Tells OpenTelemetry of each call of a provider, where it is installed: neither prompts nor secrets."""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Coroutine, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from core.generation.call import GenerationFailed
from core.generation.resolve import Plan
from limner import ImageResult

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram
    from opentelemetry.trace import Tracer

OPERATION = "generate_content"
SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
"""Where the histogram's buckets end; the conventions' own are for texts, and end at 82."""
_TOKENS = {
    "gen_ai.usage.input_tokens": ("input_tokens", "prompt_tokens", "promptTokenCount"),
    "gen_ai.usage.output_tokens": ("output_tokens", "completion_tokens", "candidatesTokenCount"),
}
"""The names under which services report them."""


class _Instruments(NamedTuple):
    tracer: Tracer
    duration: Histogram


@cache
def _instruments() -> _Instruments | None:
    """Returns what records calls, which does nothing where no SDK is set up; None without the API."""
    try:
        from opentelemetry import metrics, trace
    except ImportError:
        return None
    duration = metrics.get_meter("limner").create_histogram(
        "gen_ai.client.operation.duration",
        unit="s",
        description="GenAI operation duration.",
        explicit_bucket_boundaries_advisory=SECONDS,
    )
    return _Instruments(trace.get_tracer("limner"), duration)


async def traced(plan: Plan, call: Coroutine[Any, Any, ImageResult]) -> ImageResult:
    """Awaits a provider's call, retries and all, in a span by the conventions for generative AI."""
    if (instruments := _instruments()) is None:
        return await call
    from opentelemetry.trace import SpanKind, StatusCode

    begun, counted, request = time.perf_counter(), _counted(plan), plan.image_request
    about = {**counted, "gen_ai.output.type": "image"}
    if request.seed is not None:
        about["gen_ai.request.seed"] = request.seed
    with instruments.tracer.start_as_current_span(
        f"{OPERATION} {request.model}",
        kind=SpanKind.CLIENT,
        attributes=about,
        record_exception=False,  # its text, and that of its causes, may hold anything
        set_status_on_exception=False,
    ) as span:
        try:
            result = await call
            span.set_attributes(_reported(result))
            return result
        except BaseException as error:
            counted["error.type"] = _type_of(error)
            span.set_attribute("error.type", counted["error.type"])
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            instruments.duration.record(time.perf_counter() - begun, counted)


def _counted(plan: Plan) -> dict[str, str | int]:
    """Returns by what calls are counted: a few values each."""
    about: dict[str, str | int] = {
        "gen_ai.operation.name": OPERATION,
        "gen_ai.provider.name": plan.provider.name,
        "gen_ai.request.model": plan.image_request.model,
    }
    if plan.provider.base_url:
        address = urlsplit(plan.provider.base_url)
        about["server.address"] = address.hostname or ""
        about["server.port"] = address.port or (443 if address.scheme == "https" else 80)
    return about


def _reported(result: ImageResult) -> Mapping[str, str | int]:
    """Returns what the service said of its work."""
    said: dict[str, str | int] = {}
    if result.model:
        said["gen_ai.response.model"] = result.model
    if result.request_id:
        said["gen_ai.response.id"] = result.request_id
    for name, fields in _TOKENS.items():
        tokens = next((result.usage[field] for field in fields if field in result.usage), None)
        if isinstance(tokens, int):
            said[name] = tokens
    return said


def _type_of(error: BaseException) -> str:
    if isinstance(error, GenerationFailed):
        return error.failure.cause
    return "cancelled" if isinstance(error, CancelledError) else type(error).__qualname__
