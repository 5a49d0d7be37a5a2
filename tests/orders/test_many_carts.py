"""Many carts at once on one balance: no point is ever held twice, and every point is accounted for.

The luck prints its seed, which NUQTA_CARTS_SEED plays again as far as threads allow.
"""

import os
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from nuqta.engine import door
from nuqta.engine.engine import open_engine
from nuqta.ledger.account import Account
from nuqta.ledger.commands import Answer as Decided
from nuqta.ledger.commands import Command, Reserve
from nuqta.ledger.instants import SECOND_US, Instant, Points
from nuqta.ledger.lots import Lot
from nuqta.ledger.posting import Facts, decide
from nuqta.loyalty.redemption import Method
from nuqta.storage import books
from nuqta.storage.sqlite import Transaction
from tests.attack.running import serving as running
from tests.http.server import Answer, House, Log, open_house, serving
from tests.orders.shop import Shop, plain, points
from tests.world import Shopper, Time, World, open_world

CARTS, REQUESTS, POINTS = 10, 50, 300
PRICES: Final = (7, 13, 40, 90)
PATIENCE_S: Final = 120


def seeded() -> random.Random:
    """Luck that can be played again: the seed is printed where a test fails."""
    seed = os.environ.get("NUQTA_CARTS_SEED") or secrets.token_hex(4)
    os.write(1, f"NUQTA_CARTS_SEED={seed}\n".encode())
    return random.Random(seed)


def all_at_once(works: Sequence[Callable[[], object]]) -> None:
    """Every piece of work in a thread of its own; what one of them raises is raised here."""
    faults: list[BaseException] = []
    together = threading.Barrier(len(works))

    def start(work: Callable[[], object]) -> None:
        try:
            together.wait(PATIENCE_S)
            work()
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=start, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not any(thread.is_alive() for thread in threads)
    if faults:
        raise faults[0]


class Cart:
    """One cart and whoever clicks in it; it knows what its holds must be from the answers alone."""

    def __init__(self, shop: Shop, name: str, methods: Sequence[Method], luck: random.Random):
        self.shop, self.name, self.methods, self.luck = shop, name, methods, luck
        self.holds: list[tuple[int, str]] = []
        self.refused = 0

    @property
    def held(self) -> int:
        """The points that it holds, as its answers say."""
        return self.holds[-1][0] if self.holds and self.holds[-1][1] == "" else 0

    @property
    def captured(self) -> int:
        """The points that its orders took."""
        return sum(count for count, ending in self.holds if ending == "captured")

    def click(self) -> None:
        """Fifty requests, one after another."""
        aisha = self.shop.world.aisha
        for turn in range(REQUESTS):
            what = self.luck.choices(("add", "remove", "order"), (12, 7, 1))[0]
            if what == "add":
                self._add(aisha, self.luck.choice(self.methods))
            elif what == "remove":
                answer = self.shop.remove(aisha, self.name)
                assert answer.status == 200, answer.body
                self._end("released")
            else:
                body = plain(self.shop, cart_session_id=self.name)
                told = self.shop.told(f"{self.name}-{turn}", body)
                assert told["points_redeemed"] == self.held
                self._end("captured")

    def _add(self, shopper: Shopper, method: Method) -> None:
        answer = self.shop.add(shopper, self.name, method)
        if answer.status == 200:
            if self.held != method.points_to_redeem:
                self._end("replaced")
                self.holds.append((method.points_to_redeem, ""))
        else:
            assert answer.code == "ERROR_NOT_ENOUGH_POINTS", answer.body
            self.refused += 1

    def _end(self, ending: str) -> None:
        if self.held:
            self.holds[-1] = (self.held, ending)


def holds_of(world: World, shopper: Shopper) -> dict[str, list[tuple[int, str]]]:
    """Every hold that the books know, by cart: its points and its ending."""
    found: dict[str, list[tuple[int, str]]] = {}
    with world.engine.vault.snapshot() as tx:
        for hold in books.all_holds(tx, shopper.key):
            found.setdefault(hold.cart, []).append((hold.points, hold.ending))
    return found


def play(world: World, ports: Sequence[int]) -> None:
    """Ten carts click at once, on the servers in turn; then the books are asked."""
    luck, store, aisha = seeded(), world.riyadh, world.aisha
    first = Shop(House(world, ports[0], Log()), store)
    first.rule(is_active=0)
    methods = [first.method(points=price, discount=price * 10) for price in PRICES]
    world.adjust(aisha, POINTS)
    carts = [
        Cart(
            Shop(House(world, ports[number % len(ports)], Log()), store),
            f"cart-{number}", methods, random.Random(luck.random()),
        )
        for number in range(CARTS)
    ]  # fmt: skip
    all_at_once([cart.click for cart in carts])
    assert holds_of(world, aisha) == {cart.name: cart.holds for cart in carts if cart.holds}
    held, used = sum(cart.held for cart in carts), sum(cart.captured for cart in carts)
    balance = world.balance(aisha)
    assert (balance.held, balance.used) == (held, used)
    assert balance.available == POINTS - held - used >= 0
    assert sum(cart.refused for cart in carts) > 0, "there was too much for all of them"
    if balance.available:  # and what is left can be held to the last point
        rest = first.method(points=balance.available)
        assert first.add(aisha, "rest", rest).status == 200
    assert first.add(aisha, "more", first.method(points=1)).code == "ERROR_NOT_ENOUGH_POINTS"


def test_ten_carts_of_fifty_requests_on_one_balance(tmp_path: Path) -> None:
    """Through two servers with an engine each on one file."""
    with open_house(tmp_path) as house:
        settings = house.world.engine.settings
        with open_engine(settings, house.world.time.clock()) as other, serving(other) as port:
            play(house.world, [house.port, port])


@pytest.fixture
def present(tmp_path: Path) -> Iterator[World]:
    """The world, as of now, because other processes have clocks of their own."""
    with open_world(tmp_path, Time(time.time_ns() // 1000), rate_limit=0) as world:
        yield world


def test_ten_carts_on_two_processes(present: World) -> None:
    with running(present, 2) as (port, _):
        play(present, [port])


# -- more than there is, at one moment ------------------------------------------------------------


def told_at_once(shop: Shop, price: int) -> list[str]:
    """What ten carts are told, when each asks for so many points at one moment: "" is done."""
    aisha, method, answers = shop.world.aisha, shop.method(points=price), list[Answer]()
    shop.remove(aisha, "none")  # log in

    def ask(number: int) -> Callable[[], object]:
        return lambda: answers.append(shop.add(aisha, f"cart-{number}", method))

    all_at_once([ask(number) for number in range(CARTS)])
    return [answer.code for answer in answers]


@pytest.mark.parametrize("price", [1, 30, 51, 100, 101])
def test_ten_carts_that_want_all_at_one_moment(shop: Shop, price: int) -> None:
    world, aisha = shop.world, shop.world.aisha
    world.adjust(aisha, 100)
    told = told_at_once(shop, price)
    held = told.count("") * price
    assert set(told) <= {"", "ERROR_NOT_ENOUGH_POINTS"}
    assert held == min(CARTS, 100 // price) * price
    found = {"available": 100 - held, "held": held}
    assert points(world, aisha) == {name: left for name, left in found.items() if left}


Post = Callable[[Transaction, Sequence[Command], Instant], list[Decided]]


class Stale:
    """A way to post that is wrong on purpose: what is available is looked up once and believed."""

    def __init__(self) -> None:
        self.seen: tuple[Account, list[Lot]] | None = None

    def post(self, tx: Transaction, commands: Sequence[Command], clock: Instant) -> list[Decided]:
        facts = books.load(tx, commands)
        if isinstance(commands[0], Reserve):
            ((key, now),) = facts.accounts.items()
            before, lots = self.seen = self.seen or (now, facts.lots[key])
            stale = Account(
                **{
                    **{name: getattr(before, name) for name in before.__struct_fields__},
                    "version": now.version, "recorded_at": now.recorded_at, "events": now.events,
                }
            )  # fmt: skip
            facts = Facts({key: stale}, {key: lots}, facts.receipts, facts.holds, facts.orders)
        outcome = decide(list(commands), facts, clock)
        books.record(tx, outcome)
        return outcome.answers


def _posted(post: Post, wish: Reserve, now: Instant, tx: Transaction) -> None:
    post(tx, [wish], now)


def held_by(world: World, post: Post) -> Points:
    """What is held after two carts asked for 60 of 100 points, each decided by `post`."""
    aisha, now = world.aisha, world.time.wall
    for number in range(2):
        wish = Reserve(
            dkey=aisha.dkey, customer_id=aisha.customer_id, origin="cli", key=f"k{number}",
            cart=f"cart-{number}", method_id="method", points=60, discount=0, currency="SAR",
            basket=None, life_us=SECOND_US, holds_max=CARTS,
        )  # fmt: skip
        world.engine.door.write_now("reserve", partial(_posted, post, wish, now))
    rows = world.engine.vault.reader().rows_of("SELECT sum(points) FROM holds", ())
    return int(rows[0][0])


@pytest.mark.parametrize(("wrong", "held"), [(False, 60), (True, 120)])
def test_control_a_look_from_before_holds_points_twice(
    tmp_path: Path, wrong: bool, held: Points
) -> None:
    with open_world(tmp_path, is_audited=False) as world:
        world.adjust(world.aisha, 100)
        assert held_by(world, Stale().post if wrong else door.post) == held
        assert world.audit().ok is not wrong


# -- the ends of one hold, racing ------------------------------------------------------------------


@contextmanager
def races(folder: Path) -> Iterator[tuple[Shop, Method]]:
    """A shop where Aisha has points, and no order earns."""
    with ExitStack() as stack:
        house = stack.enter_context(open_house(folder))
        shop = Shop(house, house.world.riyadh)
        shop.rule(is_active=0)
        house.world.adjust(house.world.aisha, 10_000)
        yield shop, shop.method()


@pytest.mark.parametrize("is_said", [False, True], ids=["of its cart", "that says it was paid"])
def test_an_order_races_with_every_other_end_of_its_cart(tmp_path: Path, is_said: bool) -> None:
    """Captured, released, replaced or lapsed: whichever is first, the order's points are taken once
    or, where its cart gave them back before and it does not say that it was paid, not at all."""
    luck, used = seeded(), 0
    with races(tmp_path) as (shop, method):
        world, aisha = shop.world, shop.world.aisha
        another = shop.method(points=25, discount=2_50)
        for number in range(40):
            cart, order = f"cart-{number}", str(number)
            assert shop.add(aisha, cart, method).status == 200
            said = "4.00" if is_said else None
            body = plain(shop, cart_session_id=cart, loyalty_redemption=said)
            redeemed: list[int] = []
            ends: list[Callable[[], object]] = [
                lambda cart=cart: shop.remove(aisha, cart),  # type: ignore[misc]
                lambda cart=cart: shop.add(aisha, cart, another),  # type: ignore[misc]
                lambda: world.time.forward(hours=1),
                lambda: world.engine.door.write_now("turn", lambda tx: None),
            ]
            works = luck.sample(ends, 2)

            def tell(
                order: str = order, body: object = body, redeemed: list[int] = redeemed
            ) -> None:
                redeemed.append(shop.told(order, body)["points_redeemed"])

            works += [tell, tell]  # its shop sends it twice
            luck.shuffle(works)
            all_at_once(works)
            assert len(set(redeemed)) == 1, "both are told the same"
            assert redeemed[0] in ((40, 25) if is_said else (40, 25, 0))
            used += redeemed[0]
            shop.remove(aisha, cart)
            balance = world.balance(aisha)
            assert (balance.available, balance.used, balance.held) == (10_000 - used, used, 0)
            assert of_order(world, aisha, order) == [taken for taken in redeemed[:1] if taken]


def of_order(world: World, shopper: Shopper, order: str) -> list[int]:
    """The points of the holds that an order used."""
    with world.engine.vault.snapshot() as tx:
        found = books.all_holds(tx, shopper.key)
    return [hold.points for hold in found if hold.order_key == order]
