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
from nuqta.ledger.transfers import NO_LOT, Transfer
from nuqta.refusals import Refusal


def move_to(command: Order, books: Books, now: Instant) -> Refusal | None:
    """Book what is missing. Refuses what cannot be: then nothing is booked."""
    if command.granted_at > now:
        return refusals.EFFECTIVE_IN_FUTURE
    if not all(0 <= points <= POINTS_MAX for points in (command.earned, command.redeemed)):
        return refusals.POINTS_OUT_OF_RANGE
    mover = _Mover(command, books, Stamp(now, command.origin, command.key, command.order_key))
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
            if self._own_lot() is None:  # what came back before it earned comes back after it
                self._take_again(self._returned())
            self._earn(missing)
        self._redate()
        surplus = self._net() - command.kept
        if surplus > 0:
            self._cancel(surplus)
        self._take_what_ends_otherwise()
        if taken < self._redeemed():
            self._give_back(self._redeemed() - taken)
        if command.returned:
            self._redate_revived()

    # -- looking ------------------------------------------------------------------------------
    def _lines(self) -> list[Transfer]:
        key = self.command.order_key
        known = [line for line in self.books.order_lines if line.order_key == key]
        return known + [line for line in self.books.transfers if line.order_key == key]

    def _standing(self) -> list[tuple[Transfer, Points]]:
        """The order's lines that are not wholly undone, with what of each stands.

        What was taken instead of points that were given back and are gone settles that return for
        good, and is a taking of its own: it comes back to where it was taken itself.
        """
        lines = self._lines()
        left = {line.version: line.points for line in lines}
        settled = dict.fromkeys(left, 0)
        for line in reversed(lines):
            if self._is_instead(line):
                left[line.undoes] -= line.points
                settled[line.undoes] += line.points
            elif line.undoes:
                left[line.undoes] -= left[line.version] + settled[line.version]
        return [(line, left[line.version]) for line in lines if left[line.version]]

    def _is_instead(self, line: Transfer) -> bool:
        """Whether an order took this because what it had given back was there no more."""
        return line.target == "redeemed" and bool(line.undoes) and line.lot != self._lot_of(line)

    def _lot_of(self, line: Transfer) -> int:
        return next(one.lot for one in self._lines() if one.version == line.undoes)

    def _is_taking(self, line: Transfer) -> bool:
        return line.target == "redeemed" and (not line.undoes or self._is_instead(line))

    def _net(self) -> Points:
        """What it has earned, less what of that is cancelled, owed or forgiven."""
        return sum(left for line, left in self._standing() if line.move == "earn")

    def _redeemed(self) -> Points:
        """What it has taken, less what of that has come back."""
        return sum(left for line, left in self._standing() if self._is_taking(line))

    def _returned(self) -> Points:
        return sum(left for line, left in self._standing() if line.move == "return")

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
                self._open_lot(points)
            else:
                self._earn_more(own, points)

    def _open_lot(self, points: Points) -> None:
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
        returned = [one.lot for one in self._lines() if one.move == "return" and one.lot != NO_LOT]
        own = self._own_lot()
        for number in dict.fromkeys(reversed(returned)):
            part = min(points, self._repaid_from(number))
            if part and number != (own and own.lot):
                points -= part
                books.enter("reinstate", "cancelled", books.lots[number], part, self.stamp,
                            undoes=line.version)  # fmt: skip
        if points and own is not None:
            own = replace(own, granted=own.granted + points)  # they have never been in it
            books.enter("reinstate", "cancelled", own, points, self.stamp, undoes=line.version)

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
        has_waited = lot.expires_at < lot.matures_at
        if has_waited and dated.matures_at <= min(lot.expires_at, command.expires_at):
            self._repay_late(dated)
        if dated.is_pending and dated.matures_at <= now:
            # Under this command's key: a balance that was answered before did not know of it.
            self.books.mature(dated.lot, max(dated.matures_at, dated.granted_at), self.stamp)

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
            if lots[number].revives and lots[number].order_key == self.command.order_key:
                yield number, lots[number].expired, "expired"

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

    def _spend(self, points: Points, undoes: int = 0) -> None:
        """From what is available, and the rest as the policy says."""
        books, stamp = self.books, self.stamp
        part = min(points, books.sums["available"])
        if part:
            books.take("spend", "redeemed", part, stamp, undoes=undoes)
        if points > part:
            move, source = ("forgive", "forgiven") if self.command.is_forgiving else ("owe", "owed")
            books.book(move, source, "redeemed", points - part, NO_LOT, stamp, undoes=undoes)

    def _take_again(self, points: Points) -> None:
        """What had come back is taken again, last first, from where it had come to."""
        gone: list[tuple[Transfer, Points]] = []
        for line, left in reversed(self._standing()):
            if points and line.move == "return":
                part = min(left, points)
                points -= part
                gone.append((line, part - self._take_back(line, part)))
        for line, short in gone:
            if short:
                self._take_instead(line, short)

    def _take_back(self, line: Transfer, points: Points) -> Points:
        """How much of what a return gave is still there, or expired there unspent; it is taken."""
        books, stamp = self.books, self.stamp
        if line.target == "forgiven":
            books.book(
                "forgive", "forgiven", "redeemed", points, NO_LOT, stamp, undoes=line.version
            )
            return points
        lot = books.lots[line.lot]
        free = min(points, lot.free)
        expired = min(points - free, lot.expired)
        books.put(replace(lot, left=lot.left - free, expired=lot.expired - expired))
        for source, part in (("available", free), ("expired", expired)):
            if part:
                books.book("spend", source, "redeemed", part, lot.lot, stamp, undoes=line.version)
        return free + expired

    def _take_instead(self, line: Transfer, points: Points) -> None:
        """What a return gave is gone: other points are taken; a debt that it repaid is owed again,
        under that lot, as if it had never been repaid; and the rest as the policy says."""
        books = self.books
        part = min(points, books.sums["available"])
        if part:
            self._spend(part, line.version)
        owed = min(points - part, self._repaid_from(line.lot))
        if owed:
            books.book(
                "owe", "owed", "redeemed", owed, line.lot, self.stamp, undoes=line.version
            )
        if points > part + owed:
            self._spend(points - part - owed, line.version)

    def _repaid_from(self, lot: int) -> Points:
        """What the order's returns into a lot repaid at once and is not owed, or back, again."""
        lines = {line.version: line for line in self._lines()}
        repaid = 0
        for line in lines.values():
            if line.lot != lot:
                continue
            undone = lines.get(line.undoes)
            before = lines.get(line.version - 1)
            if line.move == "repay" and before and (before.move, before.lot) == ("return", lot):
                repaid += line.points
            elif line.move == "owe" or (line.move == "reinstate" and undone is not None and undone.source == "owed"):
                repaid -= line.points
        return max(0, repaid)

    def _give_back(self, points: Points) -> None:
        """What was taken last comes back first: to its lot or, where that expired, to a new one."""
        for line, left in reversed(self._standing()):
            if points and self._is_taking(line):
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
        ends = max(self._revived_until(line, expired), now)
        for lot in self.books.lots.values():
            is_its = lot.revives == revives and lot.order_key == command.order_key
            if is_its and min(lot.expires_at, ends) > now:
                return replace(lot, granted=lot.granted + points)
        return self.books.open(
            Lot(
                command.dkey, command.customer_id, 0, points, 0, 0, 0, command.granted_at,
                command.granted_at, ends, command.order_key, revives=revives,
            )
        )  # fmt: skip

    def _revived_until(self, line: Transfer, expired: Lot | None) -> Instant:
        """The end of points that come back: their life is what their lot had left when they were
        taken, at most the grace, from the order's last return on."""
        life = self.command.grace_us
        if expired is not None:
            life = min(life, max(0, expired.expires_at - self._taken_at(line)))
        return min(self.command.undone_at, self.stamp.now) + life

    def _take_what_ends_otherwise(self) -> None:
        """What was given back after its end expired at once. Where all the events together give it
        a later end, or say of what lives that its end has come, it is given back anew."""
        books, now = self.books, self.stamp.now
        lines = {line.version: line for line in self._lines()}
        for line, left in self._standing():
            lot = self._revived_by(line)
            if lot is None:
                continue
            lives = self._revived_until(lines[line.undoes], books.lots.get(lot.revives)) > now
            has_never_lived = lot.expires_at <= line.effective_at
            if has_never_lived if lives else lot.expires_at > now:
                self._take_back(line, min(left, lot.free + lot.expired))

    def _redate_revived(self) -> None:
        """All that comes back of one lot has one end, whichever return was heard of first."""
        books, now = self.books, self.stamp.now
        lines = {line.version: line for line in self._lines()}
        for line in lines.values():
            lot = self._revived_by(line)
            if lot is None or lot.expires_at <= now:
                continue
            expired = books.lots.get(lot.revives)
            begins = min(lot.granted_at, self.command.granted_at)
            ends = self._revived_until(lines[line.undoes], expired)
            dated = replace(lot, granted_at=begins, matures_at=begins, expires_at=ends)
            if dated != lot and ends > now:
                books.put(dated)

    def _revived_by(self, line: Transfer) -> Lot | None:
        """The lot that this order opened, if the line gave back into such a one."""
        lot = self.books.lots.get(line.lot) if line.move == "return" else None
        return lot if lot and lot.revives and lot.order_key == line.order_key else None

    def _taken_at(self, line: Transfer) -> Instant:
        """A capture counts at its hold's instant."""
        hold = self.books.holds.get(line.hold)
        return line.effective_at if hold is None else hold.reserved_at


def _is_redeeming(line: Transfer) -> bool:
    return line.target == "redeemed"
