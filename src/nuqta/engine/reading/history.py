"""A customer's history, from one snapshot: what is booked, and what time has brought since."""

import msgspec

from nuqta.engine.engine import Engine
from nuqta.ledger.account import Account, dkey_of
from nuqta.ledger.history import settled
from nuqta.ledger.instants import Instant
from nuqta.ledger.transfers import AccountKey
from nuqta.loyalty.history import Line, lines
from nuqta.storage import books
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_NOTES = statement("points.notes")


class History(msgspec.Struct, frozen=True):
    """An account at an instant, and its lines, the latest first."""

    account: Account
    lines: list[Line]


def history(engine: Engine, store_id: int, customer_id: int) -> History | None:
    """A customer's account and history now; None where there is no such customer.

    It reads all of the account's transfers: ask from a thread that may take its time. Raises
    StorageFault.
    """
    clock = engine.clock.now()
    with engine.vault.snapshot() as tx:
        return history_at(tx, (dkey_of(store_id, customer_id), customer_id), clock)


def history_at(tx: Transaction, key: AccountKey, clock: Instant) -> History | None:
    """The same at an instant that is not before what was booked last."""
    account = books.account(tx, key)
    if account is None:
        return None
    after, due, moved = settled(account, *books.open_lots(tx, account), clock)
    lots = {lot.lot: lot for lot in books.all_lots(tx, key)} | moved
    notes = dict(tx.rows(_NOTES, dkey=key[0], customer_id=key[1]))
    return History(after, lines([*books.transfers(tx, key), *due], lots, notes))
