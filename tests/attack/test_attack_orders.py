"""Hostile and buggy shops: odd numbers, odd names, many calls at once for one order and cart."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from nuqta.engine.redemption import live_holds
from nuqta.loyalty.redemption import PERCENTAGE
from tests.http.server import open_house
from tests.orders.shop import Shop, line, lots, plain, points, status, zid


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Riyadh's shop, whose books are audited as the test ends."""
    with open_house(tmp_path, rate_limit=0) as house:
        yield Shop(house, house.world.riyadh)


@pytest.mark.parametrize(
    "number",
    ["1e400", "1e99999999999999999999", "-1e99999999999999999999", "0e99999999999999999999",
     "0.1e-999999999999999999999", "1" * 4_000, "1" * 5_000],
)  # fmt: skip
def test_numbers_of_any_size_are_refused_and_kept(shop: Shop, number: str) -> None:
    """What is answered 500 is kept for nobody; the shop's order would be lost."""
    body = json.dumps(plain(shop))[:-1] + f', "total": {number}}}'
    answers = [shop.put("1", body.encode()), shop.webhook(f'{{"id": {number}}}'.encode())]
    assert {answer.status for answer in answers} <= {400, 422}
    assert len(shop.refused()) == 2
    assert not points(shop.world, shop.world.aisha)


@pytest.mark.parametrize("name", ["status", "message", "error_code"])
def test_a_field_is_told_also_where_the_envelope_has_its_name(shop: Shop, name: str) -> None:
    answer = shop.put("1", plain(shop) | {name: "odd"})
    assert answer.status == 422
    assert answer.json[f"order.{name}"]


# -- percentages -----------------------------------------------------------------------------------


def test_the_discount_of_a_percentage_is_what_it_gives_the_order(shop: Shop) -> None:
    """10 percent are kept as 1,000 basis points: that is no discount of 10.00."""
    world = shop.world
    world.adjust(world.aisha, 100)
    assert shop.add(world.aisha, "c", shop.method(40, 1_000, rule_type=PERCENTAGE)).status == 200
    (hold,) = live_holds(world.engine.vault.reader(), shop.store.store_id, 1)
    assert (hold.points, hold.discount) == (40, 0)
    told = shop.told("1", plain(shop, cart_session_id="c"))
    assert (told["points_earned"], told["points_redeemed"]) == (207, 40)
    assert told["needs_attention"] == []
    told = shop.told("2", plain(shop, cart_session_id="c", loyalty_redemption="23"))
    assert told["needs_attention"] == ["redemption_unmatched"], "a hold serves one order"


def test_a_zid_order_that_a_percentage_paid_for_takes_its_points(shop: Shop) -> None:
    world = shop.world
    world.adjust(world.aisha, 100)
    shop.add(world.aisha, "c", shop.method(40, 1_000, rule_type=PERCENTAGE))
    shop.add(world.aisha, "d", shop.method(30, 700))
    for number, left in ((1, {"held": 40, "used": 30}), (2, {"used": 70})):
        assert shop.webhook(zid(shop, id=number, paid_by_points=7)).status == 200
        found = points(world, world.aisha)
        assert {name: found[name] for name in found if name != "available"} == left
    assert not shop.in_need()


# -- many at once ----------------------------------------------------------------------------------


def test_one_order_told_by_many_at_once_ends_as_told_by_one(shop: Shop) -> None:
    world, luck = shop.world, Random(7)
    world.adjust(world.aisha, 100)
    shop.add(world.aisha, "c", shop.method(40, 400))
    told = [
        plain(shop, a, b, seconds=90 - n, status=word, cart_session_id="c", customer={"id": 1})
        for n, (a, b, word) in enumerate(
            [(0, 0, "new"), (1, 0, "delivered"), (0, 1, "cancelled"), (0, 0, "delivered"),
             (2, 0, "returned"), (1, 1, "delivered")]
        )
    ]  # fmt: skip
    calls = [body for body in told for _ in range(8)]
    luck.shuffle(calls)
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda body: shop.put("1", body).status, calls))
    assert set(answers) == {200}
    for body in told:
        shop.told("2", {**body, "cart_session_id": None})
    first, second = shop.told("1", told[-1]), shop.told("2", {**told[-1], "cart_session_id": None})
    assert first["is_replay"]
    assert second["is_replay"]
    assert (first["points_kept"], second["points_kept"]) == (0, 0)
    assert first["points_returned"] == first["points_redeemed"] == 40
    assert points(world, world.aisha) == {"available": 100}
    assert {key: left for key, left, *_ in lots(world, world.aisha)} == {"": 100}


def test_two_tabs_and_orders_never_hold_or_take_a_point_twice(shop: Shop) -> None:
    world = shop.world
    world.adjust(world.aisha, 200)
    shop.remove(world.aisha, "c0")  # signs in, before there are many
    methods = [shop.method(40, 400), shop.method(70, 700)]

    def call(number: int) -> int:
        luck = Random(number)
        cart, kind = f"c{luck.randrange(5)}", luck.randrange(4)
        if kind == 0:
            return shop.remove(world.aisha, cart).status
        if kind < 3:
            key = f"k{luck.randrange(20)}" if luck.random() < 0.3 else ""
            return shop.add(world.aisha, cart, luck.choice(methods), key).status
        word = luck.choice(["new", "delivered", "cancelled"])
        order = plain(shop, seconds=luck.randrange(60), status=word, cart_session_id=cart)
        order["lines"] = [line("a", 1, "0", "0")]
        return shop.put(f"o{luck.randrange(6)}", order).status

    with ThreadPoolExecutor(12) as threads:
        answers = set(threads.map(call, range(400)))
    assert answers <= {200, 409, 422}
    found = points(world, world.aisha)
    assert sum(found.values()) == 200
    assert "owed" not in found


def test_an_order_that_flaps_a_hundred_times(shop: Shop) -> None:
    world = shop.world
    shop.pair()
    for turn in range(100):
        word = "cancelled" if turn % 2 else "delivered"
        answer = shop.webhook(zid(shop, seconds=200 - turn, order_status=status(word)))
        assert answer.status == 200
    assert not points(world, world.aisha)
    assert shop.webhook(zid(shop, order_status=status("delivered"))).status == 200
    assert points(world, world.aisha) == {"available": 230}
    assert len(lots(world, world.aisha)) == 1
