"""The books are a function of the set of an order's events: whatever the order in which they come.

One history is played in several stores, where a customer has the same id, the same points and the
same cart; each store is told the same events in an order of its own, some of them again. The luck
prints its seed, which NUQTA_ORDER_SEED plays again. Source: design, ledger, section 5.
"""

import os
import random
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import asdict, replace

from nuqta.engine import orders, redemption, stores
from nuqta.engine.orders import Taken
from nuqta.engine.redemption import CartWish
from nuqta.engine.stores import Store, StoreWish
from nuqta.ledger.commands import SYSTEM, Settle
from nuqta.ledger.holds import Hold
from nuqta.ledger.instants import DAY_US, SECOND_US, Instant
from nuqta.loyalty.order_fields import Decoded
from nuqta.loyalty.orders import STATUSES, OrderEvent, OrderLine
from nuqta.loyalty.redemption import FIXED, Method, MethodWish
from nuqta.storage import books
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement
from tests.world import Shopper, World, open_world

STORES, GAMES = 5, 60
EVERY, LAST = slice(None), slice(-1, None)
_ADD_PROGRAM = statement("program.add_revision")
PROGRAMS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"maturity_days": 5, "expiry_days": 8},
    {"maturity_from": "delivered", "maturity_days": 1, "owed": "forgive"},
    {"earn_at": "delivered", "expiry_days": 30, "grace_days": 2, "with_shipping": 1},
    {"earn_at": "ready", "without_tax": 1, "maturity_days": 20, "grace_days": 0},
)
"""How a store may have decided, by the fields in which it differs from a new store."""


class Game(msgspec.Struct, frozen=True):
    """What is the same in all stores: the customer, what goes before, and an order's events."""

    customer_id: int
    program: dict[str, Any]
    soon: int  # points that end tomorrow
    always: int
    held: int  # in the order's cart, from the former first
    spent: int
    waits_us: int  # from all that to the order
    events: tuple[OrderEvent, ...]


def seeded() -> random.Random:
    """Luck that can be played again: the seed is printed where a test fails."""
    seed = os.environ.get("NUQTA_ORDER_SEED") or secrets.token_hex(4)
    os.write(1, f"NUQTA_ORDER_SEED={seed}\n".encode())
    return random.Random(seed)


def event_of(luck: random.Random, number: int, now: Instant, lines: list[OrderLine], redemption: int
             ) -> OrderEvent:  # fmt: skip
    """One event as a shop and its clock may tell it, also against what it told before."""
    instant = now - luck.choice((0, 1, 2, 3)) * DAY_US - luck.choice((0, 0, 1)) * SECOND_US
    edited = [
        replace(
            line, returned=luck.choice((0, 0, luck.randint(0, line.quantity))),
            amount=line.amount + luck.choice((0, 0, 0, 1_500)),
        )
        for line in lines
    ]  # fmt: skip
    if luck.random() < 0.15:
        edited = edited[:1]
    knows_cart = bool(redemption) and luck.random() < 0.8
    return OrderEvent(
        order_key=str(number),
        customer_id=number,
        instant=instant,
        placed_at=luck.choice((now - 4 * DAY_US, now - 9 * DAY_US, instant)),
        delivered_at=luck.choice((None, None, instant)),
        status=luck.choice(STATUSES),
        channel="online",
        currency="SAR",
        cart="cart" if knows_cart else "",
        lines=tuple(edited),
        shipping=1_150,
        shipping_net=1_000,
        redemption=redemption if knows_cart else None,
        is_redemption_deducted=False,
        redeemed_points=None,
    )


def game_of(luck: random.Random, number: int, now: Instant) -> Game:
    """A game with up to six events."""
    amounts = [luck.randint(0, 300) * 115 for _ in range(luck.randint(1, 3))]
    lines = [
        OrderLine(name, luck.randint(1, 3), amount, amount * 100 // 115)
        for name, amount in zip("abc", amounts, strict=False)
    ]
    soon, always = luck.choice((0, 30, 60)), luck.choice((0, 40, 500))
    held = luck.choice((0, soon // 2, soon + always // 2, soon + always))
    waits_us = luck.choice((0, 2 * DAY_US))
    redemption = luck.randint(1, 40) * 100 if held else 0
    then = now + waits_us
    events = [event_of(luck, number, then, lines, redemption) for _ in range(luck.randint(1, 6))]
    return Game(
        number, luck.choice(PROGRAMS), soon, always, held,
        luck.choice((0, soon + always - held)), waits_us, tuple(events),
    )  # fmt: skip


class Side:
    """One of the stores in which all games are played."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.revision = 1
        made = world.engine.door.write_now(
            "store",
            lambda tx: stores.create(
                tx, StoreWish(f"Side {number}", "SAR", "UTC"), world.time.wall, "cli"
            ),
        )
        assert isinstance(made, Store)
        self.store = made

    def decide(self, changes: dict[str, Any]) -> None:
        """A new store's program, with these changes."""
        self.revision += 1

        def work(tx: Transaction) -> None:
            first = stores.program_at(tx, self.store.store_id, 1)
            tx.run(_ADD_PROGRAM, **asdict(replace(first, revision=self.revision, **changes)))

        self.world.engine.door.write_now("program", work)

    def begin(self, game: Game) -> Shopper:
        """All that goes before the order."""
        world = self.world
        shopper = world.customer(self.store, game.customer_id)
        if game.soon:
            world.adjust(shopper, game.soon, expires_at=world.time.wall + DAY_US)
        if game.always:
            world.adjust(shopper, game.always)
        if game.held:
            world.engine.door.write_now("hold", lambda tx: self._hold(tx, game))
        if game.spent:
            world.spend(shopper, game.spent)
        return shopper

    def _hold(self, tx: Transaction, game: Game) -> None:
        now, store = self.world.time.wall, self.store
        discount = next((one.redemption for one in game.events if one.redemption), 100)
        wish = MethodWish(FIXED, game.held, discount, "SAR")
        method = redemption.add_method(tx, store, wish, 1_000, now, "cli")
        assert isinstance(method, Method)
        cart = CartWish(game.customer_id, "cart", method.method_id)
        assert isinstance(redemption.apply(tx, store, cart, 20, now, "cli"), Hold)

    def tell(self, event: OrderEvent) -> Taken:
        """One event."""
        (found,) = self.world.engine.door.write_now(
            "order",
            lambda tx: orders.take_in(
                tx, self.store, [Decoded(event)], self.world.time.wall, "cli", events_max=100
            ),
        )
        assert isinstance(found, Taken), found
        return found


def ended(side: Side, shopper: Shopper, last: Taken, since: Instant) -> tuple[object, ...]:
    """What must be equal: the points by place, the open lots, and what the order comes to."""
    world = side.world
    world.post(
        Settle(dkey=shopper.dkey, customer_id=shopper.customer_id, origin=SYSTEM, key="settle")
    )
    reader = world.engine.vault.reader()
    account = books.account(reader, shopper.key)
    assert account is not None
    lots = sorted(
        # What comes back of an ended lot is usable at once, by a clock that each transfer moves.
        (lot.order_key, lot.left, since if lot.revives else lot.matures_at, lot.expires_at)
        for lot in books.all_lots(reader, shopper.key)
        if lot.left
    )
    places = (account.pending, account.available, account.held, account.owed, account.redeemed)
    comes_to = (last.status, last.earned, last.kept, last.redeemed, last.returned)
    row = last.order
    decided = (row.rule_revision, row.hold, row.redeemed, row.discount, row.troubles)
    return places, lots, comes_to, decided


def play(
    world: World, sides: list[Side], game: Game, luck: random.Random, heard: slice
) -> list[object]:
    """The game in every store; how it ended in each of them."""
    for side in sides:
        side.decide({"hold_minutes": 10_080, **game.program})
    shoppers = [side.begin(game) for side in sides]
    world.time.forward(us=game.waits_us)
    since, last = world.time.wall, list[Taken]()
    for number, side in enumerate(sides):
        told = list(game.events)
        if number:
            told += luck.choices(told, k=luck.randint(0, 3))
            luck.shuffle(told)
        else:
            told.sort(key=lambda event: event.instant)
        last.append([side.tell(event) for event in told[heard]][-1])
    world.time.forward(seconds=1)
    return [
        ended(side, shopper, taken, since)
        for side, shopper, taken in zip(sides, shoppers, last, strict=True)
    ]


def played(folder: Path, games: int, heard: slice = EVERY) -> Iterable[tuple[Game, list[object]]]:
    """Games, and how they ended; the books are audited after the last."""
    luck = seeded()
    with open_world(folder) as world:
        sides = [Side(world, number) for number in range(STORES)]
        for number in range(1, games + 1):
            game = game_of(luck, number, world.time.wall)
            yield game, play(world, sides, game, luck, heard)


def test_any_order_of_events_and_any_repetition_ends_in_the_same_books(tmp_path: Path) -> None:
    for game, ends in played(tmp_path, GAMES):
        for end in ends[1:]:
            assert end == ends[0], game


def test_control_an_order_that_is_what_was_heard_last_ends_otherwise(tmp_path: Path) -> None:
    games = played(tmp_path, 10, LAST)
    assert any(end != ends[0] for _, ends in games for end in ends)
