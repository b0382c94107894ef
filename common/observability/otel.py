"""OpenTelemetry's SDK and its instrumentation, imported by `tracing` only when tracing is on."""

from collections.abc import Sequence

from django.conf import settings
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.psycopg2 import Psycopg2Instrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind, Status, Tracer, TraceState
from opentelemetry.util.types import Attributes


class RequestSampler(Sampler):
    """Samples a share of the traces that start with a request to a server.

    Background work without a request, such as the relay's queries, is not traced.
    """

    def __init__(self, share: float) -> None:
        self._requests = TraceIdRatioBased(share)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        sampler = self._requests if kind is SpanKind.SERVER else ALWAYS_OFF
        return sampler.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        return f"RequestSampler({self._requests.get_description()})"


class ExceptionTextRemover(SpanProcessor):
    """Passes spans on without the texts of exceptions, which may contain personal data."""

    def __init__(self, processor: SpanProcessor) -> None:
        self._next = processor

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._next.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        if span.events or span.status.description:
            span = ReadableSpan(
                name=span.name,
                context=span.context,
                parent=span.parent,
                resource=span.resource,
                attributes=span.attributes,
                links=span.links,
                kind=span.kind,
                status=Status(span.status.status_code),
                start_time=span.start_time,
                end_time=span.end_time,
                instrumentation_scope=span.instrumentation_scope,
            )
        self._next.on_end(span)

    def shutdown(self) -> None:
        self._next.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._next.force_flush(timeout_millis)


def start(processor: SpanProcessor | None) -> Tracer:
    """Sends spans to `processor`, or by OTLP."""
    provider = TracerProvider(
        resource=Resource.create({"service.name": settings.TRACED_AS}),
        sampler=ParentBased(RequestSampler(settings.TRACED_SHARE)),
    )
    provider.add_span_processor(
        ExceptionTextRemover(processor or BatchSpanProcessor(OTLPSpanExporter()))
    )
    trace.set_tracer_provider(provider)  # Elasticsearch's client uses this one
    Psycopg2Instrumentor().instrument(tracer_provider=provider, skip_dep_check=True)
    RedisInstrumentor().instrument(tracer_provider=provider)
    return provider.get_tracer("microblog")


def stop() -> None:
    """Stops tracing, except in existing Elasticsearch clients."""
    Psycopg2Instrumentor().uninstrument()
    RedisInstrumentor().uninstrument()
