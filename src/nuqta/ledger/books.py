"""One account's books while commands are decided on them: the moves, each in one place.

`Books` is the only mutable thing in the ledger. It lives as long as one decision, starts from the
account's row, its open lots and its live holds, and gathers what is to be recorded: transfers,
lots, holds and events. It checks nothing: whether a move is allowed is decided in `posting`. The
moves that only orders make stand in `orders`.

Why time is settled first: a command sees the account as it is at its instant, so what fell due
before it (maturity, lapse, expiry) is booked before it, effective at the instant at which it fell
due. At one instant, points mature, then holds lapse, then points expire. What comes back into a lot
that has expired meanwhile expires inside the same command, under that command's key.
Source: design, ledger, section 3.
"""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from nuqta.ledger.account import Account
from nuqta.ledger.commands import SYSTEM
from nuqta.ledger.events import EXPIRING, TOLD, Event
from nuqta.ledger.holds import Hold
from nuqta.ledger.instants import BALANCE_MAX, NEVER, Instant, Points
from nuqta.ledger.lots import Lot, spending_order
from nuqta.ledger.transfers import NO_HOLD, NO_LOT, Transfer, book

_MATURE, _LAPSE, _EXPIRE = 0, 1, 2  # what falls due at one instant happens in this order

_Due: TypeAlias = tuple[Instant, int, int]
"""When something falls due, which of the three it is, and the number of its lot or hold."""


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """What all lines of one command carry: its instant, who it is of, and its order, if any."""

    now: Instant
    origin: str
    key: str
    order_key: str = ""


class Books:
    """The working copy of one account. Points are whole, instants UTC microseconds."""

    def __init__(
        self,
        account: Account,
        lots: Iterable[Lot],
        holds: Iterable[Hold] = (),
        order_lines: Iterable[Transfer] = (),
    ) -> None:
        self.before = account
        self.order_lines = order_lines  # of the orders that commands are about, by version
        self.sums = account.sums()
        self.version = account.version
        self.recorded_at = account.recorded_at
        self.next_change_at = account.next_change_at
        self.lot_count = account.lots
        self.event_count = account.events
        self.lots = {lot.lot: lot for lot in lots}
        self.holds = {hold.hold: hold for hold in holds}
        self.touched: dict[int, None] = {}  # an ordered set: lots are recorded as they were met
        self.touched_holds: dict[int, None] = {}
        self.transfers: list[Transfer] = []
        self.events: list[Event] = []
        self._telling: dict[str, list[Transfer]] = {}  # by kind, the lines not yet told

    # -- looking ------------------------------------------------------------------------------
    def room(self) -> Points:
        """How many more points the account may receive in its life."""
        sums = self.sums
        return BALANCE_MAX - sums["issued"] - sums["adjusted_in"] - sums["forgiven"]

    def live_hold(self, cart: str) -> Hold | None:
        """The live hold of a cart; there is at most one."""
        for hold in self.holds.values():
            if hold.cart == cart and hold.is_live:
                return hold
        return None

    def has_changed(self) -> bool:
        """Whether there is anything to record."""
        return bool(self.transfers or self.touched or self.touched_holds or self.events)

    def after(self) -> Account:
        """The account's row as it stands now."""
        return replace(
            self.before,
            version=self.version,
            recorded_at=self.recorded_at,
            next_change_at=self._due(),
            lots=self.lot_count,
            events=self.event_count,
            **self.sums,
        )

    def copy(self) -> "Books":
        """The same books, to return to where a command turns out to be refused."""
        other = Books(self.before, ())
        other.__dict__.update(
            self.__dict__,
            sums=dict(self.sums),
            lots=dict(self.lots),
            holds=dict(self.holds),
            touched=dict(self.touched),
            touched_holds=dict(self.touched_holds),
            transfers=list(self.transfers),
            events=list(self.events),
            _telling={kind: list(lines) for kind, lines in self._telling.items()},
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
        stamp: Stamp,
        *,
        effective_at: Instant | None = None,
        hold: int = NO_HOLD,
        undoes: int = 0,
    ) -> Transfer:
        """Add one transfer, stamped later than every one before it; effective now by default."""
        if self._telling and self._is_another_command(stamp):
            self.tell()
        book(self.sums, source, target, points)
        self.version += 1
        self.recorded_at = max(self.recorded_at + 1, stamp.now)
        line = Transfer(
            self.before.dkey, self.before.customer_id, self.version, move, source, target,
            points, lot, hold, undoes, stamp.now if effective_at is None else effective_at,
            self.recorded_at, stamp.origin, stamp.key, stamp.order_key,
        )  # fmt: skip
        self.transfers.append(line)
        for kind in TOLD[source, target]:
            self._telling.setdefault(kind, []).append(line)
        return line

    def grant(self, move: str, lot: Lot, stamp: Stamp) -> None:
        """Open `lot` (numbered here) with what it was granted, from issued or adjusted_in.

        What of it has matured or expired by now, because it was learned late, does so at once.
        """
        now, due = stamp.now, self.next_change_at
        waits = lot.matures_at > lot.granted_at
        lot = self.open(replace(lot, is_pending=int(waits)))
        source = "issued" if move == "earn" else "adjusted_in"
        target = "pending" if waits else "available"
        self.book(move, source, target, lot.granted, lot.lot, stamp, effective_at=lot.granted_at)
        if not waits:
            self.repay(lot.lot, stamp)
        elif lot.matures_at <= min(now, lot.expires_at):
            self.mature(lot.lot, lot.matures_at, stamp)
        if lot.expires_at <= now:
            self.expire(lot.lot, lot.expires_at, stamp)
        # What fell due of it has been booked: the next command must not look for it again.
        self.next_change_at = min(due, self.lots[lot.lot].next_change_at)

    def open(self, lot: Lot) -> Lot:
        """Give a new lot the next number."""
        self.lot_count += 1
        lot = replace(lot, lot=self.lot_count)
        self.put(lot)
        return lot

    def take(
        self,
        move: str,
        target: str,
        points: Points,
        stamp: Stamp,
        *,
        hold: int = NO_HOLD,
        undoes: int = 0,
    ) -> tuple[tuple[int, Points], ...]:
        """Move available points to `target`, one transfer a lot, in spending order.

        Points that are held stay with their lots until they are captured.
        """
        taken = []
        for lot in sorted(self.lots.values(), key=spending_order):
            if lot.is_pending or not lot.free:
                continue
            part = min(lot.free, points)
            self.put(
                replace(lot, held=lot.held + part)
                if target == "held"
                else replace(lot, left=lot.left - part)
            )
            self.book(move, "available", target, part, lot.lot, stamp, hold=hold, undoes=undoes)
            taken.append((lot.lot, part))
            points -= part
            if not points:
                return tuple(taken)
        raise RuntimeError(f"the lots of account {self.before.key} hold less than its row says")

    def reserve(self, hold: Hold, stamp: Stamp) -> None:
        """Set points aside for a cart; the hold is numbered here."""
        number = self.version + 1
        taken = self.take("hold", "held", hold.points, stamp, hold=number)
        self.put_hold(replace(hold, hold=number, taken=taken))

    def release(self, hold: Hold, ending: str, stamp: Stamp, kept: Points = 0) -> None:
        """End a live hold: all but its first `kept` points, which were captured, come back."""
        self.put_hold(
            replace(hold, ending=ending, captured=kept, released=hold.points - kept,
                    order_key=stamp.order_key)
        )  # fmt: skip
        for number, part in hold.taken:
            back = part - min(part, kept)
            kept -= part - back
            if back:
                self._put_back(hold.hold, number, back, stamp)

    def capture(self, hold: Hold, points: Points, stamp: Stamp) -> None:
        """An order takes `points` of a live hold, in the order in which they were set aside."""
        rest = points
        for number, set_aside in hold.taken:
            part = min(set_aside, rest)
            if part:
                lot = self.lots[number]
                self.put(replace(lot, left=lot.left - part, held=lot.held - part))
                self.book("capture", "held", "redeemed", part, number, stamp, hold=hold.hold)
                rest -= part
        self.release(hold, "captured", stamp, kept=points)

    def enter(
        self, move: str, source: str, lot: Lot, points: Points, stamp: Stamp, *, undoes: int
    ) -> None:
        """Points come into a known lot, which may have matured or expired meanwhile."""
        if lot.is_pending and lot.matures_at <= stamp.now:
            lot = replace(lot, is_pending=0)  # it was empty when its time came
        self.put(replace(lot, left=lot.left + points))
        target = "pending" if lot.is_pending else "available"
        self.book(move, source, target, points, lot.lot, stamp, undoes=undoes)
        self.came_in(lot.lot, stamp)

    def came_in(self, number: int, stamp: Stamp) -> None:
        """What has come into a lot repays a debt first, and expires at once where the lot's time
        is over."""
        if not self.lots[number].is_pending:
            self.repay(number, stamp)
        lot = self.lots[number]
        if lot.free and lot.expires_at <= stamp.now:
            self.expire(number, stamp.now, stamp)

    def repay(self, number: int, stamp: Stamp) -> None:
        """What enters available repays what is owed first, in the same command."""
        lot = self.lots[number]
        part = min(self.sums["owed"], lot.free)
        if part:
            self.put(replace(lot, left=lot.left - part))
            self.book("repay", "available", "owed", part, number, stamp)

    # -- time ---------------------------------------------------------------------------------
    def settle(self, now: Instant) -> None:
        """Book what fell due up to and including `now`, in the order in which it fell due."""
        if self.next_change_at > now:
            return
        due: list[_Due] = []
        for lot in self.lots.values():
            if lot.is_pending and lot.left and lot.matures_at <= now:
                due.append((lot.matures_at, _MATURE, lot.lot))
            if lot.free and lot.expires_at <= now:
                due.append((lot.expires_at, _EXPIRE, lot.lot))
        due += [
            (hold.lapses_at, _LAPSE, hold.hold)
            for hold in self.holds.values()
            if hold.next_change_at <= now
        ]
        heapify(due)
        while due:
            instant, what, number = heappop(due)
            if what == _MATURE:
                self.mature(number, instant, Stamp(now, SYSTEM, f"mature:{number}"))
            elif what == _EXPIRE:
                self.expire(number, instant, Stamp(now, SYSTEM, f"expire:{number}"))
            else:
                self._lapse(number, instant, now, due)
        self.next_change_at = self._due()

    def mature(self, number: int, instant: Instant, stamp: Stamp) -> None:
        """What waits in a lot becomes available, effective at `instant`."""
        lot = self.lots[number]
        if not lot.left or not lot.is_pending:  # expired at an earlier instant, while it waited
            return
        self.put(replace(lot, is_pending=0))
        self.book("mature", "pending", "available", lot.left, number, stamp, effective_at=instant)
        self.repay(number, stamp)

    def expire(self, number: int, instant: Instant, stamp: Stamp) -> None:
        """What no cart holds of a lot expires, effective at `instant`."""
        lot = self.lots[number]
        if not lot.free:  # what was left of it repaid a debt when it matured
            return
        self.put(replace(lot, left=lot.held, expired=lot.expired + lot.free))
        source = "pending" if lot.is_pending else "available"
        self.book("expire", source, "expired", lot.free, number, stamp, effective_at=instant)

    def _lapse(self, number: int, instant: Instant, now: Instant, due: list[_Due]) -> None:
        hold = self.holds[number]
        self.put_hold(replace(hold, ending="lapsed", released=hold.points))
        stamp = Stamp(now, SYSTEM, f"lapse:{number}")
        for lot_number, part in hold.taken:
            self._put_back(number, lot_number, part, stamp, instant)
            lot = self.lots[lot_number]
            if lot.free and lot.expires_at <= now:
                heappush(due, (lot.expires_at, _EXPIRE, lot_number))

    def _put_back(
        self, hold: int, number: int, points: Points, stamp: Stamp, at: Instant | None = None
    ) -> None:
        """Held points are available again (at `at`), unless their lot has expired by then."""
        at = stamp.now if at is None else at
        lot = self.lots[number]
        self.put(replace(lot, held=lot.held - points))
        self.book("release", "held", "available", points, number, stamp, effective_at=at, hold=hold)
        if lot.expires_at <= at:
            self.expire(number, at, stamp)
        else:
            self.repay(number, stamp)

    # -- telling ------------------------------------------------------------------------------
    def remind(self, lot: Lot, stamp: Stamp) -> None:
        """Tell that a lot will expire."""
        self.tell()
        self.put(replace(lot, is_told=1))
        self._add_event(EXPIRING, lot.free, lot.lot, stamp.now, stamp.now, stamp)

    def tell(self) -> None:
        """Write the events of the lines booked since: one a kind, with the balance as it is now."""
        for kind, lines in self._telling.items():
            last = lines[-1]
            points = sum(-line.points if line.target == "adjusted_out" else line.points
                         for line in lines)  # fmt: skip
            lots = {line.lot for line in lines}
            stamp = Stamp(last.recorded_at, last.origin, last.key, last.order_key)
            lot = lots.pop() if len(lots) == 1 else NO_LOT
            self._add_event(kind, points, lot, last.effective_at, last.recorded_at, stamp)
        self._telling = {}

    def _is_another_command(self, stamp: Stamp) -> bool:
        last = self.transfers[-1]
        return last.key != stamp.key or last.origin != stamp.origin

    def _add_event(
        self, kind: str, points: Points, lot: int, effective_at: Instant, recorded_at: Instant,
        stamp: Stamp,
    ) -> None:  # fmt: skip
        self.event_count += 1
        sums = self.sums
        self.events.append(
            Event(
                self.before.dkey, self.before.customer_id, self.event_count, kind, points,
                self.version, sums["pending"], sums["available"], sums["held"], sums["owed"],
                sums["redeemed"], lot, self.lots[lot].expires_at if lot else NEVER,
                effective_at, recorded_at, stamp.origin, stamp.key, stamp.order_key,
            )
        )  # fmt: skip

    # -- keeping ------------------------------------------------------------------------------
    def put(self, lot: Lot) -> None:
        """A lot as it is from now on."""
        self.lots[lot.lot] = lot
        self.touched[lot.lot] = None
        self.next_change_at = min(self.next_change_at, lot.next_change_at)

    def put_hold(self, hold: Hold) -> None:
        """A hold as it is from now on."""
        self.holds[hold.hold] = hold
        self.touched_holds[hold.hold] = None
        self.next_change_at = min(self.next_change_at, hold.next_change_at)

    def _due(self) -> Instant:
        return next_change_of(self.lots.values(), self.holds.values())


def next_change_of(lots: Iterable[Lot], holds: Iterable[Hold]) -> Instant:
    """The next instant at which time alone changes an account with these lots and holds."""
    return min(
        min((lot.next_change_at for lot in lots), default=NEVER),
        min((hold.next_change_at for hold in holds), default=NEVER),
    )
