"""The schema: fresh = migrated, a step is done wholly or not at all; what a start refuses.

Control: a step outside a transaction does leave half a schema behind.
"""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from nuqta.engine.door import accept_clock
from nuqta.engine.engine import open_engine
from nuqta.storage.faults import CannotStart
from nuqta.storage.gates import check_file
from nuqta.storage.migrate import APPLICATION_ID, migrate, steps
from tests.storage.conftest import Open
from tests.world import Time, open_world, settings_in

Chain = list[tuple[int, str, str]]
MORE: Chain = [
    (len(steps()) + 1, "more", "CREATE TABLE more (a INTEGER PRIMARY KEY) STRICT;"),
    (len(steps()) + 2, "column", "ALTER TABLE more ADD COLUMN b TEXT NOT NULL DEFAULT '';"),
]
BROKEN = (
    len(steps()) + 2,
    "broken",
    "CREATE TABLE half (a INTEGER PRIMARY KEY) STRICT; INSERT INTO half VALUES (1);"
    " CREATE TABLE nowhere (a) STRICT; CREATE TABLE never (a INTEGER) STRICT;",
)


def schema_of(connection: apsw.Connection) -> list[tuple[object, ...]]:
    """Everything a schema says, and its number."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2")
    columns = connection.execute(
        "SELECT t.name, c.* FROM pragma_table_list t, pragma_table_xinfo(t.name) c"
        " WHERE t.schema = 'main' ORDER BY 1, 2"
    )
    return [*rows, *columns, (connection.pragma("user_version"),)]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    """An empty file."""
    one = apsw.Connection(str(tmp_path / "nuqta.db"))
    yield one
    one.close()


# -- migrations ------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", [steps(), steps() + MORE], ids=["ours", "ours and more"])
def test_a_fresh_schema_is_the_migrated_one(
    connection: apsw.Connection, tmp_path: Path, chain: Chain
) -> None:
    migrate(connection, chain)
    step_by_step = apsw.Connection(str(tmp_path / "older.db"))
    for length in range(1, len(chain) + 1):
        assert migrate(step_by_step, chain[:length]) == 1
    assert schema_of(step_by_step) == schema_of(connection)
    assert migrate(connection, chain) == 0
    step_by_step.close()


def test_control_another_schema_is_noticed(connection: apsw.Connection, tmp_path: Path) -> None:
    migrate(connection, steps() + MORE)
    other = apsw.Connection(str(tmp_path / "other.db"))
    migrate(other, steps())
    before = schema_of(other)
    other.execute(MORE[0][2])
    assert schema_of(other) != before
    assert schema_of(other) != schema_of(connection)
    other.close()


def test_the_steps_are_numbered_without_a_gap() -> None:
    assert [number for number, _, _ in steps()] == list(range(1, len(steps()) + 1))


def test_a_step_that_stops_half_way_leaves_the_schema_before_it(
    connection: apsw.Connection,
) -> None:
    migrate(connection, steps() + MORE[:1])
    before = schema_of(connection)
    with pytest.raises(apsw.SQLError):
        migrate(connection, [*steps(), *MORE[:1], BROKEN])
    assert schema_of(connection) == before
    assert migrate(connection, steps() + MORE) == 1


def test_control_a_step_outside_a_transaction_leaves_half_of_itself(
    connection: apsw.Connection,
) -> None:
    migrate(connection, steps() + MORE[:1])
    before = schema_of(connection)
    with pytest.raises(apsw.SQLError):
        connection.execute(BROKEN[2])
    assert schema_of(connection) != before


# -- what is refused at a start --------------------------------------------------------------


def spoiled(open_it: Open, folder: Path, *statements: str) -> None:
    """A database of ours, changed by somebody else."""
    open_it(folder).close()
    connection = apsw.Connection(str(folder / "nuqta.db"))
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (f"PRAGMA user_version = {len(steps()) + 1}", "newer than"),
        ("PRAGMA application_id = 1", "another program's"),
        ("CREATE TABLE loose (a INTEGER)", "loose is not strict"),
    ],
)
def test_a_database_that_is_not_ours_to_open(
    open_engine_vault: Open, tmp_path: Path, statement: str, sentence: str
) -> None:
    spoiled(open_engine_vault, tmp_path, statement)
    with pytest.raises(CannotStart, match=sentence):
        open_engine_vault(tmp_path)


def test_a_bit_that_flips_in_the_name_of_a_column_is_seen(
    open_engine_vault: Open, tmp_path: Path
) -> None:
    """SQLite itself finds nothing wrong with it, until somebody asks for the column."""
    renamed = "UPDATE sqlite_schema SET sql = replace(sql, 'order_key', 'order_kez') WHERE name = ?"
    open_engine_vault(tmp_path).close()
    connection = apsw.Connection(str(tmp_path / "nuqta.db"))
    connection.pragma("writable_schema", 1)
    connection.execute(renamed, ("holds",))
    connection.close()
    with pytest.raises(CannotStart, match="its schema is not the one"):
        open_engine_vault(tmp_path)


@pytest.mark.parametrize(
    "evil",
    [
        "CREATE TRIGGER evil AFTER INSERT ON transfers BEGIN DELETE FROM notes; END",
        "CREATE TRIGGER evil AFTER INSERT ON TRANSFERS BEGIN DELETE FROM notes; END",
    ],
)
def test_a_trigger_on_a_table_of_ours_is_refused(
    open_engine_vault: Open, tmp_path: Path, evil: str
) -> None:
    """A copy that somebody has prepared would change what is booked from then on."""
    mine = (
        "CREATE TABLE fine (a INTEGER) STRICT",
        "CREATE TRIGGER mine AFTER INSERT ON fine BEGIN DELETE FROM fine; END",
    )
    spoiled(open_engine_vault, tmp_path, *mine)
    open_engine_vault(tmp_path).close()  # control: on a table of somebody's own
    spoiled(open_engine_vault, tmp_path, evil)
    with pytest.raises(CannotStart, match="its schema is not the one"):
        open_engine_vault(tmp_path)


def test_control_a_database_that_is_ours_opens_again(
    open_engine_vault: Open, tmp_path: Path
) -> None:
    spoiled(open_engine_vault, tmp_path, "CREATE TABLE fine (a INTEGER) STRICT")
    open_engine_vault(tmp_path).close()


def test_another_programs_database_is_left_as_it_is(
    open_engine_vault: Open, tmp_path: Path
) -> None:
    other = apsw.Connection(str(tmp_path / "nuqta.db"))
    other.execute("CREATE TABLE theirs (a)")
    before = schema_of(other)
    other.close()
    with pytest.raises(CannotStart, match="another program's"):
        open_engine_vault(tmp_path)
    other = apsw.Connection(str(tmp_path / "nuqta.db"))
    assert schema_of(other) == before
    other.close()


def test_a_file_that_is_no_database(open_engine_vault: Open, tmp_path: Path) -> None:
    (tmp_path / "nuqta.db").write_bytes(b"order_number,customer_id\n" * 200)
    with pytest.raises(CannotStart, match="not a database of nuqta"):
        open_engine_vault(tmp_path)
    with pytest.raises(CannotStart, match="cannot be a database"):
        open_engine_vault(tmp_path / "no such folder")


def test_the_quick_check_finds_a_damaged_page(open_engine_vault: Open, tmp_path: Path) -> None:
    open_engine_vault(tmp_path).close()
    path = tmp_path / "nuqta.db"
    check_file(path)
    content = bytearray(path.read_bytes())
    content[4096 : 2 * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(CannotStart, match="is damaged"):
        check_file(path)


def test_our_files_are_marked_as_ours(connection: apsw.Connection) -> None:
    migrate(connection)
    assert connection.pragma("application_id") == APPLICATION_ID


# -- the clock against the books ---------------------------------------------------------------


@pytest.mark.parametrize(("seconds_back", "opens"), [(0, True), (300, True), (302, False)])
def test_a_clock_behind_the_books(tmp_path: Path, seconds_back: int, opens: bool) -> None:
    time = Time()
    with open_world(tmp_path, time) as world:
        world.adjust(world.aisha, 5)
    time.wall -= seconds_back * 1_000_000
    if opens:
        open_engine(settings_in(tmp_path), time.clock()).close()
        return
    with pytest.raises(CannotStart, match=f"{seconds_back} seconds behind the books"):
        open_engine(settings_in(tmp_path), time.clock())
    with open_engine(settings_in(tmp_path), time.clock(), past_gates=True) as engine:
        engine.door.write_now("accept", lambda tx: accept_clock(tx, time.wall))
    open_engine(settings_in(tmp_path), time.clock()).close()
