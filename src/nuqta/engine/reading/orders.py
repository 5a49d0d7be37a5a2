"""Orders as a person looks at them: what is known of each, and what it came to in points."""

import msgspec

from nuqta.engine.orders import OrderRow, events_of, find
from nuqta.ledger.account import BUCKETS, dkey_of
from nuqta.ledger.instants import Points
from nuqta.ledger.transfers import Transfer
from nuqta.loyalty.orders import Standing, decoded, standing
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_OF_ORDER = statement("points.transfers_of_order")
_OF_CUSTOMER = statement("orders.of_customer")
_OF_STORE = statement("orders.of_store")
_COUNT_OF_CUSTOMER = statement("orders.count_of_customer")
_COUNT_OF_STORE = statement("orders.count_of_store")


class SeenOrder(msgspec.Struct, frozen=True):
    """An order as it stands, what is decided of it, and its points: earned in all, of these kept;
    redeemed for it in all, of these given back."""

    order: OrderRow
    stands: Standing
    earned: Points
    kept: Points
    redeemed: Points
    returned: Points


def order_of(tx: Transaction, store_id: int, order_key: str) -> SeenOrder | None:
    """The order of that number; None for one that the store never told of."""
    row = find(tx, store_id, order_key)
    return None if row is None else _seen(tx, row)


def orders_of_customer(
    tx: Transaction, store_id: int, customer_id: int, most: int, skip: int = 0
) -> list[SeenOrder]:
    """A customer's orders, the latest first."""
    found = tx.all(
        _OF_CUSTOMER, OrderRow, dkey=dkey_of(store_id, customer_id), customer_id=customer_id,
        limit=most, offset=skip,
    )  # fmt: skip
    return [_seen(tx, row) for row in found]


def orders_of_store(tx: Transaction, store_id: int, most: int, skip: int) -> list[SeenOrder]:
    """A store's orders, the latest first."""
    found = tx.all(_OF_STORE, OrderRow, **_bounds(store_id), limit=most, offset=skip)
    return [_seen(tx, row) for row in found]


def count_of_customer(tx: Transaction, store_id: int, customer_id: int) -> int:
    """How many orders a customer has."""
    dkey = dkey_of(store_id, customer_id)
    return int(tx.rows(_COUNT_OF_CUSTOMER, dkey=dkey, customer_id=customer_id)[0][0])


def count_of_store(tx: Transaction, store_id: int) -> int:
    """How many orders a store has."""
    return int(tx.rows(_COUNT_OF_STORE, **_bounds(store_id))[0][0])


def _bounds(store_id: int) -> dict[str, int]:
    return {"dkey_from": store_id * BUCKETS, "dkey_until": (store_id + 1) * BUCKETS}


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
