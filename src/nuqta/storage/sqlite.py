"""The embedded engine: SQLite through APSW, one writing connection, readers that never wait.

WAL, `synchronous=FULL`, foreign keys on. The writing connection belongs to one thread at a time
and takes `BEGIN IMMEDIATE`; several processes take turns through SQLite's own lock, with a bounded
wait. Every thread that reads has a read-only connection of its own. Nothing is cached here: a
balance is always read from the file. Source: design, storage ("SQLite").
"""

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol, TypeVar, cast

import apsw

from nuqta.seen.logs import last_words
from nuqta.storage.faults import Busy, CannotStart, Damaged, Full, StorageFault, Unknown
from nuqta.storage.gates import check_engine, check_name
from nuqta.storage.migrate import migrate
from nuqta.storage.statements import Statement
from nuqta.storage.unsynced import leave_mark, write_again

T = TypeVar("T")
_log = logging.getLogger("nuqta.storage")


_UNSYNCED: Final = frozenset({apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR_DIR_FSYNC})


FOLD_PAGES: Final = 3_500
"""A log of so many pages is folded into the file. That cost 14-50 µs a command at SQLite's 1,000
pages, 11-17 at this. Not more: an index table of the log has 4,062 places, and a read asks all."""


_NAP_S: Final = 0.002
"""At most so long between two looks at another process's write lock."""


_TROUBLE: Final = (
    apsw.BusyError, apsw.LockedError, apsw.ProtocolError, apsw.FullError, apsw.IOError,
    apsw.CantOpenError, apsw.CorruptError, apsw.NotADBError, apsw.NoMemError,
)  # fmt: skip
"""What the world does to a statement. All other errors of the engine are mistakes of ours."""

_READING: Final = (*_TROUBLE, UnicodeDecodeError)
"""What it does to rows: SQLite itself looks at no text."""


class _Record(Protocol):
    def __init__(self, *fields: Any) -> None: ...


R = TypeVar("R", bound=_Record)


class Transaction:
    """What runs statements: inside a write transaction, or on a reader's snapshot."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        # Kept, because every new cursor cost a read half a microsecond.
        self._cursor = connection.cursor()

    def rows(self, statement: Statement, **values: object) -> list[tuple[Any, ...]]:
        """Every row the statement finds."""
        return self.rows_of(statement.text, statement.bind(values))

    def rows_of(self, text: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """Every row of a bound statement: the form in which the hot path asks."""
        try:
            # All of them at once: a cursor that stops half-way keeps its snapshot open.
            found = self._cursor.execute(text, cast("Any", values)).fetchall()
        except _READING as error:
            raise _fault_of(error) from error
        return cast("list[tuple[Any, ...]]", found)

    def each(self, statement: Statement, keys: Iterable[Sequence[object]]) -> list[tuple[Any, ...]]:
        """Every row that the statement finds for each tuple of values in its own order."""
        try:
            found = self._connection.executemany(statement.text, cast("Any", keys)).fetchall()
        except _READING as error:
            raise _fault_of(error) from error
        return cast("list[tuple[Any, ...]]", found)

    def walk(self, statement: Statement, **values: object) -> Iterator[tuple[Any, ...]]:
        """The rows one by one, for more than memory should hold at a time."""
        bound = cast("Any", statement.bind(values))
        try:
            yield from cast("Any", self._connection.execute(statement.text, bound))
        except _READING as error:
            raise _fault_of(error) from error

    def row(self, statement: Statement, **values: object) -> tuple[Any, ...] | None:
        """The one row that the statement finds, or None."""
        found = self.rows(statement, **values)
        return found[0] if found else None

    def one(self, statement: Statement, record: type[R], **values: object) -> R | None:
        """The one row that the statement finds, as a record whose fields are its columns."""
        found = self.rows(statement, **values)
        return record(*found[0]) if found else None

    def all(self, statement: Statement, record: type[R], **values: object) -> list[R]:
        """Every row that the statement finds, as records."""
        return [record(*row) for row in self.rows(statement, **values)]

    def run(self, statement: Statement, **values: object) -> int:
        """Run a statement that changes rows; how many it changed."""
        self.rows(statement, **values)
        return self._connection.changes()

    def append(self, statement: Statement, rows: Iterable[Sequence[object]]) -> None:
        """As `many`, for lines whose keys the books have just numbered anew. Raises Damaged where
        one of them is there already."""
        try:
            self.many(statement, rows)
        except apsw.ConstraintError as error:
            raise Damaged(f"a line stands where there is none: {error}", statement.name) from error

    def many(self, statement: Statement, rows: Iterable[Sequence[object]]) -> int:
        """Run a statement for each tuple of values in its own order; how many rows it changed."""
        before = self._connection.total_changes()
        try:
            self._connection.executemany(statement.text, cast("Any", rows))
        except _READING as error:
            raise _fault_of(error) from error
        return self._connection.total_changes() - before


class Vault:
    """An open database. Made by `open_vault`; closed once, when no other thread uses it."""

    def __init__(self, path: Path, lock_seconds: int) -> None:
        self.path = path
        self.fold_pages = FOLD_PAGES
        self._lock_ms = lock_seconds * 1000
        self._waits_since = 0.0
        self.commit_ns = 0
        """What the last COMMIT took: the log was written and synced."""
        self._writer = self._connect(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
        self._file = _identity(path)
        self._readers = threading.local()
        self._all_readers: list[apsw.Connection] = []

    def reader(self) -> Transaction:
        """This thread's read-only connection; each statement on it is a snapshot of its own."""
        reader: Transaction | None = getattr(self._readers, "transaction", None)
        if reader is None:
            try:
                connection = self._connect(apsw.SQLITE_OPEN_READONLY)
            except _TROUBLE as error:
                raise _fault_of(error) from error
            self._all_readers.append(connection)
            reader = self._readers.transaction = Transaction(connection)
        return reader

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """Several statements on one snapshot of the database, on this thread's reader."""
        reader = self.reader()
        reader.rows_of("BEGIN", ())
        try:
            yield reader
        finally:
            reader.rows_of("ROLLBACK", ())

    def write(self, name: str, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one write transaction and commit; on a fault nothing of it has happened.

        `name` says for the log what the transaction is. Raises StorageFault: Busy, Full, Unknown.
        """
        connection = self._writer
        if _identity(self.path) != self._file:
            # What is committed to a file without a name is gone with the process.
            raise StorageFault(f"{self.path} was moved, deleted or replaced: start again", name)
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(Transaction(connection))
            except BaseException as error:
                self._heed(error.__cause__, name)
                self._roll_back()
                raise
            self._commit(name)
        except _TROUBLE as error:
            self._roll_back()
            raise _fault_of(error, name) from error
        return result

    def _commit(self, name: str) -> None:
        began = time.perf_counter_ns()
        try:
            self._writer.execute("COMMIT")
        except (apsw.BusyError, apsw.FullError):
            raise  # SQLite has not committed and says so
        except apsw.IOError as error:
            self._heed(error, name)
            self._roll_back()
            raise Unknown(f"the fate of the commit is not known: {error}", name) from error
        self.commit_ns = time.perf_counter_ns() - began

    def _fold(self, connection: apsw.Connection, schema: str, pages: int) -> int:
        """After each commit: bring a long log into the file. SQLite does the same by itself, but
        drops what went wrong. What is not brought over stays in the log, and is tried again."""
        if pages >= self.fold_pages:
            try:
                connection.wal_checkpoint(schema)
            except apsw.Error as error:  # the commit itself is done
                self._heed(error, "folding the log")
                _log.error("the log could not be brought into the file: %s", error)
        return apsw.SQLITE_OK

    def _heed(self, error: BaseException | None, name: str) -> None:
        """Stop the process where a sync has failed, whatever it was for."""
        if getattr(error, "extendedresult", 0) in _UNSYNCED:
            _stop(self.path, f"{name}: the disk did not confirm a write ({error})")

    def _roll_back(self) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def _wait_for_lock(self, looks: int) -> bool:
        """Whether to look again. SQLite's own handler sleeps up to 100 ms between two looks: beside
        a process that writes without a pause it got the lock once in 7 seconds."""
        if looks == 0:
            self._waits_since = time.monotonic()
        if (time.monotonic() - self._waits_since) * 1000 >= self._lock_ms:
            return False
        time.sleep(random.uniform(0, _NAP_S))
        return True

    def compact(self) -> bool:
        """Write the whole file anew, without what was deleted, and empty the log: what stood in
        free space is gone. Writers wait meanwhile, readers do not. Whether the log could be
        emptied: it cannot where somebody reads for long. Raises StorageFault.
        """
        connection = self._connect(apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_timeout(self._lock_ms)  # the other handler is the writer's own
            connection.execute("VACUUM")
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0]
        except _TROUBLE as error:
            raise _fault_of(error, "compact") from error
        finally:
            connection.close()
        return not busy

    def close(self) -> None:
        """Close every connection; the last one out folds the log into the file, if the disk lets
        it: what is not brought over stays in the log."""
        for connection in (*self._all_readers, self._writer):
            with suppress(*_TROUBLE):
                connection.close()

    def _connect(self, flags: int) -> apsw.Connection:
        connection = apsw.Connection(str(self.path), flags=flags, statementcachesize=200)
        if flags & apsw.SQLITE_OPEN_READWRITE:
            connection.set_busy_handler(self._wait_for_lock)
        else:
            connection.set_busy_timeout(self._lock_ms)
        # A binding must not be planned anew (measured: 28 µs against 6 after ANALYZE).
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        connection.pragma("mmap_size", 0)
        if flags & apsw.SQLITE_OPEN_READWRITE:
            if connection.pragma("journal_mode") != "wal":
                connection.pragma("journal_mode", "wal")
            connection.pragma("synchronous", "FULL")
            connection.pragma("fullfsync", 1)  # macOS: an fsync that reaches the disk
            connection.pragma("checkpoint_fullfsync", 1)
            connection.pragma("foreign_keys", 1)
            connection.set_wal_hook(self._fold)
        return connection


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file the path names; None for none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _fault_of(error: Exception, name: str = "a read") -> StorageFault:
    """What the world's trouble means to those above; `name` says for the log what it met."""
    match error:
        case apsw.BusyError() | apsw.LockedError() | apsw.ProtocolError():
            return Busy("another process holds the lock", name)
        case apsw.FullError():
            return Full("there is no room left to write", name)
        case apsw.CorruptError() | apsw.NotADBError() | UnicodeDecodeError():
            return Damaged(f"the file is damaged: {error}", name)
        case _:
            return StorageFault(f"the database could not be read or written: {error}", name)


def open_vault(path: Path, *, lock_seconds: int = 10) -> Vault:
    """Open the database at `path`, made and migrated where needed, once every gate has let it pass.

    Raises CannotStart, with a sentence that says which gate is closed and what to do.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise CannotStart(f"{path} cannot be a database: give the path of a file in a folder")
    check_name(path)
    try:
        vault = Vault(path, lock_seconds)
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise CannotStart(f"{path} is not a database of nuqta, or is damaged: {error}") from error
    except apsw.Error as error:
        raise CannotStart(f"{path} cannot be opened: {error}") from error
    try:
        write_again(vault._writer, path)
        migrate(vault._writer)
        check_engine(vault._writer, path)
        if vault._writer.readonly("main"):
            # SQLite opens it all the same, and every write would be a mistake of ours.
            raise CannotStart(f"{path} cannot be written: it must belong to whoever runs nuqta")
    except apsw.Error as error:
        vault.close()
        raise CannotStart(f"{path} cannot be opened: {error}") from error
    except CannotStart:
        vault.close()
        raise
    return vault


def _stop(path: Path, last_line: str) -> NoReturn:
    """After a failed sync the kernel may have dropped what it could not write: only a new start,
    which writes the log again, can know what is there."""
    if not leave_mark(path):
        last_line += "; restart the machine before nuqta"
    last_words(f"nuqta stops: {last_line}")
    os._exit(70)
