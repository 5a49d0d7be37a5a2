"""Returns over HTTP: several of them, in any order, end where one full return ends.

Each failure names its seed: `NUQTA_RETURNS_SEED=… pytest tests/orders/test_returns.py` plays it
again. Source: design, ledger, section 5.
"""

import os
import random
import secrets
from typing import TypeAlias

from tests.orders.shop import Body, Shop, account, line, lots, moment, plain, points
from tests.world import Shopper

SEED = int(os.environ.get("NUQTA_RETURNS_SEED") or secrets.randbits(32))
ROUNDS = 12

Ends: TypeAlias = tuple[dict[str, int], dict[str, int], list[tuple[int, int, int]]]


def bought(chance: random.Random) -> list[Body]:
    """One to four lines; some of them cost nothing."""
    return [
        line(
            f"line-{number}",
            chance.randint(1, 4),
            f"{chance.choice((0, chance.randint(1, 9_999)))}.{chance.randint(0, 99):02}",
            f"{chance.randint(0, 50)}.{chance.randint(0, 9999):04}",
        )
        for number in range(chance.randint(1, 4))
    ]


def steps(chance: random.Random, lines: list[Body]) -> list[list[int]]:
    """How many came back of each line after each of several returns; all of them at the end."""
    pieces = [number for number, one in enumerate(lines) for _ in range(one["quantity"])]
    chance.shuffle(pieces)
    ends = sorted({*chance.sample(range(1, len(pieces) + 1), min(3, len(pieces))), len(pieces)})
    return [[pieces[:end].count(number) for number in range(len(lines))] for end in ends]


def with_returned(lines: list[Body], returned: list[int]) -> list[Body]:
    """The lines, with so many of each come back."""
    return [{**one, "returned": count} for one, count in zip(lines, returned, strict=True)]


def ends(shop: Shop, shopper: Shopper) -> Ends:
    """Where a customer's books stand: places, sums, and the open lots without their order."""
    sums = account(shop.world, shopper)
    totals = {name: getattr(sums, name) for name in ("issued", "cancelled", "redeemed")}
    found = [(left, matures, expires) for _, left, matures, expires in lots(shop.world, shopper)]
    return points(shop.world, shopper), totals, sorted(found)


def round_of(shop: Shop, chance: random.Random, number: int) -> tuple[Ends, Ends]:
    """One order, returned in parts that are told in any order, and its twin, returned at once.

    Both are bought with points in part, and the instants are the shop's own.
    """
    method, lines = shop.method(points=37, discount=1), bought(chance)
    moments = [[0] * len(lines), *steps(chance, lines)]
    told = [(100 - place, returned) for place, returned in enumerate(moments)]
    parts = told + chance.choices(told, k=2)
    chance.shuffle(parts)
    placed_at = moment(shop.world, seconds=500)
    found = []
    for way in (parts, [told[0], told[-1]]):
        shopper = shop.somebody(100)
        assert shop.add(shopper, f"cart-{shopper.customer_id}", method).status == 200
        for seconds, returned in way:
            body = plain(
                shop, of=shopper, seconds=seconds, placed_at=placed_at,
                lines=with_returned(lines, returned),
                cart_session_id=f"cart-{shopper.customer_id}",
            )  # fmt: skip
            answer = shop.told(f"{number}-{shopper.customer_id}", body)
            assert 0 <= answer["points_kept"] <= answer["points_earned"]
            assert answer["points_returned"] <= answer["points_redeemed"] == 37
        found.append(ends(shop, shopper))
    return found[0], found[1]


def test_several_returns_end_where_one_full_return_ends(shop: Shop) -> None:
    chance = random.Random(SEED)
    for number in range(ROUNDS):
        shop.rule(points_rewarded=chance.randint(1, 9), amount_to_spend=chance.randint(1, 999))
        in_parts, at_once = round_of(shop, chance, number)
        assert in_parts == at_once, (SEED, number)
        assert in_parts[0] == {"available": 100}, (SEED, number)


def test_what_is_kept_never_grows_with_a_return(shop: Shop) -> None:
    """Told in the shop's order, every return takes something or nothing, and the last takes all."""
    chance = random.Random(SEED)
    for number in range(ROUNDS):
        lines = bought(chance)
        kept = [
            shop.told(
                str(number), plain(shop, seconds=100 - place, lines=with_returned(lines, returned))
            )["points_kept"]
            for place, returned in enumerate([[0] * len(lines), *steps(chance, lines)])
        ]  # fmt: skip
        assert kept == sorted(kept, reverse=True), (SEED, number)
        assert kept[-1] == 0, (SEED, number)
    assert points(shop.world, shop.world.aisha) == {}


def test_a_return_that_is_taken_back_gives_nothing_back(shop: Shop) -> None:
    """Returned quantities only grow, whatever a later event says; a status may go back."""
    shop.told("1", plain(shop, seconds=9))
    assert shop.told("1", plain(shop, 1, seconds=8))["points_kept"] == 143
    assert shop.told("1", plain(shop, seconds=7))["points_kept"] == 143
    assert shop.told("1", plain(shop, seconds=6, status="returned"))["points_kept"] == 0
    assert shop.told("1", plain(shop, seconds=5, status="delivered"))["points_kept"] == 143
    assert points(shop.world, shop.world.aisha) == {"available": 143}
