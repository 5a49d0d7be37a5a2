"""A store's totals are what its customers have, each asked alone, whatever time has done since."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuqta.engine.reading.balances import account_now
from nuqta.engine.reading.totals import Totals, totals
from nuqta.engine.stores import Store
from nuqta.ledger.commands import Reserve
from nuqta.ledger.instants import DAY_US, SECOND_US
from nuqta.storage.statements import statement
from tests.world import BY, Shopper, World, open_world


@dataclass(frozen=True)
class Step:
    """Something that happens to one of the customers, or time that passes."""

    what: Literal["earn", "add", "deduct", "spend", "hold", "wait", "settle"]
    who: int
    points: int
    days: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["earn", "earn", "add", "deduct", "spend", "hold", "wait", "settle"]),
        st.integers(0, 3),
        st.integers(1, 50),
        st.integers(0, 12),
    ),
    max_size=25,
)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for all histories: each goes on where the one before ended."""
    with open_world(tmp_path_factory.mktemp("totals")) as world:
        world.customer(world.riyadh, 64 + 1, "In Aisha's bucket")
        yield world


def shoppers_of(world: World) -> list[Shopper]:
    third = Shopper(world.riyadh.store_id, 64 + 1, "In Aisha's bucket")
    return [world.aisha, world.badr, third, world.clara]


def play(world: World, step: Step) -> None:
    shopper = shoppers_of(world)[step.who]
    match step.what:
        case "earn":
            world.earn(shopper, step.points, mature_days=step.days, expire_days=step.days + 5)
        case "add":
            world.adjust(
                shopper, step.points, expires_at=world.time.wall + (1 + step.days) * DAY_US
            )
        case "deduct":
            world.adjust(shopper, -step.points)
        case "spend":
            world.spend(shopper, step.points)
        case "hold":
            world.post(holding(world, shopper, step.points, step.days * DAY_US + SECOND_US))
        case "wait":
            world.time.forward(days=step.days)
        case "settle":
            world.adjust(shopper, 1)


def holding(world: World, shopper: Shopper, points: int, life_us: int) -> Reserve:
    """Points set aside for a cart."""
    return Reserve(
        dkey=shopper.dkey, customer_id=shopper.customer_id, origin=BY,
        key=f"hold-{world.time.forward(us=1)}", cart="cart", method_id="method", points=points,
        discount=100, currency="SAR", basket=None, life_us=life_us, holds_max=20,
    )  # fmt: skip


def told(world: World, store: Store) -> Totals:
    """What the statement and its correction say."""
    with world.engine.vault.snapshot() as tx:
        return totals(tx, store.store_id, world.time.wall)


def added_up(world: World, store: Store) -> Totals:
    """What every customer is shown, one by one."""
    accounts = [
        account_now(world.engine, shopper.key, world.time.wall)
        for shopper in shoppers_of(world)
        if shopper.store_id == store.store_id
    ]
    known = [one for one in accounts if one is not None]
    return Totals(
        sum(one.total_positive for one in known),
        sum(one.used for one in known),
        sum(one.pending for one in known),
        sum(one.pending + one.available + one.held > 0 for one in known),
    )


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_the_totals_are_what_each_customer_is_shown(old: World, steps: list[Step]) -> None:
    for step in steps:
        play(old, step)
        for store in (old.riyadh, old.kuwait):
            assert told(old, store) == added_up(old, store), step


def test_time_alone_changes_the_totals(world: World) -> None:
    world.earn(world.aisha, 100, mature_days=10, expire_days=20)
    world.earn(world.badr, 7)
    world.earn(world.clara, 1_000)
    assert told(world, world.riyadh) == Totals(107, 0, 100, 2)
    world.time.forward(days=10)
    assert told(world, world.riyadh) == Totals(107, 0, 0, 2)
    world.time.forward(days=10)
    assert told(world, world.riyadh) == Totals(107, 0, 0, 1)
    assert told(world, world.kuwait) == Totals(1_000, 0, 0, 1)


def test_control_the_sums_as_booked_are_not_the_totals(world: World) -> None:
    world.earn(world.aisha, 100, mature_days=10)
    world.time.forward(days=10)
    bounds = {"dkey_from": 0, "dkey_until": 2**63 - 1}
    with world.engine.vault.snapshot() as tx:
        booked = tx.rows(statement("points.totals"), **bounds)[0]
    assert booked[2] == 100
    assert told(world, world.riyadh).pending == 0


def test_a_store_without_customers_has_nothing(world: World) -> None:
    with world.engine.vault.snapshot() as tx:
        assert totals(tx, 1, world.time.wall) == Totals(0, 0, 0, 0)
