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
* What the order earns repays before what it gives back. Whether it ever could, because it matured
  before its end, is judged by all that is told: news may say so later, and may take it back.

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
        own = self.own_lot()
        if own is not None:
            self._earn_on(own)
        elif self._target():  # what came back before it earned comes back after it
            self.take_again(self.returned())
            self.open_lot(self._target())
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
    def _earn_on(self, own: Lot) -> None:
        """News of an order that has earned: its lot's end, its points, its maturity."""
        ready = self._ready(own)
        self._end_sooner(own)
        if self._is_over(own):
            self._undo_repaying(own.lot)
        missing = self._target() - self._net()
        if missing > 0:
            missing = self._reinstate_last(missing)
        if missing > 0:
            self._earn_more(self.books.lots[own.lot], missing)
        self._mature_late(own.lot)
        self._repay_first(own.lot, ready)

    def _reinstate_last(self, points: Points) -> Points:
        """What was cancelled comes back to where it was taken from, last first; the rest of the
        points, of which nothing was cancelled."""
        for line, left in reversed(self.standing()):
            if points and line.target == "cancelled":
                part = min(left, points)
                self._reinstate(line, part)
                points -= part
        return points

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
        self._enter_own("earn", "issued", replace(lot, granted=lot.granted + points), points)

    def _enter_own(self, move: str, source: str, own: Lot, points: Points, undoes: int = 0) -> None:
        """Points come into the order's own lot. Where that was over before it could be spent, they
        are over too, and repay nothing."""
        if not self._is_over(own):
            self.books.enter(move, source, own, points, self.stamp, undoes=undoes)
            return
        self.books.put(replace(own, left=own.left + points))
        target = "pending" if own.is_pending else "available"
        self.books.book(move, source, target, points, own.lot, self.stamp, undoes=undoes)
        self._expire_own(own.lot)

    def _expire_own(self, number: int) -> None:
        """At once, though its end may be a microsecond from now: this line is recorded later."""
        at = max(self.stamp.now, self.books.lots[number].expires_at)
        self.books.expire(number, at, self.stamp)

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
                lot, own = books.lots[line.lot], self.own_lot()
                if own is not None and lot.lot == own.lot:
                    self._enter_own("reinstate", "cancelled", lot, points, line.version)
                else:
                    books.enter("reinstate", "cancelled", lot, points, stamp, undoes=line.version)

    def _reinstate_repaid(self, line: Transfer, points: Points) -> None:
        """A debt has been repaid meanwhile: by what the order gave back itself, which goes back to
        where that was; the rest goes to the order's own lot."""
        books, own = self.books, self.earned_lot()
        for number in self.returned_into():
            part = min(points, self.repaid_from(number))
            if part and number != own.lot:
                points -= part
                books.enter("reinstate", "cancelled", books.lots[number], part, self.stamp,
                            undoes=line.version)  # fmt: skip
        if points:
            own = replace(own, granted=own.granted + points)  # they have never been in it
            self._enter_own("reinstate", "cancelled", own, points, line.version)

    def _back_to(self, place: str, points: Points, lot: int, line: Transfer) -> None:
        self.books.book(
            "reinstate", "cancelled", place, points, lot, self.stamp, undoes=line.version
        )

    # -- dates --------------------------------------------------------------------------------
    def _ended_at(self, own: Lot) -> Instant:
        """The end of the order's lot by all that is told; it may have lived a little longer."""
        return min(own.expires_at, self.command.expires_at)

    def _is_over(self, own: Lot) -> bool:
        """Whether all that is told says that the lot ended before it matured."""
        ended_at = self._ended_at(own)
        return ended_at <= self.stamp.now and ended_at < self._matured_at(own)

    def _matured_at(self, own: Lot) -> Instant:
        return min(own.matures_at, self.command.matures_at)

    def _ready(self, own: Lot) -> Points:
        """How much of the lot could be spent, or could have been before it expired."""
        if own.matures_at > min(self.stamp.now, self._ended_at(own)):
            return 0
        return own.free + own.expired

    def _end_sooner(self, own: Lot) -> None:
        """Dates only come nearer, and an end never before now: what was true stays true."""
        command = self.command
        dated = replace(
            own,
            granted_at=min(own.granted_at, command.granted_at),
            expires_at=min(own.expires_at, max(command.expires_at, self.stamp.now + 1)),
        )
        if dated != own:
            self.books.put(dated)

    def _mature_late(self, number: int) -> None:
        """A maturity that is learned now. One that came after the end is none."""
        own = self.books.lots[number]
        dated = replace(own, matures_at=self._matured_at(own))
        if dated == own or self._is_over(own):
            return
        self.books.put(dated)
        if dated.is_pending and dated.matures_at <= self.stamp.now:
            # Under this command's key: a balance that was answered before did not know of it. And
            # not before the last of it had come: what waited then would have been less than none.
            came_at = max(line.effective_at for line in self.lines() if line.target == "pending")
            self.books.mature(number, max(dated.matures_at, came_at), self.stamp)

    # -- repaying -----------------------------------------------------------------------------
    def _repay_first(self, number: int, ready: Points) -> None:
        """What of the lot can be spent since this news repays what is owed, as if the news had
        come with the order: also what has expired, and before what the order gave back, which
        thus need not have repaid so much."""
        books = self.books
        fresh = self._ready(books.lots[number]) - ready
        if fresh > 0 and books.sums["owed"]:
            fresh -= self._repay_late(number, fresh)
        for other in self.returned_into():
            part = min(fresh, self.repaid_from(other)) if other != number else 0
            if part > 0:
                fresh -= part
                self._reopen(other, part)
                books.repay(number, self.stamp)
                self._repay_late(number, part)

    def _repay_late(self, number: int, points: Points) -> Points:
        """What has expired of the lot repays, as if it had before; how much did."""
        own = self.books.lots[number]
        part = min(self.books.sums["owed"], own.expired, points)
        if part:
            self.books.put(replace(own, expired=own.expired - part))
            self.books.book("repay", "expired", "owed", part, number, self.stamp)
        return part

    def _reopen(self, number: int, points: Points, *, of_own: bool = False) -> None:
        """What repaid out of a lot is owed again, and back in the lot, last first."""
        books = self.books
        for line, left in reversed(self.repaying(number, of_own=of_own)):
            part = min(left, points)
            if part:
                points -= part
                lot = books.lots[number]
                books.put(replace(lot, left=lot.left + part, is_pending=0))
                books.book("reopen", "owed", "available", part, number, self.stamp,
                           undoes=line.version)  # fmt: skip
        if not of_own and books.lots[number].expires_at <= self.stamp.now:
            books.expire(number, self.stamp.now, self.stamp)

    def _undo_repaying(self, number: int) -> None:
        """The lot turns out to have ended before it matured: what it repaid is owed again. All
        that was undone of the order, or given back, is so anew after it."""
        books, stamp = self.books, self.stamp
        repaid = sum(left for _, left in self.repaying(number, of_own=True))
        if not repaid:
            return
        self._reinstate_last(sum(left for line, left in self.standing()
                                 if line.target == "cancelled"))  # fmt: skip
        self._reopen(number, repaid, of_own=True)
        self._expire_own(number)
        given = self.given_back_to()
        for lot in sorted(books.lots.values(), key=spending_order):
            if not lot.is_pending and lot.lot not in given:
                books.repay(lot.lot, stamp)
        if books.sums["owed"]:
            self.take_again(self.returned())

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
