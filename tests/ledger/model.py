"""A model of the books, small enough to be believed at sight: what the real thing must agree with.

A lot is [granted_at, matures_at, expires_at, left, waits]. Nothing of the real ledger is used.
"""

from copy import deepcopy
from dataclasses import dataclass, field

NOT_ENOUGH, OWED = "ERROR_NOT_ENOUGH_POINTS", "ERROR_POINTS_OWED"
PASSED, FUTURE = "ERROR_EXPIRY_PASSED", "ERROR_DATE_IN_FUTURE"


@dataclass
class Lot:
    granted_at: int
    matures_at: int
    expires_at: int
    left: int
    waits: bool


@dataclass
class Model:
    """One account: its lots, what is owed, what was used. Every method answers "" or a refusal."""

    lots: list[Lot] = field(default_factory=list)
    owed: int = 0
    used: int = 0

    def shown(self) -> dict[str, int]:
        """What a read shows."""
        pending = sum(lot.left for lot in self.lots if lot.waits)
        available = sum(lot.left for lot in self.lots) - pending
        return {"pending": pending, "available": available, "owed": self.owed, "used": self.used}

    def at(self, now: int) -> "Model":
        """A model of its own of what a command or a read at that instant finds."""
        later = deepcopy(self)
        later.settle(now)
        return later

    def settle(self, now: int) -> None:
        for instant in sorted({at for lot in self.lots for at in (lot.matures_at, lot.expires_at)}):
            for lot in self.lots:
                if lot.waits and lot.matures_at == instant <= now:
                    self._enter(lot)
            for lot in self.lots:
                if lot.expires_at == instant <= now:
                    lot.left = 0

    def _enter(self, lot: Lot) -> None:
        paid = min(lot.left, self.owed)
        lot.left, lot.waits, self.owed = lot.left - paid, False, self.owed - paid

    def _take(self, points: int) -> None:
        for lot in sorted(self.lots, key=lambda lot: (lot.expires_at, lot.granted_at)):
            if not lot.waits:
                part = min(lot.left, points)
                lot.left, points = lot.left - part, points - part

    def grant(self, points: int, at: int, matures_at: int, expires_at: int, now: int) -> str:
        if at > now or expires_at <= at:
            return FUTURE if at > now else PASSED
        self.lots.append(Lot(at, matures_at, expires_at, points, matures_at > at))
        if matures_at <= at:
            self._enter(self.lots[-1])
        self.settle(now)
        return ""

    def spend(self, points: int) -> str:
        if self.owed or points > self.shown()["available"]:
            return OWED if self.owed else NOT_ENOUGH
        self._take(points)
        self.used += points
        return ""

    def deduct(self, points: int) -> str:
        if points > self.shown()["available"]:
            return NOT_ENOUGH
        self._take(points)
        return ""

    def cancel(self, points: int) -> str:
        part = min(points, self.shown()["available"])
        self._take(part)
        self.owed += points - part
        return ""
