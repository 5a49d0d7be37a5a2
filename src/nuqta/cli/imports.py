"""`nuqta import`: customers and orders from CSV files, with a bar that says how long it takes."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nuqta.cli.frame import (
    Frame,
    Misused,
    Refused,
    StoreOption,
    command,
    commands,
    complain,
    find_store,
    plain,
    settled,
)

if TYPE_CHECKING:
    from nuqta.engine.imports import Result

app = commands("Customers and orders from CSV files.", "import")

_SHOWN_MAX = 10
_BAR_WIDTH_LEAST = 70
"""Columns below which the bar makes room for the numbers."""
_INTERRUPTED = 130

FileArgument = Annotated[str, typer.Argument(metavar="FILE.csv", help="UTF-8, with a header.")]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Import nothing where one row is refused.")
]


@command(app, "customers")
def customers(
    frame: Frame, file: FileArgument, store: StoreOption, strict: StrictOption = False
) -> None:
    """Make the customers of a file: customer_id, name, and email and mobile where there are any."""
    _run(frame, "customers", file, store, strict)


@command(app, "orders")
def orders(
    frame: Frame, file: FileArgument, store: StoreOption, strict: StrictOption = False
) -> None:
    """Let the orders of a file earn: order_number, customer_id, placed_on, total."""
    _run(frame, "orders", file, store, strict)


def _run(frame: Frame, what: str, file: str, store: str, strict: bool) -> None:
    from nuqta.engine import imports

    path = _readable(file)
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        work = imports.import_orders if what == "orders" else imports.import_customers
        began = time.perf_counter()
        try:
            with _bar(path, what) as progress:
                result = settled(work(engine, path, found, strict=strict, progress=progress))
        except imports.Unreadable as error:
            raise Refused(str(error)) from error
        except KeyboardInterrupt:
            raise typer.Exit(complain("stopped; run it again to go on", _INTERRUPTED)) from None
        seconds = time.perf_counter() - began
    value = {
        "read": result.read,
        "new": result.new,
        "known": result.known,
        "refused": [{"line": bad.line, "reason": plain(bad.reason)} for bad in result.refused],
    }
    frame.answer(value, _summary(result, what, seconds))
    if strict and result.refused:
        count = len(result.refused)
        words = "row was" if count == 1 else "rows were"
        raise typer.Exit(complain(f"nothing was imported: {count:,} {words} refused", 1))


def _readable(file: str) -> Path:
    """The path of a file that is there. A missing one is a slip of the pen, not of the books."""
    path = Path(file)
    try:
        if file and path.is_dir():
            raise Misused(f"{file!r} is a folder: give a file")
        is_there = bool(file) and path.exists()
    except (OSError, ValueError):  # a name too long, or with a null character
        is_there = False
    if not is_there:
        raise Misused(f"there is no file {file[:200]!r}")
    return path


def _summary(result: "Result", what: str, seconds: float) -> list[str | dict[str, object]]:
    rate = result.read / seconds if seconds else 0
    known = f"{result.known:,}"
    if result.filled:
        known += f" (filled in: {result.filled:,})"
    lines: list[str | dict[str, object]] = [
        f"Read {result.read:,} {what} in {seconds:.1f} seconds ({rate:,.0f} a second).",
        {"new": result.new, "known": known, "refused": len(result.refused)},
    ]
    if result.refused:
        lines.append("Refused:")
        lines.append({f"line {bad.line}": plain(bad.reason) for bad in result.refused[:_SHOWN_MAX]})
        if len(result.refused) > _SHOWN_MAX:
            lines.append(f"… and {len(result.refused) - _SHOWN_MAX:,} more; --json lists them all.")
    return lines


@contextmanager
def _bar(path: Path, what: str) -> Iterator[Callable[[int], None] | None]:
    """A bar on stderr that is told the bytes read; None where nobody would see it.

    A pipe has no length and cannot say how far it was read, so it gets no bar.
    """
    if not sys.stderr.isatty() or not path.is_file():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from nuqta.engine.imports import TOLD_EVERY

    console = Console(stderr=True)
    bar = [BarColumn()] if console.width >= _BAR_WIDTH_LEAST else []
    with Progress(
        TextColumn(f"Importing {what}"),
        *bar,
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]:>8,.0f} a second,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task("", total=path.stat().st_size, rate=0)
        began = time.perf_counter()
        rows = 0

        def told(bytes_read: int) -> None:
            nonlocal rows
            rows += TOLD_EVERY
            rate = rows / max(time.perf_counter() - began, 1e-9)
            progress.update(task, completed=bytes_read, rate=rate)

        yield told
