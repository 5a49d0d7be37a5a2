"""Customers as a merchant looks through them, each with the points of this instant."""

import contextlib

import msgspec

from nuqta.engine.customers import find_by, find_ever
from nuqta.engine.engine import Engine
from nuqta.engine.reading.orders import Bought, bought
from nuqta.ledger.account import Account
from nuqta.ledger.history import at
from nuqta.ledger.instants import Instant
from nuqta.loyalty.customers import Customer, canonical_email, canonical_mobile, checked_id
from nuqta.storage import books
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_PAGE = statement("customers.page")
_COUNT = statement("customers.count")


class SeenCustomer(msgspec.Struct, frozen=True):
    """A customer with the account of an instant, and what the orders come to."""

    customer: Customer
    account: Account
    bought: Bought


def customer_of(
    tx: Transaction, store_id: int, customer_id: int, clock: Instant
) -> SeenCustomer | None:
    """One customer at `clock`; None for one that the store does not have."""
    customer = find_ever(tx, store_id, customer_id)
    return None if customer is None else _seen(tx, store_id, customer, clock)


def page_of(
    engine: Engine, store_id: int, most: int, skip: int, search: str = ""
) -> tuple[list[SeenCustomer], int]:
    """A page of a store's customers, the newest first, and how many there are in all.

    `search` finds whoever has that id, e-mail address or mobile number. All are counted: ask from a
    thread that may take its time.
    """
    clock = engine.clock.now()
    with engine.vault.snapshot() as tx:
        if search:
            found = _searched(tx, store_id, search)
            count, page = len(found), found[skip : skip + most]
        else:
            count = int(tx.rows(_COUNT, store_id=store_id)[0][0])
            page = tx.all(_PAGE, Customer, store_id=store_id, limit=most, offset=skip)
        return [_seen(tx, store_id, one, clock) for one in page], count


def _searched(tx: Transaction, store_id: int, text: str) -> list[Customer]:
    names: set[int] = set()
    for kind, canonical in (("email", canonical_email), ("mobile", canonical_mobile)):
        try:
            known = find_by(tx, store_id, kind, canonical(text))
        except ValueError:
            continue
        names |= set() if known is None else {known}
    with contextlib.suppress(ValueError):
        names.add(checked_id(text.strip()))
    found = [find_ever(tx, store_id, one) for one in sorted(names)]
    return [one for one in found if one is not None]


def _seen(tx: Transaction, store_id: int, customer: Customer, clock: Instant) -> SeenCustomer:
    account = books.account(tx, (customer.dkey, customer.customer_id))
    if account is None:
        raise LookupError(f"customer {customer.customer_id} has no account")
    if max(clock, account.recorded_at) >= account.next_change_at:
        account = at(account, *books.open_lots(tx, account), clock)
    return SeenCustomer(customer, account, bought(tx, store_id, customer.customer_id))
