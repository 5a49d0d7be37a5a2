"""Why: what stands behind each transfer of an account, gathered from where it is kept.

A transfer carries ids only. Here they become what a person asks for: the order and its lines, the
rule and its revision, the lot and its dates, the cart, what was undone, and the reason that was
given. Source: issue text of the life of a point.
"""

import msgspec
from msgspec.structs import replace

from nuqta.engine.engine import Engine
from nuqta.engine.orders import events_of, find
from nuqta.ledger.account import dkey_of
from nuqta.ledger.holds import Hold
from nuqta.ledger.lots import Lot
from nuqta.ledger.transfers import NO_HOLD, NO_LOT, AccountKey, Transfer
from nuqta.loyalty.cashback import Rule
from nuqta.loyalty.orders import OrderEvent, decoded, standing
from nuqta.storage import books
from nuqta.storage.rows import hold_from, lot_from
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_LATEST = statement("points.latest_transfers")
_LOT = statement("points.lot")
_HOLD = statement("holds.by_number")
_RULE_AT = statement("cashback.at_revision")
_NOTE = statement("points.note")
_VERSION_MAX = 2**63 - 1


class Explained(msgspec.Struct, frozen=True):
    """One transfer and what stands behind it; what does not apply is None or "".

    `order` is the order's state by all that was told of it: the one that caused the transfer, or
    that earned its lot. `rule` is the revision by which the lot was earned. `undone` is the
    transfer that this one takes back.
    """

    transfer: Transfer
    lot: Lot | None
    hold: Hold | None
    rule: Rule | None
    order_key: str
    order: OrderEvent | None
    undone: Transfer | None
    reason: str


def explain(
    engine: Engine, store_id: int, customer_id: int, *, version: int | None = None, most: int = 50
) -> list[Explained] | None:
    """The last `most` transfers of a customer up to `version`, the latest first; None where there
    is no such customer. Raises StorageFault."""
    key = (dkey_of(store_id, customer_id), customer_id)
    with engine.vault.snapshot() as tx:
        if books.account(tx, key) is None:
            return None
        found = _Sources(tx, store_id, key)
        return [found.explained(line) for line in found.latest(version, most)]


class _Sources:
    """Reads each lot, hold, rule and order once."""

    def __init__(self, tx: Transaction, store_id: int, key: AccountKey) -> None:
        self._tx = tx
        self._store_id = store_id
        self._named = {"dkey": key[0], "customer_id": key[1]}
        self._orders: dict[str, OrderEvent | None] = {}
        self._rules: dict[tuple[str, int], Rule | None] = {}

    def latest(self, version: int | None, most: int) -> list[Transfer]:
        return self._tx.all(
            _LATEST, Transfer, **self._named,
            version=_VERSION_MAX if version is None else version, limit=most,
        )  # fmt: skip

    def explained(self, line: Transfer) -> Explained:
        lot = self._lot(line.lot) if line.lot != NO_LOT else None
        hold = self._hold(line.hold) if line.hold != NO_HOLD else None
        order_key = line.order_key or (lot.order_key if lot else "")
        note = self._tx.row(_NOTE, **self._named, version=line.version)
        return Explained(
            line, lot, hold, self._rule(lot), order_key, self._order(order_key),
            self.latest(line.undoes, 1)[0] if line.undoes else None, note[0] if note else "",
        )  # fmt: skip

    def _lot(self, number: int) -> Lot:
        return lot_from(self._tx.rows(_LOT, **self._named, lot=number)[0])

    def _hold(self, number: int) -> Hold:
        return hold_from(self._tx.rows(_HOLD, **self._named, hold=number)[0])

    def _rule(self, lot: Lot | None) -> Rule | None:
        if lot is None or not lot.rule_revision:
            return None
        named = (lot.rule_id, lot.rule_revision)
        if named not in self._rules:
            self._rules[named] = self._tx.one(
                _RULE_AT, Rule, store_id=self._store_id, rule_id=named[0], revision=named[1]
            )
        return self._rules[named]

    def _order(self, order_key: str) -> OrderEvent | None:
        if order_key and order_key not in self._orders:
            order = find(self._tx, self._store_id, order_key)
            events = [] if order is None else events_of(self._tx, order)
            self._orders[order_key] = None
            if events:
                of = standing(decoded(one.facts) for one in events)
                self._orders[order_key] = replace(of.event, lines=of.lines)
        return self._orders.get(order_key)
