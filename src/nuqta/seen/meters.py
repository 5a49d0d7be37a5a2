"""Meters: whole numbers that are counted in place, in one process or in all processes of a server.

A sheet is a row of 64-bit cells with a layout that is fixed when it is made, so that counting is an
addition and no look-up. Every cell has one thread that adds to it, and so needs no lock. A sheet of
several processes is a file that its owner maps and locks: whoever is asked reads all of them. What
a process that has died counted stays counted; the next one that starts goes on where it stood.
Source: docs/decisions/0012-seeing.md.
"""

import fcntl
import mmap
import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

Labels: TypeAlias = tuple[str, ...]
_NS: Final = 1_000_000_000
SECONDS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
)  # fmt: skip
"""The upper bounds of what is measured in seconds."""
_WORD: Final = 8
_HEADER: Final = 1
"""Cells before a sheet's own: the process that owns it."""


class Family(msgspec.Struct, frozen=True):
    """One meter: `series` are the values of its labels, each with cells of its own.

    A histogram has a cell for each of `bounds`, one for what lies beyond, and one for the sum; it
    counts in `unit`s of which one second, or one of whatever it is, has so many.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    sentence: str
    labels: Labels = ()
    series: tuple[Labels, ...] = ((),)
    bounds: tuple[float, ...] = ()
    unit: int = 1

    @property
    def width(self) -> int:
        """Cells of one series."""
        return len(self.bounds) + 2 if self.kind == "histogram" else 1


def seconds(name: str, sentence: str, labels: Labels = (), series: Any = ((),)) -> Family:
    """A histogram of durations, which are counted in nanoseconds."""
    return Family(name, "histogram", sentence, labels, tuple(series), SECONDS, _NS)


class Histogram:
    """One series of a histogram, for whoever adds to it: its `first` cell, that of its `sum`, and
    the `bounds` of the cells between, in the family's unit."""

    __slots__ = ("_cells", "bounds", "first", "sum")

    def __init__(self, cells: Any, first: int, family: Family) -> None:
        self._cells = cells
        self.first = first
        self.sum = first + family.width - 1
        self.bounds = tuple(round(bound * family.unit) for bound in family.bounds)

    def add(self, value: int) -> None:
        """One more value, in the family's unit."""
        cells = self._cells
        cells[self.first + bisect_left(self.bounds, value)] += 1
        cells[self.sum] += value


class Sheet:
    """The cells of some families in this process; with a folder, those of others beside them, in
    files that `prepare` has made. Raises OSError."""

    def __init__(self, name: str, families: Sequence[Family], folder: Path | None = None) -> None:
        self.families = tuple(families)
        self.name = name
        self._folder = folder
        self._first: dict[tuple[str, Labels], int] = {}
        size = _HEADER
        for family in self.families:
            for labels in family.series:
                self._first[family.name, labels] = size
                size += family.width
        self.cells: Any
        if folder is None:
            self.cells = memoryview(bytearray(size * _WORD)).cast("Q")
        else:
            self.cells = self._own_file(folder, size * _WORD)
            self._forget_gauges()
        self.cells[0] = os.getpid()

    def _own_file(self, folder: Path, size: int) -> Any:
        """The first file that no living process owns; a new one where there is none."""
        number = 0
        while True:
            path = folder / f"{self.name}-{number}.meters"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if _lock(descriptor, fcntl.LOCK_EX):
                break
            os.close(descriptor)
            number += 1
        if os.fstat(descriptor).st_size < size:
            os.pwrite(descriptor, bytes(size), 0)  # in full: a hole would kill whoever writes there
        return memoryview(mmap.mmap(descriptor, size)).cast("Q")  # the descriptor keeps the lock

    def _forget_gauges(self) -> None:
        for family in self.families:
            if family.kind == "gauge":
                for labels in family.series:
                    self.cells[self.at(family.name, labels)] = 0

    # -- for whoever counts ---------------------------------------------------------------------
    def at(self, name: str, labels: Labels = ()) -> int:
        """The first cell of a series. Raises KeyError."""
        return self._first[name, labels]

    def histogram(self, name: str, labels: Labels = ()) -> Histogram:
        """A series of a histogram. Raises KeyError."""
        family = next(one for one in self.families if one.name == name)
        return Histogram(self.cells, self.at(name, labels), family)

    # -- for whoever reads ----------------------------------------------------------------------
    def pages(self) -> "list[Page]":
        """What every process has counted, this one's too."""
        if self._folder is None:
            return [Page("0", int(self.cells[0]), True, list(self.cells))]
        found = (self._page(path) for path in sorted(self._folder.glob(f"{self.name}-*.meters")))
        return [page for page in found if page is not None]

    def _page(self, path: Path) -> "Page | None":
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            is_alive = not _lock(descriptor, fcntl.LOCK_SH)
            raw = os.pread(descriptor, len(self.cells) * _WORD, 0)
        finally:
            os.close(descriptor)
        if len(raw) < len(self.cells) * _WORD:
            return None  # it is being made
        cells = list(memoryview(raw).cast("Q"))
        return Page(path.stem.rpartition("-")[2], cells[0], is_alive, cells)

    def values(self, page: "Page", family: Family) -> "Iterator[tuple[Labels, list[int]]]":
        """Each series of a family on a page: its labels, its cells."""
        for labels in family.series:
            first = self.at(family.name, labels)
            yield labels, page.cells[first : first + family.width]


class Page(msgspec.Struct, frozen=True):
    """What one process has counted: its place among the workers, and its number for the system."""

    worker: str
    pid: int
    is_alive: bool
    cells: list[int]


def _lock(descriptor: int, kind: int) -> bool:
    """Take a lock that ends with the descriptor; whether nobody else has it."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def prepare(sheet: Sheet, folder: Path, processes: int) -> None:
    """Make the files of so many processes in full, with room for a sheet like this one: a disk that
    has no room must say so at the start. Raises OSError."""
    for number in range(processes):
        path = folder / f"{sheet.name}-{number}.meters"
        path.touch(mode=0o600)
        path.write_bytes(bytes(len(sheet.cells) * _WORD))
