"""What should have been told of an account, worked out from its transfers alone."""

from collections.abc import Sequence
from itertools import groupby
from typing import TypeAlias

from nuqta.ledger.events import EXPIRING, TOLD, Event
from nuqta.ledger.instants import Points
from nuqta.ledger.transfers import PLACES, Transfer, book

_SHOWN = ("pending", "available", "held", "owed", "redeemed")

Said: TypeAlias = tuple[object, ...]
"""An event as far as it follows: number, kind, points, version, the balance, key and order."""


class Told:
    """Follows the transfers of an account, a command at a time, and the reminders."""

    def __init__(self) -> None:
        self.events: list[Said] = []
        self._sums = dict.fromkeys(PLACES, 0)
        self._heard = 0

    def hear(self, transfers: Sequence[Transfer]) -> None:
        """One event a kind for each command, and for each thing that fell due before it."""
        lines = transfers[self._heard :]
        self._heard = len(transfers)
        for _, group in groupby(lines, key=lambda line: (line.origin, line.key)):
            points: dict[str, Points] = {}
            for line in group:
                book(self._sums, line.source, line.target, line.points)
                for kind in TOLD[line.source, line.target]:
                    gained = -line.points if line.target == "adjusted_out" else line.points
                    points[kind] = points.get(kind, 0) + gained
            for kind, moved in points.items():
                self._say(kind, moved, line.version, line.key, line.order_key)

    def remind(self, points: Points) -> None:
        """A lot with so many free points was said to expire soon."""
        self._say(EXPIRING, points, self._heard, "remind", "")

    def _say(self, kind: str, points: Points, version: int, key: str, order_key: str) -> None:
        balance = [self._sums[place] for place in _SHOWN]
        self.events.append((len(self.events) + 1, kind, points, version, *balance, key, order_key))


def said(events: Sequence[Event]) -> list[Said]:
    """What was really told, in the same form."""
    return [
        (
            one.number, one.kind, one.points, one.version, one.pending, one.available, one.held,
            one.owed, one.used, one.key, one.order_key,
        )
        for one in events
    ]  # fmt: skip
