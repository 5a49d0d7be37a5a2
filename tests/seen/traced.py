"""A house whose spans are kept, as OpenTelemetry keeps them; nothing is tested here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from nuqta.seen.spans import Spans
from tests.http.server import METRICS_TOKEN, House, logging_all, serving
from tests.world import open_world


class Kept:
    """The spans that have ended."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.maker = Spans(provider.get_tracer("test"))

    @property
    def all(self) -> tuple[ReadableSpan, ...]:
        """Every span, in the order in which they ended."""
        return self._exporter.get_finished_spans()

    def named(self, start: str) -> list[ReadableSpan]:
        """The spans whose names begin so."""
        return [span for span in self.all if span.name.startswith(start)]

    def forget(self) -> None:
        """Forget them all."""
        self._exporter.clear()


@contextmanager
def open_traced(folder: Path, **changes: int | str) -> Iterator[tuple[House, Kept]]:
    """A world behind a server that makes spans; what led there is forgotten."""
    kept = Kept()
    settings: dict[str, int | str] = {
        "rate_limit": 0, "failed_tries": 0, "metrics_token": METRICS_TOKEN, **changes,
    }  # fmt: skip
    with (
        logging_all() as log,
        open_world(folder, None, is_audited=False, **settings) as world,
        serving(world.engine, kept.maker) as port,
    ):
        house = House(world, port, log)
        house.settle()
        kept.forget()
        yield house, kept
        assert log.faults == [], log.faults[0]
