"""Start-up gates: what must be true of the engine and the file before anything is served.

Source: design, storage ("SQLite").
"""

from pathlib import Path
from typing import Final

import apsw

from nuqta.storage.faults import CannotStart
from nuqta.storage.migrate import is_whole

SQLITE_LEAST: Final = 3_051_003
"""3.51.3: the first SQLite without the WAL-reset corruption bug."""
_FULL: Final = 2


def was_left_open(path: Path) -> bool:
    """Whether a log lies beside the file: another process serves it, or the last one was killed."""
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def check_name(path: Path) -> None:
    """That the file has one name: under each SQLite keeps a log of its own, and what is committed
    under one is lost under the other. Raises CannotStart."""
    names = path.stat().st_nlink if path.exists() else 1
    if names > 1:
        raise CannotStart(
            f"{path} has {names} names (hard links), and each would have a log of its own: remove"
            f" all but one, find -samefile {path} shows them"
        )


def check_file(path: Path) -> None:
    """SQLite's quick check, on its own connection. Raises CannotStart where it finds damage."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        check_pages(connection, path)
    finally:
        connection.close()


def check_pages(connection: apsw.Connection, path: Path) -> None:
    """The same on a connection that is open. Raises CannotStart where it finds damage."""
    try:
        found = [row[0] for row in connection.execute("PRAGMA quick_check(5)")]
    except (apsw.CorruptError, apsw.NotADBError) as error:
        found = [str(error)]
    if found != ["ok"]:
        raise CannotStart(f"{path} is damaged: {'; '.join(map(str, found))}")


def check_engine(connection: apsw.Connection, path: Path) -> None:
    """SQLite's version, the durability in force, that every table is strict, and the schema whole.

    Raises CannotStart where one of them is not as it must be.
    """
    if apsw.sqlite_lib_version() < "3." or apsw.SQLITE_VERSION_NUMBER < SQLITE_LEAST:
        raise CannotStart(f"SQLite {apsw.sqlite_lib_version()} is older than 3.51.3")
    if connection.pragma("journal_mode") != "wal":
        raise CannotStart(f"{path} cannot keep a write-ahead log: is its file system a shared one?")
    if connection.pragma("synchronous") != _FULL:
        raise CannotStart(f"{path}: durability is switched off")
    loose = [
        row[0]
        for row in connection.execute(
            "SELECT name FROM pragma_table_list"
            " WHERE schema = 'main' AND type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'"
        )
    ]
    if loose:
        raise CannotStart(f"{path}: the table {loose[0]} is not strict; it was not made by nuqta")
    if not is_whole(connection):
        raise CannotStart(f"{path} is damaged: its schema is not the one that nuqta made")
