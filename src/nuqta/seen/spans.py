"""Spans for OpenTelemetry, where its package is installed; where it is not, nothing, at no cost.

Who exports them, and how many, is the operator's to set up (`opentelemetry-instrument`). What a
caller sends of its own traces is not taken over: anybody could then have everything traced.
No token, no text of a caller's, no customer is in an attribute.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from opentelemetry.trace import Link, Span, Tracer

Attributes: TypeAlias = dict[str, str | int]


class Spans:
    """Makes spans, with a tracer of OpenTelemetry's, if only of its own global one. `is_on` says
    whether the package is there."""

    def __init__(self, tracer: "Tracer | None" = None) -> None:
        self._tracer = tracer or _tracer()
        self.is_on = self._tracer is not None

    @contextmanager
    def around(self, name: str) -> "Iterator[Span | None]":
        """A span around what is done in the block; its attributes are set there."""
        if self._tracer is None:
            yield None
            return
        from opentelemetry.trace import SpanKind

        with self._tracer.start_as_current_span(
            name, kind=SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        ) as span:
            yield span

    def after(
        self, name: str, took_ns: int, attributes: Attributes, links: "Sequence[Link]" = ()
    ) -> None:
        """A span of something that has just ended, and took so many nanoseconds."""
        if self._tracer is None:
            return
        from opentelemetry.context import Context

        now = time.time_ns()
        span = self._tracer.start_span(
            name, context=Context(), attributes=attributes, links=links, start_time=now - took_ns
        )
        span.end(now)

    def here(self) -> Any:
        """What a later span may point to, to say that it did this one's work; None for nothing."""
        if self._tracer is None:
            return None
        from opentelemetry.trace import get_current_span

        found = get_current_span().get_span_context()
        return found if found.is_valid and found.trace_flags.sampled else None

    def links(self, contexts: Sequence[Any]) -> "list[Link]":
        """Links to what `here` gave."""
        from opentelemetry.trace import Link

        return [Link(context) for context in contexts]


def _tracer() -> "Tracer | None":
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace.get_tracer("nuqta")
