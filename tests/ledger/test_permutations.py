"""An order's books are a function of the set of its events: whatever their order and number.

Sets of up to six events (statuses, returns, edits, instants, deliveries) arrive at one instant, on
accounts with lots that expired, holds and debts. Every order of them must end in the same books.
NUQTA_MODEL_STEPS sets about how many events are booked. Source: design, ledger, section 5.
"""

import os
from itertools import permutations
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from nuqta.ledger.commands import Command, Order
from nuqta.ledger.instants import Instant
from nuqta.ledger.posting import Facts, Outcome, decide
from tests.ledger.arrivals import Case, begun, cases, ended
from tests.ledger.paper import Decide

STEPS = int(os.environ.get("NUQTA_MODEL_STEPS", "3000"))
_PLAYED = settings(
    deadline=None, print_blob=True, report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


@settings(_PLAYED, max_examples=max(20, STEPS // 40))
@given(cases(most=3))
def test_every_order_of_three_events_ends_in_the_same_books(case: Case) -> None:
    paper = begun(case)
    expected = ended(case, paper, case.events)
    for arrivals in permutations(case.events):
        assert ended(case, paper, arrivals) == expected


@settings(_PLAYED, max_examples=max(20, STEPS // 60))
@given(cases(most=6), st.randoms(use_true_random=False))
def test_events_that_are_shuffled_and_told_again_end_in_the_same_books(
    case: Case, luck: Random
) -> None:
    paper = begun(case)
    expected = ended(case, paper, case.events)
    for _ in range(4):
        again = luck.choices(case.events, k=2)
        arrivals = luck.sample(case.events + again, len(case.events) + 2)
        assert ended(case, paper, arrivals) == expected


@settings(_PLAYED, max_examples=max(1, STEPS // 1500))
@given(cases(least=6, most=6))
def test_all_720_orders_of_six_events_end_in_the_same_books(case: Case) -> None:
    paper = begun(case)
    expected = ended(case, paper, case.events)
    for arrivals in permutations(case.events):
        assert ended(case, paper, arrivals) == expected


def _never_takes_again(commands: list[Command], facts: Facts, clock: Instant) -> Outcome:
    """What has come back once stays with its customer, also where its order was delivered."""
    ((_, lines),) = facts.orders.items()
    back = sum(line.points for line in lines if (line.move, line.order_key) == ("return", "o"))
    stubborn = [
        replace(one, returned=min(one.redeemed, max(one.returned, back)))
        if isinstance(one, Order) and one.order_key == "o"
        else one
        for one in commands
    ]
    return decide(stubborn, facts, clock)


def _never_earns_again(commands: list[Command], facts: Facts, clock: Instant) -> Outcome:
    """What was cancelled once stays so, though a later event says that it was kept."""
    ((_, lines),) = facts.orders.items()
    own = [line for line in lines if line.order_key == "o"]
    net = sum(line.points for line in own if line.move == "earn") - sum(
        line.points for line in own if line.target == "cancelled"
    )
    stubborn = [
        replace(one, kept=min(one.kept, net))
        if isinstance(one, Order) and one.order_key == "o" and own
        else one
        for one in commands
    ]
    return decide(stubborn, facts, clock)


@pytest.mark.parametrize("defect", [_never_takes_again, _never_earns_again])
def test_control_a_defect_ends_otherwise(defect: Decide) -> None:
    @seed(1)
    @settings(_PLAYED, max_examples=5_000, phases=[Phase.generate], database=None)
    @given(cases(most=3))
    def ends_alike(case: Case) -> None:
        paper = begun(case, defect)
        expected = ended(case, paper, case.events)
        for arrivals in permutations(case.events):
            assert ended(case, paper, arrivals) == expected

    with pytest.raises(AssertionError):
        ends_alike()
