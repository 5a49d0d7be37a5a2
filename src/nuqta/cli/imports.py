"""`nuqta import`: customers and orders from CSV files, with a bar that says how long it takes."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
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
    settled,
)

if TYPE_CHECKING:
    from nuqta.engine.imports import Result

app = commands("Customers and orders from CSV files.", "import")

_SHOWN_MAX = 10

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
        seconds = time.perf_counter() - began
    frame.answer(msgspec.to_builtins(result), _summary(result, what, seconds))
    if strict and result.refused:
        raise typer.Exit(
            complain(f"nothing was imported: {len(result.refused)} rows were refused", 1)
        )


def _readable(file: str) -> Path:
    """The path of a file that is there. A missing one is a slip of the pen, not of the books."""
    path = Path(file)
    try:
        is_there = path.exists() and not path.is_dir()
    except (OSError, ValueError):  # a name too long, or with a null character
        is_there = False
    if not is_there:
        raise Misused(f"there is no file {file[:200]!r}")
    return path


def _summary(result: "Result", what: str, seconds: float) -> list[str | dict[str, object]]:
    rate = result.read / seconds if seconds else 0
    lines: list[str | dict[str, object]] = [
        f"Read {result.read:,} {what} in {seconds:.1f} seconds ({rate:,.0f} a second).",
        {"new": result.new, "known": result.known, "refused": len(result.refused)},
    ]
    if result.refused:
        lines.append("Refused:")
        lines.append({f"line {bad.line}": bad.reason for bad in result.refused[:_SHOWN_MAX]})
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

    with Progress(
        TextColumn(f"Importing {what}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]:>8,.0f} a second,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
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
