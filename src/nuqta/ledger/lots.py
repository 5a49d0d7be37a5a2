"""Lots: points granted together, with when they mature, when they expire and what is left of them.

A lot waits in the place pending until `matures_at`, and is then available, all of it at once. The
part of it that carts hold is counted in `held`, and in `left` as well, until it is captured.
Source: design, ledger, section 3.
"""

from typing import Final

import msgspec

from nuqta.ledger.instants import NEVER, Instant, Points

OF_DEBT: Final = -1
"""What a lot revives whose points were owed when an order redeemed them."""


class Lot(msgspec.Struct, frozen=True, gc=False):
    """Points granted together. `lot` numbers the lots of an account from 1.

    `matures_at` = NEVER means that the lot waits until its maturity is told; `expires_at` = NEVER
    that it never expires. `order_key` is the order that earned it, "" for a lot without an order;
    `rule_id` and `rule_revision` say by which cashback rule. 0 <= held <= left <= granted.
    `expired` counts what expired of it and was not cancelled since. `revives` is set on a lot that
    an order's return made (and `order_key` is that order): the expired lot whose points came back,
    or OF_DEBT. `is_told` says that its coming end was told.
    """

    dkey: int
    customer_id: int
    lot: int
    granted: Points
    left: Points
    held: Points
    is_pending: int
    granted_at: Instant
    matures_at: Instant
    expires_at: Instant
    order_key: str = ""
    rule_id: str = ""
    rule_revision: int = 0
    expired: Points = 0
    revives: int = 0
    is_told: int = 0

    @property
    def free(self) -> Points:
        """What no cart holds: 0 ... left."""
        return self.left - self.held

    @property
    def next_change_at(self) -> Instant:
        """The instant at which time alone next changes this lot; NEVER for one that is used up."""
        if self.free == 0:
            return NEVER
        return min(self.matures_at, self.expires_at) if self.is_pending else self.expires_at


def spending_order(lot: Lot) -> tuple[Instant, Instant, int]:
    """How lots are spent: what expires first, then the oldest; never-expiring ones last."""
    return (lot.expires_at, lot.granted_at, lot.lot)
