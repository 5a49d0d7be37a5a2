"""The clock jumps by years both ways, and stands still, under random histories.

As long as nobody has accepted a jump nothing is booked, nothing expires and nobody is signed out;
once it is accepted everything goes on by the new time, in order. What was booked stays.
Control: a server whose clock is believed whatever it shows.
"""

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from nuqta import refusals
from nuqta.engine.access import partners
from nuqta.engine.access.partners import Installed
from nuqta.engine.clock import ClockMoved
from nuqta.engine.door import accept_clock
from nuqta.engine.engine import make, open_engine
from nuqta.ledger.commands import Command, Release, Reserve
from nuqta.ledger.instants import DAY_US, SECOND_US
from nuqta.worker.sweep import sweep
from tests.http.server import PATIENCE_S, Answer, House, open_house
from tests.orders.shop import Shop
from tests.torture.campaign import Campaign
from tests.world import BY, Shopper, Time, World, open_world, settings_in

FAULT: Final = "clock"
YEAR_S: Final = 365 * 86_400
BELIEVED_S: Final = 300
NEVER_MOVED: Final = 10**9  # seconds: no jump is one
_ROWS: Final = """
    SELECT dkey, customer_id, version, move, points, lot, effective_at, recorded_at
    FROM transfers ORDER BY dkey, customer_id, version
"""


class Watch:
    """The books as they were at the last look, and the latest instant that anybody has believed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._seen: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
        self._latest = world.time.wall

    def believe(self) -> None:
        """The clock is right, as it stands."""
        self._latest = max(self._latest, self.world.time.wall)

    def look(self) -> int:
        """What must hold, whatever the clock did; how many transfers there are."""
        report = self.world.audit()
        assert report.ok, report.violations
        found: dict[tuple[int, int], list[tuple[Any, ...]]] = defaultdict(list)
        for row in self.world.engine.vault.reader().rows_of(_ROWS, ()):
            found[row[0], row[1]].append(row)
        for key, rows in found.items():
            assert [row[2] for row in rows] == list(range(1, len(rows) + 1))
            stamps = [row[7] for row in rows]
            assert all(one < later for one, later in pairwise(stamps))
            assert all(row[6] <= row[7] for row in rows), "booked before it counts"
            known = self._seen.get(key, [])
            assert rows[: len(known)] == known, "what is booked stays"
            # A microsecond for each line, where the clock stands or lies behind.
            ahead = [row for row in rows if row[7] > self._latest + len(rows)]
            expired = sum(row[4] for row in ahead if row[3] == "expire")
            assert not ahead, f"{expired} points expired at a jump that nobody had accepted"
        self._seen = dict(found)
        return sum(map(len, found.values()))


class History:
    """Customers to whom something happens, by chance."""

    def __init__(self, world: World, random: Random) -> None:
        self.world = world
        self.random = random
        self._number = 0

    def something(self) -> None:
        """One wish, of whatever kind; also what is refused is something."""
        world, random = self.world, self.random
        shopper = random.choice(world.shoppers)
        kinds: tuple[Callable[[Shopper], object], ...] = (
            self._earn, self._earn, self._adjust, self._spend, self._reserve, self._release,
            lambda _: sweep(world.engine),
        )  # fmt: skip
        random.choice(kinds)(shopper)

    def _earn(self, shopper: Shopper) -> None:
        days = self.random.choice((0, 0, 3, 14))
        self.world.earn(
            shopper, self.random.randrange(1, 200), mature_days=days,
            expire_days=self.random.choice((None, days + 1, days + 30, days + 400)),
        )  # fmt: skip

    def _adjust(self, shopper: Shopper) -> None:
        self.world.adjust(shopper, self.random.choice((50, 20, -5)))

    def _spend(self, shopper: Shopper) -> None:
        self.world.spend(shopper, self.random.randrange(1, 60))

    def _reserve(self, shopper: Shopper) -> None:
        points = self.random.randrange(1, 60)
        self._cart(
            Reserve, shopper, method_id=f"m{points}", points=points, discount=points,
            currency="SAR", life_us=self.random.choice((60, 1_800, 7 * 86_400)) * SECOND_US,
            holds_max=20,
        )  # fmt: skip

    def _release(self, shopper: Shopper) -> None:
        self._cart(Release, shopper)

    def _cart(self, kind: Callable[..., Command], shopper: Shopper, **more: object) -> None:
        self._number += 1
        self.world.post(
            kind(
                dkey=shopper.dkey,
                customer_id=shopper.customer_id,
                origin=BY,
                key=f"cart-{self._number}",
                cart=f"c{self.random.randrange(3)}",
                **more,
            )
        )

    def time_passes(self) -> None:
        """Not at all, or some time, by both clocks."""
        days, seconds = self.random.choice(((0, 0), (0, 0), (0, 40), (0, 2_000), (2, 0), (40, 0)))
        self.world.time.forward(days=days, seconds=seconds)


def accept(world: World) -> None:
    """What `nuqta clock accept` does, in a process of its own."""
    settings, clock = world.engine.settings, world.time.clock()
    with open_engine(settings, clock, past_gates=True) as person:
        now = person.clock.now()
        person.door.write_now("accept clock", lambda tx: accept_clock(tx, now))


def jump(history: History, watch: Watch, seconds: int, *, is_accepted: bool) -> None:
    """A history, a jump in it that nobody has accepted yet, and how it goes on."""
    world = history.world
    for _ in range(history.random.randrange(4, 12)):
        history.something()
        history.time_passes()
        watch.believe()
    lines = watch.look()
    before = [world.balance(shopper) for shopper in world.shoppers]
    world.time.jump(seconds)
    for _ in range(6):
        with suppress(ClockMoved):
            history.something()
    after = [world.balance(shopper) for shopper in world.shoppers]
    assert watch.look() == lines, "something was booked by a clock that nobody had accepted"
    assert after == before, "it seemed so"
    if is_accepted:
        accept(world)
    else:
        world.time.jump(-seconds)
    watch.believe()
    for _ in range(history.random.randrange(3, 9)):
        history.something()
        history.time_passes()
        watch.believe()
    watch.look()


def years(random: Random) -> int:
    """Seconds by which a clock jumps: more than is believed, at most ten years, either way."""
    most = random.choice((BELIEVED_S + 1, 86_400, YEAR_S, 10 * YEAR_S))
    return random.choice((1, -1)) * random.randrange(BELIEVED_S + 1, most + 1_000)


def test_the_clock_jumps(campaign: Campaign, tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        watch, history = Watch(world), History(world, campaign.random)
        for _ in range(campaign.rounds(8, 200)):
            is_accepted = campaign.random.random() < 0.5
            jump(history, watch, years(campaign.random), is_accepted=is_accepted)
            campaign.count("jumps")
        campaign.count("transfers", watch.look())


def test_control_a_clock_that_is_always_believed(campaign: Campaign, tmp_path: Path) -> None:
    """The same jump, with the gate out: the very same look finds it."""
    settings, time = settings_in(tmp_path), Time()
    make(settings)
    with open_engine(settings, time.clock(NEVER_MOVED)) as engine:
        world = World(engine, time)
        watch, history = Watch(world), History(world, campaign.random)
        for shopper in world.shoppers:
            world.earn(shopper, 1_000, expire_days=3_000)
        with pytest.raises(AssertionError) as found:
            jump(history, watch, 20 * YEAR_S, is_accepted=False)
    said = str(found.value).partition("\n")[0]
    assert "points expired at a jump" in said
    campaign.control("a clock that moved is not believed", said)


def test_expired_stays_expired(campaign: Campaign, tmp_path: Path) -> None:
    """What was booked as expired does not come back, however far the clock goes back."""
    with open_world(tmp_path) as world:
        watch = Watch(world)
        for _ in range(campaign.rounds(2, 20)):
            for shopper in world.shoppers:
                world.earn(shopper, 100, expire_days=30)
            world.time.forward(days=31)
            watch.believe()
            sweep(world.engine)
            kept = [world.balance(shopper) for shopper in world.shoppers]
            assert {one.available for one in kept} == {0}
            world.time.jump(-years(campaign.random) if campaign.random.random() < 0.3 else -YEAR_S)
            accept(world)
            watch.believe()
            assert [world.balance(shopper) for shopper in world.shoppers] == kept
            for shopper in world.shoppers:
                assert world.spend(shopper, 1).refusal is refusals.NOT_ENOUGH_POINTS
            watch.look()
            campaign.count("jumps")


def test_the_clock_stands_still(campaign: Campaign, tmp_path: Path) -> None:
    """Thousands of commands at one instant; then it stands while time passes elsewhere."""
    with open_world(tmp_path) as world:
        watch, history = Watch(world), History(world, campaign.random)
        for _ in range(campaign.rounds(300, 5_000)):
            history.something()
        campaign.count("commands at one instant", watch.look())
        for turn in range(campaign.rounds(2, 40)):
            shopper = world.customer(world.riyadh, 1_000 + turn)
            world.earn(shopper, 10, expire_days=1)
            world.time.steady += 2 * DAY_US
            with pytest.raises(ClockMoved):
                world.adjust(shopper, 1)
            later = world.balance(shopper)
            assert (later.available, later.version) == (0, 1), "time has passed, and is told"
            world.time.jump(2 * 86_400)  # somebody sets it
            watch.believe()
            assert world.balance(shopper) == later
            assert world.spend(shopper, 1).refusal is refusals.NOT_ENOUGH_POINTS
            world.adjust(shopper, 1)
            watch.look()
            campaign.count("jumps")


# -- over HTTP -------------------------------------------------------------------------------------
class Counter:
    """A shop's counter: what is asked over HTTP about Aisha."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.world = house.world
        self.shop = Shop(house, house.world.riyadh)
        self.token = self.world.login(self.world.aisha)
        self.method = self.shop.method(points=10).method_id
        self._number = 0

    def new_key(self) -> str:
        self._number += 1
        return f"key-{self._number}"

    def read(self, token: str = "") -> Answer:
        return self.house.balance(self.world.aisha, token or self.token)

    def add(self, points: int, key: str) -> Answer:
        path = "/v1/managers/loyalty-program/customers/adjust-customer-points"
        body = {"customerId": 1, "direction": "+", "points": points, "reason": "gift"}
        headers = {**self.house.manager(self.world.riyadh), "Idempotency-Key": key}
        return self.house.send("POST", path, headers, body)

    def hold(self, cart: str) -> Answer:
        path = "/api/v1/cart/loyalty/redemptions"
        headers = {"Host": "riyadh.example", "X-CUSTOMER-TOKEN": self.token,
                   "CART-SESSION-ID": cart, "Idempotency-Key": self.new_key()}  # fmt: skip
        return self.house.send("POST", path, headers, {"method_ids": [self.method]})

    def version(self) -> int:
        return int(self.read()["etag"].strip('"').split("-")[0])


def waits(answer: Answer) -> bool:
    """Whether the answer is that nothing was done, and that the same key may come again."""
    assert answer.status == 503, answer.body
    assert answer.code == "ERROR_SERVICE_UNAVAILABLE"
    assert int(answer["retry-after"]) >= 1
    return True


def test_over_http(campaign: Campaign, tmp_path: Path) -> None:
    """Balances and sessions stand through a jump that nobody accepted; a key is done once."""
    with open_house(tmp_path) as house:
        counter, world = Counter(house), house.world
        watch, random = Watch(world), campaign.random
        for _ in range(campaign.rounds(6, 100)):
            renew(world)
            counter.token = world.login(world.aisha)
            world.earn(world.aisha, 100, expire_days=random.choice((1, 30, 4_000)))
            held = counter.hold(f"cart{counter.new_key()}")
            # After a way back an account is ahead of the clock: what expires soon has by then.
            assert held.code in ("", "ERROR_NOT_ENOUGH_POINTS", "ERROR_TOO_MANY_HOLDS")
            watch.believe()
            watch.look()
            version, before = counter.version(), counter.read()
            seconds, key = years(random), counter.new_key()
            world.time.jump(seconds)
            assert waits(counter.add(5, key))
            assert waits(counter.hold("other"))
            told = counter.read()
            assert (told.status, told.body, told["etag"]) == (200, before.body, before["etag"])
            if random.random() < 0.5:
                world.time.jump(-seconds)
                assert counter.read().body == before.body
            else:
                accept(world)
            watch.believe()
            renew(world)
            first = counter.add(5, key)
            assert first.status == 200
            assert counter.add(5, key).body == first.body
            lives = counter.read()
            is_over = world.time.wall - began(world, counter.token) > 30 * DAY_US
            assert lives.code == ("ERROR_SESSION_EXPIRED" if is_over else "")
            counter.token = world.login(world.aisha)
            assert counter.version() > version
            watch.look()
            campaign.count("jumps")


def renew(world: World) -> None:
    """The partner's tokens are of today: they live a year, and the clock jumps by ten."""
    store_id, now = world.riyadh.store_id, world.time.wall
    made = world.engine.door.write_now(
        "install",
        lambda tx: partners.install(tx, world.engine.keyring, world.partner, store_id, "", now),
    )
    assert isinstance(made, Installed)
    world.tokens[store_id] = made


def began(world: World, token: str) -> int:
    """When a session began."""
    digest = world.engine.keyring.digest(token)
    (row,) = world.engine.vault.reader().rows_of(
        "SELECT created_at FROM sessions WHERE digest = ?", (digest,)
    )
    return int(row[0])


def test_a_clock_that_was_accepted_is_read_by_also_where_nobody_writes(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        counter, world = Counter(house), house.world
        world.earn(world.aisha, 100, expire_days=30)
        world.time.jump(100 * 86_400)
        assert counter.read().json["points"]["available_poitns"] == 100
        accept(world)
        for _ in range(PATIENCE_S * 500):  # the server looks once a second
            if counter.read().code == "ERROR_SESSION_EXPIRED":
                break
        assert counter.read().code == "ERROR_SESSION_EXPIRED"
