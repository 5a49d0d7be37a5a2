"""What is told of requests: a line for refusals and writes always, for reads only sampled; what is
counted of all of them; and a span for whoever collects spans. Never a secret; of people ids only.

A full log of reads was measured to cost 60 % of them. Source: design, performance, 1;
docs/decisions/0012-seeing.md.
"""

import logging
import re
from time import perf_counter_ns
from typing import Any, Final
from urllib.parse import unquote

from nuqta.refusals import Refusal
from nuqta.seen.door import kind_of
from nuqta.seen.logs import Fields, clean
from nuqta.seen.requests import RequestMeters, Tally
from nuqta.seen.spans import Attributes, Spans

_LENGTH_MAX: Final = 200
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z._-]{0,39}[0-9]{0,2}")
_STORE: Final = re.compile(r"[0-9]{1,19}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_log: Final = logging.getLogger("nuqta.requests")
DONE: Final = "done"
REFUSED: Final = "refused"
REPLAYED: Final = "replayed"
UNKNOWN: Final = "unknown"
FAILED: Final = "failed"


class Seen:
    """What is known of one request, as it is found out: who asked, on which route, what became of
    it. `path` is the route's template, or what was asked for where there is none; ids are 0 while
    nobody knows them."""

    __slots__ = (
        "began_ns", "code", "customer", "fault", "method", "outcome", "partner", "path", "request",
        "route", "store",
    )  # fmt: skip

    def __init__(self, request: bytes, method: str, path: str, route: str = "") -> None:
        self.request = request
        self.method = method
        self.path = path
        self.route = route
        self.began_ns = perf_counter_ns()
        self.store: int | str = 0
        self.partner = 0
        self.customer = 0
        self.code = ""
        self.fault = ""
        self.outcome = DONE

    def refused(self, refusal: Refusal) -> None:
        """It was answered by a refusal."""
        self.code = refusal.code
        self.outcome = REFUSED

    def failed(self, refusal: Refusal, fault: BaseException) -> None:
        """It was answered by a refusal because of a fault: not done, or nobody knows."""
        self.code = refusal.code
        self.fault = kind_of(fault)
        self.outcome = UNKNOWN if self.fault == "unknown" else FAILED


class RequestLog:
    """The log of an application. `reads` logs one read in so many, 0 none; a read that is logged
    has a span, a balance too."""

    def __init__(
        self, reads: int, meters: RequestMeters | None = None, spans: Spans | None = None
    ) -> None:
        self.meters = meters or RequestMeters()
        self._spans = spans
        self._reads = reads
        self._since = 0

    def tally(self, method: str, path: str) -> Tally:
        """What counts a route's answers."""
        return self.meters.tally(method, path)

    def told(self, seen: Seen, status: int) -> None:
        """A request that went the long way was answered: count it, and log what is to be logged."""
        took_ns = perf_counter_ns() - seen.began_ns
        self.meters.tally(seen.method, seen.route).add(status, took_ns)
        if status >= 400 and seen.outcome == DONE:  # a page's own answer, which has no code
            seen.outcome = REFUSED if status < 500 else FAILED
        is_read = seen.method in ("GET", "HEAD")
        if status >= 400 or not is_read or self.is_sampled():
            self.write(seen, status, took_ns)

    def is_sampled(self) -> bool:
        """Whether this read, which was answered, is one of those that are logged."""
        if not self._reads:
            return False
        self._since += 1
        if self._since < self._reads:
            return False
        self._since = 0
        return True

    def write(self, seen: Seen, status: int, took_ns: int) -> None:
        """A line, and what is counted of refusals. Ids and codes only."""
        if seen.outcome == REPLAYED:
            self.meters.replayed()
        elif seen.code:
            self.meters.refused(seen.code)
        if seen.fault:
            self.meters.failed(seen.fault)
        line: dict[str, Any] = {
            "request": _safe(seen.request.decode()), "method": _safe(seen.method),
            "path": seen.route or _place(seen.path), "status": status, "outcome": seen.outcome,
        }  # fmt: skip
        line |= {name: value for name, value in _more(seen).items() if value}
        line["ms"] = round(took_ns / 1e6, 3)
        _log.info(Fields(line))

    def balance_span(self, seen: Seen, status: int, took_ns: int) -> None:
        """A span of a balance that was logged: there is none around it, since most have none."""
        if self._spans is not None and self._spans.is_on:
            self._spans.after(f"GET {seen.path}", took_ns, attributes(seen, status))

    def broken(self, refusal: Refusal, request: bytes) -> None:
        """What is no request was refused on the wire."""
        seen = Seen(request, "", "")
        seen.refused(refusal)
        self.told(seen, refusal.status)


def attributes(seen: Seen, status: int) -> Attributes:
    """What a span says of a request: nothing of a caller's own choice but a sane request id."""
    known: Attributes = {
        "http.request.method": seen.method if seen.route else "_OTHER",
        "http.response.status_code": status,
        "nuqta.request_id": _safe(seen.request.decode()),
        "nuqta.outcome": seen.outcome,
    }
    if seen.route:
        known["http.route"] = seen.route
    if isinstance(seen.store, int) and seen.store:
        known["nuqta.store_id"] = seen.store
    if seen.partner:
        known["nuqta.partner_id"] = seen.partner
    if seen.code:
        known["error.type"] = seen.code
    return known


def _more(seen: Seen) -> dict[str, Any]:
    store = seen.store
    if isinstance(store, str) and store and not _STORE.fullmatch(store):
        store = "…"  # what a caller wrote there may be anything, an address or a colour too
    return {
        "code": seen.code, "fault": seen.fault, "store": store, "partner": seen.partner,
        "customer": seen.customer,
    }  # fmt: skip


def _place(path: str) -> str:
    """An address that is no route's, without the parts that may be somebody's name or number."""
    parts = _safe(path).split("/")
    return "/".join(part if not part or _PLAIN.fullmatch(part) else "…" for part in parts)


def _safe(text: str) -> str:
    """The text as the log may have it: decoded first, so that no token hides behind a `%`."""
    return clean(unquote(text))[:_LENGTH_MAX]
