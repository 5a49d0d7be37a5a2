"""The loop of a worker: one lease, faults that are logged and tried again, an end when told."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nuqta.engine.clock import ClockMoved
from nuqta.engine.engine import Engine, open_engine
from nuqta.engine.reading.audit import audit
from nuqta.ledger.instants import DAY_US, SECOND_US
from nuqta.storage.sqlite import Transaction
from nuqta.worker.expiring import remind
from nuqta.worker.loop import Lease, Worker, beside, settle_due
from nuqta.worker.sweep import settle
from tests.http.server import PATIENCE_S, logging_all
from tests.worker.receiver import Receiver
from tests.worker.work import deliver, firsts, numbered, subscribe
from tests.world import Time, World, open_world, settings_in


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[World]:
    """A world whose worker rests for a moment only."""
    with open_world(
        tmp_path, webhook_private_targets=1, worker_pause_ms=10, worker_lease_seconds=600
    ) as one:
        yield one


@contextmanager
def working(engine: Engine) -> Iterator[Worker]:
    """A worker in a thread."""
    worker = Worker(engine)
    thread = threading.Thread(target=lambda: asyncio.run(worker.run()))
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "the worker does not end"


def holder(world: World) -> str | None:
    """Who has the lease."""
    rows = world.engine.vault.reader().rows_of("SELECT holder FROM leases", ())
    return rows[0][0] if rows else None


def reached(world: World) -> int:
    """How many events are noted as delivered, over all shards."""
    rows = world.engine.vault.reader().rows_of("SELECT sum(position) FROM deliveries", ())
    return int(rows[0][0] or 0)


def test_it_seals_what_was_booked(quick: World, receiver: Receiver) -> None:
    """One round seals; the event that a later round tells says that it is over."""
    subscribe(quick, receiver.url)
    quick.adjust(quick.aisha, 10)
    with working(quick.engine):
        receiver.wait_until(lambda: bool(receiver.told))
        quick.adjust(quick.aisha, 1)  # a round gives a shard's events their positions once
        receiver.wait_until(lambda: len(receiver.told) == 2)
    report = audit(quick.engine, in_full=True)
    assert report.sealed in (1, 2), "what was booked after it may have come in time"


def test_it_books_and_tells_until_it_is_stopped(quick: World, receiver: Receiver) -> None:
    subscribe(quick, receiver.url)
    quick.earn(quick.aisha, 10, mature_days=1)
    quick.earn(quick.badr, 10, expire_days=3)
    with working(quick.engine):
        receiver.wait_until(lambda: len(receiver.told) == 3)
        assert holder(quick) is not None
        quick.time.forward(days=1)
        receiver.wait_until(lambda: len(receiver.told) == 4)
        quick.earn(quick.aisha, 1)
        receiver.wait_until(lambda: len(receiver.told) == 5)
    assert holder(quick) is None, "the lease was given back"
    assert sorted(told.event["type"] for told in receiver.told) == [
        *["points.earned"] * 3, "points.expiring", "points.matured",
    ]  # fmt: skip
    assert firsts(receiver.numbers) == numbered(quick)


def test_of_two_workers_one_works(quick: World, receiver: Receiver) -> None:
    subscribe(quick, receiver.url)
    settings = quick.engine.settings
    with (
        open_engine(settings, quick.time.clock()) as other,
        working(quick.engine) as first,
        working(other),
    ):
        shoppers = [quick.customer(quick.riyadh, number, "Some") for number in range(10, 20)]
        for shopper in shoppers:
            quick.earn(shopper, 1)
        # Noted, and not only told: what is under way as a worker stops is told again.
        receiver.wait_until(lambda: reached(quick) == 10)
        before = holder(quick)
        first.stop()
        for shopper in shoppers:
            quick.earn(shopper, 1)
        receiver.wait_until(lambda: len(receiver.told) >= 20)
        assert before is not None
    assert sorted(receiver.numbers) == numbered(quick), "nothing was told twice"


def test_a_lease_is_held_by_one(quick: World) -> None:
    mine, yours = Lease(quick.engine), Lease(quick.engine)
    assert mine.take()
    assert not yours.take()
    assert mine.take(), "and renewed"
    yours.give_back()
    assert not yours.take()
    quick.time.forward(seconds=600)
    assert yours.take(), "one that was killed loses it"
    assert not mine.take()
    yours.give_back()
    assert mine.take()
    quick.time.jump(-3_600)
    assert yours.take(), "no lease can end so late"


def test_control_without_a_lease_two_tell_twice(quick: World, receiver: Receiver) -> None:
    """Both send what neither has written yet; the books of positions stay right all the same."""
    subscribe(quick, receiver.url)
    for _ in range(3):
        quick.earn(quick.aisha, 1)
    both = threading.Barrier(2, timeout=PATIENCE_S)
    receiver.answer = lambda told: (both.wait() * 0 + 200, {}) if len(receiver.told) <= 2 else (
        200, {},
    )  # fmt: skip
    threads = [threading.Thread(target=deliver, args=(quick,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert receiver.numbers.count((1, 1)) == 2
    assert firsts(receiver.numbers) == numbered(quick)


def test_a_fault_is_logged_and_the_work_goes_on(quick: World, receiver: Receiver) -> None:
    subscribe(quick, receiver.url)
    store = quick.riyadh.store_id

    def spoil(tx: Transaction, url: str) -> None:
        tx.rows_of("UPDATE webhooks SET url = ? WHERE store_id = ?", (url, store))

    def write(url: str) -> None:
        quick.engine.door.write_now("spoil", lambda tx: spoil(tx, url))

    write("http://[")
    with logging_all() as log, working(quick.engine):
        quick.earn(quick.aisha, 1)
        log.wait_for("webhook .*: the address is not one that may be called")
        write(receiver.url)
        quick.time.forward(seconds=5)
        receiver.wait_until(lambda: len(receiver.told) == 1)
    assert log.faults == []


def test_a_clock_that_jumped_stops_the_sweeper_and_not_the_rest(
    quick: World, receiver: Receiver
) -> None:
    subscribe(quick, receiver.url)
    quick.earn(quick.aisha, 10, expire_days=30)
    quick.time.jump(90 * 86_400)
    with pytest.raises(ClockMoved):
        settle(quick.engine, quick.time.wall)
    assert not settle_due(quick.engine), "by the time that is believed nothing is due"
    with logging_all() as log, working(quick.engine):
        receiver.wait_until(lambda: len(receiver.told) == 1)
        log.wait_for("forget_old: .*the clock has jumped")
    assert [told.event["type"] for told in receiver.told] == ["points.earned"]
    marks = quick.engine.vault.reader().rows_of(
        "SELECT value FROM meta WHERE name = 'booked_at'", ()
    )
    assert marks[0][0] < quick.time.wall - 80 * DAY_US, "and no mark says that it was believed"
    quick.time.jump(-90 * 86_400)


def test_work_beside_that_cannot_begin_says_so_and_begins_once_it_can(
    tmp_path: Path, receiver: Receiver
) -> None:
    settings = settings_in(tmp_path, worker_pause_ms=10)
    with logging_all() as log, beside(settings) as start:
        start()
        log.wait_for("the worker has ended, and begins again: there is no database")
        with open_world(tmp_path) as world:
            receiver.wait_until(lambda: holder(world) is not None)
    with beside(settings):
        pass  # never started


# -- what expires soon -----------------------------------------------------------------------------


def expiring(world: World) -> list[tuple[int, int]]:
    """(customer, lot) of each points.expiring in the books."""
    return [
        (row[0], row[1])
        for row in world.engine.vault.reader().rows_of(
            "SELECT customer_id, lot FROM events WHERE kind = 'points.expiring' ORDER BY 1, 2", ()
        )
    ]


def test_what_expires_soon_is_told_once_a_lot(world: World) -> None:
    world.earn(world.aisha, 10, expire_days=30)
    world.earn(world.aisha, 10, expire_days=5)
    world.earn(world.aisha, 10)
    world.earn(world.badr, 10, expire_days=7)
    world.earn(world.badr, 10, expire_days=7, mature_days=6)
    assert remind(world.engine) == 3
    assert expiring(world) == [(1, 2), (2, 1), (2, 2)]
    assert remind(world.engine) == 0
    world.time.forward(days=23, us=-1)
    remind(world.engine)
    assert len(expiring(world)) == 3
    world.time.forward(us=1)
    remind(world.engine)
    assert expiring(world) == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_what_is_empty_or_over_is_not_told(world: World) -> None:
    world.earn(world.aisha, 10, expire_days=5)
    world.spend(world.aisha, 10)
    world.earn(world.badr, 10, expire_days=5)
    world.time.forward(days=5)
    assert remind(world.engine) == 0
    assert expiring(world) == []


def test_reminding_can_be_switched_off_and_comes_in_batches(tmp_path: Path) -> None:
    with open_world(tmp_path, expiring_days=0) as world:
        world.earn(world.aisha, 10, expire_days=1)
        assert remind(world.engine) == 0
    with open_world(tmp_path / "..", Time(), batch=2) as world:
        for days in (1, 2, 2, 2, 3):
            for shopper in world.shoppers:
                world.earn(shopper, 10, expire_days=days)
        assert remind(world.engine) == 15
        assert len(expiring(world)) == 15


def test_one_worker_second_is_a_second(quick: World) -> None:
    """The control of the lease's unit: it still holds one microsecond before its end."""
    mine, yours = Lease(quick.engine), Lease(quick.engine)
    assert mine.take()
    quick.time.forward(us=600 * SECOND_US - 1)
    assert not yours.take()
    quick.time.forward(us=1)
    assert yours.take()
