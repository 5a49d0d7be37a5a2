"""Transfers: the immutable lines of the books, the places between which they move points.

A transfer takes N points from one place to another at one version of one account, so it is
balanced by construction. A customer has the places pending, available and held, and the debt owed;
the house has the rest. Which pairs of places a move may join stands in `MOVES`, and nowhere else.
Source: design, ledger, section 2.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from nuqta.ledger.instants import Instant, Points

AccountKey: TypeAlias = tuple[int, int]
"""(dkey, customer id): which account, and on which shard its books are kept."""

PLACES: Final = (
    "pending", "available", "held", "owed",
    "issued", "redeemed", "expired", "cancelled", "adjusted_in", "adjusted_out", "forgiven",
)  # fmt: skip
"""Every place, in the order in which an account keeps its sums. The design's "adjusted" is kept
as two places, so that what was ever added is known without reading the history."""

GROWS_AS_SOURCE: Final = frozenset({"owed", "issued", "adjusted_in", "forgiven"})
"""Debts and sources: their sum grows when points leave them, as that of the others does when
points arrive."""

MOVES: Final[dict[str, frozenset[tuple[str, str]]]] = {
    "earn": frozenset({("issued", "pending"), ("issued", "available")}),
    "mature": frozenset({("pending", "available")}),
    "hold": frozenset({("available", "held")}),
    "release": frozenset({("held", "available")}),
    "capture": frozenset({("held", "redeemed")}),
    "spend": frozenset({("available", "redeemed"), ("expired", "redeemed")}),
    "expire": frozenset({("available", "expired"), ("pending", "expired")}),
    "cancel": frozenset(
        {("pending", "cancelled"), ("available", "cancelled"), ("expired", "cancelled")}
    ),
    "reinstate": frozenset(
        {
            ("cancelled", "pending"), ("cancelled", "available"), ("cancelled", "expired"),
            ("cancelled", "owed"), ("cancelled", "forgiven"),
        }
    ),
    "return": frozenset({("redeemed", "available"), ("redeemed", "forgiven")}),
    "adjust": frozenset({("adjusted_in", "available"), ("available", "adjusted_out")}),
    "owe": frozenset({("owed", "cancelled"), ("owed", "redeemed")}),
    "repay": frozenset({("available", "owed"), ("expired", "owed")}),
    "reopen": frozenset({("owed", "available")}),
    "forgive": frozenset({("forgiven", "cancelled"), ("forgiven", "redeemed")}),
}  # fmt: skip
"""Beyond the design's table: points of an order that had expired unspent are cancelled from where
they went, and so is what an order gave back and takes again, or what turns out to have matured in
time to repay a debt; a cancellation that is itself undone is reinstated to where it took from; and
points that an order redeemed though they were gone are owed, or borne by the program; and what
repaid a debt that news of its order says others repaid, or nobody, is reopened (decision 7).
"""

NO_LOT: Final = 0
"""The lot of a transfer that touches none (owe, forgive); lots are numbered from 1."""
NO_HOLD: Final = 0
"""The hold of a transfer that belongs to none; a hold's number is the version of its first one."""


class Transfer(msgspec.Struct, frozen=True, gc=False):
    """One line of the books. Ids and numbers only: reasons and names are notes kept beside it.

    `effective_at` is when it counts, `recorded_at` when the books learned it (strictly increasing
    per account). `origin` and `key` name the command that booked it. `undoes` is the version of
    the transfer that it takes back, 0 for none. `order_key` names the order that caused it, "" for
    none.
    """

    dkey: int
    customer_id: int
    version: int
    move: str
    source: str
    target: str
    points: Points
    lot: int
    hold: int
    undoes: int
    effective_at: Instant
    recorded_at: Instant
    origin: str
    key: str
    order_key: str = ""


def book(sums: dict[str, Points], source: str, target: str, points: Points) -> None:
    """Add one movement of `points` to the running sums of an account."""
    sums[source] += points if source in GROWS_AS_SOURCE else -points
    sums[target] += -points if target in GROWS_AS_SOURCE else points


def fold(transfers: Iterable[Transfer]) -> dict[str, Points]:
    """The sums of all places after the given transfers, from an empty account."""
    sums = dict.fromkeys(PLACES, 0)
    for transfer in transfers:
        book(sums, transfer.source, transfer.target, transfer.points)
    return sums


def standing(lines: Sequence[Transfer]) -> dict[int, Points]:
    """By version, what of each line has not been undone by a later one of them."""
    left = {line.version: line.points for line in lines}
    for line in reversed(lines):
        if line.undoes in left:
            left[line.undoes] -= left[line.version]
    return left
