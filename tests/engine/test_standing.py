"""How the door stands, what it counts, and to whose request it points."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from nuqta.engine.clock import ClockMoved
from nuqta.engine.door import Closed, Door, QueueFull, RolledBack, State, accept_clock
from nuqta.engine.engine import open_engine
from nuqta.storage.faults import Busy, Damaged, StorageFault
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement
from tests.engine.test_writer import nothing, standing
from tests.seen.traced import Kept
from tests.world import World, open_world

GET = statement("meta.get")
WELL = State(is_alive=True, is_closed=False, has_room=True, trouble="")


class Trouble(Exception):
    """A mistake of ours."""


def failing_with(fault: BaseException) -> Callable[[Transaction], None]:
    """A piece of work that fails."""

    def work(_tx: Transaction) -> None:
        raise fault

    return work


def counted(door: Door, name: str, *labels: str) -> int:
    """What a cell of the door's says."""
    sheet = door.meters.sheet
    return int(sheet.cells[sheet.at(name, labels)])


def probes(world: World) -> int:
    """How many commits were tried only to see whether they can be made."""
    row = world.engine.vault.reader().row(GET, name="probe")
    return row[0] if row else 0


# -- how it stands -------------------------------------------------------------------------------


def test_a_door_that_is_well(world: World) -> None:
    assert world.engine.door.state() == WELL


def test_a_door_without_room_and_one_that_was_closed(tmp_path: Path) -> None:
    with open_world(tmp_path, is_audited=False, queue=2) as world:
        door = world.engine.door
        with standing(door):
            for room in (True, True, False):
                assert door.state().has_room is room
                door.note("wait", nothing)
        door.close()
        assert door.state() == State(is_alive=False, is_closed=True, has_room=True, trouble="")


@pytest.mark.parametrize(
    ("fault", "trouble", "kind"),
    [
        (StorageFault("no"), "storage", "storage"),
        (Damaged("one row"), "", "damaged"),
        (Trouble(), "", "defect"),
        (QueueFull("no"), "queue_full", "queue_full"),
        (Closed("no"), "closed", "closed"),
    ],
)
def test_what_failed_is_known_until_a_commit_was_made(
    world: World, fault: BaseException, trouble: str, kind: str
) -> None:
    """What is wrong with one row, or with one piece of work, does not stop the others."""
    door = world.engine.door
    for times in (1, 2):
        with pytest.raises(type(fault)):
            door.write_now("job", failing_with(fault))
        assert door.state() == State(is_alive=True, is_closed=False, has_room=True, trouble=trouble)
        assert counted(door, "nuqta_door_failed_batches", kind) == times
        assert counted(door, "nuqta_door_failing") == int(bool(trouble))
        door.write_now("fine", nothing)
        assert door.state() == WELL
        assert counted(door, "nuqta_door_failing") == 0


def test_what_is_rolled_back_on_purpose_is_no_failure(world: World) -> None:
    door = world.engine.door
    with pytest.raises(RolledBack):
        door.write_now("job", failing_with(RolledBack()))
    assert counted(door, "nuqta_door_failed_batches", "defect") == 0


def test_a_lock_and_a_clock_that_jumped_are_known(tmp_path: Path) -> None:
    with open_world(tmp_path, lock_seconds=1) as world:
        door = world.engine.door
        other = apsw.Connection(str(world.engine.vault.path))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy):
            door.write_now("job", nothing)
        assert (door.state().trouble, counted(door, "nuqta_door_failing")) == ("busy", 1)
        other.execute("ROLLBACK")
        other.close()
        world.time.jump(301)
        with pytest.raises(ClockMoved):
            door.write_now("job", nothing)
        assert door.state().trouble == "clock_moved"
        assert counted(door, "nuqta_door_failed_batches", "clock_moved") == 1
        world.time.jump(-301)
        door.write_now("job", nothing)
        assert door.state() == WELL


# -- trying again --------------------------------------------------------------------------------


def test_a_commit_is_tried_again_once_however_many_ask(world: World) -> None:
    door = world.engine.door
    with pytest.raises(StorageFault):
        door.write_now("job", failing_with(StorageFault("no")))

    async def ask() -> None:
        await asyncio.gather(*[door.try_again() for _ in range(5)])

    asyncio.run(ask())
    assert probes(world) == 1
    assert door.state() == WELL


def test_a_commit_that_is_tried_in_vain_is_waited_for_and_harms_nobody(tmp_path: Path) -> None:
    with open_world(tmp_path, lock_seconds=1) as world:
        door = world.engine.door
        world.time.jump(301)
        asyncio.run(door.try_again())
        assert door.state().trouble == "clock_moved"
        assert probes(world) == 0
        world.time.jump(-301)


def test_a_writer_that_stands_still_is_not_waited_for(world: World) -> None:
    """What was tried ends by itself, later or with its loop."""
    door = world.engine.door

    async def ask(go: threading.Event) -> None:
        await door.try_again()
        assert probes(world) == 0
        go.set()
        await door.write("after", nothing)

    with standing(door) as go:
        asyncio.run(ask(go))
    assert probes(world) == 1


# -- the clock -----------------------------------------------------------------------------------


def test_a_clock_that_was_accepted_elsewhere_is_believed_without_a_commit(world: World) -> None:
    door, clock = world.engine.door, world.engine.clock
    world.time.jump(301)
    door.look_at_clock()
    assert clock.has_moved(), "nobody has accepted it"
    with open_engine(world.engine.settings, world.time.clock(), past_gates=True) as person:
        person.door.write_now("accept", lambda tx: accept_clock(tx, world.time.wall))
    door.look_at_clock()
    assert not clock.has_moved()


# -- counting ------------------------------------------------------------------------------------


def test_what_waits_is_counted(world: World) -> None:
    door = world.engine.door
    with standing(door) as go:

        async def come() -> None:
            waiting = asyncio.gather(*[door.write("wait", nothing) for _ in range(3)])
            await asyncio.sleep(0)
            assert counted(door, "nuqta_door_queue_length") == 3
            go.set()
            await waiting

        asyncio.run(come())
    door.write_now("after", nothing)
    assert counted(door, "nuqta_door_queue_length") == 0


def test_commits_are_counted_with_what_they_carried(world: World) -> None:
    door = world.engine.door
    before = _done(door)
    with standing(door) as go:

        async def come() -> list[object]:
            works = [door.write("wait", nothing) for _ in range(3)]
            waiting = asyncio.gather(
                *works, door.write("job", failing_with(Trouble())), return_exceptions=True
            )
            await asyncio.sleep(0)
            go.set()
            return list(await waiting)

        *_, trouble = asyncio.run(come())
    assert isinstance(trouble, Trouble)
    commits, jobs = _done(door)
    assert (commits - before[0], jobs - before[1]) == (4, 4), "one, and three one by one"
    assert counted(door, "nuqta_door_retried_batches") == 1
    assert counted(door, "nuqta_door_failed_batches", "defect") == 1


def _done(door: Door) -> tuple[int, int]:
    """How many commits there were, and how many jobs they carried."""
    cells, batch = door.meters.sheet.cells, door.meters.sheet.histogram("nuqta_door_batch_jobs")
    return sum(cells[batch.first : batch.sum]), int(cells[batch.sum])


# -- spans ---------------------------------------------------------------------------------------


def test_a_commit_points_to_the_requests_that_wait_for_it(world: World) -> None:
    kept, door = Kept(), world.engine.door
    door.spans = kept.maker

    async def ask(name: str) -> None:
        with kept.maker.around(f"request {name}"):
            await door.write(name, nothing)

    async def come(go: threading.Event, *names: str) -> None:
        waiting = asyncio.gather(*[ask(name) for name in names], door.write(names[0], nothing))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        go.set()
        await waiting

    for names, expected in ((("one", "one"), "door one"), (("one", "two"), "door batch")):
        with standing(door) as go:
            asyncio.run(come(go, *names))
        door.write_now("after", nothing)
        (done,) = [span for span in kept.named("door ") if (span.attributes or {}) ==
                   {"nuqta.batch": 3}]  # fmt: skip
        assert done.name == expected
        requests = [span.context for span in kept.named("request ")]
        assert sorted(link.context.span_id for link in done.links) == sorted(
            one.span_id for one in requests if one is not None
        )
        kept.forget()
