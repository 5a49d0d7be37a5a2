"""Imports of real orders: exact for every customer, nothing the second time, whole after a kill.

The file is the full CDNOW data where it lies beside the repository, else the sample in the package.
What is expected is computed here from the file, with nothing of nuqta's own.
"""

import csv
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Final

import apsw
import pytest

from nuqta.engine import stores
from nuqta.engine.engine import Engine, make, open_engine
from nuqta.engine.imports import Result, import_orders
from nuqta.engine.reading.audit import audit
from nuqta.engine.reading.balances import show
from nuqta.engine.stores import ProgramWish, Store, StoreWish
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from tests.tidy import ROOT
from tests.world import settings_in

FULL: Final = ROOT.parent / "shared" / "data" / "cdnow_orders.csv"
FILE: Final = FULL if FULL.exists() else ROOT / "src" / "nuqta" / "data" / "cdnow_sample.csv"
AS_OF: Final = datetime(1998, 6, 30, tzinfo=UTC)
AN_EVENING: Final = datetime(1998, 6, 27, 22, tzinfo=UTC)
"""In Riyadh the next day has begun."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
ZONES: Final[dict[str, tzinfo]] = {"UTC": UTC, "Asia/Riyadh": timezone(timedelta(hours=3))}


def expected(path: Path, zone: tzinfo, as_of: datetime) -> dict[int, int]:
    """Points of every customer at an instant: 1 for each whole 1.00, dead after 365 days."""
    points: dict[int, int] = defaultdict(int)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            placed = datetime.fromisoformat(row["placed_on"]).replace(tzinfo=zone)
            total = Decimal(row["total"]).quantize(Decimal("0.01"), ROUND_HALF_UP)
            lives = placed <= as_of < placed + timedelta(days=365)
            points[int(row["customer_id"])] += int(total) if lives else 0
    return points


def opened_shop(engine: Engine, zone: str) -> Store:
    """A store whose orders earn 1 point per 1.00 USD for 365 days."""

    def work(tx: Transaction) -> Store:
        now = engine.clock.now()
        store = stores.create(tx, StoreWish("CDNOW", "USD", zone), now, "cli")
        assert not isinstance(store, Refusal)
        wish = ProgramWish(earn_points=1, earn_amount=100, expiry_days=365)
        stores.change_program(tx, store.store_id, wish, now, "cli")
        return store

    return engine.door.write_now("store", work)


def imported(engine: Engine, path: Path, store: Store) -> Result:
    result = import_orders(engine, path, store)
    assert not isinstance(result, Refusal)
    return result


# -- the whole file --------------------------------------------------------------------------


class Shops:
    """An engine with one store for each zone, into which the file was imported once."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.stores = {zone: opened_shop(engine, zone) for zone in ZONES}
        self.results = {zone: imported(engine, FILE, store) for zone, store in self.stores.items()}


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shops]:
    settings = settings_in(tmp_path_factory.mktemp("shops"))
    make(settings)
    with open_engine(settings) as engine:
        yield Shops(engine)


def rows_in(path: Path) -> int:
    with path.open(encoding="utf-8") as file:
        return sum(1 for _ in file) - 1


@pytest.mark.parametrize("at", [AS_OF, AN_EVENING], ids=["midnight", "evening"])
@pytest.mark.parametrize("zone", ZONES)
def test_every_customer_has_what_the_file_says(shops: Shops, zone: str, at: datetime) -> None:
    result, store = shops.results[zone], shops.stores[zone]
    assert (result.read, result.new, result.known, result.refused) == (
        rows_in(FILE), rows_in(FILE), 0, [],
    )  # fmt: skip
    wanted = expected(FILE, ZONES[zone], at)
    as_of = (at - EPOCH) // timedelta(microseconds=1)
    differ = []
    for customer_id, points in wanted.items():
        balance = show(shops.engine, store.store_id, customer_id, as_of=as_of)
        if balance is None or (balance.available, balance.pending) != (points, 0):
            differ.append((customer_id, balance, points))
    assert differ == []
    assert any(wanted.values())


def test_control_another_day_or_zone_is_another_balance() -> None:
    """The comparison above can fail: a day, and for some customer the zone, make a difference."""
    wanted = expected(FILE, UTC, AN_EVENING)
    assert expected(FILE, UTC, AS_OF) != wanted
    assert expected(FILE, ZONES["Asia/Riyadh"], AN_EVENING) != wanted or FILE != FULL


def test_nothing_is_left_of_it_today(shops: Shops) -> None:
    """Points of 1997 and 1998 have expired: booked as earned and expired in one command."""
    store = shops.stores["UTC"]
    some = list(expected(FILE, UTC, AS_OF))[::97]
    left = [show(shops.engine, store.store_id, customer_id) for customer_id in some]
    assert [balance.available for balance in left if balance is not None] == [0] * len(some)


def test_the_audit_is_clean(shops: Shops) -> None:
    report = audit(shops.engine)
    assert report.violations == []
    assert report.accounts == len(ZONES) * len(expected(FILE, UTC, AS_OF))
    assert report.transfers >= report.accounts


def test_a_second_run_changes_nothing(shops: Shops) -> None:
    def books() -> object:
        return shops.engine.vault.reader().rows_of(
            "SELECT (SELECT count(*) FROM transfers), (SELECT count(*) FROM order_events),"
            " (SELECT count(*) FROM customers), sum(version), sum(crc) FROM accounts", (),
        )  # fmt: skip

    before = books()
    again = imported(shops.engine, FILE, shops.stores["UTC"])
    assert (again.read, again.new, again.known, again.refused) == (
        rows_in(FILE), 0, rows_in(FILE), [],
    )  # fmt: skip
    assert books() == before


# -- a kill in the middle --------------------------------------------------------------------

ROWS: Final = 30_000


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first rows of the file, which an import brings in in several commits."""
    path = tmp_path_factory.mktemp("part") / "orders.csv"
    with FILE.open(encoding="utf-8") as file:
        path.write_text("".join(line for line, _ in zip(file, range(ROWS + 1), strict=False)))
    return path


def orders_booked(database: apsw.Connection) -> int:
    """How many orders the books know."""
    ((count,),) = database.execute("SELECT count(*) FROM order_events").fetchall()
    return int(count or 0)


def import_killed(database: Path, part: Path, store: Store, after: int) -> int:
    """Kill an import as soon as it has booked more than so many orders; how many it had booked."""
    command = [sys.executable, "-m", "nuqta", "--db", str(database), "import", "orders", str(part)]
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    with subprocess.Popen(
        [*command, "--store", str(store.store_id), "--json"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            while orders_booked(connection) <= after and process.poll() is None:
                pass
        finally:
            process.kill()
    booked = orders_booked(connection)
    connection.close()
    assert booked > after, f"the import ended by itself, with {process.returncode}"
    return booked


def the_books(path: Path) -> list[object]:
    """All that stands in the books, but for when it was recorded and what depends on that."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return [
            connection.execute(statement).fetchall()
            for statement in (
                "SELECT customer_id, version, next_change_at, lots, pending, available, held, owed,"
                " issued, redeemed, expired FROM accounts ORDER BY customer_id",
                "SELECT customer_id, lot, granted, left_over, is_pending, granted_at, matures_at,"
                " expires_at, order_key FROM lots ORDER BY customer_id, lot",
                "SELECT customer_id, version, move, points, lot, effective_at, key FROM transfers"
                " ORDER BY customer_id, version",
                "SELECT customer_id, kind, text FROM directory ORDER BY kind, text",
                "SELECT customer_id, order_key, digest, facts, version FROM order_events"
                " ORDER BY customer_id, order_key",
                "SELECT customer_id, number, kind, points, version, available, key FROM events"
                " ORDER BY customer_id, number",
            )
        ]
    finally:
        connection.close()


def prepared(folder: Path) -> Store:
    folder.mkdir()
    settings = settings_in(folder)
    make(settings)
    with open_engine(settings) as engine:
        return opened_shop(engine, "UTC")


@pytest.fixture(scope="module")
def uninterrupted(part: Path, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    folder = tmp_path_factory.mktemp("whole") / "shop"
    store = prepared(folder)
    with open_engine(settings_in(folder)) as engine:
        imported(engine, part, store)
    return the_books(folder / "nuqta.db")


@pytest.mark.parametrize("percent", [0, 30, 60])
def test_a_kill_in_the_middle_and_a_second_run_end_in_the_same_books(
    tmp_path: Path, part: Path, uninterrupted: list[object], percent: int
) -> None:
    folder = tmp_path / "shop"
    store = prepared(folder)
    database, rows = folder / "nuqta.db", rows_in(part)
    booked = import_killed(database, part, store, rows * percent // 100)
    assert booked < rows or FILE != FULL, "the kill came too late to show anything"
    with open_engine(settings_in(folder)) as engine:
        result = imported(engine, part, store)
        assert (result.read, result.known, result.new) == (rows, booked, rows - booked)
        assert audit(engine).violations == []
    assert the_books(database) == uninterrupted


def test_control_half_an_import_is_other_books(
    tmp_path: Path, part: Path, uninterrupted: list[object]
) -> None:
    store = prepared(tmp_path / "shop")
    half = tmp_path / "half.csv"
    half.write_text("".join(part.read_text().splitlines(keepends=True)[: rows_in(part) // 2]))
    with open_engine(settings_in(tmp_path / "shop")) as engine:
        imported(engine, half, store)
    assert the_books(tmp_path / "shop" / "nuqta.db") != uninterrupted
