"""Commands a second through the door, beside what the disk itself can confirm."""

import asyncio
import fcntl
import os
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter, perf_counter_ns

from bench.shop import Shop, adjustment, folder, make_shop
from bench.table import aim, paired, show, told
from nuqta.engine.engine import Engine
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

CUSTOMERS = 2_000
MANY = 64
SLICE_S = 0.25
_PUT = statement("meta.put")
_PAGE = 4_096
_FILE_BYTES = 64 * 2**20


class Disk:
    """A file that is there in full, written and confirmed some pages at a time."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT)
        for _ in range(_FILE_BYTES // 2**20):
            os.write(self._file, bytes(2**20))
        os.fsync(self._file)
        self._at = 0

    def pace(self, pages: int) -> float:
        """Confirmed writes a second."""
        block = b"\xa5" * (pages * _PAGE)
        began, done = perf_counter(), 0
        while perf_counter() - began < SLICE_S:
            if self._at + len(block) > _FILE_BYTES:
                self._at = 0
            os.pwrite(self._file, block, self._at)
            _confirm(self._file)
            self._at += len(block)
            done += 1
        return done / (perf_counter() - began)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _confirm(file: int) -> None:
    full = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: what SQLite's fullfsync asks for
    if full is not None:
        fcntl.fcntl(file, full)
    else:
        os.fdatasync(file)


def commands_pace(house: Engine, shop: Shop, callers: int, keys: "count[int]") -> float:
    """Commands a second where so many callers each wait for their last one."""

    async def caller(ends: float) -> int:
        done = 0
        while perf_counter() < ends:
            key = next(keys)
            # Points come and go in turns, so that accounts neither grow nor run out; neighbours in
            # time are strangers in the file.
            turn, place = divmod(key, CUSTOMERS)
            customer = shop.customer_id(place * 7 % CUSTOMERS)
            points = 1 if turn % 2 == 0 else -1
            await house.door.post(adjustment(shop.store_id, customer, points, f"bench:{key}"))
            done += 1
        return done

    async def all_callers() -> float:
        began = perf_counter()
        done = await asyncio.gather(*[caller(began + SLICE_S) for _ in range(callers)])
        return sum(done) / (perf_counter() - began)

    import uvloop  # as the server's own loop

    return uvloop.run(all_callers())


def _put(tx: Transaction, value: int) -> None:
    tx.run(_PUT, name="bench", value=value)


def rows_pace(house: Engine) -> float:
    """Commits a second of one changed row, without queue or ledger: what SQLite itself can do."""
    began, done = perf_counter(), 0
    while perf_counter() - began < SLICE_S:
        # A row that stays as it is would not be written at all.
        house.vault.write("row", partial(_put, value=perf_counter_ns()))
        done += 1
    return done / (perf_counter() - began)


def pages_of_one(house: Engine, shop: Shop, log: Path) -> int:
    """The pages that one commit of one command writes."""
    house.vault.reader()
    sizes = []
    for number in range(20):
        before = log.stat().st_size
        house.door.post_all([adjustment(shop.store_id, shop.customer_id(number), 1, "pages")])
        sizes.append((log.stat().st_size - before) // _PAGE)
    return int(median(sizes))


def run(seconds: float) -> None:
    """Measure and print, every rate in a slice of each round."""
    with folder() as path:
        shop = make_shop(path, CUSTOMERS, points=1)
        disk = Disk(path / "disk")
        with shop.open() as house:
            pages = pages_of_one(house, shop, shop.db.with_name("bench.db-wal"))
            keys = count()
            rates: dict[str, Callable[[], float]] = {
                "fdatasync of 4 KiB": lambda: disk.pace(1),
                f"fdatasync of {pages * 4} KiB": lambda: disk.pace(pages),
                "SQLite, one row a commit": lambda: rows_pace(house),
                "door, 1 caller": lambda: commands_pace(house, shop, 1, keys),
                f"door, {MANY} callers": lambda: commands_pace(house, shop, MANY, keys),
            }
            found: dict[str, list[float]] = {name: [] for name in rates}
            for _ in range(max(3, int(seconds / (SLICE_S * len(rates))))):
                for name, rate in rates.items():
                    found[name].append(rate())
        disk.close()
    raw, _, _, one, many = found.values()
    show(
        "The door: commits, confirmed by the disk",
        ("what", "a second", "/ fdatasync of 4 KiB"),
        [(name, f"{median(v):,.0f}", f"{paired(v, raw):.2f}") for name, v in found.items()],
    )
    told(f"one command alone writes {pages} pages ({pages * 4} KiB) into the log")
    aim("door with one caller / fdatasync", "≥ 0.50", f"{paired(one, raw):.2f}")
    aim(f"commands/s with {MANY} waiting", "≥ 10,000", f"{median(many):,.0f}")
