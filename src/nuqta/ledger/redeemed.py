"""What an order redeems: taken from its cart's hold, given back, and taken again.

The half of an order's books that concerns the points with which it was paid; what it earns stands
in `orders`. Both read what the order has done so far from its own transfers, of which a later one
may undo an earlier one. What had come back and is taken again undoes the return, as if it had never
been: it will come back to where it was first taken from. Source: design, ledger, section 5.
"""

from typing import Final

from msgspec.structs import replace

from nuqta.ledger.books import Books, Stamp
from nuqta.ledger.commands import Order
from nuqta.ledger.instants import Instant, Points
from nuqta.ledger.lots import OF_DEBT, Lot
from nuqta.ledger.transfers import NO_LOT, Transfer

_SHRINKS: Final = ("reinstate", "owed")
"""A move that undoes one from that place: points that were owed and are so no more."""


class Redeemed:
    """One order's command on one account's books, as far as points paid for the order."""

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

    # -- looking ------------------------------------------------------------------------------
    def lines(self) -> list[Transfer]:
        """The order's transfers, with those that this command has booked so far."""
        key = self.command.order_key
        booked = self.books.transfers[self._begun :]
        return self._known + [line for line in booked if line.order_key == key]

    def standing(self) -> list[tuple[Transfer, Points]]:
        """The order's lines that are not wholly undone, with what of each stands.

        What was taken instead of points that had been given back and are gone settles that return
        for good, and is a taking of its own: it comes back to where it was taken itself.
        """
        if self._seen != len(self.books.transfers):
            self._seen = len(self.books.transfers)
            lines = self.lines()
            left = {line.version: line.points for line in lines}
            settled = dict.fromkeys(left, 0)
            for line in reversed(lines):
                if self._is_instead(line):
                    left[line.undoes] -= line.points
                    settled[line.undoes] += line.points
                elif line.undoes:
                    left[line.undoes] -= left[line.version] + settled[line.version]
            self._open = [(line, left[line.version]) for line in lines if left[line.version]]
        return self._open

    def _is_instead(self, line: Transfer) -> bool:
        """Whether an order took this because what it had given back was there no more."""
        if line.target != "redeemed" or not line.undoes:
            return False
        return any(one.version == line.undoes and one.lot != line.lot for one in self.lines())

    def _is_taking(self, line: Transfer) -> bool:
        return line.target == "redeemed" and (not line.undoes or self._is_instead(line))

    def own_lot(self) -> Lot | None:
        """The lot into which the order earned; None where it has earned nothing yet."""
        has_earned = any(line.move == "earn" for line in self.lines())
        return self.earned_lot() if has_earned else None

    def earned_lot(self) -> Lot:
        """The same, of an order that has earned."""
        return self.books.lots[next(line.lot for line in self.lines() if line.move == "earn")]

    def redeemed(self) -> Points:
        """What it has taken, less what of that has come back."""
        return sum(left for line, left in self.standing() if self._is_taking(line))

    def returned(self) -> Points:
        return sum(left for line, left in self.standing() if line.move == "return")

    # -- redeeming ----------------------------------------------------------------------------
    def redeem(self) -> None:
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

    def take_again(self, points: Points) -> None:
        """What had come back is taken again, last first, from where it had come to."""
        gone: list[tuple[Transfer, Points]] = []
        for line, left in reversed(self.standing()):
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
        owed = min(points - part, self.repaid_from(line.lot))
        if owed:
            books.book("owe", "owed", "redeemed", owed, line.lot, self.stamp, undoes=line.version)
        if points > part + owed:
            self._spend(points - part - owed, line.version)

    def repaid_from(self, lot: int) -> Points:
        """What the order's returns into a lot repaid at once and is not owed, or back, again."""
        lines = {line.version: line for line in self.lines()}
        repaid = sum(left for _, left in self.repaying(lot))
        for line in lines.values():
            if line.lot != lot:
                continue
            undone = lines.get(line.undoes)
            if line.move == "owe" or (undone and (line.move, undone.source) == _SHRINKS):
                repaid -= line.points
        return max(0, repaid)

    def repaying(self, lot: int, *, of_own: bool = False) -> list[tuple[Transfer, Points]]:
        """The lines by which what the order's returns brought into a lot repaid at once, with what
        of each was not reopened; `of_own`: by which what it earned did."""
        given = {line.version + 1: line.move for line in self.lines()
                 if line.lot == lot and line.move in ("return", "release")}  # fmt: skip
        wanted = None if of_own else "return"
        return [
            (line, left)
            for line, left in self.standing()
            if (line.move, line.lot) == ("repay", lot) and given.get(line.version) == wanted
        ]

    def returned_into(self) -> list[int]:
        """The lots into which the order's returns ever brought points, the last one first."""
        returned = [one.lot for one in self.lines() if one.move == "return" and one.lot != NO_LOT]
        return list(dict.fromkeys(reversed(returned)))

    def give_back(self, points: Points) -> None:
        """What was taken last comes back first: to its lot or, where that expired, to a new one."""
        for line, left in reversed(self.standing()):
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
            life = min(life, expired.expires_at - self._taken_at(line))
        return min(self.command.undone_at, self.stamp.now) + life

    def take_what_ends_otherwise(self) -> None:
        """What was given back after its end expired at once. Where all the events together give it
        a later end, or say of what lives that its end has come, it is given back anew."""
        books, now = self.books, self.stamp.now
        lines = {line.version: line for line in self.lines()}
        for line, left in self.standing():
            lot = self._revived_by(line)
            if lot is None:
                continue
            lives = self._revived_until(lines[line.undoes], books.lots.get(lot.revives)) > now
            has_never_lived = lot.expires_at <= line.effective_at
            if has_never_lived if lives else lot.expires_at > now:
                self._take_back(line, min(left, lot.free + lot.expired))

    def redate_revived(self) -> None:
        """All that comes back of one lot has one end, whichever return was heard of first."""
        books, now = self.books, self.stamp.now
        lines = {line.version: line for line in self.lines()}
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

    def given_back_to(self) -> dict[int, Points]:
        """What this order's returns have brought into which lot, in the order in which they did."""
        given: dict[int, Points] = {}
        for line, left in self.standing():
            if line.move == "return" and line.lot != NO_LOT:
                given[line.lot] = given.get(line.lot, 0) + left
        return given


def is_redeeming(line: Transfer) -> bool:
    """Whether the points of the line paid for something."""
    return line.target == "redeemed"
