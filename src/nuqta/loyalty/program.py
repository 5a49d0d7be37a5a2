"""The program: what a store has decided about its points. Every change is a new revision.

Source: design, ledger, sections 1, 3 and 5; contract, decisions, section 4, 6.
"""

from typing import Final, Literal

import msgspec

from nuqta.ledger.instants import NEVER, Instant, days_after

DAYS_MAX: Final = 36_500
"""The longest maturity or expiry period: a hundred years of 365 days."""
HOLD_MINUTES_MAX: Final = 10_080
"""The longest life of a hold: seven days."""
GRACE_DAYS_MAX: Final = 365
"""The longest life that points given back into an expired lot may have."""
EARN_AT: Final = ("new", "preparing", "ready", "in_delivery", "delivered")
"""The statuses at which an order may earn, in the order in which an order reaches them."""

MaturityFrom = Literal["placed", "delivered"]
Owed = Literal["owe", "forgive"]


class Program(msgspec.Struct, frozen=True):
    """One revision of a store's program.

    `maturity_days` 0 ... DAYS_MAX; `expiry_days` 0 ... DAYS_MAX, 0 = points never expire. `owed`
    says who bears points that were spent before the order that earned them was undone. `earn_at` is
    the status, one of EARN_AT, at which an order earns. `with_shipping` and `without_tax` (0 or 1)
    add shipping to the earning base and take tax out of it. A hold lives `hold_minutes`,
    1 ... HOLD_MINUTES_MAX. Points given back into a lot that has expired live `grace_days` at most,
    0 ... GRACE_DAYS_MAX.
    """

    store_id: int
    revision: int
    is_on: int
    maturity_days: int
    maturity_from: str
    expiry_days: int
    owed: str
    changed_at: Instant
    changed_by: str
    earn_at: str = "new"
    with_shipping: int = 0
    without_tax: int = 0
    hold_minutes: int = 30
    grace_days: int = 30

    def matures_at(self, placed_at: Instant, delivered_at: Instant | None) -> Instant:
        """When points of an order mature; NEVER while they wait for a delivery."""
        if self.maturity_from == "placed":
            return days_after(placed_at, self.maturity_days)
        return NEVER if delivered_at is None else days_after(delivered_at, self.maturity_days)

    def expires_at(self, placed_at: Instant) -> Instant:
        """When points of an order expire; NEVER where the program lets them live."""
        return days_after(placed_at, self.expiry_days) if self.expiry_days else NEVER


def first(store_id: int, now: Instant, by: str) -> Program:
    """The program a store starts with: on, placed orders earn on products, tax included; points
    usable at once, and without an end.
    """
    return Program(store_id, 1, 1, 0, "placed", 0, "owe", now, by, "new", 0, 0, 30, 30)
