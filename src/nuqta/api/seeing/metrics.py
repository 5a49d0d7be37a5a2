"""/metrics, for Prometheus: what all processes of this server counted, and how the books stand.

Who has METRICS_TOKEN may read it; without that setting there is no such page. Not "whoever is on
this machine": behind a proxy everybody is. Source: docs/decisions/0012-seeing.md.
"""

import hmac
import math
import os
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from nuqta import __version__, refusals
from nuqta.engine.engine import Engine
from nuqta.engine.keeping.backup import kept_in
from nuqta.ledger.account import BUCKETS
from nuqta.ledger.instants import SECOND_US
from nuqta.seen.meters import Family, Labels, Page, Sheet
from nuqta.storage.faults import StorageFault
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement
from nuqta.web import routes
from nuqta.web.guard import bearer, failed
from nuqta.web.replies import NO_STORE
from nuqta.web.routes import Outcome, Paper, Request, Route

if TYPE_CHECKING:
    from prometheus_client import Metric

_DUE = statement("points.longest_due")
_UNSEALED = statement("seals.longest_unsealed")
_UNPLACED = statement("events.count_unplaced")
_BEHIND = statement("webhooks.behind")
_PAUSED = statement("webhooks.count_paused")
_UNSEALED_MAX: Final = 10_000
_UNPLACED_MAX: Final = 100_000
_WAIT: Final = refusals.TOO_MANY_REQUESTS
_TEXT: Final = b"text/plain; version=0.0.4; charset=utf-8"


async def metrics(request: Request) -> Outcome:
    """The server's figures, as Prometheus reads them. The token of NUQTA_METRICS_TOKEN stands in
    the Authorization header; where the setting is empty, there is nothing here."""
    wanted = request.engine.settings.metrics_token
    if not wanted:
        return refusals.NOT_FOUND
    sent = bearer(request.headers.get(b"authorization"))
    if sent is None:
        return refusals.AUTHORIZATION_MISSING
    if not hmac.compare_digest(_digest(sent), _digest(wanted)):
        wait_s = failed(request.paces, request.address)  # a token is right, or a try in vain
        return replace(_WAIT, retry_after_s=wait_s) if wait_s else refusals.AUTHORIZATION_INVALID
    sheets = [request.engine.door.meters.sheet]
    if request.meters is not None:
        sheets.append(request.meters.sheet)
    body = await request.engine.beside(exposition, request.engine, sheets)
    return routes.Page(200, _TEXT, body, (NO_STORE,))


def _digest(text: str) -> bytes:
    """Of one length for any text, so that a comparison tells nothing of it."""
    return blake2b(text.encode(errors="surrogatepass")).digest()


def exposition(engine: Engine, sheets: list[Sheet]) -> bytes:
    """All figures as Prometheus' text."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(engine, sheets))
    return generate_latest(registry)


class _Collector:
    """What the registry asks, for one page."""

    def __init__(self, engine: Engine, sheets: list[Sheet]) -> None:
        self._engine = engine
        self._sheets = sheets

    def collect(self) -> "Iterator[Metric]":
        """Every figure there is."""
        from prometheus_client.core import InfoMetricFamily

        yield InfoMetricFamily("nuqta_build", "Which nuqta this is.", {"version": __version__})
        pages: list[Page] = []
        for sheet in self._sheets:
            pages = sheet.pages()
            for family in sheet.families:
                yield _of_family(sheet, pages, family)
        yield from _of_books(self._engine)
        yield from _of_processes([page for page in pages if page.is_alive])


def _of_family(sheet: Sheet, pages: list[Page], family: Family) -> "Metric":
    """One family over all processes: counted values are added up, others stand for each worker."""
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    if family.kind == "gauge":
        gauge = GaugeMetricFamily(family.name, family.sentence, labels=(*family.labels, "worker"))
        for page in pages:
            if page.is_alive:
                for labels, cells in sheet.values(page, family):
                    gauge.add_metric((*labels, page.worker), cells[0])
        return gauge
    sums = _sums(sheet, pages, family)
    if family.kind == "counter":
        counter = CounterMetricFamily(family.name, family.sentence, labels=family.labels)
        for labels, cells in sums.items():
            counter.add_metric(labels, cells[0])
        return counter
    histogram = HistogramMetricFamily(family.name, family.sentence, labels=family.labels)
    for labels, cells in sums.items():
        if any(cells) or not family.labels:  # of hundreds, most would be empty
            histogram.add_metric(labels, _buckets(family, cells), cells[-1] / family.unit)
    return histogram


def _sums(sheet: Sheet, pages: list[Page], family: Family) -> dict[Labels, list[int]]:
    found: dict[Labels, list[int]] = {}
    for page in pages:
        for labels, cells in sheet.values(page, family):
            before = found.get(labels)
            found[labels] = [a + b for a, b in zip(before, cells, strict=True)] if before else cells
    return found


def _buckets(family: Family, cells: list[int]) -> list[tuple[str, float]]:
    """Prometheus' buckets count whatever is no more than their bound."""
    found, total = [], 0
    for bound, count in zip((*map(str, family.bounds), "+Inf"), cells[:-1], strict=True):
        total += count
        found.append((bound, float(total)))
    return found


# -- the books -------------------------------------------------------------------------------------
def _sweeper_lag(engine: Engine, reader: Transaction) -> float:
    now = engine.clock.now()
    since = reader.rows(_DUE, now=now)[0][0]
    return 0.0 if since is None else (now - since) / SECOND_US


def _sealing_lag(engine: Engine, reader: Transaction) -> float:
    since = reader.rows(_UNSEALED, limit=_UNSEALED_MAX)[0][0]
    return 0.0 if since is None else max(0, engine.clock.now() - since) / SECOND_US


def _unplaced(engine: Engine, reader: Transaction) -> float:
    return float(reader.rows(_UNPLACED, limit=_UNPLACED_MAX)[0][0])


def _behind(engine: Engine, reader: Transaction) -> float:
    return float(reader.rows(_BEHIND, buckets=BUCKETS)[0][0])


def _paused(engine: Engine, reader: Transaction) -> float:
    return float(reader.rows(_PAUSED)[0][0])


def _backup_age(engine: Engine, reader: Transaction) -> float | None:
    """None where no copies are made here; without end where there is none yet, or no folder: a
    figure that is missing would wake nobody."""
    folder, now = engine.settings.backup_folder, engine.clock.now()
    if not folder:
        return None
    try:
        taken = [one.taken_at for one in kept_in(Path(folder))]
    except StorageFault:
        taken = []
    return (now - max(taken)) / SECOND_US if taken else math.inf


def _bytes(engine: Engine, reader: Transaction) -> float:
    return float(_size(str(engine.vault.path)))


def _wal_bytes(engine: Engine, reader: Transaction) -> float:
    return float(_size(f"{engine.vault.path}-wal"))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


BOOKS: Final[dict[str, tuple[str, Callable[[Engine, Transaction], float | None]]]] = {
    "nuqta_sweeper_lag_seconds": (
        "Seconds since which the longest due account waits to be booked.", _sweeper_lag,
    ),
    "nuqta_sealing_lag_seconds": (
        "Seconds since which the longest unsealed booking waits for its seal.", _sealing_lag,
    ),
    "nuqta_events_unplaced": (
        f"Events that have no position yet, up to {_UNPLACED_MAX}.", _unplaced,
    ),
    "nuqta_webhook_events_behind": (
        "Events that webhooks still lack, over all that are not paused.", _behind,
    ),
    "nuqta_webhooks_paused": ("Webhooks that are paused.", _paused),
    "nuqta_backup_age_seconds": (
        "Seconds since the last copy in NUQTA_BACKUP_FOLDER was made, +Inf while there is none.",
        _backup_age,
    ),
    "nuqta_database_bytes": ("Bytes of the database file.", _bytes),
    "nuqta_wal_bytes": ("Bytes of the log beside it.", _wal_bytes),
}  # fmt: skip
"""What is asked of the books at each scrape: a few look-ups in an index each."""


def _of_books(engine: Engine) -> "Iterator[Metric]":
    from prometheus_client.core import GaugeMetricFamily

    for name, (sentence, ask) in BOOKS.items():
        try:
            yield GaugeMetricFamily(name, sentence, value=ask(engine, engine.vault.reader()))
        except (StorageFault, OSError):
            continue  # the others are wanted all the more; /readyz says what is wrong


# -- the processes ---------------------------------------------------------------------------------
def _of_processes(pages: list[Page]) -> "Iterator[Metric]":
    """Memory, processor and files of each worker, where the system tells (Linux)."""
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.core import Metric

    found: dict[str, Metric] = {}
    for page in pages:
        registry = CollectorRegistry(auto_describe=False)
        for metric in ProcessCollector(pid=partial(int, page.pid), registry=registry).collect():
            one = found.setdefault(
                metric.name, Metric(metric.name, metric.documentation, metric.type)
            )
            for sample in metric.samples:
                labels = {**sample.labels, "worker": page.worker}
                one.add_sample(sample.name, labels, sample.value)
    yield from found.values()


ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/metrics", "page", "", metrics, "The server's figures, for Prometheus.",
          takes_more=True, answer=Paper({200: "text/plain"}),
          refusals=(refusals.AUTHORIZATION_MISSING, refusals.AUTHORIZATION_INVALID, _WAIT)),
)  # fmt: skip
