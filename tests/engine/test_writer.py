"""The writer behind the door: what it commits together, marks and logs, and whom it tells."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import apsw
import pytest

from nuqta.engine.clock import ClockMoved
from nuqta.engine.door import Closed, Door, QueueFull, RolledBack, accept_clock, booked_at
from nuqta.engine.engine import make, open_engine
from nuqta.ledger.instants import SECOND_US
from nuqta.storage.faults import Busy
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement
from tests.world import FIRST_INSTANT, Time, World, open_world, settings_in

PUT = statement("meta.put")
GET = statement("meta.get")


def nothing(_tx: Transaction) -> None:
    """A piece of work that changes nothing."""


@contextmanager
def standing(door: Door) -> Iterator[threading.Event]:
    """The writer stands still in a piece of work, until the event is set or the block ends."""
    begun, go = threading.Event(), threading.Event()

    def stand(_tx: Transaction) -> None:
        begun.set()
        assert go.wait(30)

    door.note("stand", stand)
    assert begun.wait(30)
    try:
        yield go
    finally:
        go.set()


def run_sql(world: World, text: str) -> None:
    """What another process does to the file."""
    other = apsw.Connection(str(world.engine.vault.path))
    other.execute(text)
    other.close()


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int, str]]:
    """What the door logged: where, how loud, and what."""
    return [(one.name, one.levelno, one.getMessage()) for one in caplog.records
            if one.name.startswith("nuqta")]  # fmt: skip


# -- the mark of the last commit ---------------------------------------------------------------


def test_the_second_of_the_last_commit_is_marked(world: World) -> None:
    reader = world.engine.vault.reader()
    assert booked_at(reader) == FIRST_INSTANT
    for us, mark in ((999_999, 0), (1, 1), (1_500_000, 2), (499_999, 2), (1, 3)):
        world.time.forward(us=us)
        world.adjust(world.aisha, 1)
        assert booked_at(reader) == FIRST_INSTANT + mark * SECOND_US


def test_within_one_second_it_is_marked_once(world: World) -> None:
    """A mark costs a page more: what another process took away is not put back before its time."""
    reader = world.engine.vault.reader()
    world.time.forward(us=2_300_000)
    world.adjust(world.aisha, 1)
    run_sql(world, "DELETE FROM meta WHERE name = 'booked_at'")
    world.time.forward(us=699_999)
    world.adjust(world.aisha, 1)
    assert booked_at(reader) == 0
    world.time.forward(us=1)
    world.adjust(world.aisha, 1)
    assert booked_at(reader) == FIRST_INSTANT + 3 * SECOND_US


def test_a_clock_that_goes_back_takes_no_mark_back(world: World) -> None:
    reader = world.engine.vault.reader()
    world.time.forward(seconds=60)
    world.adjust(world.aisha, 1)
    world.time.jump(-30)
    world.adjust(world.aisha, 1)
    run_sql(world, "DELETE FROM meta WHERE name = 'booked_at'")
    world.time.jump(1)
    world.adjust(world.aisha, 1)
    assert booked_at(reader) == 0, "what was marked is remembered"


def test_what_is_done_whatever_the_clock_leaves_no_mark(world: World) -> None:
    reader, door = world.engine.vault.reader(), world.engine.door
    world.time.forward(seconds=5)
    door.write_now("timeless", nothing, whatever_the_clock=True)
    assert booked_at(reader) == FIRST_INSTANT
    with standing(door) as go:

        async def come() -> None:
            waiting = asyncio.gather(
                door.write("timeless", nothing, whatever_the_clock=True),
                door.write("timely", nothing),
            )
            await asyncio.sleep(0)
            go.set()
            await waiting

        asyncio.run(come())
    assert booked_at(reader) == FIRST_INSTANT + 5 * SECOND_US


# -- a clock that jumped -----------------------------------------------------------------------


def test_under_a_clock_that_jumped_only_the_timeless_is_done(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    door = world.engine.door
    with standing(door) as go:
        world.time.jump(-301)

        async def come() -> list[object]:
            waiting = asyncio.gather(
                door.write("one", lambda tx: tx.run(PUT, name="one", value=1)),
                door.write("two", lambda tx: tx.run(PUT, name="two", value=2),
                           whatever_the_clock=True),
                door.post(world.adding(world.aisha, 1)),
                return_exceptions=True,
            )  # fmt: skip
            await asyncio.sleep(0)
            go.set()
            return list(await waiting)

        one, two, three = asyncio.run(come())
    assert two == 1
    for refused in (one, three):
        assert isinstance(refused, ClockMoved)
        assert refused.sentence == "the clock has jumped; accept it with: nuqta clock accept"
    reader = world.engine.vault.reader()
    assert (reader.row(GET, name="one"), reader.row(GET, name="two")) == (None, (2,))
    assert booked_at(reader) == FIRST_INSTANT
    said = "a commit failed: the clock has jumped; accept it with: nuqta clock accept"
    assert logged(caplog) == [("nuqta.door", logging.ERROR, said)]


def test_what_a_person_accepted_once_is_not_accepted_again(tmp_path: Path) -> None:
    """Neither by the server that saw it nor by one that starts later."""
    with open_world(tmp_path) as world:
        engine, time = world.engine, world.time
        time.jump(301)
        engine.door.write_now("accept", lambda tx: accept_clock(tx, time.wall),
                              whatever_the_clock=True)  # fmt: skip
        assert booked_at(engine.vault.reader()) == time.wall
        for _ in range(2):
            world.adjust(world.aisha, 1)
        with open_engine(engine.settings, time.clock()) as later:
            time.jump(301)
            for door in (engine.door, later.door):
                with pytest.raises(ClockMoved):
                    door.post_all([world.adding(world.aisha, 1)])
            engine.door.write_now("accept", lambda tx: accept_clock(tx, time.wall),
                                  whatever_the_clock=True)  # fmt: skip
            for door in (engine.door, later.door):
                assert door.post_all([world.adding(world.aisha, 1)])[0].refusal is None
        assert engine.vault.reader().row(GET, name="clock_accepted") == (2,)
        assert booked_at(engine.vault.reader()) == time.wall


# -- what is committed together, and by which name ---------------------------------------------


@pytest.mark.parametrize(
    ("batch", "together"), [(1, [1] * 9), (4, [4, 4, 1]), (9, [9]), (100, [9])]
)
def test_at_most_a_batch_is_committed_together(
    tmp_path: Path, batch: int, together: list[int]
) -> None:
    with open_world(tmp_path, batch=batch) as world:
        seen: list[Transaction] = []
        with standing(world.engine.door):
            for _ in range(9):
                world.engine.door.note("see", seen.append)
        world.engine.door.write_now("after", nothing)
    assert [seen.count(one) for one in dict.fromkeys(seen)] == together


def test_each_has_its_own_result(world: World) -> None:
    door = world.engine.door
    with standing(door) as go:

        async def come() -> list[object]:
            waiting = asyncio.gather(
                door.post(world.adding(world.aisha, 5)),
                door.write("one", lambda _: 1),
                door.post(world.spending(world.aisha, 3)),
                door.post(world.spending(world.badr, 3)),
                door.write("two", lambda _: 2),
            )
            await asyncio.sleep(0)
            go.set()
            return list(await waiting)

        first, one, second, third, two = asyncio.run(come())
    assert (one, two) == (1, 2)
    refusals = [getattr(answer, "refusal", "") for answer in (first, second, third)]
    assert [refusal is None for refusal in refusals] == [True, True, False]
    assert world.balance(world.aisha).available == 2


def test_answers_are_in_the_order_of_their_commands(world: World) -> None:
    door = world.engine.door
    assert door.post_all([]) == []
    batch = [world.adding(one, 1 + number) for number, one in enumerate(world.shoppers)]
    answers = door.post_all(batch)
    assert [(answer.receipt.key, answer.receipt.dkey) for answer in answers] == [
        (command.key, command.dkey) for command in batch
    ]


def test_a_fault_says_what_was_being_done(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open_world(tmp_path, lock_seconds=1) as world:
        door = world.engine.door
        other = apsw.Connection(str(world.engine.vault.path))
        other.execute("BEGIN IMMEDIATE")
        calls: list[tuple[str, Callable[[], object]]] = [
            ("post", lambda: asyncio.run(door.post(world.adding(world.aisha, 1)))),
            ("work", lambda: asyncio.run(door.write("work", nothing))),
            ("post", lambda: door.post_all([world.adding(world.aisha, 1)])),
            ("work", lambda: door.write_now("work", nothing)),
        ]
        for name, call in calls:
            with pytest.raises(Busy, match=f"^{name}: another process holds the lock$"):
                call()
        said = [f"a commit failed: {name}: another process holds the lock" for name, _ in calls]
        assert logged(caplog) == [("nuqta.door", logging.ERROR, line) for line in said]

        async def come() -> list[BaseException | None]:
            works = [door.write("work", nothing) for _ in range(3)]
            return await asyncio.gather(*works, return_exceptions=True)

        *_, second, third = asyncio.run(come())
        assert str(second) == str(third) == "batch: another process holds the lock"
        other.execute("ROLLBACK")
        other.close()


class Trouble(Exception):
    """What a piece of work may raise."""


def test_trouble_is_logged_and_what_is_rolled_back_on_purpose_is_not(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_tx: Transaction) -> None:
        raise Trouble("of its own")

    def undo(_tx: Transaction) -> None:
        raise RolledBack

    for work, trouble in ((fail, Trouble), (undo, RolledBack)):
        with pytest.raises(trouble):
            world.engine.door.write_now("job", work)
    assert logged(caplog) == [("nuqta.door", logging.ERROR, "job failed")]
    assert caplog.records[0].exc_info is not None


@pytest.mark.parametrize("trouble", [SystemExit, KeyboardInterrupt])
def test_whatever_a_job_raises_the_writer_lives_on(
    world: World, trouble: type[BaseException]
) -> None:
    def fail(_tx: Transaction) -> None:
        raise trouble

    with pytest.raises(trouble):
        world.engine.door.write_now("job", fail)
    assert world.adjust(world.aisha, 1).refusal is None


# -- who waits ---------------------------------------------------------------------------------


def test_whoever_went_away_is_passed_over(world: World) -> None:
    door = world.engine.door
    with standing(door) as go:

        async def come() -> object:
            gone = asyncio.ensure_future(door.post(world.adding(world.aisha, 1)))
            stays = asyncio.ensure_future(door.post(world.adding(world.aisha, 1)))
            await asyncio.sleep(0)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            go.set()
            return (await stays).receipt.version

        assert asyncio.run(come()) == 2


def test_a_loop_that_has_ended_waits_for_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nuqta.door")
    door = world.engine.door
    with standing(door):

        async def come() -> None:
            for _ in range(2):
                asyncio.ensure_future(door.post(world.adding(world.aisha, 1)))  # noqa: RUF006
            await asyncio.sleep(0)

        asyncio.run(come())
    assert world.adjust(world.aisha, 1).receipt.version == 3
    door.write_now("after", nothing)  # all that was committed before it has been answered
    said = ("nuqta.door", logging.INFO, "2 answers found nobody waiting")
    assert logged(caplog) == [said]


def test_what_rides_along_has_room_or_is_forgotten(tmp_path: Path) -> None:
    with open_world(tmp_path, is_audited=False, queue=3) as world:
        done: list[int] = []
        door = world.engine.door
        rides = [partial(lambda number, _: done.append(number), number) for number in range(6)]
        with standing(door):
            for ride in rides[:5]:
                door.note("ride", ride)
            with pytest.raises(QueueFull, match="too much waits for the door"):
                door.write_now("more", nothing)
        door.close()
        assert done == [0, 1, 2]
        door.note("late", rides[5])
        with pytest.raises(Closed, match="the server is stopping"):
            door.write_now("late", nothing)
        assert done == [0, 1, 2]


def test_one_thread_writes_for_as_long_as_the_door_is_open(tmp_path: Path) -> None:
    settings, time = settings_in(tmp_path), Time()
    make(settings)
    before = set(threading.enumerate())
    with open_engine(settings, time.clock()):
        (writer,) = set(threading.enumerate()) - before
        assert (writer.name, writer.daemon) == ("nuqta-writer", True)
    assert not writer.is_alive()
