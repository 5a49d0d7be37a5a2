"""kill -9 of a server under load, at random and at named points; then every key is sent again.

Each client writes down what it was answered, synced before its next call. After the kill whatever
was answered is answered the same, byte for byte, under the same receipt; every call that was done
counts once, every refusal stays one. The world's clock stands at the real present at first, because
the server's process has a clock of its own.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import apsw
import msgspec

from nuqta.engine.engine import Engine, open_engine
from nuqta.engine.reading.audit import audit
from nuqta.ledger.commands import Adjust
from nuqta.ledger.instants import SECOND_US
from nuqta.settings import Settings
from nuqta.storage import books
from tests.http.server import PATIENCE_S
from tests.torture.campaign import Campaign
from tests.torture.serving.calls import Call, Desk
from tests.torture.serving.launcher import SERVING
from tests.torture.serving.running import LAUNCHER, Line, Point, Server, Told, serving
from tests.world import Shopper, Time, World, open_world, settings_in

FAULT: Final = "kill"
SOURCES: Final = 6
SLEEPERS: Final = 24
"""Customers whose points expire while the server works: the sweeper's customers."""
BEGINNING: Final = 100_000
EAGER: Final = str(Path(__file__).with_name("eager.py"))


class Acknowledged:
    """The answers that one client had, in a file: each is on disk before the client goes on."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.known: dict[str, tuple[int, bytes]] = {}

    def add(self, key: str, told: Told) -> None:
        """One more answer."""
        os.write(self._handle, msgspec.json.encode((key, told.status, told.body)) + b"\n")
        os.fsync(self._handle)
        self.known[key] = told.status, told.body

    def read(self) -> dict[str, tuple[int, bytes]]:
        """What the file says."""
        lines = self._file.read_bytes().splitlines()
        found = [msgspec.json.decode(line, type=tuple[str, int, bytes]) for line in lines]
        return {key: (status, body) for key, status, body in found}

    def close(self) -> None:
        """No more comes."""
        os.close(self._handle)


class Source:
    """One client, which speaks for one customer, one call after another."""

    def __init__(self, desk: Desk, shopper: Shopper, folder: Path, luck: Random) -> None:
        self.shopper = shopper
        self.acknowledged = Acknowledged(folder / f"acknowledged-{shopper.customer_id}")
        self.sent: list[Call] = []
        self.again = 0
        """Calls from here on are sent again before new ones, in their order."""
        self.lost: list[str] = []
        """The keys that were answered otherwise when they were sent again."""
        self._desk, self._luck = desk, luck
        self._carts: list[str] = []

    async def send_until_killed(self, server: Server) -> None:
        """What the last server may have lost, then new calls, until nobody answers."""
        line = Line(server)
        try:
            first = len(self.sent)
            for call in self.sent[self.again :]:
                if not await self._send(line, call):
                    return
            self.again = first
            while True:
                self.sent.append(self._next())
                if not await self._send(line, self.sent[-1]):
                    return
        finally:
            await line.close()

    async def send_all_again(self, server: Server) -> None:
        """Every call there ever was, in its order."""
        line = Line(server)
        for call in self.sent:
            assert await self._send(line, call), "the server is gone"
        await line.close()

    async def _send(self, line: Line, call: Call) -> bool:
        told = await line.settled(call.data)
        if told is None:
            return False
        assert told.status < 500, told
        known = self.acknowledged.known.get(call.key)
        if known is None:
            self.acknowledged.add(call.key, told)
        elif known != (told.status, told.body) or told.is_replayed != (told.status == 200):
            self.lost.append(call.key)
        return True

    def _next(self) -> Call:
        desk, shopper, number = self._desk, self.shopper, len(self.sent)
        key = f"{shopper.customer_id}-{number}"
        match self._luck.randrange(9):
            case 0:
                return desk.overdraw(shopper, key)
            case 1:
                return desk.adjust(shopper, key, -3)
            case 2 | 3:
                return desk.order(shopper, key)
            case 4:
                return desk.webhook(shopper, key, shopper.customer_id * 1_000_000 + number)
            case 5 | 6 if len(self._carts) < 10:
                self._carts.append(f"cart-{key}")
                return desk.hold(shopper, key, self._carts[-1])
            case 7 if self._carts:
                return desk.free(shopper, key, self._carts.pop())
            case 8 if self._carts:
                return desk.order(shopper, key, self._carts.pop())
            case _:
                return desk.adjust(shopper, key, 5)


class Siege:
    """Books that servers are killed on, one after another, and the clients that remember."""

    def __init__(self, folder: Path, luck: Random) -> None:
        self.folder, self.luck = folder, luck
        self.settings: Settings = settings_in(folder)
        with open_world(folder, Time(time.time_ns() // 1000)) as world:
            self.desk = Desk(world)
            self.sources = [self._source(world, number) for number in range(SOURCES)]
            self.sleepers = [world.customer(world.riyadh, 500 + one) for one in range(SLEEPERS)]
        self.round = 0
        self.naps: Counter[int] = Counter()
        """The points that each of them had and that expired."""
        self.lost: list[str] = []
        """The acknowledged keys that a killed server's books did not know."""
        self.receipts: dict[tuple[object, ...], object] = {}

    def _source(self, world: World, number: int) -> Source:
        shopper = world.customer(world.riyadh, 100 + number)
        world.adjust(shopper, BEGINNING)
        self.desk.meet(shopper)
        return Source(self.desk, shopper, self.folder, Random(self.luck.random()))

    def kill(self, workers: int, point: Point | None, script: str = LAUNCHER) -> None:
        """A server under load, until it kills itself at the point; without one, at random."""
        with serving(self.settings, workers, point, script) as server:
            if server.wait_until_open():
                asyncio.run(self._load(server, point))
        assert point is None or point.was_reached, (point.name, server.said[-2_000:])
        self.lost += self._missing()
        assert "Traceback" not in server.said, server.said

    async def _load(self, server: Server, point: Point | None) -> None:
        begun = self.acknowledgements
        goal, is_awake = begun + self.luck.randrange(5, 150), False
        async with asyncio.timeout(PATIENCE_S * 8):
            sending = asyncio.gather(*(one.send_until_killed(server) for one in self.sources))
            while not sending.done():
                is_due = self.acknowledgements >= goal if point is None else point.was_reached
                if is_due:
                    server.kill()
                elif not is_awake and self.acknowledgements > begun:
                    is_awake = True
                    await asyncio.to_thread(self._let_expire)
                await asyncio.wait([sending], timeout=0.005)
            await sending

    def _let_expire(self) -> None:
        """Give every sleeper a point that is gone in a moment, from a process beside the server."""
        with open_engine(self.settings) as engine:
            now = engine.clock.now()
            answers = engine.door.post_all(
                [
                    Adjust(
                        dkey=one.dkey, customer_id=one.customer_id, origin="cli", points=1,
                        key=f"sleep-{self.round}", expires_at=now + (number + 10) * SECOND_US // 20,
                    )
                    for number, one in enumerate(self.sleepers)
                ]
            )  # fmt: skip
        self.round += 1
        for one, answer in zip(self.sleepers, answers, strict=True):
            self.naps[one.customer_id] += answer.refusal is None  # else it was late by itself

    @property
    def acknowledgements(self) -> int:
        """How many there are."""
        return sum(len(one.acknowledged.known) for one in self.sources)

    def _missing(self) -> list[str]:
        """The acknowledged keys that the file, as the kill left it, does not know as they were
        answered. It is only read: the next server is to find the log as it lies."""
        connection = apsw.Connection(self.settings.db, flags=apsw.SQLITE_OPEN_READONLY)
        found = {row[0]: row[1] for row in connection.execute("SELECT key, body FROM replies")}
        refused = {row[0] for row in connection.execute(_REFUSED)}
        connection.close()
        return [
            key
            for source in self.sources
            for key, (status, body) in source.acknowledged.known.items()
            if not (found.get(key) == body if status == 200 else key in refused)
        ]

    def audit(self) -> None:
        """The books hold, and no receipt has changed."""
        with open_engine(self.settings) as engine:
            report = audit(engine, None, in_full=True)
            assert report.ok, report.violations
            rows = engine.vault.reader().rows_of("SELECT * FROM receipts", ())
        found = {row[:4]: row[4:] for row in rows}
        assert self.receipts.items() <= found.items(), "a receipt is gone or changed"
        self.receipts = dict(found)

    def settle(self) -> None:
        """A server that lives: every key once more, then the books, point by point."""
        with serving(self.settings, 1) as server:
            assert server.wait_until_open()
            asyncio.run(self._all_again(server))
            self._wait_for_the_worker(server)
            server.stop()
        self.audit()
        for source in self.sources:
            assert source.acknowledged.read() == source.acknowledged.known
            source.acknowledged.close()
        with open_engine(self.settings) as engine:
            for source in self.sources:
                counts_once(engine, source)
            for sleeper in self.sleepers:
                account = books.account(engine.vault.reader(), sleeper.key)
                assert account is not None
                assert (account.available, account.expired) == (0, self.naps[sleeper.customer_id])

    async def _all_again(self, server: Server) -> None:
        await asyncio.gather(*(one.send_all_again(server) for one in self.sources))

    def _wait_for_the_worker(self, server: Server) -> None:
        """Until nothing is due or soon will be, since a nap may not be over yet; all is sealed; and
        every event has its position, each its own."""
        with open_engine(self.settings) as engine:
            reader, ends_at = engine.vault.reader(), time.monotonic() + PATIENCE_S
            while reader.rows_of(_LEFT, (engine.clock.now() + 60 * SECOND_US,)) != [(0,)]:
                assert time.monotonic() < ends_at, "the worker does not end"
                assert server.is_alive(0.01)
            assert reader.rows_of(_TWICE, ()) == []


_REFUSED: Final = "SELECT key FROM receipts WHERE refusal <> ''"
_LEFT: Final = (
    "SELECT (SELECT count(*) FROM events WHERE position = 0)"
    " + (SELECT count(*) FROM accounts WHERE next_change_at <= ? OR is_sealed = 0)"
)
_TWICE: Final = "SELECT dkey, position FROM events GROUP BY 1, 2 HAVING count(*) > 1"


def counts_once(engine: Engine, source: Source) -> None:
    """What the answers say and what the books say is one."""
    expected = Counter({"adjusted_in": BEGINNING})
    for call in source.sent:
        status, body = source.acknowledged.known[call.key]
        expected.update(call.done(Told(status, body)))
    account = books.account(engine.vault.reader(), source.shopper.key)
    assert account is not None
    sums = account.sums()
    expected["available"] = sums["available"]
    assert {name: count for name, count in sums.items() if count} == +expected
    statuses = Counter(status for status, _ in source.acknowledged.known.values())
    assert set(statuses) <= {200, 409, 422}, statuses


def plan(campaign: Campaign, kills: int) -> Iterator[tuple[int, str]]:
    """(workers, point) of each kill: every point, and none, with one worker and with two, whose
    start takes twice as long."""
    every = [(workers, point) for point in ("", *SERVING) for workers in (1, 1, 2)]
    while kills > 0:
        campaign.random.shuffle(every)
        yield from every[:kills]
        kills -= len(every)


def point(folder: Path, name: str, workers: int, luck: Random) -> Point | None:
    """A point by its name; of two workers sometimes only the one that comes there is killed, and
    the rest when that is known."""
    if not name:
        return None
    is_all = workers == 1 or luck.random() < 0.5
    return Point(folder, name, luck.randint(1, SERVING[name]), is_all)


def test_a_kill_loses_nothing_and_does_nothing_twice(campaign: Campaign, tmp_path: Path) -> None:
    siege, luck = Siege(tmp_path, campaign.random), campaign.random
    for workers, name in plan(campaign, campaign.rounds(4, 180)):
        siege.kill(workers, point(tmp_path, name, workers, luck))
        campaign.count("kills")
        if luck.random() < 0.3:  # without it the next server finds the log as it was left
            siege.audit()
    assert siege.lost == []
    siege.settle()
    assert [one.lost for one in siege.sources] == [[]] * SOURCES
    campaign.count("acknowledgements", siege.acknowledgements)


def test_control_an_answer_before_the_commit_is_lost(campaign: Campaign, tmp_path: Path) -> None:
    siege = Siege(tmp_path, campaign.random)
    siege.kill(1, Point(tmp_path, "before the commit", campaign.random.randint(1, 5)), EAGER)
    assert siege.lost
    known = siege.acknowledgements
    siege.settle()
    assert [key for one in siege.sources for key in one.lost], "no client could tell"
    campaign.control(
        "the commit before the answer", f"{len(siege.lost)} of {known} acknowledged calls were lost"
    )
