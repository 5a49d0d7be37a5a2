"""Worlds with something to explain: orders that earn, pay, come back, owe and forgive.

No test stands here. A tale is told into an engine whose clock is set by hand, years ago, and its
database is then asked by command lines.
"""

from typing import Any

from nuqta.engine import orders, redemption
from nuqta.engine.orders import Taken
from nuqta.engine.redemption import CartWish
from nuqta.engine.stores import ProgramWish
from nuqta.ledger.commands import Settle
from nuqta.ledger.holds import Hold
from nuqta.loyalty.dates import parse_instant
from nuqta.loyalty.order_fields import Decoded
from nuqta.loyalty.orders import OrderEvent, OrderLine
from nuqta.loyalty.redemption import FIXED, PERCENTAGE, Method, MethodWish, RuleType
from tests.world import Shopper, Time, World

BEGIN = parse_instant("2024-01-01T09:00:00Z", "UTC")


def long_ago() -> Time:
    """A clock that stands years before any clock on the wall."""
    return Time(BEGIN)


def bought(name: str, amount: int, quantity: int = 1, returned: int = 0) -> OrderLine:
    """A line without tax in its amount."""
    return OrderLine(name, quantity, amount, amount, returned)


class Teller:
    """Tells of orders and fills carts, at the world's own time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = world.riyadh
        self.method = self.offer(100, 1_000)
        world.program(self.store, ProgramWish(earn_points=1, earn_amount=100, expiry_days=365))

    def offer(self, points: int, discount: int, kind: RuleType = FIXED) -> Method:
        """One more method: so many points for a discount, in minor units or in percent."""
        wish = MethodWish(kind, points, discount, "SAR")
        made = self.world.engine.door.write_now(
            "method",
            lambda tx: redemption.add_method(
                tx, self.store, wish, 100, self.world.time.wall, "cli"
            ),
        )
        assert isinstance(made, Method)
        return made

    def order(
        self,
        who: Shopper,
        number: str,
        *lines: OrderLine,
        status: str = "new",
        origin: str = "source",
        notes: tuple[str, ...] = (),
        **changes: Any,
    ) -> Taken:
        """An order is told as it stands now."""
        now = self.world.time.forward(seconds=60)
        facts: dict[str, Any] = {
            "order_key": number, "customer_id": who.customer_id, "instant": now,
            "placed_at": now, "delivered_at": None, "status": status, "channel": "online",
            "currency": "SAR", "cart": "", "lines": lines, "shipping": 2_300,
            "shipping_net": 2_000, "redemption": None, "is_redemption_deducted": False,
            "redeemed_points": None,
        }  # fmt: skip
        arrival = Decoded(OrderEvent(**{**facts, **changes}), None, notes)
        (taken,) = self.world.engine.door.write_now(
            "order",
            lambda tx: orders.take_in(tx, self.store, [arrival], now, origin, events_max=100),
        )
        assert isinstance(taken, Taken), taken
        return taken

    def hold(self, who: Shopper, cart: str, method: Method | None = None) -> Hold:
        """A method goes into a cart."""
        now = self.world.time.forward(seconds=60)
        wish = CartWish(who.customer_id, cart, (method or self.method).method_id)
        held = self.world.engine.door.write_now(
            "hold",
            lambda tx: redemption.apply(
                tx, self.store, wish, 20, now, f"partner:{self.world.partner}"
            ),
        )
        assert isinstance(held, Hold), held
        return held

    def empty(self, who: Shopper, cart: str) -> None:
        """The redemption leaves a cart."""
        now = self.world.time.forward(seconds=60)
        self.world.engine.door.write_now(
            "empty",
            lambda tx: redemption.remove(
                tx, self.store.store_id, who.customer_id, cart, now, "cli", None
            ),
        )

    def settle(self, who: Shopper) -> None:
        """What is due is booked."""
        self.world.time.forward(seconds=60)
        self.world.post(
            Settle(dkey=who.dkey, customer_id=who.customer_id, origin="system", key="settle")
        )


def life_of_a_point(teller: Teller) -> None:
    """Aisha earns, waits, pays, and both orders come back, one of them in part."""
    world, aisha = teller.world, teller.world.aisha
    world.program(teller.store, ProgramWish(maturity_days=14, maturity_from="placed"))
    mug, tea = bought("mug", 20_000, 2), bought("tea", 5_000)
    teller.order(aisha, "R-1001", mug, tea)
    world.time.forward(days=15)
    teller.settle(aisha)
    teller.hold(aisha, "c1")
    teller.order(aisha, "R-1002", bought("tray", 10_000), cart="c1", redemption=1_000)
    teller.order(aisha, "R-1001", bought("mug", 20_000, 2, 1), tea, status="delivered")
    teller.order(aisha, "R-1002", bought("tray", 10_000, 1, 1), status="returned", cart="c1")


def debts_and_carts(teller: Teller) -> None:
    """Badr owes; carts lapse, are emptied, give another method; points are added and deducted."""
    world, badr = teller.world, teller.world.badr
    teller.order(badr, "B-1", bought("rug", 30_000))
    teller.hold(badr, "c1")
    teller.hold(badr, "c1", teller.offer(50, 500))
    teller.empty(badr, "c1")
    teller.hold(badr, "c2")
    world.time.forward(days=1)
    teller.order(badr, "B-2", bought("lamp", 10_000), cart="c2", status="new")
    teller.hold(badr, "c3")
    teller.order(badr, "B-3", bought("cup", 9_000), cart="c3", redeemed_points=40)
    teller.order(badr, "B-1", bought("rug", 30_000), status="cancelled")
    world.adjust(badr, 30, reason="A gift for Eid")
    teller.order(badr, "B-1", bought("rug", 30_000), status="delivered")
    world.adjust(badr, -20, reason="Booked twice")
    world.time.forward(days=400)
    teller.settle(badr)


def spent_and_gone(teller: Teller) -> None:
    """Badr has spent what is taken back: he owes it, repays, and is let off where the shop bears
    it. Points come back after their end, and orders change."""
    world, badr = teller.world, teller.world.badr
    teller.order(badr, "S-1", bought("rug", 10_000))
    teller.hold(badr, "c1")
    teller.order(badr, "S-2", bought("cup", 1_000), cart="c1")  # nothing is left to earn on
    teller.order(badr, "S-1", bought("rug", 10_000), status="cancelled")  # 100 are owed
    teller.order(badr, "S-1", bought("rug", 10_000), status="delivered")
    teller.order(badr, "S-1", bought("rug", 10_000, 2), status="delivered")
    teller.order(badr, "S-1", bought("rug", 12_000, 2), status="delivered")  # worth 20 more
    teller.order(badr, "S-1", bought("rug", 12_000, 2), status="cancelled")
    world.adjust(badr, 150, reason="For the delay")  # repays
    teller.hold(badr, "c2", teller.offer(50, 500))
    world.time.forward(days=1)
    teller.settle(badr)
    world.adjust(badr, -40)
    teller.order(badr, "S-3", bought("bag", 2_000), cart="c2")  # its points are gone: 40 are owed
    teller.order(badr, "S-3", bought("bag", 2_000, 1, 1), status="returned", cart="c2")
    teller.order(badr, "S-3", bought("bag", 2_000), status="delivered", cart="c2")


def the_shop_bears_it(teller: Teller) -> None:
    """The program forgives; points expire before they are taken back, wait too long, and come back
    after their end."""
    world, badr = teller.world, teller.world.badr
    world.program(teller.store, ProgramWish(owed="forgive", expiry_days=10))
    teller.order(badr, "F-1", bought("rug", 10_000))
    teller.hold(badr, "c1")
    teller.order(badr, "F-2", bought("cup", 1_000), cart="c1")
    for status in ("cancelled", "delivered"):
        teller.order(badr, "F-1", bought("rug", 10_000), status=status)
    teller.order(badr, "F-3", bought("jar", 10_000))
    teller.hold(badr, "c2")
    world.time.forward(days=1)
    teller.settle(badr)
    world.adjust(badr, -60)
    for status in ("new", "cancelled", "delivered"):  # 60 are borne
        teller.order(badr, "F-4", bought("box", 1_000), cart="c2", status=status)
    teller.order(badr, "F-5", bought("pot", 5_000))
    world.time.forward(days=11)
    for status in ("cancelled", "delivered"):  # its points had expired
        teller.order(badr, "F-5", bought("pot", 5_000), status=status)
    teller.order(badr, "F-2", bought("cup", 1_000), cart="c1", status="cancelled")
    world.program(teller.store, ProgramWish(maturity_from="delivered"))  # which never comes
    teller.order(badr, "F-6", bought("pan", 5_000))
    for status in ("cancelled", "new"):
        teller.order(badr, "F-6", bought("pan", 5_000), status=status)
    world.time.forward(days=11)
    teller.settle(badr)


def news_too_late(teller: Teller) -> None:
    """Points have expired when it is told that an order stands after all, that another had been
    delivered in time, and that what came back and is gone is wanted again."""
    world, badr = teller.world, teller.world.badr
    world.program(teller.store, ProgramWish(maturity_from="delivered", expiry_days=10))
    teller.order(badr, "N-1", bought("rug", 10_000), status="delivered")
    teller.hold(badr, "c1")
    for status in ("new", "cancelled"):
        teller.order(badr, "N-2", bought("cup", 1_000), cart="c1", status=status)
    teller.order(badr, "N-3", bought("jar", 5_000))
    delivered_at = world.time.wall
    world.time.forward(days=11)
    teller.settle(badr)
    teller.order(badr, "N-2", bought("cup", 1_000), cart="c1", status="delivered")
    teller.order(badr, "N-4", bought("pot", 10_000), status="delivered")
    teller.hold(badr, "c2")
    for status in ("new", "cancelled"):
        teller.order(badr, "N-5", bought("pan", 1_000), cart="c2", status=status)
    world.adjust(badr, -100)
    teller.order(badr, "N-5", bought("pan", 1_000), cart="c2", status="delivered")  # 100 are owed
    teller.order(badr, "N-3", bought("jar", 5_000), delivered_at=delivered_at)  # 50 are repaid


def after_their_end(teller: Teller) -> None:
    """Badr's order takes again what it gave back and what has expired since; Aisha's points expire
    unheard of, and turn out to have been good when she owed."""
    world, aisha, badr = teller.world, teller.world.aisha, teller.world.badr
    teller.order(badr, "G-1", bought("rug", 10_000))
    teller.hold(badr, "c1")
    for status in ("new", "cancelled"):
        teller.order(badr, "G-2", bought("cup", 1_000), cart="c1", status=status)
    world.program(
        teller.store, ProgramWish(maturity_days=2, maturity_from="delivered", expiry_days=10)
    )
    world.adjust(aisha, 100)
    teller.hold(aisha, "c2")
    delivered_at = world.time.forward(days=1)
    teller.settle(aisha)
    world.adjust(aisha, -100)
    teller.order(aisha, "G-3", bought("pot", 1_000), cart="c2")  # 100 are owed
    teller.order(aisha, "G-4", bought("pan", 10_000), placed_at=delivered_at)
    world.time.forward(days=400)
    teller.settle(badr)
    teller.settle(aisha)
    teller.order(badr, "G-2", bought("cup", 1_000), cart="c1", status="delivered")
    teller.order(
        aisha, "G-4", bought("pan", 10_000), placed_at=delivered_at, status="delivered",
        delivered_at=delivered_at,
    )  # fmt: skip
    teller.order(aisha, "G-5", bought("jug", 5_000))


def by_parts(teller: Teller) -> None:
    """Badr's carts hold points of two lots, for a fixed discount and for one in percent. Aisha's
    order takes a part of what her cart held, and the rest comes back after its end."""
    world, aisha, badr = teller.world, teller.world.aisha, teller.world.badr
    for number in ("H-1", "H-2", "H-5"):
        teller.order(badr, number, bought("rug", 7_000))
    teller.hold(badr, "c1")
    teller.order(badr, "H-3", bought("cup", 1_000), cart="c1")
    teller.hold(badr, "c2", teller.offer(100, 1_000, PERCENTAGE))
    teller.order(badr, "H-4", bought("tea", 5_000), cart="c2", redemption=500)
    world.program(teller.store, ProgramWish(expiry_days=1))
    partner = f"partner:{world.partner}"
    teller.order(aisha, "H-6", bought("bed", 10_000), origin=partner)
    world.time.forward(hours=23, seconds=3_000)
    teller.hold(aisha, "c3")
    world.time.forward(seconds=900)
    teller.order(aisha, "H-7", bought("mat", 1_000), cart="c3", redeemed_points=40, origin=partner)


def who_repaid(teller: Teller) -> None:
    """Both owe. What Badr gave back repaid before it is told that what he earned could; what Aisha
    earned repaid before it is told that it had ended by then."""
    world, aisha, badr = teller.world, teller.world.aisha, teller.world.badr
    world.adjust(badr, 100)
    teller.hold(badr, "c1")
    for who, number in ((badr, "W-1"), (aisha, "W-2")):
        teller.order(who, number, bought("rug", 5_000))
        world.adjust(who, -50)
        teller.order(who, number, bought("rug", 5_000), status="cancelled")  # 50 are owed
    world.program(teller.store, ProgramWish(maturity_from="delivered", expiry_days=10))
    cup = bought("cup", 10_000, 2, 1)
    teller.order(badr, "W-3", cup, cart="c1")  # 50 come back and repay
    teller.order(badr, "W-3", cup, cart="c1", status="delivered")  # 45 could have
    placed_at = world.time.wall
    world.time.forward(days=11)
    teller.order(aisha, "W-4", bought("pot", 10_000), status="delivered")  # 50 repay
    teller.order(aisha, "W-4", bought("pot", 10_000), status="delivered", placed_at=placed_at)


TALES = (
    life_of_a_point, debts_and_carts, spent_and_gone, the_shop_bears_it, news_too_late,
    after_their_end, by_parts, who_repaid,
)  # fmt: skip
