"""kill -9 of a server that brings older books up to date, at every statement of every step.

Whatever it had done, the file has the schema before a step or after it, never half of one, with
every row in its place; the next start ends what was begun.
"""

import time
from itertools import count
from pathlib import Path
from shutil import copyfile
from typing import Any, Final

import apsw

from nuqta.engine.engine import open_engine
from nuqta.engine.reading.audit import audit
from nuqta.settings import Settings
from nuqta.storage.migrate import migrate, steps
from tests.torture.campaign import Campaign
from tests.torture.serving.launcher import STARTING
from tests.torture.serving.running import Point, Server, serving
from tests.world import Time, open_world, settings_in

FAULT: Final = "kill"
OLDEST: Final = 3
"""The step after which older books are made: earlier ones had not all that a row's checksum covers
today."""
_TABLES: Final = (
    "SELECT name FROM sqlite_schema"
    " WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'meta'"
)
"""All but the one in which each step leaves its mark."""
Rows = dict[str, list[tuple[Any, ...]]]


def names(connection: apsw.Connection, schema: str, table: object) -> list[str]:
    """The columns of a table."""
    sql = "SELECT name FROM pragma_table_info(?, ?)"
    return [str(row[0]) for row in connection.execute(sql, (str(table), schema))]


def older_books(folder: Path) -> Path:
    """Books of the step OLDEST with what a shop has in them, as far as that step had a place for
    it; the key lies beside them."""
    with open_world(folder, Time(time.time_ns() // 1000)) as world:
        for number in range(20):
            world.earn(world.aisha, 100 + number, expire_days=30)
            world.adjust(world.badr, 10)
        world.spend(world.aisha, 50)
        newest = world.engine.vault.path
    older = folder / "older.db"
    connection = apsw.Connection(str(older))
    connection.pragma("journal_mode", "wal")
    migrate(connection, steps()[:OLDEST])
    connection.execute("ATTACH ? AS newest", (str(newest),))
    for (table,) in connection.execute(_TABLES).fetchall():
        theirs = names(connection, "newest", table)
        kept = ", ".join(name for name in names(connection, "main", table) if name in theirs)
        connection.execute(
            f"INSERT OR REPLACE INTO main.{table} ({kept}) SELECT {kept} FROM newest.{table}"  # noqa: S608
        )
    connection.execute("DETACH newest")
    connection.close()
    return older


def held_in(path: Path, tables: Rows | None = None) -> tuple[int, list[Any], Rows]:
    """The file as a kill left it: its step, its schema, its rows (of the columns of `tables`)."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    version = int(connection.pragma("user_version") or 0)
    schema = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2")
    found = [tuple(row) for row in schema]
    rows: Rows = {}
    if tables is None:
        for (table,) in connection.execute(_TABLES).fetchall():
            columns = ", ".join(names(connection, "main", table))
            rows[f"{columns} FROM {table}"] = []
    for what in tables if tables is not None else rows:
        read = connection.execute(f"SELECT {what}")
        rows[what] = sorted((tuple(row) for row in read), key=repr)
    assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    connection.close()
    return version, found, rows


def fresh(folder: Path, length: int) -> list[Any]:
    """The schema of so many steps."""
    path = folder / f"fresh-{length}.db"
    if not path.exists():
        connection = apsw.Connection(str(path))
        migrate(connection, steps()[:length])
        connection.close()
    return held_in(path)[1]


def killed(folder: Path, older: Path, name: str, nth: int) -> bool:
    """A start on a copy of the older books, killed at a point; False where the steps have no more
    of its kind. Then the file is looked at, and started again."""
    settings = settings_in(folder)
    path = Path(settings.db)
    for beside in ("-wal", "-shm", ".heads"):  # the heads of a copy that is newer
        path.with_name(path.name + beside).unlink(missing_ok=True)
    copyfile(older, path)
    before = held_in(path)[2]
    point = Point(folder, name, nth)
    with serving(settings, 1, point, more=("--no-worker",)) as server:
        server.wait_until_open()
    if not point.was_reached:
        return False
    version, schema, rows = held_in(path, before)
    assert OLDEST <= version <= len(steps())
    assert schema == fresh(folder, version), f"{name} {nth}: half of a step"
    assert rows == before, f"{name} {nth}: a row is not as it was"
    goes_on(settings, folder, before)
    return True


def goes_on(settings: Settings, folder: Path, before: Rows) -> None:
    """The next start ends what was begun, and the books hold."""
    with open_engine(settings) as engine:
        report = audit(engine, None)
        assert report.ok, report.violations
    version, schema, rows = held_in(Path(settings.db), before)
    assert (version, schema) == (len(steps()), fresh(folder, len(steps())))
    assert rows == before


def test_a_start_that_is_killed_leaves_the_old_or_the_new(
    campaign: Campaign, tmp_path: Path
) -> None:
    older = older_books(tmp_path)
    for name in STARTING if campaign.is_full else [campaign.random.choice(STARTING)]:
        for nth in count(1) if campaign.is_full else [campaign.random.randint(1, 2)]:
            if not killed(tmp_path, older, name, nth):
                assert nth > 1, f"{name} is never reached"
                break
            campaign.count("kills")


def test_a_first_start_that_is_killed_is_begun_again(campaign: Campaign, tmp_path: Path) -> None:
    """`nuqta init`, where there is nothing yet."""
    for number in range(campaign.rounds(1, 20)):
        folder = tmp_path / str(number)
        folder.mkdir()
        settings = settings_in(folder)
        point = Point(folder, "at a step's statement", campaign.random.randint(1, 60))
        for one in (point, None):
            Server(settings, point=one, arguments=("init",)).popen.wait()
        assert point.was_reached
        version, schema, _ = held_in(Path(settings.db))
        assert (version, schema) == (len(steps()), fresh(tmp_path, len(steps())))
        campaign.count("kills")
