"""Events: what is told to others of a change, numbered per account without a gap.

An event is written with the change that it tells of and carries what the change came to: the
points, the balance after it, and the account's version. What a transfer tells stands in `TOLD`, and
nowhere else; the lines of one command that tell the same are one event. Numbers are the account's
own and not versions, because `points.expiring` moves no points. Source: issue text of the life of a
point; design, style, 9.
"""

from typing import Final

import msgspec

from nuqta.ledger.instants import Instant, Points

EXPIRING: Final = "points.expiring"
"""Told some days before a lot expires; the one event that no transfer brings about."""

TOLD: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("issued", "pending"): ("points.earned",),
    ("issued", "available"): ("points.earned",),
    ("pending", "available"): ("points.matured",),
    ("available", "held"): ("points.held",),
    ("held", "available"): ("points.released",),
    ("held", "redeemed"): ("points.redeemed",),
    ("available", "redeemed"): ("points.redeemed",),
    ("expired", "redeemed"): ("points.redeemed",),
    ("owed", "redeemed"): ("points.redeemed", "points.owed"),
    ("forgiven", "redeemed"): ("points.redeemed",),
    ("available", "expired"): ("points.expired",),
    ("pending", "expired"): ("points.expired",),
    ("pending", "cancelled"): ("points.cancelled",),
    ("available", "cancelled"): ("points.cancelled",),
    ("expired", "cancelled"): ("points.cancelled",),
    ("owed", "cancelled"): ("points.cancelled", "points.owed"),
    ("forgiven", "cancelled"): ("points.cancelled",),
    ("cancelled", "pending"): ("points.earned",),
    ("cancelled", "available"): ("points.earned",),
    ("cancelled", "expired"): ("points.earned",),
    ("cancelled", "owed"): ("points.earned", "points.repaid"),
    ("cancelled", "forgiven"): ("points.earned",),
    ("redeemed", "available"): ("points.returned",),
    ("redeemed", "forgiven"): ("points.returned",),
    ("adjusted_in", "available"): ("points.adjusted",),
    ("available", "adjusted_out"): ("points.adjusted",),
    ("available", "owed"): ("points.repaid",),
    ("expired", "owed"): ("points.repaid",),
    ("owed", "available"): ("points.owed",),
}
"""Which events a movement between two places brings about."""

KINDS: Final = (
    "points.earned", "points.matured", EXPIRING, "points.expired", "points.held",
    "points.released", "points.redeemed", "points.returned", "points.cancelled",
    "points.adjusted", "points.owed", "points.repaid",
)  # fmt: skip
"""Every kind of event that there is."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event of an account, with the balance after it.

    `points` are those of this event, 1 or more, negative where a person deducted. `lot` and
    `expires_at` are set (else 0 and NEVER) where one lot is meant; `order_key` where an order
    brought it about.
    """

    dkey: int
    customer_id: int
    number: int
    kind: str
    points: Points
    version: int
    pending: Points
    available: Points
    held: Points
    owed: Points
    used: Points
    lot: int
    expires_at: Instant
    effective_at: Instant
    recorded_at: Instant
    origin: str
    key: str
    order_key: str = ""
