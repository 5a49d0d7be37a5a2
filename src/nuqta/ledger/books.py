"""One account's books while commands are decided on them: the moves, each in one place.

`Books` is the only mutable thing in the ledger. It lives as long as one decision, starts from the
account's row and its open lots, and gathers the transfers and lots that are to be recorded. It
checks nothing: whether a move is allowed is decided in `posting`.

Why time is settled first: a command sees the account as it is at its instant, so what fell due
before it (maturity, expiry) is booked before it, effective at the instant at which it fell due.
At one instant, points mature before others expire. Source: design, ledger, section 3.
"""

from collections.abc import Iterable

import msgspec

from nuqta.ledger.account import Account
from nuqta.ledger.commands import SYSTEM
from nuqta.ledger.instants import BALANCE_MAX, NEVER, Instant, Points
from nuqta.ledger.lots import Lot, spending_order
from nuqta.ledger.transfers import NO_HOLD, PLACES, Transfer, book

_MATURE, _EXPIRE = 0, 2  # what falls due at one instant happens in this order; 1 is for lapses


class Books:
    """The working copy of one account. Points are whole, instants UTC microseconds."""

    def __init__(self, account: Account, lots: Iterable[Lot]) -> None:
        self.before = account
        self.sums = account.sums()
        self.version = account.version
        self.recorded_at = account.recorded_at
        self.next_change_at = account.next_change_at
        self.lot_count = account.lots
        self.lots = {lot.lot: lot for lot in lots}
        self.touched: dict[int, None] = {}  # an ordered set: lots are recorded as they were met
        self.transfers: list[Transfer] = []

    # -- looking ------------------------------------------------------------------------------
    def room(self) -> Points:
        """How many more points the account may receive in its life."""
        sums = self.sums
        return BALANCE_MAX - sums["issued"] - sums["adjusted_in"] - sums["forgiven"]

    def after(self) -> Account:
        """The account's row as it stands now."""
        due = min((lot.next_change_at for lot in self.lots.values()), default=NEVER)
        return Account(
            self.before.dkey,
            self.before.customer_id,
            self.version,
            self.recorded_at,
            due,
            self.lot_count,
            *[self.sums[place] for place in PLACES],
        )

    def copy(self) -> "Books":
        """The same books, to return to where a command turns out to be refused."""
        other = Books(self.before, ())
        other.__dict__.update(
            self.__dict__,
            sums=dict(self.sums),
            lots=dict(self.lots),
            touched=dict(self.touched),
            transfers=list(self.transfers),
        )
        return other

    # -- moving -------------------------------------------------------------------------------
    def book(
        self,
        move: str,
        source: str,
        target: str,
        points: Points,
        lot: int,
        effective_at: Instant,
        clock: Instant,
        origin: str,
        key: str,
    ) -> None:
        """Add one transfer, stamped later than every one before it."""
        book(self.sums, source, target, points)
        self.version += 1
        self.recorded_at = max(self.recorded_at + 1, clock)
        self.transfers.append(
            Transfer(
                self.before.dkey, self.before.customer_id, self.version, move, source, target,
                points, lot, NO_HOLD, 0, effective_at, self.recorded_at, origin, key,
            )
        )  # fmt: skip

    def grant(self, move: str, lot: Lot, now: Instant, origin: str, key: str) -> None:
        """Open `lot` (numbered here) with what it was granted, from issued or adjusted_in."""
        self.lot_count += 1
        waits = lot.matures_at > lot.granted_at
        lot = msgspec.structs.replace(lot, lot=self.lot_count, is_pending=int(waits))
        self._put(lot)
        source = "issued" if move == "earn" else "adjusted_in"
        target = "pending" if waits else "available"
        self.book(move, source, target, lot.granted, lot.lot, lot.granted_at, now, origin, key)
        if not waits:
            self._repay(lot.lot, now, origin, key)
        self.settle(now)

    def take(
        self, move: str, target: str, points: Points, now: Instant, origin: str, key: str
    ) -> None:
        """Move available points to `target`, one transfer a lot, in spending order."""
        for lot in sorted(self.lots.values(), key=spending_order):
            if lot.is_pending or not lot.free:
                continue
            part = min(lot.free, points)
            self._put(msgspec.structs.replace(lot, left=lot.left - part))
            self.book(move, "available", target, part, lot.lot, now, now, origin, key)
            points -= part
            if not points:
                return
        raise RuntimeError(f"the lots of account {self.before.key} hold less than its row says")

    def settle(self, now: Instant) -> None:
        """Book what fell due up to and including `now`, in the order in which it fell due."""
        if self.next_change_at > now:
            return
        due: list[tuple[Instant, int, int]] = []
        for lot in self.lots.values():
            if lot.is_pending and lot.left and lot.matures_at <= now:
                due.append((lot.matures_at, _MATURE, lot.lot))
            if lot.free and lot.expires_at <= now:
                due.append((lot.expires_at, _EXPIRE, lot.lot))
        due.sort()
        for instant, what, number in due:
            if what == _MATURE:
                self._mature(number, instant, now)
            else:
                self._expire(number, instant, now)
        self.next_change_at = min((lot.next_change_at for lot in self.lots.values()), default=NEVER)

    def _mature(self, number: int, instant: Instant, now: Instant) -> None:
        lot = self.lots[number]
        if not lot.left:  # expired at an earlier instant, while it still waited
            return
        self._put(msgspec.structs.replace(lot, is_pending=0))
        key = f"mature:{number}"
        self.book("mature", "pending", "available", lot.left, number, instant, now, SYSTEM, key)
        self._repay(number, now, SYSTEM, key)

    def _expire(self, number: int, instant: Instant, now: Instant) -> None:
        lot = self.lots[number]
        if not lot.free:  # what was left of it repaid a debt when it matured
            return
        self._put(msgspec.structs.replace(lot, left=lot.held))
        source = "pending" if lot.is_pending else "available"
        key = f"expire:{number}"
        self.book("expire", source, "expired", lot.free, number, instant, now, SYSTEM, key)

    def _repay(self, number: int, now: Instant, origin: str, key: str) -> None:
        """What enters available repays what is owed first, in the same command."""
        lot = self.lots[number]
        part = min(self.sums["owed"], lot.free)
        if part:
            self._put(msgspec.structs.replace(lot, left=lot.left - part))
            self.book("repay", "available", "owed", part, number, now, now, origin, key)

    def _put(self, lot: Lot) -> None:
        self.lots[lot.lot] = lot
        self.touched[lot.lot] = None
        self.next_change_at = min(self.next_change_at, lot.next_change_at)
