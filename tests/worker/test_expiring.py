"""What is about to expire is told once, some days before, and only where there is anything left."""

from nuqta.ledger.events import EXPIRING
from nuqta.ledger.instants import DAY_US
from nuqta.worker.expiring import remind
from tests.world import Shopper, World


def told(world: World, shopper: Shopper) -> list[tuple[int, int]]:
    """(lot, points) of every reminder of a customer, in the order of their numbers."""
    rows = world.engine.vault.reader().rows_of(
        "SELECT lot, points FROM events WHERE dkey = ? AND customer_id = ? AND kind = ?"
        " ORDER BY number",
        (*shopper.key, EXPIRING),
    )
    return [(lot, points) for lot, points in rows]


def test_a_lot_is_told_of_once_within_the_days_of_the_setting(world: World) -> None:
    days = world.engine.settings.expiring_days
    world.earn(world.aisha, 100, expire_days=30)
    world.time.forward(days=30 - days, us=-1)
    remind(world.engine)
    assert told(world, world.aisha) == []
    world.time.forward(us=1)
    assert remind(world.engine) == 1
    assert remind(world.engine) == 0
    world.time.forward(days=1)
    assert remind(world.engine) == 0
    assert told(world, world.aisha) == [(1, 100)]


def test_what_is_spent_or_gone_is_not_told(world: World) -> None:
    world.earn(world.aisha, 100, expire_days=2)
    world.spend(world.aisha, 40)
    world.earn(world.badr, 10, expire_days=2)
    world.spend(world.badr, 10)
    world.earn(world.clara, 10)  # for ever
    assert remind(world.engine) == 1
    assert told(world, world.aisha) == [(1, 60)]
    assert told(world, world.badr) == told(world, world.clara) == []
    world.earn(world.badr, 10, expire_days=1)
    world.time.forward(days=1)
    remind(world.engine)
    assert told(world, world.badr) == [], "it has expired before anybody could be told"


def test_a_reminder_moves_nothing_and_has_a_number_of_its_own(world: World) -> None:
    world.earn(world.aisha, 100, expire_days=2)
    before = world.balance(world.aisha)
    remind(world.engine)
    assert world.balance(world.aisha) == before
    world.spend(world.aisha, 30)
    rows = world.engine.vault.reader().rows_of(
        "SELECT number, kind, version, available, expires_at - effective_at FROM events"
        " WHERE dkey = ? AND customer_id = ? ORDER BY number",
        world.aisha.key,
    )
    assert rows == [
        (1, "points.earned", 1, 100, 2 * DAY_US),
        (2, EXPIRING, 1, 100, 2 * DAY_US),
        (3, "points.redeemed", 2, 70, rows[2][4]),
    ]


def test_many_lots_are_told_in_batches(world: World) -> None:
    shoppers = [world.customer(world.riyadh, 100 + number) for number in range(30)]
    for shopper in shoppers:
        world.earn(shopper, 5, expire_days=1)
    world.engine.settings.batch = 7
    assert remind(world.engine) == 30
    assert all(told(world, shopper) == [(1, 5)] for shopper in shoppers)
