"""Loading what a batch of commands may touch, and recording what was decided.

The two halves of the one door that touch the database; between them stands `ledger.decide`.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, Final, TypeAlias, TypeVar

from msgspec.structs import astuple

from nuqta.ledger.account import Account, opened
from nuqta.ledger.commands import Command, Order, Receipt
from nuqta.ledger.holds import Hold
from nuqta.ledger.lots import Lot
from nuqta.ledger.posting import Facts, Outcome, receipt_key
from nuqta.ledger.transfers import MOVES, NO_HOLD, NO_LOT, PLACES, AccountKey, Transfer, book, fold
from nuqta.refusals import BY_CODE
from nuqta.storage.faults import Damaged, StorageFault
from nuqta.storage.rows import (
    account_from,
    account_row,
    hold_from,
    hold_row,
    lot_from,
    lot_row,
)
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

R = TypeVar("R", Lot, Hold)
OrderKey: TypeAlias = tuple[int, int, str]
HoldKey: TypeAlias = tuple[int, int, int]

_ACCOUNT = statement("points.account")
_OPEN_ACCOUNT = statement("points.open_account")
_CHANGE_ACCOUNT = statement("points.change_account")
_OPEN_LOTS = statement("points.open_lots")
_ALL_LOTS = statement("points.all_lots")
_PUT_LOT = statement("points.put_lot")
_LOTS_OF_ORDER = statement("points.lots_of_order")
_TRANSFERS_OF_ORDER = statement("points.transfers_of_order")
_LIVE_HOLDS = statement("holds.live")
_ALL_HOLDS = statement("holds.every")
_HOLD = statement("holds.by_number")
_PUT_HOLD = statement("holds.put")
_ADD_EVENT = statement("events.add")
_FOLDED = statement("points.folded")
_FOLDED_MAX: Final = 1_000
"""Transfers of an account that are added up before an order's are believed: 0.2 µs each."""
_ADD_TRANSFER = statement("points.add_transfer")
_TRANSFERS = statement("points.transfers")
_RECEIPT = statement("points.receipt")
_RECEIPTS = statement("points.receipts")
_ADD_RECEIPT = statement("points.add_receipt")
_ADD_NOTE = statement("points.add_note")
_COLUMNS: Final = (*Account.__struct_fields__, "crc", "version_before")
# Worked out once: a dictionary for each change cost 3 µs a command.
_in_order_of_change = itemgetter(*map(_COLUMNS.index, _CHANGE_ACCOUNT.parameters))


def load(tx: Transaction, commands: Sequence[Command]) -> Facts:
    """Every row that the commands may touch, in key order. Raises Damaged."""
    keys = sorted({command.account for command in commands})
    # One call for all keys of a kind (measured: 2 µs a command less than a call for each).
    receipts = {
        (row[0], row[1], row[2], row[3]): _receipt_from(row)
        for row in tx.each(_RECEIPT, [receipt_key(one) for one in commands if one.has_receipt])
    }
    accounts = {account.key: account for account in map(account_from, tx.each(_ACCOUNT, keys))}
    lots: dict[AccountKey, list[Lot]] = {key: [] for key, one in accounts.items() if one.lots}
    for lot in map(lot_from, tx.each(_OPEN_LOTS, lots)):
        _shelf(lots, lot).append(lot)
    holds: dict[AccountKey, list[Hold]] = {key: [] for key, one in accounts.items() if one.held}
    for hold in map(hold_from, tx.each(_LIVE_HOLDS, holds)):
        _shelf(holds, hold).append(hold)
    for key, of_account in lots.items():
        _all_there(accounts[key], of_account, holds.get(key, ()))
    facts = Facts(accounts, lots, receipts, holds, {})
    _load_orders(tx, facts, [one for one in commands if isinstance(one, Order)])
    return facts


def _receipt_from(row: Sequence[Any]) -> Receipt:
    receipt = Receipt(*row)
    if receipt.refusal and receipt.refusal not in BY_CODE:
        where = f"receipt {receipt.dkey}/{receipt.customer_id} {receipt.origin} {receipt.key}"
        raise Damaged(f"{where} tells of no refusal that there is")
    return receipt


def _shelf(shelves: dict[AccountKey, list[R]], row: R) -> list[R]:
    """The rows of its account, which must be one of those that were asked for."""
    try:
        return shelves[row.dkey, row.customer_id]
    except KeyError:
        where = f"account {row.dkey}/{row.customer_id}"
        raise Damaged(f"{where} has a row that an index has under another one") from None


def _load_orders(tx: Transaction, facts: Facts, commands: list[Order]) -> None:
    """What the orders of a batch have done so far, with the lots and holds that it touched."""
    orders = [
        (*one.account, one.order_key)
        for one in commands
        if one.account in facts.accounts and facts.accounts[one.account].version
    ]
    if not orders:
        return
    named = {(*one.account, one.hold) for one in commands if one.hold != NO_HOLD}
    named |= _load_lines(tx, facts, orders)
    for hold in map(hold_from, tx.each(_HOLD, sorted(named))):
        of_account = facts.holds.setdefault((hold.dkey, hold.customer_id), [])
        if not hold.is_live:  # the live ones are there already
            of_account.append(hold)
    for command in commands:
        _check_order(facts, command)


def _load_lines(tx: Transaction, facts: Facts, orders: list[OrderKey]) -> set[HoldKey]:
    """The transfers of orders, and the lots that they touched; which holds they did."""
    named = set()
    for line in (Transfer(*row) for row in tx.each(_TRANSFERS_OF_ORDER, orders)):
        key = (line.dkey, line.customer_id)
        if key not in facts.accounts:
            raise Damaged(f"account {key[0]}/{key[1]} has a line that an index has elsewhere")
        facts.orders.setdefault(key, []).append(line)
        if line.hold != NO_HOLD:
            named.add((*key, line.hold))
    for key in facts.orders:
        _check_fold(tx, facts.accounts[key])
    if facts.orders:
        for lot in map(lot_from, tx.each(_LOTS_OF_ORDER, orders)):
            if lot.left == 0:  # the others are there already
                facts.lots.setdefault((lot.dkey, lot.customer_id), []).append(lot)
    return named


def _check_order(facts: Facts, command: Order) -> None:
    """Whether an order's lines can be all that it did, as far as they show by themselves, by its
    lots and by its holds: they have no checksum of their own. Raises Damaged."""
    key = command.account
    lines = {
        line.version: line
        for line in facts.orders.get(key, ())
        if line.order_key == command.order_key
    }
    lots = {lot.lot: lot for lot in facts.lots.get(key, ())}
    holds = {hold.hold: hold for hold in facts.holds.get(key, ())}
    own = {lot.lot for lot in lots.values() if lot.order_key == command.order_key}
    used = {one.hold: one.captured for one in holds.values() if one.order_key == command.order_key}
    captured = dict.fromkeys(used, 0)
    for line in lines.values():
        if line.move == "capture":
            captured[line.hold] = captured.get(line.hold, 0) + line.points
    if not (
        captured == used
        and own <= {line.lot for line in lines.values()} <= {NO_LOT, *lots}
        and all(line.lot in own for line in lines.values() if line.move == "earn")
        and all(line.hold in used for line in lines.values() if line.hold != NO_HOLD)
        and all(_is_sound(line, lines) for line in lines.values())
    ):
        where = f"account {key[0]}/{key[1]}"
        raise Damaged(f"{where} does not agree with the transfers of {command.order_key}")


def _is_sound(line: Transfer, lines: dict[int, Transfer]) -> bool:
    """Whether the line is a move of the books, and undoes nothing but an earlier one."""
    return (
        type(line.version) is int
        and (line.source, line.target) in MOVES.get(line.move, ())
        and (line.undoes == 0 or (line.undoes in lines and line.undoes < line.version))
    )


def record(tx: Transaction, outcome: Outcome) -> None:
    """Append what was decided. Raises StorageFault where an account is not as it was loaded."""
    if outcome.accounts:
        tx.many(_ADD_TRANSFER, [astuple(transfer) for transfer in outcome.transfers])
        tx.many(_PUT_LOT, [lot_row(lot) for lot in outcome.lots])
        tx.many(_ADD_EVENT, [astuple(event) for event in outcome.events])
        changes = [_change(before, account) for before, account in outcome.accounts]
        if tx.many(_CHANGE_ACCOUNT, changes) != len(changes):
            raise StorageFault("an account changed between loading and recording")
    if outcome.holds:
        tx.many(_PUT_HOLD, [hold_row(hold) for hold in outcome.holds])
    if outcome.receipts:
        tx.many(_ADD_RECEIPT, [astuple(receipt) for receipt in outcome.receipts])
    if outcome.notes:
        tx.many(_ADD_NOTE, [astuple(note) for note in outcome.notes])


def open_accounts(tx: Transaction, keys: Iterable[AccountKey]) -> None:
    """An empty account for each customer that has none."""
    tx.many(_OPEN_ACCOUNT, [account_row(opened(*key)) for key in keys])


def account(tx: Transaction, key: AccountKey) -> Account | None:
    """One account. Raises Damaged."""
    rows = tx.rows_of(_ACCOUNT.text, key)
    return account_from(rows[0]) if rows else None


def open_lots(tx: Transaction, account: Account) -> tuple[list[Lot], list[Hold]]:
    """The lots of an account that have points left, and its live holds. Raises Damaged.

    A lot that is missing (its key or what it has left was hit) is seen by what the others hold.
    """
    lots = [lot_from(row) for row in tx.rows_of(_OPEN_LOTS.text, account.key)]
    holds = []
    if account.held:
        holds = [hold_from(row) for row in tx.rows_of(_LIVE_HOLDS.text, account.key)]
    _all_there(account, lots, holds)
    return lots, holds


def _all_there(account: Account, lots: Iterable[Lot], holds: Iterable[Hold]) -> None:
    where = f"account {account.dkey}/{account.customer_id}"
    if sum([lot.left for lot in lots]) != account.pending + account.available + account.held:
        raise Damaged(f"{where} does not agree with its lots")
    if sum([hold.points for hold in holds]) != account.held:
        raise Damaged(f"{where} does not agree with its holds")


def all_holds(tx: Transaction, key: AccountKey) -> list[Hold]:
    """Every hold of an account, by number. Raises Damaged."""
    return [hold_from(row) for row in tx.rows_of(_ALL_HOLDS.text, key)]


def all_lots(tx: Transaction, key: AccountKey) -> list[Lot]:
    """Every lot of an account, by number. Raises Damaged."""
    return [lot_from(row) for row in tx.rows_of(_ALL_LOTS.text, key)]


def transfers(tx: Transaction, key: AccountKey) -> list[Transfer]:
    """Every transfer of an account, by version."""
    return [Transfer(*row) for row in tx.rows_of(_TRANSFERS.text, key)]


def everything(tx: Transaction, account: Account) -> tuple[list[Transfer], list[Lot], list[Hold]]:
    """Every transfer, lot and hold of an account, as `transfers`, `all_lots` and `all_holds`;
    together they make its row. Raises Damaged where they do not."""
    lines, lots = transfers(tx, account.key), all_lots(tx, account.key)
    holds = all_holds(tx, account.key)
    if not _make(account, lines):
        raise Damaged(_not_their_sum(account))
    named = {line.hold for line in lines if line.hold != NO_HOLD}
    numbers = [lot.lot for lot in lots]
    if numbers != list(range(1, account.lots + 1)) or named != {hold.hold for hold in holds}:
        where = f"account {account.dkey}/{account.customer_id}"
        raise Damaged(f"{where} does not agree with its lots and holds")
    return lines, lots, holds


def _make(account: Account, lines: Sequence[Transfer]) -> bool:
    """Whether the lines, which have no checksum, come to the account's row, which has one."""
    try:
        return (
            len(lines) == account.version
            and all((one.source, one.target) in MOVES[one.move] for one in lines)
            and all(
                one.version == number and one.effective_at <= one.recorded_at <= account.recorded_at
                for number, one in enumerate(lines, 1)
            )
            and fold(lines) == account.sums()
        )
    except (KeyError, TypeError):  # a move that is none, a number that is none
        return False


def _check_fold(tx: Transaction, account: Account) -> None:
    """What an order did is undone by its own transfers, which have no checksum: with those of the
    whole account they make its row, which has one. Too many of them are left to the audit."""
    if account.version > _FOLDED_MAX:
        return
    sums, count = dict.fromkeys(PLACES, 0), 0
    for source, target, points, lines in tx.rows_of(_FOLDED.text, account.key):
        if source not in sums or target not in sums or not isinstance(points, int):
            raise Damaged(_not_their_sum(account))
        book(sums, source, target, points)
        count += lines
    if count != account.version or sums != account.sums():
        raise Damaged(_not_their_sum(account))


def _not_their_sum(account: Account) -> str:
    return f"account {account.dkey}/{account.customer_id} does not agree with its transfers"


def is_receipted(tx: Transaction, command: Command) -> bool:
    """Whether a command's key was answered before."""
    return bool(tx.rows_of(_RECEIPT.text, receipt_key(command)))


def receipts(tx: Transaction, key: AccountKey) -> list[Receipt]:
    """Every receipt of an account."""
    return [Receipt(*row) for row in tx.rows_of(_RECEIPTS.text, key)]


def _change(before: int, changed: Account) -> tuple[object, ...]:
    ordered: tuple[object, ...] = _in_order_of_change((*account_row(changed), before))
    return ordered
