"""Everything that is kept of a person, in one document, as whoever asks for it has a right to it.

No secret is in it: a session is told by when it was opened and used, never by what opens it.
Instants are ISO 8601 in UTC, null for none and for never; points are whole, amounts in minor units.
"""

from typing import Any, Final

import msgspec

from nuqta.engine import customers, orders
from nuqta.engine.engine import Engine
from nuqta.engine.keeping.erase import is_of, traces
from nuqta.engine.orders import OrderRow
from nuqta.ledger.account import dkey_of
from nuqta.ledger.events import Event
from nuqta.ledger.history import at, balance_of
from nuqta.ledger.instants import NEVER
from nuqta.loyalty.customers import Customer, tags_of
from nuqta.loyalty.dates import format_instant
from nuqta.loyalty.orders import decoded
from nuqta.storage import books
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_NOTES = statement("points.notes")
_ORDERS = statement("orders.every_of_customer")
_EVENTS = statement("events.of_customer")
_SESSIONS = statement("sessions.of_customer")
_REPLIES = statement("replies.of_customer")
_REFUSED_BODY = statement("orders.refused_body")

FORMAT: Final = "nuqta.customer/1"
_LEFT_OUT: Final = {"dkey", "customer_id", "digest"}
"""What says how a row is found, and nothing of the person."""
_INSTANTS: Final = ("_at", "_at_latest", "instant")


class Session(msgspec.Struct, frozen=True):
    """A session, without what opens it."""

    opened_by: str
    created_at: int
    used_at: int
    ends_at: int
    ends_at_latest: int


class Answered(msgspec.Struct, frozen=True):
    """An answer that is kept for the repetition of one of the customer's own calls."""

    origin: str
    status: int
    recorded_at: int


def export(engine: Engine, store_id: int, customer_id: int) -> dict[str, Any] | None:
    """The document of a customer at this instant; None where the store has no such customer.

    It reads the whole account and the store's refused orders: ask from a thread that may take its
    time. Raises StorageFault.
    """
    clock = engine.clock.now()
    key = (dkey_of(store_id, customer_id), customer_id)
    with engine.vault.snapshot() as tx:
        customer = customers.find_ever(tx, store_id, customer_id)
        account = books.account(tx, key)
        if customer is None or account is None:
            return None
        if max(clock, account.recorded_at) >= account.next_change_at:
            account = at(account, *books.open_lots(tx, account), clock)
        return {
            "format": FORMAT,
            "told_at": format_instant(clock),
            "store_id": store_id,
            "customer": _profile(customer),
            "points": msgspec.structs.asdict(balance_of(account)),
            **_of_books(tx, customer),
            "orders": [_order(tx, row) for row in tx.all(_ORDERS, OrderRow, **_named(customer))],
            "orders_refused": _refused(tx, store_id, customer_id),
            "sessions": [_told(one) for one in tx.all(_SESSIONS, Session, **_named(customer))],
            "answers_kept": [_told(one) for one in tx.all(_REPLIES, Answered, **_named(customer))],
        }


def _named(customer: Customer) -> dict[str, int]:
    return {"dkey": customer.dkey, "customer_id": customer.customer_id}


def _profile(customer: Customer) -> dict[str, Any]:
    return {
        "id": customer.customer_id,
        "name": customer.name,
        "email": customer.email or None,
        "mobile": customer.mobile or None,
        "tags": sorted(tags_of(customer)),
        "level": customer.level or None,
        "created_at": format_instant(customer.created_at),
        "erased_at": _instant(customer.erased_at),
    }


def _of_books(tx: Transaction, customer: Customer) -> dict[str, Any]:
    """What the account's books say, line by line, with the words beside them."""
    key = (customer.dkey, customer.customer_id)
    notes = dict(tx.rows(_NOTES, **_named(customer)))
    return {
        "history": [
            {**_told(line), "reason": notes.get(line.version) or None}
            for line in books.transfers(tx, key)
        ],
        "lots": [_told(lot) for lot in books.all_lots(tx, key)],
        "holds": [_told(hold) for hold in books.all_holds(tx, key)],
        "receipts": [_told(receipt) for receipt in books.receipts(tx, key)],
        "events": [_told(event) for event in tx.all(_EVENTS, Event, **_named(customer))],
    }


def _order(tx: Transaction, row: OrderRow) -> dict[str, Any]:
    told = [
        {**_told(decoded(one.facts)), "received_at": format_instant(one.received_at)}
        for one in orders.events_of(tx, row)
    ]
    return {**_told(row), "told": told}


def _refused(tx: Transaction, store_id: int, customer_id: int) -> list[str]:
    """What came as orders of the person and was refused, as it came."""
    found = []
    for dkey, digest in sorted(traces(tx, store_id, customer_id).found):
        ((body,),) = tx.rows(_REFUSED_BODY, dkey=dkey, digest=digest)
        if is_of(body, customer_id):
            found.append(body.decode("utf-8", "replace"))
    return found


def _told(record: msgspec.Struct) -> dict[str, Any]:
    """A record of ours as it leaves, its instants as texts."""
    fields = msgspec.to_builtins(record)
    return {
        name: _instant(value) if name.endswith(_INSTANTS) else value
        for name, value in fields.items()
        if name not in _LEFT_OUT
    }


def _instant(value: int | None) -> str | None:
    return format_instant(value) if value and value < NEVER else None
