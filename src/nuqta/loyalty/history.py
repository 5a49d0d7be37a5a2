"""History: what happened to a customer's points, in the customer's words.

The books keep every move; a customer is told those that made the points more or fewer. Maturing,
holding and repaying move points about and are not told, so what is told adds up: all that came less
all that went is what is pending, available and held, less what is owed. Several transfers of one
command, such as a redemption out of three lots, are one line.
Source: contract, zid-loyalty, sections 4.1 and 5.10; decisions, section 4.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from nuqta.ledger.instants import NEVER, Instant, Points
from nuqta.ledger.lots import Lot
from nuqta.ledger.transfers import NO_LOT, Transfer

REWARD: Final = "reward"
EXPIRY: Final = "expiry"
REDEMPTION: Final = "redemption"
REDEMPTION_REVERSAL: Final = "redemption_reversal"
REWARD_REVERSAL: Final = "reward_reversal"
ADDED: Final = "ManualAccumulation"
DEDUCTED: Final = "ManualDeduction"

_TOLD: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("issued", "pending"): ("+", REWARD),
    ("issued", "available"): ("+", REWARD),
    ("cancelled", "pending"): ("+", REWARD),
    ("cancelled", "available"): ("+", REWARD),
    ("cancelled", "owed"): ("+", REWARD),
    ("redeemed", "available"): ("+", REDEMPTION_REVERSAL),
    ("adjusted_in", "available"): ("+", ADDED),
    ("expired", "owed"): ("+", EXPIRY),
    ("held", "redeemed"): ("-", REDEMPTION),
    ("available", "redeemed"): ("-", REDEMPTION),
    ("owed", "redeemed"): ("-", REDEMPTION),
    ("available", "expired"): ("-", EXPIRY),
    ("pending", "expired"): ("-", EXPIRY),
    ("pending", "cancelled"): ("-", REWARD_REVERSAL),
    ("available", "cancelled"): ("-", REWARD_REVERSAL),
    ("owed", "cancelled"): ("-", REWARD_REVERSAL),
    ("available", "adjusted_out"): ("-", DEDUCTED),
}
"""The pairs of places between which a customer's points become more or fewer."""

_STATUS_OF_LESS: Final = {
    EXPIRY: "expired", REDEMPTION: "used", REWARD_REVERSAL: "cancelled", DEDUCTED: "used",
}  # fmt: skip


class Line(msgspec.Struct, frozen=True):
    """One line: `points` above 0, `direction` + or -, `kind` one of the seven types.

    `status` is active, pending, expired, used or cancelled: of what came, how it stands now.
    `expires_at` is when what came expires; NEVER for what does not, and for what went. `version`
    is that of the last transfer in it.
    """

    happened_at: Instant
    reason: str
    points: Points
    direction: str
    kind: str
    order_key: str
    expires_at: Instant
    status: str
    version: int


def lines(
    transfers: Sequence[Transfer], lots: Mapping[int, Lot], notes: Mapping[int, str]
) -> list[Line]:
    """The lines of these transfers, by version; the latest first. `lots` are the account's as they
    stand after them, `notes` the words beside a transfer, by its version."""
    cancelled = _cancelled(transfers)
    reasons = {
        (line.origin, line.key): notes[line.version] for line in transfers if line.version in notes
    }
    groups: dict[tuple[object, ...], list[Transfer]] = {}
    for line in transfers:
        told = _TOLD.get((line.source, line.target))
        if told is not None:
            is_own = told[1] in (REWARD, EXPIRY)  # each lot has its own end
            key = (line.origin, line.key, line.order_key, *told, line.lot if is_own else NO_LOT)
            groups.setdefault(key, []).append(line)
    found = [_line(group, lots, cancelled, reasons) for group in groups.values()]
    return sorted(found, key=lambda line: (line.happened_at, line.version), reverse=True)


def signed(line: Line) -> Points:
    """The points of a line as they count: below 0 for what went."""
    return line.points if line.direction == "+" else -line.points


def _line(
    group: list[Transfer],
    lots: Mapping[int, Lot],
    cancelled: Mapping[int, Points],
    reasons: Mapping[tuple[str, str], str],
) -> Line:
    first = group[0]
    direction, kind = _TOLD[first.source, first.target]
    lot = lots.get(first.lot)
    order_key = "" if kind == EXPIRY else first.order_key or _order_of(lot, kind)
    is_more = direction == "+"
    return Line(
        first.effective_at,
        reasons.get((first.origin, first.key), ""),
        sum(line.points for line in group),
        direction,
        kind,
        order_key,
        lot.expires_at if is_more and lot else NEVER,
        _status(lot, cancelled) if is_more else _STATUS_OF_LESS[kind],
        group[-1].version,
    )


def _order_of(lot: Lot | None, kind: str) -> str:
    return lot.order_key if lot and kind in (REWARD, REWARD_REVERSAL) else ""


def _cancelled(transfers: Sequence[Transfer]) -> dict[int, Points]:
    """What of each lot is cancelled, in all."""
    found: dict[int, Points] = {}
    for line in transfers:
        if "cancelled" in (line.source, line.target):
            sign = 1 if line.target == "cancelled" else -1
            found[line.lot] = found.get(line.lot, 0) + sign * line.points
    return found


def _status(lot: Lot | None, cancelled: Mapping[int, Points]) -> str:
    """How what came stands now: by what is left of its lot, or by what became of it."""
    if lot is None:
        return "used"
    if lot.left:
        return "pending" if lot.is_pending else "active"
    if lot.expired:
        return "expired"
    return "cancelled" if cancelled.get(lot.lot, 0) >= lot.granted else "used"
