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

The sequence is: capture or spend; take again; reinstate or earn; new dates; cancel; give back. The
parts of it that concern what the order redeems stand in `redeemed`.
Source: design, ledger, section 5.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from nuqta import refusals
from nuqta.ledger.books import Books, Stamp
from nuqta.ledger.commands import Order
from nuqta.ledger.instants import BALANCE_MAX, POINTS_MAX, Instant, Points
from nuqta.ledger.lots import Lot, spending_order
from nuqta.ledger.redeemed import Redeemed, is_redeeming
from nuqta.ledger.transfers import NO_LOT, Transfer
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


class _Mover(Redeemed):
    """All of the order's command: with what it earns, and what of that is undone."""

    @property
    def is_plain(self) -> bool:
        """Whether the order is new, and nothing of it was paid with points or undone."""
        command = self.command
        return not self._known and not command.redeemed and command.earned == command.kept

    def has_room(self) -> bool:
        """Whether no sum of the account grows past what it may be."""
        redeeming = max(0, self.command.redeemed - self.redeemed())
        return (
            self._target() - self._net() <= self.books.room()
            and redeeming <= BALANCE_MAX - self.books.sums["redeemed"]
        )

    def move(self) -> None:
        """The whole sequence."""
        command = self.command
        if command.redeemed and not any(map(is_redeeming, self.lines())):
            self.redeem()
        taken = command.redeemed - command.returned
        if taken > self.redeemed():
            self.take_again(taken - self.redeemed())
        missing = self._target() - self._net()
        if missing > 0:
            if self.own_lot() is None:  # what came back before it earned comes back after it
                self.take_again(self.returned())
            self._earn(missing)
        own = self.own_lot()
        if own is not None:
            self._redate(own)
        surplus = self._net() - command.kept
        if surplus > 0:
            self._cancel(surplus)
        self.take_what_ends_otherwise()
        if taken < self.redeemed():
            self.give_back(self.redeemed() - taken)
        if command.returned:
            self.redate_revived()

    # -- looking ------------------------------------------------------------------------------
    def _net(self) -> Points:
        """What it has earned, less what of that is cancelled, owed or forgiven."""
        return sum(left for line, left in self.standing() if line.move == "earn")

    def _target(self) -> Points:
        """An order that has earned nothing yet first earns all; else only what it keeps counts."""
        has_earned = any(line.move == "earn" for line in self.lines())
        return self.command.kept if has_earned else self.command.earned

    # -- earning ------------------------------------------------------------------------------
    def _earn(self, points: Points) -> None:
        """First what was cancelled comes back to where it was taken from, last first."""
        for line, left in reversed(self.standing()):
            if points and line.target == "cancelled":
                part = min(left, points)
                self._reinstate(line, part)
                points -= part
        if points:
            own = self.own_lot()
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
                if points > part:
                    self._reinstate_repaid(line, points - part)
            case "forgiven":
                self._back_to("forgiven", points, NO_LOT, line)
            case "expired" if not books.lots[line.lot].revives:
                lot = books.lots[line.lot]
                books.put(replace(lot, expired=lot.expired + points))
                self._back_to("expired", points, line.lot, line)
            case _:
                lot = books.lots[line.lot]
                books.enter("reinstate", "cancelled", lot, points, stamp, undoes=line.version)

    def _reinstate_repaid(self, line: Transfer, points: Points) -> None:
        """A debt has been repaid meanwhile: by what the order gave back itself, which goes back to
        where that was; the rest goes to the order's own lot."""
        books = self.books
        returned = [one.lot for one in self.lines() if one.move == "return" and one.lot != NO_LOT]
        own = self.earned_lot()
        for number in dict.fromkeys(reversed(returned)):
            part = min(points, self.repaid_from(number))
            if part and number != own.lot:
                points -= part
                books.enter("reinstate", "cancelled", books.lots[number], part, self.stamp,
                            undoes=line.version)  # fmt: skip
        if points:
            own = replace(own, granted=own.granted + points)  # they have never been in it
            books.enter("reinstate", "cancelled", own, points, self.stamp, undoes=line.version)

    def _back_to(self, place: str, points: Points, lot: int, line: Transfer) -> None:
        self.books.book(
            "reinstate", "cancelled", place, points, lot, self.stamp, undoes=line.version
        )

    def _redate(self, lot: Lot) -> None:
        """Dates only come nearer, and an end never before now: what was true stays true."""
        command, now = self.command, self.stamp.now
        dated = replace(
            lot,
            granted_at=min(lot.granted_at, command.granted_at),
            matures_at=min(lot.matures_at, command.matures_at),
            expires_at=min(lot.expires_at, max(command.expires_at, now + 1)),
        )
        if dated == lot:
            return
        self.books.put(dated)
        ended_at = min(lot.expires_at, command.expires_at)
        if lot.is_pending and dated.matures_at <= ended_at < lot.matures_at:
            self._repay_late(dated)
        if dated.is_pending and dated.matures_at <= now:
            # Under this command's key: a balance that was answered before did not know of it. And
            # not before the last of it had come: what waited then would have been less than none.
            came_at = max(line.effective_at for line in self.lines()
                          if line.lot == dated.lot and line.target == "pending")  # fmt: skip
            self.books.mature(dated.lot, max(dated.matures_at, came_at), self.stamp)

    def _repay_late(self, lot: Lot) -> None:
        """It expired while it waited, and news says that it had matured before: what is owed is
        repaid from it, as if the news had come with the order."""
        part = min(self.books.sums["owed"], lot.expired)
        if part:
            self.books.put(replace(lot, expired=lot.expired - part))
            self.books.book("repay", "expired", "owed", part, lot.lot, self.stamp)

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
        lots, own = self.books.lots, self.earned_lot()
        yield own.lot, own.free, "pending" if own.is_pending else "available"
        yield own.lot, own.expired, "expired"
        if self.command.is_forgiving:
            return
        given = self.given_back_to()
        for lot in sorted(lots.values(), key=spending_order):
            if lot.lot != own.lot and not lot.is_pending:
                yield lot.lot, max(0, lot.free - given.get(lot.lot, 0)), "available"
        for number in given:
            yield number, lots[number].free, "available"
            if lots[number].revives and lots[number].order_key == self.command.order_key:
                yield number, lots[number].expired, "expired"

    def _cancel_from(self, number: int, source: str, points: Points) -> None:
        lot = self.books.lots[number]
        if source == "expired":
            self.books.put(replace(lot, expired=lot.expired - points))
        else:
            self.books.put(replace(lot, left=lot.left - points))
        self._undo_earning("cancel", source, number, points)

    def _undo_earning(self, move: str, source: str, lot: int, points: Points) -> None:
        """Undo what the order earned last first, a line for each earning that is undone."""
        for line, left in reversed(self.standing()):
            if points and line.move == "earn":
                part = min(left, points)
                self.books.book(
                    move, source, "cancelled", part, lot, self.stamp, undoes=line.version
                )
                points -= part
