"""32 clients on one balance, then 1,000 connections on many, with kills: one thing after another.

Every account's history must be linearizable by version (`linear.py`), no point spent twice, and the
books must hold at the end what the answers come to. Control: two engines without their guards.
"""

import asyncio
import resource
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from typing import Final

from nuqta.engine.engine import open_engine
from nuqta.engine.reading.audit import audit
from nuqta.settings import Settings
from nuqta.storage import books
from tests.http.server import logging_all
from tests.http.server import serving as serving_here
from tests.orders.shop import without_earning
from tests.torture.campaign import Campaign
from tests.torture.serving.calls import Desk
from tests.torture.serving.linear import Sums, faults
from tests.torture.serving.race import Race, Stage, histories
from tests.torture.serving.running import Server
from tests.torture.serving.unguarded import open_unguarded
from tests.world import Shopper, Time, World, open_world, settings_in

FAULT: Final = "race"
CLIENTS: Final = 32
BEGINNING: Final = 300
"""So few points that many are refused."""
PATIENCE_S: Final = 1_800


class Books:
    """Customers with few points each, in books that are closed."""

    def __init__(self, folder: Path, many: int) -> None:
        self.settings: Settings = settings_in(folder, rate_limit=0, holds_per_customer=1_000)
        with open_world(folder, Time(time.time_ns() // 1000)) as world:
            self.desk = Desk(world)
            without_earning(self.desk.shop)
            self.shoppers = [self._customer(world, number) for number in range(many)]

    def _customer(self, world: World, number: int) -> Shopper:
        made = world.customer(world.riyadh, 1_000 + number)
        world.adjust(made, BEGINNING)
        self.desk.meet(made)
        return made

    def check(self, race: Race) -> None:
        """What was seen happened one thing after another, and the books say the same."""
        with open_engine(self.settings) as engine:
            report = audit(engine, None, in_full=True)
            assert report.ok, report.violations
            seen = histories(race.done, self.settings.db)
            for shopper, history in seen.items():
                found = faults(history, Sums(BEGINNING), 1)
                assert found == [], (shopper, found[:5])
                account = books.account(engine.vault.reader(), shopper.key)
                assert account is not None
                end = sum((one.moved for one in history), Sums(BEGINNING))
                assert end == Sums(account.available, account.held, account.used)
                assert account.version == 1 + sum(one.booked for one in history)


async def compete(
    race: Race, stages: Sequence[Stage], shoppers: Sequence[Shopper], clients: int, luck: Random
) -> None:
    """All clients at once, on the stages in turn and on the customers in turn."""
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(
            *(
                race.run(
                    stages[one % len(stages)], shoppers[one % len(shoppers)], Random(luck.random())
                )
                for one in range(clients)
            )
        )


def opened(settings: Settings, workers: int) -> Server:
    """A server that listens."""
    server = Server(settings, workers, more=("--no-worker",))
    assert server.wait_until_open()
    return server


async def come_and_go(
    race: Race, stage: Stage, settings: Settings, server: Server, kills: int, luck: Random
) -> Server:
    """Kill the server so many times while the race runs, spread over it; the last one."""
    step = race.left // (kills + 1)
    for number in range(kills, 0, -1):
        while race.left > number * step:
            await asyncio.to_thread(server.is_alive, 0.01)
        stage.leave()
        server.kill()
        server = await asyncio.to_thread(opened, settings, luck.randint(1, 2))
        stage.enter(server.port)
    return server


def test_one_balance_is_one_thing_after_another(campaign: Campaign, tmp_path: Path) -> None:
    held = Books(tmp_path, 1)
    race = Race(held.desk, campaign.rounds(1_000, 30_000))
    server = opened(held.settings, 2)
    try:
        asyncio.run(_alone(race, server, held, campaign.random))
    finally:
        server.kill()
    held.check(race)
    campaign.count("operations", len(race.done))
    campaign.count("writes", sum(one.call is not None for one in race.done))


async def _alone(race: Race, server: Server, held: Books, luck: Random) -> None:
    await compete(race, [Stage(server.port)], held.shoppers, CLIENTS, luck)


def test_many_balances_outlive_kills(campaign: Campaign, tmp_path: Path) -> None:
    clients, kills = campaign.rounds(200, 1_000), campaign.rounds(1, 12)
    with suppress(ValueError, OSError):  # the server's process takes it over
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (8_192, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        )
    held = Books(tmp_path, clients // 5)
    race = Race(held.desk, campaign.rounds(2_000, 75_000))
    asyncio.run(_with_kills(race, held, clients, kills, campaign.random))
    held.check(race)
    campaign.count("operations", len(race.done))
    campaign.count("kills amid them", kills)


async def _with_kills(race: Race, held: Books, clients: int, kills: int, luck: Random) -> None:
    server = await asyncio.to_thread(opened, held.settings, 1)
    stage = Stage(server.port)
    running = asyncio.create_task(compete(race, [stage], held.shoppers, clients, luck))
    server = await come_and_go(race, stage, held.settings, server, kills, luck)
    try:
        await running
    finally:
        server.kill()


def test_control_without_the_guards_points_are_spent_twice(
    campaign: Campaign, tmp_path: Path
) -> None:
    held = Books(tmp_path, 1)
    race = Race(held.desk, 1_000, bears_faults=True)
    clock = Time(time.time_ns() // 1000).clock()
    with ExitStack() as stack:
        stack.enter_context(logging_all())
        ports = [
            stack.enter_context(serving_here(open_unguarded(held.settings, clock)))
            for _ in range(2)
        ]
        asyncio.run(_unguarded(race, ports, held, campaign.random))
    (history,) = histories(race.done, held.settings.db).values()
    found = faults(history, Sums(BEGINNING), 1)
    twice = sum("made twice" in one for one in found)
    assert twice, "two engines without guards did not get into each other's way"
    campaign.control(
        "the version in the account's change, and the lock before it is read",
        f"{twice} versions made twice, {len(found)} contradictions in {len(history)} operations",
    )


async def _unguarded(race: Race, ports: Sequence[int], held: Books, luck: Random) -> None:
    await compete(race, [Stage(port) for port in ports], held.shoppers, CLIENTS, luck)
