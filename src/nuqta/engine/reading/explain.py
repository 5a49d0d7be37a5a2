"""Why: what stands behind each transfer of an account, gathered from where it is kept.

A transfer carries ids only. Here they become what a person asks for: the order as it was told then
and its lines, the rule and its revision, the lot and its dates, the cart, what was undone, the
reason that was given and who acted. Source: issue text of the life of a point.
"""

from collections.abc import Sequence

import msgspec

from nuqta.engine.engine import Engine
from nuqta.engine.orders import KnownEvent, OrderRow, events_of, find
from nuqta.engine.stores import program_at
from nuqta.ledger.account import dkey_of
from nuqta.ledger.holds import Hold
from nuqta.ledger.instants import Points
from nuqta.ledger.lots import Lot
from nuqta.ledger.transfers import NO_HOLD, NO_LOT, AccountKey, Transfer
from nuqta.loyalty.cashback import Rule
from nuqta.loyalty.money import Minor
from nuqta.loyalty.orders import Standing, decoded, earning_base, standing
from nuqta.loyalty.program import Program
from nuqta.storage import books
from nuqta.storage.rows import hold_from, lot_from
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_LATEST = statement("points.latest_transfers")
_OF_ORDER = statement("points.transfers_of_order")
_LOT = statement("points.lot")
_HOLD = statement("holds.by_number")
_RULE_AT = statement("cashback.at_revision")
_NOTE = statement("points.note")
_RECEIPT = statement("points.receipt")
_PARTNER = statement("partners.by_id")
_VERSION_MAX = 2**63 - 1


class Counted(msgspec.Struct, frozen=True):
    """How an order came to its points: `base` minor units (rounded half up) counted, by `program`,
    and come to `points` if nothing is returned."""

    base: Minor
    points: Points
    program: Program


class Explained(msgspec.Struct, frozen=True):
    """One transfer and what stands behind it; what does not apply is None or "".

    `order` is the order that caused the transfer, as it stood by what had been told when it was
    booked, or the one that earned its lot, as it stands now; `decided` is what was decided of it.
    `told` is the event by which it was booked. `rule` is the revision by which the lot was earned,
    and `counted` what it was applied to, for what an order earned; `is_more` says that the order
    had earned before. `undone` is the transfer that this one takes back, `reason` what a person
    gave as one, `partner` the name of the partner that acted or told.
    """

    transfer: Transfer
    lot: Lot | None
    hold: Hold | None
    rule: Rule | None
    order_key: str
    order: Standing | None
    decided: OrderRow | None
    told: KnownEvent | None
    counted: Counted | None
    is_more: bool
    undone: Transfer | None
    reason: str
    partner: str


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
        self._orders: dict[str, tuple[OrderRow, list[KnownEvent]] | None] = {}
        self._rules: dict[tuple[str, int], Rule | None] = {}
        self._partners: dict[str, str] = {}

    def latest(self, version: int | None, most: int) -> list[Transfer]:
        return self._tx.all(
            _LATEST, Transfer, **self._named,
            version=_VERSION_MAX if version is None else version, limit=most,
        )  # fmt: skip

    def explained(self, line: Transfer) -> Explained:
        lot = self._lot(line.lot) if line.lot != NO_LOT else None
        rule = self._rule(lot)
        order_key = line.order_key or (lot.order_key if lot else "")
        decided, events = self._order(order_key) or (None, [])
        told = _told(line, events)
        known = events if told is None else events[: events.index(told) + 1]
        stands = _standing(known)
        is_earned = line.move == "earn" and decided is not None and stands is not None
        return Explained(
            transfer=line,
            lot=lot,
            hold=self._hold(line.hold) if line.hold != NO_HOLD else self._hold_of(line, decided),
            rule=rule,
            order_key=order_key,
            order=stands,
            decided=decided,
            told=told,
            counted=self._counted(decided, stands, rule) if is_earned else None,
            is_more=line.move == "earn" and self._has_earned_before(line),
            undone=self.latest(line.undoes, 1)[0] if line.undoes else None,
            reason=self._reason(line),
            partner=self._partner(line.origin if told is None else told.origin),
        )

    def _lot(self, number: int) -> Lot:
        return lot_from(self._tx.rows(_LOT, **self._named, lot=number)[0])

    def _hold(self, number: int) -> Hold:
        return hold_from(self._tx.rows(_HOLD, **self._named, hold=number)[0])

    def _hold_of(self, line: Transfer, decided: OrderRow | None) -> Hold | None:
        """Points that an order took from what there was had been set aside by its cart."""
        is_paid = line.target == "redeemed" and line.order_key != ""
        if decided is None or not is_paid or decided.hold == NO_HOLD:
            return None
        return self._hold(decided.hold)

    def _rule(self, lot: Lot | None) -> Rule | None:
        if lot is None or not lot.rule_revision:
            return None
        named = (lot.rule_id, lot.rule_revision)
        if named not in self._rules:
            self._rules[named] = self._tx.one(
                _RULE_AT, Rule, store_id=self._store_id, rule_id=named[0], revision=named[1]
            )
        return self._rules[named]

    def _order(self, order_key: str) -> tuple[OrderRow, list[KnownEvent]] | None:
        if order_key and order_key not in self._orders:
            order = find(self._tx, self._store_id, order_key)
            self._orders[order_key] = None if order is None else (order, events_of(self._tx, order))
        return self._orders.get(order_key)

    def _counted(
        self, decided: OrderRow | None, stands: Standing | None, rule: Rule | None
    ) -> Counted | None:
        if decided is None or stands is None or rule is None or not decided.program_revision:
            return None
        program = program_at(self._tx, self._store_id, decided.program_revision)
        base, parts = earning_base(stands, program, decided.discount)
        return Counted(
            (2 * base + parts) // (2 * parts), rule.points_for(base, parts), program
        )  # fmt: skip

    def _has_earned_before(self, line: Transfer) -> bool:
        earlier = self._tx.all(_OF_ORDER, Transfer, **self._named, order_key=line.order_key)
        return any(one.move == "earn" and one.version < line.version for one in earlier)

    def _reason(self, line: Transfer) -> str:
        """The words beside the command of the transfer: they stand at the last one it booked."""
        receipt = self._tx.row(_RECEIPT, **self._named, origin=line.origin, key=line.key)
        version = line.version if receipt is None else receipt[6]
        note = self._tx.row(_NOTE, **self._named, version=version)
        return note[0] if note else ""

    def _partner(self, origin: str) -> str:
        kind, _, number = origin.partition(":")
        if kind != "partner" or not number.isdecimal():
            return ""
        if origin not in self._partners:
            row = self._tx.row(_PARTNER, partner_id=int(number))
            self._partners[origin] = row[1] if row else ""
        return self._partners[origin]


def _told(line: Transfer, events: Sequence[KnownEvent]) -> KnownEvent | None:
    """The event by which a transfer was booked: an order's commands are numbered by how many
    events were known."""
    count = line.key.rpartition(":")[2] if line.order_key else ""
    if not count.isdecimal() or not 1 <= int(count) <= len(events):
        return None
    return events[int(count) - 1]


def _standing(events: Sequence[KnownEvent]) -> Standing | None:
    return standing(decoded(one.facts) for one in events) if events else None
