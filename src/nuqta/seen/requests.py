"""What is counted of requests: how many, how long, what they were refused for. One thread counts,
that of the event loop."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from nuqta.seen.door import FAULT_KINDS
from nuqta.seen.meters import Family, Labels, Sheet, seconds

OTHER: Final[Labels] = ("other", "other")
"""Method and route of what is for no route, whatever was asked for: names of callers' own choice
would be meters without end."""
_CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")


class Tally:
    """The cells of one route."""

    __slots__ = ("_bounds", "_cells", "_classes", "_first", "_sum")

    def __init__(self, sheet: Sheet, route: Labels) -> None:
        self._cells: Any = sheet.cells
        self._classes = sheet.at("nuqta_http_requests", (*route, _CLASSES[0])) - 1
        took = sheet.histogram("nuqta_http_request_seconds", route)
        self._bounds, self._first, self._sum = took.bounds, took.first, took.sum

    def add(self, status: int, took_ns: int) -> None:
        """One answer of that status, after so many nanoseconds. Every balance pays for it (0.3 µs),
        so it is the histogram's own `add` written out."""
        cells = self._cells
        cells[self._classes + status // 100] += 1
        cells[self._first + bisect_left(self._bounds, took_ns)] += 1
        cells[self._sum] += took_ns


class RequestMeters:
    """The cells of all routes, given as (method, path), and of all codes of refusals."""

    def __init__(
        self,
        routes: Iterable[Labels] = (),
        codes: Sequence[str] = (),
        folder: Path | None = None,
    ) -> None:
        known = (*routes, OTHER)
        by_status = tuple((*route, status) for route in known for status in _CLASSES)
        self.sheet = Sheet("requests", (
            Family("nuqta_http_requests", "counter", "Requests that were answered; HEAD counts as"
                   " GET.", ("method", "route", "status"), by_status),
            seconds("nuqta_http_request_seconds", "Seconds from a request's head to its answer.",
                    ("method", "route"), known),
            Family("nuqta_refusals", "counter", "Refusals that were answered, by code.", ("code",),
                   tuple((code,) for code in codes)),
            Family("nuqta_faults", "counter", "Requests that were answered 500 or 503, by what was"
                   " wrong.", ("kind",), tuple((kind,) for kind in FAULT_KINDS)),
            Family("nuqta_replayed_answers", "counter", "Answers that were given before, under the"
                   " same Idempotency-Key."),
            Family("nuqta_log_lines_dropped", "counter", "Lines that the log lost because nobody"
                   " took them."),
            Family("nuqta_open_connections", "gauge", "Connections that are open."),
        ), folder)  # fmt: skip
        self._cells: Any = self.sheet.cells
        self._tallies = {route: Tally(self.sheet, route) for route in known}
        self._codes = {code: self.sheet.at("nuqta_refusals", (code,)) for code in codes}
        self._replayed = self.sheet.at("nuqta_replayed_answers")
        self._dropped = self.sheet.at("nuqta_log_lines_dropped")
        self._connections = self.sheet.at("nuqta_open_connections")

    def tally(self, method: str, path: str) -> Tally:
        """The cells of a route; of what is for none, those of all that is for none."""
        found = self._tallies.get(("GET" if method == "HEAD" else method, path))
        return self._tallies[OTHER] if found is None else found

    def refused(self, code: str) -> None:
        """A refusal was answered."""
        if code in self._codes:
            self._cells[self._codes[code]] += 1

    def failed(self, kind: str) -> None:
        """A request was answered 500 or 503 because of a fault of that kind."""
        self._cells[self.sheet.at("nuqta_faults", (kind,))] += 1

    def replayed(self) -> None:
        """An answer was given again."""
        self._cells[self._replayed] += 1

    def dropped(self, lines: int) -> None:
        """So many lines were lost by the log, in all. It is set, and nothing is added."""
        self._cells[self._dropped] = lines

    def connected(self, connections: int) -> None:
        """So many connections are open."""
        self._cells[self._connections] = connections
