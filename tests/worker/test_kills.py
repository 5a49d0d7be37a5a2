"""The worker is killed at any moment and started again: nothing is left out or out of order.

Each failure names its seed: `NUQTA_KILL_SEED=… pytest tests/worker/test_kills.py` plays it again,
as far as a machine can.
"""

import os
import random
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.http.server import PATIENCE_S
from tests.tidy import ROOT
from tests.worker.receiver import Receiver
from tests.worker.work import firsts, numbered, subscribe
from tests.world import Shopper, Time, World, open_world

KILLS = 8
HASTY_KILLS_MAX = 60
ROUNDS = 12


@pytest.fixture
def present(tmp_path: Path) -> Iterator[World]:
    """The world, as of now: a process of its own has a clock of its own."""
    with open_world(tmp_path, Time(time.time_ns() // 1000), webhook_private_targets=1) as one:
        yield one


@contextmanager
def telling(world: World, kind: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker's process, which is killed in the end."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith("NUQTA_")}
    environ = {
        **ours, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "NUQTA_DB": str(world.engine.vault.path), "NUQTA_WEBHOOK_PRIVATE_TARGETS": "1",
        "NUQTA_WORKER_LEASE_SECONDS": "1", "NUQTA_WORKER_PAUSE_MS": "10",
        "NUQTA_WEBHOOK_PAUSE_SECONDS": "1", "NUQTA_WEBHOOK_PAUSE_SECONDS_MAX": "1",
    }  # fmt: skip
    script = str(Path(__file__).with_name("teller.py"))
    process = subprocess.Popen([sys.executable, script, kind], env=environ)
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE_S)


def change(world: World, shoppers: list[Shopper], luck: random.Random) -> None:
    """Some changes, which bring one event or two each."""
    for _ in range(ROUNDS):
        shopper = luck.choice(shoppers)
        world.time.wall = max(world.time.wall + 1, time.time_ns() // 1000)
        world.time.steady += 1
        if luck.random() < 0.7:
            world.adjust(shopper, luck.randrange(1, 50))
        else:
            world.spend(shopper, 1)


def kill_once(world: World, receiver: Receiver, kind: str, luck: random.Random) -> None:
    """A worker that is killed some moments after it has told a few events."""
    goal = len(receiver.told) + luck.randrange(1, ROUNDS // 2)
    with telling(world, kind) as process:
        receiver.wait_until(lambda: len(receiver.told) >= goal)
        try:
            process.wait(luck.uniform(0, 0.004))
        except subprocess.TimeoutExpired:
            process.kill()


def tell_the_rest(world: World, receiver: Receiver, kind: str) -> None:
    """A worker that is let live until no webhook lacks anything."""
    lacking = (
        "SELECT (SELECT count(*) FROM events WHERE position = 0) + (SELECT count(*) FROM"
        " event_positions p LEFT JOIN deliveries d ON d.dkey = p.dkey"
        " WHERE coalesce(d.position, 0) < p.position)"
    )
    ends_at = time.monotonic() + PATIENCE_S
    with telling(world, kind) as process:
        while world.engine.vault.reader().rows_of(lacking, ()) != [(0,)]:
            assert time.monotonic() < ends_at, "something is not told"
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.02)


def crowd(world: World) -> list[Shopper]:
    return [world.customer(world.riyadh, number, "Some") for number in range(10, 16)]


def test_killed_at_any_moment_every_event_is_told_in_order(
    present: World, receiver: Receiver
) -> None:
    seed = int(os.environ.get("NUQTA_KILL_SEED") or secrets.randbits(32))
    luck = random.Random(seed)
    subscribe(present, receiver.url)
    shoppers = crowd(present)
    for _ in range(KILLS):
        change(present, shoppers, luck)
        kill_once(present, receiver, "sure", luck)
    tell_the_rest(present, receiver, "sure")
    assert firsts(receiver.numbers) == numbered(present), f"NUQTA_KILL_SEED={seed}"
    bodies: dict[str, bytes] = {}
    for told in receiver.told:
        name = told.headers["x-nuqta-event-id"]
        assert bodies.setdefault(name, told.body) == told.body, f"NUQTA_KILL_SEED={seed}"
    whats = [(told["customer_id"], told["version"], told["type"], told["effective_at"])
             for told in {one.headers["x-nuqta-event-id"]: one.event
                          for one in receiver.told}.values()]  # fmt: skip
    assert len(set(whats)) == len(whats), f"one under two numbers: NUQTA_KILL_SEED={seed}"


def test_control_a_position_written_before_sending_loses_events(
    present: World, receiver: Receiver
) -> None:
    seed = int(os.environ.get("NUQTA_KILL_SEED") or secrets.randbits(32))
    luck = random.Random(seed)
    subscribe(present, receiver.url)
    shoppers = crowd(present)
    for kills in range(1, HASTY_KILLS_MAX + 1):
        change(present, shoppers, luck)
        kill_once(present, receiver, "hasty", luck)
        if kills % 4 == 0:
            tell_the_rest(present, receiver, "hasty")
            if firsts(receiver.numbers) != numbered(present):
                return
    raise AssertionError(f"nothing was lost: NUQTA_KILL_SEED={seed}")
