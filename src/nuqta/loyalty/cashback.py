"""Earning: cashback rules turn an order's amount into points, in exact integers.

Source: design, ledger, section 5.
"""

import msgspec

from nuqta.ledger.instants import Instant, Points
from nuqta.loyalty.money import Minor


class Rule(msgspec.Struct, frozen=True):
    """One revision of a cashback rule: `points_rewarded` for each `amount_to_spend` (minor units).

    Both are 1 or more. `channel` is `online` or `pos`; a store has one rule of each from its start.
    """

    store_id: int
    rule_id: str
    revision: int
    channel: str
    external_id: str
    points_rewarded: Points
    amount_to_spend: Minor
    is_active: int
    created_at: Instant
    changed_at: Instant
    changed_by: str

    def points_for(self, base: Minor) -> Points:
        """Points for a base in minor units: floor(base x points_rewarded / amount_to_spend)."""
        return base * self.points_rewarded // self.amount_to_spend
