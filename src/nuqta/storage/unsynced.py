"""After a sync that failed: the log is written again before anything is built on it.

A kernel that could not write pages reports it once, calls them clean, and still shows them: a new
process finds commits in the log that the disk does not have, syncs them without a word, and loses
with the next power cut everything that was acknowledged after them. So a process that stops for a
failed sync leaves a mark beside the file, and whoever opens it next makes every page of the log
dirty again and syncs it first. A restart of the machine forgets what was never written, and needs
none of this.
"""

from pathlib import Path
from typing import Final

import apsw

_CHUNK: Final = 2**16
"""At most 2**17 - 1, beyond which SQLite writes less than it is asked to."""


def mark_of(path: Path) -> Path:
    """The file whose being there says that a sync of the database has failed."""
    return path.with_name(path.name + "-unsynced")


def leave_mark(path: Path) -> bool:
    """Leave the mark; whether that was possible."""
    try:
        mark_of(path).touch()
    except OSError:
        return False
    return True


def write_again(connection: apsw.Connection, path: Path) -> None:
    """Where the mark lies, bring the log to the disk, and take the mark away. Raises apsw.Error."""
    mark = mark_of(path)
    if not mark.exists():
        return
    connection.execute("BEGIN IMMEDIATE")  # nobody appends to the log meanwhile, or begins it anew
    try:
        log = path.with_name(path.name + "-wal")
        if log.exists():
            _rewrite(log)
        mark.unlink(missing_ok=True)
    finally:
        connection.execute("ROLLBACK")


def _rewrite(log: Path) -> None:
    """Through SQLite's own hands, which know what a sync is on this system."""
    file = apsw.VFSFile("", str(log), [apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_READWRITE, 0])
    try:
        size = file.xFileSize()
        for begin in range(0, size, _CHUNK):
            file.xWrite(file.xRead(min(_CHUNK, size - begin), begin), begin)
        file.xSync(apsw.SQLITE_SYNC_FULL)
    finally:
        file.xClose()
