"""What needs a person: orders whose books are not as they should be, and orders that were refused.

A refused order is kept as it came, outside the books, until somebody has looked after it.
Source: issue text of the life of a point; design, ledger, section 5.
"""

from hashlib import blake2b

import msgspec

from nuqta.engine.orders import OrderRow
from nuqta.ledger.account import BUCKETS
from nuqta.ledger.instants import Instant
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_IN_NEED = statement("orders.in_need")
_ATTEND = statement("orders.attend")
_COUNT_REFUSED = statement("orders.count_refused")
_KEEP_REFUSED = statement("orders.keep_refused")
_REFUSED = statement("orders.refused")
_BY_DIGEST = statement("orders.refused_by_digest")
_WAITING = statement("orders.waiting")
_ATTEND_REFUSED = statement("orders.attend_refused")


def in_need(tx: Transaction, store_id: int, most: int) -> list[OrderRow]:
    """The orders of a store that need a person, the latest first."""
    return tx.all(
        _IN_NEED, OrderRow,
        dkey_from=store_id * BUCKETS, dkey_until=(store_id + 1) * BUCKETS, limit=most,
    )  # fmt: skip


def attend(tx: Transaction, order: OrderRow, by: str) -> bool:
    """A person has looked after an order; whether it needed that."""
    return bool(
        tx.run(
            _ATTEND,
            dkey=order.dkey,
            customer_id=order.customer_id,
            order_key=order.order_key,
            by=by,
        )
    )


class RefusedOrder(msgspec.Struct, frozen=True):
    """What came as an order and could not be taken in, as it came; `times` it came, and the code
    and fields of the last refusal. `source` is `zid`, or `plain:` and the number in the path. It
    stands outside the books and may hold personal data."""

    dkey: int
    digest: bytes
    source: str
    code: str
    fields: str
    body: bytes
    times: int
    first_at: Instant
    last_at: Instant
    attended_by: str


def keep_refused(
    tx: Transaction, store_id: int, source: str, code: str, fields: str, body: bytes, most: int,
    now: Instant, *, without_body: bool = False,
) -> bool:  # fmt: skip
    """Keep what could not be taken in, for a person to look at; the same again is only counted.
    `without_body` keeps only that it came: it tells of a person who was erased.

    Where `most` others wait already, nothing is kept and the caller must say so to its shop, which
    sends it again: whether it was kept.
    """
    digest = blake2b(source.encode() + b"\x00" + body, digest_size=16).digest()
    dkey = store_id * BUCKETS + digest[0] % BUCKETS
    if tx.row(_WAITING, dkey=dkey, digest=digest) is None:
        bounds = {"dkey_from": store_id * BUCKETS, "dkey_until": (store_id + 1) * BUCKETS}
        (count,) = tx.rows(_COUNT_REFUSED, **bounds)[0]
        if count >= most:
            return False
    tx.run(
        _KEEP_REFUSED, dkey=dkey, digest=digest, source=source, code=code, fields=fields,
        body=b"" if without_body else body, now=now,
    )  # fmt: skip
    return True


def refused(tx: Transaction, store_id: int, most: int) -> list[RefusedOrder]:
    """The refused orders of a store that nobody has looked after, the latest first."""
    return tx.all(
        _REFUSED, RefusedOrder,
        dkey_from=store_id * BUCKETS, dkey_until=(store_id + 1) * BUCKETS, limit=most,
    )  # fmt: skip


def find_refused(tx: Transaction, store_id: int, digest: bytes) -> RefusedOrder | None:
    """A refused order of a store, also one that a person has looked after; None where there is none
    such."""
    dkey = store_id * BUCKETS + digest[0] % BUCKETS
    return tx.one(_BY_DIGEST, RefusedOrder, dkey=dkey, digest=digest)


def attend_refused(tx: Transaction, store_id: int, digest: bytes, by: str) -> bool:
    """A person has looked after a refused order; whether there was one."""
    dkey = store_id * BUCKETS + digest[0] % BUCKETS
    return bool(tx.run(_ATTEND_REFUSED, dkey=dkey, digest=digest, by=by))
