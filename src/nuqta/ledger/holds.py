"""Holds: points set aside for a cart until its order is placed, it is emptied, or time runs out.

Reserve, then exactly one of capture, release, lapse. The check is at the reservation, so a capture
can never fail for lack of points. Source: design, ledger, section 4.
"""

import msgspec

from nuqta.ledger.instants import NEVER, Instant, Points


class Hold(msgspec.Struct, frozen=True, gc=False):
    """Points of one account set aside for one cart; `hold` is the version of its first transfer.

    `discount` is what the cart gets for them, in minor units of `currency`. `taken` names the lots
    and how much each gave, in the order in which they were taken. `ending` is "" while it lives,
    else captured, released, replaced (by another method) or lapsed; then captured + released =
    points. `order_key` is the order that used it, also one that came after its end.
    """

    dkey: int
    customer_id: int
    hold: int
    cart: str
    method_id: str
    points: Points
    discount: int
    currency: str
    reserved_at: Instant
    lapses_at: Instant
    taken: tuple[tuple[int, Points], ...]
    ending: str = ""
    captured: Points = 0
    released: Points = 0
    order_key: str = ""

    @property
    def is_live(self) -> bool:
        """Whether it still sets points aside."""
        return self.ending == ""

    @property
    def next_change_at(self) -> Instant:
        """When time alone ends it; NEVER once it has ended."""
        return self.lapses_at if self.is_live else NEVER
