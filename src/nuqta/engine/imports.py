"""Imports: customers and orders from CSV files, safe to run twice and to resume after a kill.

The file is read in batches; each is one commit, in which every order is claimed for its customer,
every missing customer is made, and every order earns. Nothing remembers how far an import came,
because nothing needs to: what is known is known by its own key. A strict import is one commit.
Source: issue text of the terminal; design, ledger, sections 3 and 5.
"""

import csv
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, Generic, TextIO, TypeVar

import msgspec

from nuqta import refusals
from nuqta.engine import customers, orders
from nuqta.engine.customers import CustomerWish
from nuqta.engine.door import RolledBack
from nuqta.engine.engine import Engine
from nuqta.engine.stores import Store, program_of, rules_of
from nuqta.ledger.instants import Instant
from nuqta.loyalty.customers import checked_id
from nuqta.loyalty.dates import parse_instant
from nuqta.loyalty.money import parse_amount
from nuqta.loyalty.order_fields import Decoded
from nuqta.loyalty.orders import OrderEvent, checked_number, placed_and_delivered
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction

BATCH: Final = 2_000
"""Rows that one commit carries: past some hundreds a commit's own cost no longer shows."""
ORIGIN: Final = "cli"
TOLD_EVERY: Final = 500
"""Rows between two words about the progress."""

T = TypeVar("T")
Progress = Callable[[int], None]


class Unreadable(ValueError):
    """The file cannot be imported at all; the message says why."""


class BadRow(msgspec.Struct, frozen=True):
    """A row that was refused; the header is line 1."""

    line: int
    reason: str


class Result(msgspec.Struct):
    """What an import did: rows read, new ones, ones that were known, and ones that were refused.

    `filled` are those of the known ones of which something that was missing is known now.
    """

    read: int = 0
    new: int = 0
    known: int = 0
    refused: list[BadRow] = []
    filled: int = 0


class _Strict(RolledBack):
    """A strict import met a bad row: its transaction is rolled back."""


class _Plan(msgspec.Struct, Generic[T]):
    """How rows of a file are read and booked; `parse` raises ValueError with a sentence."""

    columns: tuple[str, ...]
    parse: Callable[[dict[str, str]], T]
    book: Callable[[Transaction, list[tuple[int, T]], Result], None]


def import_orders(
    engine: Engine,
    path: Path,
    store: Store,
    *,
    strict: bool = False,
    progress: Progress | None = None,
) -> Result | Refusal:
    """Every order of the file earns by the program's rule, effective at its own date.

    Columns `order_number, customer_id, placed_on, total`; others are ignored. `progress` is told
    the bytes read. Refuses a program that is off. Raises Unreadable, StorageFault.
    """
    if not _can_earn(engine.vault.reader(), store.store_id):
        return refusals.PROGRAM_OFF
    plan = _Plan(
        ("order_number", "customer_id", "placed_on", "total"),
        lambda row: placed_and_delivered(
            checked_number(row["order_number"]),
            checked_id(row["customer_id"]),
            parse_instant(row["placed_on"], store.timezone),
            parse_amount(row["total"], store.currency),
            store.currency,
        ),
        lambda tx, rows, result: _book_orders(tx, rows, result, store, engine.clock.now()),
    )
    return _run(engine, path, plan, strict, progress)


def import_customers(
    engine: Engine,
    path: Path,
    store: Store,
    *,
    strict: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Every customer of the file is there, with an account.

    Columns `customer_id, name`, and `email` and `mobile` where there are any. Of a customer whose
    id is known, what is missing is filled in, and what is there stays. Raises Unreadable,
    StorageFault.
    """
    plan = _Plan(
        ("customer_id", "name"),
        lambda row: customers.wished(
            row["name"],
            row.get("email", ""),
            row.get("mobile", ""),
            str(checked_id(row["customer_id"])),
        ),
        lambda tx, rows, result: _book_customers(tx, rows, result, store, engine.clock.now()),
    )
    return _run(engine, path, plan, strict, progress)


def _run(
    engine: Engine, path: Path, plan: _Plan[T], strict: bool, progress: Progress | None
) -> Result:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            result = Result()
            rows = _parsed(file, plan, result, progress)
            if strict:
                return _all_or_nothing(engine, plan, list(rows), result)
            for batch in _batches(rows):
                _in_one_commit(engine, plan, batch, result)
            result.refused.sort(key=lambda bad: bad.line)
            return result
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"{path}{_bad_line(path)} is not UTF-8 text: save it as UTF-8 and run the import again"
        ) from error
    except OSError as error:
        why = (error.strerror or "it fails").lower()
        raise Unreadable(f"{path} cannot be read: {why}") from error


def _bad_line(path: Path) -> str:
    """Where the file holds bytes that are no text; nothing for a pipe, which is read only once."""
    if path.is_file():
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    line.decode()
                except UnicodeDecodeError:
                    return f", line {number},"
    return ""


def _parsed(
    file: TextIO, plan: _Plan[T], result: Result, progress: Progress | None
) -> Iterator[tuple[int, T]]:
    """The rows that can be understood, with their lines; the others go into `result`."""
    lines = csv.reader(file, strict=True)
    try:
        header = [name.strip() for name in next(lines, [])]
    except csv.Error as error:
        raise Unreadable(f"the header cannot be read: {error}") from error
    _check_header(header, plan.columns)
    while True:
        line = lines.line_num + 1  # where the row begins: a quoted field may run over several
        try:
            row = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            result.read += 1
            result.refused.append(BadRow(line, f"the row cannot be read: {error}"))
            continue
        if not row:
            continue
        result.read += 1
        if progress is not None and result.read % TOLD_EVERY == 0:
            progress(file.buffer.tell())
        try:
            if len(row) != len(header):
                raise ValueError(f"the row has {len(row)} fields, the header {len(header)}")
            yield line, plan.parse(dict(zip(header, row, strict=True)))
        except ValueError as error:
            result.refused.append(BadRow(line, str(error)))


def _check_header(header: list[str], columns: tuple[str, ...]) -> None:
    twice = [name for name in columns if header.count(name) > 1]
    if twice:
        raise Unreadable(f"the header has the column {twice[0]} more than once")
    missing = [name for name in columns if name not in header]
    if missing:
        words = "column" if len(missing) == 1 else "columns"
        text = ", ".join(header)
        has = "".join(one if one.isprintable() else "?" for one in text)
        hint = "; columns are separated by commas here" if ";" in text or "\t" in text else ""
        raise Unreadable(
            f"the header lacks the {words} {', '.join(missing)}; it has: {has[:200] or 'nothing'}"
            + hint
        )


def _batches(rows: Iterator[T]) -> Iterator[list[T]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _in_one_commit(
    engine: Engine, plan: _Plan[T], rows: list[tuple[int, T]], result: Result
) -> None:
    def work(tx: Transaction) -> Result:
        told = Result()  # the work may run more than once, so it counts afresh
        plan.book(tx, rows, told)
        return told

    told = engine.door.write_now("import", work)
    result.new += told.new
    result.known += told.known
    result.filled += told.filled
    result.refused.extend(told.refused)


def _all_or_nothing(
    engine: Engine, plan: _Plan[T], rows: list[tuple[int, T]], checked: Result
) -> Result:
    """Book the rows in one commit; where one is refused, here or before, tell of all and keep none.

    Also of a file with rows that cannot be understood, the others are booked and rolled back: so
    whoever mends it hears of everything in one go.
    """

    def work(tx: Transaction) -> Result:
        told = Result(checked.read)
        for start in range(0, len(rows), BATCH):
            plan.book(tx, rows[start : start + BATCH], told)
        if told.refused or checked.refused:
            refused[:] = told.refused
            raise _Strict
        return told

    refused: list[BadRow] = []
    try:
        return engine.door.write_now("strict import", work)
    except _Strict:
        every = sorted(checked.refused + refused, key=lambda bad: bad.line)
        return Result(checked.read, refused=every)


def _book_orders(
    tx: Transaction,
    rows: list[tuple[int, OrderEvent]],
    result: Result,
    store: Store,
    now: Instant,
) -> None:
    if not _can_earn(tx, store.store_id):  # as it is now, not as it was when the import began
        result.refused.extend(BadRow(line, refusals.PROGRAM_OFF.text) for line, _ in rows)
        return
    past = []
    for line, event in rows:
        if event.placed_at > now:
            result.refused.append(BadRow(line, refusals.EFFECTIVE_IN_FUTURE.text))
        else:
            past.append((line, event))
    for distinct in _distinct(past):
        arrivals = [Decoded(event) for _, event in distinct]
        outcomes = orders.take_in(tx, store, arrivals, now, ORIGIN, events_max=1, only_first=True)
        for (line, _), outcome in zip(distinct, outcomes, strict=True):
            if isinstance(outcome, Refusal):
                result.refused.append(BadRow(line, outcome.text))
            elif outcome.is_replay:
                result.known += 1
            else:
                result.new += 1


def _can_earn(tx: Transaction, store_id: int) -> bool:
    has_rule = any(rule.is_active and rule.channel == "online" for rule in rules_of(tx, store_id))
    return has_rule and bool(program_of(tx, store_id).is_on)


def _distinct(rows: list[tuple[int, OrderEvent]]) -> Iterator[list[tuple[int, OrderEvent]]]:
    """The rows in lists in which each order stands once."""
    seen: set[str] = set()
    part: list[tuple[int, OrderEvent]] = []
    for line, event in rows:
        if event.order_key in seen:
            yield part
            part, seen = [], set()
        part.append((line, event))
        seen.add(event.order_key)
    if part:
        yield part


def _book_customers(
    tx: Transaction,
    rows: list[tuple[int, CustomerWish]],
    result: Result,
    store: Store,
    now: Instant,
) -> None:
    for line, wish in rows:
        known = customers.find(tx, store.store_id, wish.customer_id)
        if known is None:
            made = customers.create(tx, store.store_id, wish, now)
        else:
            made = customers.complete(tx, known, wish)
        if isinstance(made, Refusal):
            result.refused.append(BadRow(line, made.text))
        elif known is None:
            result.new += 1
        else:
            result.known += 1
            result.filled += made != known
