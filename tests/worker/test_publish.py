"""Positions and cursors: no gap, in order, and never past something that is still to come."""

import random
from base64 import urlsafe_b64encode
from functools import partial
from pathlib import Path

import pytest

from nuqta import refusals
from nuqta.engine.outbox import events
from nuqta.engine.outbox.events import Page, make_cursor
from nuqta.refusals import Refusal
from nuqta.storage.statements import statement
from nuqta.worker.publish import publish
from tests.worker.work import numbered
from tests.world import Shopper, World, open_world

ADD = statement("events.add")


def write_event(world: World, shopper: Shopper, number: int, recorded_at: int) -> None:
    """An event's row as a change writes it."""
    values = {
        **dict.fromkeys(ADD.parameters, 0),
        "dkey": shopper.dkey, "customer_id": shopper.customer_id, "number": number,
        "kind": "points.earned", "origin": "system", "key": str(number), "order_key": "",
        "recorded_at": recorded_at,
    }  # fmt: skip
    world.engine.door.write_now("event", lambda tx: tx.run(ADD, **values))


def page(world: World, cursor: str = "", limit: int = 500) -> Page | Refusal:
    with world.engine.vault.snapshot() as tx:
        return events.events_after(tx, world.riyadh.store_id, cursor, limit)


def read(world: World, cursor: str = "", limit: int = 500) -> Page:
    found = page(world, cursor, limit)
    assert isinstance(found, Page)
    return found


def placed(world: World, shopper: Shopper) -> list[tuple[int, int]]:
    """(position, number) of an account's events that have a position, in order of position."""
    return sorted(
        (one.position, one.event.number)
        for one in events.after(world.engine.vault.reader(), shopper.dkey, 0, 10_000)
        if one.event.customer_id == shopper.customer_id
    )


def test_every_event_gets_a_position_once(world: World) -> None:
    for shopper in (*world.shoppers, world.aisha):
        world.earn(shopper, 10)
    world.spend(world.aisha, 5)
    assert publish(world.engine) == 5
    assert publish(world.engine) == 0
    assert placed(world, world.aisha) == [(1, 1), (2, 2), (3, 3)]
    world.earn(world.aisha, 1)
    assert publish(world.engine) == 1
    assert placed(world, world.aisha)[-1] == (4, 4)


def test_batches_leave_no_gap(tmp_path: Path) -> None:
    with open_world(tmp_path, batch=2) as small:
        for _ in range(5):
            for shopper in small.shoppers:
                small.earn(shopper, 1)
        rounds = []
        while placed_now := publish(small.engine):
            rounds.append(placed_now)
        assert sum(rounds) == 15
        assert len(rounds) > 1
        for shopper in small.shoppers:
            assert placed(small, shopper) == [(number, number) for number in range(1, 6)]


def test_an_account_s_order_is_that_of_its_numbers_whatever_the_clock_did(world: World) -> None:
    shopper = world.customer(world.riyadh, 9, "Late")
    for number, instant in enumerate((50, 90, 30, 30, 10), start=1):
        write_event(world, shopper, number, instant)
    reader = world.engine.vault.reader
    for limit in (2, 1, 5):
        place = partial(events.place, dkey=shopper.dkey, limit=limit)
        world.engine.door.write_now("place", place)
    assert placed(world, shopper) == [(number, number) for number in range(1, 6)]
    assert events.next_unplaced(reader()) is None


def test_what_is_committed_late_is_read_all_the_same(world: World) -> None:
    """A reader who goes on from its cursor misses nothing, in whatever order events appear."""
    luck = random.Random(7)
    shoppers = [world.customer(world.riyadh, number, "Some") for number in range(100, 140)]
    cursor, seen = "", []
    for turn in range(60):
        for shopper in luck.sample(shoppers, luck.randrange(4)):
            world.adjust(shopper, 1)
        # An event of another process, with a stamp from before all of these.
        if turn % 10 == 0:
            late = world.customer(world.riyadh, 1_000 + turn, "Late")
            write_event(world, late, 1, 5)
        if luck.random() < 0.5:
            publish(world.engine)
        found = read(world, cursor, luck.choice((1, 3, 500)))
        seen += found.events
        cursor = found.cursor
    publish(world.engine)
    while (found := read(world, cursor, 2)).events:
        seen += found.events
        cursor = found.cursor
    told = [(event.customer_id, event.number) for event in seen]
    assert sorted(told) == numbered(world)
    assert not found.has_more
    assert found.cursor == cursor


def test_control_a_reader_by_time_misses_what_comes_late(world: World) -> None:
    """The cursor that is not: the instant of the last event that was read."""
    world.adjust(world.aisha, 1)
    publish(world.engine)
    last = read(world).events[-1].recorded_at
    late = world.customer(world.riyadh, 1_000, "Late")
    write_event(world, late, 1, last - 1)
    publish(world.engine)
    assert [event for event in read(world).events if event.recorded_at > last] == []
    assert len(read(world).events) == 2


def test_only_what_has_a_position_is_read(world: World) -> None:
    world.earn(world.aisha, 1)
    assert read(world).events == []
    publish(world.engine)
    assert len(read(world).events) == 1


def test_pages_join_without_a_seam(world: World) -> None:
    for number in range(30):
        world.earn(world.shoppers[number % 2], 1)
    publish(world.engine)
    whole = read(world).events
    assert len(whole) == 30
    for limit in (1, 7, 29, 30, 31):
        cursor, joined = "", []
        while True:
            found = read(world, cursor, limit)
            joined += found.events
            cursor = found.cursor
            assert found.has_more == (len(joined) < 30)
            if not found.has_more:
                break
        assert joined == whole


def test_hostile_cursors(world: World) -> None:
    world.earn(world.aisha, 1)
    publish(world.engine)
    good = read(world).cursor
    store = world.riyadh.store_id
    beyond = make_cursor(store, {world.aisha.dkey: 2})
    elsewhere = make_cursor(world.kuwait.store_id, {})
    flipped = good[:20] + ("A" if good[20] != "A" else "B") + good[21:]
    hostile = [
        "x", "0", "null", " ", "=", "....", "%00", "\x00", "آ", good[:-1], good[1:], good + "A",
        good + "=", good + "==", " " + good, good.lower(), flipped, beyond, elsewhere,
        "A" * 100_000, urlsafe_b64encode(b"\x01" + b"\xff" * 500).decode(), "'; DROP TABLE events",
        make_cursor(store, {world.aisha.dkey: 2**62}), good * 2, "-1", "1e9",
    ]  # fmt: skip
    for cursor in hostile:
        assert page(world, cursor) is refusals.CURSOR_INVALID, cursor
    assert read(world, good).events == []
    assert len(read(world, make_cursor(store, {})).events) == 1


@pytest.mark.parametrize("seed", range(20))
def test_a_cursor_comes_back_as_it_was(seed: int) -> None:
    luck = random.Random(seed)
    store = luck.randrange(1, 2**53)
    reached = {store * 64 + bucket: luck.randrange(1, 2**luck.randrange(1, 40)) for bucket in
               luck.sample(range(64), luck.randrange(64))}  # fmt: skip
    text = make_cursor(store, reached)
    assert events.read_cursor(text, store, reached) == reached
    assert len(text) <= 600


def test_the_statements_of_the_worker_use_their_indexes(world: World) -> None:
    for name in (
        "events.unplaced_dkey", "events.unplaced", "events.after", "events.lots_to_tell",
        "events.last_placed",
    ):  # fmt: skip
        one = statement(name)
        plan = world.engine.vault.reader().rows_of(
            f"EXPLAIN QUERY PLAN {one.text}", one.bind(dict.fromkeys(one.parameters, 1))
        )
        steps = [row[3] for row in plan]
        assert all(not step.startswith("SCAN") and "TEMP B-TREE" not in step for step in steps), (
            name, steps,
        )  # fmt: skip
