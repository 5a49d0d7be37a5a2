"""Orders: what an order means for its customer's points.

An order is told by events: snapshots of its loyalty facts, which may come late, twice and in any
order. What they say together, the standing, is a function of their set: every part of it is a
greatest or a smallest over the events, and so is the same whichever came first. The points that an
order earns, keeps and gives back are functions of its standing alone. So nothing here needs to
know what was booked before; whoever books compares what the standing says with what the books
have, and books the difference.

Here too: orders from a file, which count as placed and delivered at their own date. How bodies
become events lives in plain_orders.py and zid_orders.py.
Source: design, ledger, sections 3 and 5.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from nuqta.ledger.instants import Instant, Points
from nuqta.loyalty.cashback import Rule
from nuqta.loyalty.money import Minor
from nuqta.loyalty.program import Program

STATUSES: Final = (
    "initial", "new", "preparing", "ready", "in_delivery", "delivered", "returned", "cancelled",
)  # fmt: skip
"""The statuses of an order by rank. An `initial` order is not placed yet: it earns and takes
nothing."""
RANKS: Final = {status: rank for rank, status in enumerate(STATUSES, start=-1)}
"""The rank of each status, -1 ... 6. Of two events at one instant, the higher rank is the state."""
_NOT_PLACED: Final = RANKS["initial"]
_DELIVERED: Final = RANKS["delivered"]
_RETURNED: Final = RANKS["returned"]

NUMBER_LENGTH_MAX: Final = 64
_NUMBER = re.compile(r"[\w./#-]+")


def checked_number(text: str) -> str:
    """An order's number or code as it is kept: 1 ... 64 letters and digits of any script and
    . _ / # -, in Unicode's composed form (NFC), because two spellings of one number are one order.

    Raises ValueError, with a sentence, for anything else.
    """
    number = unicodedata.normalize("NFC", text)
    if len(number) > NUMBER_LENGTH_MAX or _NUMBER.fullmatch(number) is None:
        raise ValueError(
            f"{text[:40]!r} is not an order number: 1 to {NUMBER_LENGTH_MAX} letters, digits and"
            " . _ / # -"
        )
    return number


class OrderLine(msgspec.Struct, frozen=True):
    """One line of an order. `line_key` names it within the order; `quantity` is 1 or more, of which
    `returned` (0 ... quantity) came back. `amount` is what the line cost after discounts, tax
    included, and `net` the same without tax, both in minor units, 0 or more.
    """

    line_key: str
    quantity: int
    amount: Minor
    net: Minor
    returned: int = 0


class OrderEvent(msgspec.Struct, frozen=True):
    """A snapshot of an order's loyalty facts at `instant`, the source's own time of change.

    `order_key` is the order's number (`checked_number`), `status` one of STATUSES, `channel`
    `online` or `pos`, `cart` the cart that became the order, or "". Amounts are in minor units:
    `shipping` with tax and `shipping_net` without; `redemption` is what was paid with points, None
    where the source does not say, and `is_redemption_deducted` tells whether the lines' amounts are
    already less by it. `redeemed_points` is how many points were meant, None for all of the hold.

    Names and addresses are no part of it: an event is digested and kept for ever.
    """

    order_key: str
    customer_id: int
    instant: Instant
    placed_at: Instant
    delivered_at: Instant | None
    status: str
    channel: str
    currency: str
    cart: str
    lines: tuple[OrderLine, ...]
    shipping: Minor
    shipping_net: Minor
    redemption: Minor | None
    is_redemption_deducted: bool
    redeemed_points: Points | None

    @property
    def rank(self) -> int:
        """The rank of the event's status, -1 ... 6."""
        return RANKS[self.status]

    def encoded(self) -> str:
        """The event as JSON text, always the same text for the same facts."""
        return msgspec.json.encode(self).decode()

    def digest(self) -> bytes:
        """The event's identity: 16 bytes of BLAKE2b over the encoded facts, the instant included.

        The digest is kept with the event: a field that is added later must leave it as it was.
        """
        return hashlib.blake2b(msgspec.json.encode(self), digest_size=16).digest()


def decoded(text: str) -> OrderEvent:
    """The event whose encoded text this is. Raises msgspec.ValidationError for any other text."""
    return msgspec.json.decode(text, type=OrderEvent)


class Standing(msgspec.Struct, frozen=True):
    """What the set of an order's events says. Made by `standing`.

    `event` is the state: the event with the greatest (instant, rank, digest). `lines` are its lines
    with the most that any event says was returned of each. `placed_at` and `delivered_at` are the
    earliest over the set. `undone_at` is when more than before was last returned or cancelled.
    `rank_reached` is the highest rank below returned that the order is known to have had; one that
    was returned must have been delivered.
    """

    event: OrderEvent
    lines: tuple[OrderLine, ...]
    placed_at: Instant
    delivered_at: Instant | None
    undone_at: Instant | None
    rank_reached: int

    @property
    def is_placed(self) -> bool:
        """Whether any event tells of a placed order. One only heard of as cancelled was never."""
        return self.rank_reached > _NOT_PLACED

    @property
    def is_undone(self) -> bool:
        """Whether the order as a whole is returned or cancelled, as things stand."""
        return self.event.rank >= _RETURNED

    @property
    def is_all_returned(self) -> bool:
        """Whether everything that was bought came back, whatever the status says."""
        return all(line.returned == line.quantity for line in self.lines)

    def reached(self, earn_at: str) -> bool:
        """Whether the order ever got as far as the status at which a program lets it earn."""
        return self.rank_reached >= RANKS[earn_at]


def worth(stands: Standing) -> Minor:
    """What an order costs its customer, in minor units: its lines and shipping, tax included, less
    what was paid with points where the lines do not show that already."""
    event = stands.event
    paid = 0 if event.is_redemption_deducted else event.redemption or 0
    return max(0, sum(line.amount for line in stands.lines) + event.shipping - paid)


def placed_and_delivered(
    number: str, customer_id: int, placed_at: Instant, total: Minor, currency: str
) -> OrderEvent:
    """The one event of an order from a file: placed and delivered at its own date, in one line."""
    line = OrderLine("total", 1, total, total)
    return OrderEvent(
        number, customer_id, placed_at, placed_at, placed_at, "delivered", "online", currency, "",
        (line,), 0, 0, None, False, None,
    )  # fmt: skip


def standing(events: Iterable[OrderEvent]) -> Standing:
    """What one order's events say together, in whatever order and number they came.

    Raises ValueError where there is none.
    """
    found = list(events)
    if not found:
        raise ValueError("an order that nothing was told of")
    if len(found) > 1:
        found.sort(key=lambda event: (event.instant, event.rank, event.digest()))
    state = found[-1]
    returned: dict[str, int] = {}
    for event in found:
        for line in event.lines:
            returned[line.line_key] = max(line.returned, returned.get(line.line_key, 0))
    return Standing(
        event=state,
        lines=tuple(
            msgspec.structs.replace(line, returned=min(returned[line.line_key], line.quantity))
            for line in state.lines
        ),
        placed_at=min(event.placed_at for event in found),
        delivered_at=min(
            (at for event in found if (at := _delivered_at(event)) is not None), default=None
        ),
        undone_at=_undone_at(found),
        rank_reached=max(_rank_reached(event) for event in found),
    )


def _delivered_at(event: OrderEvent) -> Instant | None:
    if event.delivered_at is None and event.rank == _DELIVERED:
        return event.instant
    return event.delivered_at


def _undone_at(told: Sequence[OrderEvent]) -> Instant | None:
    """The instant of the last event that undid more of the order than those before it.

    An event that only repeats what came back makes nothing later: points that come back live from
    the return itself. `told` is in the order of their instants.
    """
    returned: dict[str, int] = {}
    is_undone, at = False, None
    for event in told:
        grows = event.rank >= _RETURNED and not is_undone
        is_undone = event.rank >= _RETURNED
        for line in event.lines:
            if line.returned > returned.get(line.line_key, 0):
                returned[line.line_key] = line.returned
                grows = True
        if grows:
            at = event.instant
    return at


def _rank_reached(event: OrderEvent) -> int:
    if event.rank > _RETURNED:
        return _NOT_PLACED  # a cancelled order says nothing of how far it got
    return min(event.rank, _DELIVERED)


def earned(of: Standing, program: Program, rule: Rule, discount: Minor) -> tuple[Points, Points]:
    """The points that the order earns if nothing comes back, and those that its customer keeps
    after what was returned or cancelled, by that revision of the rule.

    `discount` is what was paid with points, in minor units, 0 where the lines are already less by
    it; no points are earned on it. Every line counts by the share of its quantity that was kept,
    rounded half up to the minor unit. What is kept is never more than what is earned, never grows
    with a return, and is 0 once all came back. The caller refuses more than POINTS_MAX.
    """
    base, parts = earning_base(of, program, discount)
    in_all = rule.points_for(base, parts)
    if of.is_undone or of.is_all_returned:
        return in_all, 0
    if not any(line.returned for line in of.lines):
        return in_all, in_all
    kept, whole = _share_kept(of.lines)
    return in_all, rule.points_for(base * kept, parts * whole)


def earning_base(of: Standing, program: Program, discount: Minor) -> tuple[int, int]:
    """The earning base in minor units, as a fraction (above, below): exactly, because a discount
    takes its share of net amounts too."""
    paid = sum([line.amount for line in of.lines])
    base = sum([line.net for line in of.lines]) if program.without_tax else paid
    parts = 1
    if discount and paid:
        base, parts = base * (paid - min(discount, paid)), paid
    if program.with_shipping:
        base += parts * (of.event.shipping_net if program.without_tax else of.event.shipping)
    return base, parts


def _share_kept(lines: Sequence[OrderLine]) -> tuple[int, int]:
    """What share of what was bought is kept, as a fraction (above, below)."""
    paid = sum(line.amount for line in lines)
    if not paid:  # nothing was paid for products: each piece counts alike
        bought = sum(line.quantity for line in lines)
        return bought - sum(line.returned for line in lines), bought
    back = sum(
        (2 * line.amount * line.returned + line.quantity) // (2 * line.quantity) for line in lines
    )
    return paid - back, paid


def given_back(of: Standing, redeemed: Points) -> Points:
    """How many of the points that paid for the order are to be back with its customer by now.

    The points are allotted to the lines by amount, by quantity where nothing was paid, with the
    largest remainder (the earlier line of equal ones); a line gives back the share of its quantity
    that was returned, floored. So no return takes back what an earlier one gave, and all of them
    together, or a cancellation, give back exactly what was taken.
    """
    if of.is_undone:
        return redeemed
    weights = [line.amount for line in of.lines]
    if not sum(weights):
        weights = [line.quantity for line in of.lines]
    return sum(
        points * line.returned // line.quantity
        for line, points in zip(of.lines, allotted(redeemed, weights), strict=True)
    )


def allotted(points: Points, weights: Sequence[int]) -> list[Points]:
    """The points in whole shares by weight, which add up to them exactly: floored, and one more for
    those with the largest remainders, the first of equal ones. Weights are 0 or more, not all 0.
    """
    total = sum(weights)
    shares = [points * weight // total for weight in weights]
    by_remainder = sorted(
        range(len(weights)), key=lambda place: (-(points * weights[place] % total), place)
    )
    for place in by_remainder[: points - sum(shares)]:
        shares[place] += 1
    return shares
