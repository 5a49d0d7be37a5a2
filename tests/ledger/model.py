"""A model of the books, small enough to be believed at sight: what the real thing must agree with.

One account in plain lists: lots, holds, orders, and what is owed. It is written from the design
(ledger, sections 2-6) and uses nothing of the real ledger. Every wish answers "" or a refusal.
"""

from copy import deepcopy
from dataclasses import dataclass, field

NOT_ENOUGH, OWED = "ERROR_NOT_ENOUGH_POINTS", "ERROR_POINTS_OWED"
PASSED, FUTURE = "ERROR_EXPIRY_PASSED", "ERROR_DATE_IN_FUTURE"
CROWD = "ERROR_TOO_MANY_HOLDS"


@dataclass(eq=False)
class Lot:
    granted_at: int
    matures_at: int
    expires_at: int
    free: int  # what no cart holds
    waits: bool
    order: str = ""
    expired: int = 0
    revives: "Part | None" = None  # what an order took of a lot that has expired, or of a debt
    is_told: bool = False


@dataclass(eq=False)
class Hold:
    cart: str
    wish: tuple[str, int, int]  # method, points, discount
    reserved_at: int
    lapses_at: int
    parts: list["Part"]
    is_live: bool = True
    order: str = ""


@dataclass(eq=False)
class Part:
    """Points that an order moved: from or to a lot, a debt or the program, and since when the
    lot had been without them."""

    place: Lot | str
    points: int
    since: int = 0
    number: int = 0  # the order in which an order took them
    came_from: "Part | None" = None
    had_expired: bool = False  # it was cancelled from what had expired of its lot

    @property
    def lot(self) -> Lot:
        assert isinstance(self.place, Lot)
        return self.place


@dataclass
class Order:
    """What an order has earned, and what of it is undone; what it took, and what came back."""

    lot: Lot | None = None
    net: int = 0
    undone: list[Part] = field(default_factory=list)
    has_redeemed: bool = False
    taken: list[Part] = field(default_factory=list)
    parts: int = 0
    returned: list[Part] = field(default_factory=list)
    repaid: dict[Lot, int] = field(default_factory=dict)  # of a debt, by what came back to a lot
    paid: int = 0  # of a debt, by what it earned


@dataclass
class Wish:
    """What the events of an order come to."""

    order: str
    earned: int
    kept: int
    granted_at: int
    matures_at: int
    expires_at: int
    hold: int | None = None  # which of all holds there ever were
    redeemed: int = 0
    returned: int = 0
    undone_at: int = 0
    grace: int = 0
    is_forgiving: bool = False


def in_spending_order(lots: list[Lot]) -> list[Lot]:
    """What may be spent, what expires first and is oldest first."""
    usable = [lot for lot in lots if not lot.waits]
    return sorted(usable, key=lambda lot: (lot.expires_at, lot.granted_at))


@dataclass
class Model:
    """One account at one instant."""

    now: int = 0
    lots: list[Lot] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    owed: int = 0
    used: int = 0

    # -- looking
    def shown(self) -> dict[str, int]:
        """What a read shows."""
        pending = sum(lot.free for lot in self.lots if lot.waits)
        available = sum(lot.free for lot in self.lots) - pending
        held = sum(hold.wish[1] for hold in self.holds if hold.is_live)
        return {"pending": pending, "available": available, "held": held, "owed": self.owed,
                "used": self.used}  # fmt: skip

    def left(self) -> list[tuple[str, int, int, int]]:
        """Of every lot that has something left: its order, how much, and its dates."""
        held: dict[Lot, int] = {}
        for part in (part for hold in self.holds if hold.is_live for part in hold.parts):
            held[part.lot] = held.get(part.lot, 0) + part.points
        return [(lot.order, lot.free + held.get(lot, 0), lot.matures_at, lot.expires_at)
                for lot in self.lots if lot.free or lot in held]  # fmt: skip

    def at(self, now: int) -> "Model":
        """A model of its own of what a command or a read at that instant finds."""
        later = deepcopy(self)
        later.settle(now)
        return later

    # -- time, and what it moves
    def settle(self, now: int) -> None:
        self.now = now
        lots, holds = self.lots, self.holds
        ends = [hold.lapses_at for hold in holds]
        for instant in sorted(
            {at for lot in lots for at in (lot.matures_at, lot.expires_at)} | {*ends}
        ):
            for lot in lots:
                if lot.waits and lot.free and lot.matures_at == instant <= now:
                    lot.waits = False
                    self.repay(lot)
            for hold in holds:
                if hold.is_live and hold.lapses_at == instant <= now:
                    self.end(hold, 0, instant)
            for lot in lots:
                if lot.expires_at == instant <= now:
                    self.expire(lot)

    def expire(self, lot: Lot) -> None:
        lot.expired, lot.free = lot.expired + lot.free, 0

    def repay(self, lot: Lot) -> int:
        paid = min(lot.free, self.owed)
        lot.free, self.owed = lot.free - paid, self.owed - paid
        return paid

    def enter(self, lot: Lot, points: int) -> int:
        """What comes in repays what is owed (so much of it), and expires where its time is over."""
        lot.free += points
        lot.waits = lot.waits and lot.matures_at > self.now
        paid = 0 if lot.waits else self.repay(lot)
        if lot.expires_at <= self.now:
            self.expire(lot)
        return paid

    def take(self, points: int) -> list[Part]:
        """Available points, by lots in spending order."""
        parts = []
        for lot in in_spending_order(self.lots):
            part = min(lot.free, points)
            lot.free, points = lot.free - part, points - part
            parts += [Part(lot, part, self.now)] if part else []
        return parts

    def end(self, hold: Hold, kept: int, at: int) -> list[Part]:
        """A hold ends: its first `kept` points are captured, the others are set free."""
        hold.is_live, taken = False, []
        for held in hold.parts:
            part = min(held.points, kept)
            kept -= part
            taken += [Part(held.lot, part, hold.reserved_at)] if part else []
            held.lot.free += held.points - part
            if held.lot.expires_at <= at:
                self.expire(held.lot)
            else:
                self.repay(held.lot)
        return taken

    # -- wishes
    def add(self, points: int, expires_at: int) -> str:
        if expires_at <= self.now:
            return PASSED
        self.lots.append(Lot(self.now, self.now, expires_at, 0, False))
        self.enter(self.lots[-1], points)
        return ""

    def deduct(self, points: int) -> str:
        if points > self.shown()["available"]:
            return NOT_ENOUGH
        self.take(points)
        return ""

    def spend(self, points: int) -> str:
        if self.owed or points > self.shown()["available"]:
            return OWED if self.owed else NOT_ENOUGH
        self.take(points)
        self.used += points
        return ""

    def reserve(self, cart: str, wish: tuple[str, int, int], life: int, holds_max: int) -> str:
        live = [hold for hold in self.holds if hold.is_live]
        mine = [hold for hold in live if hold.cart == cart]
        if mine and mine[0].wish == wish:
            return ""
        if mine:
            self.end(mine[0], 0, self.now)
        elif len(live) >= holds_max:
            return CROWD
        if self.owed or wish[1] > self.shown()["available"]:
            return OWED if self.owed else NOT_ENOUGH
        parts = self.take(wish[1])
        self.holds.append(Hold(cart, wish, self.now, self.now + life, parts))
        return ""

    def release(self, cart: str) -> str:
        for hold in self.holds:
            if hold.is_live and hold.cart == cart:
                self.end(hold, 0, self.now)
        return ""

    def remind(self, number: int, within: int) -> int:
        """The points of the lot so many places from the first that is not empty, to be told of."""
        full = [lot for lot in self.lots if lot.free]
        lot = full[number] if number < len(full) else None
        if lot is None or lot.is_told or not self.now < lot.expires_at <= self.now + within:
            return 0
        lot.is_told = True
        return lot.free
