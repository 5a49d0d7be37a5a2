"""What is hashed, and how: canonical bytes, the chain of a shard, the tree of a store. Pure.

Every field is written as its length in four bytes, then itself: numbers in decimal digits, texts
in UTF-8. So no two rows have the same bytes, and whoever knows this page can compute every digest
again in another language. A seal covers some following transfers of one account, and the dates of
the lots and holds that were new or changed then; its digest covers the one before it in its shard.
A head covers the last seals of all shards of a store. All digests are SHA-256. The words beside a
transfer and whatever else is of a person are not hashed: a person can be erased.
"""

import struct
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

import msgspec
from msgspec.structs import astuple

from nuqta.ledger.holds import Hold
from nuqta.ledger.instants import Instant
from nuqta.ledger.lots import Lot
from nuqta.ledger.transfers import Transfer
from nuqta.loyalty.dates import format_instant

START: Final = bytes(32)
"""Stands before a shard's first seal and a store's first head."""
LINE_BYTES: Final = 8
"""Of each transfer's digest so much is kept, so that an audit can name the one that differs."""
LOT: Final = b"l"
HOLD: Final = b"h"
_LENGTH = struct.Struct(">I")
_DATED = struct.Struct(">cq32s")


class Seal(msgspec.Struct, frozen=True):
    """One link of a shard's chain: transfers `version_from` ... `version_until` of one account
    (none where the first is greater), and what was dated. `number` counts from 1 in its shard."""

    dkey: int
    number: int
    customer_id: int
    version_from: int
    version_until: int
    lines: bytes
    dates: bytes
    sealed_at: Instant
    digest: bytes


class Head(msgspec.Struct, frozen=True):
    """What a store's shards had come to: `lines` transfers sealed in all, the tree's `root`, and
    who signed it. `number` counts from 1 in its store."""

    store_id: int
    number: int
    root: bytes
    lines: int
    sealed_at: Instant
    public_key: bytes
    signature: bytes


def written(instant: Instant) -> str:
    """An instant as people write it; one past the calendar's end as its microseconds."""
    try:
        return format_instant(instant)
    except OverflowError:
        return str(instant)


def canonical(*fields: object) -> bytes:
    """Each field as its length and its bytes."""
    parts = [one if isinstance(one, bytes) else str(one).encode() for one in fields]
    return b"".join([_LENGTH.pack(len(part)) + part for part in parts])


def of_transfer(line: Transfer) -> bytes:
    """The digest of a line of the books: all its fields, in the order of the table."""
    return sha256(canonical("transfer", *astuple(line))).digest()


def of_lot(lot: Lot) -> bytes:
    """The digest of what transfers do not tell of a lot."""
    return sha256(
        canonical(
            "lot", lot.dkey, lot.customer_id, lot.lot, lot.granted_at, lot.matures_at,
            lot.expires_at, lot.order_key, lot.rule_id, lot.rule_revision, lot.revives,
        )
    ).digest()  # fmt: skip


def of_hold(hold: Hold) -> bytes:
    """The digest of what transfers do not tell of a hold."""
    return sha256(
        canonical(
            "hold", hold.dkey, hold.customer_id, hold.hold, hold.cart, hold.method_id,
            hold.discount, hold.currency, hold.reserved_at, hold.lapses_at, hold.ending,
            hold.order_key,
        )
    ).digest()  # fmt: skip


def dated(lots: Iterable[Lot], holds: Iterable[Hold]) -> bytes:
    """What a seal keeps of lots and holds: kind, number and digest of each."""
    return b"".join(
        [
            *[_DATED.pack(LOT, lot.lot, of_lot(lot)) for lot in lots],
            *[_DATED.pack(HOLD, hold.hold, of_hold(hold)) for hold in holds],
        ]
    )


def read_dates(dates: bytes) -> list[tuple[bytes, int, bytes]]:
    """The kinds, numbers and digests in a seal's `dates`. Raises ValueError where it is none."""
    try:
        return list(_DATED.iter_unpack(dates))
    except struct.error as error:
        raise ValueError("its dates cannot be read") from error


def link(before: bytes, seal: Seal, digests: Sequence[bytes]) -> bytes:
    """The digest of a seal after `before`; `digests` are those of its transfers."""
    return sha256(
        canonical(
            "seal", before, seal.dkey, seal.number, seal.customer_id, seal.version_from,
            seal.version_until, b"".join(digests), seal.dates, seal.sealed_at,
        )
    ).digest()  # fmt: skip


def root(leaves: Sequence[tuple[int, int, bytes]]) -> bytes:
    """The root of a store's tree over the last seals of its shards: dkey, number and digest of
    each, by dkey. A node without a neighbour goes up as it is."""
    level = [sha256(canonical("leaf", *leaf)).digest() for leaf in leaves] or [START]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        joined = [sha256(canonical("node", left, right)).digest() for left, right in pairs]
        level = joined + level[len(joined) * 2 :]
    return level[0]


def signed_part(head: Head, before: bytes) -> bytes:
    """What a head's signature covers; `before` is the root of the head before it."""
    return canonical(
        "head", before, head.store_id, head.number, head.root, head.lines, head.sealed_at,
        head.public_key,
    )  # fmt: skip
