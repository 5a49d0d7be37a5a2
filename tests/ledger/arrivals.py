"""One order of a shop, told by events that arrive in any order, on an account with a past.

Every event is booked as an engine books it: what all events so far say together becomes one
command. Source: design, ledger, section 5.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec
from hypothesis import strategies as st
from msgspec.structs import replace

from nuqta.ledger.books import Books
from nuqta.ledger.commands import SYSTEM, Order, Reserve
from nuqta.ledger.history import balance_of
from nuqta.ledger.holds import Hold
from nuqta.ledger.instants import DAY_US, SECOND_US, Instant
from nuqta.loyalty.cashback import Rule
from nuqta.loyalty.orders import OrderEvent, OrderLine, earned, given_back, standing
from nuqta.loyalty.program import Program, first
from tests.ledger.paper import DAY_ZERO, KEY, Decide, Paper, adjust, earn, spend

CLOCK: Final = DAY_ZERO + 100 * DAY_US
_PROGRAM: Final = first(7, DAY_ZERO, "cli")
_RULE: Final = Rule(7, "rule", 1, "online", "", 1, 100, 1, 10, 10, "cli")

Ended: TypeAlias = tuple[tuple[int, ...], list[tuple[str, int, int, int]]]
"""Pending, available, held, owed, used; and of each lot that has something left its order, how
much, when it matures and when it expires."""


class Past(msgspec.Struct, frozen=True):
    """Something that happened so many days before: add, spend, hold (for the order's cart, or for
    another), owe (an order was cancelled when its points were spent)."""

    days: int
    what: str
    points: int
    life: int | None = None


class Case(msgspec.Struct, frozen=True):
    """A program, a past, and the order's events; the order is paid with all of its cart's hold."""

    program: Program
    past: list[Past]
    events: list[OrderEvent]


def begun(case: Case, decide: Decide | None = None) -> Paper:
    """The account before the order is heard of."""
    paper = Paper() if decide is None else Paper(decide)
    for number, one in enumerate(sorted(case.past, key=lambda one: -one.days)):
        clock, key = CLOCK - one.days * DAY_US, f"past{number}"
        life = (one.life or 7) * DAY_US
        match one.what:
            case "add":
                ends = adjust(one.points, key) if one.life is None else adjust(
                    one.points, key, clock + life)  # fmt: skip
                paper.post([ends], clock)
            case "spend":
                paper.post([spend(one.points, key)], clock)
            case "owe":
                order = earn(one.points, key, clock)
                available = balance_of(paper.read(clock)).available
                undone = replace(order, key=f"{key}:undone", kept=0)
                paper.post([order, spend(available + one.points, f"{key}s"), undone], clock)
            case cart:
                paper.post(
                    [Reserve(dkey=KEY[0], customer_id=KEY[1], origin="cli", key=key, cart=cart,
                             method_id="m", points=one.points, discount=100, currency="SAR",
                             basket=None, life_us=life, holds_max=9)],
                    clock,
                )  # fmt: skip
    return paper


def ended(case: Case, paper: Paper, arrivals: Sequence[OrderEvent]) -> Ended:
    """The books a second after all events have arrived at one instant, in this order."""
    paper = paper.copy()
    hold = next((one for one in paper.holds.values() if one.cart == "cart" and one.is_live), None)
    for count in range(1, len(arrivals) + 1):
        answer = paper.post([_command(case, arrivals[:count], hold)],
                            CLOCK)[0]  # fmt: skip
        assert answer.refusal is None
    assert paper.wrongs() == []
    balance = balance_of(paper.read(CLOCK + SECOND_US))
    books = Books(paper.account, paper.lots.values(), paper.holds.values())
    books.settle(CLOCK + SECOND_US)
    lots = [(one.order_key, one.left, one.matures_at, one.expires_at)
            for one in books.lots.values() if one.left]  # fmt: skip
    shown = (balance.pending, balance.available, balance.held, balance.owed, balance.used)
    return shown, sorted(lots)


def _command(case: Case, events: Sequence[OrderEvent], hold: Hold | None) -> Order:
    of, program = standing(events), case.program
    number, redeemed = (hold.hold, hold.points) if hold and of.is_placed else (0, 0)
    earns = of.reached(program.earn_at)
    in_all, kept = earned(of, program, _RULE, 0) if earns else (0, 0)
    return Order(
        dkey=KEY[0], customer_id=KEY[1], origin=SYSTEM, key=f"order:o:{len(events)}",
        order_key="o",
        earned=in_all, kept=kept,
        granted_at=of.placed_at, matures_at=program.matures_at(of.placed_at, of.delivered_at),
        expires_at=program.expires_at(of.placed_at), hold=number, redeemed=redeemed,
        returned=given_back(of, redeemed), undone_at=of.undone_at or 0,
        grace_us=program.grace_days * DAY_US, is_forgiving=program.owed == "forgive",
    )  # fmt: skip


_DAY = st.integers(0, 6)
_POINTS = st.integers(1, 9)  # few, so that debts, what is earned and what comes back are alike


@st.composite
def cases(draw: st.DrawFn, least: int = 1, most: int = 6) -> Case:
    """Programs, pasts, and orders of one to three lines that are told by up to `most` events."""
    program = replace(
        _PROGRAM,
        maturity_days=draw(st.sampled_from([0, 0, 2, 5])),
        maturity_from=draw(st.sampled_from(["placed", "delivered", "delivered"])),
        expiry_days=draw(st.sampled_from([0, 3, 3, 20])),
        owed=draw(st.sampled_from(["owe", "owe", "forgive"])),
        grace_days=draw(st.sampled_from([30, 3, 0])),
        earn_at=draw(st.sampled_from(["new", "new", "delivered"])),
    )
    # A program that forgives has nobody owing: what it bears is not to be told from a debt repaid.
    debts = ["spend", "owe", "owe"] if program.owed == "owe" else ["spend"]
    past = draw(st.lists(
        st.builds(Past, st.integers(7, 12), st.just("add"), _POINTS,
                  st.sampled_from([None, None, 7, 9, 11, 30]))
        | st.builds(Past, st.just(6), st.just("cart"), _POINTS, st.just(7))
        | st.builds(Past, st.integers(0, 6), st.just("other"), _POINTS, st.sampled_from([1, 7]))
        | st.builds(Past, st.integers(0, 6), st.sampled_from(debts), _POINTS),
        max_size=6,
    ))  # fmt: skip
    lines = [
        OrderLine(key, draw(st.integers(1, 3)), draw(st.integers(0, 9)) * 100, 0)
        for key in "abc"[: draw(st.integers(1, 3))]
    ]
    placed = CLOCK - 6 * DAY_US
    moves = draw(st.booleans())
    count = draw(st.integers(least, most))
    events = [draw(_events(lines, placed, moves)) for _ in range(count)]
    return Case(program, past, events)


@st.composite
def _events(draw: st.DrawFn, lines: list[OrderLine], placed: Instant, moves: bool) -> OrderEvent:
    """`moves`: also what was bought, and when, is told otherwise."""
    told = []
    for one in lines:
        amount = draw(st.integers(0, 9)) * 100 if moves and draw(st.booleans()) else one.amount
        returned = draw(st.just(0) | st.integers(0, one.quantity))
        told.append(replace(one, amount=amount, returned=returned))
    status = draw(st.sampled_from(
        ["new", "ready", "delivered", "delivered", "returned", "cancelled", "cancelled"]
    ))  # fmt: skip
    instant = placed + draw(_DAY) * DAY_US
    return OrderEvent(
        "o", KEY[1], instant, placed - draw(st.integers(0, 2)) * DAY_US * moves,
        draw(st.none() | st.just(placed + draw(_DAY) * DAY_US)), status, "online", "SAR", "cart",
        tuple(told), 0, 0, None, True, None,
    )  # fmt: skip
