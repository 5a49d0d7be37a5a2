"""The audit: every account of the books held against what always holds; in full, every seal too.

It walks over one snapshot, account by account, so it neither stops writers nor needs memory; in
full, it keeps the digests of one shard at a time.
"""

import msgspec

from nuqta.engine.engine import Engine, database_path
from nuqta.engine.sealing.heads import Line, heads_file, read_heads, strangers
from nuqta.engine.stores import every
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
    """What an audit found; `ok` where it found no violation. In full: how many transfers are sealed
    and not yet, the root of each store's last head in hex, by the store's id, and the stores that
    were sealed and of which the file of heads knows nothing: an older copy could not be told."""

    ok: bool
    accounts: int
    transfers: int
    violations: list[str]
    sealed: int | None = None
    unsealed: int | None = None
    roots: dict[str, str] | None = None
    unknown_to_file: list[int] | None = None


def audit(
    engine: Engine,
    store_id: int | None = None,
    most: int = 1000,
    *,
    in_full: bool = False,
    key: bytes | None = None,
) -> Report:
    """Check a store, or all; at most `most` violations are listed. Raises StorageFault.

    `in_full` computes every seal and head again, and asks the file of heads; with a public `key`,
    every head must be signed by it.
    """
    first, until = (0, _DKEY_MAX)
    if store_id is not None:
        first, until = store_id * BUCKETS, (store_id + 1) * BUCKETS
    accounts = transfers = 0
    found: list[str] = []
    # Before the snapshot: what is sealed while it is walked over is told to the file, too.
    known = _told(engine) if in_full else {}
    with engine.vault.snapshot() as tx:
        for row in tx.walk(_ACCOUNTS, dkey_from=first, dkey_until=until):
            accounts += 1
            checked, sentences = _one(tx, row)
            transfers += checked
            found.extend(sentences[: most - len(found)])
        lines, lots = tx.rows(_ORPHANS)[0]
        if lines or lots:
            found.append(f"I1: {lines} transfers and {lots} lots belong to no account")
        if not in_full:
            return Report(not found, accounts, transfers, found)
        chosen = [store.store_id for store, _ in every(tx) if store_id in (None, store.store_id)]
        proof = _proof(tx, chosen, known, key, found)
    return Report(not found, accounts, transfers, found[:most], *proof)


def _told(engine: Engine) -> dict[int, Line]:
    settings = engine.settings
    return read_heads(heads_file(settings.heads_file, database_path(settings.db)))


def _proof(
    tx: Transaction,
    stores: list[int],
    known: dict[int, Line],
    key: bytes | None,
    found: list[str],
) -> tuple[int, int, dict[str, str], list[int]]:
    """What the seals of these stores cover, their roots, and those of which the file of heads knows
    nothing; what differs goes to `found`."""
    from nuqta.engine.sealing.proof import Proof, prove

    sealed = unsealed = 0
    roots: dict[str, str] = {}
    for store_id in stores:
        proof = Proof()
        found.extend(f"store {store_id}: {one}" for one in prove(tx, store_id, proof, key))
        sealed += proof.sealed
        unsealed += proof.unsealed
        roots[str(store_id)] = proof.root
    found.extend(strangers(tx, {one: line for one, line in known.items() if one in stores}))
    unknown = [store_id for store_id in stores if roots[str(store_id)] and store_id not in known]
    return sealed, unsealed, roots, unknown


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
