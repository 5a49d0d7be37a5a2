"""The door: what is promised to a thousand who come at once, and to each of them alone.

Control: spending without the door, each on what it read before, loses or invents points.
"""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import apsw
import pytest

from nuqta import refusals
from nuqta.engine.clock import Clock, ClockMoved
from nuqta.engine.door import Closed, QueueFull, RolledBack, accept_clock, post
from nuqta.engine.engine import make, open_engine
from nuqta.ledger.commands import Answer, Command
from nuqta.ledger.posting import decide
from nuqta.storage import books
from nuqta.storage.faults import Busy, StorageFault
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement
from tests.tidy import ROOT
from tests.world import Time, World, open_world, settings_in

PUT = statement("meta.put")
GET = statement("meta.get")


def put(tx: Transaction, number: int) -> None:
    tx.run(PUT, name=f"n{number}", value=number)


def all_at_once(world: World, commands: list[Command]) -> list[Answer]:
    """Every command by a caller of its own, all waiting together."""

    async def post_all() -> list[Answer]:
        return await asyncio.gather(*[world.engine.door.post(command) for command in commands])

    return asyncio.run(post_all())


@pytest.fixture
def held(world: World) -> Iterator[threading.Event]:
    """The writer stands still in a piece of work until the event is set."""
    begun, go = threading.Event(), threading.Event()

    def stand(_tx: Transaction) -> None:
        begun.set()
        assert go.wait(30)

    world.engine.door.note("stand", stand)
    assert begun.wait(30)
    yield go
    go.set()


# -- as often as there are points ------------------------------------------------------------


@pytest.mark.parametrize("points", [0, 1, 370, 999, 1000, 1500])
def test_a_thousand_spends_succeed_as_often_as_there_are_points(world: World, points: int) -> None:
    if points:
        world.adjust(world.aisha, points)
    answers = all_at_once(world, [world.spending(world.aisha, 1) for _ in range(1000)])
    done = [answer for answer in answers if answer.refusal is None]
    assert len(done) == min(points, 1000)
    assert len({answer.receipt.version for answer in done}) == len(done)
    codes = {answer.refusal.code for answer in answers if answer.refusal}
    assert codes <= {refusals.NOT_ENOUGH_POINTS.code}
    balance = world.balance(world.aisha)
    assert (balance.available, balance.used) == (points - len(done), len(done))


def test_spends_of_many_sizes_over_many_lots(world: World) -> None:
    for lot in range(40):
        world.earn(world.aisha, 25, expire_days=50 - lot)
    sizes = [1 + number * 37 % 19 for number in range(300)]
    answers = all_at_once(world, [world.spending(world.aisha, size) for size in sizes])
    taken = [size for size, answer in zip(sizes, answers, strict=True) if answer.refusal is None]
    left = world.balance(world.aisha).available
    assert sum(taken) + left == 1000
    refused = [size for size, answer in zip(sizes, answers, strict=True) if answer.refusal]
    assert refused
    assert all(size > left for size in refused)


def test_control_spending_on_what_was_read_before_invents_points(world: World) -> None:
    """Two callers read, then both write what they made of it: the door exists for this."""
    world.adjust(world.aisha, 10)
    vault = world.engine.vault
    wishes = [world.spending(world.aisha, 7), world.spending(world.aisha, 7)]
    read = [books.load(vault.reader(), [wish]) for wish in wishes]
    decided = [
        decide([wish], facts, world.time.wall) for wish, facts in zip(wishes, read, strict=True)
    ]
    assert [outcome.answers[0].refusal for outcome in decided] == [None, None]
    given_out = 0
    other = apsw.Connection(str(vault.path))
    for outcome in decided:
        ((_, account),) = outcome.accounts
        other.execute(
            "UPDATE accounts SET available = ?, redeemed = ? WHERE version > 0",
            (account.available, account.redeemed),
        )
        given_out += 7
    ((left,),) = other.execute("SELECT available FROM accounts WHERE version > 0").fetchall()
    assert isinstance(left, int)
    assert given_out + left == 17, "14 points were given out of 10, and 3 are left"
    other.execute("UPDATE accounts SET available = 10, redeemed = 0 WHERE version > 0")
    other.close()


def test_a_decision_on_an_old_version_is_not_recorded(world: World) -> None:
    world.adjust(world.aisha, 10)
    vault = world.engine.vault
    wish = world.spending(world.aisha, 7)
    outcome = decide([wish], books.load(vault.reader(), [wish]), world.time.wall)
    world.spend(world.aisha, 7)
    with pytest.raises((StorageFault, apsw.ConstraintError)):
        vault.write("late", lambda tx: books.record(tx, outcome))
    assert world.balance(world.aisha).available == 3


def test_two_processes_on_one_file(tmp_path: Path) -> None:
    with open_world(tmp_path, Time(Clock().now())) as world:
        world.adjust(world.aisha, 250)
        arguments = [str(world.engine.vault.path), str(world.aisha.store_id), "1"]
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.engine.posting", *arguments, name, "200"],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for name in ("a", "b")
        ]  # fmt: skip
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [process.communicate(timeout=60)[0] for process in processes]
        assert [process.returncode for process in processes] == [0, 0]
        assert sum(map(int, told)) == 250
        assert world.balance(world.aisha).used == 250


# -- one key, one effect ---------------------------------------------------------------------


def test_one_key_from_fifty_callers_is_one_effect(world: World) -> None:
    world.adjust(world.aisha, 100)
    answers = all_at_once(world, [world.spending(world.aisha, 2, key="same") for _ in range(50)])
    assert len({answer.receipt for answer in answers}) == 1
    assert [answer.is_replay for answer in answers].count(False) == 1
    assert world.balance(world.aisha).used == 2
    assert world.spend(world.aisha, 2, key="same").is_replay
    conflict = world.spend(world.aisha, 3, key="same")
    assert conflict.refusal is refusals.KEY_CONFLICT
    assert world.balance(world.aisha).used == 2


def test_control_fifty_keys_are_fifty_effects(world: World) -> None:
    world.adjust(world.aisha, 100)
    all_at_once(world, [world.spending(world.aisha, 2) for _ in range(50)])
    assert world.balance(world.aisha).used == 100


def test_a_remembered_refusal_stays_one(world: World) -> None:
    first = world.spend(world.aisha, 5, key="k")
    world.adjust(world.aisha, 5)
    again = world.spend(world.aisha, 5, key="k")
    assert again.refusal is refusals.NOT_ENOUGH_POINTS
    assert again.is_replay
    assert again.receipt == first.receipt


# -- a batch ---------------------------------------------------------------------------------


class Trouble(Exception):
    """What a piece of work may raise."""


@pytest.mark.parametrize("trouble", [Trouble, RolledBack])
def test_a_fault_in_one_job_harms_no_other(
    world: World, held: threading.Event, trouble: type[Exception]
) -> None:
    door = world.engine.door

    def fail(tx: Transaction) -> None:
        tx.run(PUT, name="half", value=1)
        raise trouble

    async def come() -> list[Answer | BaseException | None]:
        waiting = asyncio.gather(
            door.post(world.adding(world.aisha, 5)),
            door.write("trouble", fail),
            door.post(world.spending(world.aisha, 3)),
            door.write("fine", lambda tx: tx.run(PUT, name="fine", value=1)),
            door.post(world.spending(world.aisha, 3)),
            return_exceptions=True,
        )
        await asyncio.sleep(0)
        held.set()
        return list(await waiting)  # type: ignore[arg-type]  # gather mixes what it was given

    first, fault, second, _, third = asyncio.run(come())
    assert isinstance(fault, trouble)
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert isinstance(third, Answer)
    assert [first.refusal, second.refusal] == [None, None]
    assert third.refusal is refusals.NOT_ENOUGH_POINTS
    reader = world.engine.vault.reader()
    assert reader.row(GET, name="half") is None
    assert reader.row(GET, name="fine") == (1,)
    assert world.balance(world.aisha).available == 2


def test_a_refusal_in_a_batch_touches_only_itself(world: World) -> None:
    world.adjust(world.aisha, 10)
    world.adjust(world.clara, 10)
    batch: list[Command] = [
        world.spending(world.aisha, 6),
        world.spending(world.aisha, 6),
        world.spending(world.clara, 6),
        world.spending(world.badr, 1),
        world.spending(world.aisha, 4),
    ]
    refused = [answer.refusal is not None for answer in world.engine.door.post_all(batch)]
    assert refused == [False, True, False, True, False]
    assert [world.balance(one).available for one in world.shoppers] == [0, 0, 4]


def test_what_waits_together_is_committed_together(world: World, held: threading.Event) -> None:
    """Whatever part of a queue another connection sees, it sees all of it."""
    door, seen = world.engine.door, set[int]()
    other = apsw.Connection(str(world.engine.vault.path))

    def look(_tx: Transaction) -> None:
        ((version,),) = other.execute("SELECT max(version) FROM accounts").fetchall()
        assert isinstance(version, int)
        seen.add(version)

    for _ in range(9):
        door.note("look", look)
        door.note("add", lambda tx: post(tx, [world.adding(world.aisha, 1)], world.time.wall))
    held.set()
    assert world.adjust(world.aisha, 1).receipt.version == 10
    assert seen == {0}
    other.close()


# -- the queue and its end -------------------------------------------------------------------


def test_a_full_queue_says_so(tmp_path: Path) -> None:
    with open_world(tmp_path, queue=3) as world:
        begun, go = threading.Event(), threading.Event()

        def stand(_tx: Transaction) -> None:
            begun.set()
            assert go.wait(30)

        door = world.engine.door
        door.note("stand", stand)
        assert begun.wait(30)

        async def come() -> list[object]:
            spends = [door.post(world.spending(world.aisha, 1)) for _ in range(5)]
            waiting = asyncio.gather(*spends, return_exceptions=True)
            await asyncio.sleep(0)
            go.set()
            return list(await waiting)

        results = asyncio.run(come())
        assert [type(result) for result in results] == [Answer] * 3 + [QueueFull] * 2
        assert world.spend(world.aisha, 1).refusal is refusals.NOT_ENOUGH_POINTS


def test_what_was_queued_before_the_end_is_committed(tmp_path: Path) -> None:
    time = Time()
    settings = settings_in(tmp_path, batch=4)
    make(settings)
    engine = open_engine(settings, time.clock())
    world = World(engine, time)
    begun, go = threading.Event(), threading.Event()

    def stand(_tx: Transaction) -> None:
        begun.set()
        assert go.wait(30)

    engine.door.note("stand", stand)
    assert begun.wait(30)
    for number in range(20):
        engine.door.note("put", partial(put, number=number))
    closing = threading.Thread(target=engine.close)
    closing.start()
    go.set()
    closing.join(30)
    with pytest.raises(Closed):
        world.spend(world.aisha, 1)
    with open_engine(settings, time.clock()) as again:
        reader = again.vault.reader()
        kept = [reader.row(GET, name=f"n{number}") for number in range(20)]
    assert kept == [(number,) for number in range(20)]


@pytest.mark.parametrize("attempt", range(10))
def test_nobody_is_left_waiting_by_a_door_that_closes(tmp_path: Path, attempt: int) -> None:
    """Whoever comes while the door closes is served or told so: never forgotten."""
    time = Time()
    settings = settings_in(tmp_path)
    make(settings)
    engine = open_engine(settings, time.clock())
    world = World(engine, time)
    told: list[object] = []

    def come() -> None:
        while True:
            try:
                told.append(world.spend(world.aisha, 1))
            except Closed as closed:
                told.append(closed)
                return

    callers = [threading.Thread(target=come, daemon=True) for _ in range(8 + attempt)]
    for caller in callers:
        caller.start()
    engine.door.close()
    for caller in callers:
        caller.join(30)
    assert not any(caller.is_alive() for caller in callers)
    engine.vault.close()


# -- faults ----------------------------------------------------------------------------------


def test_nothing_is_booked_under_a_clock_that_jumped(world: World) -> None:
    world.earn(world.aisha, 10, expire_days=30)
    for seconds in (301, -602):
        world.time.jump(seconds)
        with pytest.raises(ClockMoved):
            world.spend(world.aisha, 1)
        with pytest.raises(ClockMoved):
            world.login(world.aisha)
    assert world.balance(world.aisha).version == 1
    with open_engine(world.engine.settings, world.time.clock(), past_gates=True) as person:
        person.door.write_now("accept", lambda tx: accept_clock(tx, world.time.wall))
    assert world.spend(world.aisha, 1).refusal is None
    world.time.jump(301)
    with pytest.raises(ClockMoved):
        world.spend(world.aisha, 1)
    world.time.jump(-301)
    assert world.spend(world.aisha, 1).refusal is None


def test_a_clock_that_was_right_as_it_was_accepted_may_not_jump_later(world: World) -> None:
    """Accepted, and again, for the sake of another server, or by somebody's script."""
    world.adjust(world.aisha, 10)
    with open_engine(world.engine.settings, world.time.clock(), past_gates=True) as person:
        for _ in range(3):
            person.door.write_now("accept", lambda tx: accept_clock(tx, world.time.wall))
    world.time.forward(seconds=1)
    world.engine.door.look_at_clock()  # as every server does, each second
    world.time.jump(400 * 86_400)
    for _ in range(2):
        with pytest.raises(ClockMoved):
            world.spend(world.aisha, 1)
    world.time.jump(-400 * 86_400)


def test_control_a_clock_within_its_limits_is_believed(world: World) -> None:
    world.adjust(world.aisha, 10)
    world.time.jump(300)
    world.time.forward(days=400)
    assert world.spend(world.aisha, 1).refusal is None
    world.time.jump(-300)
    assert world.spend(world.aisha, 1).refusal is None


def test_busy_is_told_to_all_who_waited_and_the_key_stays_free(tmp_path: Path) -> None:
    with open_world(tmp_path, lock_seconds=1) as world:
        world.adjust(world.aisha, 10)
        other = apsw.Connection(str(world.engine.vault.path))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy):
            world.spend(world.aisha, 4, key="k")
        assert world.balance(world.aisha).available == 10
        other.execute("ROLLBACK")
        other.close()
        again = world.spend(world.aisha, 4, key="k")
        assert (again.refusal, again.is_replay) == (None, False)
