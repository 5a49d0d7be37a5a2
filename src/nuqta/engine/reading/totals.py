"""Totals: what all customers of a store have together, exact at this instant.

The sums of the accounts as they are booked, and for each account whose time has come, what the
passing of time has changed since. Source: contract, zid-loyalty, section 5.11.
"""

import msgspec

from nuqta.ledger.account import BUCKETS, Account
from nuqta.ledger.history import at
from nuqta.ledger.instants import Instant, Points
from nuqta.storage import books
from nuqta.storage.rows import account_from
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_TOTALS = statement("points.totals")
_DUE = statement("points.due_of_store")


class Totals(msgspec.Struct, frozen=True):
    """Whole points, 0 or more: earned or added less cancelled, redeemed less returned, not usable
    yet; and the number of customers who have any."""

    earned: Points
    redeemed: Points
    pending: Points
    customers: int


def totals(tx: Transaction, store_id: int, clock: Instant) -> Totals:
    """The totals of a store at `clock`, on the snapshot that `tx` reads. Raises StorageFault.

    It reads every account: ask from a thread that may take its time.
    """
    bounds = {"dkey_from": store_id * BUCKETS, "dkey_until": (store_id + 1) * BUCKETS}
    found = [int(one or 0) for one in tx.rows(_TOTALS, **bounds)[0]]
    for row in tx.walk(_DUE, now=clock, **bounds):
        before = account_from(row)
        after = at(before, *books.open_lots(tx, before), clock)
        for place, (old, new) in enumerate(zip(_parts(before), _parts(after), strict=True)):
            found[place] += new - old
    return Totals(*found)


def _parts(account: Account) -> tuple[int, int, int, int]:
    has_any = account.pending + account.available + account.held > 0
    return account.total_positive, account.redeemed, account.pending, int(has_any)
