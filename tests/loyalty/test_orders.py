"""What an order's events say together, and the points that it earns, keeps and gives back."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nuqta.ledger.instants import Instant
from nuqta.loyalty.orders import (
    OrderEvent,
    OrderLine,
    allotted,
    decoded,
    earned,
    given_back,
    standing,
)
from nuqta.loyalty.program import EARN_AT
from tests.loyalty.shop import (
    PLACED,
    PROGRAM,
    RULE,
    bought,
    event,
    histories,
    line,
    returns,
    stands,
    with_returned,
)

# -- events and their set --------------------------------------------------------------------------


@given(histories(), st.data())
def test_a_set_of_events_has_one_standing_in_whatever_order_and_number_they_come(
    events: list[OrderEvent], data: st.DataObject
) -> None:
    told = data.draw(st.permutations(events))
    again = data.draw(st.lists(st.sampled_from(events), max_size=4))
    assert standing([*told, *again]) == standing(events)


@given(histories())
def test_an_event_is_the_same_after_it_was_kept(events: list[OrderEvent]) -> None:
    for one in events:
        assert decoded(one.encoded()) == one
        assert decoded(one.encoded()).digest() == one.digest()


@given(histories(2))
def test_two_events_have_one_identity_only_where_they_say_the_same(
    events: list[OrderEvent],
) -> None:
    assert (events[0].digest() == events[-1].digest()) == (events[0] == events[-1])


def test_an_identity_stays_what_it_was() -> None:
    """Digests are kept in the books: a change of this one would let old events count twice."""
    assert event().digest().hex() == "0c64b6aceb2b98f95d6164016ac46017"


def test_a_text_that_is_no_event_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        decoded("{}")


def test_no_event_has_no_standing() -> None:
    with pytest.raises(ValueError, match="nothing was told"):
        standing([])


@pytest.mark.parametrize(
    ("statuses", "is_placed", "is_undone", "earning"),
    [
        (["initial"], False, False, 0),
        (["new"], True, False, 1),
        (["initial", "ready"], True, False, 3),
        (["cancelled"], False, True, 0),
        (["new", "cancelled"], True, True, 1),
        (["cancelled", "delivered"], True, False, 5),
        (["returned"], True, True, 5),
        (["in_delivery", "preparing"], True, False, 4),
    ],
)
def test_what_statuses_say_one_after_the_other(
    statuses: list[str], is_placed: bool, is_undone: bool, earning: int
) -> None:
    found = standing(event(status=status, at=PLACED + n) for n, status in enumerate(statuses))
    assert found.event.status == statuses[-1]
    assert (found.is_placed, found.is_undone) == (is_placed, is_undone)
    assert tuple(filter(found.reached, EARN_AT)) == EARN_AT[:earning]


def test_at_one_instant_the_higher_status_is_the_state() -> None:
    assert standing([event(status="cancelled"), event(status="new")]).is_undone


def test_returned_quantities_only_grow_and_never_pass_what_was_bought() -> None:
    first = event(line("a", quantity=5, returned=4), line("b", returned=1))
    later = event(line("a", quantity=3, returned=1), at=PLACED + 5)
    found = standing([first, later])
    assert [(one.line_key, one.returned) for one in found.lines] == [("a", 3)]
    assert found.undone_at == PLACED


def test_instants_are_the_earliest_that_any_event_tells() -> None:
    events = [
        event(status="delivered", at=PLACED + 9),
        event(status="ready", at=PLACED + 4, placed_at=PLACED - 2, delivered_at=PLACED + 7),
        event(status="cancelled", at=PLACED + 8),
        event(status="returned", at=PLACED + 11),
    ]
    found = standing(events)
    assert found.placed_at == PLACED - 2
    assert found.delivered_at == PLACED + 7
    assert found.undone_at == PLACED + 11
    assert standing(events[:1]).delivered_at == PLACED + 9
    assert standing([event()]).delivered_at is None
    assert standing([event()]).undone_at is None


def test_what_is_only_said_again_is_not_undone_later() -> None:
    def of(*told: OrderEvent) -> Instant | None:
        return standing(told).undone_at

    def back(at: int, returned: int) -> OrderEvent:
        return event(line(quantity=2, returned=returned), status="delivered", at=PLACED + at)

    first, again, more = back(3, 1), back(5, 1), back(7, 2)
    assert of(first, again) == PLACED + 3
    assert of(again) == PLACED + 5
    assert of(first, again, more) == PLACED + 7
    cancelled = [event(status="cancelled", at=PLACED + at) for at in (4, 6)]
    assert of(*cancelled) == PLACED + 4
    assert of(*cancelled, event(status="new", at=PLACED + 5)) == PLACED + 6


# -- points ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("with_shipping", "without_tax", "discount", "points"),
    [
        (0, 0, 0, 230),
        (0, 0, 2_300, 207),
        (0, 0, 23_000, 0),
        (0, 0, 99_999, 0),
        (1, 0, 0, 253),
        (1, 0, 23_000, 23),
        (0, 1, 0, 200),
        (0, 1, 2_300, 180),
        (1, 1, 2_300, 200),
    ],
)
def test_the_earning_base_is_what_the_program_says(
    with_shipping: int, without_tax: int, discount: int, points: int
) -> None:
    program = replace(PROGRAM, with_shipping=with_shipping, without_tax=without_tax)
    order = stands(line("a", 11_500), line("b", 11_500))
    assert earned(order, program, RULE, discount) == (points, points)


def test_a_partial_return_keeps_the_share_of_what_was_kept() -> None:
    lines = line("a", 10_000, 3, returned=1), line("b", 5_050)
    assert earned(stands(*lines), PROGRAM, RULE, 0) == (150, 117)  # 150.50, and 33.33 less
    assert earned(stands(*lines, status="cancelled"), PROGRAM, RULE, 0) == (150, 0)


def test_an_order_that_cost_nothing_earns_on_its_shipping_by_pieces() -> None:
    program = replace(PROGRAM, with_shipping=1)
    order = stands(line("a", 0, 4, returned=1))
    assert earned(order, program, RULE, 500) == (23, 17)
    assert earned(stands(line("a", 0, 4, returned=4)), program, RULE, 0)[1] == 0


@given(bought(), st.data(), st.integers(0, 10**6), st.booleans(), st.booleans())
def test_returns_only_take_and_all_of_them_take_everything(
    lines: list[OrderLine],
    data: st.DataObject,
    discount: int,
    with_shipping: bool,
    without_tax: bool,
) -> None:
    program = replace(PROGRAM, with_shipping=int(with_shipping), without_tax=int(without_tax))
    moments = [stands(*with_returned(lines, back)) for back in data.draw(returns(lines))]
    found = [earned(moment, program, RULE, discount) for moment in moments]
    in_all, kept = {one for one, _ in found}, [one for _, one in found]
    assert in_all == {kept[0]}
    assert kept == sorted(kept, reverse=True)
    assert kept[-1] == 0


@given(bought(), st.data(), st.integers(0, 10**12))
def test_what_points_paid_comes_back_with_the_returns_and_exactly_with_all_of_them(
    lines: list[OrderLine], data: st.DataObject, redeemed: int
) -> None:
    moments = [stands(*with_returned(lines, back)) for back in data.draw(returns(lines))]
    back = [given_back(moment, redeemed) for moment in moments]
    assert back[0] == 0
    assert back == sorted(back)
    assert back[-1] == redeemed
    assert given_back(stands(*lines, status="cancelled"), redeemed) == redeemed


@given(bought(3), st.data(), st.integers(0, 10**6))
def test_partial_returns_told_in_any_order_end_where_one_full_return_ends(
    lines: list[OrderLine], data: st.DataObject, redeemed: int
) -> None:
    events = [
        event(*with_returned(lines, back), status="delivered", at=PLACED + number)
        for number, back in enumerate(data.draw(returns(lines)))
    ]
    told = standing(data.draw(st.permutations(events)))
    at_once = standing([events[0], event(*lines, status="returned", at=PLACED + 99)])
    assert given_back(told, redeemed) == given_back(at_once, redeemed) == redeemed
    assert earned(told, PROGRAM, RULE, 0)[1] == earned(at_once, PROGRAM, RULE, 0)[1] == 0


def test_points_are_allotted_by_largest_remainder_and_then_to_the_earlier() -> None:
    assert allotted(100, [1, 1, 1]) == [34, 33, 33]
    assert allotted(10, [7, 7, 6]) == [4, 3, 3]
    assert allotted(1, [0, 1, 5]) == [0, 0, 1]
    order = stands(line("a", 100, 2, returned=1), line("b", 100), line("c", 100, returned=1))
    assert given_back(order, 100) == 17 + 33


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**15), min_size=1).filter(any))
def test_allotted_shares_add_up_and_are_fair(points: int, weights: list[int]) -> None:
    shares = allotted(points, weights)
    total = sum(weights)
    assert sum(shares) == points
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * total - points * weight) < total


# -- controls --------------------------------------------------------------------------------------


def test_control_a_standing_by_arrival_is_told_from_one_by_the_set() -> None:
    """These two tellings of one set end otherwise where the last to come is the state."""
    events = [event(status="new"), event(status="cancelled", at=PLACED + 1)]
    by_arrival = {told[-1].status for told in (events, events[::-1])}
    assert by_arrival == {"new", "cancelled"}
    assert {standing(told).event.status for told in (events, events[::-1])} == {"cancelled"}


def test_control_flooring_each_return_alone_would_lose_points() -> None:
    lines = [line("a", 100), line("b", 100), line("c", 100)]
    each = [
        given_back(stands(*with_returned(lines, back)), 100)
        for back in ([1, 0, 0], [0, 1, 0], [0, 0, 1])
    ]
    assert sum(each) == 100
    assert sum(100 * one.amount // 300 for one in lines) == 99
