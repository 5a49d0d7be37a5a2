"""A shop on paper: a program, a rule, and orders' events, each made with a word on what differs."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from nuqta.ledger.instants import SECOND_US
from nuqta.loyalty.cashback import Rule
from nuqta.loyalty.dates import parse_instant
from nuqta.loyalty.orders import STATUSES, OrderEvent, OrderLine, Standing, standing
from nuqta.loyalty.program import Program, first

NOW = parse_instant("2026-03-01T12:00:00Z", "UTC")
SKEW_US = 300 * SECOND_US
PROGRAM: Program = first(7, NOW, "cli")
RULE = Rule(7, "rule-a", 1, "online", "15362", 1, 100, 1, 10, 10, "cli")
PLACED = parse_instant("2026-02-10T08:00:00Z", "UTC")


def line(key: str = "a", amount: int = 10_000, quantity: int = 1, returned: int = 0) -> OrderLine:
    """A line with 15 percent of tax in its amount."""
    return OrderLine(key, quantity, amount, amount * 100 // 115, returned)


def event(*lines: OrderLine, status: str = "new", at: int = PLACED, **changes: Any) -> OrderEvent:
    """An event of order 1001."""
    made = OrderEvent(
        "1001", 3, at, PLACED, None, status, "online", "SAR", "", lines or (line(),),
        2_300, 2_000, None, False, None,
    )  # fmt: skip
    return replace(made, **changes)


def stands(*lines: OrderLine, status: str = "delivered") -> Standing:
    """The standing of an order that one event tells."""
    return standing([event(*lines, status=status)])


def with_returned(lines: Sequence[OrderLine], returned: Sequence[int]) -> list[OrderLine]:
    """The lines, with so much returned of each."""
    return [replace(line, returned=count) for line, count in zip(lines, returned, strict=True)]


@st.composite
def bought(draw: st.DrawFn, lines_max: int = 5) -> list[OrderLine]:
    """Lines of which nothing came back."""
    amounts = st.integers(0, 10**6) | st.just(0)
    return [
        line(str(number), draw(amounts), draw(st.integers(1, 6)))
        for number in range(draw(st.integers(1, lines_max)))
    ]


@st.composite
def returns(draw: st.DrawFn, lines: Sequence[OrderLine]) -> list[list[int]]:
    """How much of each line is back after each of several returns; all of it at the end."""
    moments = [[0] * len(lines)]
    pieces = [number for number, one in enumerate(lines) for _ in range(one.quantity)]
    for piece in draw(st.permutations(pieces)):
        after = list(moments[-1])
        after[piece] += 1
        moments.append(after)
    return moments


@st.composite
def histories(draw: st.DrawFn, events_max: int = 6) -> list[OrderEvent]:
    """One order's events, as a shop and its clock may tell them: also contradictory ones."""
    keys = st.lists(st.sampled_from(("a", "b", "c")), unique=True, min_size=1)
    return [
        event(
            *(
                line(key, draw(st.integers(0, 500)), quantity, draw(st.integers(0, quantity)))
                for key in draw(keys)
                for quantity in [draw(st.integers(1, 3))]
            ),
            status=draw(st.sampled_from(STATUSES)),
            at=PLACED + draw(st.integers(0, 3)),
            placed_at=PLACED - draw(st.integers(0, 2)),
            delivered_at=draw(st.none() | st.integers(PLACED, PLACED + 3)),
            redemption=draw(st.none() | st.integers(0, 100)),
        )
        for _ in range(draw(st.integers(1, events_max)))
    ]
