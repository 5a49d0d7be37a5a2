"""The audit: every account of the books held against what always holds.

It walks over one snapshot, account by account, so it neither stops writers nor needs memory.
"""

import msgspec

from nuqta.engine.engine import Engine
from nuqta.ledger.account import BUCKETS
from nuqta.ledger.invariants import violations
from nuqta.storage import books
from nuqta.storage.faults import Damaged
from nuqta.storage.rows import account_from
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_ACCOUNTS = statement("points.accounts_from")
_ORPHANS = statement("points.orphans")
_DKEY_MAX = 2**63 - 1


class Report(msgspec.Struct, frozen=True):
    """What an audit found; `ok` where it found no violation."""

    ok: bool
    accounts: int
    transfers: int
    violations: list[str]


def audit(engine: Engine, store_id: int | None = None, most: int = 1000) -> Report:
    """Check a store, or all; at most `most` violations are listed. Raises StorageFault."""
    first, until = (0, _DKEY_MAX)
    if store_id is not None:
        first, until = store_id * BUCKETS, (store_id + 1) * BUCKETS
    accounts = transfers = 0
    found: list[str] = []
    with engine.vault.snapshot() as tx:
        for row in tx.walk(_ACCOUNTS, dkey_from=first, dkey_until=until):
            accounts += 1
            checked, sentences = _one(tx, row)
            transfers += checked
            found.extend(sentences[: most - len(found)])
        lines, lots = tx.rows(_ORPHANS)[0]
        if lines or lots:
            found.append(f"I1: {lines} transfers and {lots} lots belong to no account")
    return Report(not found, accounts, transfers, found)


def _one(tx: Transaction, row: tuple[object, ...]) -> tuple[int, list[str]]:
    key = (row[0], row[1])
    try:
        account = account_from(row)
        transfers = books.transfers(tx, account.key)
        lots = books.all_lots(tx, account.key)
        holds = books.all_holds(tx, account.key)
        receipts = books.receipts(tx, account.key)
    except Damaged as damage:
        return 0, [f"{damage} (account {key})"]
    return len(transfers), list(violations(account, transfers, lots, holds, receipts))
