"""Orders as a person looks at them: what is known of each, and what it came to in points."""

from collections import defaultdict
from typing import Final

import msgspec

from nuqta.engine.orders import OrderRow, events_of, find
from nuqta.ledger.account import dkey_of
from nuqta.ledger.instants import Instant, Points
from nuqta.ledger.transfers import Transfer
from nuqta.loyalty.money import Minor
from nuqta.loyalty.orders import OrderEvent, Standing, decoded, standing, worth
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_OF_ORDER = statement("points.transfers_of_order")
_OF_CUSTOMER = statement("orders.of_customer")
_EVENTS_OF_CUSTOMER = statement("orders.events_of_customer")
_OF_STORE = statement("orders.of_store")
_COUNT_OF_CUSTOMER = statement("orders.count_of_customer")
_COUNT_OF_STORE = statement("orders.count_of_store")

SUMMED_MAX: Final = 1_000
"""So many of a customer's orders are added up, the latest told of: a till may sell everything to
one customer, and a list shows a hundred customers."""


class SeenOrder(msgspec.Struct, frozen=True):
    """An order as it stands, what is decided of it, and its points: earned in all, of these kept;
    redeemed for it in all, of these given back."""

    order: OrderRow
    stands: Standing
    earned: Points
    kept: Points
    redeemed: Points
    returned: Points


class Bought(msgspec.Struct, frozen=True):
    """A customer's orders together: how many there are; and of the SUMMED_MAX latest, how many were
    placed and not undone, what these cost in minor units, and when the last of all was placed."""

    orders: int
    paid_orders: int
    paid: Minor
    last_placed_at: Instant | None


def order_of(tx: Transaction, store_id: int, order_key: str) -> SeenOrder | None:
    """The order of that number; None for one that the store never told of."""
    row = find(tx, store_id, order_key)
    return None if row is None else _seen(tx, row)


def orders_of_customer(
    tx: Transaction, store_id: int, customer_id: int, most: int, skip: int = 0
) -> list[SeenOrder]:
    """A customer's orders, the latest told of first."""
    found = tx.all(
        _OF_CUSTOMER, OrderRow, dkey=dkey_of(store_id, customer_id), customer_id=customer_id,
        limit=most, offset=skip,
    )  # fmt: skip
    return [_seen(tx, row) for row in found]


def orders_of_store(tx: Transaction, store_id: int, most: int, skip: int) -> list[SeenOrder]:
    """A store's orders, the latest told of first."""
    found = tx.all(_OF_STORE, OrderRow, store_id=store_id, limit=most, offset=skip)
    return [_seen(tx, row) for row in found]


def bought(tx: Transaction, store_id: int, customer_id: int) -> Bought:
    """What a customer's orders come to. One statement and a count, however many there are."""
    told: dict[str, list[OrderEvent]] = defaultdict(list)
    for order_key, facts in tx.rows(
        _EVENTS_OF_CUSTOMER, dkey=dkey_of(store_id, customer_id), customer_id=customer_id,
        limit=SUMMED_MAX,
    ):  # fmt: skip
        told[order_key].append(decoded(facts))
    placed = [stands for events in told.values() if (stands := standing(events)).is_placed]
    costs = [worth(stands) for stands in placed if not stands.is_undone]
    return Bought(
        count_of_customer(tx, store_id, customer_id), len(costs), sum(costs),
        max((stands.placed_at for stands in placed), default=None),
    )  # fmt: skip


def count_of_customer(tx: Transaction, store_id: int, customer_id: int) -> int:
    """How many orders a customer has."""
    dkey = dkey_of(store_id, customer_id)
    return int(tx.rows(_COUNT_OF_CUSTOMER, dkey=dkey, customer_id=customer_id)[0][0])


def count_of_store(tx: Transaction, store_id: int) -> int:
    """How many orders a store has."""
    return int(tx.rows(_COUNT_OF_STORE, store_id=store_id)[0][0])


def _seen(tx: Transaction, row: OrderRow) -> SeenOrder:
    lines = tx.all(
        _OF_ORDER, Transfer, dkey=row.dkey, customer_id=row.customer_id, order_key=row.order_key
    )
    earned = _sum(lines, "source", "issued")
    cancelled = _sum(lines, "target", "cancelled") - _sum(lines, "source", "cancelled")
    stands = standing(decoded(one.facts) for one in events_of(tx, row))
    return SeenOrder(
        row, stands, earned, earned - cancelled, _sum(lines, "target", "redeemed"),
        _sum(lines, "source", "redeemed"),
    )  # fmt: skip


def _sum(lines: list[Transfer], end: str, place: str) -> Points:
    return sum(line.points for line in lines if getattr(line, end) == place)
