"""Accounts: a customer's points in a store, as one row of running sums.

The row is nothing but the fold of the account's transfers, with the version (their number), the
last instant at which the books learned something, the next instant at which time alone changes it,
and the number of its last event. Source: design, ledger, sections 1-3.
"""

from typing import Final

import msgspec

from nuqta.ledger.instants import NEVER, Instant, Points
from nuqta.ledger.transfers import PLACES, AccountKey

BUCKETS: Final = 64
"""Buckets a store's customers are spread over, fixed for ever. Source: design, storage."""


def dkey_of(store_id: int, customer_id: int) -> int:
    """The distribution key of a customer's rows: store_id * 64 + customer_id mod 64."""
    return store_id * BUCKETS + customer_id % BUCKETS


def store_of(dkey: int) -> int:
    """The store that a distribution key belongs to."""
    return dkey // BUCKETS


class Account(msgspec.Struct, frozen=True, gc=False):
    """The running sums of one account, all whole points >= 0, and where it stands in time."""

    dkey: int
    customer_id: int
    version: int
    recorded_at: Instant
    next_change_at: Instant
    lots: int
    pending: Points
    available: Points
    held: Points
    owed: Points
    issued: Points
    redeemed: Points
    expired: Points
    cancelled: Points
    adjusted_in: Points
    adjusted_out: Points
    forgiven: Points
    events: int = 0

    @property
    def key(self) -> AccountKey:
        """(dkey, customer id)."""
        return (self.dkey, self.customer_id)

    @property
    def used(self) -> Points:
        """Points redeemed over the customer's life, less those given back."""
        return self.redeemed

    @property
    def total_positive(self) -> Points:
        """Everything earned or added, less cancelled earnings; pending points included."""
        return self.issued + self.adjusted_in - self.cancelled

    def sums(self) -> dict[str, Points]:
        """The running sum of every place."""
        return {place: getattr(self, place) for place in PLACES}


def opened(dkey: int, customer_id: int) -> Account:
    """The account of a customer who has never had a point."""
    return Account(dkey, customer_id, 0, 0, NEVER, 0, *([0] * len(PLACES)))
