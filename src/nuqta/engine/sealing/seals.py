"""The sealer: chains what was booked since, signs what each store has come to, tells the file.

It runs beside the answers, in batches of accounts, each in one transaction of the door: the seals
of the batch, the heads of its stores, and the marks on the rows that need no more sealing. What is
booked while it works is simply sealed next time. Twice is once.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, TypeAlias

import msgspec

from nuqta.engine.engine import Engine, database_path
from nuqta.engine.sealing import chain
from nuqta.engine.sealing.chain import Head, Seal
from nuqta.engine.sealing.heads import (
    Line,
    behind,
    has_heads,
    heads_file,
    read_heads,
    strangers,
    tell,
)
from nuqta.engine.sealing.keys import Signer, make_seal_key, read_signer
from nuqta.ledger.account import BUCKETS, store_of
from nuqta.ledger.instants import Instant
from nuqta.ledger.transfers import AccountKey, Transfer
from nuqta.storage.faults import Damaged
from nuqta.storage.rows import hold_from, lot_from
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_log = logging.getLogger("nuqta.seal")
_UNSEALED = statement("seals.unsealed")
_TRANSFERS = statement("seals.transfers_between")
_LOTS = statement("seals.unsealed_lots")
_HOLDS = statement("seals.unsealed_holds")
_SEAL_LOT = statement("seals.seal_lot")
_SEAL_HOLD = statement("seals.seal_hold")
_SEAL_ACCOUNT = statement("seals.seal_account")
_LAST = statement("seals.last")
_ADD = statement("seals.add")
_ADD_HEAD = statement("seals.add_head")
_LAST_HEAD = statement("seals.last_head")
_LAST_HEADS = statement("seals.last_heads")
_PART: Final = 1_000
"""Transfers, lots and holds of each kind that one seal covers at most."""
_ACCOUNTS: Final = 200
_LINES: Final = 2_000
"""Accounts and transfers that one transaction seals: nobody waits for the writer for long."""


class Sealed(msgspec.Struct, frozen=True):
    """What a sealing did: accounts that it sealed, transfers sealed, and the heads it signed."""

    accounts: int
    lines: int
    heads: list[Head]


class Sealer:
    """Seals the books of an engine. Made where it is first needed, because it needs the key."""

    def __init__(self, engine: Engine) -> None:
        """Raises CannotStart where there is no key to sign with."""
        path = database_path(engine.settings.db)
        self._engine = engine
        if not engine.settings.seal_key and not has_heads(engine.vault.reader()):
            make_seal_key(path)  # books from before there were seals
        self._signer = read_signer(engine.settings.seal_key, path)
        self.public_key = self._signer.public_key
        self.file = heads_file(engine.settings.heads_file, path)
        self._told: dict[int, Line] | None = None

    def step(self) -> Sealed:
        """Seal one batch, and write its heads outside the database. Raises StorageFault."""
        engine, now = self._engine, self._engine.clock.now()
        is_first = self._told is None
        known = read_heads(self.file) if self._told is None else self._told
        sealed = engine.door.write_now(
            "seal", lambda tx: seal(tx, self._signer, now, known), whatever_the_clock=True
        )
        # The first time, whatever the file lacks.
        heads = engine.vault.reader().all(_LAST_HEADS, Head) if is_first else sealed.heads
        self._told = None  # where the writing fails, the file is read again
        self._told = tell(self.file, heads) if behind(known, heads) else known
        return sealed

    def all(self) -> Sealed:
        """Seal everything that was booked until now. Raises StorageFault."""
        accounts = lines = 0
        heads: dict[int, Head] = {}
        while (done := self.step()).accounts:
            accounts += done.accounts
            lines += done.lines
            heads.update((head.store_id, head) for head in done.heads)
        return Sealed(accounts, lines, list(heads.values()))


_Ends: TypeAlias = dict[int, tuple[int, bytes]]
"""The last seal of each shard of a store that has one: its number and digest."""


class _Wish(msgspec.Struct, frozen=True):
    """What is to be sealed of one account: its transfers after one version and up to another."""

    dkey: int
    customer_id: int
    after: int
    until: int
    version: int

    @property
    def account(self) -> AccountKey:
        return (self.dkey, self.customer_id)


def seal(tx: Transaction, signer: Signer, now: Instant, known: dict[int, Line]) -> Sealed:
    """Seal one batch of accounts of stores whose seals come to their last head, and to the one that
    is `known` outside: else a new head would sign whatever stands there. Raises StorageFault."""
    wishes, ends = _wishes(tx, known)
    lines = _by_account(
        tx.each(_TRANSFERS, [(one.dkey, one.customer_id, one.after, one.until) for one in wishes])
    )
    of_each = [(*one.account, _PART) for one in wishes]
    lots, holds = _by_account(tx.each(_LOTS, of_each)), _by_account(tx.each(_HOLDS, of_each))
    parts: list[Seal] = []
    done: list[tuple[int, int, int, int]] = []
    for dkey, of_shard in groupby(wishes, attrgetter("dkey")):
        number, before = ends[store_of(dkey)].get(dkey, (0, chain.START))
        for one in of_shard:
            rows = lines[one.account], lots[one.account], holds[one.account]
            try:
                part = _part(one, number + 1, before, now, *rows)
            except Damaged as damage:
                _log.error("not sealed: %s", damage)  # it waits for a person; others need not
                continue
            is_whole = one.until == one.version and max(map(len, rows[1:])) < _PART
            done.append((one.until, int(is_whole), *one.account))
            if any(rows):
                parts.append(part)
                number, before = part.number, part.digest
    _record(tx, parts, done)
    by_store = Counter[int]()
    for part in parts:
        ends[store_of(part.dkey)][part.dkey] = part.number, part.digest
        by_store[store_of(part.dkey)] += part.version_until - part.version_from + 1
    heads = [
        _head(tx, signer, store_id, ends[store_id], count, now)
        for store_id, count in by_store.items()
    ]
    return Sealed(len(done), by_store.total(), heads)


def _wishes(tx: Transaction, known: dict[int, Line]) -> tuple[list[_Wish], dict[int, _Ends]]:
    """The first accounts that wait, as many as one transaction should seal; and where the shards of
    their stores have come to."""
    found: list[_Wish] = []
    ends: dict[int, _Ends] = {}
    room, first = _LINES, 0
    while rows := tx.rows(_UNSEALED, dkey_from=first, limit=_ACCOUNTS):
        for store_id, of_store in groupby(rows, lambda row: store_of(row[0])):
            if room <= 0:
                break
            at = leaves(tx, store_id)
            if doubt := _doubt(tx, store_id, at, known):
                _log.error("not sealed: %s", doubt)  # it waits for a person; others need not
                continue
            ends[store_id] = {dkey: (number, digest) for dkey, number, digest in at}
            for dkey, customer_id, version, sealed in of_store:
                if room <= 0:
                    break
                until = min(version, sealed + min(_PART, room))
                found.append(_Wish(dkey, customer_id, sealed, until, version))
                room -= until - sealed
        if found:
            break
        first = (store_of(rows[-1][0]) + 1) * BUCKETS
    return found, ends


def _doubt(
    tx: Transaction, store_id: int, ends: list[tuple[int, int, bytes]], known: dict[int, Line]
) -> str:
    """What was changed of a store's seals since its last head was signed, as a sentence; "" where
    they are as they were left."""
    last = tx.one(_LAST_HEAD, Head, store_id=store_id)
    if last is None and ends:
        return f"the shards of store {store_id} are sealed, and it has no head"
    if last is not None and chain.root(ends) != last.root:
        return f"the shards of store {store_id} do not come to its head {last.number}"
    told = known.get(store_id)
    return "; ".join(strangers(tx, {store_id: told})) if told is not None else ""


def _by_account(rows: Iterable[tuple[Any, ...]]) -> dict[AccountKey, list[tuple[Any, ...]]]:
    found: dict[AccountKey, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        found[row[0], row[1]].append(row)
    return found


def _part(
    wish: _Wish,
    number: int,
    before: bytes,
    now: Instant,
    lines: Iterable[tuple[Any, ...]],
    lots: Iterable[tuple[Any, ...]],
    holds: Iterable[tuple[Any, ...]],
) -> Seal:
    """The seal of one account's part after `before`. Raises Damaged."""
    digests = [chain.of_transfer(Transfer(*row)) for row in lines]
    dates = chain.dated(map(lot_from, lots), map(hold_from, holds))
    part = Seal(
        wish.dkey, number, wish.customer_id, wish.after + 1, wish.until,
        b"".join([digest[: chain.LINE_BYTES] for digest in digests]), dates, now, b"",
    )  # fmt: skip
    return msgspec.structs.replace(part, digest=chain.link(before, part, digests))


def _record(
    tx: Transaction, parts: Iterable[Seal], accounts: Iterable[tuple[int, int, int, int]]
) -> None:
    """Append the seals, and mark what they cover."""
    for kind, mark in ((chain.LOT, _SEAL_LOT), (chain.HOLD, _SEAL_HOLD)):
        tx.many(
            mark,
            [
                (part.dkey, part.customer_id, number)
                for part in parts
                for of, number, _ in chain.read_dates(part.dates)
                if of == kind
            ],
        )
    tx.many(_ADD, [msgspec.structs.astuple(part) for part in parts])
    tx.many(_SEAL_ACCOUNT, accounts)


def _head(
    tx: Transaction, signer: Signer, store_id: int, ends: _Ends, lines: int, now: Instant
) -> Head:
    """Sign what a store's shards have come to."""
    tree = chain.root([(dkey, *end) for dkey, end in sorted(ends.items())])
    last = tx.one(_LAST_HEAD, Head, store_id=store_id)
    head = Head(
        store_id, 1 if last is None else last.number + 1, tree,
        lines + (0 if last is None else last.lines), now, signer.public_key, b"",
    )  # fmt: skip
    before = chain.START if last is None else last.root
    head = msgspec.structs.replace(head, signature=signer.sign(chain.signed_part(head, before)))
    tx.run(_ADD_HEAD, **msgspec.structs.asdict(head))
    return head


def leaves(tx: Transaction, store_id: int) -> list[tuple[int, int, bytes]]:
    """The last seal of each shard of a store that has one: dkey, number, digest."""
    found = []
    for dkey in range(store_id * BUCKETS, (store_id + 1) * BUCKETS):
        last = tx.row(_LAST, dkey=dkey)
        if last is not None:
            found.append((dkey, *last))
    return found
