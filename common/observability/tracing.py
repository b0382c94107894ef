"""OpenTelemetry traces of a request and its events, across processes.

`OTEL_EXPORTER_OTLP_ENDPOINT` turns tracing on. Without it nothing is imported, and every span is a
constant without effect. A trace starts at the first of our servers: a client's `traceparent` is
ignored, because it would decide what is sampled. Our processes pass the trace on in gRPC metadata,
outbox rows and message headers.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Tracer

_tracer: "Tracer | None" = None
_OFF: AbstractContextManager[Any] = nullcontext()

HEADER = "traceparent"


def start(processor: "SpanProcessor | None" = None) -> None:
    """Must run once per process, before it opens connections. Sends spans by OTLP by default."""
    global _tracer
    if processor is None and not settings.TRACING:
        return
    from common.observability import otel

    _tracer = otel.start(processor)


def stop() -> None:
    global _tracer
    if _tracer is not None:
        from common.observability import otel

        otel.stop()
        _tracer = None


def is_on() -> bool:
    return _tracer is not None


def span(
    name: str, kind: str = "internal", *, parent: str | None = None
) -> AbstractContextManager[Any]:
    """A span of the block. Its parent is the open span, or the traceparent `parent`."""
    if _tracer is None:
        return _OFF
    return _tracer.start_as_current_span(name, context=_context(parent), kind=_kind(kind))


def batch(name: str, parents: Sequence[str | None]) -> AbstractContextManager[Any]:
    """A span of the work on several messages.

    It is in the trace of the first message. Each other trace gets a span that links to it.
    """
    if _tracer is None or not any(parents):
        return _OFF
    return _batch(_tracer, name, [parent for parent in parents if parent])


@contextmanager
def _batch(tracer: "Tracer", name: str, parents: Sequence[str]) -> Iterator[Any]:
    from opentelemetry.trace import Link

    kind = _kind("consumer")
    with tracer.start_as_current_span(name, context=_context(parents[0]), kind=kind) as work:
        link = Link(work.get_span_context())
        others = [
            tracer.start_span(name, context=_context(parent), kind=kind, links=[link])
            for parent in parents[1:]
        ]
        try:
            yield work
        finally:
            for other in others:
                other.end()


def traceparent() -> str | None:
    """The traceparent of the open span, to pass on."""
    if _tracer is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(HEADER)


def trace_id() -> str | None:
    parts = (traceparent() or "").split("-")
    return parts[1] if len(parts) == 4 else None


def _context(parent: str | None) -> Any:
    if parent is None:
        return None  # the open span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({HEADER: parent})


def _kind(name: str) -> Any:
    from opentelemetry.trace import SpanKind

    return SpanKind[name.upper()]
