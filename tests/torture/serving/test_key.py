"""Fifty clients send one call under one key at once, and again after a kill and after a clean stop.

It has one effect, and all of them are given one answer, byte for byte; another call under the same
key is a conflict without any effect. What one effect of a kind of call is, is looked up first: the
rows that one lone call of it adds to each table.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, TypeAlias

import apsw

from tests.http.server import PATIENCE_S
from tests.torture.campaign import Campaign
from tests.torture.serving.calls import Call, Desk
from tests.torture.serving.running import Server, Told, lines, serving
from tests.world import Shopper, Time, open_world, settings_in

FAULT: Final = "key"
CLIENTS: Final = 50
FEW: Final = 10
NO_EFFECT: Final = frozenset({"meta", "event_positions", "deliveries"})
"""Tables whose rows no call alone decides: when something was last committed, and from where on a
webhook is told of each bucket that has events."""

Kind: TypeAlias = Callable[[Desk, Shopper, str, int], Call]
KINDS: Final[dict[str, Kind]] = {
    "added": lambda desk, who, key, n: desk.adjust(who, key, n),
    "deducted": lambda desk, who, key, n: desk.adjust(who, key, -1 - n % 2),
    "refused": lambda desk, who, key, n: desk.adjust(who, key, -(10**9) - n),
    "ordered": lambda desk, who, key, n: desk.order(who, key, seconds=n % 2),
    "told by Zid": lambda desk, who, key, n: desk.webhook(who, key, n),
    "put into a cart": lambda desk, who, key, n: desk.hold(who, key, f"cart-{n}"),
    "taken out again": lambda desk, who, key, n: desk.free(who, key, f"cart-{n}"),
    "method": lambda desk, who, key, n: desk.method(key, n),
    "webhook": lambda desk, who, key, n: desk.subscribe(key, str(n)),
    "handed over": lambda desk, who, key, n: desk.login(beside(who, n), key),
    "code": lambda desk, who, key, n: desk.code(key, email_of(beside(who, n))),
    "rule": lambda desk, who, key, n: desk.rule(key, n),
    "expiry": lambda desk, who, key, n: desk.expiry(key, n),
}
"""How a call of each kind is made; with another number it is another call."""
UNKEYED: Final = ("added", "method", "webhook")
"""Kinds that nothing but their key knows again."""


def beside(shopper: Shopper, number: int) -> Shopper:
    """The customer, or for an odd number the one who was made together with this one."""
    return Shopper(shopper.store_id, shopper.customer_id + number % 2, "")


def email_of(shopper: Shopper) -> str:
    """Where the customer's codes go."""
    return f"c{shopper.customer_id}@shop.example"


class Crowd:
    """Books, and a kind of call with customers of its own for each key."""

    def __init__(self, folder: Path, kinds: Sequence[str]) -> None:
        self.settings = settings_in(folder)
        with open_world(folder, Time(time.time_ns() // 1000)) as world:
            self.desk = Desk(world)
            self.kinds = kinds
            self.shoppers = [self._pair(number) for number in range(len(kinds))]
        self.known: dict[str, Told] = {}

    def _pair(self, number: int) -> Shopper:
        world, first = self.desk.world, 1_000 + 2 * number
        world.customer(world.riyadh, first + 1, email=f"c{first + 1}@shop.example")
        made = world.customer(world.riyadh, first, email=f"c{first}@shop.example")
        world.adjust(made, 100)
        self.desk.meet(made)
        return made

    def call(self, number: int, *, other: bool = False, key: str | None = None) -> Call:
        """The call of a key; or another one under the same."""
        name = f"key-{number}" if key is None else key
        made = KINDS[self.kinds[number]]
        return made(self.desk, self.shoppers[number], name, 1_000 + 2 * number + other)

    def rows(self) -> Counter[str]:
        """How many rows each table has."""
        connection = apsw.Connection(self.settings.db, flags=apsw.SQLITE_OPEN_READONLY)
        with closing(connection):
            names = connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
            return Counter(
                {
                    str(name): int(str(connection.execute(_COUNT.format(name)).fetchall()[0][0]))
                    for (name,) in names.fetchall()
                    if name not in NO_EFFECT
                }
            )

    async def send(
        self, server: Server, number: int, many: int = CLIENTS, kill_after: int | None = None
    ) -> None:
        """One call from all at once; all are told the same, now and whenever it was sent before."""
        call = self.call(number)
        async with lines(server, many) as found:
            tasks = [asyncio.create_task(line.settled(call.data)) for line in found]
            for count, one in enumerate(asyncio.as_completed(tasks, timeout=PATIENCE_S * 8)):
                if count == kill_after:
                    server.kill()
                told = await one
                if told is None:
                    assert kill_after is not None, "the server is gone"
                    continue
                known = self.known.setdefault(call.key, told)
                assert (told.status, told.body) == (known.status, known.body), call

    async def conflict(self, server: Server, number: int) -> None:
        """Another call under the same key."""
        told = await once(server, self.call(number, other=True))
        assert told.status == 409, (self.kinds[number], told)
        assert b"ERROR_IDEMPOTENCY_CONFLICT" in told.body


_COUNT: Final = "SELECT count(*) FROM {}"


def one_effect(crowd: Crowd, server: Server, number: int) -> Counter[str]:
    """The rows that a call adds which is sent once."""
    before = crowd.rows()
    told = asyncio.run(once(server, crowd.call(number)))
    refused = crowd.kinds[number] == "refused"
    assert (told.status == 200) != refused, (crowd.kinds[number], told)
    return crowd.rows() - before


async def once(server: Server, call: Call) -> Told:
    """The answer to a call that is sent once."""
    async with lines(server, 1) as (line,):
        told = await line.settled(call.data)
    assert told is not None, "the server is gone"
    return told


def effects(folder: Path) -> dict[str, Counter[str]]:
    """What one effect is, kind by kind."""
    folder.mkdir()
    crowd = Crowd(folder, list(KINDS))
    with serving(crowd.settings, more=("--no-worker",)) as server:
        assert server.wait_until_open()
        return {kind: one_effect(crowd, server, at) for at, kind in enumerate(KINDS)}


async def batch(crowd: Crowd, server: Server, numbers: Sequence[int], kill_after: int) -> None:
    """Each key from all at once, and another call under it; amid the last one comes the kill."""
    for number in numbers[:-1]:
        await crowd.send(server, number)
        await crowd.conflict(server, number)
    await crowd.send(server, numbers[-1], kill_after=kill_after)


async def again(crowd: Crowd, server: Server, numbers: Sequence[int]) -> None:
    """All of them once more, after a restart, and another call under the last."""
    for number in numbers[:-1]:
        await crowd.send(server, number, FEW)
    await crowd.send(server, numbers[-1])
    await crowd.conflict(server, numbers[-1])


def test_one_key_has_one_effect(campaign: Campaign, tmp_path: Path) -> None:
    effect = effects(tmp_path / "alone")
    luck, keys, size = campaign.random, campaign.rounds(40, 1_000), campaign.rounds(40, 50)
    crowd = Crowd(tmp_path, [luck.choice(list(KINDS)) for _ in range(keys)])
    before, expected = crowd.rows(), Counter[str]()
    for first in range(0, keys, size):
        numbers = range(first, first + size)
        workers = luck.randint(1, 2)
        with serving(crowd.settings, workers, more=("--no-worker",)) as server:
            assert server.wait_until_open()
            asyncio.run(batch(crowd, server, numbers, luck.randrange(CLIENTS)))
        with serving(crowd.settings, 3 - workers, more=("--no-worker",)) as server:
            assert server.wait_until_open()
            asyncio.run(again(crowd, server, numbers))
            server.stop()
        for number in numbers:
            expected.update(effect[crowd.kinds[number]])
        assert crowd.rows() - before == expected
        campaign.count("keys", size)
    with serving(crowd.settings, more=("--no-worker",)) as server:  # after a clean stop
        assert server.wait_until_open()
        asyncio.run(again(crowd, server, luck.sample(range(keys), campaign.rounds(5, keys))))
    assert crowd.rows() - before == expected


async def unkeyed(crowd: Crowd, server: Server, number: int) -> None:
    """A call without a key from all at once."""
    data = crowd.call(number, key="").data
    async with lines(server, CLIENTS) as found:
        answers = await asyncio.gather(*(line.settled(data) for line in found))
    assert {told.status for told in answers if told} == {200}
    assert len(answers) == CLIENTS


def test_control_without_a_key_there_are_fifty_effects(campaign: Campaign, tmp_path: Path) -> None:
    crowd = Crowd(tmp_path, UNKEYED)
    with serving(crowd.settings, more=("--no-worker",)) as server:
        assert server.wait_until_open()
        for number in range(len(UNKEYED)):
            before = crowd.rows()
            asyncio.run(unkeyed(crowd, server, number))
            assert set((crowd.rows() - before).values()) == {CLIENTS}
    campaign.control("the key", f"{CLIENTS} effects of each of {len(UNKEYED)} kinds of call")
