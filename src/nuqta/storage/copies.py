"""Copies of the books: made while others write, checked, and put safely on the disk.

SQLite's online backup begins anew whenever another process writes: beside 400 commits a second a
copy of 200 MB had begun 2,100 times in 20 seconds and did not end. On a snapshot that is held it
never begins anew and takes a second, and since readers of a write-ahead log stop nobody, writers go
on (400 commits a second, as before). While it lasts the log cannot be folded into the file and
grows.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast
from urllib.parse import quote

import apsw
import msgspec

from nuqta.storage.faults import CannotStart, Damaged, Full, StorageFault
from nuqta.storage.gates import check_name, check_pages
from nuqta.storage.migrate import APPLICATION_ID, steps
from nuqta.storage.statements import Statement, statement

_ADDS_UP = statement("meta.adds_up")
_BOOKED_AT = statement("meta.get")
_ROOTS = statement("seals.roots")
_WITH_SEALS: Final = 6
"""The first schema that has heads."""
_PAGES: Final = 256
"""Pages of a step, 1 MiB: between two steps it is asked whether to go on."""
_OPERATIONS: Final = 100_000
"""Operations of SQLite's between two such questions while it checks."""
_LOCKED_FROM: Final = 0x40000002
_LOCKED_BYTES: Final = 510
"""The bytes of a database on which SQLite's connections have their locks: whoever has a database
with a write-ahead log open holds a shared one. Source: SQLite's file format, "lock-byte page"."""
_BESIDE: Final = ("-wal", "-shm")


class Stopped(StorageFault):
    """Whoever made the copy was told to end; nothing is left of it."""


class Facts(msgspec.Struct, frozen=True):
    """What a copy holds: the number of its schema, accounts, transfers, the second in which
    something was last committed to it, and the root of each store's last signed head in hex."""

    schema: int
    accounts: int
    transfers: int
    booked_at: int
    roots: dict[int, str]


def copy(
    source: Path,
    target: Path,
    may_go_on: Callable[[], bool] = lambda: True,
    *,
    is_still: bool = False,
) -> None:
    """Copy the database, as it stands at this instant, to a new file that only its owner reads, and
    sync it. On a fault nothing is left at `target`.

    A source that `is_still` is one that nobody works on, and may lie in a folder that is not ours.
    Raises Stopped where it may not go on, CannotStart, Full, Damaged and StorageFault.
    """
    log = log_of(source.resolve())
    size = sum(path.stat().st_size for path in (source, log) if path.exists())
    if shutil.disk_usage(target.parent).free < size:
        raise Full(f"there is no room for a copy in {target.parent}: it takes {size} bytes", "copy")
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with _reading(source, is_still=is_still) as books:
            _copy_pages(books, target, may_go_on)
        sync(target)
    except BaseException:
        discard(target)
        raise


def _copy_pages(books: apsw.Connection, target: Path, may_go_on: Callable[[], bool]) -> None:
    into = apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        into.pragma("journal_mode", "off")  # a copy that is not whole is thrown away
        books.execute("BEGIN")
        books.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # the snapshot begins here
        with into.backup("main", books, "main") as backup:
            while not backup.done:
                if not may_go_on():
                    raise Stopped("the copy was not finished", "copy")
                backup.step(_PAGES)
        books.execute("ROLLBACK")
    except apsw.FullError as error:
        raise Full(f"there is no room left for a copy in {target.parent}", "copy") from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise Damaged(f"{books.filename or 'the file'} is damaged: {error}", "copy") from error
    except apsw.Error as error:
        raise StorageFault(f"{target} could not be written: {error}", "copy") from error
    finally:
        into.close()


@contextmanager
def _reading(path: Path, *, is_still: bool) -> Iterator[apsw.Connection]:
    """A connection that reads the database; one that `is_still`, and has no log, as it lies: SQLite
    would put a log beside any other. The log of a symbolic link lies beside the file itself. Raises
    CannotStart where it cannot be opened."""
    flags, name = apsw.SQLITE_OPEN_READONLY, str(path)
    if not is_still:
        check_name(path)
    if is_still and not log_of(path.resolve()).exists():
        flags |= apsw.SQLITE_OPEN_URI
        name = f"file:{quote(str(path.absolute()))}?immutable=1"
    try:
        connection = apsw.Connection(name, flags=flags)
    except apsw.Error as error:
        raise CannotStart(f"{path} cannot be opened: {error}") from error
    try:
        connection.set_busy_timeout(10_000)
        yield connection
    finally:
        connection.close()


def check(path: Path, may_go_on: Callable[[], bool] = lambda: True) -> Facts:
    """What a copy that nobody works on holds. Raises CannotStart for a file that is no database of
    nuqta, is newer than this program, is damaged, or does not add up.

    That every transfer is counted by its account is checked here; whether each balance is right is
    the audit's to say, which takes its time. Raises Stopped where it may not go on.
    """
    with _reading(path, is_still=True) as books:
        books.set_progress_handler(lambda: not may_go_on(), _OPERATIONS)
        try:
            schema = _schema(books)
            if books.pragma("application_id") != APPLICATION_ID:
                raise CannotStart(f"{path} is not a database of nuqta")
            if schema > len(steps()):
                raise CannotStart(
                    f"{path} has schema {schema}, newer than the {len(steps())} that this program"
                    " knows"
                )
            check_pages(books, path)
            ((accounts, versions, transfers),) = _rows(books, _ADDS_UP, ())
            found = _rows(books, _BOOKED_AT, ("booked_at",))
            heads = books.execute(_ROOTS.text).fetchall() if schema >= _WITH_SEALS else []
        except apsw.InterruptError as error:
            raise Stopped("the copy was not finished", "check") from error
        except apsw.Error as error:
            raise CannotStart(f"{path} is damaged, or not a database of nuqta: {error}") from error
    if versions != transfers:
        raise CannotStart(f"{path} is damaged: {transfers} transfers, {versions} by its accounts")
    roots = {cast("int", store): cast("bytes", root).hex() for store, root in heads}
    return Facts(schema, accounts, transfers, found[0][0] if found else 0, roots)


def _rows(books: apsw.Connection, one: Statement, values: tuple[str, ...]) -> list[tuple[int, ...]]:
    return cast("list[tuple[int, ...]]", books.execute(one.text, values).fetchall())


def _schema(books: apsw.Connection) -> int:
    return cast("int", books.pragma("user_version"))


# -- files -----------------------------------------------------------------------------------------
def sync(path: Path) -> None:
    """Have the disk confirm a file, or the names in a folder. Raises StorageFault."""
    handle = os.open(path, os.O_RDONLY)
    try:
        whole = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: an fsync that reaches the disk
        if whole is None or path.is_dir():
            os.fsync(handle)
        else:
            fcntl.fcntl(handle, whole)
    except OSError as error:
        raise StorageFault(f"the disk did not confirm {path}: {error.strerror}", "sync") from error
    finally:
        os.close(handle)


def discard(path: Path) -> None:
    """Remove a file that was never finished, and what SQLite put beside it."""
    for name in (path, *(_beside(path, end) for end in _BESIDE)):
        name.unlink(missing_ok=True)


@contextmanager
def nobody_has(path: Path) -> Iterator[None]:
    """No other process has the database open, nor opens it while the block runs.

    Asked of the lock that SQLite's connections keep, so it also answers for a file that is damaged.
    Raises CannotStart where one has it open.
    """
    handle = os.open(path, os.O_RDWR)
    try:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCKED_BYTES, _LOCKED_FROM)
        except OSError as error:
            raise CannotStart(
                f"another process has {path} open: stop the server and the worker first"
            ) from error
        yield
    finally:
        os.close(handle)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Nobody else restores anything in the folder while the block runs. Raises CannotStart where
    somebody does."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(f"something is being restored in {folder}: wait for it") from error
        yield
    finally:
        os.close(handle)


def move_aside(path: Path, aside: Path) -> None:
    """Give a database another name, with its log, which holds what was committed last.

    The database goes first: one without its log would be older books, and nobody may start on them.
    """
    if path.exists():
        os.rename(path, aside)
    with contextlib.suppress(FileNotFoundError):
        os.rename(log_of(path), log_of(aside))
    _beside(path, "-shm").unlink(missing_ok=True)  # an index of the log, made anew from it
    sync(path.parent)


def log_of(path: Path) -> Path:
    """Where the log of a database lies, while there is one."""
    return _beside(path, "-wal")


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)
