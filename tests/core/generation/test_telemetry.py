"""What OpenTelemetry is told of a call: by its real SDK, neither prompts nor secrets."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from core.chat.request import UserRequest
from core.generation import telemetry
from limner import ContentFiltered, ImageRequest, ImageResult, ProviderError, hookimpl
from tests.core.scripted import CONVERSATION, NEEDS_KEY, PNG, Gate, ScriptedProvider, ask, settled, studio_of

pytestmark = pytest.mark.anyio

KEY = "sk-test-0123456789abcdef"
PROMPT = "a fox that nobody may read of"
COUNTED = {
    "gen_ai.operation.name": "generate_content",
    "gen_ai.provider.name": "scripted",
    "gen_ai.request.model": "p-1",
}


class Recorded(NamedTuple):
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    @property
    def span(self) -> ReadableSpan:
        (span,) = self.spans
        return span

    def durations(self) -> list[Any]:
        data: Any = self.reader.get_metrics_data()
        (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
        assert (metric.name, metric.unit) == ("gen_ai.client.operation.duration", "s")
        return list(metric.data.data_points)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", MeterProvider([reader]))
    telemetry._instruments.cache_clear()
    yield Recorded(exporter, reader)
    telemetry._instruments.cache_clear()


async def test_a_picture_is_a_span_by_the_conventions(tmp_path: Path, recorded: Recorded) -> None:
    async def play(_: ImageRequest) -> ImageResult:
        usage = {"input_tokens": 12, "output_tokens": 4096, "total_tokens": 4108}
        return ImageResult(PNG, model="p-1-0613", request_id="req_7", usage=usage)

    address = "http://someone:a-password@127.0.0.1:9/v1"
    own: Any = {"scripted": {"base_url": address}}
    async with studio_of(tmp_path, ScriptedProvider(play), providers=own) as studio:
        _, _, version = await ask(studio, PROMPT, seed=7, negative_prompt="a wolf")
        assert version.status == "complete"
    span = recorded.span
    server = {"server.address": "127.0.0.1", "server.port": 9}
    assert (span.name, span.kind) == ("generate_content p-1", trace.SpanKind.CLIENT)
    assert span.status.is_unset
    assert dict(span.attributes or {}) == {
        **COUNTED,
        **server,
        "gen_ai.output.type": "image",
        "gen_ai.request.seed": 7,
        "gen_ai.response.model": "p-1-0613",
        "gen_ai.response.id": "req_7",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 4096,
    }
    (point,) = recorded.durations()
    assert (point.count, dict(point.attributes)) == (1, {**COUNTED, **server})
    assert tuple(point.explicit_bounds) == telemetry.SECONDS


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ProviderError("quota", service_message=f"no credit for {KEY}: {PROMPT}"), "quota"),
        (ContentFiltered(why=f"no {PROMPT}"), "content-filter"),
        (RuntimeError(f"{KEY} {PROMPT}"), "crash"),
    ],
)
async def test_a_failure_has_a_type_and_no_words(
    error: Exception, kind: str, tmp_path: Path, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(_: ImageRequest) -> ImageResult:
        raise error

    monkeypatch.setenv("SCRIPTED_API_KEY", KEY)
    async with studio_of(tmp_path, ScriptedProvider(play, **NEEDS_KEY)) as studio:
        await ask(studio, PROMPT)
    span = recorded.span
    assert span.status.status_code is trace.StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == kind
    assert not span.events
    assert KEY not in span.to_json()
    assert PROMPT not in span.to_json()
    (point,) = recorded.durations()
    assert dict(point.attributes) == {**COUNTED, "error.type": kind}


async def test_what_is_stopped_is_cancelled(tmp_path: Path, recorded: Recorded) -> None:
    gate = Gate()
    async with studio_of(tmp_path, ScriptedProvider(gate)) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt=PROMPT))
        await gate.reached.wait()
        studio.stop(message)
        await settled(conversation, message)
    assert (recorded.span.attributes or {})["error.type"] == "cancelled"


async def test_a_fallback_is_a_span_of_its_own(tmp_path: Path, recorded: Recorded) -> None:
    async def refuse(_: ImageRequest) -> ImageResult:
        raise ProviderError("quota", did_not_run=True)

    async with studio_of(tmp_path, ScriptedProvider(refuse), fallback=("sketch",)) as studio:
        _, _, version = await ask(studio, PROMPT)
        assert version.status == "complete"
    providers = [(span.attributes or {})["gen_ai.provider.name"] for span in recorded.spans]
    assert providers == ["scripted", "sketch"]


class InAThread(ScriptedProvider):
    """A provider that is a plain function."""

    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:  # pyright: ignore
        trace.get_tracer("its client").start_span("POST").end()
        return ImageResult(PNG)


async def _asks(_: ImageRequest) -> ImageResult:
    trace.get_tracer("its client").start_span("POST").end()
    return ImageResult(PNG)


@pytest.mark.parametrize("scripted", [ScriptedProvider(_asks), InAThread()], ids=["async", "plain"])
async def test_what_a_client_records_is_within_it(
    scripted: ScriptedProvider, tmp_path: Path, recorded: Recorded
) -> None:
    async with studio_of(tmp_path, scripted) as studio:
        await ask(studio)
    inner, outer = recorded.spans
    assert (inner.name, outer.name) == ("POST", "generate_content p-1")
    assert inner.parent
    assert inner.parent == outer.context


async def test_without_it_pictures_are_made_all_the_same(
    tmp_path: Path, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        assert (await ask(studio))[2].status == "complete"
    assert recorded.spans == ()
