"""What an order does to the books: earn, capture, cancel and give back, as its events require.

An order's command says what the set of its events comes to, and the books move there from where the
order's own transfers have left them. So the same books come out whatever the order in which the
events arrived, and however often. Three choices make that true down to the single lot:

* First everything that the order takes or gives, then everything that is undone. An order that is
  first heard of when half of it was returned earns all of it, and half is cancelled.
* What was undone and is undone no more (cancelled, then delivered) goes back to where it was taken
  from, last first: a debt shrinks, a lot gets its points back. It is no second earning.
* When an order's earnings are cancelled in several steps, the points that its own return has given
  back are the last to be touched: as in one step, in which they come back after it.

The sequence is: capture or spend; take again; reinstate or earn; new dates; cancel; give back.
Source: design, ledger, section 5.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from nuqta import refusals
from nuqta.ledger.books import Books, Stamp
from nuqta.ledger.commands import Order
from nuqta.ledger.instants import BALANCE_MAX, POINTS_MAX, Instant, Points
from nuqta.ledger.lots import OF_DEBT, Lot, spending_order
from nuqta.ledger.transfers import NO_LOT, Transfer, standing
from nuqta.refusals import Refusal


def move_to(command: Order, books: Books, now: Instant) -> Refusal | None:
    """Book what is missing. Refuses what cannot be: then nothing is booked."""
    if command.granted_at > now:
        return refusals.EFFECTIVE_IN_FUTURE
    if not all(0 <= points <= POINTS_MAX for points in (command.earned, command.redeemed)):
        return refusals.POINTS_OUT_OF_RANGE
    mover = _Mover(command, books, Stamp(now, command.origin, command.key, command.order_key))
    if mover.is_plain:  # as most orders are: half the time of an import
        if command.earned > books.room():
            return refusals.BALANCE_TOO_LARGE
        if command.earned:
            mover.open_lot(command.earned)
        return None
    if not mover.has_room():
        return refusals.BALANCE_TOO_LARGE
    mover.move()
    return None


class _Mover:
    """One order's command on one account's books."""

    def __init__(self, command: Order, books: Books, stamp: Stamp) -> None:
        self.command = command
        self.books = books
        self.stamp = stamp
        key = command.order_key
        self._known = [line for line in books.order_lines if line.order_key == key]
        self._known += [line for line in books.transfers if line.order_key == key]
        self._begun = len(books.transfers)
        self._seen = -1  # how many transfers there were when `_open` was worked out
        self._open: list[tuple[Transfer, Points]] = []

    @property
    def is_plain(self) -> bool:
        """Whether the order is new, and nothing of it was paid with points or undone."""
        command = self.command
        return not self._known and not command.redeemed and command.earned == command.kept

    def has_room(self) -> bool:
        """Whether no sum of the account grows past what it may be."""
        redeeming = max(0, self.command.redeemed - self._redeemed())
        return (
            self._target() - self._net() <= self.books.room()
            and redeeming <= BALANCE_MAX - self.books.sums["redeemed"]
        )

    def move(self) -> None:
        """The whole sequence."""
        command = self.command
        if command.redeemed and not any(map(_is_redeeming, self._lines())):
            self._redeem()
        taken = command.redeemed - command.returned
        if taken > self._redeemed():
            self._take_again(taken - self._redeemed())
        missing = self._target() - self._net()
        if missing > 0:
            self._earn(missing)
        self._redate()
        surplus = self._net() - command.kept
        if surplus > 0:
            self._cancel(surplus)
        if taken < self._redeemed():
            self._give_back(self._redeemed() - taken)
        if command.returned:
            self._redate_revived()

    # -- looking ------------------------------------------------------------------------------
    def _lines(self) -> list[Transfer]:
        """The order's transfers, with those that this command has booked so far."""
        key = self.command.order_key
        booked = self.books.transfers[self._begun :]
        return self._known + [line for line in booked if line.order_key == key]

    def _standing(self) -> list[tuple[Transfer, Points]]:
        """The order's lines that are not wholly undone, with what of each stands."""
        if self._seen != len(self.books.transfers):
            self._seen = len(self.books.transfers)
            lines = self._lines()
            left = standing(lines)
            self._open = [(line, left[line.version]) for line in lines if left[line.version]]
        return self._open

    def _net(self) -> Points:
        """What it has earned, less what of that is cancelled, owed or forgiven."""
        return sum(left for line, left in self._standing() if line.move == "earn")

    def _redeemed(self) -> Points:
        """What it has taken, less what of that has come back."""
        return sum(
            left for line, left in self._standing() if _is_redeeming(line) and not line.undoes
        )

    def _target(self) -> Points:
        """An order that has earned nothing yet first earns all; else only what it keeps counts."""
        has_earned = any(line.move == "earn" for line in self._lines())
        return self.command.kept if has_earned else self.command.earned

    def _own_lot(self) -> Lot | None:
        for line in self._lines():
            if line.move == "earn":
                return self.books.lots[line.lot]
        return None

    # -- earning ------------------------------------------------------------------------------
    def _earn(self, points: Points) -> None:
        """First what was cancelled comes back to where it was taken from, last first."""
        for line, left in reversed(self._standing()):
            if points and line.target == "cancelled":
                part = min(left, points)
                self._reinstate(line, part)
                points -= part
        if points:
            own = self._own_lot()
            if own is None:
                self.open_lot(points)
            else:
                self._earn_more(own, points)

    def open_lot(self, points: Points) -> None:
        command = self.command
        lot = Lot(
            command.dkey, command.customer_id, 0, points, points, 0, 0, command.granted_at,
            command.matures_at, command.expires_at, command.order_key, command.rule_id,
            command.rule_revision,
        )  # fmt: skip
        self.books.grant("earn", lot, self.stamp)

    def _earn_more(self, lot: Lot, points: Points) -> None:
        """The order is worth more than before: its lot grows."""
        books, stamp = self.books, self.stamp
        if lot.is_pending and lot.matures_at <= stamp.now:
            lot = replace(lot, is_pending=0)
        books.put(replace(lot, granted=lot.granted + points, left=lot.left + points))
        target = "pending" if lot.is_pending else "available"
        books.book("earn", "issued", target, points, lot.lot, stamp)
        books.came_in(lot.lot, stamp)

    def _reinstate(self, line: Transfer, points: Points) -> None:
        books, stamp = self.books, self.stamp
        match line.source:
            case "owed":
                part = min(points, books.sums["owed"])
                if part:
                    self._back_to("owed", part, NO_LOT, line)
                own = self._own_lot()
                if points > part and own is not None:  # the debt has been repaid meanwhile
                    books.enter(
                        "reinstate", "cancelled", own, points - part, stamp, undoes=line.version
                    )
            case "forgiven":
                self._back_to("forgiven", points, NO_LOT, line)
            case "expired":
                lot = books.lots[line.lot]
                books.put(replace(lot, expired=lot.expired + points))
                self._back_to("expired", points, line.lot, line)
            case _:
                lot = books.lots[line.lot]
                books.enter("reinstate", "cancelled", lot, points, stamp, undoes=line.version)

    def _back_to(self, place: str, points: Points, lot: int, line: Transfer) -> None:
        self.books.book(
            "reinstate", "cancelled", place, points, lot, self.stamp, undoes=line.version
        )

    def _redate(self) -> None:
        """Dates only come nearer, and an end never before now: what was true stays true."""
        lot, command, now = self._own_lot(), self.command, self.stamp.now
        if lot is None:
            return
        dated = replace(
            lot,
            granted_at=min(lot.granted_at, command.granted_at),
            matures_at=min(lot.matures_at, command.matures_at),
            expires_at=min(lot.expires_at, max(command.expires_at, now + 1)),
        )
        if dated == lot:
            return
        self.books.put(dated)
        if dated.is_pending and dated.matures_at <= now:
            # Under this command's key: a balance that was answered before did not know of it.
            self.books.mature(dated.lot, max(dated.matures_at, dated.granted_at), self.stamp)

    # -- cancelling ---------------------------------------------------------------------------
    def _cancel(self, points: Points) -> None:
        """From the order's own lot first, then what of it had expired; then as the policy says."""
        for number, there, source in self._cancellable():
            part = min(there, points)
            if part:
                self._cancel_from(number, source, part)
                points -= part
        if points:
            move, source = ("forgive", "forgiven") if self.command.is_forgiving else ("owe", "owed")
            self._undo_earning(move, source, NO_LOT, points)

    def _cancellable(self) -> Iterator[tuple[int, Points, str]]:
        """Lots, how much of each may be cancelled, and from which place; in order."""
        lots, own = self.books.lots, self._own_lot()
        if own is None:
            return
        yield own.lot, own.free, "pending" if own.is_pending else "available"
        yield own.lot, own.expired, "expired"
        if self.command.is_forgiving:
            return
        given = self._given_back_to()
        for lot in sorted(lots.values(), key=spending_order):
            if lot.lot != own.lot and not lot.is_pending:
                yield lot.lot, max(0, lot.free - given.get(lot.lot, 0)), "available"
        for number in given:
            yield number, lots[number].free, "available"

    def _given_back_to(self) -> dict[int, Points]:
        """What this order's returns have brought into which lot, in the order in which they did."""
        given: dict[int, Points] = {}
        for line, left in self._standing():
            if line.move == "return" and line.lot != NO_LOT:
                given[line.lot] = given.get(line.lot, 0) + left
        return given

    def _cancel_from(self, number: int, source: str, points: Points) -> None:
        lot = self.books.lots[number]
        if source == "expired":
            self.books.put(replace(lot, expired=lot.expired - points))
        else:
            self.books.put(replace(lot, left=lot.left - points))
        self._undo_earning("cancel", source, number, points)

    def _undo_earning(self, move: str, source: str, lot: int, points: Points) -> None:
        """Undo what the order earned last first, a line for each earning that is undone."""
        for line, left in reversed(self._standing()):
            if points and line.move == "earn":
                part = min(left, points)
                self.books.book(
                    move, source, "cancelled", part, lot, self.stamp, undoes=line.version
                )
                points -= part

    # -- redeeming ----------------------------------------------------------------------------
    def _redeem(self) -> None:
        """Capture the hold; where it has ended, the same points are spent now."""
        hold = self.books.holds[self.command.hold]
        points = min(self.command.redeemed, hold.points)
        if hold.is_live:
            self.books.capture(hold, points, self.stamp)
        else:
            self.books.put_hold(replace(hold, order_key=self.command.order_key))
            self._spend(points)

    def _spend(self, points: Points) -> None:
        """From what is available, and the rest as the policy says."""
        part = min(points, self.books.sums["available"])
        if part:
            self.books.take("spend", "redeemed", part, self.stamp)
        if points > part:
            move, source = ("forgive", "forgiven") if self.command.is_forgiving else ("owe", "owed")
            self.books.book(move, source, "redeemed", points - part, NO_LOT, self.stamp)

    def _take_again(self, points: Points) -> None:
        """What had come back is taken again, last first, from where it had come to."""
        books, stamp = self.books, self.stamp
        short = 0
        for line, left in reversed(self._standing()):
            if not points or line.move != "return":
                continue
            part = min(left, points)
            points -= part
            if line.target == "forgiven":
                books.book(
                    "forgive", "forgiven", "redeemed", part, NO_LOT, stamp, undoes=line.version
                )
                continue
            lot = books.lots[line.lot]
            there = min(part, lot.free)
            if there:
                books.put(replace(lot, left=lot.left - there))
                books.book(
                    "spend", "available", "redeemed", there, lot.lot, stamp, undoes=line.version
                )
            short += part - there
        if short:
            self._spend(short)

    def _give_back(self, points: Points) -> None:
        """What was taken last comes back first: to its lot or, where that expired, to a new one."""
        for line, left in reversed(self._standing()):
            if points and _is_redeeming(line):
                part = min(left, points)
                points -= part
                self._give_back_line(line, part)

    def _give_back_line(self, line: Transfer, points: Points) -> None:
        books, stamp = self.books, self.stamp
        if line.source == "forgiven":
            books.book("return", "redeemed", "forgiven", points, NO_LOT, stamp, undoes=line.version)
            return
        lot = books.lots[line.lot] if line.lot != NO_LOT else None
        if lot is None or lot.expires_at <= stamp.now:
            lot = self._reviving(line, lot, points)
        books.enter("return", "redeemed", lot, points, stamp, undoes=line.version)

    def _reviving(self, line: Transfer, expired: Lot | None, points: Points) -> Lot:
        """The lot into which points of an expired one come back: one for each of them."""
        command, now = self.command, self.stamp.now
        revives = OF_DEBT if expired is None else expired.lot
        for lot in self.books.lots.values():
            is_its = lot.revives == revives and lot.order_key == command.order_key
            if is_its and lot.expires_at > now:
                return replace(lot, granted=lot.granted + points)
        ends = max(self._revived_until(line, expired), now)
        return self.books.open(
            Lot(
                command.dkey,
                command.customer_id,
                0,
                points,
                0,
                0,
                0,
                now,
                now,
                ends,
                command.order_key,
                revives=revives,
            )
        )

    def _revived_until(self, line: Transfer, expired: Lot | None) -> Instant:
        """The end of points that come back: their life is what their lot had left when they were
        taken, at most the grace, from the order's last return on."""
        life = self.command.grace_us
        if expired is not None:
            life = min(life, max(0, expired.expires_at - self._taken_at(line)))
        return min(self.command.undone_at, self.stamp.now) + life

    def _redate_revived(self) -> None:
        """All that comes back of one lot has one end, whichever return was heard of first."""
        books, now = self.books, self.stamp.now
        lines = {line.version: line for line in self._lines()}
        for line in lines.values():
            lot = books.lots.get(line.lot) if line.move == "return" else None
            if lot is None or not lot.revives or lot.expires_at <= now:
                continue
            expired = books.lots.get(lot.revives)
            ends = max(self._revived_until(lines[line.undoes], expired), now + 1)
            if ends != lot.expires_at:
                books.put(replace(lot, expires_at=ends))

    def _taken_at(self, line: Transfer) -> Instant:
        """A capture counts at its hold's instant."""
        hold = self.books.holds.get(line.hold)
        return line.effective_at if hold is None else hold.reserved_at


def _is_redeeming(line: Transfer) -> bool:
    return line.target == "redeemed"
