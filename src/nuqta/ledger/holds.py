"""Holds: points set aside for a cart. The record stands here; reserving, releasing, lapsing and
capturing come with redemption.

Reserve, then exactly one of capture, release, lapse. Source: design, ledger, section 4.
"""

import msgspec

from nuqta.ledger.instants import Instant, Points


class Hold(msgspec.Struct, frozen=True, gc=False):
    """Points of one account set aside for one cart; `hold` numbers an account's holds from 1.

    `taken` names the lots and how much each gave, in the order in which they were taken. A live
    hold has `captured` + `released` = 0; an ended one captured + released = points.
    """

    dkey: int
    customer_id: int
    hold: int
    cart: str
    points: Points
    captured: Points
    released: Points
    reserved_at: Instant
    lapses_at: Instant
    taken: tuple[tuple[int, Points], ...]
