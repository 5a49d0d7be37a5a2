"""A disk under SQLite whose power can be cut, whose syncs can fail, and that can be full.

`Disk` is a VFS for the database of one folder. What a process reads and writes passes through to
the real files there, which play the kernel's memory; beside them it keeps, for each file, what a
sync has brought to the disk, and what was written since. `image` makes of these what the disk may
hold once the power is gone: what was synced, and of the rest whatever luck says, dropped, torn at
sectors of 512 bytes, or in another order. Names are kept in the same way: a file that was made or
deleted is sure of it only after a sync of its folder, which SQLite does for its journals.

Locks and shared memory are the real ones of the folder: neither outlives a power cut. Nothing here
is synced in earnest, so that a cut costs milliseconds. No test stands here.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final, TypeAlias

import apsw

_BASE: Final = "unix"
_SECTOR: Final = 512
_JOURNALS: Final = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL

Trouble: TypeAlias = Callable[[str, str], int]
"""What goes wrong with a call: its kind and the file's name; SQLite's code, 0 for nothing."""

_NO_POWER: Final = {
    "read": apsw.SQLITE_IOERR_READ,
    "write": apsw.SQLITE_IOERR_WRITE,
    # Not IOERR_FSYNC, for which the process would stop: without power it does nothing at all.
    "sync": apsw.SQLITE_IOERR,
    "truncate": apsw.SQLITE_IOERR_TRUNCATE,
    "size": apsw.SQLITE_IOERR_FSTAT,
    "delete": apsw.SQLITE_IOERR_DELETE,
    "open": apsw.SQLITE_CANTOPEN,
}
"""The calls that are counted, and what they come to once the power is gone."""


def _files(folder: Path) -> list[Path]:
    """What outlives a power cut of a database: not its shared memory."""
    return [file for file in folder.iterdir() if file.name.endswith((".db", "-wal", "-journal"))]


class _Node:
    """A file as the disk has it, and what was done to it since its last sync."""

    def __init__(self, content: bytes = b"") -> None:
        self.synced = bytearray(content)
        self.since: list[tuple[int, bytes | None]] = []  # where, and what; None cuts it off there

    def sync(self) -> None:
        for begin, data in self.since:
            _apply(self.synced, begin, data)
        self.since.clear()

    def lose(self) -> None:
        """A sync has failed: the kernel calls clean what it could not write."""
        self.since.clear()


class Disk(apsw.VFS):
    """The disk under the database in `folder`, until the block `mounted` ends.

    Call number `cut_at` (from 1) is the last that anybody makes; 0: none. `trouble` may refuse any
    call. `calls` counts them all. What the disk has of the files stands in the folder `synced`, if
    it is not the same.
    """

    def __init__(
        self,
        folder: Path,
        cut_at: int = 0,
        trouble: Trouble | None = None,
        synced: Path | None = None,
    ) -> None:
        self.name = f"disk-{id(self)}"
        super().__init__(self.name, _BASE, makedefault=True)
        self.folder, self.cut_at, self.trouble = folder, cut_at, trouble
        self.calls = 0
        self.is_dark = False
        self.kinds: list[str] = []
        self._lock = threading.RLock()
        self._nodes = {file.name: _Node(file.read_bytes()) for file in _files(synced or folder)}
        self._synced_names = dict(self._nodes)
        for file in _files(folder):
            self._nodes.setdefault(file.name, _Node())

    # -- what SQLite calls -----------------------------------------------------------------------
    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        """Files of the folder are watched; all others are left to the system."""
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name or "")
        if path.parent != self.folder:
            return apsw.VFSFile(_BASE, name, flags)
        self.called("open", path.name)
        with self._lock:
            is_new = path.name not in self._nodes
            file = _File(self, path.name, name, flags)
            if is_new and path.exists():
                self._nodes[path.name] = _Node()
            return file

    def xDelete(self, filename: str, syncdir: bool) -> None:
        """Delete a file; its name is gone from the disk after a sync of the folder."""
        name = Path(filename).name
        self.called("delete", name)
        super().xDelete(filename, False)
        with self._lock:
            self._nodes.pop(name, None)
            if syncdir:
                self.sync_names()

    # -- what the disk does ----------------------------------------------------------------------
    def called(self, kind: str, name: str) -> None:
        """Count a call, and refuse it where the power is gone or something else is wrong."""
        with self._lock:
            self.calls += 1
            self.kinds.append(f"{kind} {name}")
            if self.calls == self.cut_at:
                self.is_dark = True
            code = _NO_POWER[kind] if self.is_dark else 0
        if not code and self.trouble is not None:
            code = self.trouble(kind, name)
            if code and kind == "sync":
                self.node(name).lose()
        if code:
            raise apsw.exception_for(code)

    def node(self, name: str) -> _Node:
        """The file of that name, as it is now."""
        return self._nodes[name]

    def sync_names(self) -> None:
        """The folder is synced: names are on the disk as they are now."""
        self._synced_names = dict(self._nodes)

    def image(self, target: Path, luck: Random) -> None:
        """Write what the disk may hold now, without power, into another folder."""
        target.mkdir()
        names = self._synced_names if luck.random() < 0.5 else self._nodes
        way = luck.choice(_WAYS)
        for name, node in names.items():
            content = bytearray(node.synced)
            for begin, data in way(node.since, luck):
                _apply(content, begin, data)
            (target / name).write_bytes(content)

    def synced(self, target: Path) -> None:
        """Write what is sure to be on the disk into another folder."""
        target.mkdir()
        for name, node in self._synced_names.items():
            (target / name).write_bytes(node.synced)

    @contextmanager
    def mounted(self) -> Iterator["Disk"]:
        """The process' own disk until the block ends."""
        try:
            yield self
        finally:
            self.unregister()


class _File(apsw.VFSFile):
    """An open file of the folder."""

    def __init__(
        self, disk: Disk, name: str, path: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        super().__init__(_BASE, path, flags)
        self._disk, self._name = disk, name
        self._is_unnamed = bool(flags[0] & _JOURNALS)

    def xRead(self, amount: int, offset: int) -> bytes:
        self._disk.called("read", self._name)
        return super().xRead(amount, offset)

    def xFileSize(self) -> int:
        self._disk.called("size", self._name)
        return super().xFileSize()

    def xWrite(self, data: bytes, offset: int) -> None:
        self._change("write", offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._change("truncate", newsize, None)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        self._disk.called("sync", self._name)
        self._disk.node(self._name).sync()
        if self._is_unnamed:  # SQLite syncs the folder of a journal with its first sync
            self._disk.sync_names()
            self._is_unnamed = False

    def _change(self, kind: str, begin: int, data: bytes | None) -> None:
        """Also the call at which the power is cut may have been on its way to the disk."""
        disk = self._disk
        was_dark = disk.is_dark
        try:
            disk.called(kind, self._name)
        except apsw.Error:
            if disk.is_dark and not was_dark:
                disk.node(self._name).since.append((begin, data))
            raise
        disk.node(self._name).since.append((begin, data))


# -- what becomes of what was not synced -----------------------------------------------------------
_Changes: TypeAlias = list[tuple[int, bytes | None]]


def _apply(content: bytearray, begin: int, data: bytes | None) -> None:
    if data is None:
        del content[begin:]
        content.extend(bytes(begin - len(content)))
        return
    content.extend(bytes(max(0, begin + len(data) - len(content))))
    content[begin : begin + len(data)] = data


def _sectors(begin: int, data: bytes) -> _Changes:
    """One write as the writes of its sectors, which alone are whole or not at all."""
    pieces: _Changes = []
    while data:
        room = _SECTOR - begin % _SECTOR
        pieces.append((begin, data[:room]))
        begin, data = begin + room, data[room:]
    return pieces


def _in_sectors(changes: _Changes) -> _Changes:
    return [
        piece
        for begin, data in changes
        for piece in ([(begin, data)] if data is None else _sectors(begin, data))
    ]


def _nothing(changes: _Changes, luck: Random) -> _Changes:
    return []


def _everything(changes: _Changes, luck: Random) -> _Changes:
    return changes


def _torn(changes: _Changes, luck: Random) -> _Changes:
    """In order, up to some sector."""
    pieces = _in_sectors(changes)
    return pieces[: luck.randint(0, len(pieces))]


def _last_first(changes: _Changes, luck: Random) -> _Changes:
    """The last alone: the commit without what it commits."""
    pieces = _in_sectors(changes)
    return pieces[luck.randint(0, len(pieces)) :]


def _some(changes: _Changes, luck: Random) -> _Changes:
    """Whole writes, some of them, in any order."""
    chosen = [change for change in changes if luck.random() < 0.5]
    luck.shuffle(chosen)
    return chosen


def _shreds(changes: _Changes, luck: Random) -> _Changes:
    """Sectors, most of them or few, in any order."""
    share = luck.choice((0.1, 0.5, 0.9, 0.98))
    chosen = [piece for piece in _in_sectors(changes) if luck.random() < share]
    luck.shuffle(chosen)
    return chosen


_WAYS: Final = (_nothing, _everything, _torn, _last_first, _some, _shreds)
