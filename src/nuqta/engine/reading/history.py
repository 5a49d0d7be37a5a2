"""A customer's history, from one snapshot: what is booked, and what time has brought since."""

import msgspec

from nuqta.engine.engine import Engine
from nuqta.ledger.account import Account, dkey_of
from nuqta.ledger.commands import Receipt
from nuqta.ledger.history import lots_after, settled
from nuqta.ledger.transfers import Transfer
from nuqta.loyalty.history import ADDED, DEDUCTED, Line, lines
from nuqta.storage import books
from nuqta.storage.rows import lot_from
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_NOTES = statement("points.notes")
_LATEST = statement("points.latest_transfers")
_LOT = statement("points.lot")


class History(msgspec.Struct, frozen=True):
    """An account at an instant, and its lines, the latest first."""

    account: Account
    lines: list[Line]


def history(engine: Engine, store_id: int, customer_id: int) -> History | None:
    """A customer's account and history now; None where there is no such customer.

    It reads all of the account's transfers: ask from a thread that may take its time. Raises
    StorageFault.
    """
    key, clock = (dkey_of(store_id, customer_id), customer_id), engine.clock.now()
    with engine.vault.snapshot() as tx:
        account = books.account(tx, key)
        if account is None:
            return None
        after, due, moved = settled(account, *books.open_lots(tx, account), clock)
        transfers, every_lot, _ = books.everything(tx, account)
        lots = {lot.lot: lot for lot in every_lot} | moved
        notes = dict(tx.rows(_NOTES, dkey=key[0], customer_id=customer_id))
        return History(after, lines([*transfers, *due], lots, notes))


def adjustment(tx: Transaction, receipt: Receipt, reason: str | None) -> Line:
    """The line that an adjustment left, as it stood then: whatever has become of its points since,
    a repetition under its key is told the same.

    It reads what the command booked and no more: the door waits for it. Raises Damaged.
    """
    named = {"dkey": receipt.dkey, "customer_id": receipt.customer_id}
    booked = tx.all(
        _LATEST, Transfer, **named, version=receipt.version, limit=receipt.booked
    )[::-1]  # fmt: skip
    added = [line.lot for line in booked if line.source == "adjusted_in"]
    new = [lot_from(tx.rows(_LOT, **named, lot=number)[0]) for number in added]
    lots = {lot.lot: lot for lot in lots_after(booked, new)}
    notes = {} if reason is None else {receipt.version: reason}
    (told,) = [one for one in lines(booked, lots, notes) if one.kind in (ADDED, DEDUCTED)]
    return told
