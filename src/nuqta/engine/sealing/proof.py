"""The proof: every seal and head of a store computed again from the rows of the books.

Each finding is one sentence that names the first row that differs: the version of an account, a
lot, a hold, a seal of a shard or a head of a store. It walks shard by shard and keeps the digests
of one shard at a time (about 150 bytes a transfer).
"""

from collections.abc import Iterator, Sequence

import msgspec

from nuqta.engine.sealing import chain
from nuqta.engine.sealing.chain import HOLD, LOT, Head, Seal
from nuqta.engine.sealing.keys import is_signed
from nuqta.engine.sealing.seals import leaves
from nuqta.ledger.account import BUCKETS
from nuqta.ledger.transfers import Transfer
from nuqta.storage.faults import Damaged
from nuqta.storage.rows import hold_from, lot_from
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_SHARDS = statement("seals.sealed_shards")
_CHAIN = statement("seals.chain")
_HEADS = statement("seals.heads")
_TRANSFERS = statement("seals.transfers_of_shard")
_LOTS = statement("seals.lots_of_shard")
_HOLDS = statement("seals.holds_of_shard")
_ACCOUNTS = statement("seals.accounts_of_shard")
_KINDS = {LOT: "lot", HOLD: "hold"}


class Proof(msgspec.Struct):
    """What the seals of a store cover: `sealed` and `unsealed` transfers, and the last head's root
    in hex, "" for none."""

    sealed: int = 0
    unsealed: int = 0
    root: str = ""


class _Covered(msgspec.Struct):
    """What the chain of a shard says: the version up to which each account is sealed, and the last
    sealed digest of each lot and hold."""

    until: dict[int, int]
    dated: dict[tuple[int, bytes, int], bytes]


def prove(tx: Transaction, store_id: int, proof: Proof, key: bytes | None = None) -> Iterator[str]:
    """Everything in which a store's books differ from what was sealed; `proof` is filled in.

    With a public `key`, every head must be signed by it. Raises StorageFault.
    """
    first = store_id * BUCKETS
    shards = [row[0] for row in tx.rows(_SHARDS, dkey_from=first, dkey_until=first + BUCKETS)]
    for dkey in shards:
        yield from _shard(tx, dkey, proof)
    yield from _heads(tx, store_id, proof, key)


def _shard(tx: Transaction, dkey: int, proof: Proof) -> Iterator[str]:
    covered = _Covered({}, {})
    yield from _lines(tx, dkey, covered)
    yield from _dates(tx, dkey, covered)
    for customer_id, version, is_sealed in tx.rows(_ACCOUNTS, dkey=dkey):
        until = covered.until.get(customer_id, 0)
        proof.sealed += until
        proof.unsealed += max(0, version - until)
        if is_sealed and version > until:
            yield (
                f"account {dkey}/{customer_id} is marked as sealed at version {version}, its seals"
                f" end at {until}"
            )


def _lines(tx: Transaction, dkey: int, covered: _Covered) -> Iterator[str]:
    """The chain of a shard against its transfers."""
    digests: dict[tuple[int, int], bytes] = {}
    for row in tx.walk(_TRANSFERS, dkey=dkey):
        digests[row[1], row[2]] = chain.of_transfer(Transfer(*row))
    before, number = chain.START, 0
    for seal in (Seal(*row) for row in tx.walk(_CHAIN, dkey=dkey)):
        number += 1
        if seal.number != number:
            yield f"seal {number} of shard {dkey} is gone"
            number = seal.number
        yield from _sealed(seal, before, digests, covered)
        before = seal.digest


def _sealed(
    seal: Seal, before: bytes, digests: dict[tuple[int, int], bytes], covered: _Covered
) -> Iterator[str]:
    """One seal against the rows that it covers."""
    name, customer_id = f"seal {seal.number} of shard {seal.dkey}", seal.customer_id
    if seal.version_from != covered.until.get(customer_id, 0) + 1:
        yield f"{name} does not begin where the one before it ended"
    covered.until[customer_id] = seal.version_until
    versions = range(seal.version_from, seal.version_until + 1)
    found = [digests.get((customer_id, version)) for version in versions]
    present = [digest for digest in found if digest is not None]
    is_right = chain.link(before, seal, present) == seal.digest
    differing = _first_that_differs(found, seal.lines)
    if differing is not None and not is_right:
        what = "is gone" if found[differing] is None else "is not the line that was sealed"
        yield (
            f"version {versions[differing]} of account {seal.dkey}/{customer_id} {what} at"
            f" {chain.written(seal.sealed_at)}"
        )
    elif differing is not None or not is_right:
        yield f"{name} is not what was sealed"
    try:
        for kind, number, dated in chain.read_dates(seal.dates):
            covered.dated[customer_id, kind, number] = dated
    except ValueError as error:
        yield f"{name}: {error}"


def _first_that_differs(found: Sequence[bytes | None], kept: bytes) -> int | None:
    """The place of the first line whose digest does not begin as was kept of it."""
    width = chain.LINE_BYTES
    for place, digest in enumerate(found):
        if digest is None or digest[:width] != kept[place * width : (place + 1) * width]:
            return place
    return None


def _dates(tx: Transaction, dkey: int, covered: _Covered) -> Iterator[str]:
    """The lots and holds of a shard against what was last sealed of them."""
    sealed = dict(covered.dated)
    for kind, customer_id, number, digest in _present(tx, dkey):
        kept = sealed.pop((customer_id, kind, number), None)
        name = f"{_KINDS[kind]} {number} of account {dkey}/{customer_id}"
        if digest is not None and kept is None:
            yield f"{name} is marked as sealed and never was"
        elif digest is not None and kept != digest:
            yield f"{name} is not what was sealed"
    for customer_id, kind, number in sealed:
        name = f"{_KINDS.get(kind, str(kind))} {number} of account {dkey}/{customer_id}"
        yield f"{name} is gone, and was sealed"


def _present(tx: Transaction, dkey: int) -> Iterator[tuple[bytes, int, int, bytes | None]]:
    """Each lot and hold of a shard: kind, customer, number and digest; None for the digest of what
    waits to be sealed anew, or of a damaged row, which the audit of its account names."""
    for row in tx.walk(_LOTS, dkey=dkey):
        try:
            yield LOT, row[1], row[2], chain.of_lot(lot_from(row)) if row[-1] else None
        except Damaged:
            yield LOT, row[1], row[2], None
    for row in tx.walk(_HOLDS, dkey=dkey):
        try:
            yield HOLD, row[1], row[2], chain.of_hold(hold_from(row)) if row[-1] else None
        except Damaged:
            yield HOLD, row[1], row[2], None


def _heads(tx: Transaction, store_id: int, proof: Proof, key: bytes | None) -> Iterator[str]:
    """The heads of a store: their order, their signatures, and the last one against the shards."""
    before, lines, number = chain.START, 0, 0
    ends = leaves(tx, store_id)
    head: Head | None = None
    for head in tx.all(_HEADS, Head, store_id=store_id):
        number += 1
        name = f"head {head.number} of store {store_id}"
        if head.number != number:
            yield f"head {number} of store {store_id} is gone"
            number = head.number
        elif not is_signed(head.public_key, head.signature, chain.signed_part(head, before)):
            yield f"{name} is not what was signed"
        if key is not None and head.public_key != key:
            yield f"{name} is signed by another key, {head.public_key.hex()}"
        if head.lines < lines:
            yield f"{name} covers fewer transfers than the one before it"
        before, lines = head.root, head.lines
    if head is None:
        if ends:
            yield f"the shards of store {store_id} are sealed, and it has no head"
        return
    proof.root = head.root.hex()
    if chain.root(ends) != head.root:
        yield f"the shards of store {store_id} do not come to its head {head.number}"
    if head.lines != proof.sealed:
        yield (
            f"head {head.number} of store {store_id} covers {head.lines} transfers, its shards"
            f" {proof.sealed}"
        )
