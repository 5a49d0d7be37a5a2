"""Many clients on few balances, and the history of what each of them saw.

Nothing is tested here. A `Race` counts its operations down; the stage on which it runs may go away
and come back at another port, and whoever has no answer asks again under the same key.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from random import Random
from typing import Any, Final

import apsw
import msgspec

from tests.torture.serving.calls import HELD, Call, Desk
from tests.torture.serving.linear import Seen, Sums
from tests.torture.serving.running import Line, Told
from tests.world import Shopper

CARTS_MAX: Final = 2
"""So many carts each client has at most."""


class Stage:
    """Where servers come and go."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._is_open = asyncio.Event()
        self._is_open.set()

    async def wait(self) -> None:
        """Until somebody is there."""
        await self._is_open.wait()

    def leave(self) -> None:
        """Nobody will be there any more."""
        self._is_open.clear()

    def enter(self, port: int) -> None:
        """Somebody is there again."""
        self.port = port
        self._is_open.set()


class Done(msgspec.Struct, frozen=True):
    """One operation as its client saw it; `call` is None for a read."""

    shopper: Shopper
    call: Call | None
    start: float
    end: float
    told: Told


class Race:
    """So many operations, by as many clients as are started."""

    def __init__(self, desk: Desk, operations: int, *, bears_faults: bool = False) -> None:
        self.desk = desk
        self.left = operations
        self.done: list[Done] = []
        self.bears_faults = bears_faults
        """Whether an operation that fails (a 5xx that is no 503, or in a control any) is given up:
        then it is in nobody's history."""
        self._keys = 0

    async def run(self, stage: Stage, shopper: Shopper, luck: Random) -> None:
        """One client: reads, adds, deducts, and fills carts that it empties or orders."""
        line, carts = Line(stage), list[str]()
        try:
            while self.left > 0:
                self.left -= 1
                call = self._next(shopper, carts, luck)
                data = self.desk.balance(shopper) if call is None else call.data
                start = time.perf_counter()
                told = await self._certain(stage, line, data)
                if told.status < 500:
                    self.done.append(Done(shopper, call, start, time.perf_counter(), told))
                if call is not None and call.kind == "add" and told.status == 200:
                    carts.append(call.key)
        finally:
            await line.close()

    async def _certain(self, stage: Stage, line: Line, data: bytes) -> Told:
        while True:
            told = await line.ask(data)
            if told is None:
                await stage.wait()
            elif told.status != 503 or self.bears_faults:
                return told

    def _next(self, shopper: Shopper, carts: list[str], luck: Random) -> Call | None:
        self._keys += 1
        desk, key = self.desk, f"race-{self._keys}"
        match luck.randrange(10):
            case 0 | 1:
                return desk.adjust(shopper, key, luck.choice([7, 30]))
            case 2:
                return desk.adjust(shopper, key, luck.choice([-20, -55]))
            case 3 | 4 if len(carts) < CARTS_MAX:
                return desk.hold(shopper, key, key)
            case 5 if carts:
                return desk.free(shopper, key, carts.pop())
            case 6 if carts:
                return desk.order(shopper, key, carts.pop())
            case _:
                return None


def histories(done: Sequence[Done], db: str) -> Mapping[Shopper, list[Seen]]:
    """What was seen of each account. Which versions a write made its receipt says, and of an order
    its transfers: both are the books' own words, which the checker does not take for granted."""
    connection = apsw.Connection(db, flags=apsw.SQLITE_OPEN_READONLY)
    with closing(connection):
        made: dict[Any, tuple[int, int]] = {
            row[0]: (int(str(row[1])), int(str(row[2])))
            for sql in (_RECEIPTS, _ORDERS)
            for row in connection.execute(sql)
        }
    found: dict[Shopper, list[Seen]] = defaultdict(list)
    for one in done:
        found[one.shopper].append(_seen(one, made))
    return found


_RECEIPTS: Final = "SELECT key, version, booked FROM receipts"
_ORDERS: Final = (
    "SELECT order_key, max(version), count(*) FROM transfers WHERE order_key <> '' GROUP BY 1"
)


_NEVER_MADE: Final = -1
"""A version that nobody made, which the checker says."""


def _seen(one: Done, made: Mapping[Any, tuple[int, int]]) -> Seen:
    call, told = one.call, one.told
    if call is None:
        assert told.status == 200, told
        version, available, used = map(int, told.etag.strip('"').split("-")[:3])
        shown = json.loads(told.body)["points"]
        assert (available, used) == (shown["available_poitns"], shown["used_poitns"])
        return Seen("read", one.start, one.end, version, told=(available, used))
    name = f"{call.kind} {call.key}"
    if call.key not in made:  # answered, and nothing in the books says so
        return Seen(name, one.start, one.end, _NEVER_MADE)
    version, booked = made[call.key]
    if told.status != 200:
        assert b"ERROR_NOT_ENOUGH_POINTS" in told.body, told
        assert booked == 0
        wanted = HELD if call.kind == "add" else call.effect["adjusted_out"]
        return Seen(name, one.start, one.end, version, wanted=wanted)
    return Seen(name, one.start, one.end, version, booked, _moved(call.done(told)))


def _moved(effect: Mapping[str, int]) -> Sums:
    """What a call does to the points, by the places that it changes."""
    count: Callable[[str], int] = lambda place: effect.get(place, 0)  # noqa: E731
    gone = count("adjusted_out") + count("held") + count("redeemed")
    return Sums(count("adjusted_in") + count("issued") - gone, count("held"), count("redeemed"))
